"""Softmax in rows, in lanes, and in short rows that are turned: errors in units of the last place, infinities, NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from arithmetic import EXACT, EXACT_IS_LONGER, ulp_errors
from memory import Surrounded
from numba import njit

from kernels.activations import SOFTMAX, activate_inplace
from kernels.simd import address, lanes
from kernels.softmax import softmax_in_lanes, softmax_in_lanes_beside, softmax_row

pytestmark = pytest.mark.vector_length

MAX_ULP = {"float32": 2.0, "float64": 4.0}
N_ROWS = 320  # whole vectors of every length


@njit(error_model="numpy")
def _in_rows(z: Any) -> None:
    for i in range(z.shape[0]):
        softmax_row(address(z, i * z.shape[1]), z.shape[1])


@njit(error_model="numpy")
def _in_lanes(z: Any) -> None:
    VL = lanes(address(z, 0))
    for i in range(0, z.shape[1], 4 * VL):
        softmax_in_lanes(address(z, i), (z.shape[1] - i) // VL, VL, z.shape[0], z.shape[1])


@njit(error_model="numpy")
def _beside(z: Any, room: Any) -> None:
    VL = lanes(address(z, 0))
    for i in range(0, z.shape[1], 4 * VL):
        n_vectors = (z.shape[1] - i) // VL
        softmax_in_lanes_beside(address(z, i), address(room, i), n_vectors, VL, z.shape[0], z.shape[1])


def in_rows(z: np.ndarray) -> np.ndarray:
    h = z.copy()
    _in_rows(h)
    return h


def in_lanes(z: np.ndarray) -> np.ndarray:
    h = np.ascontiguousarray(z.T)
    _in_lanes(h)
    return h.T


def beside(z: np.ndarray) -> np.ndarray:
    h, room = np.ascontiguousarray(z.T), Surrounded(np.zeros(z.T.shape), z.dtype)
    _beside(h, room.array)
    room.assert_margins_unchanged()
    return h.T


def turned(z: np.ndarray) -> np.ndarray:
    """Softmax as networks with samples in rows put it out: of short rows as many at once as a vector has lanes."""
    h = z.copy()
    activate_inplace(SOFTMAX, h)
    return h


WAYS = pytest.mark.parametrize("softmax", [in_rows, in_lanes, beside, turned])


@pytest.mark.skipif(not EXACT_IS_LONGER, reason="NumPy has no type longer than float64 here")
@pytest.mark.parametrize("spread", [0.1, 1.0, 10.0, 50.0])  # with the last, outputs are subnormal and zero too
@pytest.mark.parametrize("n", [1, 2, 3, 10, 16, 17, 32, 33, 100, 1000])
@pytest.mark.parametrize("dtype", MAX_ULP)
@WAYS
def test_error_is_within_the_promised_bound(softmax: Any, dtype: str, n: int, spread: float) -> None:
    z = (np.random.default_rng(n).standard_normal((N_ROWS, n)) * spread).astype(dtype)
    terms = np.exp(z.astype(EXACT) - z.max(axis=1, keepdims=True).astype(EXACT))
    exact = terms / terms.sum(axis=1, keepdims=True)
    assert ulp_errors(softmax(z), exact).max() <= MAX_ULP[dtype]


@pytest.mark.skipif(not EXACT_IS_LONGER, reason="NumPy has no type longer than float64 here")
@pytest.mark.parametrize("dtype", MAX_ULP)
@WAYS
def test_shares_beside_the_least_normal_number_are_as_exact(softmax: Any, dtype: str) -> None:
    least = np.log(np.finfo(dtype).tiny)
    z = (least + np.random.default_rng(0).uniform(-3, 1, (N_ROWS, 100))).astype(dtype)
    z[:, 0] = 0
    terms = np.exp(z.astype(EXACT))
    exact = terms / terms.sum(axis=1, keepdims=True)
    assert ulp_errors(softmax(z), exact).max() <= MAX_ULP[dtype]


@pytest.mark.parametrize("dtype", MAX_ULP)
@WAYS
def test_shifted_logits_have_the_same_softmax(softmax: Any, dtype: str) -> None:
    z = np.random.default_rng(0).integers(-20, 20, (N_ROWS, 7)).astype(dtype)
    np.testing.assert_array_equal(softmax(z + 1024), softmax(z))


@pytest.mark.parametrize("dtype", MAX_ULP)
@WAYS
def test_minus_infinity_has_no_share_and_nan_spoils_its_row_only(softmax: Any, dtype: str) -> None:
    z = np.zeros((N_ROWS, 5), dtype)
    z[0, 2], z[1, 4], z[2, 3] = -np.inf, np.nan, np.inf
    h = softmax(z)
    np.testing.assert_array_equal(h[0], np.array([0.25, 0.25, 0, 0.25, 0.25], dtype))
    assert np.isnan(h[1]).all()
    assert np.isnan(h[2, 3])
    np.testing.assert_array_equal(h[3:], np.full((N_ROWS - 3, 5), 0.2, dtype))
