"""exp, sigmoid, tanh and relu of vectors: errors in units of the last place, special values, order.

One table holds the promised bounds. Both types are swept through all of their exponents by bit pattern, and densely
where the functions are neither constant nor trivial, against NumPy's longest type; hard points are computed with 60
digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any

import numpy as np
import pytest
from arithmetic import EXACT, EXACT_IS_LONGER, ulp_errors, unit_in_last_place
from numba import njit

from kernels import elementary
from kernels.simd import address, lanes, load_first, store_first

pytestmark = pytest.mark.vector_length

MAX_ULP = {
    ("exp", "float32"): 2.0,
    ("exp", "float64"): 2.0,
    ("sigmoid", "float32"): 2.0,
    ("sigmoid", "float64"): 4.0,
    ("tanh", "float32"): 2.0,
    ("tanh", "float64"): 4.0,
}
DTYPES = ("float32", "float64")
# The logarithms of the largest and the least number.
EDGES = {"float32": (88.722839, -103.972084), "float64": (709.782712893384, -745.1332191019411)}


# Compiled in every session: a change in this file is not seen by the cache of the kernels.
@njit(error_model="numpy")
def _exp(x: Any, out: Any) -> None:
    source, target = address(x, 0), address(out, 0)
    for i in range(0, x.size, lanes(source)):
        store_first(target, i, elementary.exp(load_first(source, i, x.size - i, 0.0)), x.size - i)


@njit(error_model="numpy")
def _sigmoid(x: Any, out: Any) -> None:
    source, target = address(x, 0), address(out, 0)
    for i in range(0, x.size, lanes(source)):
        store_first(target, i, elementary.sigmoid(load_first(source, i, x.size - i, 0.0)), x.size - i)


@njit(error_model="numpy")
def _tanh(x: Any, out: Any) -> None:
    source, target = address(x, 0), address(out, 0)
    for i in range(0, x.size, lanes(source)):
        store_first(target, i, elementary.tanh(load_first(source, i, x.size - i, 0.0)), x.size - i)


@njit(error_model="numpy")
def _log1p_of_share(x: Any, out: Any) -> None:
    source, target = address(x, 0), address(out, 0)
    for i in range(0, x.size, lanes(source)):
        store_first(target, i, elementary.log1p_of_share(load_first(source, i, x.size - i, 0.0)), x.size - i)


@njit(error_model="numpy")
def _log_of_sum(x: Any, n: Any, out: Any) -> None:
    source, target = address(x, 0), address(out, 0)
    for i in range(0, x.size, lanes(source)):
        store_first(target, i, elementary.log_of_sum(load_first(source, i, x.size - i, 1.0), n), x.size - i)


@njit(error_model="numpy")
def _relu(x: Any, out: Any) -> None:
    source, target = address(x, 0), address(out, 0)
    for i in range(0, x.size, lanes(source)):
        store_first(target, i, elementary.relu(load_first(source, i, x.size - i, 0.0)), x.size - i)


COMPILED: dict[str, Callable[[np.ndarray, np.ndarray], None]] = {
    "exp": _exp,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "relu": _relu,
}


def evaluate(name: str, x: np.ndarray) -> np.ndarray:
    """Return the function of each element."""
    out = np.empty_like(x)
    COMPILED[name](x, out)
    return out


def exactly(name: str, x: np.ndarray) -> np.ndarray:
    """Return the function in the longest type."""
    z = x.astype(EXACT)
    with np.errstate(over="ignore", under="ignore"):
        if name == "exp":
            return np.exp(z)
        return np.tanh(z) if name == "tanh" else 1 / (1 + np.exp(-z))


def all_exponents(dtype: str) -> np.ndarray:
    """Return finite numbers of every exponent and either sign: equally spaced bit patterns."""
    bits = np.uint32 if dtype == "float32" else np.uint64
    step = 4099 if dtype == "float32" else (1 << 44) - 1
    patterns = np.arange(0, np.iinfo(bits).max - step, step, dtype=bits).view(dtype)
    return patterns[np.isfinite(patterns)]


def where_it_matters(dtype: str) -> np.ndarray:
    """Return numbers over the range where exp is neither 0 nor infinite, denser near 0 and near both ends."""
    generator = np.random.default_rng(0)
    largest, least = EDGES[dtype]
    ends = [end + np.linspace(-1, 1, 20_001) for end in (largest, least, math.log(np.finfo(dtype).tiny))]
    spread = np.linspace(least - 2, largest + 2, 400_001)
    near_zero = [generator.standard_normal(100_000) * scale for scale in (4, 0.3, 1e-3, 1e-8)]
    return np.concatenate([spread, -spread, *ends, *near_zero]).astype(dtype)


@pytest.mark.parametrize(("name", "dtype"), MAX_ULP)
@pytest.mark.parametrize("arguments", [all_exponents, where_it_matters])
def test_errors_stay_below_the_promised_bound(name: str, dtype: str, arguments: Callable[[str], np.ndarray]) -> None:
    if dtype == "float64" and not EXACT_IS_LONGER:
        pytest.skip("NumPy has no type longer than float64 here")
    x = arguments(dtype)
    errors = ulp_errors(evaluate(name, x), exactly(name, x))
    worst = int(errors.argmax())
    assert errors[worst] <= MAX_ULP[name, dtype], f"{name}({x[worst]!r}) is off by {float(errors[worst]):.2f} ULP"


# ---- hard points, with 60 digits


def hard_points(dtype: str) -> list[float]:
    """Return arguments where the reduction, the polynomial or the scaling is strained."""
    kind = np.dtype(dtype).type
    largest, least = EDGES[dtype]
    halves = [(n + 0.5) * math.log(2) for n in (-1000, -150, -130, -127, -25, -2, -1, 0, 1, 2, 25, 126, 127, 1000)]
    whole = [n * math.log(2) for n in (-1074, -1022, -149, -127, -126, -1, 1, 2, 10, 127, 128, 1023)]
    eps, tiny = float(np.finfo(dtype).eps), float(np.finfo(dtype).tiny)
    near_zero = [
        eps,
        eps / 2,
        eps / 4,
        math.sqrt(eps),
        tiny,
        float(np.finfo(dtype).smallest_subnormal),
        1e-3,
        0.34657,
        0.55,
    ]
    # The argument for which exp in double precision is hardest to round (Muller, Elementary Functions, 2016).
    near_zero.append(7.5417527749959590085206221e-10)
    centres = [*halves, *whole, *near_zero, *(-x for x in near_zero), largest, least, 8.66, 9.0, 18.7, 19.06, 36.7]
    points = []
    for centre in (kind(x) for x in centres):
        points += [np.nextafter(centre, kind(-np.inf)), centre, np.nextafter(centre, kind(np.inf))]
    return [float(x) for x in points if least - 1 < x < largest + 1]


CONTEXT = Context(prec=60, Emax=10**6, Emin=-(10**6))


def exactly_decimal(name: str, x: float) -> Decimal:
    """Return the function with 60 digits; tanh of tiny arguments as ``x - x**3/3``, for 1 - exp(-2x) cancels."""
    z, one = Decimal(x), Decimal(1)
    if name == "tanh" and abs(z) < Decimal("1e-15"):
        return CONTEXT.subtract(z, CONTEXT.divide(CONTEXT.power(z, 3), 3))
    e = CONTEXT.exp(CONTEXT.multiply(z, {"exp": 1, "sigmoid": -1, "tanh": -2}[name]))
    if name == "exp":
        return e
    numerator = one if name == "sigmoid" else CONTEXT.subtract(one, e)
    return CONTEXT.divide(numerator, CONTEXT.add(one, e))


@pytest.mark.parametrize(("name", "dtype"), MAX_ULP)
def test_errors_at_hard_points_stay_below_the_promised_bound(name: str, dtype: str) -> None:
    points = hard_points(dtype)
    largest = Decimal(float(np.finfo(dtype).max))
    for x, computed in zip(points, evaluate(name, np.array(points, dtype)), strict=True):
        exact = exactly_decimal(name, x)
        unit = Decimal(float(unit_in_last_place(EXACT(str(min(exact, largest))), dtype)))
        if math.isinf(computed):
            assert exact > largest - unit, f"{name}({x!r}) is {computed}"
            continue
        error = CONTEXT.divide(abs(CONTEXT.subtract(Decimal(float(computed)), exact)), unit)
        assert error <= Decimal(MAX_ULP[name, dtype]), f"{name}({x!r}) is off by {error:.2f} ULP"


# ---- special values and order


@pytest.mark.parametrize("dtype", DTYPES)
def test_infinities_zeros_and_nan_are_exact(dtype: str) -> None:
    x = np.array([np.inf, -np.inf, 0.0, -0.0, np.nan], dtype)
    expected = {
        "exp": [np.inf, 0.0, 1.0, 1.0, np.nan],
        "sigmoid": [1.0, 0.0, 0.5, 0.5, np.nan],
        "tanh": [1.0, -1.0, 0.0, -0.0, np.nan],
        "relu": [np.inf, 0.0, 0.0, 0.0, np.nan],
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(evaluate(name, x), np.array(values, dtype), err_msg=name)
    np.testing.assert_array_equal(np.signbit(evaluate("tanh", x)[:4]), [False, True, False, True])


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_stays_in_its_lane(dtype: str) -> None:
    x = np.linspace(-3, 3, 67).astype(dtype)
    spoiled = x.copy()
    spoiled[::7] = np.nan
    for name in COMPILED:
        out = evaluate(name, spoiled)
        np.testing.assert_array_equal(np.isnan(out), np.isnan(spoiled), err_msg=name)
        np.testing.assert_array_equal(out[~np.isnan(out)], evaluate(name, x)[~np.isnan(out)], err_msg=name)


@pytest.mark.parametrize("dtype", DTYPES)
def test_exp_never_falls_near_the_edges(dtype: str) -> None:
    integer = np.dtype(dtype.replace("float", "int"))
    for edge in EDGES[dtype]:
        # Neighbouring bit patterns are neighbouring numbers, in ascending order away from zero.
        neighbours = np.array(edge, dtype).view(integer) + np.arange(-2000, 2001, dtype=integer)
        x = np.sort(neighbours.view(dtype))
        assert np.unique(x).size == 4001
        y = evaluate("exp", x)
        assert (y[1:] >= y[:-1]).all()
        # The edge itself lies within: both what is beyond it and what is not occur.
        beyond = np.isinf(y) if edge > 0 else y == 0
        assert beyond.any()
        assert not beyond.all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_exp_of_huge_arguments_is_infinite_or_zero(dtype: str) -> None:
    beyond = [89.5, -104.5] if dtype == "float32" else [710.5, -746.5]
    x = np.array([*beyond, 1e4, -1e4, 1e30, -1e30, np.finfo(dtype).max, -np.finfo(dtype).max], dtype)
    np.testing.assert_array_equal(evaluate("exp", x), np.array([np.inf, 0.0] * 4, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_outputs_stay_in_range_and_tanh_is_odd(dtype: str) -> None:
    x = all_exponents(dtype)
    sigmoid, tanh = evaluate("sigmoid", x), evaluate("tanh", x)
    assert ((sigmoid >= 0) & (sigmoid <= 1)).all()
    assert (np.abs(tanh) <= 1).all()
    assert evaluate("tanh", -x).tobytes() == (-tanh).tobytes()


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1000])
@pytest.mark.parametrize("dtype", DTYPES)
def test_logarithms_of_sums_are_off_by_at_most_4_ulp(n: int, dtype: str) -> None:
    if dtype == "float64" and not EXACT_IS_LONGER:
        pytest.skip("NumPy has no type longer than float64 here")
    near_one = 1 + np.geomspace(np.finfo(dtype).eps, 1e-2, 1000)
    powers = 2.0 ** np.arange(12)
    x = np.concatenate([np.linspace(1, n, 100_001), near_one, powers, np.nextafter(powers, 0)[1:]]).astype(dtype)
    x = x[x <= n]
    out = np.empty_like(x)
    _log_of_sum(x, n, out)
    errors = ulp_errors(out, np.log(x.astype(EXACT)))
    worst = int(errors.argmax())
    assert errors[worst] <= 4, f"log({x[worst]!r}) is off by {float(errors[worst]):.2f} ULP"


@pytest.mark.parametrize("dtype", DTYPES)
def test_log1p_from_0_to_1_is_off_by_at_most_2_ulp(dtype: str) -> None:
    if dtype == "float64" and not EXACT_IS_LONGER:
        pytest.skip("NumPy has no type longer than float64 here")
    exponents = all_exponents(dtype)
    dense = np.linspace(0, 1, 400_001).astype(dtype)
    x = np.concatenate([exponents[(exponents >= 0) & (exponents <= 1)], dense])
    out = np.empty_like(x)
    _log1p_of_share(x, out)
    errors = ulp_errors(out, np.log1p(x.astype(EXACT)))
    worst = int(errors.argmax())
    assert errors[worst] <= 2, f"log1p({x[worst]!r}) is off by {float(errors[worst]):.2f} ULP"
    assert out[x == 0].tobytes() == x[x == 0].tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_relu_keeps_what_is_positive_and_nothing_else(dtype: str) -> None:
    x = all_exponents(dtype)
    np.testing.assert_array_equal(evaluate("relu", x), np.where(x > 0, x, 0))
