"""Losses of errors and of counts with bounds of the errors with which they are computed; see `bounded`.

The formulas are those of the public interface. Losses here are sums over samples and outputs, without their factor 1/N.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from arithmetic import EXACT, gamma, sum_bound, unit_roundoff
from bounded import FUNCTION_ROUNDINGS, Bounded, sum_of_squares, total

ERROR_LOSSES = ("mse", "mean_mse", "absolute", "huber", "quantile")


def loss_and_slopes(loss: str, parameter: float | None, e: Bounded, dtype: Any) -> tuple[Bounded, Bounded]:
    """Return the loss of errors e = h - y (n_samples, n_outputs), and its derivative in each of them."""
    if loss == "huber":
        assert parameter is not None
        return _huber(parameter, e, dtype)
    if loss in ("absolute", "quantile"):
        below, above = (1.0, 1.0) if parameter is None else (parameter, 1 - EXACT(parameter))
        return _pinball(below, above, e, dtype)
    squares = sum_of_squares(e, dtype)
    parts = 2 * e.value.shape[1] if loss == "mean_mse" else 2
    # The division by the outputs is one more rounding, in float64.
    quotient = squares.value / parts
    return Bounded(quotient, squares.error / parts + unit_roundoff(np.float64) * quotient), e


def _huber(d: float, e: Bounded, dtype: Any) -> tuple[Bounded, Bounded]:
    """Return ``sum(e**2 / 2 if |e| <= d else d (|e| - d / 2))`` and its slopes, errors kept within d.

    The loss changes with the error by at most the slope, and with d by at most |e|. d is rounded; so are two sums and
    a product on terms of at most |slope| (2 |e| + d).
    """
    u, size = unit_roundoff(dtype), np.abs(e.value)
    terms = np.where(size <= d, size**2 / 2, d * (size - EXACT(d) / 2))
    slopes = Bounded(np.clip(e.value, -EXACT(d), EXACT(d)), np.minimum(e.error, 2 * d) + u * d)
    rounding = gamma(3, dtype) * slopes.magnitude * (2 * e.magnitude + d) / 2
    of_terms = slopes.magnitude * e.error + u * d * e.magnitude + rounding
    return total(Bounded(terms, of_terms), dtype), slopes


def _pinball(below: Any, above: Any, e: Bounded, dtype: Any) -> tuple[Bounded, Bounded]:
    """Return ``sum(max(-below e, above e))`` and its slopes, where the sign is uncertain those of either side.

    A slope is one minus the parameter, rounded in float64 and again to the type.
    """
    uncertain = np.abs(e.value) <= e.error
    slopes = np.where(e.value < 0, -EXACT(below), EXACT(above)) * (e.value != 0)
    of_slopes = gamma(2, dtype) * np.abs(slopes) + np.where(uncertain & (e.error > 0), below + above, 0)
    terms = slopes * e.value
    steepest = max(below, above) * (1 + gamma(2, dtype))
    of_terms = steepest * e.error + gamma(3, dtype) * np.abs(terms)
    return total(Bounded(terms, of_terms), dtype), Bounded(slopes, of_slopes)


def poisson_losses(z: Bounded, h: Bounded, y: Bounded) -> Bounded:
    """Return ``sum(y log(y / h) - y + h)`` for h = exp(z), as ``y (log y - z - 1) + h`` in float64.

    There a logarithm, two differences, a product and a sum are rounded, and the sum of all terms; the exponential has
    errors of its own.
    """
    logs = np.log(np.where(y.value > 0, y.value, 1))
    terms = y.value * (logs - z.value - 1) + h.value
    magnitudes = y.value * (np.abs(logs) + z.magnitude + 1) + h.magnitude
    rounding = gamma(FUNCTION_ROUNDINGS + 4, np.float64) * magnitudes
    error = (y.value * z.error + h.error + rounding).sum()
    return Bounded(terms.sum(), error + sum_bound(2 * terms.size, magnitudes.sum(), np.float64))
