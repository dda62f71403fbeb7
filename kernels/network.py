"""The compiled network: loss and gradients of one batch, or one step on it, and the outputs for any number of rows.

Two ways to compute them stand behind one interface: `samples_in_rows`, and for small networks `samples_in_lanes`. Where
nothing but the learning rate stands between gradient and update, the update is made in place of the gradient.
`reference` holds the same functions in NumPy: their specification.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels import samples_in_lanes, samples_in_rows
from kernels._jit import called, entry_point, inlined
from kernels.activations import activate
from kernels.dropout import no_dropout
from kernels.gradient_terms import add_penalty_gradient, sum_of_magnitudes, sum_of_squares
from kernels.micro_kernels import ZERO
from kernels.packing import copy_block
from kernels.samples_in_rows import layer_size, output_logits, weight_stride
from kernels.simd import address, advance, get, lanes
from kernels.structs import Layers, Network, Objective, Samples
from kernels.team import Team, meet, share
from kernels.workspace import COUNTER_STRIDE, Memory, Workspace


@inlined
def layers_of(network: Network, padded: bool) -> Layers:
    """Return a network as pointers; the caller keeps its arrays alive."""
    sizes, activations = address(network.sizes, 0), address(network.activations, 0)
    return Layers(
        sizes, activations, network.activations.size, network.loss, network.bias, padded, network.loss_parameter
    )


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
        address(workspace.batch_weights, 0),
        address(workspace.lanes_x, 0),
        address(workspace.lanes_y, 0),
        address(workspace.partial_sums, 0),
        Team(
            workspace.rank,
            workspace.packed.shape[0],
            address(workspace.counters, 0),
            address(workspace.counters, (1 + workspace.rank) * COUNTER_STRIDE),
        ),
        workspace.batch_size,
    )


@inlined
def total_weight(weights: Any, rows: int, weighted: bool) -> float:
    """Return what the rows of a batch count together, or 1 if that is nothing: then their loss and gradient are 0."""
    if not weighted:
        return np.float64(rows)
    total = 0.0
    for i in range(rows):
        total += get(weights, i)
    return total if total > 0.0 else 1.0


@called
def add_penalties(
    network: Layers, parameters: Any, weight_sum: float, workspace: Memory, objective: Objective
) -> float:
    """Add the penalties' gradients, by shares of the team, and return N times the penalties, which may be none.

    N is `weight_sum`, what the rows count together.
    """
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
            if objective.l1 != 0.0:
                penalty += objective.l1 * sum_of_magnitudes(weight, n_in * stride)
            first, last = share(n_in * stride, lanes(weight), team)
            weight, d_weight = advance(weight, first), advance(d_weight, first)
            add_penalty_gradient(
                weight, d_weight, last - first, objective.l2 / weight_sum, objective.l1 / weight_sum, 0.0
            )
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
def copy_parameters(network: Layers, source: Any, to_trained: bool, target: Any) -> None:
    """Copy parameters from rows without gaps to those that the network trains, or back."""
    for layer in range(network.n_layers):
        n_in, n_out = get(network.sizes, layer), get(network.sizes, layer + 1)
        stride = weight_stride(network, source, n_out)
        source_stride, target_stride = (n_out, stride) if to_trained else (stride, n_out)
        copy_block(source, source_stride, n_in, n_out, target, target_stride)
        source, target = advance(source, n_in * source_stride), advance(target, n_in * target_stride)
        if network.bias:
            copy_block(source, 0, 1, n_out, target, 0)
            source, target = advance(source, n_out), advance(target, n_out)


@entry_point
def _forward_in_lanes(
    network: Network, parameters: np.ndarray, x: np.ndarray, workspace: Workspace, out: np.ndarray
) -> None:
    layers, memory = layers_of(network, False), memory_of(workspace)
    samples_in_lanes.write_outputs(layers, address(parameters, 0), address(x, 0), x.shape[0], memory, address(out, 0))


@entry_point
def _forward_in_rows(
    network: Network, parameters: np.ndarray, x: np.ndarray, workspace: Workspace, out: np.ndarray
) -> None:
    layers, memory = layers_of(network, False), memory_of(workspace)
    n_out = out.shape[1]
    for start in range(0, x.shape[0], memory.batch_size):
        rows = min(memory.batch_size, x.shape[0] - start)
        z = output_logits(layers, address(parameters, 0), address(x, start * x.shape[1]), rows, memory, no_dropout())
        activate(get(layers.activations, layers.n_layers - 1), z, rows, n_out)
        copy_block(z, n_out, rows, n_out, address(out, start * n_out), n_out)


def forward(network: Network, parameters: np.ndarray, x: np.ndarray, workspace: Workspace, out: np.ndarray) -> None:
    """Write the network's outputs for x (n_samples, n_features) to out (n_samples, n_outputs), batch by batch.

    The workspace is one of `allocate_for_outputs`, or, for samples in rows, of `allocate_workspace`.
    """
    compute = _forward_in_lanes if workspace.lanes_x.size else _forward_in_rows
    compute(network, parameters, x, workspace, out)


@inlined
def _loss_and_gradients(
    take_batch: Any,
    to_deltas: Any,
    accumulate: Any,
    network: Network,
    parameters: np.ndarray,
    samples: Samples,
    workspace: Workspace,
    objective: Objective,
) -> float:
    layers, memory, rows = layers_of(network, False), memory_of(workspace), samples.x.shape[0]
    x, y, row_weights = address(samples.x, 0), address(samples.y, 0), address(samples.weights, 0)
    weighted = samples.weights.size > 0
    take_batch(layers, x, y, row_weights, weighted, layers.sizes, False, rows, 0, memory)
    weights, weight = address(parameters, 0), total_weight(row_weights, rows, weighted)
    scale = 1.0 if objective.article else 1.0 / weight
    loss = to_deltas(layers, weights, x, y, row_weights, weighted, rows, memory, scale, no_dropout()) / weight
    accumulate(layers, weights, x, rows, memory, memory.gradients, ZERO, no_dropout())
    if objective.l2 != 0.0 or objective.l1 != 0.0:
        loss += add_penalties(layers, weights, weight, memory, objective) / weight
    return loss


@entry_point
def _loss_and_gradients_in_rows(
    network: Network, parameters: np.ndarray, samples: Samples, workspace: Workspace, objective: Objective
) -> float:
    take_batch, to_deltas, accumulate = (
        samples_in_rows.take_batch,
        samples_in_rows.to_deltas,
        samples_in_rows.accumulate,
    )
    return _loss_and_gradients(take_batch, to_deltas, accumulate, network, parameters, samples, workspace, objective)


@entry_point
def _loss_and_gradients_in_lanes(
    network: Network, parameters: np.ndarray, samples: Samples, workspace: Workspace, objective: Objective
) -> float:
    take_batch, to_deltas = samples_in_lanes.take_batch, samples_in_lanes.to_deltas
    return _loss_and_gradients(
        take_batch, to_deltas, samples_in_lanes.accumulate, network, parameters, samples, workspace, objective
    )


def loss_and_gradients(
    network: Network,
    parameters: np.ndarray,
    samples: Samples,
    workspace: Workspace,
    objective: Objective,
) -> float:
    """Write the gradients for all rows, at most a batch, to `workspace.gradients`; return the loss with penalties."""
    compute = _loss_and_gradients_in_lanes if workspace.lanes_x.size else _loss_and_gradients_in_rows
    return float(compute(network, parameters, samples, workspace, objective))
