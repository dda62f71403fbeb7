"""Dropout: which hidden units a training step leaves out, and what that does to outputs and deltas.

A unit is left out with probability p; the outputs of the others are divided by 1 - p, so that the next layer receives
the same on average (Srivastava et al., 2014, "inverted"). The choice is a hash of the step, the layer, and the unit's
number in the batch: the same whichever thread computes it, in whichever order, and never stored.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels._jit import called, inlined, kernel
from kernels.activations import RELU, SIGMOID, TANH
from kernels.sampling import SPLITMIX_STEP, mix, mixed
from kernels.simd import get, put
from kernels.structs import Dropout, Objective

# For NumPy; compiled code has `no_dropout`.
NO_DROPOUT = Dropout(0.0, np.uint64(0))


@inlined
def no_dropout() -> Dropout:
    """Return a dropout of nothing."""
    return Dropout(0.0, np.uint64(0))


@inlined
def dropout_of(objective: Objective, step: int) -> Dropout:
    """Return what a step, counted from 0, leaves out."""
    if objective.dropout == 0.0:
        return no_dropout()
    key = mixed(np.uint64(objective.dropout_seed) + np.uint64(step) * np.uint64(SPLITMIX_STEP))
    return Dropout(objective.dropout, key)


@inlined
def _layer_key(dropout: Dropout, layer: int) -> np.uint32:
    return np.uint32(mixed(dropout.key + np.uint64(layer)) & np.uint64(0xFFFFFFFF))


@inlined
def _threshold(share: float) -> np.uint32:
    """Return what the hash of a kept unit is not below."""
    return np.uint32(share * 4294967296.0)


@inlined
def _hash(place: np.uint32, key: np.uint32) -> np.uint32:
    """Return 32 bits for a place: the multiply-xorshift hash lowbias32 of Wellons (2018) of both numbers."""
    bits = np.uint32(place ^ key)
    bits = np.uint32((bits ^ (bits >> np.uint32(16))) * np.uint32(0x7FEB352D))
    bits = np.uint32((bits ^ (bits >> np.uint32(15))) * np.uint32(0x846CA68B))
    return np.uint32(bits ^ (bits >> np.uint32(16)))


@kernel
def drop_units(dropout: Dropout, layer: int, h: Any, stride: int, rows: int, columns: int, first: int, n: int) -> None:
    """Multiply a block of a hidden layer's outputs by 0 or 1 / (1 - p).

    Parameters
    ----------
    dropout : Dropout
    layer : int
        The hidden layer's number.
    h : pointer
        To the block (rows, columns), rows `stride` elements apart.
    first : int
        The number of the block's first unit: its row in the batch times n, plus its column.
    n : int
        The layer's width.
    """
    key, threshold, factor = _layer_key(dropout, layer), _threshold(dropout.share), 1.0 / (1.0 - dropout.share)
    for i in range(rows):
        for j in range(columns):
            place = i * stride + j
            kept = _hash(np.uint32(first + i * n + j), key) >= threshold
            put(h, place, get(h, place) * factor if kept else 0.0)


@inlined
def _slope(activation: int, h: Any) -> Any:
    if activation == SIGMOID:
        return h * (1.0 - h)
    if activation == TANH:
        return (1.0 - h) * (1.0 + h)
    if activation == RELU:
        return 1.0 if h > 0.0 else 0.0
    return 1.0


@called
def multiply_by_dropped_derivative(
    dropout: Dropout,
    layer: int,
    activation: int,
    h: Any,
    delta: Any,
    stride: int,
    rows: int,
    columns: int,
    first: int,
    n: int,
) -> None:
    """Turn delta from dL/dh into dL/dz for outputs h that `drop_units` has changed; parameters as there."""
    key, threshold, factor = _layer_key(dropout, layer), _threshold(dropout.share), 1.0 / (1.0 - dropout.share)
    for i in range(rows):
        for j in range(columns):
            place = i * stride + j
            kept = _hash(np.uint32(first + i * n + j), key) >= threshold
            slope = _slope(activation, get(h, place) * (1.0 - dropout.share)) * factor
            put(delta, place, get(delta, place) * slope if kept else 0.0)


def kept_units(dropout: Dropout, layer: int, rows: int, n: int) -> np.ndarray:
    """Return which of the units (rows, n) of a hidden layer are kept: NumPy's form of what `drop_units` decides."""
    with np.errstate(over="ignore"):
        key = np.uint32(mix(np.uint64(dropout.key) + np.uint64(layer)) & np.uint64(0xFFFFFFFF))
        bits = np.arange(rows * n, dtype=np.uint32) ^ key
        bits = (bits ^ (bits >> np.uint32(16))) * np.uint32(0x7FEB352D)
        bits = (bits ^ (bits >> np.uint32(15))) * np.uint32(0x846CA68B)
        bits ^= bits >> np.uint32(16)
    return (bits >= np.uint32(dropout.share * 2**32)).reshape(rows, n)


def dropout_of_step(objective: Objective, step: int) -> Dropout:
    """Do what `dropout_of` does, in NumPy."""
    if objective.dropout == 0.0:
        return NO_DROPOUT
    with np.errstate(over="ignore"):
        seed = np.int64(objective.dropout_seed).astype(np.uint64)
        return Dropout(objective.dropout, mix(seed + np.uint64(step) * np.uint64(SPLITMIX_STEP)))
