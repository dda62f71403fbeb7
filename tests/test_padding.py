"""Widths whose rows are laid apart while they are trained: the same step as NumPy's, whichever way it is computed."""

from __future__ import annotations

import numpy as np
import pytest
from arithmetic import assert_within
from networks import random_network, random_samples
from test_backends import RATE, exact_step

from kernels.lane_blocks import suits_lanes
from trainer.architecture import DTYPES
from trainer.terms import objective

N_ROWS = 21
# Rows of 4 KiB in one of the types, and in both; few outputs suit samples in lanes.
SIZES = [[9, 512, 1], [9, 1024, 2], [9, 1024, 20], [1024, 3], [3, 512, 2, 512, 1]]


def test_both_ways_are_taken() -> None:
    networks = [random_network(np.random.default_rng(0), sizes, dtype="float64")._network for sizes in SIZES]
    assert {suits_lanes(network, N_ROWS, 8) for network in networks} == {False, True}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("terms", [{}, {"l2": 0.5}], ids=["in place", "penalty"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_a_step_is_exact_up_to_rounding(sizes: list[int], terms: dict[str, float], dtype: str) -> None:
    generator = np.random.default_rng(3)
    model = random_network(generator, sizes, dtype=dtype, activation="tanh")
    X, Y = random_samples(generator, model, N_ROWS)
    for step in range(3):
        expected = exact_step(model, X, Y, objective(**terms))
        model.start_run(X, Y, terms=objective(**terms), record_every=10).advance(np.array([RATE]))
        assert_within(model.parameters, *expected.parameters, f"step {step}")
