"""Rows of samples to blocks with samples in lanes, and back; see `samples_in_lanes` for what a block is."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels._jit import inlined, kernel
from kernels.aligned import aligned_zeros
from kernels.blocking import CACHE_LINE, VECTOR_BYTES
from kernels.lane_blocks import samples_in_block
from kernels.lane_kernels import BLOCK_VECTORS
from kernels.simd import advance, get, lanes, load, load_first, prefetch_for_later, put, store, store_first
from kernels.structs import Samples
from kernels.tiles import square_tile, transpose_inplace


@inlined
def block_size(like: Any) -> int:
    """Return how many samples a block holds, for elements of the type of `like`."""
    return BLOCK_VECTORS * lanes(like)


@inlined
def _load_square(
    rows: Any, order: Any, ordered: bool, first: int, n: int, width: int, column: int, square: Any
) -> None:
    """Load elements of rows from `first` on, from `column` on; what is beyond n rows or `width` elements is zero."""
    VL = lanes(rows)
    if column + VL <= width and first + VL <= n:
        for s in range(VL):
            source = get(order, first + s) if ordered else first + s
            square[s, 0] = load(rows, source * width + column)
        return
    for s in range(VL):
        sample = first + s
        source = get(order, sample) if ordered and sample < n else sample
        square[s, 0] = load_first(rows, source * width + column, width - column if sample < n else 0, 0.0)


@inlined
def _load_squares(rows: Any, order: Any, ordered: bool, first: int, n: int, width: int, features: Any) -> None:
    """Copy a vector of rows to their features, a square after the other; the last begins earlier to be a whole one."""
    VL, B = lanes(rows), block_size(rows)
    for j in range(0, width, VL):
        column = max(0, min(j, width - VL))
        square = square_tile(rows)
        _load_square(rows, order, ordered, first, n, width, column, square)
        transpose_inplace(square)
        for t in range(VL):
            if column + t < width:
                store(features, (column + t) * B, square[t, 0])


@inlined
def _load_elements(rows: Any, order: Any, ordered: bool, first: int, n: int, target: Any) -> None:
    """Copy a vector of rows of one element each; what is beyond n rows is zero."""
    for s in range(lanes(rows)):
        sample = first + s
        source = get(order, sample) if ordered and sample < n else sample
        put(target, s, get(rows, source) if sample < n else 0.0)


@inlined
def _ask_for_rows(rows: Any, order: Any, n: int, width: int) -> None:
    """Ask for the n rows of `width` elements that `order` lists, to be read later."""
    line = CACHE_LINE * lanes(rows) // VECTOR_BYTES
    for i in range(n):
        row = get(order, i) * width
        for j in range(0, width, line):
            prefetch_for_later(rows, row + j)
        prefetch_for_later(rows, row + width - 1)


@kernel
def load_blocks(
    rows: Any, order: Any, ordered: bool, n: int, n_next: int, width: int, height: int, target: Any
) -> None:
    """Copy n rows of `width` elements to rows of features, `height` of them in each block; zeros fill the last vector.

    The rows are the first ones, or those that `order` lists. It lists `n_next` more, to be copied later: those are
    asked for on the way, a few at a time, since a processor waits for more than it can ask for at once. The last of
    more rows than features is filled with ones.
    """
    VL, B = lanes(rows), block_size(rows)
    for first in range(0, n, B):
        block = advance(target, first * height)
        for i in range(0, min(B, n - first), VL):
            if width == 1:
                _load_elements(rows, order, ordered, first + i, n, advance(block, i))
            else:
                _load_squares(rows, order, ordered, first + i, n, width, advance(block, i))
            if ordered:
                _ask_for_rows(rows, advance(order, n + first + i), min(VL, n_next - first - i), width)
        for i in range(B if height > width else 0):
            put(block, width * B + i, 1.0)


@inlined
def _store_within(rows: Any, place: int, value: Any, size: int, n_wanted: int) -> None:
    """Store a whole vector where it ends before `size`, else its first lanes only, as many as are wanted."""
    if place + lanes(rows) <= size:
        store(rows, place, value)
    else:
        store_first(rows, place, value, n_wanted)


@inlined
def _store_squares(features: Any, width: int, first: int, n: int, rows: Any) -> None:
    """Copy features to a vector of rows, as `_load_squares` does it the other way."""
    VL, B = lanes(rows), block_size(rows)
    for j in range(0, width, VL):
        column = max(0, min(j, width - VL))
        square = square_tile(rows)
        for t in range(VL):
            if column + t < width:
                square[t, 0] = load(features, (column + t) * B)
        transpose_inplace(square)
        for s in range(VL):
            if first + s < n:
                _store_within(rows, (first + s) * width + column, square[s, 0], n * width, width - column)


@kernel
def store_rows(block: Any, width: int, n: int, rows: Any) -> None:
    """Copy n samples of a block, in `width` rows of features, to rows.

    What is stored behind a short row is overwritten by the next one.
    """
    for i in range(0, n, lanes(block)):
        if width == 1:
            _store_within(rows, i, load(block, i), n, n - i)
        else:
            _store_squares(advance(block, i), width, i, n, rows)


def to_blocks(samples: Samples) -> Samples:
    """Return samples in blocks, for `evaluation_in_lanes`: (features and ones, samples) and (outputs, samples)."""
    n = len(samples.x)
    block = samples_in_block(samples.x.itemsize)
    n_blocks = -(-n // block)
    blocks = []
    for rows in (np.column_stack([samples.x, np.ones(n, samples.x.dtype)]), samples.y):
        padded = aligned_zeros(n_blocks * block * rows.shape[1], rows.dtype).reshape(n_blocks, rows.shape[1], block)
        for i, chunk in enumerate(np.split(rows, range(block, n, block)) if n else []):
            padded[i, :, : len(chunk)] = chunk.T
        blocks.append(padded.reshape(-1, block))
    return Samples(*blocks)
