"""Moments of blocks are those of all rows at once, wherever the blocks begin and however large the numbers are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from test_preprocessing import EPS, exact_moments

from trainer.moments import ByteMoments, Moments


def moments_of(blocks: list[np.ndarray]) -> Moments:
    moments = Moments(blocks[0][0])
    for block in blocks:
        moments.add(block)
    return moments


@given(
    offset=st.sampled_from([0.0, -1e6, 1e12]),
    X=hnp.arrays(np.float64, st.tuples(st.integers(1, 60), st.just(2)), elements=st.integers(-1000, 1000)),
    cuts=st.lists(st.integers(0, 60), max_size=8),
)
def test_blocks_give_the_moments_of_exact_arithmetic(offset: float, X: np.ndarray, cuts: list[int]) -> None:
    X = X + offset
    original = X.copy()
    blocks = [block for block in np.split(X, sorted(min(cut, len(X)) for cut in cuts)) if len(block)]
    moments = moments_of(blocks)
    np.testing.assert_array_equal(X, original)
    for j in range(2):
        mean, deviation = exact_moments(X[:, j])
        # As for one block, and a few roundings of numbers no larger than the spread for each merge.
        slack = 8 * len(X) * EPS * float(np.ptp(X[:, j]))
        assert abs(float(mean) - moments.mean()[j]) <= EPS * abs(float(mean)) + slack
        assert moments.deviation()[j] == pytest.approx(deviation, rel=1e-9, abs=slack)
        assert (moments.deviation()[j] == 0) == (np.ptp(X[:, j]) == 0)


@given(
    X=hnp.arrays(np.float64, st.tuples(st.integers(1, 60), st.just(3)), elements=st.integers(-128, 255)),
    cuts=st.lists(st.integers(0, 60), max_size=4),
)
def test_blocks_of_bytes_give_the_moments_of_exact_arithmetic(X: np.ndarray, cuts: list[int]) -> None:
    moments = ByteMoments(3)
    for block in np.split(X, sorted(min(cut, len(X)) for cut in cuts)):
        moments.add(block)
    for j in range(3):
        mean, deviation = exact_moments(X[:, j])
        assert moments.mean()[j] == pytest.approx(float(mean), rel=EPS)
        assert moments.deviation()[j] == pytest.approx(deviation, rel=2 * EPS)
        assert (moments.deviation()[j] == 0) == (np.ptp(X[:, j]) == 0)


@pytest.mark.parametrize("value", [-128, 255])
@pytest.mark.parametrize("n", [2, 259, 2**17])
def test_one_byte_that_differs_by_one_is_not_lost_among_many(value: int, n: int) -> None:
    X = np.full((n, 1), float(value))
    X[-1] -= np.sign(value)
    moments = ByteMoments(1)
    for block in np.array_split(X, 2):
        moments.add(block)
    mean, deviation = exact_moments(X[:, 0])
    assert moments.mean()[0] == pytest.approx(float(mean), rel=EPS)
    assert moments.deviation()[0] == pytest.approx(deviation, rel=2 * EPS)


@pytest.mark.parametrize("size", [1e-305, 1e-160, 1.0, 1e160, 8e307])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 0, 3, 1), (3, 2, 1, 0)])
def test_numbers_of_any_size_may_come_in_any_order(size: float, order: tuple[int, ...]) -> None:
    blocks = [np.array([[value]]) for value in (0.0, 0.0, -size, size)]
    moments = moments_of([blocks[i] for i in order])
    assert moments.mean()[0] == pytest.approx(0.0, abs=4 * EPS * size)
    assert moments.deviation()[0] == pytest.approx(size / np.sqrt(2), rel=8 * EPS)


def test_a_column_that_is_constant_in_each_block_only_is_not_constant() -> None:
    moments = moments_of([np.full((5, 2), [1.0, 7.0]), np.full((5, 2), [3.0, 7.0])])
    np.testing.assert_array_equal(moments.mean(), [2.0, 7.0])
    np.testing.assert_array_equal(moments.deviation(), [1.0, 0.0])
