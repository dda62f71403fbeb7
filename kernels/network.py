"""The compiled network: forward, backward, loss and gradients of one batch.

Rows are samples; the layer at hand reads (rows, n_in) and writes (rows, n_out). The backward pass goes down the
layers; from the delta of a layer it makes that of the layer below, then the gradient of weight and bias, which it
either stores or, where nothing but the learning rate stands between gradient and update, adds to the parameters on
the spot: a delta that was scaled by minus the learning rate turns the product into the update. `reference` holds the
same functions in NumPy: their specification.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kernels import samples_in_lanes
from kernels._jit import called, entry_point, inlined, kernel
from kernels.activations import activate, multiply_by_derivative
from kernels.gemm import ACTIVATE, NOTHING, TIMES_DERIVATIVE, UNIT, gemm
from kernels.losses import absolute_error, output_delta
from kernels.micro_kernels import BIAS, PREVIOUS, ZERO
from kernels.optimizers import add_penalty_gradient, sum_of_magnitudes, sum_of_squares
from kernels.packing import copy_block
from kernels.simd import address, advance, get, lanes, load_first, splat, store_first
from kernels.structs import Layers, Network, Objective
from kernels.workspace import Memory, Workspace


@inlined
def layers_of(network: Network) -> Layers:
    """Return a network as pointers; the caller keeps its arrays alive."""
    sizes, activations = address(network.sizes, 0), address(network.activations, 0)
    return Layers(sizes, activations, network.activations.size, network.loss, network.bias)


@inlined
def memory_of(workspace: Workspace) -> Memory:
    """Return a workspace as pointers; the caller keeps its arrays alive."""
    return Memory(
        address(workspace.outputs, 0),
        address(workspace.delta, 0),
        address(workspace.other_delta, 0),
        address(workspace.gradients, 0),
        address(workspace.packed, 0),
        address(workspace.batch_x, 0),
        address(workspace.batch_y, 0),
        address(workspace.lanes_x, 0),
        address(workspace.lanes_y, 0),
        workspace.lanes_x.size > 0,
        workspace.batch_size,
    )


@inlined
def layer_size(network: Layers, layer: int) -> int:
    """Return the number of parameters of a layer."""
    n_in, n_out = get(network.sizes, layer), get(network.sizes, layer + 1)
    return n_in * n_out + (n_out if network.bias else 0)


@kernel
def _add_column_sums(delta: Any, rows: int, columns: int, start: int, sums: Any) -> None:
    """Write the sums over the rows of delta, added to what is there where start is PREVIOUS."""
    for j in range(0, columns, lanes(delta)):
        total = load_first(sums, j, columns - j, 0.0) if start == PREVIOUS else splat(delta, 0.0)
        for i in range(rows):
            total = total + load_first(delta, i * columns + j, columns - j, 0.0)
        store_first(sums, j, total, columns - j)


@called
def output_logits(network: Layers, parameters: Any, x: Any, rows: int, workspace: Memory) -> Any:
    """Run all layers, leaving the last one's logits unactivated; return the pointer to them."""
    packed, n_layers = workspace.packed, network.n_layers
    h, weight, z = x, parameters, workspace.outputs
    for layer in range(n_layers):
        n_in, n_out, activation = (
            get(network.sizes, layer),
            get(network.sizes, layer + 1),
            get(network.activations, layer),
        )
        start, bias = BIAS if network.bias else ZERO, advance(weight, n_in * n_out)
        hidden = layer < n_layers - 1
        fused = hidden and n_out >= lanes(x)
        finish = ACTIVATE if fused else NOTHING
        gemm(
            rows, n_out, n_in, h, n_in, UNIT, weight, n_out, UNIT, z, n_out, start, bias, finish, activation, z, packed
        )
        if not hidden:
            return z
        if not fused:
            activate(activation, z, rows, n_out)
        h = z
        weight = advance(weight, layer_size(network, layer))
        z = advance(z, workspace.batch_size * n_out)
    return z


@called
def _backward_in_rows(
    network: Layers, parameters: Any, x: Any, rows: int, workspace: Memory, target: Any, start: int
) -> None:
    """Turn the last layer's delta into the gradients of all layers.

    Gradients are written to the pointer `target`, in the layout of the parameters: in place of what is there, or, where
    `start` is PREVIOUS, added to it. The target may be the parameters themselves.
    """
    packed, n_layers = workspace.packed, network.n_layers
    delta, other_delta = workspace.delta, workspace.other_delta
    offset, h_offset = 0, 0
    for layer in range(n_layers):
        offset += layer_size(network, layer)
        h_offset += workspace.batch_size * get(network.sizes, layer + 1)
    h_offset -= workspace.batch_size * get(network.sizes, n_layers)
    for layer in range(n_layers - 1, -1, -1):
        n_in, n_out = get(network.sizes, layer), get(network.sizes, layer + 1)
        offset -= layer_size(network, layer)
        h_offset -= workspace.batch_size * n_in if layer > 0 else 0
        h = advance(workspace.outputs, h_offset) if layer > 0 else x
        if layer > 0:
            weight, activation = advance(parameters, offset), get(network.activations, layer - 1)
            fused = n_in >= lanes(x)
            finish = TIMES_DERIVATIVE if fused else NOTHING
            gemm(
                rows, n_in, n_out, delta, n_out, UNIT, weight, UNIT, n_out, other_delta, n_in, ZERO, delta,
                finish, activation, h, packed,
            )  # fmt: skip
            if not fused:
                multiply_by_derivative(activation, h, other_delta, rows, n_in)
        d_weight = advance(target, offset)
        gemm(
            n_in, n_out, rows, h, UNIT, n_in, delta, n_out, UNIT, d_weight, n_out, start, delta,
            NOTHING, NOTHING, delta, packed,
        )  # fmt: skip
        if network.bias:
            _add_column_sums(delta, rows, n_out, start, advance(d_weight, n_in * n_out))
        delta, other_delta = other_delta, delta


@inlined
def batch_loss_and_gradients(
    network: Layers, parameters: Any, x: Any, y: Any, rows: int, workspace: Memory, objective: Objective
) -> float:
    """Write the gradients of one batch to the workspace and return its loss, penalties included."""
    scale = 1.0 if objective.article else 1.0 / rows
    total = _forward_to_delta(network, parameters, x, y, rows, workspace, scale)
    _backward(network, parameters, x, rows, workspace, workspace.gradients, ZERO)
    penalty = 0.0
    if objective.l2 != 0.0 or objective.l1 != 0.0:
        penalty = _add_penalties(network, parameters, rows, workspace, objective)
    return (total + penalty) / rows


@inlined
def batch_loss_and_update(
    network: Layers,
    parameters: Any,
    x: Any,
    y: Any,
    rows: int,
    workspace: Memory,
    learning_rate: float,
) -> float:
    """Take a gradient step on one batch, without penalties, and return the loss before it.

    Where the loss is not finite nothing is changed.
    """
    total = _forward_to_delta(network, parameters, x, y, rows, workspace, -learning_rate)
    if math.isfinite(total):
        _backward(network, parameters, x, rows, workspace, parameters, PREVIOUS)
    return total / rows


@inlined
def _lanes_stride(like: Any, rows: int) -> int:
    VL = lanes(like)
    return (rows + VL - 1) // VL * VL


@inlined
def load_batch(x: Any, y: Any, n_in: int, n_out: int, rows: int, workspace: Memory) -> None:
    """Bring a batch to where the steps on it read it, if that is not where it lies."""
    if workspace.in_lanes:
        stride = _lanes_stride(x, rows)
        samples_in_lanes.load_transposed(x, rows, n_in, workspace.lanes_x, stride)
        samples_in_lanes.load_transposed(y, rows, n_out, workspace.lanes_y, stride)


@called
def batch_absolute_error(network: Layers, y: Any, rows: int, workspace: Memory) -> float:
    """Return the sum of |y - h| over the batch whose outputs are in the workspace."""
    outputs = workspace.outputs
    if workspace.in_lanes:
        targets = workspace.lanes_y
        return samples_in_lanes.absolute_error_in_lanes(network, outputs, targets, rows, _lanes_stride(y, rows))
    offset = 0
    for layer in range(network.n_layers - 1):
        offset += workspace.batch_size * get(network.sizes, layer + 1)
    return absolute_error(advance(outputs, offset), y, rows * get(network.sizes, network.n_layers))


@inlined
def _backward(network: Layers, parameters: Any, x: Any, rows: int, workspace: Memory, target: Any, start: int) -> None:
    if workspace.in_lanes:
        samples_in_lanes.backward(
            network,
            parameters,
            workspace.lanes_x,
            _lanes_stride(x, rows),
            workspace.outputs,
            workspace.delta,
            workspace.other_delta,
            target,
            start,
            workspace.packed,
        )
    else:
        _backward_in_rows(network, parameters, x, rows, workspace, target, start)


@inlined
def _forward_to_delta(
    network: Layers, parameters: Any, x: Any, y: Any, rows: int, workspace: Memory, scale: float
) -> float:
    """Write scale times the last layer's delta, return the loss summed over the rows."""
    if workspace.in_lanes:
        return samples_in_lanes.forward_to_delta(
            network,
            parameters,
            workspace.lanes_x,
            workspace.lanes_y,
            rows,
            _lanes_stride(x, rows),
            workspace.outputs,
            workspace.delta,
            scale,
        )
    z = output_logits(network, parameters, x, rows, workspace)
    activation = get(network.activations, network.n_layers - 1)
    return output_delta(
        network.loss, activation, z, y, workspace.delta, rows, get(network.sizes, network.n_layers), scale
    )


@called
def _add_penalties(network: Layers, parameters: Any, rows: int, workspace: Memory, objective: Objective) -> float:
    """Add the penalties' gradients and return N times the penalties."""
    offset, penalty = 0, 0.0
    for layer in range(network.n_layers):
        n = get(network.sizes, layer) * get(network.sizes, layer + 1)
        weight, d_weight = advance(parameters, offset), advance(workspace.gradients, offset)
        squares = sum_of_squares(weight, n)
        penalty += 0.5 * objective.l2 * squares
        if objective.article:
            add_penalty_gradient(weight, d_weight, n, 0.0, 0.0, objective.l2 * squares)
        else:
            penalty += objective.l1 * sum_of_magnitudes(weight, n)
            add_penalty_gradient(weight, d_weight, n, objective.l2 / rows, objective.l1 / rows, 0.0)
        offset += layer_size(network, layer)
    return penalty


@entry_point
def forward(network: Network, parameters: np.ndarray, x: np.ndarray, workspace: Workspace, out: np.ndarray) -> None:
    """Write the network's outputs for x (n_samples, n_features) to out (n_samples, n_outputs), batch by batch."""
    layers, memory = layers_of(network), memory_of(workspace)
    n_out = out.shape[1]
    for start in range(0, x.shape[0], memory.batch_size):
        rows = min(memory.batch_size, x.shape[0] - start)
        z = output_logits(layers, address(parameters, 0), address(x, start * x.shape[1]), rows, memory)
        activate(get(layers.activations, layers.n_layers - 1), z, rows, n_out)
        copy_block(z, n_out, rows, n_out, address(out, start * n_out), n_out)


@entry_point
def loss_and_gradients(
    network: Network,
    parameters: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    workspace: Workspace,
    objective: Objective,
) -> float:
    """Write the gradients for all rows, at most a batch, to `workspace.gradients`; return the loss with penalties."""
    layers, memory, rows = layers_of(network), memory_of(workspace), x.shape[0]
    rows_x, rows_y = address(x, 0), address(y, 0)
    load_batch(rows_x, rows_y, x.shape[1], y.shape[1], rows, memory)
    return batch_loss_and_gradients(layers, address(parameters, 0), rows_x, rows_y, rows, memory, objective)
