"""Forward and backward pass of small networks, with samples in lanes.

One vector holds one feature of as many samples as it has lanes: matrices are (features, samples), the number of samples
is rounded up to whole vectors, weights are broadcast, and every lane is full whatever the widths of the layers. In
memory a layer's outputs have one row more, of ones, so that a bias is the weight of a feature that is always 1::

    h   (n_in + 1, n)                   weight and bias (n_in + 1, n_out), as the parameters lie
    z   = weight.T h                    (n_out, n)
    d_h = weight delta                  (n_in, n), without the bias
    d_weight = h delta.T                sums over the lanes, (n_in + 1, n_out)

What pads the last vector has a delta of zero, and so takes no part.
"""

from __future__ import annotations

from typing import Any

from kernels._jit import called, inlined, kernel
from kernels.activations import SOFTMAX, activate, multiply_by_derivative
from kernels.blocking import SHORT_MR, VECTOR_BYTES
from kernels.losses import absolute_error, output_delta_in_lanes
from kernels.micro_kernels import (
    LONG_NV,
    PREVIOUS,
    ZERO,
    columns_long_short,
    columns_narrow_short,
    rows_long_short,
    rows_narrow_short,
)
from kernels.simd import advance, fma, get, lanes, load, put, splat, store
from kernels.structs import Layers, Network
from kernels.tiles import store_lane_sums, tile

# Wider layers fill the lanes with their outputs, and a product of large matrices is better off in tiles of `gemm`.
MAX_WIDTH = 256
MAX_WEIGHTS = 32 * 256

# Rows and columns of the tile that adds up a weight gradient.
GRADIENT_TILE = 4


def padded_batch(batch_size: int, itemsize: int) -> int:
    """Return the number of samples rounded up to whole vectors."""
    length = VECTOR_BYTES // itemsize
    return -(-batch_size // length) * length


def suits_lanes(network: Network) -> bool:
    """Tell whether a network is small enough; softmax, which mixes the features of a sample, is left to rows."""
    if network.activations[-1] == SOFTMAX or network.sizes.max() > MAX_WIDTH:
        return False
    return bool((network.sizes[:-1] * network.sizes[1:]).max() <= MAX_WEIGHTS)


@kernel
def load_transposed(rows: Any, n: int, width: int, target: Any, stride: int) -> None:
    """Copy n rows of `width` elements to columns of the target (width, stride), which is padded with zeros."""
    for j in range(width):
        for i in range(n):
            put(target, j * stride + i, get(rows, i * width + j))
        for i in range(n, stride):
            put(target, j * stride + i, 0.0)


@inlined
def _product(
    wide: Any,
    narrow: Any,
    m: int,
    k: int,
    a: Any,
    a_step: int,
    a_stride: int,
    b: Any,
    c: Any,
    stride: int,
) -> None:
    """Write A (m, k) B (k, stride) to C (m, stride)."""
    VL = lanes(a)
    whole = stride // (LONG_NV * VL) * (LONG_NV * VL)
    for i in range(0, m, SHORT_MR):
        rows, strip, target = min(SHORT_MR, m - i), advance(a, i * a_step), advance(c, i * stride)
        for j in range(0, whole, LONG_NV * VL):
            part, place = advance(b, j), advance(target, j)
            wide(k, strip, a_stride, part, stride, place, stride, rows, LONG_NV * VL, ZERO, a)
        for j in range(whole, stride, VL):
            narrow(k, strip, a_stride, advance(b, j), stride, advance(target, j), stride, rows, VL, ZERO, a)


@kernel
def _add_weight_gradient(
    h: Any, n_in: int, delta: Any, n_out: int, stride: int, start: int, d_weight: Any, sums: Any
) -> None:
    """Write h (n_in, stride) delta.T (stride, n_out) to d_weight, added to what is there where start is PREVIOUS."""
    VL, T = lanes(h), GRADIENT_TILE
    for i in range(0, n_in, T):
        for j in range(0, n_out, T):
            acc, row = tile(h, GRADIENT_TILE, GRADIENT_TILE), tile(h, 1, GRADIENT_TILE)
            for v in range(0, stride, VL):
                for t in range(GRADIENT_TILE):
                    row[0, t] = load(delta, min(j + t, n_out - 1) * stride + v)
                for s in range(GRADIENT_TILE):
                    feature = load(h, min(i + s, n_in - 1) * stride + v)
                    for t in range(GRADIENT_TILE):
                        acc[s, t] = fma(feature, row[0, t], acc[s, t])
            store_lane_sums(acc, sums)
            for s in range(min(T, n_in - i)):
                for t in range(min(T, n_out - j)):
                    place = (i + s) * n_out + j + t
                    before = get(d_weight, place) if start == PREVIOUS else 0.0
                    put(d_weight, place, before + get(sums, s * T + t))


@inlined
def _write_ones(row: Any, stride: int) -> None:
    for j in range(0, stride, lanes(row)):
        store(row, j, splat(row, 1.0))


@inlined
def forward_to_delta(
    network: Layers, parameters: Any, x: Any, y: Any, rows: int, stride: int, outputs: Any, delta: Any, scale: float
) -> float:
    """Run all layers, write scale times the last layer's delta, return the loss summed over the samples.

    x (n_features + 1, stride) has its last row free for ones; y and delta are (n_outputs, stride); outputs holds the
    layers' (n_out + 1, stride) one behind the other.
    """
    n_layers = network.n_layers
    extra = 1 if network.bias else 0
    h, weight, z, total = x, parameters, outputs, 0.0
    for layer in range(n_layers):
        n_in, n_out, activation = (
            get(network.sizes, layer),
            get(network.sizes, layer + 1),
            get(network.activations, layer),
        )
        _write_ones(advance(h, n_in * stride), stride)
        k = n_in + extra
        _product(columns_long_short, columns_narrow_short, n_out, k, weight, 1, n_out, h, z, stride)
        if layer < n_layers - 1:
            activate(activation, z, n_out, stride)
            weight, h, z = advance(weight, k * n_out), z, advance(z, (n_out + 1) * stride)
    for j in range(get(network.sizes, network.n_layers)):
        row = j * stride
        total += output_delta_in_lanes(
            network.loss,
            get(network.activations, network.n_layers - 1),
            advance(z, row),
            advance(y, row),
            advance(delta, row),
            rows,
            stride,
            scale,
        )
    return total


@inlined
def backward(
    network: Layers,
    parameters: Any,
    x: Any,
    stride: int,
    outputs: Any,
    delta: Any,
    other_delta: Any,
    target: Any,
    start: int,
    sums: Any,
) -> None:
    """Turn the last layer's delta into all gradients at `target`, as `network.backward` does."""
    n_layers = network.n_layers
    extra = 1 if network.bias else 0
    offset, h_offset = 0, 0
    for layer in range(n_layers):
        offset += (get(network.sizes, layer) + extra) * get(network.sizes, layer + 1)
        h_offset += (get(network.sizes, layer + 1) + 1) * stride
    h_offset -= (get(network.sizes, n_layers) + 1) * stride
    for layer in range(n_layers - 1, -1, -1):
        n_in, n_out = get(network.sizes, layer), get(network.sizes, layer + 1)
        offset -= (n_in + extra) * n_out
        h = x
        if layer > 0:
            h_offset -= (n_in + 1) * stride
            h = advance(outputs, h_offset)
            weight = advance(parameters, offset)
            _product(rows_long_short, rows_narrow_short, n_in, n_out, weight, n_out, n_out, delta, other_delta, stride)
            multiply_by_derivative(get(network.activations, layer - 1), h, other_delta, n_in, stride)
        _add_weight_gradient(h, n_in + extra, delta, n_out, stride, start, advance(target, offset), sums)
        delta, other_delta = other_delta, delta


@called
def absolute_error_in_lanes(network: Layers, outputs: Any, y: Any, rows: int, stride: int) -> float:
    """Return the sum of |y - h| over a batch."""
    offset, total = 0, 0.0
    for layer in range(network.n_layers - 1):
        offset += (get(network.sizes, layer + 1) + 1) * stride
    for j in range(get(network.sizes, network.n_layers)):
        total += absolute_error(advance(outputs, offset + j * stride), advance(y, j * stride), rows)
    return total
