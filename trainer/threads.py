"""How many threads a training uses, and running a function in several threads at once.

The results do not depend on the number, see `kernels.team`. Threads are started for each call and gone after it, so
nothing of them is left behind for a process that forks, and callers in several threads do not meet. Who shares out
what is left to the functions: they may wait for each other, so either all of them are called or none.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from _thread import start_new_thread
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeVar

from trainer.checks import check_count
from trainer.errors import InputError

R = TypeVar("R")

# More than any processor has; a larger number is a mistake.
MAX_THREADS = 1024
# A step of fewer operations than this is over before a second thread has helped: about 20 microseconds.
MIN_FLOPS_PER_THREAD = 2e6
# How long the end of a thread may go unnoticed, if a signal comes at the same moment.
SECONDS_BETWEEN_LOOKS = 0.1

_CPU_FOLDER = Path("/sys/devices/system/cpu")
# Files with the processor time that a container may use and the period that it is for, in microseconds.
_QUOTA_FILES = (
    ("/sys/fs/cgroup/cpu.max",),
    ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)


def check_threads(value: object) -> int | None:
    """Return `value` as a number of threads, None where it is None: as many as pay."""
    return None if value is None else check_count("threads", value, most=MAX_THREADS)


def threads_that_pay(flops_per_step: float) -> int:
    """Return the number of threads for steps of so many operations, where the user did not choose.

    One in a worker process, and in any thread but the main one: whoever started those has the other processors at
    work already. ``OMP_NUM_THREADS``, by which joblib and batch systems tell each process its share, is an upper bound.
    """
    if multiprocessing.parent_process() is not None or threading.current_thread() is not threading.main_thread():
        return 1
    share = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # further numbers are for nested teams
    most = int(share) if share.isdecimal() and int(share) > 0 else MAX_THREADS
    return max(1, min(available_cores(), most, int(flops_per_step / MIN_FLOPS_PER_THREAD)))


def available_cores() -> int:
    """Return how many cores this process may use; two logical processors of one core count once.

    A container's share of processor time is an upper bound: threads that wait for one that is out of time use up more.
    """
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    cores = len({_siblings(processor) for processor in os.sched_getaffinity(0)})
    return max(1, min(cores, *(_quota(files) for files in _QUOTA_FILES)))


def _quota(files: Sequence[str]) -> int:
    """Return how many processors' time a control group has, `MAX_THREADS` where it is not limited."""
    try:
        quota, period = (int(number) for file in files for number in Path(file).read_text().split())
    except (OSError, ValueError):  # no such file, or "max"
        return MAX_THREADS
    return quota // period if quota > 0 else MAX_THREADS


def _siblings(processor: int) -> str:
    """Name the core that a logical processor belongs to."""
    try:
        return (_CPU_FOLDER / f"cpu{processor}" / "topology" / "thread_siblings_list").read_text()
    except OSError:
        return str(processor)


def run_together(functions: Sequence[Callable[[], R]]) -> list[R]:
    """Call all functions at the same time and return their results; a single one is called in this thread.

    Several run in threads of their own, because a signal may raise an exception in the main thread at any time: were it
    one of the team, the others would wait for it for ever. Such an exception is raised once all functions have ended.
    `threading.Thread` does not serve: interrupted, its `start` can leave a lock taken on which the new thread waits for
    ever, and its `join` takes a running thread for ended (Python 3.11 and 3.12).

    Raises
    ------
    InputError
        The system does not start that many threads; nothing was called.
    BaseException
        What the first function that failed has raised.
    """
    if len(functions) == 1:
        return [functions[0]()]
    started: list[int] = []
    results: dict[int, R | BaseException] = {}
    news: SimpleQueue[int] = SimpleQueue()
    gate = threading.Lock()

    def call(i: int) -> None:
        with gate:  # until the caller lets go
            pass
        if len(started) == len(functions):
            try:
                results[i] = functions[i]()
            except BaseException as error:
                results[i] = error
            news.put(i)

    try:
        with gate:
            for i in range(len(functions)):
                started.append(start_new_thread(call, (i,)))
    except RuntimeError as error:
        raise InputError(f"threads: {len(functions)} needed, the system starts no more than {len(started)}") from error
    finally:
        if len(started) == len(functions):
            _wait_for_all(results, len(functions), news)
    in_order = [results[i] for i in range(len(functions))]
    for result in in_order:
        if isinstance(result, BaseException):
            raise result
    return [result for result in in_order if not isinstance(result, BaseException)]


def _wait_for_all(results: Mapping[int, object], n: int, news: SimpleQueue[int]) -> None:
    """Wait until there are n results, even if a signal raises an exception meanwhile."""
    try:
        while len(results) < n:
            with suppress(Empty):
                news.get(timeout=SECONDS_BETWEEN_LOOKS)
    finally:
        if len(results) < n:
            _wait_for_all(results, n, news)
