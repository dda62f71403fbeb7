"""Copying operands together: the only code that knows about transposition.

A matrix is given by a pointer and two strides, so a transposed operand is one with its strides exchanged. A block of
A that lies in rows is copied as it is, only closer together, so that its rows do not compete for the same places of the
caches; one that lies in columns is cut into strips, of which each holds what a tile reads in the order of reading. The
micro-kernel reads B as a panel of NR = NV * lanes columns, one row of the summed dimension behind the other; columns
beyond the matrix are zeros, so that the micro-kernel has no remainder to think of::

    b[p, 0]   b[p, 1]   ... b[p, NR-1]
    b[p+1, 0] b[p+1, 1] ...
"""

from __future__ import annotations

from typing import Any

from kernels._jit import inlined, kernel
from kernels.blocking import MR
from kernels.simd import advance, keep_first, lanes, load, load_first, prefetch, store, store_first
from kernels.tiles import square_tile, transpose_inplace

# The pieces of columns lie too far apart for the processor to ask for the next ones: it is done so many columns ahead
# (1024 x 1024 x 1024: 0.95 -> 0.965 of the peak).
AHEAD = 8

# Room behind each strip: the least tile has 6 rows, the longest vector 16 elements.
SPARE_COLUMNS = 2


@kernel
def copy_block(source: Any, stride: int, rows: int, columns: int, block_out: Any, block_stride: int) -> None:
    """Copy rows of `columns` neighbouring elements, `stride` apart, to where they are `block_stride` apart.

    The last vector of a row is copied whole, with elements of the one before.
    """
    VL = lanes(source)
    whole = columns // VL * VL
    for i in range(rows):
        row, target = advance(source, i * stride), advance(block_out, i * block_stride)
        for j in range(0, whole, VL):
            store(target, j, load(row, j))
        if 0 < whole < columns:
            store(target, columns - VL, load(row, columns - VL))
        elif whole < columns:
            store_first(target, 0, load_first(row, 0, columns, 0.0), columns)


@inlined
def strip_size(depth: int) -> int:
    """Return how far apart the strips of a block of so many columns of A are."""
    return (depth + SPARE_COLUMNS) * MR


@kernel
def pack_strips(source: Any, stride: int, depth: int, rows: int, block_out: Any) -> None:
    """Copy a block (rows, depth) that lies in columns, `stride` apart, into strips of MR rows.

    Whole vectors are written, of which the next columns overwrite what is too much; behind the last one it is spare.
    """
    VL = lanes(source)
    for p in range(depth):
        column, later = advance(source, p * stride), advance(source, min(p + AHEAD, depth - 1) * stride)
        for i in range(0, rows, MR):
            prefetch(later, i)
            target = advance(block_out, i // MR * strip_size(depth) + p * MR)
            for q in range(0, MR, VL):
                if i + q + VL <= rows:
                    store(target, q, load(column, i + q))
                else:
                    store(target, q, load_first(column, i + q, rows - i - q, 0.0))


@inlined
def _copy_rows(b: Any, row_stride: int, kc: int, columns: int, width: int, panel_out: Any) -> None:
    VL = lanes(b)
    for p in range(kc):
        for j in range(0, width, VL):
            source, target = p * row_stride + j, p * width + j
            prefetch(b, source + width)  # the next panel
            if j + VL <= columns:
                store(panel_out, target, load(b, source))
            else:
                store(panel_out, target, load_first(b, source, columns - j, 0.0))


@inlined
def _transpose(b: Any, column_stride: int, kc: int, columns: int, width: int, panel_out: Any) -> None:
    VL = lanes(b)
    block = square_tile(b)
    for j in range(0, width, VL):
        for p in range(0, kc, VL):
            depth, used = min(VL, kc - p), min(VL, columns - j)
            for i in range(VL):
                source = min(j + i, columns - 1) * column_stride + p
                block[i, 0] = load(b, source) if depth == VL else load_first(b, source, depth, 0.0)
            transpose_inplace(block)
            for i in range(VL):
                if i < depth:
                    store(panel_out, (p + i) * width + j, keep_first(block[i, 0], used))


@kernel
def pack_panel(b: Any, row_stride: int, column_stride: int, kc: int, columns: int, width: int, panel_out: Any) -> None:
    """Copy b (kc, columns) into a panel of `width` columns, a multiple of the lanes; one of the strides is 1."""
    if column_stride == 1:
        _copy_rows(b, row_stride, kc, columns, width, panel_out)
    else:
        _transpose(b, column_stride, kc, columns, width, panel_out)
