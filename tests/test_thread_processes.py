"""Threads beside all else that a process does: failures, Ctrl-C, forks, worker processes, and how many threads pay.

What could hang is tried in a process of its own that has a time limit.
"""

from __future__ import annotations

import _thread
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from processes import TESTS, environment
from test_threads import SHAPES, TIMEOUT, in_time, prepared

from trainer import InputError, threads
from trainer.threads import available_cores, run_together, threads_that_pay

HUGE_STEP = 1e12  # operations

# What the programs below share: `train` returns the bits of a network that so many threads have trained.
TRAIN = """
import os, sys
import numpy as np
from test_threads import SHAPES, trained

def train(n=2):
    return b"".join(trained(n, SHAPES["wide"] | {"batch_size": 37}, "float32"))
"""


def run_program(program: str, **variables: str) -> str:
    """Run a program after `TRAIN` and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", TRAIN + program],
        cwd=TESTS,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# ---- running functions together


@in_time
def test_results_come_in_the_order_of_the_functions() -> None:
    meeting = threading.Barrier(5)  # so that none is called after another has ended

    def function(i: int) -> Callable[[], int]:
        return lambda: meeting.wait() * 0 + i

    assert run_together([function(i) for i in range(5)]) == list(range(5))


def test_a_single_function_is_called_in_this_thread() -> None:
    assert run_together([threading.current_thread]) == [threading.current_thread()]


@in_time
def test_the_first_failure_reaches_the_caller_when_all_have_ended() -> None:
    ended: list[int] = []

    def fail(i: int) -> None:
        time.sleep(0.05 * (3 - i))
        ended.append(i)
        raise KeyError(i)

    with pytest.raises(KeyError, match=r"^0$"):
        run_together([lambda i=i: fail(i) for i in range(3)])  # type: ignore[misc]
    assert sorted(ended) == [0, 1, 2]


def refuse_to_start(monkeypatch: pytest.MonkeyPatch, error: BaseException, after: int) -> None:
    """Let all threads but the first ones fail to start, as the system does where there are too many."""
    start, started = threads.start_new_thread, []

    def start_some(function: Callable[..., object], arguments: tuple[Any, ...]) -> int:
        if len(started) == after:
            raise error
        started.append(start(function, arguments))
        return started[-1]

    monkeypatch.setattr(threads, "start_new_thread", start_some)


def is_of_a_team(frame: FrameType | None) -> bool:
    """Tell whether a thread was started by `run_together`, by what it executes."""
    while frame is not None:
        if (Path(frame.f_code.co_filename), frame.f_code.co_name) == (Path(threads.__file__), "call"):
            return True
        frame = frame.f_back
    return False


def assert_alone_soon() -> None:
    """Fail if threads of a team are left."""
    deadline = time.monotonic() + 10
    while any(map(is_of_a_team, sys._current_frames().values())):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("after", [0, 1, 3])
@pytest.mark.parametrize(
    ("error", "raised"),
    [(RuntimeError("can't start new thread"), InputError), (KeyboardInterrupt(), KeyboardInterrupt)],
)
def test_a_thread_that_does_not_start(
    error: BaseException, raised: type[BaseException], after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[int] = []
    refuse_to_start(monkeypatch, error, after)
    with pytest.raises(raised) as caught:
        run_together([lambda i=i: called.append(i) for i in range(4)])  # type: ignore[misc]
    assert_alone_soon()
    assert not called
    if raised is InputError:
        assert str(caught.value) == f"threads: 4 needed, the system starts no more than {after}"


def test_a_training_without_its_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model, run = prepared(4, SHAPES["wide"])
    untrained = model.parameters.copy()
    with monkeypatch.context() as patch:
        refuse_to_start(patch, RuntimeError("can't start new thread"), 2)
        with pytest.raises(InputError, match=r"^threads: 4 needed, .* no more than 2$"):
            run.advance(np.full(3, 0.1))
    assert_alone_soon()
    np.testing.assert_array_equal(model.parameters, untrained)
    other, second = prepared(1, SHAPES["wide"])
    for one in (run, second):
        one.advance(np.full(3, 0.1))
    assert model.parameters.tobytes() == other.parameters.tobytes()


# ---- Ctrl-C


def test_an_interruption_is_raised_when_all_functions_have_ended() -> None:
    ended = []

    def interrupt() -> None:
        _thread.interrupt_main()
        time.sleep(0.3)
        ended.append("interrupting")

    def work() -> None:
        time.sleep(0.4)
        ended.append("working")

    with pytest.raises(KeyboardInterrupt):
        run_together([interrupt, work])
    assert sorted(ended) == ["interrupting", "working"]
    assert_alone_soon()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no interval timer")
def test_interruptions_at_any_moment_leave_no_thread_waiting() -> None:
    program = """
import random, signal, time
from test_threads import prepared

class Interruption(BaseException): pass

def interrupt(number, frame):
    raise Interruption

signal.signal(signal.SIGALRM, interrupt)
draw, interrupted = random.Random(0), 0
for i in range(400):
    model, run = prepared(3, SHAPES["wide"])
    try:
        signal.setitimer(signal.ITIMER_REAL, draw.uniform(2e-6, 1.5e-3))
        run.advance(np.full(3, 0.1))
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Interruption:
        interrupted += 1
    deadline = time.monotonic() + 30
    while len(sys._current_frames()) > 1:
        assert time.monotonic() < deadline
print(interrupted)
"""
    assert int(run_program(program)) > 20


# ---- processes


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
@pytest.mark.parametrize("while_training", [False, True])
def test_a_forked_process_trains(while_training: bool) -> None:
    program = f"""
import multiprocessing, threading

expected = train()
if {while_training}:
    stop = threading.Event()
    def train_on():
        while not stop.is_set():
            assert train() == expected
    other = threading.Thread(target=train_on)
    other.start()
for _ in range(4):
    child = os.fork()
    if child == 0:
        os._exit(0 if train() == expected and train(3) == expected else 1)
    assert os.waitpid(child, 0)[1] == 0
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(train, [1, 2, 3, 2]) == [expected] * 4
if {while_training}:
    stop.set()
    other.join()
assert train() == expected
print("done")
"""
    assert run_program(program) == "done\n"


def test_joblib_workers_train() -> None:
    pytest.importorskip("joblib", reason="joblib is not installed: it comes with scikit-learn, the test extra")
    program = """
import joblib
from trainer.threads import threads_that_pay

def work(n):
    from test_threads import SHAPES, trained
    return b"".join(trained(n, SHAPES["wide"] | {"batch_size": 37}, "float32")), threads_that_pay(1e12)

results = joblib.Parallel(n_jobs=2)(joblib.delayed(work)(n) for n in (1, 2, 3, 2))
assert results == [(train(), 1)] * 4, [pays for _, pays in results]
print("done")
"""
    assert run_program(program) == "done\n"


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_worker_process_uses_one_thread_unless_told_otherwise(method: str) -> None:
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply(threads_that_pay, (HUGE_STEP,)) == 1


# ---- how many


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(threads, "available_cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("share", "n"),
    [("1", 1), ("3", 3), ("3,2", 3), (" 2 ", 2), ("99", 8), ("0", 8), ("-2", 8), ("many", 8), ("", 8)],
)
def test_omp_num_threads_is_an_upper_bound(share: str, n: int, eight_cores: pytest.MonkeyPatch) -> None:
    eight_cores.setenv("OMP_NUM_THREADS", share)
    assert threads_that_pay(HUGE_STEP) == n


@pytest.mark.usefixtures("eight_cores")
def test_each_thread_has_enough_to_do() -> None:
    steps = [threads.MIN_FLOPS_PER_THREAD * n for n in (0.0, 0.5, 1.0, 1.9, 2.0, 3.5, 7.0, 1e3)]
    assert [threads_that_pay(flops) for flops in steps] == [1, 1, 1, 1, 2, 3, 7, 8]


@pytest.mark.usefixtures("eight_cores")
@in_time
def test_any_thread_but_the_main_one_stays_alone() -> None:
    assert threads_that_pay(HUGE_STEP) == 1


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no control groups")
@pytest.mark.parametrize(
    ("texts", "n"),
    [
        (("150000 100000\n",), 1),
        (("20000 100000\n",), 1),
        (("250000 100000\n",), 2),
        (("max 100000\n",), 16),
        (("9900000 100000\n",), 16),
        (("300000\n", "100000\n"), 3),
        (("-1\n", "100000\n"), 16),
        (("",), 16),
    ],
)
def test_the_processor_time_of_a_container_is_an_upper_bound(
    texts: tuple[str, ...], n: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / str(i) for i in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    monkeypatch.setattr(threads, "_QUOTA_FILES", ((str(tmp_path / "missing"),), tuple(map(str, files))))
    monkeypatch.setattr(threads, "_siblings", str)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(16))
    assert available_cores() == n
