"""The kernels of blocks of samples, called as compiled code calls them, against their contract.

As in `test_kernel_contract`, `guarded_memory` calls the same cases where a stray access kills the process.
"""

from __future__ import annotations

import numpy as np
import pytest
from compiled_kernels import BACKWARD, FORWARD, GRADIENTS, MORE
from lane_cases import check_backward, check_forward, check_gradient, check_load_blocks, check_store_rows, in_blocks
from placement import AmongCanaries
from product_cases import vector_length

from kernels.lane_kernels import BLOCK_VECTORS, COLUMNS, GRADIENT_SUMS, ROWS

pytestmark = pytest.mark.vector_length

DTYPES = ("float32", "float64")
DEPTHS = (*range(13), 33, 257)
# Whole blocks, parts of one, and what lies behind whole ones.
N_VECTORS = (0, 1, BLOCK_VECTORS - 1, BLOCK_VECTORS, BLOCK_VECTORS + 1, 3 * BLOCK_VECTORS - 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ["identity", "relu"])
@pytest.mark.parametrize("name", FORWARD)
def test_forward_writes_a_layer_of_a_block(name: str, activation: str, dtype: str) -> None:
    for n_in in DEPTHS:
        for n_out in range(1, 2 * ROWS + 2):
            check_forward(AmongCanaries(), name, dtype, n_in, n_out, activation)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ["identity", "sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("name", BACKWARD)
def test_backward_writes_a_layer_of_a_block(name: str, activation: str, dtype: str) -> None:
    for n_out in DEPTHS:
        for n_in in range(1, 2 * ROWS + 2):
            check_backward(AmongCanaries(), name, dtype, n_in, n_out, activation)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("start", ["zero", "previous"])
@pytest.mark.parametrize("n_columns", GRADIENTS)
def test_gradients_are_sums_over_all_blocks(n_columns: int, start: str, dtype: str) -> None:
    VL, tile = vector_length(dtype), GRADIENT_SUMS
    widths = {1, 5, 12, VL, COLUMNS - 1, COLUMNS, COLUMNS + 1, 2 * COLUMNS + 1}
    outputs = [n_columns] if n_columns < MORE else sorted(widths)
    for n_out in outputs:
        for n_in in (*range(13), tile, tile + 1):
            for n_vectors in N_VECTORS:
                check_gradient(AmongCanaries(), n_columns, dtype, n_in, n_out, n_vectors, start)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ordered", [False, True])
def test_rows_are_loaded_into_blocks(ordered: bool, dtype: str) -> None:
    VL = vector_length(dtype)
    for n in (1, VL - 1, VL, VL + 1, BLOCK_VECTORS * VL, BLOCK_VECTORS * VL + 2 * VL + 1):
        for width in {*range(1, 13), VL - 1, VL, VL + 1, 2 * VL, 3 * VL - 1}:
            for ones in (False, True):
                check_load_blocks(AmongCanaries(), n, width, dtype, ordered=ordered, ones=ones)


@pytest.mark.parametrize("dtype", DTYPES)
def test_samples_of_a_block_are_stored_in_rows(dtype: str) -> None:
    VL = vector_length(dtype)
    for n in range(1, BLOCK_VECTORS * VL + 1):
        for width in {*range(1, 13), VL, VL + 1, 2 * VL, 3 * VL - 1}:
            check_store_rows(AmongCanaries(), n, width, dtype)


def test_blocks_are_laid_out_as_the_kernels_read_them() -> None:
    VL = vector_length(np.float32)
    samples = np.arange(2.0 * (BLOCK_VECTORS + 1) * VL, dtype=np.float32).reshape(2, -1)
    first, second = np.split(in_blocks(samples, 3, 2), [3 * BLOCK_VECTORS * VL])
    rows = first.reshape(3, BLOCK_VECTORS * VL)
    np.testing.assert_array_equal(rows[:2], samples[:, : BLOCK_VECTORS * VL])
    np.testing.assert_array_equal(second[:VL], samples[0, BLOCK_VECTORS * VL :])
    np.testing.assert_array_equal(second[-VL:], samples[1, BLOCK_VECTORS * VL :])
    assert np.isnan(rows[2]).all()
