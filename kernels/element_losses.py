"""Losses that are sums over elements, functions of the error e = h - y: one loop over outputs, errors and deltas.

Each kind of loss is a function of a vector of errors that adds ``f(e)`` to a running sum and returns the slope
``f'(e) / c``, where c is 2 for squares, of which half the sum is the loss, and else 1:

========= ============================== =========================== ===
kind      f(e)                           f'(e) / c                   c
========= ============================== =========================== ===
squared   e**2                           e                           2
clamped   g (2 e - g)                    g = e, kept in [low, high]  2
sloped    low e below 0, high e above 0  low, 0 at 0, or high        1
========= ============================== =========================== ===

Clamped errors with -low = high = d are Huber's loss: ``e**2 / 2`` up to d, ``d (|e| - d / 2)`` beyond. An error of 0,
which every padding has, adds nothing and has no slope; NaN stays NaN in all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernels._jit import inlined, kernel, named
from kernels.activations import (
    IDENTITY,
    RELU,
    SIGMOID,
    SOFTMAX,
    TANH,
    activate,
    activate_block,
    activate_in_lanes,
    identity_derivative,
    multiply_block_by_derivative,
    multiply_by_derivative,
    relu_derivative,
    sigmoid_derivative,
    tanh_derivative,
)
from kernels.simd import (
    advance,
    fma,
    keep_first,
    lanes,
    load,
    load_first,
    select_less,
    splat,
    store,
    store_first,
    sum_lanes,
)
from kernels.softmax import softmax_derivative_in_lanes, softmax_in_lanes


@inlined
def _squared(error: Any, total: Any, low: Any, high: Any) -> tuple[Any, Any]:
    return fma(error, error, total), error


@inlined
def _clamped(error: Any, total: Any, low: Any, high: Any) -> tuple[Any, Any]:
    slope = max(splat(error, low), min(splat(error, high), error))
    return fma(slope, error + (error - slope), total), slope


@inlined
def _sloped(error: Any, total: Any, low: Any, high: Any) -> tuple[Any, Any]:
    zero = splat(error, 0.0)
    slope = select_less(zero, error, splat(error, high), select_less(error, zero, splat(error, low), error))
    return fma(slope, error, total), slope


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
def _errors(
    kind: Any,
    read: Any,
    write: Any,
    derivative: Any,
    h: Any,
    y: Any,
    delta: Any,
    n: int,
    low: Any,
    high: Any,
    scale: Any,
) -> Any:
    """Write scale f'(h - y)/c dh/dz to delta, return the lanes' sums of f(h - y)."""
    total = splat(h, 0.0)
    for i in range(0, n, lanes(h)):
        outputs = read(h, i, n - i)
        error = keep_first(outputs - read(y, i, n - i), n - i)
        total, slope = kind(error, total, low, high)
        write(delta, i, slope * derivative(outputs) * splat(h, scale), n - i)
    return total


@inlined
def _errors_in_two_passes(
    kind: Any,
    read: Any,
    write: Any,
    activation: int,
    h: Any,
    y: Any,
    delta: Any,
    n: int,
    low: Any,
    high: Any,
    scale: Any,
) -> Any:
    """Do it for the losses that are rarer than squares, which are not compiled for each activation."""
    total = _errors(kind, read, write, identity_derivative, h, y, delta, n, low, high, scale)
    multiply_block_by_derivative(activation, h, delta, 0, 1, n)
    return total


@inlined
def _errors_in_one_pass(
    kind: Any,
    read: Any,
    write: Any,
    activation: int,
    h: Any,
    y: Any,
    delta: Any,
    n: int,
    low: Any,
    high: Any,
    scale: Any,
) -> Any:
    if activation == SIGMOID:
        return _errors(kind, read, write, sigmoid_derivative, h, y, delta, n, low, high, scale)
    if activation == TANH:
        return _errors(kind, read, write, tanh_derivative, h, y, delta, n, low, high, scale)
    if activation == RELU:
        return _errors(kind, read, write, relu_derivative, h, y, delta, n, low, high, scale)
    return _errors(kind, read, write, identity_derivative, h, y, delta, n, low, high, scale)


def _make(name: str, kind: Any, errors_of: Any = _errors_in_two_passes) -> Callable[..., Any]:
    """Compile a kind of loss for rows of samples; softmax has a function of its own.

    The compiled function overwrites the logits z by the outputs h, writes scale times f'(h - y)/c times dh/dz to delta
    and returns ``sum(f(h - y))``. All are pointers to n elements.
    """

    @named(name)
    def errors(activation: int, z: Any, y: Any, delta: Any, n: int, low: Any, high: Any, scale: Any) -> Any:
        activate_block(activation, z, 0, 1, n)
        return sum_lanes(errors_of(kind, _read_first, _write_first, activation, z, y, delta, n, low, high, scale))

    return kernel(errors)


squared_errors = _make("squared_errors", _squared, _errors_in_one_pass)
clamped_errors = _make("clamped_errors", _clamped)
sloped_errors = _make("sloped_errors", _sloped)


@kernel
def squared_errors_in_lanes(
    activation: int, z: Any, y: Any, delta: Any, n_out: int, n: int, stride: int, scale: Any
) -> Any:
    """Do what `squared_errors` does for n samples in `n_out` rows of outputs, in memory up to the next row.

    What pads the last vector of the samples gets a delta of zero. No masked store delays the loads that follow.
    """
    total = splat(z, 0.0)
    activate_in_lanes(activation, z, n_out, n, stride)
    for j in range(n_out):
        h, row_y, row_delta = advance(z, j * stride), advance(y, j * stride), advance(delta, j * stride)
        total = total + _errors_in_one_pass(
            _squared, _read_whole, _write_whole, activation, h, row_y, row_delta, n, 0.0, 0.0, scale
        )
    return sum_lanes(total)


@kernel
def squared_errors_of_softmax(z: Any, y: Any, delta: Any, rows: int, columns: int, scale: Any) -> Any:
    """Do what `squared_errors` does for softmax of the rows of (rows, columns) logits."""
    activate(SOFTMAX, z, rows, columns)
    total = squared_errors(IDENTITY, z, y, delta, rows * columns, 0.0, 0.0, scale)
    multiply_by_derivative(SOFTMAX, z, delta, rows, columns)
    return total


@kernel
def squared_errors_of_softmax_in_lanes(z: Any, y: Any, delta: Any, n_out: int, n: int, stride: int, scale: Any) -> Any:
    """Do what `squared_errors_in_lanes` does, for softmax."""
    VL = lanes(z)
    for i in range(0, n, 4 * VL):
        softmax_in_lanes(advance(z, i), (n - i + VL - 1) // VL, VL, n_out, stride)
    total = squared_errors_in_lanes(IDENTITY, z, y, delta, n_out, n, stride, scale)
    for i in range(0, n, VL):
        softmax_derivative_in_lanes(advance(z, i), advance(delta, i), n_out, stride)
    return total
