"""What is done to a gradient before the update: penalties, norm, clipping.

All functions run over flat blocks of parameters (see `structs` for their order). Penalties concern weights only.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kernels._jit import called, inlined, kernel
from kernels.flat_blocks import for_each_vector, sum_of
from kernels.simd import absolute, copy_sign, fma, get, load_first, select_less, splat, store_first


@inlined
def _add_square(v: Any, total: Any) -> Any:
    return fma(v, v, total)


@inlined
def _add_magnitude(v: Any, total: Any) -> Any:
    return total + absolute(v)


@kernel
def sum_of_squares(values: Any, n: int) -> float:
    """Return ``sum(v**2)`` over n elements at a pointer."""
    return sum_of(_add_square, n, values)


@kernel
def sum_of_magnitudes(values: Any, n: int) -> float:
    """Return ``sum(|v|)`` over n elements at a pointer."""
    return sum_of(_add_magnitude, n, values)


@inlined
def _penalty_vector(i: int, n: int, weight: Any, d_weight: Any, l2: float, l1: float, constant: float) -> None:
    zero, one = splat(weight, 0.0), splat(weight, 1.0)
    w = load_first(weight, i, n, 0.0)
    sign = copy_sign(select_less(zero, absolute(w), one, zero), w)
    gradient = fma(w, splat(w, l2), load_first(d_weight, i, n, 0.0))
    store_first(d_weight, i, fma(sign, splat(w, l1), gradient) + constant, n)


@inlined
def _scale_vector(i: int, n: int, values: Any, factor: float) -> None:
    store_first(values, i, load_first(values, i, n, 0.0) * factor, n)


@kernel
def add_penalty_gradient(weight: Any, d_weight: Any, n: int, l2: float, l1: float, constant: float) -> None:
    """Add ``l2 w + l1 sign(w) + constant`` to each of n gradients; sign(0) = 0."""
    for_each_vector(_penalty_vector, n, weight, (d_weight, l2, l1, constant))


@kernel
def scale_inplace(values: Any, n: int, factor: float) -> None:
    """Multiply n elements at a pointer by a factor."""
    for_each_vector(_scale_vector, n, values, (factor,))


@called
def global_norm(gradients: Any, n: int) -> float:
    """Return the square root of the sum of the squares of n gradients."""
    squares = sum_of_squares(gradients, n)
    if not math.isfinite(squares):  # the squares, if not the gradient, leave the range of float32
        squares = 0.0
        for i in range(n):
            squares += np.float64(get(gradients, i)) ** 2
    return math.sqrt(squares)
