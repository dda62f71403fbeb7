"""Elementary functions of a vector: exp, sigmoid, tanh, logarithms of 1 to 2 and of sums, relu.

All are branch-free, exact at +-infinity and pass NaN on. The exponential is ``2**n * exp(r)`` with ``n = round(x / ln
2)``, ``r = x - n ln 2`` in two steps (Cody and Waite, 1980) and ``exp(r) - 1 - r = r**2 q(r)`` for a polynomial q
that interpolates at the Chebyshev nodes of |r| <= ln 2 / 2 (relative error of exp 8e-9 in float32, 2e-17 in float64;
computed with ``mpmath.chebyfit`` at 40 digits).

Errors, measured against mpmath over the whole range: see ``tests/test_elementary.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels._jit import inlined, inlined_for
from kernels.simd import (
    absolute,
    copy_sign,
    fma,
    round_to_even,
    scale_by_power_of_two,
    scale_down_by_power_of_two,
    scale_raised,
    select_less,
    splat,
)

LOG2_E = 1.4426950408889634
LN2 = 0.6931471805599453

# ln 2 = high + low; the high parts have so few bits that n * high is exact for every n that occurs.
LN2_HIGH_32, LN2_LOW_32 = 0.693359375, -2.1219444005469058e-4
LN2_HIGH_64, LN2_LOW_64 = 0.69314718036912381649, 1.9082149292927058770e-10

# Below the least argument exp rounds to zero, above the largest it overflows.
EXP_RANGE_32 = (-104.0, 89.0)
EXP_RANGE_64 = (-746.0, 710.0)


@inlined
def _remainder_32(r: Any) -> Any:
    """Return q with exp(r) = 1 + r + r**2 q for |r| <= ln 2 / 2."""
    q = fma(splat(r, 1.3926213466332443e-3), r, splat(r, 8.3632029715758550e-3))
    q = fma(q, r, splat(r, 4.1666554437685939e-2))
    q = fma(q, r, splat(r, 1.6666576845993976e-1))
    return fma(q, r, splat(r, 0.5))


@inlined
def _remainder_64(r: Any) -> Any:
    """Return q with exp(r) = 1 + r + r**2 q for |r| <= ln 2 / 2."""
    q = fma(splat(r, 2.5100424157005066788e-8), r, splat(r, 2.7620138719733995569e-7))
    q = fma(q, r, splat(r, 2.7557268378684192873e-6))
    q = fma(q, r, splat(r, 2.4801521190217727651e-5))
    q = fma(q, r, splat(r, 1.9841269863105968748e-4))
    q = fma(q, r, splat(r, 1.3888888917281793308e-3))
    q = fma(q, r, splat(r, 8.3333333333300513464e-3))
    q = fma(q, r, splat(r, 4.1666666666623991516e-2))
    q = fma(q, r, splat(r, 1.6666666666666667456e-1))
    return fma(q, r, splat(r, 0.5))


def _reduced(x: Any) -> Any:
    """Return (n, r) with x = n ln 2 + r and |r| <= ln 2 / 2, for x not above the largest argument of exp."""
    raise NotImplementedError("compiled code only")


@inlined_for(_reduced)
def _reduced_overload(x):
    if x.dtype.bitwidth == 32:
        least, high, low = EXP_RANGE_32[0], LN2_HIGH_32, LN2_LOW_32
    else:
        least, high, low = EXP_RANGE_64[0], LN2_HIGH_64, LN2_LOW_64

    def implementation(x):
        clamped = max(splat(x, least), x)
        n = round_to_even(clamped * LOG2_E)
        return n, fma(n, splat(x, -low), fma(n, splat(x, -high), clamped))

    return implementation


def _remainder(r: Any) -> Any:
    """Return q with exp(r) = 1 + r + r**2 q for |r| <= ln 2 / 2."""
    raise NotImplementedError("compiled code only")


@inlined_for(_remainder)
def _remainder_overload(r):
    remainder = _remainder_32 if r.dtype.bitwidth == 32 else _remainder_64
    return lambda r: remainder(r)


@inlined
def _exp_of_remainder(r: Any) -> Any:
    return fma(fma(_remainder(r), r, splat(r, 1.0)), r, splat(r, 1.0))


def _largest_argument(x: Any) -> float:
    raise NotImplementedError("compiled code only")


@inlined_for(_largest_argument)
def _largest_argument_overload(x):
    largest = EXP_RANGE_32[1] if x.dtype.bitwidth == 32 else EXP_RANGE_64[1]
    return lambda x: largest


@inlined
def exp(x: Any) -> Any:
    """Return e**x for a vector x; subnormal results are right too."""
    n, r = _reduced(min(splat(x, _largest_argument(x)), x))
    return scale_by_power_of_two(_exp_of_remainder(r), n)


@inlined
def sum_in_two(high: Any, low: Any, other_high: Any, other_low: Any) -> tuple[Any, Any]:
    """Return the sum of two numbers that are each given as two, likewise; its high parts lose nothing (Knuth, 1969)."""
    total = high + other_high
    added = total - high
    return total, low + other_low + ((high - (total - added)) + (other_high - added))


@inlined
def exp_of_difference(x: Any, y: Any) -> tuple[Any, Any, Any]:
    """Return (high, low, n) with exp(x - y) = 2**n (high + low) for vectors with x <= y; `low` is high's rounding."""
    zero = splat(x, 0.0)
    difference, rounding = sum_in_two(x, zero, -y, zero)
    rounding = select_less(absolute(rounding), splat(x, np.inf), rounding, zero)  # of infinities it is NaN
    n, r = _reduced(difference)
    expm1_r = fma(r * r, _remainder(r), r)
    high = expm1_r + 1.0
    return high, fma(high, rounding, expm1_r - (high - 1.0)), n


@inlined
def add_exp_of_difference(x: Any, y: Any, total: Any, total_low: Any) -> tuple[Any, Any, Any, Any]:
    """Return exp(x - y) and the sum of it and of a number given as two, each as two, as `sum_in_two` does.

    All are raised as `scale_raised` does it, so that what is lost of the low parts weighs nothing.
    """
    high, low, n = exp_of_difference(x, y)
    high, low = scale_raised(high, n), scale_raised(low, n)
    total, total_low = sum_in_two(total, total_low, high, low)
    return high, low, total, total_low


@inlined
def quotient_of_two(high: Any, low: Any, total: Any, total_low: Any, inverse: Any) -> Any:
    """Return the quotient of numbers that are given as two each; `inverse` is 1 / total, rounded."""
    q = high * inverse
    remainder = fma(-q, total, high) + fma(-q, total_low, low)
    return fma(remainder, inverse, q)


@inlined
def _sigmoid_32(z: Any) -> Any:
    """Return 1 / (1 + exp(-z)) from e = exp(-|z|).

    With q = e / (1 + e) it is 1 - q or, for negative z, e - e q, in which the roundings of q weigh less than in q.
    """
    n, r = _reduced(-absolute(z))
    e = scale_down_by_power_of_two(_exp_of_remainder(r), n)
    q = e / (e + 1.0)
    whole = select_less(z, splat(z, 0.0), e, splat(z, 1.0))
    return fma(-whole, q, whole)


@inlined
def _tanh_of_half(r: Any) -> tuple[Any, Any]:
    """Return (b, a) with b / a = tanh(r / 2) for |r| <= ln 2 / 2, so that exp(r) = (a + b) / (a - b).

    A rational approximation, odd in r, at the Chebyshev nodes (relative error of exp 2e-18, for float64).
    """
    square = r * r
    a = fma(square, splat(r, 30.013650927941401856), splat(r, 3362.458123840365385))
    a = fma(a, square, splat(r, 30262.94312753996194))
    return r * fma(square + 420.27309827271484859, square, splat(r, 15131.471563769980897)), a


@inlined
def _sigmoid_64(z: Any) -> Any:
    """Return 1 / (1 + exp(-z)) from exp(-|z|) = 2**n (a + b) / (a - b): one division, and fewer terms than for exp.

    In float32 it would save 15 % of the time, but reach 2.4 ULP.
    """
    n, r = _reduced(-absolute(z))
    b, a = _tanh_of_half(r)
    numerator, rest = scale_down_by_power_of_two(a + b, n), a - b
    return select_less(z, splat(z, 0.0), numerator, rest) / (numerator + rest)


def sigmoid(z: Any) -> Any:
    """Return 1 / (1 + exp(-z)) for a vector z; nothing overflows."""
    raise NotImplementedError("compiled code only")


@inlined_for(sigmoid)
def _sigmoid_overload(z):
    sigmoid_of_type = _sigmoid_32 if z.dtype.bitwidth == 32 else _sigmoid_64
    return lambda z: sigmoid_of_type(z)


@inlined
def _tanh_32(z: Any) -> Any:
    """Return the hyperbolic tangent of a vector z, accurate near 0 as well.

    With m = exp(-2|z|) - 1 it is -m / (2 + m) = -m/2 + m/2 q for q = m / (2 + m), as in `_sigmoid_32`.
    """
    magnitude = absolute(z)
    enough = splat(z, 40.0)  # tanh(40) is 1
    n, r = _reduced(min(enough, magnitude) * -2.0)
    power = scale_down_by_power_of_two(splat(z, 1.0), n)
    m = fma(power, fma(r * r, _remainder(r), r), power - 1.0)
    half = m * 0.5
    return copy_sign(fma(-half, m / (m + 2.0), half), z)


@inlined
def _tanh_64(z: Any) -> Any:
    """Return the hyperbolic tangent from exp(-2|z|) = p (a + b) / (a - b), as in `_sigmoid_64`, with p = 2**n.

    It is (a (1 - p) - b (1 + p)) / (a (1 + p) - b (1 - p)); near 0, where n = 0, that is -b / a.
    """
    enough = splat(z, 40.0)  # tanh(40) is 1
    n, r = _reduced(min(enough, absolute(z)) * -2.0)
    b, a = _tanh_of_half(r)
    power = scale_down_by_power_of_two(splat(z, 1.0), n)
    less, more = 1.0 - power, power + 1.0
    return copy_sign(fma(-b, more, a * less) / fma(-b, less, a * more), z)


def tanh(z: Any) -> Any:
    """Return the hyperbolic tangent of a vector z, accurate near 0 as well."""
    raise NotImplementedError("compiled code only")


@inlined_for(tanh)
def _tanh_overload(z):
    tanh_of_type = _tanh_32 if z.dtype.bitwidth == 32 else _tanh_64
    return lambda z: tanh_of_type(z)


@inlined
def _atanh_remainder_32(square: Any) -> Any:
    """Return p with atanh(s) = s + s**3 p for square = s**2 <= 1/9."""
    p = fma(splat(square, 0.13425749011418576), square, splat(square, 0.14118309902655241))
    p = fma(p, square, splat(square, 0.20003780322455603))
    return fma(p, square, splat(square, 0.3333332016834962))


@inlined
def _atanh_remainder_64(square: Any) -> Any:
    """Return p with atanh(s) = s + s**3 p for square = s**2 <= 1/9."""
    p = fma(splat(square, 0.080820228059717661105), square, splat(square, 0.044003692430723369411))
    p = fma(p, square, splat(square, 0.060005364047953562676))
    p = fma(p, square, splat(square, 0.066570721048274680752))
    p = fma(p, square, splat(square, 0.076927850324793115517))
    p = fma(p, square, splat(square, 0.090908947180664290846))
    p = fma(p, square, splat(square, 0.11111111358713931495))
    p = fma(p, square, splat(square, 0.14285714283554378581))
    p = fma(p, square, splat(square, 0.20000000000007291337))
    return fma(p, square, splat(square, 0.33333333333333329281))


def _atanh_remainder(square: Any) -> Any:
    """Return p with atanh(s) = s + s**3 p for square = s**2 <= 1/9."""
    raise NotImplementedError("compiled code only")


@inlined_for(_atanh_remainder)
def _atanh_remainder_overload(square):
    remainder = _atanh_remainder_32 if square.dtype.bitwidth == 32 else _atanh_remainder_64
    return lambda square: remainder(square)


@inlined
def log1p_of_share(x: Any) -> Any:
    """Return log(1 + x) for a vector of 0 <= x <= 1: twice the inverse hyperbolic tangent of s = x / (2 + x).

    Its series in s**2 <= 1/9 is replaced by a polynomial at the Chebyshev nodes (relative error 2e-8 in float32, 5e-18
    in float64).
    """
    twice_s = x / (x + 2.0) * 2.0
    square = twice_s * twice_s * 0.25
    return fma(twice_s * square, _atanh_remainder(square), twice_s)


@inlined
def log_of_sum(x: Any, n: int) -> Any:
    """Return log(x) for a vector of 1 <= x <= n, which is halved as often as it takes to come below 2."""
    zero, one, two = splat(x, 0.0), splat(x, 1.0), splat(x, 2.0)
    halvings, largest = zero, np.float64(n)
    while largest > 2.0:
        halvings = halvings + select_less(two, x, one, zero)
        x = select_less(two, x, x * 0.5, x)
        largest *= 0.5
    return fma(halvings, splat(x, LN2), log1p_of_share(x - 1.0))


@inlined
def relu(z: Any) -> Any:
    """Return max(z, 0) for a vector z; NaN stays NaN."""
    return select_less(z, splat(z, 0.0), splat(z, 0.0), z)
