"""As many short rows as a vector has lanes, turned so that each has a lane of its own, and back.

What is done along a row, as by softmax, then is done for all rows at once. A turned block takes the room of its rows.
"""

from __future__ import annotations

from typing import Any

from kernels._jit import inlined, kernel
from kernels.simd import lanes, load, load_first, store, store_first
from kernels.tiles import square_tile, transpose_inplace


@inlined
def are_short(like: Any, width: int) -> bool:
    """Tell whether rows of so many elements can be turned."""
    return width <= 2 * lanes(like)


@kernel
def turn_rows(rows: Any, width: int, turned: Any) -> None:
    """Write rows (lanes, width) as (width, lanes), which may be in the same place."""
    VL, left, right = lanes(rows), square_tile(rows), square_tile(rows)
    for s in range(VL):
        left[s, 0] = load_first(rows, s * width, width, 0.0)
    if width > VL:
        for s in range(VL):
            right[s, 0] = load_first(rows, s * width + VL, width - VL, 0.0)
        transpose_inplace(right)
    transpose_inplace(left)
    for t in range(VL):
        if t < width:
            store(turned, t * VL, left[t, 0])
        if VL + t < width:
            store(turned, (VL + t) * VL, right[t, 0])


@kernel
def turn_back_inplace(block: Any, width: int) -> None:
    """Write a block (width, lanes) as rows (lanes, width) in its place."""
    VL, left, right = lanes(block), square_tile(block), square_tile(block)
    for t in range(VL):
        if t < width:
            left[t, 0] = load(block, t * VL)
        if VL + t < width:
            right[t, 0] = load(block, (VL + t) * VL)
    transpose_inplace(left)
    for s in range(VL):
        store_first(block, s * width, left[s, 0], width)
    if width > VL:
        transpose_inplace(right)
        for s in range(VL):
            store_first(block, s * width + VL, right[s, 0], width - VL)
