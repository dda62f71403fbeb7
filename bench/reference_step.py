"""One training step in float64, straight from the formulas, with a bound on what rounding may do to it.

Sigmoid layers with biases (the last layer may be linear), loss ``1/(2N) sum (y - h)**2``. Beside each matrix goes a
matrix of bounds on the error of the same quantity computed with unit roundoff u: each operation hands on the errors of
its operands and adds its own. A sum of n products in any order, fused or not, adds ``gamma(n) = n u / (1 - n u)`` times
the sum of their magnitudes (Higham, Accuracy and Stability of Numerical Algorithms, 2002, chapter 3); terms that are
zero add no rounding and are not counted. A gradient may be summed on its own or onto its parameter, term by term. Used
to check a contender before it is timed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

# Roundings of a chain of element-wise operations, of which the longest is the sigmoid: an exponential (2 ulp, which
# are 4 u), a sum and a quotient; the derivative and its factors take six. Two more are for other orders of the factors.
ELEMENTWISE = 8

UNIT_ROUNDOFF = {"float32": 2.0**-24, "float64": 2.0**-53}


class Bounded(NamedTuple):
    """A matrix and, element by element, the largest error that a computed one may have."""

    value: np.ndarray
    error: np.ndarray

    @property
    def magnitude(self) -> np.ndarray:
        """The largest magnitude that a computed element may have."""
        return np.abs(self.value) + self.error


class ReferenceStep(NamedTuple):
    """The loss before a step, and the parameters after it, layer by layer."""

    loss: Bounded
    weights: list[Bounded]
    biases: list[Bounded]


def reference_step(
    weights: Sequence[np.ndarray],
    biases: Sequence[np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    learning_rate: float,
    dtype: str,
    output_activation: str = "sigmoid",
) -> ReferenceStep:
    """Take one gradient step.

    Parameters
    ----------
    weights : sequence of ndarray (n_in, n_out)
        Before the step; taken, like all arrays here, as exact.
    biases : sequence of ndarray (n_out,)
        Before the step.
    x : ndarray (n_samples, n_features)
    y : ndarray (n_samples, n_outputs)
    learning_rate : float
    dtype : {"float32", "float64"}
        Of the computation that will be compared.
    output_activation : {"sigmoid", "identity"}

    Returns
    -------
    ReferenceStep
        The bounds hold for the difference between this float64 result and one computed in `dtype`.
    """
    u = UNIT_ROUNDOFF[dtype] + UNIT_ROUNDOFF["float64"]  # of the computed result and of this one
    exact_weights = [_exact(weight) for weight in weights]
    outputs = [_exact(x)]
    for layer, (weight, bias) in enumerate(zip(exact_weights, biases, strict=True), start=1):
        z = _affine(outputs[-1], weight, bias.astype(np.float64), u)
        is_linear = layer == len(weights) and output_activation == "identity"
        outputs.append(z if is_linear else _sigmoid(z, u))
    residual = _rounded(outputs[-1].value - y, outputs[-1].error, u)
    mean_residual = Bounded(residual.value / len(x), residual.error / len(x))
    if output_activation == "identity":
        delta = _rounded(*mean_residual, u)
    else:
        delta = _times_derivative(mean_residual, outputs[-1], u)
    new_weights, new_biases = [], []
    for layer in reversed(range(len(weights))):
        ones = _exact(np.ones((1, len(x))))
        h = outputs[layer]
        terms = np.count_nonzero(h.value, axis=0)[:, np.newaxis]
        new_weights.append(_updated(weights[layer], _product(_transposed(h), delta, u), terms, learning_rate, u))
        new_biases.append(_updated(biases[layer], _product(ones, delta, u), len(x), learning_rate, u))
        if layer:
            delta = _times_derivative(_product(delta, _transposed(exact_weights[layer]), u), h, u)
    return ReferenceStep(_half_mean_square(residual, u), new_weights[::-1], new_biases[::-1])


def require_close(name: str, computed: np.ndarray | float, expected: Bounded) -> None:
    """Raise ArithmeticError unless each computed element is within the bound of what is expected."""
    difference = np.abs(np.asarray(computed, dtype=np.float64) - expected.value)
    within = difference <= expected.error  # False for NaN
    if not np.all(within):
        worst = np.max(difference / expected.error)
        n_off = np.count_nonzero(~within)
        raise ArithmeticError(f"{name}: {n_off} elements are off, by up to {worst:.3g} times the bound")


def gamma(n: Any, u: float) -> Any:
    """Return the relative error bound of a sum of n products (a number or an array) with unit roundoff u."""
    return n * u / (1 - n * u)


def _exact(value: np.ndarray) -> Bounded:
    return Bounded(value.astype(np.float64), np.zeros(value.shape))


def _transposed(a: Bounded) -> Bounded:
    return Bounded(a.value.T, a.error.T)


def _rounded(value: np.ndarray, error: np.ndarray, u: float) -> Bounded:
    return Bounded(value, error + ELEMENTWISE * u * (np.abs(value) + error))


def _product(a: Bounded, b: Bounded, u: float) -> Bounded:
    handed_on = a.magnitude @ b.error + a.error @ np.abs(b.value)
    terms = (a.value != 0).astype(np.float64) @ (b.value != 0)
    # One more than the terms: the sum may start from a parameter.
    return Bounded(a.value @ b.value, handed_on + gamma(terms + 1, u) * (a.magnitude @ b.magnitude))


def _affine(h: Bounded, weight: Bounded, bias: np.ndarray, u: float) -> Bounded:
    with_ones = Bounded(
        np.column_stack([h.value, np.ones(len(h.value))]), np.column_stack([h.error, np.zeros(len(h.value))])
    )
    return _product(with_ones, _exact(np.vstack([weight.value, bias])), u)


def _sigmoid(z: Bounded, u: float) -> Bounded:
    return _rounded(1 / (1 + np.exp(-z.value)), z.error / 4, u)  # no slope of the sigmoid exceeds 1/4


def _times_derivative(a: Bounded, h: Bounded, u: float) -> Bounded:
    slope = Bounded(h.value * (1 - h.value), h.error + h.error**2)  # |1 - 2h| <= 1
    error = a.magnitude * slope.error + a.error * slope.value
    return _rounded(a.value * slope.value, error, u)


def _updated(parameter: np.ndarray, gradient: Bounded, terms: Any, learning_rate: float, u: float) -> Bounded:
    before = parameter.astype(np.float64)
    step = learning_rate * gradient.value.reshape(parameter.shape)
    error = learning_rate * gradient.error.reshape(parameter.shape)
    rounding = gamma(terms, u) * np.abs(before) + ELEMENTWISE * u * (np.abs(before) + np.abs(step) + error)
    return Bounded(before - step, error + rounding)


def _half_mean_square(residual: Bounded, u: float) -> Bounded:
    scale, n = 0.5 / len(residual.value), residual.value.size
    handed_on = np.sum(residual.error * (2 * np.abs(residual.value) + residual.error))
    rounding = gamma(n + ELEMENTWISE, u) * np.sum(residual.magnitude**2)
    return Bounded(scale * np.sum(residual.value**2), scale * (handed_on + rounding))
