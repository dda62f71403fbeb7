"""The steps of a span, compiled: batches, updates and records.

Where penalties, clipping, caution or a rule that remembers stand between gradient and update, a step stores the
gradient and then updates; else it updates in place (see `network`). The last step of a recorded period makes its update
beside the parameters, for the norm; what is trained does not depend on what is recorded.

What the network computes of a batch, and how it is laid, comes as functions: those of `samples_in_rows` or of
`samples_in_lanes`, which `training_loop` chooses.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kernels._jit import inlined
from kernels.blocking import KC
from kernels.dropout import dropout_of
from kernels.gradient_terms import global_norm, scale_inplace
from kernels.micro_kernels import PREVIOUS, ZERO
from kernels.network import add_penalties, copy_parameters, n_elements, total_weight
from kernels.optimizers import SGD, step_rate, update, would_stay_finite
from kernels.sampling import shuffle
from kernels.simd import address, advance, lanes
from kernels.structs import Layers, Objective, Optimizer, Order, Progress, Recorder, Rule, Samples, Span
from kernels.team import meet, share
from kernels.workspace import Memory

# With a batch of at most so many rows each gradient is one sum, which rounds alike whether it is added to the parameter
# at once, or stored and then added.
ONE_PASS = KC


@inlined
def _measure(
    evaluate: Any, network: Layers, parameters: Any, recorder: Recorder, memory: Memory, row: np.ndarray
) -> None:
    """Write losses and accuracies of the evaluated and of the validation rows to a record; NaN for no rows."""
    first, second = recorder.evaluated, recorder.validation
    n, with_loss = recorder.n_evaluated, recorder.evaluated_loss
    loss, correct = evaluate(network, parameters, address(first.x, 0), address(first.y, 0), n, with_loss, memory)
    n_validation, val_loss, val_correct = recorder.n_validation, 0.0, 0.0
    if n_validation > 0:
        x, y = address(second.x, 0), address(second.y, 0)
        val_loss, val_correct = evaluate(network, parameters, x, y, n_validation, True, memory)
    if memory.team.rank == 0:
        row[3], row[4] = np.float64(loss) / n if with_loss else np.nan, np.float64(correct) / n
        row[5], row[6] = np.float64(val_loss) / n_validation, np.float64(val_correct) / n_validation


@inlined
def _next_batch(
    take_batch: Any, layers: Layers, samples: Samples, period: int, start: int, rows: int, order: Order, memory: Memory
) -> tuple[Any, Any, Any]:
    """Return pointers to x, y and weights of the `rows` rows from `start` on; shuffle where an epoch starts."""
    x, y, weights = address(samples.x, 0), address(samples.y, 0), address(samples.weights, 0)
    weighted, ordered, given = samples.weights.size > 0, order.order.size > 0, order.random.size == 0
    n_after = samples.x.shape[0] - start - rows
    place = start + (period * samples.x.shape[0] if given else 0)
    if ordered and start == 0 and not given:
        if memory.team.rank == 0:
            shuffle(order.order, order.random)
        meet(memory.team)
    if not ordered:
        x, y = advance(x, start * samples.x.shape[1]), advance(y, start * samples.y.shape[1])
        weights, place = advance(weights, start if weighted else 0), 0
    return take_batch(layers, x, y, weights, weighted, address(order.order, place), ordered, rows, n_after, memory)


@inlined
def take_steps(
    take_batch: Any,
    to_deltas: Any,
    accumulate: Any,
    absolute_error: Any,
    evaluate: Any,
    layers: Layers,
    weights: Any,
    samples: Samples,
    order: Order,
    memory: Memory,
    objective: Objective,
    optimizer: Optimizer,
    learning_rates: np.ndarray,
    span: Span,
    recorder: Recorder,
    careful: bool,
) -> Progress:
    """Do what `training_loop.train` does by one of the two ways, on parameters that lie as `layers` says."""
    team = memory.team
    n_samples, n_out, weighted = samples.x.shape[0], samples.y.shape[1], samples.weights.size > 0
    records, copies, norm, n_parameters = 0, 0, np.nan, n_elements(layers, weights)
    if learning_rates.size == 0:
        row = recorder.table[0]
        row[:3] = np.nan
        _measure(evaluate, layers, weights, recorder, memory, row)
        return Progress(1, 0, 0, norm)
    rule = Rule(
        optimizer.rule, optimizer.beta_1, optimizer.beta_2, optimizer.epsilon, address(optimizer.first, 0),
        address(optimizer.second, 0),
    )  # fmt: skip
    steps_taken = optimizer.steps[0]
    penalised = objective.l2 != 0.0 or objective.l1 != 0.0
    decay = objective.weight_decay
    unmodified = not penalised and objective.clip_norm == 0.0 and decay == 0.0 and rule.kind == SGD
    one_batch = order.order.size == 0 and memory.batch_size == n_samples
    start = order.position[0]
    meet(team)  # before the first moves it
    if one_batch:
        batch_x, batch_y, batch_weights = _next_batch(
            take_batch, layers, samples, span.period, start, n_samples, order, memory
        )
    n_left, first_step = span.n_steps, span.step
    for period in range(learning_rates.size):
        rate = learning_rates[period]
        recorded = (span.period + period) % recorder.every == 0
        rows_sum, loss_sum, error_sum = 0.0, 0.0, 0.0
        if first_step > 0:
            rows_sum, loss_sum, error_sum = recorder.sums[0], recorder.sums[1], recorder.sums[2]
        last_step = min(span.steps_per_period, first_step + n_left)
        n_left -= last_step - first_step
        for step in range(first_step, last_step):
            rows = min(memory.batch_size, n_samples - start)
            if not one_batch:
                batch_x, batch_y, batch_weights = _next_batch(
                    take_batch, layers, samples, period, start, rows, order, memory
                )
            start = 0 if start + rows == n_samples else start + rows
            if team.rank == 0:
                order.position[0] = start
            # In place, the delta is scaled so that its products are the update; else they are the gradient.
            in_place = unmodified and rate > 0.0
            weight = total_weight(batch_weights, rows, weighted)
            gradient_scale = 1.0 if objective.article else 1.0 / weight
            factor, step_size = (-rate * gradient_scale, -1.0) if in_place else (gradient_scale, rate)
            dropout = dropout_of(objective, steps_taken)
            loss = to_deltas(layers, weights, batch_x, batch_y, batch_weights, weighted, rows, memory, factor, dropout)
            loss /= weight
            if not math.isfinite(loss) and not careful:
                return Progress(records, period, step, norm)
            if recorded:
                error_sum += absolute_error(layers, batch_y, rows, memory)
            measured = careful or (recorded and step == span.steps_per_period - 1)
            direct = in_place and not measured and rows <= ONE_PASS
            target, start_of_sums = (weights, PREVIOUS) if direct else (memory.gradients, ZERO)
            accumulate(layers, weights, batch_x, rows, memory, target, start_of_sums, dropout)
            if not direct:
                if penalised:
                    loss += add_penalties(layers, weights, weight, memory, objective) / weight
                if measured or objective.clip_norm > 0.0:
                    norm = global_norm(memory.gradients, n_parameters) / (rate if in_place else 1.0)
                    meet(team)
                if objective.clip_norm > 0.0 and norm > objective.clip_norm:
                    first, last = share(n_parameters, lanes(weights), team)
                    scale_inplace(advance(memory.gradients, first), last - first, objective.clip_norm / norm)
                step_size = step_rate(rule, step_size, steps_taken + 1)
                stays_finite = not careful or would_stay_finite(
                    rule, weights, memory.gradients, n_parameters, step_size
                )
                if not (math.isfinite(loss) and stays_finite):
                    return Progress(records, period, step, norm)
                first, last = share(n_parameters, lanes(weights), team)
                if decay > 0.0:
                    scale_inplace(advance(weights, first), last - first, 1.0 - rate * decay)
                update(rule, weights, memory.gradients, first, last, step_size)
                meet(team)
            steps_taken += 1
            if team.rank == 0:
                optimizer.steps[0] = steps_taken
            loss_sum += loss * rows
            rows_sum += rows
        if last_step < span.steps_per_period:
            if team.rank == 0:
                recorder.sums[0], recorder.sums[1], recorder.sums[2] = rows_sum, loss_sum, error_sum
            return Progress(records, period, last_step, norm)
        first_step = 0
        if team.rank == 0:
            recorder.losses[period] = loss_sum / rows_sum
        if recorded:
            row = recorder.table[records]
            if team.rank == 0:
                row[0] = loss_sum / rows_sum
                row[1] = error_sum / (rows_sum * n_out)
                row[2] = norm
            _measure(evaluate, layers, weights, recorder, memory, row)
            records += 1
        if copies < recorder.copied_after.size and recorder.copied_after[copies] == span.period + period + 1:
            if team.rank == 0:
                copy_parameters(layers, weights, False, address(recorder.copies, copies * recorder.copies.shape[1]))
            copies += 1
            meet(team)  # before the others change what is copied
    return Progress(records, learning_rates.size, 0, norm)
