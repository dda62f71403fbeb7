"""Softmax of rows, of samples in lanes, and of rows that are turned to lanes, and its derivative.

The largest logit is subtracted first. Exponentials and their sum are kept in two parts each, so that the quotient is as
exact as the other functions of `elementary`. Losses are left to `element_losses` and `likelihoods`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels import elementary
from kernels._jit import inlined
from kernels.short_rows import are_short, turn_back_inplace, turn_rows
from kernels.simd import (
    advance,
    fma,
    lanes,
    load,
    load_first,
    load_first_of_four,
    load_four,
    lowered,
    max_lanes,
    places,
    scale_down_by_power_of_two,
    splat,
    store,
    store_first,
    store_first_of_four,
    store_four,
    sum_lanes,
    turned,
)


@inlined
def _exp_of_difference_over(x: Any, y: Any, total: Any, total_low: Any, inverse: Any) -> Any:
    """Return exp(x - y), computed again, over a number given as two.

    With that of the sum, kept as one number, results are off by up to 2.4 ULP.
    """
    high, low, n = elementary.exp_of_difference(x, y)
    return scale_down_by_power_of_two(elementary.quotient_of_two(high, low, total, total_low, inverse), n)


@inlined
def softmax_row(z: Any, n: int) -> Any:
    """Overwrite the n logits at z by their softmax; return log(sum(exp(z))) = (largest z, sum of exp(z - largest))."""
    four = 4 * lanes(z)
    largest = load_first_of_four(z, 0, n, -np.inf)
    for j in range(four, n, four):
        largest = max(load_first_of_four(z, j, n - j, -np.inf), largest)
    shift = splat(largest, max_lanes(largest))
    total, total_low = splat(shift, 0.0), splat(shift, 0.0)
    for j in range(0, n, four):
        logits = load_first_of_four(z, j, n - j, -np.inf)
        _, _, total, total_low = elementary.add_exp_of_difference(logits, shift, total, total_low)
    distance = four // 2
    while distance > 0:
        other, other_low = turned(total, distance), turned(total_low, distance)
        total, total_low = elementary.sum_in_two(total, total_low, other, other_low)
        distance //= 2
    total, total_low = lowered(total), lowered(total_low)
    inverse = 1.0 / total
    for j in range(0, n, four):
        logits = load_first_of_four(z, j, n - j, -np.inf)
        h = _exp_of_difference_over(logits, shift, total, total_low, inverse)
        store_first_of_four(z, j, h, n - j)
    return max_lanes(largest), max_lanes(total)


@inlined
def softmax_derivative_row(h: Any, delta: Any, n: int) -> None:
    """Turn dL/dh of a row into dL/dz."""
    VL = lanes(h)
    total = splat(h, 0.0)
    for j in range(0, n, VL):
        total = fma(load_first(h, j, n - j, 0.0), load_first(delta, j, n - j, 0.0), total)
    mean = splat(h, sum_lanes(total))
    for j in range(0, n, VL):
        row = load_first(h, j, n - j, 0.0) * (load_first(delta, j, n - j, 0.0) - mean)
        store_first(delta, j, row, n - j)


@inlined
def largest_in_lanes(z: Any, where: tuple[int, int, int, int], n: int, stride: int) -> Any:
    """Return the largest of each sample's n logits, `stride` apart, of four vectors."""
    largest = load_four(z, 0, where)
    for j in range(1, n):
        largest = max(largest, load_four(z, j * stride, where))
    return largest


@inlined
def softmax_in_lanes(z: Any, n_vectors: int, apart: int, n: int, stride: int) -> tuple[Any, Any]:
    """Overwrite the n logits, `stride` apart, of up to four vectors of samples by their softmax.

    The vectors are `apart` elements from each other. Returns what `softmax_row` does.
    """
    where = places(n_vectors, apart)
    largest = largest_in_lanes(z, where, n, stride)
    total, total_low = splat(largest, 0.0), splat(largest, 0.0)
    for j in range(n):
        logits = load_four(z, j * stride, where)
        _, _, total, total_low = elementary.add_exp_of_difference(logits, largest, total, total_low)
    total, total_low = lowered(total), lowered(total_low)
    inverse = 1.0 / total
    for j in range(n):
        logits = load_four(z, j * stride, where)
        h = _exp_of_difference_over(logits, largest, total, total_low, inverse)
        store_four(z, j * stride, where, h)
    return largest, total


@inlined
def softmax_in_lanes_beside(z: Any, room: Any, n_vectors: int, apart: int, n: int, stride: int) -> tuple[Any, Any]:
    """Do the same with room for as much, laid alike, in which the exponentials' low parts are kept: a third faster."""
    where = places(n_vectors, apart)
    largest = largest_in_lanes(z, where, n, stride)
    total, total_low = splat(largest, 0.0), splat(largest, 0.0)
    for j in range(n):
        logits = load_four(z, j * stride, where)
        high, low, total, total_low = elementary.add_exp_of_difference(logits, largest, total, total_low)
        store_four(z, j * stride, where, high)
        store_four(room, j * stride, where, low)
    inverse = 1.0 / total
    for j in range(n):
        high, low = load_four(z, j * stride, where), load_four(room, j * stride, where)
        store_four(z, j * stride, where, elementary.quotient_of_two(high, low, total, total_low, inverse))
    return largest, lowered(total)


@inlined
def softmax_rows(h: Any, rows: int, columns: int) -> None:
    """Overwrite rows of logits by their softmax: where they are short, for vectors of rows."""
    VL = lanes(h)
    n_turned = rows // VL if are_short(h, columns) else 0
    size = columns * VL
    for i in range(n_turned):
        turn_rows(advance(h, i * size), columns, advance(h, i * size))
    for i in range(0, n_turned, 4):
        softmax_in_lanes(advance(h, i * size), min(4, n_turned - i), size, columns, VL)
    for i in range(n_turned):
        turn_back_inplace(advance(h, i * size), columns)
    for i in range(n_turned * VL, rows):
        softmax_row(advance(h, i * columns), columns)


@inlined
def softmax_derivative_in_lanes(h: Any, delta: Any, n: int, stride: int) -> None:
    """Turn dL/dh of a vector of samples into dL/dz; outputs and deltas are `stride` apart."""
    mean = splat(h, 0.0)
    for j in range(n):
        mean = fma(load(h, j * stride), load(delta, j * stride), mean)
    for j in range(n):
        store(delta, j * stride, load(h, j * stride) * (load(delta, j * stride) - mean))
