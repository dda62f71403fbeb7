"""Forward and backward pass of small networks, with samples in lanes.

One vector holds one feature of as many samples as it has lanes: weights are broadcast, and every lane is full whatever
the widths of the layers. The batch is cut into blocks of a few vectors, see `lane_kernels`; each block runs forward
through all layers and its delta backward while it is in the first cache. In memory a layer's outputs have one row more,
of ones, so that a bias is the weight of a feature that is always 1 (sums that start with the bias gain 1 %)::

    h   (n_in + 1, samples)             weight and bias (n_in + 1, n_out), as the parameters lie
    z   = weight.T h                    (n_out, samples)
    d_h = weight delta                  (n_in, samples), without the bias
    d_weight = h delta.T                sums over the lanes of all blocks, (n_in + 1, n_out)

What pads the last vector has a delta of zero, and so takes no part. One thread does all of it. What is recorded of the
outputs is left to `evaluation_in_lanes`.
"""

from __future__ import annotations

from typing import Any

from kernels._jit import called, codes, inlined
from kernels.activations import RELU, SOFTMAX, activate_in_lanes
from kernels.lane_kernels import (
    add_gradient_of_1,
    add_gradient_of_2,
    add_gradient_of_3,
    add_gradient_of_4,
    add_gradient_of_more,
    backward_block,
    backward_vector,
    forward_block,
    forward_pair,
    forward_vector,
)
from kernels.lane_layout import block_size, load_blocks, store_rows
from kernels.losses import output_delta_in_lanes
from kernels.simd import advance, get, lanes, put
from kernels.softmax import softmax_in_lanes
from kernels.structs import Dropout, Layers
from kernels.workspace import Memory

FIRST_BLOCK = codes(1)[0]


@inlined
def _most_blocks(like: Any, memory: Memory) -> int:
    """Return how many blocks the largest batch takes: for so many there is room behind each layer's first block."""
    B = block_size(like)
    return (memory.batch_size + B - 1) // B


@inlined
def write_ones(network: Layers, like: Any, memory: Memory) -> None:
    """Write the ones behind the outputs of the hidden layers."""
    B, h, n_blocks = block_size(like), memory.outputs, _most_blocks(like, memory)
    for layer in range(1, network.n_layers):
        height = get(network.sizes, layer) + 1
        for block in range(n_blocks):
            for i in range(B):
                put(h, (block * height + height - 1) * B + i, 1.0)
        h = advance(h, n_blocks * height * B)


@called
def take_batch(
    network: Layers,
    x: Any,
    y: Any,
    weights: Any,
    weighted: bool,
    order: Any,
    ordered: bool,
    rows: int,
    n_after: int,
    memory: Memory,
) -> tuple[Any, Any, Any]:
    """Bring a batch into blocks, and write the ones behind the outputs of the hidden layers.

    The batch is the first rows of x and y, or those that `order` lists. It lists `n_after` more: those of the next
    batch are asked for, to arrive while this one is computed.
    """
    n_in, n_out = get(network.sizes, 0), get(network.sizes, network.n_layers)
    n_next = min(n_after, memory.batch_size)
    load_blocks(x, order, ordered, rows, n_next, n_in, n_in + 1, memory.lanes_x)
    load_blocks(y, order, ordered, rows, n_next, n_out, n_out, memory.lanes_y)
    write_ones(network, x, memory)
    return x, y, weights


@inlined
def _forward_product(weight: Any, h: Any, z: Any, n_in: int, n_out: int, n_vectors: int, activation: int) -> None:
    """Write activation(weight.T h) of a block to z (n_out, samples).

    A block of several vectors is multiplied as a whole one; nobody reads what comes of its unused vectors. Activated a
    few rows after the other, 2-256-2 takes 11 % longer.
    """
    if n_vectors == 1:
        forward_vector(n_in, n_out, weight, h, activation, z)
    elif n_out <= 2:
        forward_pair(n_in, n_out, weight, h, activation, z)
    else:
        forward_block(n_in, n_out, weight, h, activation, z)
    if activation != RELU:
        activate_in_lanes(activation, z, n_out, n_vectors * lanes(h), block_size(h))


@inlined
def _backward_product(
    weight: Any, delta: Any, h: Any, d_h: Any, n_in: int, n_out: int, n_vectors: int, activation: int
) -> None:
    """Write weight delta, times the derivative at h, to d_h (n_in, samples)."""
    if n_vectors == 1:
        backward_vector(n_in, n_out, weight, delta, activation, h, d_h)
    else:
        backward_block(n_in, n_out, weight, delta, activation, h, d_h)


@inlined
def block_logits(network: Layers, parameters: Any, x: Any, block: int, n_vectors: int, memory: Memory) -> Any:
    """Run a block of samples at x through all layers; return the pointer to the last one's logits.

    Outputs of a layer have (n_out + 1) rows in each block; the layers' lie one behind the other.
    """
    B, n_blocks = block_size(x), _most_blocks(x, memory)
    extra = 1 if network.bias else 0
    h, weight, layer_outputs = x, parameters, memory.outputs
    for layer in range(network.n_layers):
        n_in, n_out = get(network.sizes, layer), get(network.sizes, layer + 1)
        z = advance(layer_outputs, block * (n_out + 1) * B)
        activation = get(network.activations, layer) if layer < network.n_layers - 1 else 0
        _forward_product(weight, h, z, n_in + extra, n_out, n_vectors, activation)
        weight, h = advance(weight, (n_in + extra) * n_out), z
        layer_outputs = advance(layer_outputs, n_blocks * (n_out + 1) * B)
    return h


@inlined
def last_layer(network: Layers, like: Any, memory: Memory) -> tuple[int, int]:
    """Return where the last layer's parameters begin, and where its outputs and deltas do."""
    B, n_blocks, offset, place = block_size(like), _most_blocks(like, memory), 0, 0
    extra = 1 if network.bias else 0
    for layer in range(network.n_layers - 1):
        n_in, n_out = get(network.sizes, layer), get(network.sizes, layer + 1)
        offset += (n_in + extra) * n_out
        place += n_blocks * (n_out + 1) * B
    return offset, place


@inlined
def to_deltas(
    network: Layers,
    parameters: Any,
    x: Any,
    y: Any,
    weights: Any,
    weighted: bool,
    rows: int,
    memory: Memory,
    scale: float,
    dropout: Dropout,
) -> float:
    """Run each block of the loaded batch forward, and its delta, times scale, back to the first layer.

    Returns the loss summed over the samples, which have no weights here, and no unit is left out. Deltas lie as the
    outputs do.
    """
    n_layers, VL, B = network.n_layers, lanes(x), block_size(x)
    n_blocks, n_features, n_outputs = _most_blocks(x, memory), get(network.sizes, 0), get(network.sizes, n_layers)
    extra, activation = 1 if network.bias else 0, get(network.activations, n_layers - 1)
    last_weight, last_place = last_layer(network, x, memory)
    total = 0.0
    for block in range((rows + B - 1) // B):
        used = min(B, rows - block * B)
        n_vectors = (used + VL - 1) // VL
        block_x = advance(memory.lanes_x, block * (n_features + 1) * B)
        z = block_logits(network, parameters, block_x, block, n_vectors, memory)
        place, weight = last_place, advance(parameters, last_weight)
        delta, targets = advance(memory.delta, place + block * (n_outputs + 1) * B), block * n_outputs * B
        total += output_delta_in_lanes(
            network.loss, activation, z, advance(memory.lanes_y, targets), delta, n_outputs, used, B, scale
        )
        for layer in range(n_layers - 1, 0, -1):
            n_in, n_out = get(network.sizes, layer), get(network.sizes, layer + 1)
            place -= n_blocks * (n_in + 1) * B
            below = place + block * (n_in + 1) * B
            h, d_h = advance(memory.outputs, below), advance(memory.delta, below)
            _backward_product(weight, delta, h, d_h, n_in, n_out, n_vectors, get(network.activations, layer - 1))
            weight, delta = advance(weight, -(get(network.sizes, layer - 1) + extra) * n_in), d_h
    return total


@inlined
def _add_weight_gradient(
    h: Any, n_in: int, h_rows: int, delta: Any, n_out: int, n_vectors: int, start: int, d_weight: Any, sums: Any
) -> None:
    """Write h (n_in, samples) delta.T to d_weight, added to what is there where start is PREVIOUS."""
    B = block_size(h)
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
        add_gradient_of_more(h, n_in, h_block, delta, n_out, delta_block, n_vectors, start, d_weight, sums)


@inlined
def accumulate(
    network: Layers, parameters: Any, x: Any, rows: int, memory: Memory, target: Any, start: int, dropout: Dropout
) -> None:
    """Turn the deltas of all blocks into all gradients at `target`, or add them there where start is PREVIOUS."""
    VL, B, n_blocks = lanes(x), block_size(x), _most_blocks(x, memory)
    n_vectors, extra = (rows + VL - 1) // VL, 1 if network.bias else 0
    h, place = memory.lanes_x, 0
    for layer in range(network.n_layers):
        n_in, n_out = get(network.sizes, layer), get(network.sizes, layer + 1)
        delta = advance(memory.delta, place)
        _add_weight_gradient(h, n_in + extra, n_in + 1, delta, n_out, n_vectors, start, target, memory.packed)
        target, h = advance(target, (n_in + extra) * n_out), advance(memory.outputs, place)
        place += n_blocks * (n_out + 1) * B


@called
def write_outputs(network: Layers, parameters: Any, x: Any, n: int, memory: Memory, out: Any) -> None:
    """Write the network's outputs for n rows of x to rows of `out`, block by block; memory is for one block."""
    n_in, n_out, VL, B = get(network.sizes, 0), get(network.sizes, network.n_layers), lanes(x), block_size(x)
    activation = get(network.activations, network.n_layers - 1)
    write_ones(network, x, memory)
    for first in range(0, n, B):
        used = min(B, n - first)
        n_vectors = (used + VL - 1) // VL
        load_blocks(advance(x, first * n_in), network.sizes, False, used, 0, n_in, n_in + 1, memory.lanes_x)
        z = block_logits(network, parameters, memory.lanes_x, FIRST_BLOCK, n_vectors, memory)
        if activation == SOFTMAX:
            softmax_in_lanes(z, n_vectors, VL, n_out, B)
        else:
            activate_in_lanes(activation, z, n_out, n_vectors * VL, B)
        store_rows(z, n_out, used, advance(out, first * n_out))
