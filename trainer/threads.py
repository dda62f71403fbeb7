"""How many threads a training uses, and running a function in several threads at once.

The results do not depend on the number, see `kernels.team`. Threads are started for each call and gone after it, so
nothing of them is left behind for a process that forks, and callers in several threads do not meet.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from trainer.checks import check_count

R = TypeVar("R")

# More than any processor has; a larger number is a mistake.
MAX_THREADS = 1024
# A step of fewer operations than this is over before a second thread has helped: about 20 microseconds.
MIN_FLOPS_PER_THREAD = 2e6

_CPU_FOLDER = Path("/sys/devices/system/cpu")


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
    share = os.environ.get("OMP_NUM_THREADS", "")
    most = int(share) if share.isdecimal() and int(share) > 0 else MAX_THREADS
    return max(1, min(available_cores(), most, int(flops_per_step / MIN_FLOPS_PER_THREAD)))


def available_cores() -> int:
    """Return how many cores this process may use; two logical processors of one core count once."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    return len({_siblings(processor) for processor in os.sched_getaffinity(0)})


def _siblings(processor: int) -> str:
    """Name the core that a logical processor belongs to."""
    try:
        return (_CPU_FOLDER / f"cpu{processor}" / "topology" / "thread_siblings_list").read_text()
    except OSError:
        return str(processor)


def run_together(functions: Sequence[Callable[[], R]]) -> list[R]:
    """Call all functions at the same time, the first one in this thread; return their results.

    Raises
    ------
    RuntimeError
        The system does not start that many threads; nothing was called.
    """
    results: list[R | BaseException] = [RuntimeError("not called")] * len(functions)
    gate, abandoned = threading.Event(), threading.Event()

    def call(i: int) -> None:
        gate.wait()
        if not abandoned.is_set():
            try:
                results[i] = functions[i]()
            except BaseException as error:  # handed over to the caller below
                results[i] = error

    threads = [threading.Thread(target=call, args=(i,), daemon=True) for i in range(1, len(functions))]
    try:
        for thread in threads:
            thread.start()
    except RuntimeError:
        abandoned.set()
        raise
    finally:
        gate.set()
    call(0)
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
