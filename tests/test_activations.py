"""Activations of arrays against their formulas, and their derivatives, functions of the output, against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from arithmetic import EXACT, assert_within, unit_roundoff
from bounded import activated, exactly, times_slope
from memory import Surrounded
from numba import njit

from kernels.activations import ACTIVATIONS, activate_block
from kernels.backends import BACKENDS, Backend
from kernels.blocking import VECTOR_BYTES
from kernels.simd import address

DTYPES = (np.float32, np.float64)
# Widths and row counts below, at and above vector lengths from 2 to 16.
SHAPES = ((1, 1), (1, 17), (3, 5), (4, 16), (17, 33), (2, 100), (61, 1))
HIDDEN = ("identity", "sigmoid", "tanh", "relu")
LOGIT_SCALES = (1e-3, 1.0, 30.0, 300.0)


@njit(error_model="numpy")
def _activate_block(activation: int, h: Any, rows: int, columns: int) -> None:
    activate_block(activation, address(h, 0), h.shape[1], rows, columns)


def activate(backend: Backend, name: str, z: np.ndarray) -> np.ndarray:
    """Return the activation of logits; memory around them is watched."""
    h = Surrounded(z, z.dtype)
    with np.errstate(over="ignore"):
        backend.activate_inplace(ACTIVATIONS[name], h.array)
    h.assert_margins_unchanged()
    return h.array


def multiply_by_derivative(backend: Backend, name: str, h: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """Return dL/dz for dL/dh; memory around it is watched, and the outputs stay."""
    outputs, product = Surrounded(h, h.dtype), Surrounded(delta, h.dtype)
    backend.multiply_by_derivative_inplace(ACTIVATIONS[name], outputs.array, product.array)
    outputs.assert_unchanged()
    product.assert_margins_unchanged()
    return product.array


@pytest.mark.vector_length
@pytest.mark.parametrize("scale", LOGIT_SCALES)
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_outputs_follow_the_formula(backend: Backend, name: str, dtype: Any, scale: float) -> None:
    for shape in SHAPES:
        z = (scale * np.random.default_rng(shape).standard_normal(shape)).astype(dtype)
        assert_within(activate(backend, name, z), *activated(name, exactly(z), dtype), f"{name} {shape}")


@pytest.mark.vector_length
@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("dtype", DTYPES)
def test_an_element_of_a_block_has_the_same_bits_wherever_it_stands(name: str, dtype: Any) -> None:
    VL = VECTOR_BYTES // np.dtype(dtype).itemsize
    z = (3 * np.random.default_rng(0).standard_normal((5, 8 * VL + 3))).astype(dtype)
    alone = np.vectorize(lambda logit: activate(BACKENDS["numba"], name, np.array([[logit]], dtype))[0, 0])(z)
    for rows in range(1, 6):
        for columns in (1, VL - 1, VL, 2 * VL - 1, 2 * VL, 2 * VL + 1, 3 * VL, 4 * VL, 6 * VL, 8 * VL, 8 * VL + 1):
            block = Surrounded(z, dtype)
            _activate_block(ACTIVATIONS[name], block.array, rows, columns)
            inside = np.zeros(z.shape, bool)
            inside[:rows, :columns] = True
            np.testing.assert_array_equal(block.array, np.where(inside, alone, z), f"{rows} x {columns}")
            block.assert_margins_unchanged()


@pytest.mark.vector_length
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_derivatives_follow_the_formula(backend: Backend, name: str, dtype: Any) -> None:
    for shape in SHAPES:
        generator = np.random.default_rng(shape)
        delta = generator.standard_normal(shape).astype(dtype)
        h = activated(name, exactly(3 * generator.standard_normal(shape)), dtype).value.astype(dtype)
        # For relu only the sign of z is asked for, which h > 0 tells.
        exact = times_slope(name, exactly(h), exactly(h), exactly(delta), dtype)
        assert_within(multiply_by_derivative(backend, name, h, delta), *exact, f"{name} {shape}")


# Bounds of |h'''| for the truncation error of a central difference: 1/8 of the logistic function, 2 of tanh. Seen from
# one logit, a component of softmax is a logistic function times a factor of at most 1. Of exp it is h itself, which the
# step changes by less than one per cent.
THIRD_DERIVATIVES = {"identity": 0.0, "sigmoid": 1 / 8, "tanh": 2.0, "relu": 0.0, "softmax": 1 / 8, "exp": 1.0}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives_are_the_slopes_of_the_outputs(backend: Backend, name: str) -> None:
    step, u = 2.0**-17, unit_roundoff(np.float64)  # truncation and rounding come out about equal
    generator = np.random.default_rng(0)
    z, delta = 2 * generator.standard_normal((7, 6)), generator.standard_normal((7, 6))
    z[np.abs(z) < 2 * step] = 1.0  # not across the kink of relu
    h = activate(backend, name, z)
    product = multiply_by_derivative(backend, name, h, delta)
    for unit in range(z.shape[1]):
        ends = []
        for direction in (step, -step):
            moved = z.copy()
            moved[:, unit] += direction
            ends.append((activate(backend, name, moved) * delta).sum(axis=1))
        slope = (ends[0] - ends[1]) / (2 * step)
        # Outputs are at most 4 ULP off, and at most 1, |z| or what they are; z itself is rounded when it moves.
        magnitude = 1.01 * np.abs(delta).sum(axis=1) * np.maximum(1, np.maximum(np.abs(z), h).max(axis=1))
        bound = step**2 / 6 * THIRD_DERIVATIVES[name] * magnitude + 16 * u * magnitude / step
        assert_within(product[:, unit], slope, bound, f"{name}, unit {unit}")


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_saturated_units_have_finite_outputs_and_no_slope(backend: Backend, name: str, dtype: Any) -> None:
    z = np.array([[-1e30, -1e4, -200.0, 200.0, 1e4]], dtype)
    h = activate(backend, name, z)
    by_name = {"sigmoid": [0, 0, 0, 1, 1], "tanh": [-1, -1, -1, 1, 1], "relu": [0, 0, 0, 200, 10_000]}
    np.testing.assert_allclose(h, [by_name[name]], rtol=0, atol=1e-80)  # exp(-200) in float64
    slopes = multiply_by_derivative(backend, name, h, np.ones_like(h))
    np.testing.assert_allclose(slopes, [[0, 0, 0, 1, 1] if name == "relu" else [0] * 5], rtol=0, atol=1e-80)


def test_relu_has_no_slope_at_zero(backend: Backend) -> None:
    h = activate(backend, "relu", np.array([[0.0, -0.0, -1.0, 1e-40]]))
    np.testing.assert_array_equal(multiply_by_derivative(backend, "relu", h, np.full((1, 4), 3.0)), [[0, 0, 0, 3]])


@pytest.mark.vector_length
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_of_softmax_sum_to_one(backend: Backend, dtype: Any) -> None:
    for shape in SHAPES:
        for scale in LOGIT_SCALES:
            z = (scale * np.random.default_rng(shape).standard_normal(shape)).astype(dtype)
            h = activate(backend, "softmax", z)
            assert (h >= 0).all()
            # The computed terms are divided by their computed sum, which n - 1 additions made; each division rounds.
            assert_within(h.astype(EXACT).sum(axis=1), 1, 1.01 * shape[1] * unit_roundoff(dtype), f"{shape}, {scale}")


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_of_extreme_logits_is_finite(backend: Backend, dtype: Any) -> None:
    largest = np.finfo(dtype).max
    rows = {
        (1e4, 0.0, -1e4): (1, 0, 0),
        (-1e4, -1e4, -1e4): (1 / 3, 1 / 3, 1 / 3),
        (largest, -largest, 0.0): (1, 0, 0),
        (-largest, -largest, -largest): (1 / 3, 1 / 3, 1 / 3),
        (0.0, -np.inf, 0.0): (1 / 2, 0, 1 / 2),
    }
    h = activate(backend, "softmax", np.array(list(rows), dtype))
    np.testing.assert_allclose(h, list(rows.values()), rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "identity", "exp"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_stays_where_it_is(backend: Backend, name: str, dtype: Any) -> None:
    z = np.random.default_rng(2).standard_normal((5, 9)).astype(dtype)
    z[3, 8] = np.nan
    assert np.argwhere(np.isnan(activate(backend, name, z))).tolist() == [[3, 8]]


@pytest.mark.parametrize("position", [0, 4, 16])
def test_nan_spoils_its_row_of_softmax_only(backend: Backend, position: int) -> None:
    z = np.random.default_rng(2).standard_normal((5, 17)).astype(np.float32)
    z[3, position] = np.nan
    spoiled = np.isnan(activate(backend, "softmax", z))
    assert spoiled[3].all()
    assert not np.delete(spoiled, 3, axis=0).any()
