"""Loss, output activation and delta in one pass over the output layer.

With N rows, targets y and outputs h = act(z):

- mse: ``1/(2N) sum (y - h)**2`` over samples and outputs, with any activation;
- cross_entropy with softmax: ``-1/N sum y log h``, rows of y summing to any total;
- cross_entropy with sigmoid: ``-1/N sum (y log h + (1 - y) log(1 - h))`` over samples and outputs.

Cross-entropy is computed from the logits, so it stays finite where h rounds to 0 or 1. The functions here return the
sum and leave the factor to `network`, which also adds the penalties. The delta is dL/dz times the given scale.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kernels import elementary
from kernels._jit import called, inlined, kernel
from kernels.activations import (
    IDENTITY,
    RELU,
    SIGMOID,
    SOFTMAX,
    TANH,
    activate,
    identity_derivative,
    multiply_by_derivative,
    relu_derivative,
    sigmoid_derivative,
    softmax_derivative_in_lanes,
    softmax_in_lanes,
    softmax_row,
    tanh_derivative,
)
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

MSE, CROSS_ENTROPY = 0, 1
LOSSES = {"mse": MSE, "cross_entropy": CROSS_ENTROPY}


@inlined
def _read_first(pointer: Any, i: int, n: int) -> Any:
    return load_first(pointer, i, n, 0.0)


@inlined
def _write_first(pointer: Any, i: int, value: Any, n: int) -> None:
    store_first(pointer, i, value, n)


@inlined
def _read_whole(pointer: Any, i: int, n: int) -> Any:
    return load(pointer, i)


@inlined
def _write_whole(pointer: Any, i: int, value: Any, n: int) -> None:
    store(pointer, i, value)


@inlined
def _squared_error(
    read: Any, write: Any, function: Any, derivative: Any, z: Any, y: Any, delta: Any, n: int, scale: Any
) -> Any:
    """Overwrite z by h = function(z), write scale (h - y) h'(z) to delta, return the lanes' sums of (h - y)**2."""
    total = splat(z, 0.0)
    for i in range(0, n, lanes(z)):
        h = function(read(z, i, n - i))
        error = keep_first(h - read(y, i, n - i), n - i)
        total = fma(error, error, total)
        write(z, i, h, n - i)
        write(delta, i, error * derivative(h) * splat(z, scale), n - i)
    return total


@inlined
def _identity(z: Any) -> Any:
    return z


@inlined
def _squared_error_of(read: Any, write: Any, activation: int, z: Any, y: Any, delta: Any, n: int, scale: Any) -> Any:
    if activation == SIGMOID:
        return _squared_error(read, write, elementary.sigmoid, sigmoid_derivative, z, y, delta, n, scale)
    if activation == TANH:
        return _squared_error(read, write, elementary.tanh, tanh_derivative, z, y, delta, n, scale)
    if activation == RELU:
        return _squared_error(read, write, elementary.relu, relu_derivative, z, y, delta, n, scale)
    return _squared_error(read, write, _identity, identity_derivative, z, y, delta, n, scale)


@kernel
def squared_error(activation: int, z: Any, y: Any, delta: Any, rows: int, columns: int, scale: Any) -> Any:
    """Overwrite the logits z by the outputs h, write scale times dL/dz to delta, return ``sum((y - h)**2)``.

    All are pointers to (rows, columns) elements; L is half the returned sum.
    """
    if activation == SOFTMAX:
        activate(SOFTMAX, z, rows, columns)
    total = sum_lanes(_squared_error_of(_read_first, _write_first, activation, z, y, delta, rows * columns, scale))
    if activation == SOFTMAX:
        multiply_by_derivative(SOFTMAX, z, delta, rows, columns)
    return total


@kernel
def squared_error_in_lanes(
    activation: int, z: Any, y: Any, delta: Any, n_out: int, n: int, stride: int, scale: Any
) -> Any:
    """Do what `squared_error` does for n samples in rows of outputs, in memory up to the next whole vector.

    What is behind the samples gets a delta of zero. No masked store delays the loads that follow.
    """
    total = splat(z, 0.0)
    for j in range(n_out):
        row_z, row_y, row_delta = advance(z, j * stride), advance(y, j * stride), advance(delta, j * stride)
        total = total + _squared_error_of(_read_whole, _write_whole, activation, row_z, row_y, row_delta, n, scale)
    return sum_lanes(total)


@kernel
def _softmax_squared_error_in_lanes(z: Any, y: Any, delta: Any, n_out: int, n: int, stride: int, scale: Any) -> Any:
    """Do what `squared_error_in_lanes` does, for softmax."""
    VL = lanes(z)
    for i in range(0, n, VL):
        softmax_in_lanes(advance(z, i), n_out, stride)
    total = squared_error_in_lanes(IDENTITY, z, y, delta, n_out, n, stride, scale)
    for i in range(0, n, VL):
        softmax_derivative_in_lanes(advance(z, i), advance(delta, i), n_out, stride)
    return total


@kernel
def _softmax_cross_entropy_in_lanes(
    z: Any, y: Any, delta: Any, n_out: int, n: int, stride: int, scale: Any, totals: Any
) -> Any:
    """Do what `cross_entropy` does for softmax and n samples in rows of outputs.

    With t the sum of a sample's targets its loss is ``t log(sum exp(z - m)) - sum y (z - m)``, m being the largest z.
    """
    VL, loss = lanes(z), 0.0
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
        store(totals, 0, exp_sum)
        store(totals, VL, target_sum)
        store(totals, 2 * VL, weighted)
        for s in range(min(VL, n - i)):
            log_sum = math.log(np.float64(get(totals, s)))
            loss += np.float64(get(totals, VL + s)) * log_sum - np.float64(get(totals, 2 * VL + s))
        for j in range(n_out):
            error = load(column_z, j * stride) * target_sum - load(column_y, j * stride)
            store(column_delta, j * stride, keep_first(error, n - i) * splat(z, scale))
    return loss


@inlined
def _softmax_cross_entropy_row(z: Any, y: Any, delta: Any, n: int, scale: Any) -> Any:
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
def _sigmoid_cross_entropy(z: Any, y: Any, delta: Any, n: int, scale: Any) -> Any:
    total = 0.0
    VL = lanes(z)
    for i in range(0, n, VL):
        logits, target = load_first(z, i, n - i, 0.0), load_first(y, i, n - i, 0.0)
        store_first(delta, i, elementary.exp(splat(z, 0.0) - absolute(logits)), n - i)
        for j in range(i, min(i + VL, n)):
            logit = np.float64(get(z, j))
            total += max(logit, 0.0) - logit * np.float64(get(y, j)) + math.log1p(np.float64(get(delta, j)))
        h = elementary.sigmoid(logits)
        store_first(z, i, h, n - i)
        store_first(delta, i, (h - target) * splat(z, scale), n - i)
    return total


@kernel
def cross_entropy(activation: int, z: Any, y: Any, delta: Any, rows: int, columns: int, scale: Any) -> Any:
    """Do what `squared_error` does, for cross-entropy of softmax or sigmoid outputs; the returned sum is L itself."""
    if activation == SIGMOID:
        return _sigmoid_cross_entropy(z, y, delta, rows * columns, scale)
    total = 0.0
    for i in range(rows):
        offset = i * columns
        total += _softmax_cross_entropy_row(
            advance(z, offset), advance(y, offset), advance(delta, offset), columns, scale
        )
    return total


@called
def output_delta(loss: int, activation: int, z: Any, y: Any, delta: Any, rows: int, columns: int, scale: Any) -> Any:
    """Overwrite the logits by the outputs, write scale times dL/dz to delta, return L summed over the rows."""
    if loss == MSE:
        return 0.5 * np.float64(squared_error(activation, z, y, delta, rows, columns, scale))
    return cross_entropy(activation, z, y, delta, rows, columns, scale)


@called
def weighted_output_delta(
    loss: int, activation: int, z: Any, y: Any, weights: Any, delta: Any, rows: int, columns: int, scale: Any
) -> Any:
    """Do what `output_delta` does, with loss and delta of each row multiplied by one of `weights`."""
    total = 0.0
    for i in range(rows):
        weight, offset = get(weights, i), i * columns
        row_z, row_y, row_delta = advance(z, offset), advance(y, offset), advance(delta, offset)
        total += weight * output_delta(loss, activation, row_z, row_y, row_delta, 1, columns, scale * weight)
    return total


@inlined
def output_delta_in_lanes(
    loss: int, activation: int, z: Any, y: Any, delta: Any, n_out: int, n: int, stride: int, scale: Any, scratch: Any
) -> Any:
    """Do what `output_delta` does for n samples in rows of outputs, `stride` apart, a multiple of the lanes.

    What pads the last vector of the samples gets a delta of zero. `scratch` has room for three vectors.
    """
    if loss == MSE and activation == SOFTMAX:
        return 0.5 * np.float64(_softmax_squared_error_in_lanes(z, y, delta, n_out, n, stride, scale))
    if loss == MSE:
        return 0.5 * np.float64(squared_error_in_lanes(activation, z, y, delta, n_out, n, stride, scale))
    if activation == SOFTMAX:
        return _softmax_cross_entropy_in_lanes(z, y, delta, n_out, n, stride, scale, scratch)
    total, VL = 0.0, lanes(z)
    for j in range(n_out):
        row = j * stride
        store(delta, row + (n - 1) // VL * VL, splat(z, 0.0))
        total += cross_entropy(activation, advance(z, row), advance(y, row), advance(delta, row), 1, n, scale)
    return total


@kernel
def sum_of_absolute_errors(h: Any, y: Any, n: int) -> Any:
    """Return ``sum(|y - h|)`` over n elements at the pointers h and y."""
    total = splat(h, 0.0)
    for i in range(0, n, lanes(h)):
        total = total + absolute(load_first(h, i, n - i, 0.0) - load_first(y, i, n - i, 0.0))
    return np.float64(sum_lanes(total))
