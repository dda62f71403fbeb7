"""Arrays that begin where the processor likes it: at a cache line, and large ones at a large page.

A vector that crosses cache lines costs two accesses. Of small pages a matrix needs so many that the processor's table
of them overflows; with large ones a step of 784-4096-10 is 10 % faster, and no timing depends on where the system
happened to place the pages. NumPy asks the system for large pages from 4 MiB on; memory that is not touched takes none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kernels.blocking import CACHE_LINE

PAGE = 1 << 21
# From this size on an array begins at a large page.
LARGE = 1 << 18
# The least that NumPy allocates with large pages.
_NUMPY_LARGE = 1 << 22


def aligned_empty(n: int, dtype: np.dtype | type) -> np.ndarray:
    """Return an array (n,) with arbitrary contents."""
    dtype = np.dtype(dtype)
    n_bytes = n * dtype.itemsize
    boundary = PAGE if n_bytes >= LARGE else CACHE_LINE
    allocated = n_bytes + boundary
    memory = np.empty(max(allocated, _NUMPY_LARGE) if boundary == PAGE else allocated, np.uint8)
    offset = -memory.ctypes.data % boundary
    return memory[offset : offset + n_bytes].view(dtype)


def aligned_zeros(n: int, dtype: np.dtype | type) -> np.ndarray:
    """Return an array (n,) of zeros."""
    array = aligned_empty(n, dtype)
    array.fill(0)
    return array


def neighbouring_zeros(sizes: Sequence[int], dtype: np.dtype | type, slack: int = 0) -> list[np.ndarray]:
    """Return arrays of zeros of these sizes, one behind the other in memory, each at a cache line, and `slack` behind.

    However the system places the memory, small arrays are thus never a multiple of 4 KiB apart, at which a load can be
    taken for one of what was just stored.
    """
    line = CACHE_LINE // np.dtype(dtype).itemsize
    starts = np.cumsum([0] + [-(-size // line) * line for size in sizes])
    memory = aligned_zeros(int(starts[-1]) + slack, dtype)
    return [memory[start : start + size] for start, size in zip(starts.tolist(), sizes, strict=False)]
