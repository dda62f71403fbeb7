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
    load_first_of_four,
    load_four,
    places,
    splat,
    store,
    store_first,
    store_first_of_four,
    store_four,
    sum_lanes,
)


@kernel
def _softmax_in_lanes(
    z: Any, y: Any, delta: Any, n_vectors: int, apart: int, n_out: int, n: int, stride: int, scale: Any
) -> Any:
    """Do what `likelihood` does for softmax and the first n samples of up to four vectors, in rows of outputs.

    The vectors are `apart` elements from each other; y and delta may be the same. With t the sum of a sample's targets
    its loss is ``t log(sum exp(z - m)) - sum y (z - m)``, m being the largest z.
    """
    where = places(n_vectors, apart)
    largest = load_four(z, 0, where)
    weighted, target_sum = splat(largest, 0.0), splat(largest, 0.0)
    for j in range(1, n_out):
        largest = max(largest, load_four(z, j * stride, where))
    for j in range(n_out):
        target = load_four(y, j * stride, where)
        weighted = fma(target, load_four(z, j * stride, where) - largest, weighted)
        target_sum = target_sum + target
    exp_sum = softmax_in_lanes(z, n_vectors, apart, n_out, stride)[1]
    for j in range(n_out):
        error = load_four(z, j * stride, where) * target_sum - load_four(y, j * stride, where)
        store_four(delta, j * stride, where, keep_first(error, n) * splat(error, scale))
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
    n_turned = rows // VL if are_short(z, columns) else 0
    size = columns * VL
    for i in range(n_turned):
        turn_rows(advance(z, i * size), columns, advance(z, i * size))
        turn_rows(advance(y, i * size), columns, advance(delta, i * size))
    for i in range(0, n_turned, 4):
        turned_z, turned_y, n = advance(z, i * size), advance(delta, i * size), min(4, n_turned - i)
        total += _softmax_in_lanes(turned_z, turned_y, turned_y, n, size, columns, n * VL, VL, scale)
    for i in range(n_turned):
        turn_back_inplace(advance(z, i * size), columns)
        turn_back_inplace(advance(delta, i * size), columns)
    for i in range(n_turned * VL, rows):
        offset = i * columns
        total += _softmax_row(advance(z, offset), advance(y, offset), advance(delta, offset), columns, scale)
    return total


@kernel
def _sigmoid(z: Any, y: Any, delta: Any, n: int, scale: Any) -> Any:
    """Sum ``max(z, 0) - z y + log(1 + exp(-|z|))``."""
    total = 0.0
    for i in range(0, n, 4 * lanes(z)):
        logits, target = load_first_of_four(z, i, n - i, 0.0), load_first_of_four(y, i, n - i, 0.0)
        log = elementary.log1p_of_share(elementary.exp(-absolute(logits)))
        loss = fma(-logits, target, max(splat(logits, 0.0), logits)) + log
        total += np.float64(sum_lanes(keep_first(loss, n - i)))
        h = elementary.sigmoid(logits)
        store_first_of_four(z, i, h, n - i)
        store_first_of_four(delta, i, (h - target) * splat(h, scale), n - i)
    return total


@inlined
def _exp(z: Any, y: Any, delta: Any, n: int, scale: Any) -> Any:
    """Sum ``y (log y - z - 1) + h``, in which h only comes from the exponential."""
    total = 0.0
    four = 4 * lanes(z)
    for i in range(0, n, four):
        logits, target = load_first_of_four(z, i, n - i, 0.0), load_first_of_four(y, i, n - i, 0.0)
        h = elementary.exp(logits)
        store_first_of_four(delta, i, h, n - i)
        for j in range(i, min(i + four, n)):
            count = np.float64(get(y, j))
            total += np.float64(get(delta, j))
            if count != 0.0:
                total += count * (math.log(count) - np.float64(get(z, j)) - 1.0)
        store_first_of_four(z, i, h, n - i)
        store_first_of_four(delta, i, (h - target) * splat(h, scale), n - i)
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
        for i in range(0, n, 4 * VL):
            four_z, four_y, four_delta = advance(z, i), advance(y, i), advance(delta, i)
            n_vectors = (n - i + VL - 1) // VL
            total += _softmax_in_lanes(four_z, four_y, four_delta, n_vectors, VL, n_out, n - i, stride, scale)
        return total
    for j in range(n_out):
        row = j * stride
        store(delta, row + (n - 1) // VL * VL, splat(z, 0.0))
        total += _sigmoid(advance(z, row), advance(y, row), advance(delta, row), n, scale)
    return total
