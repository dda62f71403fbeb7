"""What is recorded of a network with samples in lanes: loss and correct samples of a set, absolute error of a batch.

The passes are those of `samples_in_lanes`. Classes are compared for as many samples at once as a vector has lanes.
Shares and means of what is returned here are left to `training_steps`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels._jit import called, inlined
from kernels.activations import IDENTITY, SIGMOID, SOFTMAX
from kernels.lane_layout import block_size
from kernels.losses import output_delta_in_lanes, sum_of_absolute_errors
from kernels.samples_in_lanes import FIRST_BLOCK, block_logits, last_layer, write_ones
from kernels.simd import absolute, advance, get, keep_first, lanes, load, select_less, splat, sum_lanes
from kernels.structs import Layers
from kernels.workspace import Memory


@called
def absolute_error(network: Layers, y: Any, rows: int, memory: Memory) -> float:
    """Return the sum of |y - h| over the batch whose outputs are in the workspace."""
    B, n_out, total = block_size(y), get(network.sizes, network.n_layers), 0.0
    place = last_layer(network, y, memory)[1]
    for block in range((rows + B - 1) // B):
        h = advance(memory.outputs, place + block * (n_out + 1) * B)
        targets = advance(memory.lanes_y, block * n_out * B)
        for j in range(n_out):
            total += sum_of_absolute_errors(advance(h, j * B), advance(targets, j * B), min(B, rows - block * B))
    return total


@inlined
def _class_of(outputs: Any, n_out: int) -> Any:
    """Return for each sample of a vector the number of the largest output; for a single one, whether it is above 1/2.

    `outputs` points to the first output of the samples; the others are a row of a block apart.
    """
    B = block_size(outputs)
    best, number = load(outputs, 0), splat(outputs, 0.0)
    if n_out == 1:
        return select_less(best, splat(outputs, 0.5), number, splat(outputs, 1.0))
    for j in range(1, n_out):
        h = load(outputs, j * B)
        number = select_less(best, h, splat(outputs, j), number)
        best = select_less(best, h, h, best)
    return number


@inlined
def _tell_classes(activation: int, logits: Any, n_out: int, n: int) -> bool:
    """Tell whether the largest logit of each of n samples is certain to be the largest output, too.

    It is not where roundings could turn the order of two outputs, or make them equal: of logits up to 8 that are 1/128
    apart, the sigmoids differ by 44 times the unit roundoff of float32 at least, while each is off by 2 ULP at most.
    Nor is it of NaN.
    """
    if n_out == 1 or (activation != SIGMOID and activation != SOFTMAX and activation != IDENTITY):
        return False
    VL, B, doubts = lanes(logits), block_size(logits), splat(logits, 0.0)
    zero, one, apart, largest = splat(logits, 0.0), splat(logits, 1.0), splat(logits, 1 / 128), splat(logits, 8.0)
    for v in range(0, n, VL):
        best = load(logits, v)
        doubt = select_less(absolute(best), largest, zero, one)
        for j in range(1, n_out):
            z = load(logits, j * B + v)
            doubt = doubt + select_less(absolute(z), largest, zero, one)
            doubt = doubt + select_less(apart, absolute(z - best), zero, one)
            best = select_less(best, z, z, best)
        doubts = doubts + keep_first(doubt, n - v)
    return sum_lanes(doubts) == 0.0


@called
def evaluate(
    network: Layers, parameters: Any, x: Any, y: Any, n: int, with_loss: bool, memory: Memory
) -> tuple[float, float]:
    """Return the loss of n samples, without penalties, and how many are right, both summed over the samples.

    x and y point to blocks made by `to_blocks`. Where the loss is not asked for, it is none, and logits stand for the
    outputs wherever they cannot tell other classes (an epoch of the article's program with its accuracy 18 -> 15 us).
    """
    VL, B, total, correct = lanes(x), block_size(x), 0.0, splat(x, 0.0)
    n_features, n_out = get(network.sizes, 0), get(network.sizes, network.n_layers)
    activation, zero, one = get(network.activations, network.n_layers - 1), splat(x, 0.0), splat(x, 1.0)
    write_ones(network, x, memory)  # no step may have been taken yet
    for block in range((n + B - 1) // B):
        used = min(B, n - block * B)
        n_vectors = (used + VL - 1) // VL
        z = block_logits(network, parameters, advance(x, block * (n_features + 1) * B), FIRST_BLOCK, n_vectors, memory)
        targets = advance(y, block * n_out * B)
        if with_loss or not _tell_classes(activation, z, n_out, used):
            total += output_delta_in_lanes(network.loss, activation, z, targets, memory.delta, n_out, used, B, 1.0)
        for v in range(0, used, VL):
            difference = _class_of(advance(z, v), n_out) - _class_of(advance(targets, v), n_out)
            right = select_less(absolute(difference), one, one, zero)
            correct = correct + keep_first(right, used - v)
    return total, np.float64(sum_lanes(correct))
