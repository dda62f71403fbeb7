"""Elementary functions of a vector: exp, sigmoid, tanh, relu.

All are branch-free, exact at +-infinity and pass NaN on. The exponential is ``2**n * exp(r)`` with ``n = round(x / ln
2)``, ``r = x - n ln 2`` in two steps (Cody and Waite, 1980) and ``exp(r) - 1 - r = r**2 q(r)`` for a polynomial q
that interpolates at the Chebyshev nodes of |r| <= ln 2 / 2 (relative error of exp 8e-9 in float32, 2e-17 in float64;
computed with ``mpmath.chebyfit`` at 40 digits).

Errors, measured against mpmath over the whole range: see ``tests/test_elementary.py``.
"""

from __future__ import annotations

from typing import Any

from numba.extending import overload

from kernels._jit import inlined
from kernels.simd import (
    absolute,
    copy_sign,
    fma,
    round_to_even,
    scale_by_power_of_two,
    select_less,
    splat,
)

LOG2_E = 1.4426950408889634

# ln 2 = high + low; the high parts have so few bits that n * high is exact for every n that occurs.
LN2_HIGH_32, LN2_LOW_32 = 0.693359375, -2.1219444005469058e-4
LN2_HIGH_64, LN2_LOW_64 = 0.69314718036912381649, 1.9082149292927058770e-10

# Below the least argument exp rounds to zero, above the largest it overflows.
EXP_RANGE_32 = (-104.0, 89.0)
EXP_RANGE_64 = (-746.0, 710.0)


@inlined
def _reduce(x: Any, n: Any, ln2_high: float, ln2_low: float) -> Any:
    return fma(n, splat(x, -ln2_low), fma(n, splat(x, -ln2_high), x))


@inlined
def _expm1_reduced_32(r: Any) -> Any:
    """Return exp(r) - 1 for |r| <= ln 2 / 2."""
    q = fma(splat(r, 1.3926213466332443e-3), r, splat(r, 8.3632029715758550e-3))
    q = fma(q, r, splat(r, 4.1666554437685939e-2))
    q = fma(q, r, splat(r, 1.6666576845993976e-1))
    q = fma(q, r, splat(r, 0.5))
    return fma(r * r, q, r)


@inlined
def _expm1_reduced_64(r: Any) -> Any:
    """Return exp(r) - 1 for |r| <= ln 2 / 2."""
    q = fma(splat(r, 2.5100424157005066788e-8), r, splat(r, 2.7620138719733995569e-7))
    q = fma(q, r, splat(r, 2.7557268378684192873e-6))
    q = fma(q, r, splat(r, 2.4801521190217727651e-5))
    q = fma(q, r, splat(r, 1.9841269863105968748e-4))
    q = fma(q, r, splat(r, 1.3888888917281793308e-3))
    q = fma(q, r, splat(r, 8.3333333333300513464e-3))
    q = fma(q, r, splat(r, 4.1666666666623991516e-2))
    q = fma(q, r, splat(r, 1.6666666666666667456e-1))
    q = fma(q, r, splat(r, 0.5))
    return fma(r * r, q, r)


def _reduced_exponential(x: Any) -> Any:
    """Return (n, exp(r) - 1) with exp(x) = 2**n exp(r), for x clamped to where exp is neither 0 nor infinite."""
    raise NotImplementedError("compiled code only")


@overload(_reduced_exponential, jit_options={"forceinline": True, "error_model": "numpy"})
def _reduced_exponential_overload(x):
    if x.dtype.bitwidth == 32:
        least, largest = EXP_RANGE_32
        high, low, expm1_reduced = LN2_HIGH_32, LN2_LOW_32, _expm1_reduced_32
    else:
        least, largest = EXP_RANGE_64
        high, low, expm1_reduced = LN2_HIGH_64, LN2_LOW_64, _expm1_reduced_64

    def implementation(x):
        clamped = select_less(x, splat(x, least), splat(x, least), x)
        clamped = select_less(splat(x, largest), clamped, splat(x, largest), clamped)
        n = round_to_even(clamped * LOG2_E)
        return n, expm1_reduced(_reduce(clamped, n, high, low))

    return implementation


@inlined
def exp(x: Any) -> Any:
    """Return e**x for a vector x; subnormal results are right too."""
    n, expm1_r = _reduced_exponential(x)
    return scale_by_power_of_two(expm1_r + 1.0, n)


@inlined
def sigmoid(z: Any) -> Any:
    """Return 1 / (1 + exp(-z)) for a vector z, as e / (1 + e) with e = exp(-|z|) <= 1 so that nothing overflows."""
    e = exp(splat(z, 0.0) - absolute(z))
    return select_less(z, splat(z, 0.0), e, splat(z, 1.0)) / (e + 1.0)


@inlined
def tanh(z: Any) -> Any:
    """Return the hyperbolic tangent of a vector z, as -m / (2 + m) with m = exp(-2|z|) - 1, accurate near 0 as well."""
    magnitude = absolute(z)
    enough = splat(z, 40.0)  # tanh(40) is 1 in both precisions
    n, expm1_r = _reduced_exponential(select_less(enough, magnitude, enough, magnitude) * -2.0)
    power = scale_by_power_of_two(splat(z, 1.0), n)
    m = fma(power, expm1_r, power - 1.0)
    return copy_sign(m / (m + 2.0), z)


@inlined
def relu(z: Any) -> Any:
    """Return max(z, 0) for a vector z; NaN stays NaN."""
    return select_less(z, splat(z, 0.0), splat(z, 0.0), z)
