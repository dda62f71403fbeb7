"""Features are scaled, classes coded and rows divided as a network needs them."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from trainer.errors import InputError
from trainer.moments import Moments
from trainer.preprocessing import Standardizer, one_hot, split, standardizer_of

EPS = np.finfo(np.float64).eps
LABELS = st.lists(st.integers(0, 5), min_size=2, max_size=80).map(np.array)
SHARES = st.floats(0.01, 0.99)


def exact_moments(column: np.ndarray) -> tuple[Fraction, float]:
    """Return mean and standard deviation from exact rational sums."""
    values = [Fraction(float(value)) for value in column]
    mean = sum(values, Fraction()) / len(values)
    variance = sum(((value - mean) ** 2 for value in values), Fraction()) / len(values)
    return mean, math.sqrt(variance)


# ---- standardizer


def fitted_to(X: np.ndarray) -> Standardizer:
    """Return the standardizer of rows, measured in one block."""
    moments = Moments(X[0])
    moments.add(X)
    return standardizer_of(moments)


@given(
    offset=st.sampled_from([0.0, 1.0, -1e6, 1e9, 1e12]),
    X=hnp.arrays(np.float64, st.tuples(st.integers(2, 40), st.just(1)), elements=st.integers(-1000, 1000)),
)
def test_moments_are_those_of_exact_arithmetic_under_any_offset(offset: float, X: np.ndarray) -> None:
    X = X + offset  # whole numbers below 2**53, so this is exact
    assume(np.ptp(X) > 0)
    fitted = fitted_to(X)
    mean, deviation = exact_moments(X[:, 0])
    n = len(X)
    # Differences of whole numbers are exact; n additions and a division then round, each by eps/2 relative to
    # sums of at most n * spread, in no more than four sums; the mean itself is rounded once.
    spread = float(np.ptp(X))
    assert abs(Fraction(float(fitted.mean[0])) - mean) <= EPS * abs(mean) + 4 * n * EPS * spread
    assert fitted.scale[0] == pytest.approx(deviation, rel=4 * n * EPS)


@given(X=hnp.arrays(np.float64, (7, 3), elements=st.integers(-50, 50)))
def test_training_features_get_mean_zero_and_deviation_one(X: np.ndarray) -> None:
    original = X.copy()
    Z = fitted_to(X).transform(X)
    np.testing.assert_array_equal(X, original)
    varies = np.ptp(X, axis=0) > 0
    # |z| <= sqrt(n - 1) < 3 for n = 7; x - mean loses at most eps * 50 against a deviation of at least 1/3.
    bound = 3 * 50 * EPS * len(X)
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=bound)
    np.testing.assert_allclose(Z.std(axis=0)[varies], 1, atol=bound)
    assert (Z[:, ~varies] == 0).all()


@pytest.mark.parametrize("value", [0.0, 0.1, -1e300, 5e-324, 1.7e308])
def test_constant_features_become_exactly_zero_with_scale_one(value: float) -> None:
    X = np.full((1000, 2), value)
    fitted = fitted_to(X)
    assert fitted.scale.tolist() == [1.0, 1.0]
    assert (fitted.transform(X) == 0).all()


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1.0, 1e160, 8e307])
def test_extreme_magnitudes_neither_overflow_nor_vanish(size: float) -> None:
    X = np.array([[-size], [size]])
    fitted = fitted_to(X)
    assert fitted.mean[0] == 0
    assert fitted.scale[0] == size
    np.testing.assert_array_equal(fitted.transform(X), [[-1.0], [1.0]])


def test_transform_uses_the_moments_of_the_training_rows() -> None:
    fitted = fitted_to(np.array([[0.0, 10.0], [2.0, 30.0]]))
    np.testing.assert_array_equal(fitted.transform(np.array([[3, 10]], dtype=np.float32)), [[2.0, -1.0]])


def test_standardizer_refuses_what_it_cannot_use() -> None:
    fitted = fitted_to(np.eye(2))
    with pytest.raises(InputError, match="X: has 3 columns; 2 are accepted"):
        fitted.transform(np.eye(3))
    with pytest.raises(InputError, match=r"^X: has shape \(3,\); a matrix"):
        fitted.transform(np.ones(3))


# ---- one-hot


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_hot_sets_one_entry_in_each_row(dtype: type) -> None:
    Y = one_hot(np.array([2, 0, 2]), 4, dtype)
    np.testing.assert_array_equal(Y, [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 1, 0]])
    assert Y.dtype == dtype
    assert Y.flags.c_contiguous


@given(y=LABELS)
def test_one_hot_is_undone_by_argmax(y: np.ndarray) -> None:
    Y = one_hot(y, 6, np.float32)
    np.testing.assert_array_equal(Y.argmax(axis=1), y)
    np.testing.assert_array_equal(Y.sum(axis=1), 1)


def test_one_hot_refuses_what_is_no_class_index() -> None:
    with pytest.raises(InputError, match="y: row 2 holds 3; accepted are 0 to 2"):
        one_hot(np.array([0, 3]), 3, np.float32)
    with pytest.raises(InputError, match="y: row 1 holds -1"):
        one_hot(np.array([-1, 0]), 3, np.float32)
    with pytest.raises(InputError, match="y: has shape"):
        one_hot(np.array([0.0, 1.0]), 3, np.float32)


# ---- split


@given(y=LABELS, fraction=SHARES, seed=st.integers(0, 2**32), stratify=st.booleans())
def test_rows_are_divided_completely_and_in_the_right_number(
    y: np.ndarray, fraction: float, seed: int, stratify: bool
) -> None:
    try:
        train, validation = split(y, fraction, seed=seed, stratify=stratify)
    except InputError:
        counts = np.bincount(y)
        most = len(y) - (int((counts > 1).sum()) if stratify else 1)
        assert not 1 <= round(len(y) * fraction) <= most or round(len(y) * fraction) == len(y)
        return
    assert len(validation) == round(len(y) * fraction)
    assert train.dtype == validation.dtype == np.int64
    for rows in (train, validation):
        assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(np.sort(np.concatenate([train, validation])), np.arange(len(y)))
    if stratify:
        several = np.flatnonzero(np.bincount(y) > 1)
        assert set(several) <= set(y[train])


@given(counts=st.lists(st.integers(6, 60), min_size=1, max_size=6), fraction=st.floats(0.1, 0.5))
def test_each_class_gives_its_share_to_less_than_one_row(counts: list[int], fraction: float) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    _, validation = split(y, fraction, seed=0, stratify=True)
    taken = np.bincount(y[validation], minlength=len(counts))
    exact = np.array(counts) * round(len(y) * fraction) / len(y)
    # The largest remainder rounds each quota down or up; the slack is the rounding of `exact` itself.
    assert (np.abs(taken - exact) < 1 + 60 * EPS).all()


def test_the_largest_remainders_are_rounded_up() -> None:
    y = np.repeat([0, 1, 2], [11, 12, 17])  # a share of 0.25 of 40 rows: quotas 2.75, 3.0, 4.25
    _, validation = split(y, 0.25, seed=3, stratify=True)
    assert np.bincount(y[validation]).tolist() == [3, 3, 4]


def test_a_class_of_one_row_is_trained_on_while_others_can_validate() -> None:
    y = np.array([0] * 16 + [1, 2, 3, 4])
    train, _ = split(y, 0.5, seed=0, stratify=True)
    assert set(y[train]) == {0, 1, 2, 3, 4}
    train, validation = split(np.array([0, 0, 1, 2]), 0.5, seed=0, stratify=True)
    assert 0 in np.array([0, 0, 1, 2])[train]
    assert len(validation) == 2


def test_a_share_that_empties_a_class_is_refused() -> None:
    with pytest.raises(InputError, match=r"validation: 0\.75 of 4 rows leaves too few"):
        split(np.array([0, 0, 1, 1]), 0.75, seed=0, stratify=True)
    assert len(split(np.array([0, 0, 1, 1]), 0.75, seed=0, stratify=False)[1]) == 3


def test_the_seed_alone_decides() -> None:
    y = np.arange(200) % 3
    for stratify in (False, True):
        first = split(y, 0.3, seed=5, stratify=stratify)
        again = split(y, 0.3, seed=5, stratify=stratify)
        other = split(y, 0.3, seed=6, stratify=stratify)
        np.testing.assert_array_equal(first[1], again[1])
        assert first[1].tolist() != other[1].tolist()


def test_every_row_may_validate() -> None:
    y = np.arange(20) % 2
    for stratify in (False, True):
        seen = {int(row) for seed in range(60) for row in split(y, 0.3, seed=seed, stratify=stratify)[1]}
        assert seen == set(range(20))  # by chance one is missed in 20 * 0.7**60 < 1e-7 of all cases


def test_real_targets_can_be_divided() -> None:
    train, validation = split(np.linspace(0, 1, 10), 0.2, seed=0, stratify=False)
    assert (len(train), len(validation)) == (8, 2)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 2, 5.0, math.nan, math.inf])
def test_a_share_outside_zero_to_one_is_refused(fraction: float) -> None:
    with pytest.raises(InputError, match=r"^validation: .* is no share; a number between 0 and 1 is accepted$"):
        split(np.zeros(10, dtype=int), fraction, seed=0, stratify=False)


@pytest.mark.parametrize("stratify", [False, True])
def test_both_parts_need_a_row(stratify: bool) -> None:
    with pytest.raises(InputError, match=r"validation: 0\.01 of 10 rows leaves no validation rows"):
        split(np.zeros(10, dtype=int), 0.01, seed=0, stratify=stratify)
    with pytest.raises(InputError, match=r"validation: 0\.99 of 10 rows leaves no training rows"):
        split(np.zeros(10, dtype=int), 0.99, seed=0, stratify=stratify)
    with pytest.raises(InputError, match="seed: -1 is negative"):
        split(np.zeros(10, dtype=int), 0.5, seed=-1, stratify=stratify)
