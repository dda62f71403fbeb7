"""The compiled network: loss and gradients of one batch, or one step on it, and the outputs for any number of rows.

Two ways to compute them stand behind one interface: `samples_in_rows`, and for small networks `samples_in_lanes`. Where
nothing but the learning rate stands between gradient and update, the update is made in place of the gradient.
`reference` holds the same functions in NumPy: their specification.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kernels import samples_in_lanes, samples_in_rows
from kernels._jit import called, entry_point, inlined
from kernels.activations import activate
from kernels.micro_kernels import PREVIOUS, ZERO
from kernels.optimizers import add_penalty_gradient, sum_of_magnitudes, sum_of_squares
from kernels.packing import copy_block
from kernels.samples_in_rows import layer_size, output_logits, weight_stride
from kernels.simd import address, advance, get, lanes
from kernels.structs import Layers, Network, Objective
from kernels.team import Team, meet, share
from kernels.workspace import COUNTER_STRIDE, Memory, Workspace


@inlined
def layers_of(network: Network, padded: bool) -> Layers:
    """Return a network as pointers; the caller keeps its arrays alive."""
    sizes, activations = address(network.sizes, 0), address(network.activations, 0)
    return Layers(sizes, activations, network.activations.size, network.loss, network.bias, padded)


@inlined
def memory_of(workspace: Workspace) -> Memory:
    """Return a workspace as pointers; the caller keeps its arrays alive."""
    return Memory(
        address(workspace.outputs, 0),
        address(workspace.delta, 0),
        address(workspace.other_delta, 0),
        address(workspace.weights, 0),
        address(workspace.gradients, 0),
        address(workspace.packed, workspace.rank * workspace.packed.shape[1]),
        address(workspace.batch_x, 0),
        address(workspace.batch_y, 0),
        address(workspace.lanes_x, 0),
        address(workspace.lanes_y, 0),
        address(workspace.partial_sums, 0),
        Team(
            workspace.rank,
            workspace.packed.shape[0],
            address(workspace.counters, 0),
            address(workspace.counters, (1 + workspace.rank) * COUNTER_STRIDE),
        ),
        workspace.lanes_x.size > 0,
        workspace.weights.size > 0,
        workspace.batch_size,
    )


@inlined
def batch_loss_and_gradients(
    network: Layers, parameters: Any, x: Any, y: Any, rows: int, workspace: Memory, objective: Objective
) -> float:
    """Write the gradients of one batch to the workspace and return its loss, penalties included."""
    scale = 1.0 if objective.article else 1.0 / rows
    total = _to_deltas(network, parameters, x, y, rows, workspace, scale)
    _accumulate(network, parameters, x, rows, workspace, workspace.gradients, ZERO)
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
    total = _to_deltas(network, parameters, x, y, rows, workspace, -learning_rate)
    if math.isfinite(total):
        _accumulate(network, parameters, x, rows, workspace, parameters, PREVIOUS)
    return total / rows


@inlined
def load_batch(network: Layers, x: Any, y: Any, rows: int, workspace: Memory) -> None:
    """Bring a batch to where the steps on it read it, if that is not where it lies."""
    if workspace.in_lanes:
        samples_in_lanes.load_batch(network, x, y, rows, workspace.lanes_x, workspace.lanes_y, workspace.outputs)


@called
def batch_absolute_error(network: Layers, y: Any, rows: int, workspace: Memory) -> float:
    """Return the sum of |y - h| over the batch whose outputs are in the workspace."""
    if workspace.in_lanes:
        return samples_in_lanes.absolute_error_in_lanes(network, workspace.outputs, workspace.lanes_y, rows)
    return samples_in_rows.absolute_error_in_rows(network, y, rows, workspace)


@inlined
def _to_deltas(network: Layers, parameters: Any, x: Any, y: Any, rows: int, workspace: Memory, scale: float) -> float:
    """Write scale times the deltas that `_accumulate` begins with, return the loss summed over the rows."""
    if workspace.in_lanes:
        return samples_in_lanes.to_deltas(
            network,
            parameters,
            workspace.lanes_x,
            workspace.lanes_y,
            rows,
            workspace.outputs,
            workspace.delta,
            scale,
            True,
        )
    return samples_in_rows.forward_to_delta(network, parameters, x, y, rows, workspace, scale)


@inlined
def _accumulate(
    network: Layers, parameters: Any, x: Any, rows: int, workspace: Memory, target: Any, start: int
) -> None:
    """Write the gradients of all layers to `target`, or add them there where start is PREVIOUS."""
    if workspace.in_lanes:
        samples_in_lanes.accumulate_gradients(
            network,
            workspace.lanes_x,
            rows,
            workspace.outputs,
            workspace.delta,
            target,
            start,
            workspace.packed,
        )
    else:
        samples_in_rows.backward(network, parameters, x, rows, workspace, target, start)


@called
def _add_penalties(network: Layers, parameters: Any, rows: int, workspace: Memory, objective: Objective) -> float:
    """Add the penalties' gradients, by shares of the team, and return N times the penalties."""
    team, offset, penalty = workspace.team, 0, 0.0
    for layer in range(network.n_layers):
        n_in, n_out = get(network.sizes, layer), get(network.sizes, layer + 1)
        stride = weight_stride(network, parameters, n_out)
        weight, d_weight = advance(parameters, offset), advance(workspace.gradients, offset)
        squares = sum_of_squares(weight, n_in * stride)
        penalty += 0.5 * objective.l2 * squares
        if objective.article:
            constant = objective.l2 * squares
            first, last = share(n_in, 1, team)
            for i in range(first, last):  # what pads the rows stays zero
                row = i * stride
                add_penalty_gradient(advance(weight, row), advance(d_weight, row), n_out, 0.0, 0.0, constant)
        else:
            penalty += objective.l1 * sum_of_magnitudes(weight, n_in * stride)
            first, last = share(n_in * stride, lanes(weight), team)
            weight, d_weight = advance(weight, first), advance(d_weight, first)
            add_penalty_gradient(weight, d_weight, last - first, objective.l2 / rows, objective.l1 / rows, 0.0)
        offset += layer_size(network, parameters, layer)
    meet(team)
    return penalty


@inlined
def n_elements(network: Layers, parameters: Any) -> int:
    """Return the number of elements that the parameters of all layers take."""
    total = 0
    for layer in range(network.n_layers):
        total += layer_size(network, parameters, layer)
    return total


@called
def copy_parameters(network: Layers, source: Any, to_padded: bool, target: Any) -> None:
    """Copy parameters from rows without gaps to padded ones, or back."""
    for layer in range(network.n_layers):
        n_in, n_out = get(network.sizes, layer), get(network.sizes, layer + 1)
        stride = samples_in_rows.padded_stride(source, n_out)
        source_stride, target_stride = (n_out, stride) if to_padded else (stride, n_out)
        copy_block(source, source_stride, n_in, n_out, target, target_stride)
        source, target = advance(source, n_in * source_stride), advance(target, n_in * target_stride)
        if network.bias:
            copy_block(source, 0, 1, n_out, target, 0)
            source, target = advance(source, n_out), advance(target, n_out)


@entry_point
def forward(network: Network, parameters: np.ndarray, x: np.ndarray, workspace: Workspace, out: np.ndarray) -> None:
    """Write the network's outputs for x (n_samples, n_features) to out (n_samples, n_outputs), batch by batch."""
    layers, memory = layers_of(network, False), memory_of(workspace)
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
    layers, memory, rows = layers_of(network, False), memory_of(workspace), x.shape[0]
    rows_x, rows_y = address(x, 0), address(y, 0)
    load_batch(layers, rows_x, rows_y, rows, memory)
    return batch_loss_and_gradients(layers, address(parameters, 0), rows_x, rows_y, rows, memory, objective)
