"""The grid lies over the data, and its colours and leads say what its probabilities say."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.boundary import (
    UNDEFINED_GREY,
    Grid,
    class_colours,
    class_leads,
    evaluate_grid,
    paint_winners,
    region_shades,
    two_class_anchors,
)
from trainer.errors import InputError

X = np.random.RandomState(0).randn(120, 2)


def two_probability(points: np.ndarray) -> np.ndarray:
    second = 1 / (1 + np.exp(3 * points[:, 0] * points[:, 1]))
    return np.stack([1 - second, second], axis=1)


def three_probability(points: np.ndarray) -> np.ndarray:
    logits = points @ np.array([[2.0, -1.0, -1.0], [0.0, 2.0, -2.0]])
    exponential = np.exp(logits)
    return exponential / exponential.sum(axis=1, keepdims=True)


def test_grid_covers_the_data_and_is_laid_out_by_rows_of_y() -> None:
    grid = evaluate_grid(three_probability, X, n=30)
    assert grid.probability.shape == (30, 30, 3)
    assert grid.x[0] < X[:, 0].min() < X[:, 0].max() < grid.x[-1]
    assert grid.y[0] < X[:, 1].min() < X[:, 1].max() < grid.y[-1]
    expected = three_probability(np.array([[grid.x[7], grid.y[21]]]))[0]
    np.testing.assert_array_equal(grid.probability[21, 7], expected)
    two = evaluate_grid(two_probability, X, n=30)
    assert two.probability[21, 7] == two_probability(np.array([[two.x[7], two.y[21]]]))[0, 1]
    constant = evaluate_grid(two_probability, np.ones((5, 2)), n=3)
    assert constant.x[0] < 1 < constant.x[-1]


def test_winner_gives_the_colour_and_its_lead_the_boundary() -> None:
    probability = np.array([[[1.0, 0.0, 0.0], [0.0, 0.4, 0.6]], [[1 / 3] * 3, [np.nan] * 3]])
    grid = Grid(np.arange(2.0), np.arange(2.0), probability)
    painted = paint_winners(grid)
    sure, leaning = 1 - painted[0, 0], 1 - painted[0, 1]
    ink = 1 - class_colours(3)
    np.testing.assert_allclose(sure / sure.max(), ink[0] / ink[0].max())
    np.testing.assert_allclose(leaning / leaning.max(), ink[2] / ink[2].max())
    # Strength grows from 0 at 1/3 to its full value at 1: at 0.6 it is (0.6 * 3 - 1) / 2 of it.
    np.testing.assert_allclose(leaning.max() / ink[2].max(), 0.4 * sure.max() / ink[0].max())
    np.testing.assert_allclose(painted[1, 0], 1.0)
    np.testing.assert_array_equal(painted[1, 1], UNDEFINED_GREY)
    leads = class_leads(grid)
    np.testing.assert_allclose([lead[0, 1] for lead in leads], [-0.6, -0.2, 0.2])


def test_unusable_inputs_to_the_grid_are_refused() -> None:
    with pytest.raises(InputError, match=r"\(120, 3\)"):
        evaluate_grid(two_probability, np.ones((120, 3)))
    with pytest.raises(InputError, match="in row 1"):
        evaluate_grid(two_probability, np.array([[0.0, 1.0], [np.nan, 1.0]]))
    with pytest.raises(InputError, match="sums to 2"):
        evaluate_grid(lambda points: np.ones((len(points), 2)), X)
    with pytest.raises(InputError, match="n_classes"):
        evaluate_grid(lambda points: np.ones(len(points)), X)
    with pytest.raises(InputError, match="n = 1"):
        evaluate_grid(two_probability, X, n=1)


def test_region_shades_hold_every_painted_colour() -> None:
    weights = np.random.default_rng(0).dirichlet((1.0, 1.0, 1.0), 400).reshape(20, 20, 3)
    painted = paint_winners(Grid(np.arange(20.0), np.arange(20.0), weights)).reshape(-1, 1, 3)
    shades = region_shades(3, 96)
    assert shades.shape == (96, 3)
    # 32 shades of each class lie 1/31 of the strongest ink, which is below 1, apart.
    assert np.abs(painted - shades).max(axis=2).min(axis=1).max() <= 0.5 / 31
    two = region_shades(2, 5)
    np.testing.assert_allclose(two[[0, 2, 4]], two_class_anchors())
