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
from kernels.activations import EXP, SIGMOID, SOFTMAX
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
from kernels.softmax import largest_in_lanes, softmax_in_lanes, softmax_in_lanes_beside, softmax_row


@inlined
def _softmax_by(
    softmax: Any, z: Any, y: Any, delta: Any, n_vectors: int, apart: int, n_out: int, n: int, stride: int, scale: Any
) -> Any:
    """Do what `likelihood` does for softmax and the first n samples of up to four vectors, in rows of outputs.

    The vectors are `apart` elements from each other. With t the sum of a sample's targets its loss is ``t log(sum
    exp(z - m)) - sum y (z - m)``, m being the largest z.
    """
    where = places(n_vectors, apart)
    largest = largest_in_lanes(z, where, n_out, stride)
    weighted, target_sum = splat(largest, 0.0), splat(largest, 0.0)
    for j in range(n_out):
        target = load_four(y, j * stride, where)
        weighted = fma(target, load_four(z, j * stride, where) - largest, weighted)
        target_sum = target_sum + target
    exp_sum = softmax(z, delta, n_vectors, apart, n_out, stride)[1]
    for j in range(n_out):
        error = load_four(z, j * stride, where) * target_sum - load_four(y, j * stride, where)
        store_four(delta, j * stride, where, keep_first(error, n) * splat(error, scale))
    loss = fma(target_sum, elementary.log_of_sum(exp_sum, n_out), -weighted)
    return np.float64(sum_lanes(keep_first(loss, n)))


@inlined
def _softmax_in_its_place(z: Any, room: Any, n_vectors: int, apart: int, n: int, stride: int) -> tuple[Any, Any]:
    return softmax_in_lanes(z, n_vectors, apart, n, stride)


@kernel
def _softmax_of_turned(
    z: Any, y_and_delta: Any, n_vectors: int, apart: int, n_out: int, stride: int, scale: Any
) -> Any:
    """Do it for rows that are turned, with targets where the delta is to be."""
    n = n_vectors * stride
    return _softmax_by(_softmax_in_its_place, z, y_and_delta, y_and_delta, n_vectors, apart, n_out, n, stride, scale)


@kernel
def _softmax_in_lanes(z: Any, y: Any, delta: Any, n_out: int, n: int, stride: int, scale: Any) -> Any:
    """Do it for n samples in rows of outputs; what pads the last vector of them gets a delta of zero."""
    VL, loss = lanes(z), 0.0
    for i in range(0, n, 4 * VL):
        four_z, four_y, four_delta = advance(z, i), advance(y, i), advance(delta, i)
        n_vectors = min(4, (n - i + VL - 1) // VL)
        loss += _softmax_by(
            softmax_in_lanes_beside, four_z, four_y, four_delta, n_vectors, VL, n_out, n - i, stride, scale
        )
    return loss


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
        turned_z, turned_y = advance(z, i * size), advance(delta, i * size)
        total += _softmax_of_turned(turned_z, turned_y, min(4, n_turned - i), size, columns, VL, scale)
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
    if activation == SOFTMAX:
        return _softmax_in_lanes(z, y, delta, n_out, n, stride, scale)
    total, VL = 0.0, lanes(z)
    for j in range(n_out):
        row = j * stride
        store(delta, row + (n - 1) // VL * VL, splat(z, 0.0))
        total += _sigmoid(advance(z, row), advance(y, row), advance(delta, row), n, scale)
    return total
