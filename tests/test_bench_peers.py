"""Peers compute what they are timed for, each in its process; what is missing or wrong is named and left out."""

from __future__ import annotations

import importlib.util
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_bench
from PIL import Image

from trainer import MLP
from trainer.datasets import xor
from trainer.terms import objective

load = test_bench.load

RUN = json.loads((Path(__file__).parent / "data" / "seed_runs.json").read_text())["runs"][0]
# One for each function that starts a training, with the package that it needs.
PEERS = {
    "numba": "numba",
    "numpy": "numpy",
    "article": "numpy",
    "torch eager": "torch",
    "torch manual": "torch",
    "torch compiled": "torch",
    "torch onednn": "torch",
    "jax step": "jax",
    "jax loop 512": "jax",
    "sklearn": "sklearn",
}


# ---- what peers compute


def test_every_peer_is_tried(load: Any) -> None:
    registry = load("bench.peers.registry")
    tried = {(registry.PEER_BY_NAME[name].module, registry.PEER_BY_NAME[name].start) for name in PEERS}
    assert tried == {(peer.module, peer.start) for peer in registry.PEERS}


@pytest.mark.parametrize("name", PEERS)
def test_peer_takes_the_steps_of_the_reference(load: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec(PEERS[name]) is None:
        pytest.skip(f"{PEERS[name]} is not installed")
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "1")  # what is to be compiled runs as it is written: that takes no minute
    process = load("bench.peers.worker_process").WorkerProcess(load("bench.peers.registry").PEER_BY_NAME[name])
    try:
        steps = process.prepare(load("bench.shapes").XOR_SHAPES[0])  # raises where a step is wrong
        assert process.seconds(steps) > 0
    finally:
        process.close()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda steps: min(steps, 2), "weight of layer 0: "),
        (lambda steps: steps + 1, "weight of layer 0: "),
    ],
    ids=["stops after the second step", "takes one too many"],
)
def test_peer_that_takes_other_steps_is_wrong(load: Any, fault: Callable[[int], int], message: str) -> None:
    own = load("bench.peers.own")

    class Faulty(own.OwnTraining):
        def advance(self, steps: int) -> np.ndarray:
            return super().advance(fault(steps))

    problem = load("bench.problem").checked_problem(load("bench.shapes").XOR_SHAPES[0], "float32")
    require_training = load("bench.step_check").require_training
    require_training(own.start_numpy, problem)
    with pytest.raises(ArithmeticError, match=message):
        require_training(lambda given: Faulty(given, "numpy"), problem)


def test_bounds_that_are_too_wide_to_tell_are_refused(load: Any) -> None:
    check, bounded = load("bench.step_check"), load("bench.reference_step").Bounded
    before, after = np.zeros(4), np.ones(4)
    check.require_telling([check.Stepped("weight", before, bounded(after, np.full(4, 0.4)))])
    with pytest.raises(ArithmeticError, match=r"weight: the bound of 60\.0%"):
        check.require_telling([check.Stepped("weight", before, bounded(after, np.full(4, 0.6)))])


def test_process_that_dies_is_reported_and_can_be_closed(load: Any) -> None:
    worker_process, registry = load("bench.peers.worker_process"), load("bench.peers.registry")
    process = worker_process.WorkerProcess(registry.ARTICLE)
    process.prepare(load("bench.shapes").XOR_SHAPES[0])
    process._process.kill()
    for _ in range(2):
        with pytest.raises(worker_process.WorkerError, match=r"ended by SIGKILL$"):
            process.seconds(1)
    process.close()


def test_process_without_the_instructions_it_needs_says_so(load: Any) -> None:
    worker_process, registry = load("bench.peers.worker_process"), load("bench.peers.registry")
    process = worker_process.WorkerProcess(registry.ARTICLE)
    process._process.send_signal(signal.SIGILL)
    with pytest.raises(worker_process.WorkerError, match="ended by SIGILL: this processor lacks an instruction"):
        process.prepare(load("bench.shapes").XOR_SHAPES[0])
    process.close()


# ---- the article's program


def article_program(load: Any, **changed: float) -> Any:
    x, y = xor()
    w1, w2 = MLP([2, RUN["hidden"], 2], bias=False, dtype="float64", init="article").weights
    settings = {"rows": RUN["batch"], "learning_rate": RUN["learning_rate"], "penalty": RUN["reg"]} | changed
    return load("bench.peers.article").ArticleProgram(x, y, w1, w2, **settings)


def test_article_s_program_has_the_article_s_losses_and_accuracies(load: Any) -> None:
    marks = [mark for mark in RUN["marks"] if mark["epoch"] < 50]
    program = article_program(load)
    program.run(50, accuracy=True)
    assert len(marks) > 3
    for mark in marks:
        assert program.losses[mark["epoch"]] == pytest.approx([mark["epoch"], mark["loss"]], rel=1e-9)
        assert program.accuracies[mark["epoch"]] == [mark["epoch"], mark["accuracy"]]


def test_article_s_program_takes_our_steps(load: Any) -> None:
    penalty = 1e-2  # large enough that leaving it out would be noticed
    program = article_program(load, penalty=penalty)
    program.run(40, accuracy=False)
    assert program.accuracies == []
    model = MLP([2, RUN["hidden"], 2], bias=False, dtype="float64", init="article")
    x, y = (part[: RUN["batch"]] for part in xor())
    run = model.start_run(x, y, terms=objective(l2=penalty, article=True))
    run.advance(np.full(40, RUN["learning_rate"]))
    for ours, theirs in zip(model.weights, (program.w1, program.w2), strict=True):
        # 40 steps of sums of 50 terms, each off by at most 2**-53 of numbers of order 1.
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=40 * 50 * 2.0**-53)


# ---- the comparison


@pytest.fixture
def small_comparison(load: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a comparison at one shape of three peers, of which one cannot be imported."""
    (tmp_path / "jax.py").write_text("raise ImportError('jax is not here')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    registry, rounds = load("bench.peers.registry"), load("bench.peers.rounds")
    peers = [registry.PEER_BY_NAME[name] for name in ("numba", "numpy", "jax loop")]
    workers, missing = rounds.start_workers(peers)
    try:
        times = rounds.compare(workers, peers, [load("bench.shapes").WIDE_SHAPES[0]], 3, lambda line: None)
    finally:
        for worker in workers.values():
            worker.close()
    return load("bench.peers.peer_report").Comparison("a processor", times, missing)


def test_comparison_tells_times_names_what_is_missing_and_writes_files(
    load: Any, small_comparison: Any, tmp_path: Path
) -> None:
    report = load("bench.peers.peer_report")
    (times,) = small_comparison.times
    assert set(times.seconds) == {"numba", "numpy"}
    assert [len(values) for values in (*times.seconds.values(), times.peaks)] == [3, 3, 3]
    text = report.report_text(small_comparison)
    assert "MISSING: jax loop: missing: jax is not here" in text
    assert "784-16-10-n128" in text
    report.save_results(small_comparison, tmp_path / "made" / "peers.json")
    told = json.loads((tmp_path / "made" / "peers.json").read_text())
    assert told["missing"] == {"jax loop": "missing: jax is not here"}
    assert told["shapes"][0]["seconds_per_step"] == {name: sorted(values)[1] for name, values in times.seconds.items()}
    assert report.save_figure(small_comparison, tmp_path / "peers.png")
    with Image.open(tmp_path / "peers.png") as picture:
        assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 2


def test_peer_that_fails_at_a_shape_is_named_and_the_others_are_timed(load: Any) -> None:
    rounds, process = load("bench.peers.rounds"), load("bench.peers.worker_process")

    class Stub:
        def __init__(self, *answers: float | str) -> None:
            self.answers = list(answers)

        def prepare(self, shape: Any) -> int:
            return int(self.next())

        def seconds(self, steps: int) -> float:
            return self.next()

        def next(self) -> float:
            answer = self.answers.pop(0)
            if isinstance(answer, str):
                raise process.WorkerError(answer)
            return answer

    said: list[str] = []
    workers = {"good": Stub(4, 8.0, 4.0), "wrong": Stub("wrong: weight"), "dies": Stub(2, 1.0, "ended with status -9")}
    times = rounds.time_shape(workers, load("bench.shapes").XOR_SHAPES[0], 2, said.append)
    assert times.medians == {"good": 1.5}
    assert times.failures == {"wrong": "wrong: weight", "dies": "ended with status -9"}
    assert times.wrong
    assert any("WRONG NOT TIMED" in line for line in said)
    assert any("DIES NOT TIMED" in line for line in said)
    text = load("bench.peers.peer_report").report_text(load("bench.peers.peer_report").Comparison("p", [times], {}))
    assert "NOT TIMED: dies at 2-3-2-n50: ended with status -9" in text


@pytest.mark.parametrize("arguments", [["--rounds", "0"], ["--rounds", "x"], ["--shapes", "big"]])
def test_unusable_options_of_the_comparison_are_refused(
    load: Any, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        load("bench.peers.__main__").parse(arguments)
    assert stopped.value.code == 2
    assert arguments[1] in capsys.readouterr().err
