"""Copying operands into micro-panels: the only code that knows about transposition.

A matrix is given by a pointer and two strides, so a transposed operand is one with its strides exchanged. The
micro-kernel reads panels of fixed width, one row after the other (p is the inner, summed dimension)::

    panels of A, MR rows each              panels of B, NR = NV * lanes columns each
    a[0,p] a[1,p] ... a[MR-1,p]            b[p,0] b[p,1] ... b[p,NR-1]
    a[0,p+1] ...                           b[p+1,0] ...

Rows and columns beyond the matrix are zeros, so the micro-kernel has no remainder to think of.
"""

from __future__ import annotations

from typing import Any

from kernels._jit import called, inlined
from kernels.blocking import MR, NV
from kernels.simd import advance, get, lanes, load, load_first, put, store


@inlined
def _copy_rows(source: Any, row_stride: int, rows: int, width: int, used: int, target: Any) -> None:
    """Copy `used` neighbouring elements of each row to the target's rows of `width` elements, filling up with zeros."""
    VL = lanes(source)
    for p in range(rows):
        for j in range(0, width, VL):
            if j + VL <= used:
                store(target, p * width + j, load(source, p * row_stride + j))
            elif j + VL <= width:
                store(target, p * width + j, load_first(source, p * row_stride + j, used - j, 0.0))
            else:
                for t in range(j, width):
                    put(target, p * width + t, get(source, p * row_stride + t) if t < used else 0.0)


@inlined
def _gather_rows(source: Any, row_stride: int, column_stride: int, rows: int, width: int, used: int, target: Any) -> None:
    """Do the same where the elements of a row of the target lie `column_stride` apart in memory."""
    for t in range(used):
        column = advance(source, t * column_stride)
        for p in range(rows):
            put(target, p * width + t, get(column, p * row_stride))
    for t in range(used, width):
        for p in range(rows):
            put(target, p * width + t, 0.0)


@inlined
def _pack(
    source: Any, inner_stride: int, outer_stride: int, depth: int, extent: int, width: int, target: Any
) -> None:
    for start in range(0, extent, width):
        panel, used = advance(source, start * outer_stride), min(width, extent - start)
        if outer_stride == 1:
            _copy_rows(panel, inner_stride, depth, width, used, advance(target, start * depth))
        else:
            _gather_rows(panel, inner_stride, outer_stride, depth, width, used, advance(target, start * depth))


@called
def pack_a(a: Any, row_stride: int, column_stride: int, mc: int, kc: int, packed_out: Any) -> None:
    """Pack the block a (mc, kc) into panels of MR rows."""
    _pack(a, column_stride, row_stride, kc, mc, MR, packed_out)


@called
def pack_b(b: Any, row_stride: int, column_stride: int, kc: int, nc: int, packed_out: Any) -> None:
    """Pack the block b (kc, nc) into panels of NR columns."""
    _pack(b, row_stride, column_stride, kc, nc, NV * lanes(b), packed_out)
