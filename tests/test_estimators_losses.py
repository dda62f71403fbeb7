"""The regressor's further losses: their values, their gradients, and what they are for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from estimators_under_test import DTYPES, ROWS, assert_same_fit, bound, distance, ours, row_weights, table

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# Without hidden layers predictions are X w + b, so that gradients are easily written down; without a penalty.
LINEAR = {"hidden_layer_sizes": (), "alpha": 0.0, "solver": "sgd", "momentum": 0.0, "batch_size": ROWS}


def huber(error: np.ndarray, d: float) -> np.ndarray:
    return np.where(np.abs(error) <= d, error**2 / 2, d * (np.abs(error) - d / 2))


# Of each loss: its parameter, its value for errors y - h, and its derivative with respect to h.
LOSSES: dict[tuple[str, float | None], tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    ("squared_error", None): (lambda e: e**2 / 2, lambda e: -e),
    ("absolute", None): (np.abs, lambda e: -np.sign(e)),
    ("huber", None): (lambda e: huber(e, 1.0), lambda e: -np.clip(e, -1, 1)),
    ("huber", 0.3): (lambda e: huber(e, 0.3), lambda e: -np.clip(e, -0.3, 0.3)),
    ("quantile", None): (lambda e: np.maximum(0.5 * e, -0.5 * e), lambda e: np.where(e > 0, -0.5, 0.5)),
    ("quantile", 0.9): (lambda e: np.maximum(0.9 * e, -0.1 * e), lambda e: np.where(e > 0, -0.9, 0.1)),
}


@pytest.mark.parametrize("weight", [None, row_weights()], ids=["rows alike", "rows weighted"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("loss", "parameter"), LOSSES)
def test_a_step_follows_the_gradient_of_the_mean_loss(loss: str, parameter: Any, dtype: str, weight: Any) -> None:
    X, y = table("one output", dtype)
    value, slope = LOSSES[loss, parameter]
    given = LINEAR | {"loss": loss, "loss_parameter": parameter, "max_iter": 1}
    start, after = (
        ours("one output", **given, learning_rate_init=rate).fit(X, y, sample_weight=weight) for rate in (1e-300, 0.5)
    )
    error = y - start.predict(X)
    share = (np.ones(ROWS) if weight is None else weight) / (ROWS if weight is None else weight.sum())
    gradient = X.T @ (share * slope(error))
    # Sums of 120 terms below 10 in magnitude.
    allowed = {"rtol": 0, "atol": ROWS * 10 * float(np.finfo(dtype).eps)}
    np.testing.assert_allclose(start.loss_, (share * value(error)).sum(), **allowed)
    np.testing.assert_allclose(after.coefs_[0].ravel(), start.coefs_[0].ravel() - 0.5 * gradient, **allowed)
    np.testing.assert_allclose(
        after.intercepts_[0], start.intercepts_[0] - 0.5 * (share * slope(error)).sum(), **allowed
    )


def test_huber_with_a_wide_middle_is_the_squared_error() -> None:
    X, y = table("one output")
    wide, squared = ours("one output", loss="huber", loss_parameter=1e6).fit(X, y), ours("one output").fit(X, y)
    assert_same_fit(wide, squared, X, bound("float64"))


def test_half_of_a_quantile_is_half_of_the_absolute_error() -> None:
    X, y = table("one output")
    halves = ours("one output", **LINEAR, loss="quantile", loss_parameter=0.5, learning_rate_init=0.02).fit(X, y)
    whole = ours("one output", **LINEAR, loss="absolute", learning_rate_init=0.01).fit(X, y)
    assert distance(halves, whole) <= bound("float64")
    assert halves.loss_ == pytest.approx(whole.loss_ / 2, rel=1e-9)


@pytest.mark.parametrize("loss", ["absolute", "huber", "quantile"])
def test_outputs_learn_beside_each_other(loss: str) -> None:
    X, y = table("two outputs")
    both = ours("two outputs", loss=loss, max_iter=200).fit(X, y)
    assert both.out_activation_ == "identity"
    assert both.predict(X).shape == y.shape
    assert np.abs(y - both.predict(X)).mean() < 0.9 * np.abs(y - np.median(y, axis=0)).mean()


# ---- what they are for


def line_with_outliers(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return inputs, targets of which every tenth is far above the line, and the line."""
    X = generator.uniform(-1, 1, (400, 1))
    line = 2 * X[:, 0] - 1
    return X, line + 0.05 * generator.standard_normal(400) + np.where(np.arange(400) % 10 == 0, 30.0, 0.0), line


@pytest.mark.parametrize(("loss", "parameter"), [("absolute", None), ("huber", 0.2), ("quantile", 0.5)])
def test_outliers_do_not_move_robust_lines(loss: str, parameter: Any) -> None:
    X, y, line = line_with_outliers(np.random.default_rng(4))
    given = {"hidden_layer_sizes": (), "max_iter": 400, "tol": 0.0, "alpha": 0.0, "lr_schedule": "cosine"}
    robust = ours("one output", **given, loss=loss, loss_parameter=parameter).fit(X, y)
    squared = ours("one output", **given).fit(X, y)
    # A tenth of outliers moves medians of normal noise of deviation 0.05 by 0.14 deviations, squares by 3.
    assert np.abs(robust.predict(X) - line).max() < 0.1
    assert np.abs(squared.predict(X) - line).max() > 1


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_the_share_of_new_targets_below_a_quantile_is_the_quantile(q: float) -> None:
    generator = np.random.default_rng(9)
    X = generator.uniform(-1, 1, (6000, 2))
    y = np.sin(2 * X[:, 0]) + (1.5 + X[:, 1]) * generator.exponential(1.0, 6000)
    half = 3000
    given = {"max_iter": 60, "hidden_layer_sizes": (20,), "batch_size": 100, "lr_schedule": "cosine", "tol": 0.0}
    net = ours("one output", **given, loss="quantile", loss_parameter=q).fit(X[:half], y[:half])
    share = (y[half:] < net.predict(X[half:])).mean()
    # The count below is binomial with deviation sqrt(q (1 - q) / n); so is that of the rows learnt from, which the
    # quantile follows. Of the sum of both four deviations are exceeded once in 16,000 draws.
    assert abs(share - q) < 4 * np.sqrt(2 * q * (1 - q) / half)


def test_a_quantile_above_another_lies_above_it() -> None:
    X, y = table("one output", rows=600)
    low, high = (ours("one output", loss="quantile", loss_parameter=q, max_iter=100).fit(X, y) for q in (0.2, 0.8))
    assert (low.predict(X) < high.predict(X)).mean() > 0.95


@pytest.mark.parametrize("loss", ["absolute", "huber", "quantile"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_scores_of_further_losses_stay_r2(solver: str, loss: str) -> None:
    X, y = table("one output")
    net = ours("one output", loss=loss, solver=solver, max_iter=100, early_stopping=solver == "adam").fit(X, y)
    predicted = net.predict(X)
    assert net.score(X, y) == pytest.approx(1 - ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum(), rel=1e-9)
