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
from kernels._jit import called, codes, entry_point, inlined, kernel
from kernels.short_rows import are_short, turn_back_inplace, turn_rows
from kernels.simd import (
    address,
    advance,
    fma,
    halves,
    joined,
    lanes,
    load,
    load_first,
    load_two,
    max_lanes,
    select_less,
    splat,
    store,
    store_first,
    store_two,
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
def _map_two_pairs(function: Any, place: Any, other: Any) -> None:
    """Overwrite two vectors at each of two places by a function of them."""
    VL = lanes(place)
    first, second = halves(function(joined(load_two(place, 0, VL), load_two(other, 0, VL))))
    store(place, 0, first)
    store(other, 0, second)


@inlined
def _map_block(function: Any, h: Any, stride: int, rows: int, columns: int) -> None:
    """Overwrite a block by a function of its elements, four vectors at once: in a row, or where it has but two, in two.

    A function is one long chain of instructions, and a processor looks ahead for less than the next one: by single
    vectors, sigmoid takes 1.4 times as long with AVX2.
    """
    VL = lanes(h)
    pairs, whole = 2 * VL, columns // VL * VL
    two_rows = columns == pairs
    step, to_other = (2, stride) if two_rows else (1, pairs)
    at_once = 0 if two_rows else whole // (2 * pairs) * 2 * pairs
    for i in range(0, rows - step + 1, step):
        row = advance(h, i * stride)
        for j in range(0, pairs if two_rows else at_once, 2 * pairs):
            _map_two_pairs(function, advance(row, j), advance(row, j + to_other))
    for i in range(rows - rows % 2 if two_rows else 0, rows):
        row = advance(h, i * stride)
        for j in range(at_once, whole, VL):
            store(row, j, function(load(row, j)))
        if whole < columns:
            store_first(row, whole, function(load_first(row, whole, columns - whole, 0.0)), columns - whole)


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
    VL = lanes(z)
    largest = splat(z, -np.inf)
    for j in range(0, n, VL):
        largest = max(load_first(z, j, n - j, -np.inf), largest)
    shift = splat(z, max_lanes(largest))
    total, total_low = splat(z, 0.0), splat(z, 0.0)
    for j in range(0, n, VL):
        logits = load_first(z, j, n - j, -np.inf)
        total, total_low = elementary.add_exp_of_difference(logits, shift, total, total_low)
    distance = VL // 2
    while distance > 0:
        other, other_low = turned(total, distance), turned(total_low, distance)
        total, total_low = elementary.sum_in_two(total, total_low, other, other_low)
        distance //= 2
    inverse = 1.0 / total
    for j in range(0, n, VL):
        logits = load_first(z, j, n - j, -np.inf)
        store_first(z, j, elementary.exp_of_difference_over(logits, shift, total, total_low, inverse), n - j)
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
def softmax_in_lanes(z: Any, apart: int, n: int, stride: int) -> tuple[Any, Any]:
    """Overwrite the n logits, `stride` apart, of two vectors of samples by their softmax.

    The second vector is `apart` behind the first; it is the same one if that is 0. Returns what `softmax_row` does.
    """
    largest = load_two(z, 0, apart)
    total, total_low = splat(largest, 0.0), splat(largest, 0.0)
    for j in range(1, n):
        largest = max(largest, load_two(z, j * stride, j * stride + apart))
    for j in range(n):
        place = j * stride
        logits = load_two(z, place, place + apart)
        total, total_low = elementary.add_exp_of_difference(logits, largest, total, total_low)
    inverse = 1.0 / total
    for j in range(n):
        place = j * stride
        logits = load_two(z, place, place + apart)
        h = elementary.exp_of_difference_over(logits, largest, total, total_low, inverse)
        store_two(z, place, place + apart, h)
    return largest, total


@inlined
def _softmax_rows(h: Any, rows: int, columns: int) -> None:
    """Overwrite rows of logits by their softmax: where they are short, for vectors of rows."""
    VL = lanes(h)
    turned, block = rows // VL * VL if are_short(h, columns) else 0, columns * VL
    for i in range(0, turned, VL):
        turn_rows(advance(h, i * columns), columns, advance(h, i * columns))
    for i in range(0, turned, 2 * VL):
        softmax_in_lanes(advance(h, i * columns), block if i + VL < turned else 0, columns, VL)
    for i in range(0, turned, VL):
        turn_back_inplace(advance(h, i * columns), columns)
    for i in range(turned, rows):
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
    if activation == SIGMOID:
        _map_block(elementary.sigmoid, h, stride, rows, columns)
    elif activation == TANH:
        _map_block(elementary.tanh, h, stride, rows, columns)
    elif activation == RELU:
        _map_block(elementary.relu, h, stride, rows, columns)


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
