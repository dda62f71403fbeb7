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
from kernels.simd import (
    address,
    advance,
    lanes,
    load,
    load_first,
    load_first_of_four,
    load_four,
    places,
    select_less,
    splat,
    store,
    store_first,
    store_first_of_four,
    store_four,
)
from kernels.softmax import softmax_derivative_row, softmax_rows

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
        softmax_rows(h, rows, columns)
    elif activation == EXP:
        _map_block(elementary.exp, h, 0, 1, rows * columns)
    else:
        activate_block(activation, h, 0, 1, rows * columns)


@called
def multiply_by_derivative(activation: int, h: Any, delta: Any, rows: int, columns: int) -> None:
    """Turn dL/dh at the pointer delta into dL/dz, given the outputs h; both are (rows, columns)."""
    if activation == SOFTMAX:
        for i in range(rows):
            softmax_derivative_row(advance(h, i * columns), advance(delta, i * columns), columns)
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
