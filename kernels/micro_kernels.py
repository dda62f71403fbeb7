"""The micro-kernels: one register tile of C, from a strip of A and a panel of B.

All write ``start + A B`` to the leading rows and columns of a tile of C. One body serves them; it is compiled for a
number of rows, a number of vectors, and for how A lies in memory: in rows, the elements of one row of A side by side
(and a stride from row to row), or in columns (and a stride from p to p). Reading A where it lies is as fast as
reading a packed copy, since each element is broadcast anyway.

The processor prefetches no further than a page of 4 KiB, and neighbouring rows of B and C mostly lie in different
pages. So while a panel of B is used, the one `ahead` is asked for into the second cache (into the first one,
784-2048-10 is 7 % slower; not at all, 15 %), and the tile of C into the first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernels._jit import codes, inlined, kernel, named, out_of_line
from kernels.blocking import CACHE_LINE, MR, NV, SHORT_MR, VECTOR_BYTES
from kernels.simd import broadcast, fma, lanes, load, load_first, prefetch, prefetch_for_later, store, store_first
from kernels.tiles import tile

# What a tile starts from: nothing, a row, or what C holds.
ZERO, BIAS, PREVIOUS = codes(3)


@inlined
def from_row(a: Any, stride: int, i: int, p: int) -> Any:
    """Broadcast A[i, p] of a matrix whose rows are `stride` apart."""
    return broadcast(a, i * stride + p)


@inlined
def from_column(a: Any, stride: int, i: int, p: int) -> Any:
    """Broadcast A[i, p] of a matrix whose columns are `stride` apart."""
    return broadcast(a, p * stride + i)


@inlined
def _ends_a_line(j: int, nv: int) -> bool:
    """Tell whether the last element of vector j is to be asked for, and with it a cache line.

    Where a vector lies across two lines, the first one was the last one of another vector.
    """
    return j == nv - 1 or (j + 1) * VECTOR_BYTES % CACHE_LINE == 0


def _make(name: str, mr: int, nv: int, element: Callable[..., Any], short: bool) -> Callable[..., None]:
    """Compile a micro-kernel of mr rows and nv vectors; `element(a, stride, i, p)` broadcasts A[i, p].

    A short one takes any number of rows up to mr: rows beyond repeat the last one, and are not stored.
    """

    @inlined
    def multiply(
        p: int, a: Any, a_stride: int, b: Any, b_stride: int, rows: int, ahead: Any, acc: Any, b_row: Any
    ) -> None:
        VL = lanes(a)
        for j in range(nv):
            b_row[0, j] = load(b, p * b_stride + j * VL)
            if _ends_a_line(j, nv):
                prefetch_for_later(ahead, p * b_stride + (j + 1) * VL - 1)
        for i in range(mr):
            a_ip = element(a, a_stride, min(i, rows - 1) if short else i, p)
            for j in range(nv):
                acc[i, j] = fma(a_ip, b_row[0, j], acc[i, j])

    @named(name)
    def micro_kernel(
        kc: int,
        a: Any,
        a_stride: int,
        b: Any,
        b_stride: int,
        c: Any,
        c_stride: int,
        rows: int,
        columns: int,
        start: int,
        bias: Any,
        ahead: Any,
    ) -> None:
        out_of_line()
        VL = lanes(a)
        acc, b_row = tile(a, mr, nv), tile(a, 1, nv)
        if start == BIAS:
            for j in range(nv):
                row = load_first(bias, j * VL, columns - j * VL, 0.0)
                for i in range(mr):
                    acc[i, j] = row
        for p in range(min(mr, kc)):
            multiply(p, a, a_stride, b, b_stride, rows, ahead, acc, b_row)
            for j in range(nv):
                if _ends_a_line(j, nv):
                    prefetch(c, p * c_stride + (j + 1) * VL - 1)
        for p in range(mr, kc):
            multiply(p, a, a_stride, b, b_stride, rows, ahead, acc, b_row)
        for i in range(mr):
            if not short or i < rows:
                for j in range(nv):
                    if start == PREVIOUS:
                        acc[i, j] = acc[i, j] + load_first(c, i * c_stride + j * VL, columns - j * VL, 0.0)
                    if columns == nv * VL:
                        store(c, i * c_stride + j * VL, acc[i, j])
                    else:
                        store_first(c, i * c_stride + j * VL, acc[i, j], columns - j * VL)

    return kernel(micro_kernel)


rows_wide = _make("rows_wide", MR, NV, from_row, short=False)
rows_wide_short = _make("rows_wide_short", SHORT_MR, NV, from_row, short=True)
rows_narrow = _make("rows_narrow", MR, 1, from_row, short=False)
rows_narrow_short = _make("rows_narrow_short", SHORT_MR, 1, from_row, short=True)
columns_wide = _make("columns_wide", MR, NV, from_column, short=False)
columns_wide_short = _make("columns_wide_short", SHORT_MR, NV, from_column, short=True)
columns_narrow = _make("columns_narrow", MR, 1, from_column, short=False)
columns_narrow_short = _make("columns_narrow_short", SHORT_MR, 1, from_column, short=True)
