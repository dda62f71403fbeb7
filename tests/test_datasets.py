"""Points drawn on the spot lie where the formulas say, the same for the same seed; noise does what it is said to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from refusals import message_of
from sklearn.datasets import make_moons

from trainer import datasets
from trainer.checks import MAX_LEGACY_SEED
from trainer.errors import InputError

Draw = Callable[..., tuple[np.ndarray, np.ndarray]]
CLASSES: dict[str, Draw] = {name: getattr(datasets, name) for name in ("circles", "moons", "gaussians", "spiral")}
NUMBERS: dict[str, Draw] = {name: getattr(datasets, name) for name in ("plane", "gaussian")}
DRAWN = {"xor": datasets.xor, **CLASSES, **NUMBERS}
# Their points stay where they are, and only what is learned of them becomes noisy.
NOISE_IN_TARGETS = ("xor", "circles", "plane", "gaussian")


@pytest.mark.parametrize("name", DRAWN)
def test_shapes_and_types(name: str) -> None:
    for n in (1, 2, 7, 300):
        X, y = DRAWN[name](n)
        assert (X.shape, X.dtype, len(y)) == ((n, 2), np.float64, n)
        assert np.isfinite(X).all()
        assert y.dtype == (np.int64 if name in CLASSES else np.float64)


@pytest.mark.parametrize("name", DRAWN)
def test_a_seed_says_everything(name: str) -> None:
    first, again, other = (DRAWN[name](100, seed, noise=0.3) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0]) or name in ("moons", "spiral")
    assert not np.array_equal(first[1], other[1])


@pytest.mark.parametrize("name", DRAWN)
def test_noise_changes_points_or_what_is_learned_of_them(name: str) -> None:
    (X, y), (noisy_X, noisy_y) = DRAWN[name](500), DRAWN[name](500, noise=0.5)
    moves_targets = name in NOISE_IN_TARGETS
    assert np.array_equal(X, noisy_X) == moves_targets
    assert np.array_equal(y, noisy_y) != moves_targets


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("n", [2, 7, 300])
def test_classes_have_equal_shares_in_mixed_order(name: str, n: int) -> None:
    y = CLASSES[name](n, 3)[1]
    assert sorted(np.bincount(y, minlength=2).tolist()) == [n // 2, n - n // 2]
    # 300 sorted rows would have one change of class; of shuffled ones about half of the rows have.
    assert n < 300 or np.count_nonzero(np.diff(y)) > 100


def test_without_noise_xor_is_the_articles() -> None:
    X, Y = datasets.xor(300, 5)
    np.testing.assert_array_equal(X, np.random.RandomState(5).randn(300, 2))
    np.testing.assert_array_equal(Y.argmax(axis=1), X[:, 0] * X[:, 1] <= 0)


def test_circles_are_a_disc_and_a_ring() -> None:
    X, y = datasets.circles(2000, 1)
    radius = np.hypot(*X.T)
    assert (radius[y == 1] < 2.5).all()
    assert ((radius[y == 0] >= 3.5) & (radius[y == 0] < 5)).all()
    # Radii are uniform, areas are not: means 1.25 and 4.25 within 5 standard errors of about 0.023 and 0.014.
    assert radius[y == 1].mean() == pytest.approx(1.25, abs=0.12)
    assert radius[y == 0].mean() == pytest.approx(4.25, abs=0.07)
    assert np.abs(X.mean(axis=0)).max() < 0.4


def test_noise_of_circles_labels_points_as_if_they_were_elsewhere() -> None:
    X, y = datasets.circles(2000, 1, noise=0.2)
    radius = np.hypot(*X.T)
    # A point moves by less than 1 in each coordinate.
    assert (radius[y == 1] < 2.5 + np.sqrt(2)).all()
    assert (radius[y == 0] > 2.5 - np.sqrt(2)).all()
    assert (radius[y == 0] < 2.5).any()


def test_moons_are_scikit_learns() -> None:
    for n in (7, 300):
        (X, y), (their_X, their_y) = datasets.moons(n), make_moons(n, shuffle=False)
        order = np.lexsort((*X.T, y))
        their_order = np.lexsort((*their_X.T, their_y))
        np.testing.assert_array_equal(y[order], their_y[their_order])
        # Half circles have two points at each height, so that rounding may exchange neighbours in the order: sets.
        gaps = np.abs(X[order][:, np.newaxis] - their_X[their_order]).max(axis=2)
        assert gaps.min(axis=0).max() < 1e-15
        assert gaps.min(axis=1).max() < 1e-15


def test_noise_of_moons_is_the_deviation_of_a_coordinate() -> None:
    added = datasets.moons(4000, 1, noise=0.2)[0] - datasets.moons(4000, 1)[0]
    assert added.std() == pytest.approx(0.2, rel=0.04)
    assert np.abs(added.mean(axis=0)).max() < 0.02


@pytest.mark.parametrize(("noise", "variance"), [(0.0, 0.5), (0.5, 4.0)])
def test_gaussians_have_playgrounds_centres_and_variances(noise: float, variance: float) -> None:
    X, y = datasets.gaussians(4000, 1, noise=noise)
    for label, centre in ((1, 2.0), (0, -2.0)):
        points = X[y == label]
        np.testing.assert_allclose(points.mean(axis=0), centre, atol=5 * np.sqrt(variance / 2000))
        np.testing.assert_allclose(points.var(axis=0), variance, rtol=0.2)


@pytest.mark.parametrize("n", [7, 300])
def test_the_arms_of_the_spiral_turn_by_three_and_a_half_pi(n: int) -> None:
    X, y = datasets.spiral(n)
    radius = np.hypot(*X.T)
    share = radius / 5
    angle = 3.5 * np.pi * share + np.where(y == 1, 0.0, np.pi)
    np.testing.assert_allclose(X, radius[:, np.newaxis] * np.stack([np.sin(angle), np.cos(angle)], axis=1), atol=1e-12)
    # Each arm has a point for each i = 0, 1, ... with the share 2 i / n.
    for arm, count in ((1, (n + 1) // 2), (0, n // 2)):
        np.testing.assert_allclose(np.sort(share[y == arm]), np.arange(count) / (n / 2), atol=1e-15)


def test_noise_of_the_spiral_moves_points_by_at_most_itself() -> None:
    moved = datasets.spiral(1000, 1, noise=0.3)[0] - datasets.spiral(1000, 1)[0]
    assert 0.28 < np.abs(moved).max() <= 0.3
    assert moved.std() == pytest.approx(0.3 / np.sqrt(3), rel=0.05)


@pytest.mark.parametrize("name", NUMBERS)
def test_regressions_fill_a_square(name: str) -> None:
    X = NUMBERS[name](2000)[0]
    assert (np.abs(X) <= 6).all()
    np.testing.assert_allclose(X.std(axis=0), 6 / np.sqrt(3), rtol=0.05)


def test_the_plane_is_a_tenth_of_the_sum() -> None:
    X, y = datasets.plane(1000, 1)
    np.testing.assert_allclose(y, X.sum(axis=1) / 10, atol=1e-15)
    moved = datasets.plane(1000, 1, noise=0.5)[1] - y
    assert 0.5 < np.abs(moved).max() <= 0.6  # each coordinate moves by at most 3


def test_gaussian_has_three_bumps_and_three_hollows() -> None:
    X, y = datasets.gaussian(5000, 1)
    centres = np.array([(-4, 2.5), (0, 2.5), (4, 2.5), (-4, -2.5), (0, -2.5), (4, -2.5)])
    signs = np.array([1, -1, 1, -1, 1, -1])
    distance = np.hypot(*(X[:, np.newaxis] - centres).transpose(2, 0, 1))
    nearest = distance.argmin(axis=1)
    # As Playground has it: of the labels of all centres, the one that is largest in magnitude.
    expected = signs[nearest] * np.clip(1 - distance.min(axis=1) / 2, 0, 1)
    np.testing.assert_allclose(y, expected, atol=1e-15)
    assert y.max() > 0.9
    assert y.min() < -0.9
    assert (y == 0).any()


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n": 0}, "n: 0 given, an integer of at least 1 accepted"),
        ({"random_state": -1}, "random_state: -1 given, an integer of at least 0 accepted"),
        ({"noise": -0.1}, "noise: -0.1 given, a finite number of at least 0 accepted"),
        ({"noise": 1.5}, "noise: 1.5 given, a number of at least 0 and at most 1 accepted"),
        ({"noise": float("nan")}, "noise: nan given, a finite number of at least 0 accepted"),
    ],
)
def test_arguments_out_of_range_are_named(name: str, given: dict[str, Any], message: str) -> None:
    assert message_of(InputError, DRAWN[name], **given) == message


@pytest.mark.parametrize("name", DRAWN)
def test_arguments_of_another_kind_are_named(name: str) -> None:
    assert message_of(TypeError, DRAWN[name], 2.5).startswith("n: 2.5 given")
    assert message_of(TypeError, DRAWN[name], 2, None).startswith("random_state: None given")
    assert message_of(TypeError, DRAWN[name], 2, noise="loud").startswith("noise: 'loud' given")


def test_seeds_of_numpys_legacy_generator_end_where_it_ends() -> None:
    assert "random_state" in message_of(InputError, datasets.xor, 2, MAX_LEGACY_SEED + 1)
    datasets.circles(2, MAX_LEGACY_SEED + 1)
