"""The losses of `element_losses` and `likelihoods` in NumPy: their specification."""

from __future__ import annotations

import numpy as np

from kernels.activations import EXP, SIGMOID
from kernels.losses import ABSOLUTE, CROSS_ENTROPY, HUBER, MEAN_MSE, POISSON, QUANTILE


def is_of_logits(loss: int) -> bool:
    """Tell whether a loss is computed from the logits, as `likelihood` does, and not from the errors."""
    return loss in (CROSS_ENTROPY, POISSON)


def errors_to_slopes(loss: int, parameter: float, errors: np.ndarray) -> float:
    """Overwrite the errors h - y (n_samples, n_outputs) by the slopes dL/dh, return L, without its factor 1/N."""
    if loss == HUBER:
        slopes = np.clip(errors, -parameter, parameter)
        total = 0.5 * float(np.vdot(slopes, errors + (errors - slopes)))
    elif loss in (ABSOLUTE, QUANTILE):
        below, above = (1.0, 1.0) if loss == ABSOLUTE else (parameter, 1.0 - parameter)
        slopes = np.sign(errors)  # NaN for NaN
        slopes *= np.where(errors < 0, errors.dtype.type(below), errors.dtype.type(above))
        total = float(np.vdot(slopes, errors))
    else:
        flat = errors.reshape(-1)
        half = 0.5 * float(flat @ flat)
        return half / errors.shape[1] if loss == MEAN_MSE else half
    np.copyto(errors, slopes)
    return total


def likelihood(activation: int, z: np.ndarray, y: np.ndarray) -> float:
    """Return L, without its factor 1/N, for logits z and targets y (n_samples, n_outputs) of an output activation."""
    if activation == SIGMOID:
        return float((np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))).sum(dtype=np.float64))
    if activation == EXP:
        counts, positive = y.astype(np.float64), y != 0
        logs = np.log(counts, out=np.zeros_like(counts), where=positive)
        terms = np.multiply(counts, logs - z - 1.0, out=np.zeros_like(counts), where=positive)
        return float((terms + np.exp(z)).sum())
    largest = z.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(z - largest).sum(axis=1, keepdims=True))
    return float((y * (largest + log_sum - z)).sum(dtype=np.float64))
