"""Arrays begin where the processor likes it, large ones at a large page, and hold what was asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kernels.aligned import LARGE, PAGE, aligned_empty, aligned_zeros
from kernels.blocking import CACHE_LINE

DTYPES = (np.float32, np.float64, np.int64, np.uint8)
# Beginnings differ from one allocation to the next, so that one array at a boundary proves nothing.
ALLOCATIONS = 20


def sizes(dtype: type) -> list[int]:
    """Return numbers of elements: none, few, around a cache line, around where arrays count as large, several pages."""
    line, large = CACHE_LINE // np.dtype(dtype).itemsize, LARGE // np.dtype(dtype).itemsize
    return [0, 1, 3, line - 1, line, line + 1, 1000, large - 1, large, large + 1, 5 * large, 20 * large + 3]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("make", [aligned_empty, aligned_zeros])
def test_arrays_are_flat_writable_and_as_long_as_asked_for(
    make: Callable[[int, type], np.ndarray], dtype: type
) -> None:
    for n in sizes(dtype):
        array = make(n, dtype)
        assert (array.shape, array.dtype) == ((n,), np.dtype(dtype))
        assert array.flags["C_CONTIGUOUS"]
        assert array.flags["WRITEABLE"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("make", [aligned_empty, aligned_zeros])
def test_arrays_begin_at_a_cache_line_and_large_ones_at_a_page(
    make: Callable[[int, type], np.ndarray], dtype: type
) -> None:
    for n in sizes(dtype):
        boundary = PAGE if n * np.dtype(dtype).itemsize >= LARGE else CACHE_LINE
        kept = [make(n, dtype) for _ in range(ALLOCATIONS)]
        assert [array.ctypes.data % boundary for array in kept if n] == [0] * (ALLOCATIONS if n else 0)


def test_numpy_alone_would_not_do() -> None:
    beginnings = [np.empty(n, np.uint8).ctypes.data for n in (1, 17, 100, 1000, LARGE, 5 * LARGE)]
    assert any(beginning % CACHE_LINE for beginning in beginnings)


@pytest.mark.parametrize("dtype", DTYPES)
def test_zeros_are_zero_also_where_memory_was_used_before(dtype: type) -> None:
    for n in sizes(dtype):
        for _ in range(3):
            used = aligned_empty(n, dtype)
            used.fill(7)
            del used  # its memory is the next to be given out
            assert not aligned_zeros(n, dtype).any()


def test_arrays_share_no_memory_and_outlive_what_they_were_cut_from() -> None:
    for n in (1, CACHE_LINE, LARGE, LARGE + 1):
        arrays = [aligned_zeros(n, np.uint8) for _ in range(ALLOCATIONS)]
        for i, array in enumerate(arrays):
            array.fill(i)
        assert [int(array.min()) for array in arrays] == [int(array.max()) for array in arrays]
        assert [int(array[-1]) for array in arrays] == list(range(ALLOCATIONS))


def test_a_dtype_may_be_given_by_type_or_as_an_object() -> None:
    assert aligned_zeros(3, np.dtype("float32")).dtype == aligned_zeros(3, np.float32).dtype == np.float32
