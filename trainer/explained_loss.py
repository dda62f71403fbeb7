"""The score of a regression: the share of the loss that a network explains, one minus its loss over a constant's.

The constant is the best one for each output: the mean for squared errors, where the score is R², and for counts, the
median for absolute errors, the quantile. For other losses than squared errors the score is called D², as in
scikit-learn's `d2_pinball_score` and others.
"""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from kernels.activations import EXP
from kernels.losses import LOSSES
from kernels.reference_losses import errors_to_slopes, likelihood

# Columns of a history, and how they are written.
SCORES = {"r2": "R²", "d2": "D²"}
HALVINGS = 60


def score_of(loss: str) -> str:
    """Return the name of the score that goes with a loss of regressions."""
    return "r2" if loss in ("mse", "mean_mse") else "d2"


def score_in(history: Container[str]) -> str | None:
    """Return the name of the score that a history has, be it the accuracy; None if there is none."""
    return next((name for name in ("accuracy", *SCORES) if name in history), None)


def explained(losses: np.ndarray, of_constant: float) -> np.ndarray:
    """Return the share of a loss that is explained, where a constant output has the loss `of_constant`.

    Targets that are all the same leave nothing to explain: the share is minus infinity, or NaN for a loss of 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 - losses / np.float64(of_constant)


def loss_of_best_constant(loss: str, parameter: float | None, Y: np.ndarray) -> float:
    """Return the least loss of constant outputs for targets Y (n_samples, n_outputs)."""
    targets = Y.astype(np.float64)
    constant = _best_constant(loss, parameter or 0.0, targets)
    return loss_of_outputs(loss, parameter, np.broadcast_to(constant, targets.shape), targets)


def loss_of_outputs(loss: str, parameter: float | None, outputs: np.ndarray, Y: np.ndarray) -> float:
    """Return the loss of float64 outputs for float64 targets, both (n_samples, n_outputs), of a regression."""
    if loss == "poisson":
        with np.errstate(divide="ignore"):
            return likelihood(int(EXP), np.log(outputs), Y) / len(Y)
    return errors_to_slopes(LOSSES[loss], parameter or 0.0, outputs - Y) / len(Y)


def _best_constant(loss: str, parameter: float, targets: np.ndarray) -> np.ndarray:
    """Return the outputs (n_outputs,) whose loss is least."""
    if loss == "absolute":
        return np.median(targets, axis=0)
    if loss == "quantile":
        return np.quantile(targets, parameter, axis=0, method="inverted_cdf")
    if loss == "huber":
        return _where_clipped_errors_cancel(targets, parameter)
    return targets.mean(axis=0)


def _where_clipped_errors_cancel(targets: np.ndarray, d: float) -> np.ndarray:
    """Return for each column the c with ``sum clip(c - y, -d, d) = 0``, which grows with c: by bisection."""
    low, high = targets.min(axis=0), targets.max(axis=0)
    for _ in range(HALVINGS):
        middle = low + (high - low) / 2
        above = np.clip(middle - targets, -d, d).sum(axis=0) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return low
