"""The machine under test: its name, and holding the process to some of its processors."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cpuinfo import get_cpu_info  # type: ignore[import-untyped]
from threadpoolctl import threadpool_info, threadpool_limits

# One entry for each thread of this process, on Linux.
_THREADS = Path("/proc/self/task")


def processor_name() -> str:
    """Return the processor's model, or its architecture where the system does not tell."""
    return str(get_cpu_info().get("brand_raw") or platform.processor() or platform.machine())


def blas_kernels() -> str:
    """Return which BLAS is loaded and which of its kernels it has chosen, such as ``openblas Haswell``."""
    loaded = [library for library in threadpool_info() if library["user_api"] == "blas"]
    names = {f"{library['internal_api']} {library.get('architecture', '')}".strip() for library in loaded}
    return ", ".join(sorted(names)) or "BLAS unknown"


def available_processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def pinned_threads(threads: int) -> Iterator[None]:
    """Hold BLAS to `threads` threads and, where the system can, the process to as many processors.

    The processors are those of the highest numbers: interrupts mostly go to the first. Processes started meanwhile are
    held to them as well.
    """
    with threadpool_limits(limits=threads):
        if not hasattr(os, "sched_setaffinity"):
            yield
            return
        before = os.sched_getaffinity(0)
        _set_affinity(set(sorted(before)[-threads:]))
        try:
            yield
        finally:
            _set_affinity(before)


def _set_affinity(processors: set[int]) -> None:
    """Move every thread: those that BLAS started when it was loaded do not follow the calling one."""
    threads = [int(entry.name) for entry in _THREADS.iterdir()] if _THREADS.is_dir() else [0]
    for thread in threads:
        with suppress(ProcessLookupError):  # it has ended since
            os.sched_setaffinity(thread, processors)
