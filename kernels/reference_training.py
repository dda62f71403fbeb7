"""The steps of `training_loop` in NumPy: their specification.

Batches, updates and records are here; what the network computes of a batch is in `reference`, the rules of the steps
are in `reference_optimizers`.
"""

from __future__ import annotations

import math

import numpy as np

from kernels.dropout import dropout_of_step
from kernels.reference import LayerViews, batch_loss_and_gradients, output_delta, run_layers
from kernels.reference_optimizers import take_step
from kernels.sampling import shuffle_inplace
from kernels.structs import Network, Objective, Optimizer, Order, Progress, Recorder, Samples, Span
from kernels.workspace import Workspace


def _evaluate(network: Network, parameters: np.ndarray, samples: Samples, workspace: Workspace) -> tuple[float, float]:
    """Return the loss without penalties and the share of correct rows; NaN for no rows."""
    total, correct, n_samples = 0.0, 0, samples.x.shape[0]
    if n_samples == 0:
        return math.nan, math.nan
    for start in range(0, n_samples, workspace.batch_size):
        x, y = samples.x[start : start + workspace.batch_size], samples.y[start : start + workspace.batch_size]
        layers = LayerViews(network, parameters, workspace, x.shape[0])
        z = run_layers(layers, x)
        total += output_delta(network, z, y, layers.deltas[-1], 1.0)
        if y.shape[1] == 1:
            correct += int(np.count_nonzero((z >= 0.5) == (y >= 0.5)))
        else:
            correct += int(np.count_nonzero(z.argmax(axis=1) == y.argmax(axis=1)))
    return total / n_samples, correct / n_samples


def _measure(
    network: Network, parameters: np.ndarray, recorder: Recorder, workspace: Workspace
) -> tuple[float, float, float, float]:
    """Return losses and accuracies of the evaluated and of the validation rows."""
    loss, accuracy = _evaluate(network, parameters, recorder.evaluated, workspace)
    if not recorder.evaluated_loss:
        loss = math.nan
    return loss, accuracy, *_evaluate(network, parameters, recorder.validation, workspace)


def _next_batch(samples: Samples, period: int, order: Order, workspace: Workspace) -> Samples:
    """Return the next batch; shuffle where an epoch starts."""
    n_samples, start = samples.x.shape[0], int(order.position[0])
    rows = min(workspace.batch_size, n_samples - start)
    order.position[0] = (start + rows) % n_samples
    if not order.order.size:
        return Samples(*(array[start : start + rows] for array in samples))
    if not order.random.size:
        start += period * n_samples
    elif start == 0:
        shuffle_inplace(order.order, order.random)
    chosen = order.order[start : start + rows]
    x = workspace.batch_x[: rows * samples.x.shape[1]].reshape(rows, -1)
    y = workspace.batch_y[: rows * samples.y.shape[1]].reshape(rows, -1)
    np.take(samples.x, chosen, axis=0, out=x)
    np.take(samples.y, chosen, axis=0, out=y)
    return Samples(x, y, samples.weights[chosen] if samples.weights.size else samples.weights)


def _norm(gradients: np.ndarray) -> float:
    squares = float(np.vdot(gradients, gradients))
    if not math.isfinite(squares):  # the squares, if not the gradient, leave the range of float32
        squares = float(np.square(gradients, dtype=np.float64).sum())
    return math.sqrt(squares)


def train(
    network: Network,
    parameters: np.ndarray,
    samples: Samples,
    order: Order,
    workspace: Workspace,
    objective: Objective,
    optimizer: Optimizer,
    learning_rates: np.ndarray,
    span: Span,
    recorder: Recorder,
    careful: bool,
) -> Progress:
    """Take the steps of a span; see `training_loop.train`."""
    with np.errstate(over="ignore", invalid="ignore"):
        layers_of_rows: dict[int, LayerViews] = {}
        n = parameters.size
        gradients, update = workspace.gradients[:n], np.empty_like(parameters)
        records, copies, norm = 0, 0, math.nan
        if not learning_rates.size:
            recorder.table[0] = math.nan, math.nan, norm, *_measure(network, parameters, recorder, workspace)
            return Progress(1, 0, 0, norm)
        n_left, first_step = span.n_steps, span.step
        for period, rate in enumerate(learning_rates):
            recorded = (span.period + period) % recorder.every == 0
            rows_sum, loss_sum, error_sum = recorder.sums if first_step else (0.0, 0.0, 0.0)
            last_step = min(span.steps_per_period, first_step + n_left)
            n_left -= last_step - first_step
            for step in range(first_step, last_step):
                batch = _next_batch(samples, period, order, workspace)
                rows = batch.x.shape[0]
                if rows not in layers_of_rows:
                    layers_of_rows[rows] = LayerViews(network, parameters, workspace, rows)
                layers = layers_of_rows[rows]
                dropout = dropout_of_step(objective, int(optimizer.steps[0]))
                loss = batch_loss_and_gradients(network, layers, batch, objective, dropout)
                measured = careful or (recorded and step == span.steps_per_period - 1)
                if measured or objective.clip_norm > 0.0 or not math.isfinite(loss):
                    norm = _norm(gradients)
                if not math.isfinite(loss):
                    return Progress(records, period, step, norm)
                if objective.clip_norm > 0.0 and norm > objective.clip_norm:
                    gradients *= parameters.dtype.type(objective.clip_norm / norm)
                state = optimizer.first, optimizer.second, optimizer.steps
                before = [memory.copy() for memory in state] if careful else []
                take_step(optimizer, gradients, rate, update)
                if careful and not all(np.isfinite(values).all() for values in (parameters + update, *state)):
                    for memory, values in zip(state, before, strict=True):
                        np.copyto(memory, values)
                    return Progress(records, period, step, norm)
                if recorded:
                    error_sum += float(np.abs(batch.y - layers.outputs[-1]).sum())
                if objective.weight_decay > 0.0:
                    parameters *= parameters.dtype.type(1.0 - rate * objective.weight_decay)
                np.add(parameters, update, out=parameters)
                loss_sum += loss * rows
                rows_sum += rows
            if last_step < span.steps_per_period:
                recorder.sums[:] = rows_sum, loss_sum, error_sum
                return Progress(records, period, last_step, norm)
            first_step = 0
            recorder.losses[period] = loss_sum / rows_sum
            if recorded:
                means = loss_sum / rows_sum, error_sum / (rows_sum * samples.y.shape[1])
                recorder.table[records] = *means, norm, *_measure(network, parameters, recorder, workspace)
                records += 1
            if span.period + period + 1 in recorder.copied_after:
                recorder.copies[copies] = parameters
                copies += 1
        return Progress(records, len(learning_rates), 0, norm)
