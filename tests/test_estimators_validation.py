"""Rows to watch: `validation_data` records a loss after each epoch and decides when to stop early."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from estimators_under_test import (
    CLASSIFIED,
    KINDS,
    ROWS,
    all_classes,
    assert_close,
    assert_same_fit,
    bound,
    ours,
    table,
)
from sklearn.metrics import log_loss, mean_poisson_deviance, mean_squared_error

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SPLIT = 80


def parts(kind: str) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return the rows to train on and those to watch."""
    X, y = table(kind)
    return (X[:SPLIT], y[:SPLIT]), (X[SPLIT:], y[SPLIT:])


def loss_of(kind: str, fitted: Any, X: np.ndarray, y: np.ndarray) -> float:
    """Return the mean over rows of what the fit minimises, without its penalty."""
    if kind == "multilabel":
        h = fitted.predict_proba(X)
        return float(-(y * np.log(h) + (1 - y) * np.log(1 - h)).sum(axis=1).mean())
    if kind in CLASSIFIED:
        return float(log_loss(y, fitted.predict_proba(X), labels=fitted.classes_))
    if kind == "poisson":
        return float(mean_poisson_deviance(y, fitted.predict(X))) / 2
    return float(mean_squared_error(y, fitted.predict(X))) / 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_of_the_rows_to_watch_is_recorded_after_each_epoch(kind: str) -> None:
    training, watched = parts(kind)
    curve = ours(kind).fit(*training, validation_data=watched).validation_loss_curve_
    assert len(curve) == 20
    for epochs in (1, 7, 20):
        fitted = ours(kind, max_iter=epochs).fit(*training)
        assert curve[epochs - 1] == pytest.approx(loss_of(kind, fitted, *watched), rel=10 * bound("float64"))


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_to_watch_do_not_change_the_fit(kind: str, solver: str) -> None:
    training, watched = parts(kind)
    alone, watching = (ours(kind, solver=solver).fit(*training, validation_data=data) for data in (None, watched))
    assert_same_fit(watching, alone, training[0], bound("float64"))
    assert alone.validation_loss_curve_ == []


@pytest.mark.parametrize("kind", KINDS)
def test_early_stopping_goes_by_the_rows_given_and_trains_on_all_others(kind: str) -> None:
    training, watched = parts(kind)
    stopping = ours(kind, early_stopping=True, n_iter_no_change=3, max_iter=200)
    fitted = stopping.fit(*training, validation_data=watched)
    assert fitted.t_ == fitted.n_iter_ * SPLIT
    assert len(fitted.validation_scores_) == len(fitted.validation_loss_curve_) == fitted.n_iter_ < 200
    assert fitted.best_validation_score_ == max(fitted.validation_scores_)
    assert fitted.score(*watched) == pytest.approx(fitted.best_validation_score_, rel=10 * bound("float64"))
    best = int(np.argmax(fitted.validation_scores_)) + 1
    assert_close(fitted.coefs_[0], ours(kind, max_iter=best).fit(*training).coefs_[0], bound("float64", 600), "coefs_")


@pytest.mark.parametrize("kind", KINDS)
def test_partial_fits_stop_early_by_the_rows_given(kind: str) -> None:
    (X, y), watched = parts(kind)
    net = ours(kind, early_stopping=True, n_iter_no_change=3)
    first = all_classes(kind)
    for calls in range(1, 6):
        net.partial_fit(X, y, validation_data=watched, **first)
        first = {}
        assert len(net.validation_scores_) == calls
    assert net.validation_scores_[-1] <= net.best_validation_score_ == max(net.validation_scores_)


@pytest.mark.parametrize("kind", KINDS)
def test_partial_fits_record_the_loss_of_the_rows_to_watch(kind: str) -> None:
    (X, y), watched = parts(kind)
    net = ours(kind)
    first = all_classes(kind)
    for calls in range(1, 4):
        net.partial_fit(X, y, validation_data=watched, **first)
        first = {}
        assert len(net.validation_loss_curve_) == calls
        expected = loss_of(kind, net, *watched)
        assert net.validation_loss_curve_[-1] == pytest.approx(expected, rel=10 * bound("float64"))


def test_rows_to_watch_need_the_columns_and_classes_of_the_others() -> None:
    (X, y), (X_watched, y_watched) = parts("classes")
    with pytest.raises(ValueError, match="features"):
        ours("classes").fit(X, y, validation_data=(X_watched[:, :3], y_watched))
    with pytest.raises(ValueError, match="classes"):
        ours("classes").fit(X, y, validation_data=(X_watched, np.full(ROWS - SPLIT, "unknown")))
    with pytest.raises(ValueError, match="inconsistent"):
        ours("classes").fit(X, y, validation_data=(X_watched, y_watched[:-1]))


def test_rows_to_watch_are_passed_by_name_or_after_the_weights() -> None:
    training, watched = parts("one output")
    named = ours("one output").fit(*training, None, validation_data=watched)
    assert len(named.validation_loss_curve_) == named.n_iter_


@pytest.mark.parametrize("given", [np.ones((5, 2)), (np.ones((5, 2)),), 3])
def test_what_is_no_pair_of_rows_and_targets_is_refused(given: Any) -> None:
    (X, y), _ = parts("classes")
    with pytest.raises(TypeError, match=r"^validation_data: \w+ given, a pair \(X, y\) accepted$"):
        ours("classes").fit(X, y, validation_data=given)
