"""Forward and backward pass of small networks, with samples in lanes.

One vector holds one feature of as many samples as it has lanes: weights are broadcast, and every lane is full whatever
the widths of the layers. The batch is cut into blocks of a few vectors, see `lane_kernels`; each block runs forward
through all layers and its delta backward while it is in the first cache. In memory a layer's outputs have one row more,
of ones, so that a bias is the weight of a feature that is always 1::

    h   (n_in + 1, samples)             weight and bias (n_in + 1, n_out), as the parameters lie
    z   = weight.T h                    (n_out, samples)
    d_h = weight delta                  (n_in, samples), without the bias
    d_weight = h delta.T                sums over the lanes of all blocks, (n_in + 1, n_out)

What pads the last vector has a delta of zero, and so takes no part. One thread does all of it.
"""

from __future__ import annotations

from typing import Any

from kernels._jit import called, inlined, kernel
from kernels.activations import SOFTMAX, activate_block
from kernels.blocking import VECTOR_BYTES
from kernels.lane_kernels import (
    BLOCK_VECTORS,
    GRADIENT_SUMS,
    ROWS,
    add_gradient_of_1,
    add_gradient_of_2,
    add_gradient_of_3,
    add_gradient_of_4,
    add_gradient_of_16,
    backward_block,
    backward_vector,
    forward_block,
    forward_pair,
    forward_vector,
)
from kernels.losses import absolute_error, output_delta_in_lanes
from kernels.simd import advance, get, lanes, put
from kernels.structs import Layers, Network

# Wider layers fill the lanes with their outputs, and a product of large matrices is better off in tiles of `gemm`.
MAX_WIDTH = 256
MAX_WEIGHTS = 32 * 256


def suits_lanes(network: Network) -> bool:
    """Tell whether a network is small enough; softmax, which mixes the features of a sample, is left to rows."""
    if network.activations[-1] == SOFTMAX or network.sizes.max() > MAX_WIDTH:
        return False
    return bool((network.sizes[:-1] * network.sizes[1:]).max() <= MAX_WEIGHTS)


def lanes_size(batch_size: int, widths: list[int], itemsize: int) -> int:
    """Return how many elements features of these widths take in blocks, a row of ones for each width included.

    A gradient's tile may read on behind the last row.
    """
    block = BLOCK_VECTORS * VECTOR_BYTES // itemsize
    n_blocks = -(-batch_size // block)
    return (n_blocks * (sum(widths) + len(widths)) + GRADIENT_SUMS) * block


@inlined
def _block_size(like: Any) -> int:
    return BLOCK_VECTORS * lanes(like)


@kernel
def _load_blocks(rows: Any, n: int, width: int, height: int, target: Any) -> None:
    """Copy n rows of `width` elements to rows of features, `height` of them in each block, padded with zeros.

    The last of more rows than features is filled with ones.
    """
    B = _block_size(rows)
    for first in range(0, n, B):
        block = advance(target, first * height)
        for j in range(width):
            for i in range(B):
                sample = first + i
                put(block, j * B + i, get(rows, sample * width + j) if sample < n else 0.0)
        for i in range(B if height > width else 0):
            put(block, width * B + i, 1.0)


@called
def load_batch(network: Layers, x: Any, y: Any, n: int, lanes_x: Any, lanes_y: Any, outputs: Any) -> None:
    """Bring n samples into blocks, and write the ones behind the outputs of the hidden layers."""
    n_in, n_out = get(network.sizes, 0), get(network.sizes, network.n_layers)
    _load_blocks(x, n, n_in, n_in + 1, lanes_x)
    _load_blocks(y, n, n_out, n_out, lanes_y)
    B, h = _block_size(x), outputs
    n_blocks = (n + B - 1) // B
    for layer in range(1, network.n_layers):
        height = get(network.sizes, layer) + 1
        for block in range(n_blocks):
            for i in range(B):
                put(h, (block * height + height - 1) * B + i, 1.0)
        h = advance(h, n_blocks * height * B)


@inlined
def _forward_product(weight: Any, h: Any, z: Any, n_in: int, n_out: int, n_vectors: int, activation: int) -> None:
    """Write activation(weight.T h) of a block to z (n_out, samples), a few rows after the other.

    A block of several vectors is multiplied as a whole one; nobody reads what comes of its unused vectors.
    """
    VL, B = lanes(h), _block_size(h)
    height = 2 if n_out <= 2 else ROWS
    for i in range(0, n_out, height):
        rows, strip = min(height, n_out - i), advance(z, i * B)
        if n_vectors == 1:
            forward_vector(n_in, advance(weight, i), n_out, h, strip, rows)
        elif n_out <= 2:
            forward_pair(n_in, advance(weight, i), n_out, h, strip, rows)
        else:
            forward_block(n_in, advance(weight, i), n_out, h, strip, rows)
        if n_vectors == BLOCK_VECTORS:
            activate_block(activation, strip, 0, 1, rows * B)
        else:
            activate_block(activation, strip, B, rows, n_vectors * VL)


@inlined
def _backward_product(
    weight: Any, delta: Any, h: Any, d_h: Any, n_in: int, n_out: int, n_vectors: int, activation: int
) -> None:
    """Write weight delta, times the derivative at h, to d_h (n_in, samples)."""
    B = _block_size(h)
    for i in range(0, n_in, ROWS):
        rows, strip, place = min(ROWS, n_in - i), advance(weight, i * n_out), i * B
        if n_vectors == 1:
            backward_vector(n_out, strip, delta, activation, advance(h, place), advance(d_h, place), rows)
        else:
            backward_block(n_out, strip, delta, activation, advance(h, place), advance(d_h, place), rows)


@inlined
def to_deltas(
    network: Layers, parameters: Any, x: Any, y: Any, n: int, outputs: Any, deltas: Any, scale: float, to_first: bool
) -> float:
    """Run each block forward, and its delta, times scale, back to the first layer; return the loss over n samples.

    Outputs and deltas of a layer have (n_out + 1) rows in each block; the layers' lie one behind the other. Where
    `to_first` is false only the last layer's delta is computed.
    """
    n_layers, VL, B = network.n_layers, lanes(x), _block_size(x)
    extra = 1 if network.bias else 0
    n_blocks = (n + B - 1) // B
    features, n_outputs, total = get(network.sizes, 0), get(network.sizes, n_layers), 0.0
    for block in range(n_blocks):
        used = min(B, n - block * B)
        n_vectors = (used + VL - 1) // VL
        h, weight, place = advance(x, block * (features + 1) * B), parameters, 0
        for layer in range(n_layers):
            n_in, n_out = get(network.sizes, layer), get(network.sizes, layer + 1)
            z = advance(outputs, place + block * (n_out + 1) * B)
            activation = get(network.activations, layer) if layer < n_layers - 1 else 0
            _forward_product(weight, h, z, n_in + extra, n_out, n_vectors, activation)
            weight, h = advance(weight, (n_in + extra) * n_out), z
            if layer < n_layers - 1:
                place += n_blocks * (n_out + 1) * B
        delta = advance(deltas, place + block * (n_outputs + 1) * B)
        targets, activation = advance(y, block * n_outputs * B), get(network.activations, n_layers - 1)
        total += output_delta_in_lanes(network.loss, activation, h, targets, delta, n_outputs, used, B, scale)
        for layer in range(n_layers - 1, 0 if to_first else n_layers, -1):
            n_in, n_out = get(network.sizes, layer), get(network.sizes, layer + 1)
            weight = advance(weight, -(n_in + extra) * n_out)
            place -= n_blocks * (n_in + 1) * B
            below = place + block * (n_in + 1) * B
            h, d_h = advance(outputs, below), advance(deltas, below)
            _backward_product(weight, delta, h, d_h, n_in, n_out, n_vectors, get(network.activations, layer - 1))
            delta = d_h
    return total


@inlined
def _add_weight_gradient(
    h: Any, n_in: int, h_rows: int, delta: Any, n_out: int, n_vectors: int, start: int, d_weight: Any, sums: Any
) -> None:
    """Write h (n_in, samples) delta.T to d_weight, added to what is there where start is PREVIOUS."""
    B = _block_size(h)
    h_block, delta_block = h_rows * B, (n_out + 1) * B
    if n_out == 1:
        add_gradient_of_1(h, n_in, h_block, delta, n_out, delta_block, n_vectors, start, d_weight, sums)
    elif n_out == 2:
        add_gradient_of_2(h, n_in, h_block, delta, n_out, delta_block, n_vectors, start, d_weight, sums)
    elif n_out == 3:
        add_gradient_of_3(h, n_in, h_block, delta, n_out, delta_block, n_vectors, start, d_weight, sums)
    elif n_out == 4:
        add_gradient_of_4(h, n_in, h_block, delta, n_out, delta_block, n_vectors, start, d_weight, sums)
    else:
        add_gradient_of_16(h, n_in, h_block, delta, n_out, delta_block, n_vectors, start, d_weight, sums)


@inlined
def accumulate_gradients(
    network: Layers, x: Any, n: int, outputs: Any, deltas: Any, target: Any, start: int, sums: Any
) -> None:
    """Turn the deltas of all blocks into all gradients at `target`, or add them there where start is PREVIOUS."""
    VL, B = lanes(x), _block_size(x)
    n_blocks, n_vectors = (n + B - 1) // B, (n + VL - 1) // VL
    extra = 1 if network.bias else 0
    h, place = x, 0
    for layer in range(network.n_layers):
        n_in, n_out = get(network.sizes, layer), get(network.sizes, layer + 1)
        delta = advance(deltas, place)
        _add_weight_gradient(h, n_in + extra, n_in + 1, delta, n_out, n_vectors, start, target, sums)
        target, h = advance(target, (n_in + extra) * n_out), advance(outputs, place)
        place += n_blocks * (n_out + 1) * B


@called
def absolute_error_in_lanes(network: Layers, outputs: Any, y: Any, n: int) -> float:
    """Return the sum of |y - h| over a batch."""
    B, offset, total = _block_size(y), 0, 0.0
    n_blocks, n_out = (n + B - 1) // B, get(network.sizes, network.n_layers)
    for layer in range(network.n_layers - 1):
        offset += n_blocks * (get(network.sizes, layer + 1) + 1) * B
    for block in range(n_blocks):
        h, targets = advance(outputs, offset + block * (n_out + 1) * B), advance(y, block * n_out * B)
        for j in range(n_out):
            total += absolute_error(advance(h, j * B), advance(targets, j * B), min(B, n - block * B))
    return total
