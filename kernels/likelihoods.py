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
    load,
    load_first,
    splat,
    store,
    store_first,
    sum_lanes,
)


@kernel
def _softmax_in_lanes(z: Any, y: Any, delta: Any, n_out: int, n: int, stride: int, scale: Any) -> Any:
    """Do what `likelihood` does for softmax and n samples in rows of outputs; y and delta may be the same.

    With t the sum of a sample's targets its loss is ``t log(sum exp(z - m)) - sum y (z - m)``, m being the largest z.
    """
    VL, loss = lanes(z), splat(z, 0.0)
    for i in range(0, n, VL):
        column_z, column_y, column_delta = advance(z, i), advance(y, i), advance(delta, i)
        largest, weighted, target_sum = load(column_z, 0), splat(z, 0.0), splat(z, 0.0)
        for j in range(1, n_out):
            largest = max(largest, load(column_z, j * stride))
        for j in range(n_out):
            target = load(column_y, j * stride)
            weighted = fma(target, load(column_z, j * stride) - largest, weighted)
            target_sum = target_sum + target
        exp_sum = softmax_in_lanes(column_z, n_out, stride)[1]
        log_sum = elementary.log_of_sum(exp_sum, n_out)
        loss = loss + keep_first(fma(target_sum, log_sum, -weighted), n - i)
        for j in range(n_out):
            error = load(column_z, j * stride) * target_sum - load(column_y, j * stride)
            store(column_delta, j * stride, keep_first(error, n - i) * splat(z, scale))
    return np.float64(sum_lanes(loss))


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
    """Do what `likelihood` does for softmax: where rows are short, for as many at once as a vector has lanes."""
    VL, total = lanes(z), 0.0
    turned = rows // VL * VL if are_short(z, columns) else 0
    for i in range(0, turned, VL):
        block_z, block_y, block_delta = advance(z, i * columns), advance(y, i * columns), advance(delta, i * columns)
        turn_rows(block_z, columns, block_z)
        turn_rows(block_y, columns, block_delta)
        total += _softmax_in_lanes(block_z, block_delta, block_delta, columns, VL, VL, scale)
        turn_back_inplace(block_z, columns)
        turn_back_inplace(block_delta, columns)
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
    if activation == SOFTMAX:
        return _softmax_in_lanes(z, y, delta, n_out, n, stride, scale)
    total, VL = 0.0, lanes(z)
    for j in range(n_out):
        row = j * stride
        store(delta, row + (n - 1) // VL * VL, splat(z, 0.0))
        total += _sigmoid(advance(z, row), advance(y, row), advance(delta, row), n, scale)
    return total
