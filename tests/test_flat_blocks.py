"""What runs over a flat block of parameters takes all of it, and nothing around it, however long the block is."""

from __future__ import annotations

import numpy as np
import pytest
from arithmetic import EXACT, assert_within, dot_bound, gamma, least_number, sum_bound
from compiled_kernels import call_add_penalty_gradient, call_sums, call_update
from memory import Surrounded
from product_cases import random_matrix, vector_length

from kernels.flat_blocks import SUMS
from kernels.optimizers import RULES

pytestmark = pytest.mark.vector_length

DTYPES = ("float32", "float64")


def sizes(dtype: str) -> range:
    """Return numbers of elements from none to more than two rounds of all sums."""
    return range((2 * SUMS + 1) * vector_length(dtype) + 2)


def random_vector(n: int, dtype: str, seed: int) -> np.ndarray:
    return random_matrix(np.random.default_rng((seed, n)), (1, n), dtype)[0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_are_those_of_all_elements(dtype: str) -> None:
    for n in sizes(dtype):
        values = Surrounded(random_vector(n, dtype, 0), dtype, around=np.nan)
        exact = values.array.astype(EXACT)
        squares, magnitudes = call_sums(values.array)
        assert_within(squares, np.sum(exact**2), dot_bound(n, np.sum(exact**2), dtype), f"squares of {n}")
        assert_within(magnitudes, np.sum(np.abs(exact)), sum_bound(n, np.sum(np.abs(exact)), dtype), f"sum of {n}")
        values.assert_unchanged()


@pytest.mark.parametrize("dtype", DTYPES)
def test_penalties_are_added_to_every_gradient(dtype: str) -> None:
    l2, l1, constant, factor = 0.5, 0.25, 0.125, 2.0  # exact in either type
    for n in sizes(dtype):
        weight = Surrounded(random_vector(n, dtype, 1), dtype, around=np.nan)
        weight.array[n // 2 :: 7] = 0.0
        d_weight = Surrounded(random_vector(n, dtype, 2), dtype)
        w, before = weight.array.astype(EXACT), d_weight.array.astype(EXACT)
        call_add_penalty_gradient(weight.array, d_weight.array, l2, l1, constant, factor)
        expected = factor * (before + l2 * w + l1 * np.sign(w) + constant)
        size = factor * (np.abs(before) + l2 * np.abs(w) + l1 + constant)
        assert_within(d_weight.array, expected, gamma(3, dtype) * size + least_number(dtype), f"{n} gradients")
        d_weight.assert_margins_unchanged()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", RULES)
def test_an_update_takes_the_step_of_a_single_element_with_every_element(rule: str, dtype: str) -> None:
    constants = 0.1, 0.8, 0.9, 1e-3
    for n in sizes(dtype):
        arrays = [random_vector(n, dtype, seed) for seed in range(4)]
        arrays[3] = np.abs(arrays[3])
        whole = [Surrounded(values, dtype) for values in arrays]
        call_update(RULES[rule], *(block.array for block in whole), *constants)
        for i in range(n):
            alone = [values[i : i + 1].copy() for values in arrays]
            call_update(RULES[rule], *alone, *constants)
            for block, one in zip(whole, alone, strict=True):
                assert block.array[i] == one[0], f"{rule}, element {i} of {n}"
        for block in whole:
            block.assert_margins_unchanged()
