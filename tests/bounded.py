"""Numbers that carry a bound of the error with which a program computes them (running error analysis).

Higham, Accuracy and Stability of Numerical Algorithms (2002), section 3.3. A `Bounded` holds what exact arithmetic
gives and how far from it the same computation in a shorter type can end, whatever the order of its sums. Errors of
operands are propagated exactly where that is simple, otherwise from above; each operation adds its own roundings.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from arithmetic import EXACT, dot_bound, gamma, least_number, sum_bound, unit_roundoff

# NumPy promises its elementary functions to 4 ULP; the kernels' own bounds are tighter (see test_elementary). One ULP
# of a number is at most 2 u times its magnitude.
FUNCTION_ROUNDINGS = 8
# The logistic function as 1 / (1 + exp(-z)): the exponential's error, an addition and a division.
SIGMOID_ROUNDINGS = FUNCTION_ROUNDINGS + 2
# Largest magnitudes of the second derivatives: 1/(6 sqrt 3) of the logistic function, 4/(3 sqrt 3) of tanh.
SIGMOID_CURVATURE, TANH_CURVATURE = 0.0963, 0.7699


class Bounded(NamedTuple):
    """An exact value and the bound of the error with which it is computed, arrays of `EXACT`."""

    value: Any
    error: Any

    @property
    def magnitude(self) -> Any:
        """The largest magnitude that can be computed."""
        return np.abs(self.value) + self.error

    @property
    def transposed(self) -> Bounded:
        """The transposed matrix."""
        return Bounded(self.value.T, self.error.T)


def exactly(values: Any) -> Bounded:
    """Return values that are known exactly."""
    value = np.asarray(values).astype(EXACT)
    return Bounded(value, np.zeros_like(value))


def perturbed(values: Any, error: Any) -> Bounded:
    """Return values known up to an error."""
    return Bounded(np.asarray(values).astype(EXACT), np.broadcast_to(np.asarray(error, EXACT), np.shape(values)))


def subtract(a: Bounded, b: Bounded, dtype: Any) -> Bounded:
    """Return a - b, rounded once."""
    difference = Bounded(a.value - b.value, a.error + b.error)
    return Bounded(difference.value, difference.error + unit_roundoff(dtype) * difference.magnitude)


def multiply(a: Bounded, b: Bounded, dtype: Any) -> Bounded:
    """Return a * b, rounded once."""
    propagated = np.abs(a.value) * b.error + a.error * b.magnitude
    rounding = unit_roundoff(dtype) * a.magnitude * b.magnitude + least_number(dtype)
    return Bounded(a.value * b.value, propagated + rounding)


def matrix_product(a: Bounded, b: Bounded, dtype: Any, bias: Bounded | None = None) -> Bounded:
    """Return ``a @ b + bias``, its sums taken in any order."""
    value, magnitudes, terms = a.value @ b.value, a.magnitude @ b.magnitude, a.value.shape[-1]
    propagated = np.abs(a.value) @ b.error + a.error @ b.magnitude
    if bias is not None:
        value, magnitudes, terms = value + bias.value, magnitudes + bias.magnitude, terms + 1
        propagated = propagated + bias.error
    return Bounded(value, propagated + dot_bound(terms, magnitudes, dtype))


def total(a: Bounded, dtype: Any, axis: int | None = None) -> Bounded:
    """Return the sum along an axis, or of all, in any order."""
    n = a.value.size if axis is None else a.value.shape[axis]
    rounding = sum_bound(n, a.magnitude.sum(axis=axis), dtype)
    return Bounded(a.value.sum(axis=axis), a.error.sum(axis=axis) + rounding)


def sum_of_squares(a: Bounded, dtype: Any) -> Bounded:
    """Return the sum of all squares, in any order."""
    propagated = (2 * np.abs(a.value) * a.error + a.error**2).sum()
    return Bounded((a.value**2).sum(), propagated + dot_bound(a.value.size, (a.magnitude**2).sum(), dtype))


def activated(name: str, z: Bounded, dtype: Any) -> Bounded:
    """Return the activation of logits (n_samples, n_units)."""
    u = unit_roundoff(dtype)
    if name == "identity":
        return z
    if name == "relu":
        return Bounded(np.maximum(z.value, 0), z.error)
    if name == "softmax":
        return _softmax(z, dtype)[0]
    if name == "exp":
        return _exponential(z, dtype)
    if name == "sigmoid":
        h = 1 / (1 + np.exp(-z.value))
        slope, curvature, roundings = h * (1 - h), SIGMOID_CURVATURE, SIGMOID_ROUNDINGS
    else:
        h = np.tanh(z.value)
        slope, curvature, roundings = 1 - h**2, TANH_CURVATURE, FUNCTION_ROUNDINGS
    propagated = slope * z.error + curvature / 2 * z.error**2  # Taylor's theorem
    # Where exp(-z) overflows the result may be 0 instead of a number below the least normal one.
    rounding = roundings * u * (np.abs(h) + propagated) + float(np.finfo(dtype).tiny)
    return Bounded(h, propagated + rounding)


def _exponential(z: Bounded, dtype: Any) -> Bounded:
    """Return exp(z): an error of the logit becomes a relative one. Nothing is promised beyond the largest number."""
    h = np.exp(z.value)
    propagated = h * np.expm1(z.error)
    rounding = FUNCTION_ROUNDINGS * unit_roundoff(dtype) * (h + propagated) + float(np.finfo(dtype).tiny)
    error = propagated + rounding
    return Bounded(h, np.where(h + error < float(np.finfo(dtype).max), error, np.inf))


def log_sum_exp(z: Bounded, dtype: Any) -> tuple[Bounded, Bounded]:
    """Return (largest logit, log of the sum of exp(z - largest)) of each row, as columns."""
    _, relative = _softmax(z, dtype)
    largest = Bounded(z.value.max(axis=1, keepdims=True), z.error.max(axis=1, keepdims=True))
    log_sum = np.log(np.exp(z.value - largest.value).sum(axis=1, keepdims=True))
    error = relative + FUNCTION_ROUNDINGS * unit_roundoff(dtype) * (np.abs(log_sum) + relative)
    return largest, Bounded(log_sum, error)


def _softmax(z: Bounded, dtype: Any) -> tuple[Bounded, np.ndarray]:
    """Return the softmax of rows, and a column that bounds the relative error of the sum of exponentials.

    exp turns the absolute error of a shifted logit (that of the logit, that of the largest, one rounding) into a
    relative one. The sum's relative error is the mean of its terms', weighted by the terms, plus that of summing.
    """
    u, n = unit_roundoff(dtype), z.value.shape[1]
    shifted = z.value - z.value.max(axis=1, keepdims=True)
    h = np.exp(shifted)
    h /= h.sum(axis=1, keepdims=True)
    error_of_largest = z.error.max(axis=1, keepdims=True)
    absolute = z.error + error_of_largest + u * (np.abs(shifted) + z.error + error_of_largest)
    of_terms = absolute + FUNCTION_ROUNDINGS * u
    # Where the errors are below 1 %, terms of second order are below a hundredth of those of first order; elsewhere
    # nothing is known but that h lies between 0 and 1.
    of_sum = 1.01 * ((h * of_terms).sum(axis=1, keepdims=True) + gamma(n, dtype))
    of_sum = np.where(of_terms.max(axis=1, keepdims=True) < 0.01, of_sum, np.inf)
    relative = np.expm1(1.01 * (of_terms + of_sum + u))
    return Bounded(h, np.minimum(h * relative + float(np.finfo(dtype).tiny), 1)), of_sum


def slope(name: str, z: Bounded, h: Bounded, dtype: Any) -> Bounded:
    """Return dh/dz as it is computed from the output h (not of softmax)."""
    one = exactly(np.ones_like(h.value))
    if name == "identity":
        return one
    if name == "exp":
        return h
    if name == "relu":
        # Where the sign of z is uncertain the computed slope may be the other one.
        return Bounded((z.value > 0).astype(EXACT), (np.abs(z.value) <= z.error).astype(EXACT))
    if name == "sigmoid":
        return multiply(h, subtract(one, h, dtype), dtype)
    negative_h = Bounded(-h.value, h.error)
    return multiply(subtract(one, h, dtype), subtract(one, negative_h, dtype), dtype)


def times_slope(name: str, z: Bounded, h: Bounded, delta: Bounded, dtype: Any) -> Bounded:
    """Return dL/dz from delta = dL/dh."""
    if name != "softmax":
        return multiply(delta, slope(name, z, h, dtype), dtype)
    # The dot product of h and delta in each row.
    mean = np.sum(h.value * delta.value, axis=1, keepdims=True)
    propagated = np.sum(np.abs(h.value) * delta.error + h.error * delta.magnitude, axis=1, keepdims=True)
    magnitudes = np.sum(h.magnitude * delta.magnitude, axis=1, keepdims=True)
    dot = Bounded(mean, propagated + dot_bound(h.value.shape[1], magnitudes, dtype))
    return multiply(h, subtract(delta, dot, dtype), dtype)
