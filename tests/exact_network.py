"""A network in exact arithmetic, with bounds of the errors with which a backend computes the same.

The formulas are those of the public interface, written once more and as plainly as possible: the specification that
both backends are held against. Bounds come from `bounded`; they cover any order of sums and of factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from arithmetic import EXACT, gamma, sum_bound, unit_roundoff
from bounded import (
    Bounded,
    activated,
    exactly,
    log_sum_exp,
    matrix_product,
    multiply,
    subtract,
    times_slope,
    total,
)
from bounded_losses import ERROR_LOSSES, loss_and_slopes, poisson_losses


@dataclass(frozen=True)
class Problem:
    """What is to be computed: a network's kind, the loss, its penalties, and the dtype of the program."""

    activations: tuple[str, ...]
    loss: str
    dtype: Any
    l2: float = 0.0
    l1: float = 0.0
    article: bool = False
    loss_parameter: float | None = None


def run_layers(
    problem: Problem, weights: Sequence[Bounded], biases: Sequence[Bounded], x: Any
) -> list[tuple[Bounded, Bounded]]:
    """Return (logits, outputs) of each layer; `biases` may be empty."""
    h, layers = exactly(x), []
    for layer, weight in enumerate(weights):
        bias = biases[layer] if len(biases) else None
        z = matrix_product(h, weight, problem.dtype, bias)
        h = activated(problem.activations[layer], z, problem.dtype)
        layers.append((z, h))
    return layers


def loss_and_gradients(
    problem: Problem, weights: Sequence[np.ndarray], biases: Sequence[np.ndarray], x: np.ndarray, y: np.ndarray
) -> tuple[Bounded, Bounded]:
    """Return the loss with penalties, and all gradients in a row: of each layer's weight, then of its bias."""
    exact_weights, dtype, rows = [exactly(w) for w in weights], problem.dtype, x.shape[0]
    layers = run_layers(problem, exact_weights, [exactly(b) for b in biases], x)
    loss_sum, delta = _loss_sum_and_delta(problem, layers[-1], exactly(y))
    gradients: list[Bounded] = []
    for layer in reversed(range(len(weights))):
        h = layers[layer - 1][1] if layer else exactly(x)
        d_weight = _with_penalties(problem, matrix_product(h.transposed, delta, dtype), exact_weights[layer], rows)
        d_bias = [total(delta, dtype, axis=0)] if len(biases) else []
        gradients = [d_weight, *d_bias, *gradients]
        if layer:
            d_h = matrix_product(delta, exact_weights[layer].transposed, dtype)
            delta = times_slope(problem.activations[layer - 1], *layers[layer - 1], d_h, dtype)
    penalty = _penalty(problem, exact_weights)
    loss = (loss_sum.value + penalty.value) / rows
    # The sum of both and the division by the rows.
    error = (loss_sum.error + penalty.error) / rows + 3 * unit_roundoff(np.float64) * np.abs(loss)
    return Bounded(loss, error), _flat(gradients)


def _flat(blocks: Sequence[Bounded]) -> Bounded:
    return Bounded(*(np.concatenate([block[part].reshape(-1) for block in blocks]) for part in (0, 1)))


def _scale(problem: Problem, rows: int) -> Bounded:
    factor = EXACT(1) if problem.article else EXACT(1) / rows
    return Bounded(factor, unit_roundoff(problem.dtype) * factor)


def _loss_sum_and_delta(problem: Problem, layer: tuple[Bounded, Bounded], y: Bounded) -> tuple[Bounded, Bounded]:
    """Return the loss summed over the rows, and the output layer's dL/dz, L with its factor 1/N."""
    (z, h), dtype, name = layer, problem.dtype, problem.activations[-1]
    scale = _scale(problem, y.value.shape[0])
    if problem.loss in ERROR_LOSSES:
        loss, slopes = loss_and_slopes(problem.loss, problem.loss_parameter, subtract(h, y, dtype), dtype)
        return loss, multiply(times_slope(name, z, h, slopes, dtype), scale, dtype)
    if name == "exp":
        return poisson_losses(z, h, y), multiply(subtract(h, y, dtype), scale, dtype)
    if name == "sigmoid":
        return _logistic_losses(z, y, dtype), multiply(subtract(h, y, dtype), scale, dtype)
    row_totals = total(y, dtype, axis=1)
    weighted = multiply(h, Bounded(row_totals.value[:, None], row_totals.error[:, None]), dtype)
    return _softmax_losses(z, y, dtype), multiply(subtract(weighted, y, dtype), scale, dtype)


def _logistic_losses(z: Bounded, y: Bounded, dtype: Any) -> Bounded:
    """Return ``sum(max(z, 0) - z y + log(1 + exp(-|z|)))``, which is the cross-entropy of h = sigmoid(z).

    Its derivative in z is h - y, at most 1 + |y|. Roundings: 8 each of exp and log1p, whose values are at most 1 and
    log 2, one of the product and two of the sums, on terms no larger than |z| + |z y| + 1.
    """
    terms = np.maximum(z.value, 0) - z.value * y.value + np.log1p(np.exp(-np.abs(z.value)))
    magnitudes = z.magnitude * (1 + np.abs(y.value)) + 1
    error = (1 + np.abs(y.value)) * z.error + 19 * unit_roundoff(dtype) * magnitudes
    return Bounded(terms.sum(), error.sum() + sum_bound(terms.size, magnitudes.sum(), dtype))


def _softmax_losses(z: Bounded, y: Bounded, dtype: Any) -> Bounded:
    """Return ``sum(y (log(sum(exp(z))) - z))``, the cross-entropy of softmax, its terms added in any order."""
    largest, log_sum = log_sum_exp(z, dtype)
    terms = y.value * (largest.value + log_sum.value - z.value)
    magnitudes = np.abs(y.value) * (largest.magnitude + log_sum.magnitude + z.magnitude)
    propagated = np.abs(y.value) * (largest.error + log_sum.error + z.error)
    error = propagated + gamma(3, dtype) * magnitudes
    return Bounded(terms.sum(), error.sum() + sum_bound(2 * terms.size, magnitudes.sum(), dtype))


def _penalty(problem: Problem, weights: Sequence[Bounded]) -> Bounded:
    """Return N times the penalties, ``l2/2 sum w**2 + l1 sum |w|``; the article's has the first term only."""
    l1 = 0.0 if problem.article else problem.l1
    value = sum(problem.l2 / 2 * (w.value**2).sum() + l1 * np.abs(w.value).sum() for w in weights)
    n = sum(w.value.size for w in weights)
    return Bounded(value, gamma(n + 4, problem.dtype) * value)


def _with_penalties(problem: Problem, d_weight: Bounded, weight: Bounded, rows: int) -> Bounded:
    if problem.article:
        # The article adds one number to all entries: the penalty itself, not its derivative.
        added = problem.l2 * (weight.value**2).sum() * np.ones_like(weight.value)
        roundings = weight.value.size + 3
    else:
        added = problem.l2 / rows * weight.value + problem.l1 / rows * np.sign(weight.value)
        roundings = 4
    rounding = gamma(roundings, problem.dtype) * (d_weight.magnitude + np.abs(added))
    error = d_weight.error + (rounding if problem.l2 or problem.l1 else 0)
    return Bounded(d_weight.value + added, error)
