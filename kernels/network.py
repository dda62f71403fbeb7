"""The compiled network: forward, backward, and the training loop that never leaves compiled code.

Rows are samples; the layer at hand reads (rows, n_in) and writes (rows, n_out). The backward pass accumulates the
gradient of a layer's weight and bias from the same delta before it is replaced by that of the layer below.
`reference` holds the same functions in NumPy: their specification.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kernels._jit import called, entry_point, inlined
from kernels.activations import IDENTITY, activate, multiply_by_derivative
from kernels.gemm import BIAS, ZERO, gemm
from kernels.losses import absolute_error, output_delta
from kernels.optimizers import (
    add_penalty_gradient,
    scale_inplace,
    sgd_update,
    sum_of_magnitudes,
    sum_of_squares,
)
from kernels.sampling import shuffle
from kernels.simd import address, advance, get, lanes, load_first, splat, store_first
from kernels.structs import Network, Objective, Order, Progress, Recorder, Samples
from kernels.workspace import Workspace


@inlined
def _layer_size(network: Network, layer: int) -> int:
    n_in, n_out = network.sizes[layer], network.sizes[layer + 1]
    return n_in * n_out + (n_out if network.bias else 0)


@called
def _column_sums(delta: Any, rows: int, columns: int, sums_out: Any) -> None:
    for j in range(0, columns, lanes(delta)):
        total = splat(delta, 0.0)
        for i in range(rows):
            total = total + load_first(delta, i * columns + j, columns - j, 0.0)
        store_first(sums_out, j, total, columns - j)


@called
def _logits_of_last_layer(network: Network, parameters: Any, x: Any, rows: int, workspace: Workspace) -> Any:
    """Run all layers, leaving the last one's logits unactivated; return the pointer to them."""
    packed, outputs = address(workspace.packed, 0), address(workspace.outputs, 0)
    n_layers = network.activations.size
    h, weight, z = x, parameters, outputs
    for layer in range(n_layers):
        n_in, n_out = network.sizes[layer], network.sizes[layer + 1]
        start = BIAS if network.bias else ZERO
        gemm(rows, n_out, n_in, h, n_in, 1, weight, n_out, 1, z, n_out, start, advance(weight, n_in * n_out), packed)
        if layer == n_layers - 1:
            return z
        activate(network.activations[layer], z, rows, n_out)
        h = z
        weight = advance(weight, _layer_size(network, layer))
        z = advance(z, workspace.batch_size * n_out)
    return z


@called
def _backward(network: Network, parameters: Any, x: Any, rows: int, workspace: Workspace) -> None:
    """Turn the last layer's delta into the gradients of all layers."""
    packed, n_layers = address(workspace.packed, 0), network.activations.size
    delta, other_delta = address(workspace.delta, 0), address(workspace.other_delta, 0)
    offset, h_offset = 0, 0
    for layer in range(n_layers):
        offset += _layer_size(network, layer)
        h_offset += workspace.batch_size * network.sizes[layer + 1]
    for layer in range(n_layers - 1, -1, -1):
        n_in, n_out = network.sizes[layer], network.sizes[layer + 1]
        offset -= _layer_size(network, layer)
        h_offset -= workspace.batch_size * (n_out + n_in)
        h = x if layer == 0 else address(workspace.outputs, h_offset)
        h_offset += workspace.batch_size * n_in
        d_weight, weight = address(workspace.gradients, offset), advance(parameters, offset)
        gemm(n_in, n_out, rows, h, 1, n_in, delta, n_out, 1, d_weight, n_out, ZERO, d_weight, packed)
        if network.bias:
            _column_sums(delta, rows, n_out, advance(d_weight, n_in * n_out))
        if layer > 0:
            gemm(rows, n_in, n_out, delta, n_out, 1, weight, 1, n_out, other_delta, n_in, ZERO, delta, packed)
            multiply_by_derivative(network.activations[layer - 1], h, other_delta, rows, n_in)
            delta, other_delta = other_delta, delta


@called
def _loss_and_gradients(
    network: Network, parameters: np.ndarray, x: Any, y: Any, rows: int, workspace: Workspace, objective: Objective
) -> float:
    """Write the gradients of one batch to the workspace and return its loss, penalties included."""
    first = address(parameters, 0)
    z = _logits_of_last_layer(network, first, x, rows, workspace)
    n_layers, n_out = network.activations.size, network.sizes[-1]
    scale = 1.0 if objective.article else 1.0 / rows
    delta = address(workspace.delta, 0)
    total = output_delta(network.loss, network.activations[n_layers - 1], z, y, delta, rows, n_out, scale)
    _backward(network, first, x, rows, workspace)
    penalty = 0.0
    if objective.l2 != 0.0 or objective.l1 != 0.0:
        penalty = _add_penalties(network, parameters, rows, workspace, objective)
    return (total + penalty) / rows


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
        offset += _layer_size(network, layer)
    return penalty


@entry_point
def forward(network: Network, parameters: np.ndarray, x: np.ndarray, workspace: Workspace, out: np.ndarray) -> None:
    """Write the network's outputs for x (n_samples, n_features) to out (n_samples, n_outputs), batch by batch."""
    n_out = network.sizes[-1]
    for start in range(0, x.shape[0], workspace.batch_size):
        rows = min(workspace.batch_size, x.shape[0] - start)
        rows_x = address(x, start * x.shape[1])
        z = _logits_of_last_layer(network, address(parameters, 0), rows_x, rows, workspace)
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
    """Write the gradients for all rows, at most a batch, to `workspace.gradients` and return the loss with penalties."""
    return _loss_and_gradients(network, parameters, address(x, 0), address(y, 0), x.shape[0], workspace, objective)


@inlined
def _is_correct(h: Any, y: Any, n: int) -> bool:
    """Tell whether the largest output is the target's largest, or, for a single output, on the target's side of 1/2."""
    if n == 1:
        return (get(h, 0) >= 0.5) == (get(y, 0) >= 0.5)
    best_h, best_y = 0, 0
    for j in range(1, n):
        if get(h, j) > get(h, best_h):
            best_h = j
        if get(y, j) > get(y, best_y):
            best_y = j
    return best_h == best_y


@called
def _evaluate(network: Network, parameters: np.ndarray, samples: Samples, workspace: Workspace) -> tuple[float, float]:
    """Return the loss without penalties and the share of correct rows; NaN for no rows."""
    n_samples, n_in, n_out = samples.x.shape[0], samples.x.shape[1], samples.y.shape[1]
    delta, n_layers = address(workspace.delta, 0), network.activations.size
    total, correct = 0.0, 0
    for start in range(0, n_samples, workspace.batch_size):
        rows = min(workspace.batch_size, n_samples - start)
        z = _logits_of_last_layer(network, address(parameters, 0), address(samples.x, start * n_in), rows, workspace)
        y = address(samples.y, start * n_out)
        total += output_delta(network.loss, network.activations[n_layers - 1], z, y, delta, rows, n_out, 1.0)
        for i in range(rows):
            if _is_correct(advance(z, i * n_out), advance(y, i * n_out), n_out):
                correct += 1
    if n_samples == 0:
        return np.nan, np.nan
    return total / n_samples, correct / n_samples


@called
def _next_batch(samples: Samples, order: Order, workspace: Workspace) -> tuple[Any, Any, int]:
    """Return pointers to the next batch and its number of rows; shuffle where an epoch starts."""
    n_samples, start = samples.x.shape[0], order.position[0]
    rows = min(workspace.batch_size, n_samples - start)
    order.position[0] = 0 if start + rows == n_samples else start + rows
    n_in, n_out = samples.x.shape[1], samples.y.shape[1]
    if order.order.size == 0:
        return address(samples.x, start * n_in), address(samples.y, start * n_out), rows
    if start == 0:
        shuffle(order.order, order.random)
    for i in range(rows):
        source = order.order[start + i]
        workspace.batch_x[i * n_in : (i + 1) * n_in] = samples.x[source]
        workspace.batch_y[i * n_out : (i + 1) * n_out] = samples.y[source]
    return address(workspace.batch_x, 0), address(workspace.batch_y, 0), rows


@called
def _would_stay_finite(parameters: np.ndarray, gradients: np.ndarray, learning_rate: float) -> bool:
    for i in range(parameters.size):
        if not math.isfinite(parameters[i] - parameters.dtype.type(learning_rate) * gradients[i]):
            return False
    return True


@inlined
def _norm(gradients: np.ndarray) -> float:
    return math.sqrt(sum_of_squares(address(gradients, 0), gradients.size))


@called
def _absolute_error_sum(network: Network, y: Any, rows: int, workspace: Workspace) -> float:
    """Return the sum of |y - h| over the batch whose outputs are in the workspace."""
    offset = 0
    for layer in range(network.activations.size - 1):
        offset += workspace.batch_size * network.sizes[layer + 1]
    return absolute_error(address(workspace.outputs, offset), y, rows * network.sizes[-1])


@entry_point
def train(
    network: Network,
    parameters: np.ndarray,
    samples: Samples,
    order: Order,
    workspace: Workspace,
    objective: Objective,
    learning_rates: np.ndarray,
    first_period: int,
    steps_per_period: int,
    recorder: Recorder,
    careful: bool,
) -> Progress:
    """Train for as many periods as there are learning rates, changing the parameters in place.

    Parameters
    ----------
    network, samples, order, workspace, objective, recorder
        See `structs`. A step takes `workspace.batch_size` rows, the last of an epoch what is left.
    parameters : (n,) array
        Layout of `structs`.
    learning_rates : float64 (n_periods,)
        One for each period.
    first_period : int
        Number of the first period, for the choice of the recorded ones.
    steps_per_period : int
        Updates in a period.
    careful : bool
        Stop before the first update that would leave a parameter not finite; it costs two more passes over the
        parameters in each step.

    Returns
    -------
    Progress
        Fewer periods than asked for mean that the next step's loss, or in careful training its update, is not finite:
        that step was not taken.
    """
    records, norm, n = 0, np.nan, parameters.size
    gradients = workspace.gradients
    for period in range(learning_rates.size):
        rate = learning_rates[period]
        recorded = (first_period + period) % recorder.every == 0
        loss_sum, error_sum, rows_sum = 0.0, 0.0, 0
        for step in range(steps_per_period):
            x, y, rows = _next_batch(samples, order, workspace)
            loss = _loss_and_gradients(network, parameters, x, y, rows, workspace, objective)
            finite = math.isfinite(loss)
            if recorded or careful or objective.clip_norm > 0.0 or not finite:
                norm = _norm(gradients)
            if not finite:
                return Progress(records, period, step, norm)
            if objective.clip_norm > 0.0 and norm > objective.clip_norm:
                scale_inplace(address(gradients, 0), n, objective.clip_norm / norm)
            if careful and not _would_stay_finite(parameters, gradients, rate):
                return Progress(records, period, step, norm)
            if recorded:
                error_sum += _absolute_error_sum(network, y, rows, workspace)
            sgd_update(address(parameters, 0), address(gradients, 0), n, rate)
            loss_sum += loss * rows
            rows_sum += rows
        if recorded:
            row = recorder.table[records]
            row[0] = loss_sum / rows_sum
            row[1] = error_sum / (rows_sum * network.sizes[-1])
            row[2] = norm
            row[3], row[4] = _evaluate(network, parameters, recorder.evaluated, workspace)
            row[5], row[6] = _evaluate(network, parameters, recorder.validation, workspace)
            records += 1
    return Progress(records, learning_rates.size, 0, norm)
