"""Loss, output activation and delta of the output layer, computed together: which losses there are, and what each is.

With N rows, targets y, outputs h = act(z) and errors e = h - y, all sums being over samples and outputs:

- mse: ``1/(2N) sum e**2``, with any activation but exp;
- mean_mse: mse divided by the number of outputs, with the gradient of mse, which is not divided: what scikit-learn's
  MLPRegressor reports and does for several outputs. For one output both are the same;
- absolute: ``1/N sum |e|``, with slope 0 at e = 0, with any activation but softmax and exp, as the two that follow;
- huber: ``1/N sum (e**2 / 2 if |e| <= d else d (|e| - d / 2))`` with the parameter d > 0;
- quantile: ``1/N sum max(-q e, (1 - q) e)`` with the parameter q in (0, 1), with slope 0 at e = 0;
- cross_entropy with softmax: ``-1/N sum y log h``, rows of y summing to any total;
- cross_entropy with sigmoid: ``-1/N sum (y log h + (1 - y) log(1 - h))``;
- poisson with exp: ``1/N sum (y log(y / h) - y + h)``, half the Poisson deviance, y log y being 0 where y is.

The functions here return the sum and leave the factor 1/N to `network`, which also adds the penalties. The delta is
dL/dz times the given scale. How they are computed is in `element_losses` and, from the logits, in `likelihoods`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels._jit import called, inlined, kernel
from kernels.activations import SOFTMAX
from kernels.element_losses import (
    clamped_errors,
    sloped_errors,
    squared_errors,
    squared_errors_in_lanes,
    squared_errors_of_softmax,
    squared_errors_of_softmax_in_lanes,
)
from kernels.likelihoods import likelihood, likelihood_in_lanes
from kernels.simd import absolute, advance, get, lanes, load_first, splat, sum_lanes

MSE, CROSS_ENTROPY, MEAN_MSE, ABSOLUTE, HUBER, QUANTILE, POISSON = 0, 1, 2, 3, 4, 5, 6
LOSSES = {
    "mse": MSE,
    "cross_entropy": CROSS_ENTROPY,
    "mean_mse": MEAN_MSE,
    "absolute": ABSOLUTE,
    "huber": HUBER,
    "quantile": QUANTILE,
    "poisson": POISSON,
}
# The rarer ones are computed with samples in rows only: compiling them would delay every first training.
LOSSES_IN_LANES = (MSE, MEAN_MSE, CROSS_ENTROPY)


@inlined
def _ends(loss: int, parameter: float) -> tuple[float, float]:
    """Return the least and the largest slope of a loss whose slopes are bounded."""
    if loss == HUBER:
        return -parameter, parameter
    if loss == QUANTILE:
        return -parameter, 1.0 - parameter
    return -1.0, 1.0


@inlined
def _share(loss: int, total: Any, n_out: int) -> Any:
    """Return the loss of a sum of functions of errors; see `element_losses`."""
    if loss in (ABSOLUTE, QUANTILE):
        return np.float64(total)
    half = 0.5 * np.float64(total)
    return half / n_out if loss == MEAN_MSE else half


@called
def output_delta(
    loss: int, parameter: float, activation: int, z: Any, y: Any, delta: Any, rows: int, columns: int, scale: Any
) -> Any:
    """Overwrite the logits by the outputs, write scale times dL/dz to delta, return L summed over the rows."""
    if loss in (CROSS_ENTROPY, POISSON):
        return likelihood(activation, z, y, delta, rows, columns, scale)
    (low, high), n = _ends(loss, parameter), rows * columns
    if loss == HUBER:
        total = clamped_errors(activation, z, y, delta, n, low, high, scale)
    elif loss in (ABSOLUTE, QUANTILE):
        total = sloped_errors(activation, z, y, delta, n, low, high, scale)
    elif activation == SOFTMAX:
        total = squared_errors_of_softmax(z, y, delta, rows, columns, scale)
    else:
        total = squared_errors(activation, z, y, delta, n, low, high, scale)
    return _share(loss, total, columns)


@called
def weighted_output_delta(
    loss: int,
    parameter: float,
    activation: int,
    z: Any,
    y: Any,
    weights: Any,
    delta: Any,
    rows: int,
    columns: int,
    scale: Any,
) -> Any:
    """Do what `output_delta` does, with loss and delta of each row multiplied by one of `weights`."""
    total = 0.0
    for i in range(rows):
        weight, offset = get(weights, i), i * columns
        row_z, row_y, row_delta = advance(z, offset), advance(y, offset), advance(delta, offset)
        total += weight * output_delta(loss, parameter, activation, row_z, row_y, row_delta, 1, columns, scale * weight)
    return total


@inlined
def output_delta_in_lanes(
    loss: int, activation: int, z: Any, y: Any, delta: Any, n_out: int, n: int, stride: int, scale: Any
) -> Any:
    """Do what `output_delta` does for n samples in rows of outputs, `stride` apart, a multiple of the lanes.

    For `LOSSES_IN_LANES`. What pads the last vector of the samples gets a delta of zero.
    """
    if loss == CROSS_ENTROPY:
        return likelihood_in_lanes(activation, z, y, delta, n_out, n, stride, scale)
    if activation == SOFTMAX:
        total = squared_errors_of_softmax_in_lanes(z, y, delta, n_out, n, stride, scale)
    else:
        total = squared_errors_in_lanes(activation, z, y, delta, n_out, n, stride, scale)
    return _share(loss, total, n_out)


@kernel
def sum_of_absolute_errors(h: Any, y: Any, n: int) -> Any:
    """Return ``sum(|y - h|)`` over n elements at the pointers h and y."""
    total = splat(h, 0.0)
    for i in range(0, n, lanes(h)):
        total = total + absolute(load_first(h, i, n - i, 0.0) - load_first(y, i, n - i, 0.0))
    return np.float64(sum_lanes(total))
