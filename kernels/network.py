"""The compiled network: forward, backward, loss and gradients of one batch.

Rows are samples; the layer at hand reads (rows, n_in) and writes (rows, n_out). The backward pass goes down the
layers; from the delta of a layer it makes that of the layer below, then the gradient of weight and bias, which it
either stores or, where nothing but the learning rate stands between gradient and update, adds to the parameters on
the spot: a delta that was scaled by minus the learning rate turns the product into the update. `reference` holds the
same functions in NumPy: their specification.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels import samples_in_lanes
from kernels._jit import called, entry_point, inlined, kernel
from kernels.activations import activate, multiply_by_derivative
from kernels.gemm import ACTIVATE, NOTHING, TIMES_DERIVATIVE, UNIT, gemm
from kernels.losses import absolute_error, output_delta
from kernels.micro_kernels import BIAS, PREVIOUS, ZERO
from kernels.optimizers import add_penalty_gradient, sum_of_magnitudes, sum_of_squares
from kernels.simd import address, advance, lanes, load_first, splat, store_first
from kernels.structs import Network, Objective
from kernels.workspace import Workspace


@inlined
def layer_size(network: Network, layer: int) -> int:
    """Return the number of parameters of a layer."""
    n_in, n_out = network.sizes[layer], network.sizes[layer + 1]
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
def output_logits(network: Network, parameters: Any, x: Any, rows: int, workspace: Workspace) -> Any:
    """Run all layers, leaving the last one's logits unactivated; return the pointer to them."""
    packed, n_layers = address(workspace.packed, 0), network.activations.size
    h, weight, z = x, parameters, address(workspace.outputs, 0)
    for layer in range(n_layers):
        n_in, n_out, activation = network.sizes[layer], network.sizes[layer + 1], network.activations[layer]
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
    network: Network, parameters: Any, x: Any, rows: int, workspace: Workspace, target: Any, start: int
) -> None:
    """Turn the last layer's delta into the gradients of all layers.

    Gradients are written to the pointer `target`, in the layout of the parameters: in place of what is there, or, where
    `start` is PREVIOUS, added to it. The target may be the parameters themselves.
    """
    packed, n_layers = address(workspace.packed, 0), network.activations.size
    delta, other_delta = address(workspace.delta, 0), address(workspace.other_delta, 0)
    offset, h_offset = 0, 0
    for layer in range(n_layers):
        offset += layer_size(network, layer)
        h_offset += workspace.batch_size * network.sizes[layer + 1]
    h_offset -= workspace.batch_size * network.sizes[n_layers]
    for layer in range(n_layers - 1, -1, -1):
        n_in, n_out = network.sizes[layer], network.sizes[layer + 1]
        offset -= layer_size(network, layer)
        h_offset -= workspace.batch_size * n_in if layer > 0 else 0
        h = address(workspace.outputs, h_offset) if layer > 0 else x
        if layer > 0:
            weight, activation = advance(parameters, offset), network.activations[layer - 1]
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


@called
def batch_loss_and_gradients(
    network: Network, parameters: np.ndarray, x: Any, y: Any, rows: int, workspace: Workspace, objective: Objective
) -> float:
    """Write the gradients of one batch to the workspace and return its loss, penalties included."""
    first = address(parameters, 0)
    scale = 1.0 if objective.article else 1.0 / rows
    total = _forward_to_delta(network, first, x, y, rows, workspace, scale)
    _backward(network, first, x, rows, workspace, address(workspace.gradients, 0), ZERO)
    penalty = 0.0
    if objective.l2 != 0.0 or objective.l1 != 0.0:
        penalty = _add_penalties(network, parameters, rows, workspace, objective)
    return (total + penalty) / rows


@called
def batch_loss_and_update(
    network: Network,
    parameters: np.ndarray,
    x: Any,
    y: Any,
    rows: int,
    workspace: Workspace,
    learning_rate: float,
) -> float:
    """Take a gradient step on one batch, without penalties, and return the loss before it.

    Where the loss is not finite nothing is changed.
    """
    first = address(parameters, 0)
    total = _forward_to_delta(network, first, x, y, rows, workspace, -learning_rate)
    if np.isfinite(total):
        _backward(network, first, x, rows, workspace, first, PREVIOUS)
    return total / rows


@inlined
def _lanes_stride(like: Any, rows: int) -> int:
    VL = lanes(like)
    return (rows + VL - 1) // VL * VL


@called
def load_batch(x: Any, y: Any, n_in: int, n_out: int, rows: int, workspace: Workspace) -> None:
    """Bring a batch to where the steps on it read it, if that is not where it lies."""
    if workspace.lanes_x.size > 0:
        stride = _lanes_stride(x, rows)
        samples_in_lanes.load_transposed(x, rows, n_in, address(workspace.lanes_x, 0), stride)
        samples_in_lanes.load_transposed(y, rows, n_out, address(workspace.lanes_y, 0), stride)


@called
def batch_absolute_error(network: Network, y: Any, rows: int, workspace: Workspace) -> float:
    """Return the sum of |y - h| over the batch whose outputs are in the workspace."""
    outputs = address(workspace.outputs, 0)
    if workspace.lanes_x.size > 0:
        targets = address(workspace.lanes_y, 0)
        return samples_in_lanes.absolute_error_in_lanes(network, outputs, targets, rows, _lanes_stride(y, rows))
    offset = 0
    for layer in range(network.activations.size - 1):
        offset += workspace.batch_size * network.sizes[layer + 1]
    return absolute_error(advance(outputs, offset), y, rows * network.sizes[-1])


@inlined
def _backward(
    network: Network, parameters: Any, x: Any, rows: int, workspace: Workspace, target: Any, start: int
) -> None:
    if workspace.lanes_x.size > 0:
        samples_in_lanes.backward(
            network,
            parameters,
            address(workspace.lanes_x, 0),
            _lanes_stride(x, rows),
            address(workspace.outputs, 0),
            address(workspace.delta, 0),
            address(workspace.other_delta, 0),
            target,
            start,
            address(workspace.packed, 0),
        )
    else:
        _backward_in_rows(network, parameters, x, rows, workspace, target, start)


@inlined
def _forward_to_delta(
    network: Network, parameters: Any, x: Any, y: Any, rows: int, workspace: Workspace, scale: float
) -> float:
    """Write scale times the last layer's delta, return the loss summed over the rows."""
    if workspace.lanes_x.size > 0:
        return samples_in_lanes.forward_to_delta(
            network,
            parameters,
            address(workspace.lanes_x, 0),
            address(workspace.lanes_y, 0),
            rows,
            _lanes_stride(x, rows),
            address(workspace.outputs, 0),
            address(workspace.delta, 0),
            scale,
        )
    z = output_logits(network, parameters, x, rows, workspace)
    activation = network.activations[network.activations.size - 1]
    return output_delta(network.loss, activation, z, y, address(workspace.delta, 0), rows, network.sizes[-1], scale)


@called
def _add_penalties(
    network: Network, parameters: np.ndarray, rows: int, workspace: Workspace, objective: Objective
) -> float:
    """Add the penalties' gradients and return N times the penalties."""
    offset, penalty = 0, 0.0
    for layer in range(network.activations.size):
        n = network.sizes[layer] * network.sizes[layer + 1]
        weight, d_weight = address(parameters, offset), address(workspace.gradients, offset)
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
    n_out = network.sizes[-1]
    for start in range(0, x.shape[0], workspace.batch_size):
        rows = min(workspace.batch_size, x.shape[0] - start)
        rows_x = address(x, start * x.shape[1])
        z = output_logits(network, address(parameters, 0), rows_x, rows, workspace)
        activate(network.activations[-1], z, rows, n_out)
        target = address(out, start * n_out)
        for i in range(0, rows * n_out, lanes(z)):
            store_first(target, i, load_first(z, i, rows * n_out - i, 0.0), rows * n_out - i)


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
    rows_x, rows_y, rows = address(x, 0), address(y, 0), x.shape[0]
    load_batch(rows_x, rows_y, x.shape[1], y.shape[1], rows, workspace)
    return batch_loss_and_gradients(network, parameters, rows_x, rows_y, rows, workspace, objective)
