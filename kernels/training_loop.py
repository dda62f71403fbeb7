"""The compiled training loop: batches, steps, records, without leaving compiled code.

Where penalties, clipping or caution stand between gradient and update, a step stores the gradient and then updates;
else it updates in place (see `network`). Several threads may run it together, as a team (see `team`), each with a
view of the same workspace. A recorded step computes its gradient beside, for the norm; what is trained
does not depend on what is recorded. `reference` holds the same function in NumPy: its specification.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kernels._jit import called, entry_point, inlined
from kernels.network import (
    batch_absolute_error,
    batch_loss_and_gradients,
    batch_loss_and_update,
    copy_parameters,
    layers_of,
    load_batch,
    memory_of,
    n_elements,
)
from kernels.optimizers import scale_inplace, sgd_update, sum_of_squares
from kernels.packing import copy_block
from kernels.samples_in_rows import forward_to_delta, outputs_offset
from kernels.sampling import shuffle
from kernels.simd import address, advance, get, lanes, load_first, splat, sum_lanes
from kernels.structs import Layers, Network, Objective, Order, Progress, Recorder, Samples
from kernels.team import meet, share
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
    total, correct = 0.0, 0
    for start in range(0, n_samples, workspace.batch_size):
        rows = min(workspace.batch_size, n_samples - start)
        rows_x, rows_y = advance(x, start * n_in), advance(y, start * n_out)
        total += forward_to_delta(network, parameters, rows_x, rows_y, rows, workspace, 1.0)
        h = advance(workspace.outputs, outputs_offset(network, x, workspace))
        for i in range(rows):
            if _is_correct(advance(h, i * n_out), advance(rows_y, i * n_out), n_out):
                correct += 1
        meet(workspace.team)  # before the outputs are written over
    if n_samples == 0:
        return np.nan, np.nan
    return total / n_samples, correct / n_samples


@inlined
def _measure(network: Layers, parameters: Any, recorder: Recorder, workspace: Memory, row: np.ndarray) -> None:
    """Write losses and accuracies of the evaluated and of the validation rows to a record."""
    first, second = recorder.evaluated, recorder.validation
    x, y, n_samples = address(first.x, 0), address(first.y, 0), first.x.shape[0]
    loss, accuracy = _evaluate(network, parameters, x, y, n_samples, workspace)
    x, y, n_samples = address(second.x, 0), address(second.y, 0), second.x.shape[0]
    val_loss, val_accuracy = _evaluate(network, parameters, x, y, n_samples, workspace)
    if workspace.team.rank == 0:
        row[3], row[4], row[5], row[6] = loss, accuracy, val_loss, val_accuracy


@inlined
def _next_batch(
    x: Any, y: Any, start: int, rows: int, n_in: int, n_out: int, order: Order, workspace: Memory
) -> tuple[Any, Any]:
    """Return pointers to the batch of `rows` rows from `start` on; shuffle where an epoch starts."""
    if order.order.size == 0:
        return advance(x, start * n_in), advance(y, start * n_out)
    team = workspace.team
    if start == 0:
        if team.rank == 0:
            shuffle(order.order, order.random)
        meet(team)
    first, last = share(rows, 1, team)
    for i in range(first, last):
        source = order.order[start + i]
        copy_block(advance(x, source * n_in), 0, 1, n_in, advance(workspace.batch_x, i * n_in), 0)
        copy_block(advance(y, source * n_out), 0, 1, n_out, advance(workspace.batch_y, i * n_out), 0)
    meet(team)
    return workspace.batch_x, workspace.batch_y


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


@inlined
def _train(
    layers: Layers,
    weights: Any,
    samples: Samples,
    order: Order,
    memory: Memory,
    objective: Objective,
    learning_rates: np.ndarray,
    first_period: int,
    steps_per_period: int,
    recorder: Recorder,
    careful: bool,
) -> Progress:
    """Do what `train` does, on parameters that lie as `layers` says."""
    team = memory.team
    x, y, n_samples = address(samples.x, 0), address(samples.y, 0), samples.x.shape[0]
    n_in, n_out = samples.x.shape[1], samples.y.shape[1]
    records, norm, n_parameters = 0, np.nan, n_elements(layers, weights)
    if learning_rates.size == 0:
        row = recorder.table[0]
        row[:3] = np.nan
        _measure(layers, weights, recorder, memory, row)
        return Progress(1, 0, 0, norm)
    in_place = objective.l2 == 0.0 and objective.l1 == 0.0 and objective.clip_norm == 0.0
    one_batch = order.order.size == 0 and memory.batch_size == n_samples
    start = order.position[0]
    if one_batch:
        load_batch(layers, x, y, n_samples, memory)
    for period in range(learning_rates.size):
        rate = learning_rates[period]
        recorded = (first_period + period) % recorder.every == 0
        loss_sum, error_sum, rows_sum = 0.0, 0.0, 0
        for step in range(steps_per_period):
            rows = min(memory.batch_size, n_samples - start)
            batch_x, batch_y = _next_batch(x, y, start, rows, n_in, n_out, order, memory)
            start = 0 if start + rows == n_samples else start + rows
            if team.rank == 0:
                order.position[0] = start
            if not one_batch:
                load_batch(layers, batch_x, batch_y, rows, memory)
            if careful or recorded or not in_place:
                loss = batch_loss_and_gradients(layers, weights, batch_x, batch_y, rows, memory, objective)
                norm = _norm(memory.gradients, n_parameters)
                meet(team)
                if objective.clip_norm > 0.0 and norm > objective.clip_norm:
                    first, last = share(n_parameters, lanes(weights), team)
                    scale_inplace(advance(memory.gradients, first), last - first, objective.clip_norm / norm)
                finite = math.isfinite(loss)
                if not finite or (careful and not _would_stay_finite(weights, memory.gradients, n_parameters, rate)):
                    return Progress(records, period, step, norm)
            if recorded:
                error_sum += batch_absolute_error(layers, batch_y, rows, memory)
                meet(team)
            if in_place:
                scale = rate if objective.article else rate / rows
                loss = batch_loss_and_update(layers, weights, batch_x, batch_y, rows, memory, scale)
                if not math.isfinite(loss):
                    return Progress(records, period, step, norm)
            else:
                first, last = share(n_parameters, lanes(weights), team)
                sgd_update(advance(weights, first), advance(memory.gradients, first), last - first, rate)
                meet(team)
            loss_sum += loss * rows
            rows_sum += rows
        if recorded:
            row = recorder.table[records]
            if team.rank == 0:
                row[0] = loss_sum / rows_sum
                row[1] = error_sum / (rows_sum * n_out)
                row[2] = norm
            _measure(layers, weights, recorder, memory, row)
            records += 1
            if one_batch:
                load_batch(layers, x, y, n_samples, memory)  # measuring wrote over it
    return Progress(records, learning_rates.size, 0, norm)


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
        Stop before the first update that would leave a parameter not finite, and store each gradient to tell; for a
        team of one.

    Returns
    -------
    Progress
        Without learning rates nothing is trained, and one record is made of what is evaluated. Fewer periods than
        asked for mean that the next step's loss, or in careful training its update, is not finite: that step was not
        taken.
    """
    layers, memory = layers_of(network, workspace.weights.size > 0), memory_of(workspace)
    given = address(parameters, 0)
    weights = memory.weights if layers.padded else given
    if layers.padded:
        if memory.team.rank == 0:
            copy_parameters(layers, given, True, weights)
        meet(memory.team)
    progress = _train(
        layers, weights, samples, order, memory, objective, learning_rates, first_period, steps_per_period,
        recorder, careful,
    )  # fmt: skip
    if layers.padded and memory.team.rank == 0:
        copy_parameters(layers, weights, False, given)
    return progress
