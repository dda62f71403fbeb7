"""Negative log-likelihoods, computed from the logits: finite where an output rounds to 0 or 1, and delta is h - y.

======== ============ =============================================
outputs  the loss is  of a row, with outputs h and targets y
======== ============ =============================================
softmax  cross_entropy ``-sum y log h``, y summing to any total
sigmoid  cross_entropy ``-sum (y log h + (1 - y) log(1 - h))``
exp      poisson       ``sum (y log(y/h) - y + h)``, 0 log 0 being 0
======== ============ =============================================

The output activation tells which it is. Logarithms of single rows are taken in float64.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kernels import elementary
from kernels._jit import inlined, kernel
from kernels.activations import EXP, SIGMOID, SOFTMAX, softmax_in_lanes, softmax_row
from kernels.short_rows import are_short, turn_back_inplace, turn_rows
from kernels.simd import (
    absolute,
    advance,
    fma,
    get,
    keep_first,
    lanes,
    load_first,
    load_two,
    splat,
    store,
    store_first,
    store_two,
    sum_lanes,
)


@kernel
def _softmax_in_lanes(z: Any, y: Any, delta: Any, apart: int, n_out: int, n: int, stride: int, scale: Any) -> Any:
    """Do what `likelihood` does for softmax and the first n samples of two vectors, in rows of outputs.

    The second vector is `apart` behind the first; it is the same one if that is 0. y and delta may be the same. With t
    the sum of a sample's targets its loss is ``t log(sum exp(z - m)) - sum y (z - m)``, m being the largest z.
    """
    largest = load_two(z, 0, apart)
    weighted, target_sum = splat(largest, 0.0), splat(largest, 0.0)
    for j in range(1, n_out):
        largest = max(largest, load_two(z, j * stride, j * stride + apart))
    for j in range(n_out):
        place = j * stride
        target = load_two(y, place, place + apart)
        weighted = fma(target, load_two(z, place, place + apart) - largest, weighted)
        target_sum = target_sum + target
    exp_sum = softmax_in_lanes(z, apart, n_out, stride)[1]
    for j in range(n_out):
        place = j * stride
        error = load_two(z, place, place + apart) * target_sum - load_two(y, place, place + apart)
        store_two(delta, place, place + apart, keep_first(error, n) * splat(error, scale))
    loss = fma(target_sum, elementary.log_of_sum(exp_sum, n_out), -weighted)
    return np.float64(sum_lanes(keep_first(loss, n)))


@inlined
def _softmax_row(z: Any, y: Any, delta: Any, n: int, scale: Any) -> Any:
    weighted, total = 0.0, 0.0
    for j in range(n):
        weighted += np.float64(get(y, j)) * np.float64(get(z, j))
        total += np.float64(get(y, j))
    largest, exp_sum = softmax_row(z, n)
    for j in range(0, n, lanes(z)):
        h, target = load_first(z, j, n - j, 0.0), load_first(y, j, n - j, 0.0)
        store_first(delta, j, (h * total - target) * splat(z, scale), n - j)
    return total * (np.float64(largest) + math.log(np.float64(exp_sum))) - weighted


@inlined
def _softmax(z: Any, y: Any, delta: Any, rows: int, columns: int, scale: Any) -> Any:
    """Do what `likelihood` does for softmax: where rows are short, for vectors of rows."""
    VL, total = lanes(z), 0.0
    turned, block = rows // VL * VL if are_short(z, columns) else 0, columns * VL
    for i in range(0, turned, VL):
        offset = i * columns
        turn_rows(advance(z, offset), columns, advance(z, offset))
        turn_rows(advance(y, offset), columns, advance(delta, offset))
    for i in range(0, turned, 2 * VL):
        turned_z, turned_y = advance(z, i * columns), advance(delta, i * columns)
        apart, n = block if i + VL < turned else 0, min(2 * VL, turned - i)
        total += _softmax_in_lanes(turned_z, turned_y, turned_y, apart, columns, n, VL, scale)
    for i in range(0, turned, VL):
        turn_back_inplace(advance(z, i * columns), columns)
        turn_back_inplace(advance(delta, i * columns), columns)
    for i in range(turned, rows):
        offset = i * columns
        total += _softmax_row(advance(z, offset), advance(y, offset), advance(delta, offset), columns, scale)
    return total


@kernel
def _sigmoid(z: Any, y: Any, delta: Any, n: int, scale: Any) -> Any:
    """Sum ``max(z, 0) - z y + log(1 + exp(-|z|))``."""
    VL, zero, total = lanes(z), splat(z, 0.0), splat(z, 0.0)
    for i in range(0, n, VL):
        logits, target = load_first(z, i, n - i, 0.0), load_first(y, i, n - i, 0.0)
        log = elementary.log1p_of_share(elementary.exp(-absolute(logits)))
        total = total + keep_first(fma(-logits, target, max(zero, logits)) + log, n - i)
        h = elementary.sigmoid(logits)
        store_first(z, i, h, n - i)
        store_first(delta, i, (h - target) * splat(z, scale), n - i)
    return np.float64(sum_lanes(total))


@inlined
def _exp(z: Any, y: Any, delta: Any, n: int, scale: Any) -> Any:
    """Sum ``y (log y - z - 1) + h``, in which h only comes from the exponential."""
    total = 0.0
    VL = lanes(z)
    for i in range(0, n, VL):
        logits, target = load_first(z, i, n - i, 0.0), load_first(y, i, n - i, 0.0)
        h = elementary.exp(logits)
        store_first(delta, i, h, n - i)
        for j in range(i, min(i + VL, n)):
            count = np.float64(get(y, j))
            total += np.float64(get(delta, j))
            if count != 0.0:
                total += count * (math.log(count) - np.float64(get(z, j)) - 1.0)
        store_first(z, i, h, n - i)
        store_first(delta, i, (h - target) * splat(z, scale), n - i)
    return total


@kernel
def likelihood(activation: int, z: Any, y: Any, delta: Any, rows: int, columns: int, scale: Any) -> Any:
    """Overwrite the logits z by the outputs h, write scale times dL/dz to delta, return L summed over the rows.

    All are pointers to (rows, columns) elements.
    """
    if activation == SIGMOID:
        return _sigmoid(z, y, delta, rows * columns, scale)
    if activation == EXP:
        return _exp(z, y, delta, rows * columns, scale)
    return _softmax(z, y, delta, rows, columns, scale)


@inlined
def likelihood_in_lanes(
    activation: int, z: Any, y: Any, delta: Any, n_out: int, n: int, stride: int, scale: Any
) -> Any:
    """Do what `likelihood` does, but for exp, for n samples in rows of outputs, `stride` apart, whole vectors.

    What pads the last vector of the samples gets a delta of zero.
    """
    total, VL = 0.0, lanes(z)
    if activation == SOFTMAX:
        for i in range(0, n, 2 * VL):
            pair_z, pair_y, pair_delta = advance(z, i), advance(y, i), advance(delta, i)
            total += _softmax_in_lanes(pair_z, pair_y, pair_delta, VL, n_out, n - i, stride, scale)
        return total
    for j in range(n_out):
        row = j * stride
        store(delta, row + (n - 1) // VL * VL, splat(z, 0.0))
        total += _sigmoid(advance(z, row), advance(y, row), advance(delta, row), n, scale)
    return total
