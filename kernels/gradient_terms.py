"""What is done to a gradient before the update: penalties, norm, clipping.

All functions run over flat blocks of parameters (see `structs` for their order). Penalties concern weights only.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kernels._jit import called, kernel
from kernels.simd import absolute, copy_sign, fma, get, lanes, load_first, select_less, splat, store_first, sum_lanes


@kernel
def sum_of_squares(values: Any, n: int) -> float:
    """Return ``sum(v**2)`` over n elements at a pointer."""
    total = splat(values, 0.0)
    for i in range(0, n, lanes(values)):
        v = load_first(values, i, n - i, 0.0)
        total = fma(v, v, total)
    return np.float64(sum_lanes(total))


@kernel
def sum_of_magnitudes(values: Any, n: int) -> float:
    """Return ``sum(|v|)`` over n elements at a pointer."""
    total = splat(values, 0.0)
    for i in range(0, n, lanes(values)):
        total = total + absolute(load_first(values, i, n - i, 0.0))
    return np.float64(sum_lanes(total))


@kernel
def add_penalty_gradient(weight: Any, d_weight: Any, n: int, l2: float, l1: float, constant: float) -> None:
    """Add ``l2 w + l1 sign(w) + constant`` to each of n gradients; sign(0) = 0."""
    zero, one = splat(weight, 0.0), splat(weight, 1.0)
    for i in range(0, n, lanes(weight)):
        w = load_first(weight, i, n - i, 0.0)
        sign = copy_sign(select_less(zero, absolute(w), one, zero), w)
        gradient = fma(w, splat(w, l2), load_first(d_weight, i, n - i, 0.0))
        store_first(d_weight, i, fma(sign, splat(w, l1), gradient) + constant, n - i)


@kernel
def scale_inplace(values: Any, n: int, factor: float) -> None:
    """Multiply n elements at a pointer by a factor."""
    for i in range(0, n, lanes(values)):
        store_first(values, i, load_first(values, i, n - i, 0.0) * factor, n - i)


@called
def global_norm(gradients: Any, n: int) -> float:
    """Return the square root of the sum of the squares of n gradients."""
    squares = sum_of_squares(gradients, n)
    if not math.isfinite(squares):  # the squares, if not the gradient, leave the range of float32
        squares = 0.0
        for i in range(n):
            squares += np.float64(get(gradients, i)) ** 2
    return math.sqrt(squares)
