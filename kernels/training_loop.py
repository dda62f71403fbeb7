"""The compiled training loop: batches, steps, records, without leaving compiled code.

Where penalties, clipping or caution stand between gradient and update, a step stores the gradient and then updates;
else it updates in place (see `network`). A recorded step computes its gradient beside, for the norm; what is trained
does not depend on what is recorded. `reference` holds the same function in NumPy: its specification.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kernels._jit import called, entry_point, inlined
from kernels.losses import output_delta
from kernels.network import (
    batch_absolute_error,
    batch_loss_and_gradients,
    batch_loss_and_update,
    layers_of,
    load_batch,
    memory_of,
    output_logits,
)
from kernels.optimizers import scale_inplace, sgd_update, sum_of_squares
from kernels.packing import copy_block
from kernels.sampling import shuffle
from kernels.simd import address, advance, get, lanes, load_first, splat, sum_lanes
from kernels.structs import Layers, Network, Objective, Order, Progress, Recorder, Samples
from kernels.workspace import Memory, Workspace


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
def _evaluate(
    network: Layers, parameters: Any, x: Any, y: Any, n_samples: int, workspace: Memory
) -> tuple[float, float]:
    """Return the loss without penalties and the share of correct rows; NaN for no rows."""
    n_in, n_out = get(network.sizes, 0), get(network.sizes, network.n_layers)
    activation = get(network.activations, network.n_layers - 1)
    total, correct = 0.0, 0
    for start in range(0, n_samples, workspace.batch_size):
        rows = min(workspace.batch_size, n_samples - start)
        z = output_logits(network, parameters, advance(x, start * n_in), rows, workspace)
        rows_y = advance(y, start * n_out)
        total += output_delta(network.loss, activation, z, rows_y, workspace.delta, rows, n_out, 1.0)
        for i in range(rows):
            if _is_correct(advance(z, i * n_out), advance(rows_y, i * n_out), n_out):
                correct += 1
    if n_samples == 0:
        return np.nan, np.nan
    return total / n_samples, correct / n_samples


@inlined
def _measure(network: Layers, parameters: Any, recorder: Recorder, workspace: Memory, row: np.ndarray) -> None:
    """Write losses and accuracies of the evaluated and of the validation rows to a record."""
    first, second = recorder.evaluated, recorder.validation
    x, y, n_samples = address(first.x, 0), address(first.y, 0), first.x.shape[0]
    row[3], row[4] = _evaluate(network, parameters, x, y, n_samples, workspace)
    x, y, n_samples = address(second.x, 0), address(second.y, 0), second.x.shape[0]
    row[5], row[6] = _evaluate(network, parameters, x, y, n_samples, workspace)


@inlined
def _next_batch(
    x: Any, y: Any, n_samples: int, n_in: int, n_out: int, order: Order, workspace: Memory
) -> tuple[Any, Any, int]:
    """Return pointers to the next batch and its number of rows; shuffle where an epoch starts."""
    start = order.position[0]
    rows = min(workspace.batch_size, n_samples - start)
    order.position[0] = 0 if start + rows == n_samples else start + rows
    if order.order.size == 0:
        return advance(x, start * n_in), advance(y, start * n_out), rows
    if start == 0:
        shuffle(order.order, order.random)
    for i in range(rows):
        source = order.order[start + i]
        copy_block(advance(x, source * n_in), 0, 1, n_in, advance(workspace.batch_x, i * n_in), 0)
        copy_block(advance(y, source * n_out), 0, 1, n_out, advance(workspace.batch_y, i * n_out), 0)
    return workspace.batch_x, workspace.batch_y, rows


@called
def _would_stay_finite(parameters: Any, gradients: Any, n: int, learning_rate: float) -> bool:
    rate = splat(parameters, learning_rate)
    for i in range(0, n, lanes(parameters)):
        step = load_first(gradients, i, n - i, 0.0) * rate
        if not math.isfinite(sum_lanes((load_first(parameters, i, n - i, 0.0) - step) * 0.0)):
            return False
    return True


@called
def _norm(gradients: Any, n: int) -> float:
    squares = sum_of_squares(gradients, n)
    if not math.isfinite(squares):  # the squares, if not the gradient, leave the range of float32
        squares = 0.0
        for i in range(n):
            squares += np.float64(get(gradients, i)) ** 2
    return math.sqrt(squares)


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
        Stop before the first update that would leave a parameter not finite, and store each gradient to tell.

    Returns
    -------
    Progress
        Without learning rates nothing is trained, and one record is made of what is evaluated. Fewer periods than
        asked for mean that the next step's loss, or in careful training its update, is not finite: that step was not
        taken.
    """
    layers, memory, weights = layers_of(network), memory_of(workspace), address(parameters, 0)
    x, y, n_samples = address(samples.x, 0), address(samples.y, 0), samples.x.shape[0]
    n_in, n_out = samples.x.shape[1], samples.y.shape[1]
    records, norm, n_parameters = 0, np.nan, parameters.size
    if learning_rates.size == 0:
        row = recorder.table[0]
        row[:3] = np.nan
        _measure(layers, weights, recorder, memory, row)
        return Progress(1, 0, 0, norm)
    in_place = objective.l2 == 0.0 and objective.l1 == 0.0 and objective.clip_norm == 0.0
    one_batch = order.order.size == 0 and memory.batch_size == n_samples
    if one_batch:
        load_batch(x, y, n_in, n_out, n_samples, memory)
    for period in range(learning_rates.size):
        rate = learning_rates[period]
        recorded = (first_period + period) % recorder.every == 0
        loss_sum, error_sum, rows_sum = 0.0, 0.0, 0
        for step in range(steps_per_period):
            batch_x, batch_y, rows = _next_batch(x, y, n_samples, n_in, n_out, order, memory)
            if not one_batch:
                load_batch(batch_x, batch_y, n_in, n_out, rows, memory)
            if careful or recorded or not in_place:
                loss = batch_loss_and_gradients(layers, weights, batch_x, batch_y, rows, memory, objective)
                norm = _norm(memory.gradients, n_parameters)
                if objective.clip_norm > 0.0 and norm > objective.clip_norm:
                    scale_inplace(memory.gradients, n_parameters, objective.clip_norm / norm)
                finite = math.isfinite(loss)
                if not finite or (careful and not _would_stay_finite(weights, memory.gradients, n_parameters, rate)):
                    return Progress(records, period, step, norm)
            if recorded:
                error_sum += batch_absolute_error(layers, batch_y, rows, memory)
            if in_place:
                scale = rate if objective.article else rate / rows
                loss = batch_loss_and_update(layers, weights, batch_x, batch_y, rows, memory, scale)
                if not math.isfinite(loss):
                    return Progress(records, period, step, norm)
            else:
                sgd_update(weights, memory.gradients, n_parameters, rate)
            loss_sum += loss * rows
            rows_sum += rows
        if recorded:
            row = recorder.table[records]
            row[0] = loss_sum / rows_sum
            row[1] = error_sum / (rows_sum * n_out)
            row[2] = norm
            _measure(layers, weights, recorder, memory, row)
            records += 1
    return Progress(records, learning_rates.size, 0, norm)
