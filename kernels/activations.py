"""Activation functions over arrays, and their derivatives as functions of the output.

======== ============== ============================
name     h(z)           dh/dz as a function of h
======== ============== ============================
identity z              1
sigmoid  1/(1+exp(-z))  h (1 - h)
tanh     tanh(z)        1 - h**2
relu     max(z, 0)      1 where h > 0, else 0
softmax  exp(z)/sum     h (d_h - sum(h d_h)), applied to the incoming gradient d_h; rows belong together
exp      exp(z)         h
======== ============== ============================

Softmax and exp are for outputs only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels import elementary
from kernels._jit import called, codes, entry_point, inlined, kernel, out_of_line
from kernels.short_rows import are_short, turn_back_inplace, turn_rows
from kernels.simd import (
    address,
    advance,
    fma,
    lanes,
    load,
    load_first,
    load_first_of_four,
    load_four,
    max_lanes,
    places,
    select_less,
    splat,
    store,
    store_first,
    store_first_of_four,
    store_four,
    sum_lanes,
    turned,
)

IDENTITY, SIGMOID, TANH, RELU, SOFTMAX, EXP = codes(6)
ACTIVATIONS = {
    "identity": int(IDENTITY),
    "sigmoid": int(SIGMOID),
    "tanh": int(TANH),
    "relu": int(RELU),
    "softmax": int(SOFTMAX),
    "exp": int(EXP),
}


@inlined
def identity_derivative(h: Any) -> Any:
    """Return 1 for a vector h of identity's outputs."""
    return splat(h, 1.0)


@inlined
def sigmoid_derivative(h: Any) -> Any:
    """Return h (1 - h) for a vector h of sigmoid's outputs."""
    return h * (1.0 - h)


@inlined
def tanh_derivative(h: Any) -> Any:
    """Return 1 - h**2 for a vector h of tanh's outputs, as (1 - h)(1 + h), which is accurate near |h| = 1."""
    return (1.0 - h) * (1.0 + h)


@inlined
def relu_derivative(h: Any) -> Any:
    """Return 1 where h > 0 and 0 elsewhere for a vector h of relu's outputs."""
    return select_less(splat(h, 0.0), h, splat(h, 1.0), splat(h, 0.0))


@inlined
def _exp_derivative(h: Any) -> Any:
    return h


@inlined
def _map_block(function: Any, h: Any, stride: int, rows: int, columns: int) -> None:
    """Overwrite a block by a function of its elements, four vectors at once; of narrow rows, those of several."""
    VL = lanes(h)
    if columns in (VL, 2 * VL):
        at_once = 4 * VL // columns
        for i in range(0, rows, at_once):
            block, left = advance(h, i * stride), rows - i
            below = stride if left > 1 else 0
            where = places(left, stride) if columns == VL else (0, VL, below, below + VL)
            store_four(block, 0, where, function(load_four(block, 0, where)))
        return
    whole = columns // (4 * VL) * 4 * VL
    for i in range(rows):
        row, where = advance(h, i * stride), places(4, VL)
        for j in range(0, whole, 4 * VL):
            store_four(row, j, where, function(load_four(row, j, where)))
        if whole < columns:
            rest = columns - whole
            store_first_of_four(row, whole, function(load_first_of_four(row, whole, rest, 0.0)), rest)


@inlined
def _multiply_block(derivative: Any, h: Any, delta: Any, stride: int, rows: int, columns: int) -> None:
    VL = lanes(h)
    whole = columns // VL * VL
    for i in range(rows):
        h_row, row = advance(h, i * stride), advance(delta, i * stride)
        for j in range(0, whole, VL):
            store(row, j, load(row, j) * derivative(load(h_row, j)))
        rest = columns - whole
        if rest > 0:
            product = load_first(row, whole, rest, 0.0) * derivative(load_first(h_row, whole, rest, 0.0))
            store_first(row, whole, product, rest)


@inlined
def softmax_row(z: Any, n: int) -> Any:
    """Overwrite the n logits at z by their softmax; return log(sum(exp(z))) = (largest z, sum of exp(z - largest)).

    Exponentials and their sum are kept in two parts, so that the quotient is as exact as they are.
    """
    four = 4 * lanes(z)
    largest = load_first_of_four(z, 0, n, -np.inf)
    for j in range(four, n, four):
        largest = max(load_first_of_four(z, j, n - j, -np.inf), largest)
    shift = splat(largest, max_lanes(largest))
    total, total_low = splat(shift, 0.0), splat(shift, 0.0)
    for j in range(0, n, four):
        logits = load_first_of_four(z, j, n - j, -np.inf)
        total, total_low = elementary.add_exp_of_difference(logits, shift, total, total_low)
    distance = four // 2
    while distance > 0:
        other, other_low = turned(total, distance), turned(total_low, distance)
        total, total_low = elementary.sum_in_two(total, total_low, other, other_low)
        distance //= 2
    inverse = 1.0 / total
    for j in range(0, n, four):
        logits = load_first_of_four(z, j, n - j, -np.inf)
        h = elementary.exp_of_difference_over(logits, shift, total, total_low, inverse)
        store_first_of_four(z, j, h, n - j)
    return max_lanes(largest), max_lanes(total)


@inlined
def _softmax_derivative_row(h: Any, delta: Any, n: int) -> None:
    VL = lanes(h)
    total = splat(h, 0.0)
    for j in range(0, n, VL):
        total = fma(load_first(h, j, n - j, 0.0), load_first(delta, j, n - j, 0.0), total)
    mean = splat(h, sum_lanes(total))
    for j in range(0, n, VL):
        row = load_first(h, j, n - j, 0.0) * (load_first(delta, j, n - j, 0.0) - mean)
        store_first(delta, j, row, n - j)


@inlined
def softmax_in_lanes(z: Any, n_vectors: int, apart: int, n: int, stride: int) -> tuple[Any, Any]:
    """Overwrite the n logits, `stride` apart, of up to four vectors of samples by their softmax.

    The vectors are `apart` elements from each other. Returns what `softmax_row` does.
    """
    where = places(n_vectors, apart)
    largest = load_four(z, 0, where)
    total, total_low = splat(largest, 0.0), splat(largest, 0.0)
    for j in range(1, n):
        largest = max(largest, load_four(z, j * stride, where))
    for j in range(n):
        logits = load_four(z, j * stride, where)
        total, total_low = elementary.add_exp_of_difference(logits, largest, total, total_low)
    inverse = 1.0 / total
    for j in range(n):
        logits = load_four(z, j * stride, where)
        h = elementary.exp_of_difference_over(logits, largest, total, total_low, inverse)
        store_four(z, j * stride, where, h)
    return largest, total


@inlined
def _softmax_rows(h: Any, rows: int, columns: int) -> None:
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


@kernel
def activate_block(activation: int, h: Any, stride: int, rows: int, columns: int) -> None:
    """Overwrite a block of logits by the activation of a hidden layer, rows being `stride` apart."""
    out_of_line()
    if activation == SIGMOID:
        _map_block(elementary.sigmoid, h, stride, rows, columns)
    elif activation == TANH:
        _map_block(elementary.tanh, h, stride, rows, columns)
    elif activation == RELU:
        _map_block(elementary.relu, h, stride, rows, columns)


@inlined
def activate_in_lanes(activation: int, h: Any, rows: int, n: int, stride: int) -> None:
    """Do it for rows of n samples, in memory up to the next row: a vector of each, or all rows as one without gaps."""
    if n <= lanes(h):
        activate_block(activation, h, stride, rows, lanes(h))
    else:
        activate_block(activation, h, 0, 1, rows * stride)


@kernel
def multiply_block_by_derivative(activation: int, h: Any, delta: Any, stride: int, rows: int, columns: int) -> None:
    """Turn a block of dL/dh into dL/dz, given the outputs h; rows of both are `stride` apart; of hidden layers."""
    if activation == SIGMOID:
        _multiply_block(sigmoid_derivative, h, delta, stride, rows, columns)
    elif activation == TANH:
        _multiply_block(tanh_derivative, h, delta, stride, rows, columns)
    elif activation == RELU:
        _multiply_block(relu_derivative, h, delta, stride, rows, columns)


@called
def activate(activation: int, h: Any, rows: int, columns: int) -> None:
    """Overwrite the logits (rows, columns) at the pointer h by their activation."""
    if activation == SOFTMAX:
        _softmax_rows(h, rows, columns)
    elif activation == EXP:
        _map_block(elementary.exp, h, 0, 1, rows * columns)
    else:
        activate_block(activation, h, 0, 1, rows * columns)


@called
def multiply_by_derivative(activation: int, h: Any, delta: Any, rows: int, columns: int) -> None:
    """Turn dL/dh at the pointer delta into dL/dz, given the outputs h; both are (rows, columns)."""
    if activation == SOFTMAX:
        for i in range(rows):
            _softmax_derivative_row(advance(h, i * columns), advance(delta, i * columns), columns)
    elif activation == EXP:
        _multiply_block(_exp_derivative, h, delta, 0, 1, rows * columns)
    else:
        multiply_block_by_derivative(activation, h, delta, 0, 1, rows * columns)


@entry_point
def activate_inplace(activation: int, h: np.ndarray) -> None:
    """Overwrite the logits h (n_samples, n_units) by their activation."""
    activate(activation, address(h, 0), h.shape[0], h.shape[1])


@entry_point
def multiply_by_derivative_inplace(activation: int, h: np.ndarray, delta: np.ndarray) -> None:
    """Turn delta from dL/dh into dL/dz, given the outputs h; both (n_samples, n_units)."""
    multiply_by_derivative(activation, address(h, 0), address(delta, 0), h.shape[0], h.shape[1])
