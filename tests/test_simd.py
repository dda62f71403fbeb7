"""Vectors: what each operation returns in every lane, and that memory beside is left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from arithmetic import dot_bound
from memory import Surrounded
from numba import njit

from kernels import simd
from kernels.blocking import VECTOR_BYTES

pytestmark = pytest.mark.vector_length

DTYPES = (np.float32, np.float64)


def length(dtype: Any) -> int:
    """Return how many elements a vector holds."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize


# ---- the compiled pieces: each loads vectors from arrays and stores what an operation returns


@njit(error_model="numpy")
def _lanes(x: Any) -> Any:
    return simd.lanes(simd.address(x, 0))


@njit(error_model="numpy")
def _copy(x: Any, start: int, out: Any, target: int) -> None:
    simd.store(simd.address(out, 0), target, simd.load(simd.address(x, 0), start))


@njit(error_model="numpy")
def _copy_first(x: Any, out: Any, n_load: int, n_store: int, fill: float) -> None:
    simd.store_first(simd.address(out, 0), 0, simd.load_first(simd.address(x, 0), 0, n_load, fill), n_store)


@njit(error_model="numpy")
def _scalars(x: Any, out: Any) -> None:
    p, target = simd.address(x, 0), simd.address(out, 0)
    VL = simd.lanes(p)
    simd.store(target, 0, simd.broadcast(p, 3))
    simd.store(target, VL, simd.splat(p, 0.1))
    simd.store(target, 2 * VL, simd.splat(simd.load(p, 0), 0.1))
    simd.put(target, 3 * VL, simd.get(simd.advance(p, 2), 1))
    simd.put(target, 3 * VL + 1, 0.1)


@njit(error_model="numpy")
def _arithmetic(x: Any, y: Any, out: Any) -> None:
    target = simd.address(out, 0)
    a, b = simd.load(simd.address(x, 0), 0), simd.load(simd.address(y, 0), 0)
    VL = simd.lanes(target)
    simd.store(target, 0, a + b)
    simd.store(target, VL, a - b)
    simd.store(target, 2 * VL, a * b)
    simd.store(target, 3 * VL, a / b)
    simd.store(target, 4 * VL, a + 0.1)
    simd.store(target, 5 * VL, 0.1 - a)
    simd.store(target, 6 * VL, a * 0.1)
    simd.store(target, 7 * VL, 0.1 / a)


@njit(error_model="numpy")
def _comparisons(x: Any, y: Any, out: Any) -> None:
    target = simd.address(out, 0)
    a, b = simd.load(simd.address(x, 0), 0), simd.load(simd.address(y, 0), 0)
    VL = simd.lanes(target)
    simd.store(target, 0, min(a, b))
    simd.store(target, VL, max(a, b))
    simd.store(target, 2 * VL, simd.select_less(a, b, simd.splat(a, 1.0), simd.splat(a, 2.0)))
    simd.store(target, 3 * VL, simd.absolute(a))
    simd.store(target, 4 * VL, simd.copy_sign(a, b))
    simd.store(target, 5 * VL, simd.round_to_even(a))


@njit(error_model="numpy")
def _fma(x: Any, y: Any, z: Any, out: Any) -> None:
    a, b, c = simd.load(simd.address(x, 0), 0), simd.load(simd.address(y, 0), 0), simd.load(simd.address(z, 0), 0)
    simd.store(simd.address(out, 0), 0, simd.fma(a, b, c))


@njit(error_model="numpy")
def _scale(x: Any, exponents: Any, out: Any) -> None:
    value, exponent = simd.load(simd.address(x, 0), 0), simd.load(simd.address(exponents, 0), 0)
    simd.store(simd.address(out, 0), 0, simd.scale_by_power_of_two(value, exponent))


@njit(error_model="numpy")
def _scale_down(x: Any, exponents: Any, out: Any) -> None:
    value, exponent = simd.load(simd.address(x, 0), 0), simd.load(simd.address(exponents, 0), 0)
    simd.store(simd.address(out, 0), 0, simd.scale_down_by_power_of_two(value, exponent))


@njit(error_model="numpy")
def _scale_raised(x: Any, exponents: Any, out: Any) -> None:
    value, exponent = simd.load(simd.address(x, 0), 0), simd.load(simd.address(exponents, 0), 0)
    simd.store(simd.address(out, 0), 0, simd.lowered(simd.scale_raised(value, exponent)))


@njit(error_model="numpy")
def _sum_and_max(x: Any) -> Any:
    value = simd.load(simd.address(x, 0), 0)
    return simd.sum_lanes(value), simd.max_lanes(value)


@njit(error_model="numpy")
def _four(x: Any, index: int, n: int, apart: int, out: Any) -> None:
    p, target = simd.address(x, 0), simd.address(out, 0)
    where = simd.places(n, apart)
    simd.store_four(target, index, where, simd.load_four(p, index, where) * 2.0)


@njit(error_model="numpy")
def _first_of_four(x: Any, n: int, out: Any) -> None:
    simd.store_first_of_four(simd.address(out, 0), 0, simd.load_first_of_four(simd.address(x, 0), 0, n, 5.0), 4 * n)
    simd.store_first_of_four(simd.address(out, 0), 0, simd.load_first_of_four(simd.address(x, 0), 0, n, 5.0) * 2.0, n)


# ---- memory


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_vector_has_the_length_of_the_register(dtype: Any) -> None:
    assert _lanes(np.zeros(1, dtype)) == length(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("start", [0, 1, 3])
@pytest.mark.parametrize("target", [0, 1, 5])
def test_load_and_store_move_one_vector_at_any_alignment(dtype: Any, start: int, target: int) -> None:
    VL = length(dtype)
    x, out = np.arange(2.0 * VL + 3, dtype=dtype), Surrounded(np.zeros(VL + target), dtype)
    _copy(x, start, out.array, target)
    np.testing.assert_array_equal(out.array[target:], x[start : start + VL])
    np.testing.assert_array_equal(out.array[:target], 0)
    out.assert_margins_unchanged()


@pytest.mark.parametrize("dtype", DTYPES)
def test_masked_load_takes_the_first_elements_and_fills_the_others(dtype: Any) -> None:
    VL = length(dtype)
    for n in (-100, -1, *range(VL + 3), 10 * VL):
        used = min(max(n, 0), VL)
        x, out = Surrounded(np.arange(1.0, used + 1), dtype, around=np.nan), np.full(VL, np.nan, dtype)
        _copy_first(x.array, out, n if n <= VL else VL, VL, -7.0)
        np.testing.assert_array_equal(out, [*range(1, used + 1), *[-7.0] * (VL - used)])


@pytest.mark.parametrize("dtype", DTYPES)
def test_masked_store_writes_the_first_elements_only(dtype: Any) -> None:
    VL = length(dtype)
    x = np.arange(1.0, VL + 1, dtype=dtype)
    for n in (-100, -1, *range(VL + 3), 10 * VL):
        used = min(max(n, 0), VL)
        out = Surrounded(np.zeros(used), dtype)
        _copy_first(x, out.array, VL, n, 0.0)
        np.testing.assert_array_equal(out.array, x[:used])
        out.assert_margins_unchanged()


@pytest.mark.parametrize("dtype", DTYPES)
def test_broadcast_splat_get_and_put_round_scalars_to_the_element_type(dtype: Any) -> None:
    VL = length(dtype)
    x, out = np.arange(10.0, 10 + max(VL, 4), dtype=dtype), np.zeros(3 * VL + 2, dtype)
    _scalars(x, out)
    tenth = dtype(0.1)
    np.testing.assert_array_equal(out, [*[x[3]] * VL, *[tenth] * (2 * VL), x[3], tenth])


# ---- arithmetic


def special_numbers(dtype: Any, seed: int) -> np.ndarray:
    """Return a vector of numbers of many magnitudes and of special ones, drawn by the seed."""
    generator, info = np.random.default_rng(seed), np.finfo(dtype)
    special = [np.inf, -np.inf, np.nan, 0.0, -0.0, info.max, info.tiny, float(info.smallest_subnormal), 0.5, -2.5, 3.5]
    ordinary = generator.standard_normal(11) * 10.0 ** generator.integers(-8, 8, 11)
    return generator.choice([*special, *ordinary], length(dtype)).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_operators_give_the_bits_of_ieee_arithmetic(dtype: Any) -> None:
    VL, tenth = length(dtype), dtype(0.1)
    for seed in range(60):
        a, b, out = special_numbers(dtype, seed), special_numbers(dtype, seed + 1000), np.empty(8 * VL, dtype)
        _arithmetic(a, b, out)
        with np.errstate(all="ignore"):
            expected = [a + b, a - b, a * b, a / b, a + tenth, tenth - a, a * tenth, tenth / a]
        np.testing.assert_array_equal(out.reshape(8, VL), expected)
        ordinary = ~np.isnan(out)
        np.testing.assert_array_equal(np.signbit(out[ordinary]), np.signbit(np.concatenate(expected)[ordinary]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_comparisons_signs_and_rounding_follow_their_definitions(dtype: Any) -> None:
    VL = length(dtype)
    for seed in range(60):
        a, b, out = special_numbers(dtype, seed), special_numbers(dtype, seed + 1000), np.empty(6 * VL, dtype)
        _comparisons(a, b, out)
        expected = [
            np.where(a < b, a, b),  # b where a or b is not a number
            np.where(b < a, a, b),
            np.where(a < b, 1.0, 2.0),
            np.abs(a),
            np.copysign(a, b),
            np.rint(a),
        ]
        np.testing.assert_array_equal(out.reshape(6, VL), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_fma_rounds_once(dtype: Any) -> None:
    # (1 + d)(1 - d) - 1 = -d**2 exactly; a product rounded first is 1 for small d, and the difference 0.
    VL, eps = length(dtype), float(np.finfo(dtype).eps)
    for power in range(1, 5):
        d = np.full(VL, eps * 2.0 ** (power - 1), dtype)
        out = np.empty(VL, dtype)
        _fma(1 + d, 1 - d, np.full(VL, -1, dtype), out)
        np.testing.assert_array_equal(out, -(d * d))


@pytest.mark.parametrize("dtype", DTYPES)
def test_fma_takes_its_operands_lane_by_lane(dtype: Any) -> None:
    VL, generator = length(dtype), np.random.default_rng(0)
    a, b, c = generator.integers(-99, 100, (3, VL)).astype(dtype)
    out = np.empty(VL, dtype)
    _fma(a, b, c, out)
    np.testing.assert_array_equal(out, a * b + c)


@pytest.mark.parametrize("dtype", DTYPES)
def test_scaling_by_powers_of_two_is_exact_over_all_normal_exponents(dtype: Any) -> None:
    VL, info = length(dtype), np.finfo(dtype)
    mantissa = dtype(1.2345678)
    for start in range(info.minexp, info.maxexp - VL):
        exponents, out = np.arange(start, start + VL, dtype=dtype), np.empty(VL, dtype)
        _scale(np.full(VL, mantissa), exponents, out)
        np.testing.assert_array_equal(out, np.ldexp(mantissa, exponents.astype(np.int64)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mantissa", [0.7071, 1.0, 1.2345678, 1.4142])
@pytest.mark.parametrize("scale", [_scale_down, _scale_raised])
def test_scaling_down_is_rounded_once_also_where_it_becomes_subnormal(scale: Any, mantissa: float, dtype: Any) -> None:
    VL, value = length(dtype), dtype(mantissa)
    least = -150 if dtype == np.float32 else -1075
    for start in range(least, 1):
        exponents, out = np.minimum(np.arange(start, start + VL, dtype=dtype), 0), np.empty(VL, dtype)
        scale(np.full(VL, value), exponents, out)
        np.testing.assert_array_equal(out, np.ldexp(value, exponents.astype(np.int64)))


@pytest.mark.parametrize("scale", [_scale, _scale_down, _scale_raised])
@pytest.mark.parametrize("dtype", DTYPES)
def test_scaling_keeps_nan(dtype: Any, scale: Any) -> None:
    out = np.empty(length(dtype), dtype)
    scale(np.full(out.size, np.nan, dtype), np.full(out.size, np.nan, dtype), out)
    assert np.isnan(out).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_sum_of_lanes_is_the_sum_of_all_lanes(dtype: Any) -> None:
    VL, generator = length(dtype), np.random.default_rng(0)
    for lane in range(VL):
        x = np.zeros(VL, dtype)
        x[lane] = 5.0
        assert _sum_and_max(x)[0] == 5.0
    for _ in range(20):
        x = generator.standard_normal(VL).astype(dtype)
        exact, bound = x.astype(np.longdouble).sum(), dot_bound(VL, np.abs(x).sum(), dtype)
        assert abs(_sum_and_max(x)[0] - exact) <= bound
        assert _sum_and_max(x)[0] == _sum_and_max(x)[0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_largest_lane_is_found_in_every_position(dtype: Any) -> None:
    VL = length(dtype)
    for lane in range(VL):
        x = -np.arange(1.0, VL + 1, dtype=dtype)
        x[lane] = -0.5
        assert _sum_and_max(x)[1] == -0.5
        x[:] = -np.inf
        assert _sum_and_max(x)[1] == -np.inf
        x[lane] = np.inf
        assert _sum_and_max(x)[1] == np.inf


@njit(error_model="numpy")
def _keep_first(x: Any, n: int, out: Any) -> None:
    simd.prefetch(simd.address(x, 0), 1 << 40)  # asks for memory that is not there, which must do nothing
    simd.store(simd.address(out, 0), 0, simd.keep_first(simd.load(simd.address(x, 0), 0), n))


@pytest.mark.parametrize("dtype", DTYPES)
def test_keep_first_zeroes_the_other_lanes_whatever_they_hold(dtype: Any) -> None:
    VL = length(dtype)
    x = np.full(VL, np.nan, dtype)
    for n in range(-1, VL + 2):
        kept, out = max(0, min(n, VL)), np.empty(VL, dtype)
        x[:kept] = np.arange(1.0, kept + 1)
        _keep_first(x, n, out)
        np.testing.assert_array_equal(out, [*x[:kept], *np.zeros(VL - kept)])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
def test_up_to_four_vectors_are_loaded_and_stored_as_one(n: int, dtype: Any) -> None:
    VL = length(dtype)
    for index, apart in ((0, VL), (3, VL + 1), (1, 5 * VL)):
        last = index + min(n - 1, 3) * apart + VL
        x, out = np.arange(1.0, 1 + last, dtype=dtype), Surrounded(np.zeros(last), dtype)
        _four(x, index, n, apart, out.array)
        expected = np.zeros(last, dtype)
        for v in range(min(n, 4)):
            vector = slice(index + v * apart, index + v * apart + VL)
            expected[vector] = 2 * x[vector]
        np.testing.assert_array_equal(out.array, expected)
        out.assert_margins_unchanged()


@pytest.mark.parametrize("dtype", DTYPES)
def test_four_masked_vectors_end_where_they_are_told(dtype: Any) -> None:
    VL = length(dtype)
    for n in range(1, 4 * VL + 1):
        x, room = np.arange(1.0, n + 1, dtype=dtype), min(4 * n, 4 * VL)
        out = Surrounded(np.zeros(room), dtype)
        _first_of_four(x, n, out.array)
        np.testing.assert_array_equal(out.array, [*(2 * x), *[5.0] * (room - n)])
        out.assert_margins_unchanged()
