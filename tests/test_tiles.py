"""Tiles: each vector keeps its place, columns become rows, and lanes are added up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from arithmetic import gamma
from numba import njit

from kernels import simd, tiles
from kernels.blocking import VECTOR_BYTES

pytestmark = pytest.mark.vector_length

DTYPES = (np.float32, np.float64)


def length(dtype: Any) -> int:
    """Return how many elements a vector holds."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize


@njit(error_model="numpy")
def _tiles(x: Any, out: Any) -> None:
    p, target = simd.address(x, 0), simd.address(out, 0)
    VL = simd.lanes(p)
    block, other = tiles.tile(p, 3, 2), tiles.tile(p, 1, 2)
    block[1, 0] = simd.load(p, 0)
    block[2, 1] = simd.load(p, VL)
    other[0, 1] = block[2, 1] + block[1, 0]
    for i in range(3):
        for j in range(2):
            simd.store(target, (2 * i + j) * VL, block[i, j])
    for j in range(2):
        simd.store(target, (6 + j) * VL, other[0, j])


@njit(error_model="numpy")
def _transpose(x: Any, out: Any) -> None:
    p, target = simd.address(x, 0), simd.address(out, 0)
    VL = simd.lanes(p)
    block = tiles.square_tile(p)
    for i in range(VL):
        block[i, 0] = simd.load(p, i * VL)
    tiles.transpose_inplace(block)
    for i in range(VL):
        simd.store(target, i * VL, block[i, 0])


@njit(error_model="numpy")
def _lane_sums(x: Any, out: Any) -> None:
    p = simd.address(x, 0)
    VL = simd.lanes(p)
    block = tiles.tile(p, 4, 4)
    for i in range(4):
        for j in range(4):
            block[i, j] = simd.load(p, (4 * i + j) * VL)
    tiles.store_lane_sums(block, simd.address(out, 0))


@pytest.mark.parametrize("dtype", DTYPES)
def test_tiles_start_at_zero_and_keep_each_vector_in_its_place(dtype: Any) -> None:
    VL = length(dtype)
    x, out = np.arange(1.0, 2 * VL + 1, dtype=dtype), np.full((8, VL), np.nan, dtype)
    _tiles(x, out)
    first, second, zero = x[:VL], x[VL:], np.zeros(VL)
    np.testing.assert_array_equal(out, [zero, zero, first, zero, zero, second, zero, first + second])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_square_tile_is_transposed(dtype: Any) -> None:
    VL = length(dtype)
    x, out = np.arange(VL * VL, dtype=dtype).reshape(VL, VL), np.full((VL, VL), np.nan, dtype)
    _transpose(x, out)
    np.testing.assert_array_equal(out, x.T)


@pytest.mark.parametrize("dtype", DTYPES)
def test_each_vector_of_a_tile_has_its_own_sum(dtype: Any) -> None:
    VL = length(dtype)
    x, out = np.random.default_rng(0).standard_normal((16, VL)).astype(dtype), np.full(17, np.nan, dtype)
    _lane_sums(x, out)
    exact = x.astype(np.longdouble)
    bound = gamma(VL, dtype) * np.abs(exact).sum(axis=1)
    assert (np.abs(out[:16] - exact.sum(axis=1)) <= bound).all()
    assert np.isnan(out[16])
