"""What is warned of, printed and refused while fitting; and what is left after something stopped it."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest
from estimators_under_test import (
    CLASSIFIED,
    KINDS,
    ROWS,
    all_classes,
    assert_close,
    bound,
    distance,
    ours,
    table,
    theirs,
)
from sklearn.exceptions import ConvergenceWarning, NotFittedError

NUMBER = re.compile(r"-?\d+\.\d+")


def warnings_of(estimator: Any, X: Any, y: Any) -> list[tuple[type, str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(X, y)
    return [(warning.category, str(warning.message)) for warning in caught]


def quietly(estimator: Any, method: str, *arguments: Any, **keywords: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(estimator, method)(*arguments, **keywords)


@pytest.mark.parametrize(
    ("changed", "count"),
    [
        ({"max_iter": 3}, 1),
        ({"max_iter": 3, "batch_size": ROWS + 1}, 2),
        ({"tol": 5.0, "n_iter_no_change": 2}, 0),
        ({"max_iter": 3, "early_stopping": True}, 1),
        ({"max_iter": 3, "solver": "sgd"}, 1),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["classes", "one output"])
def test_warnings_of_a_fit_are_scikit_learns(kind: str, changed: dict[str, Any], count: int) -> None:
    X, y = table(kind)
    given, expected = (warnings_of(make(kind, **changed), X, y) for make in (ours, theirs))
    assert given == expected
    assert len(given) == count


@pytest.mark.parametrize("kind", ["classes", "one output"])
def test_lbfgs_warns_at_the_last_iteration_that_it_has_not_converged(kind: str) -> None:
    X, y = table(kind)
    for make in (ours, theirs):
        ((category, message),) = warnings_of(make(kind, solver="lbfgs", max_iter=2), X, y)
        assert category is ConvergenceWarning
        assert message.startswith("lbfgs failed to converge after 2 iteration(s)")


@pytest.mark.parametrize("kind", ["binary", "one output"])
def test_a_column_of_targets_is_warned_of_and_taken_as_a_vector(kind: str) -> None:
    X, y = table(kind)
    given, expected = (warnings_of(make(kind), X, y.reshape(-1, 1)) for make in (ours, theirs))
    assert given == expected
    assert "column-vector y" in given[0][1]


def test_partial_fit_warns_of_nothing() -> None:
    X, y = table("one output")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = ours("one output", max_iter=1, batch_size="auto").partial_fit(X, y).partial_fit(X, y)
    assert fitted.t_ == 2 * ROWS


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"tol": 0.05, "n_iter_no_change": 2},
        {"early_stopping": True, "n_iter_no_change": 3},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 1, "max_iter": 40},
    ],
    ids=str,
)
def test_verbose_fits_print_scikit_learns_lines(changed: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    X, y = table("classes")
    printed = []
    for make in (ours, theirs):
        quietly(make("classes", verbose=True, **changed), "fit", X, y)
        printed.append(capsys.readouterr().out)
    assert NUMBER.sub("#", printed[0]) == NUMBER.sub("#", printed[1])
    # Eight digits after the point are printed: the last may be rounded either way.
    given, expected = ([float(number) for number in NUMBER.findall(text)] for text in printed)
    np.testing.assert_allclose(given, expected, rtol=0, atol=1.5e-8)
    assert len(given) >= 5


def test_fits_are_silent_by_default(capfd: pytest.CaptureFixture[str]) -> None:
    X, y = table("classes")
    for solver in ("adam", "lbfgs"):
        quietly(ours("classes", solver=solver), "fit", X, y)
    assert capfd.readouterr() == ("", "")


# ---- before a fit


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "score"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_predicted_before_a_fit(kind: str, method: str) -> None:
    X, y = table(kind)
    if method.startswith("predict_") and kind not in CLASSIFIED:
        assert not hasattr(ours(kind), method)
        return
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(ours(kind), method)(*((X, y) if method == "score" else (X,)))


# ---- targets and rows that do not go together


@pytest.mark.parametrize("kind", ["binary", "classes"])
def test_warm_starts_refuse_other_classes_in_scikit_learns_words(kind: str) -> None:
    X, y = table(kind)
    messages = []
    for make in (ours, theirs):
        fitted = quietly(make(kind, warm_start=True), "fit", X, y)
        with pytest.raises(ValueError) as caught:
            fitted.fit(X, np.where(y == y[0], y[0] * 3, y))
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert messages[0].startswith("warm_start can only be used where `y` has the same classes")


@pytest.mark.parametrize("fraction", [0.0, 0.001])
def test_held_out_rows_that_are_too_few_are_refused(fraction: float) -> None:
    X, y = table("one output")
    for make in (ours, theirs):
        with pytest.raises(ValueError, match=r"validation|test_size"):
            quietly(make("one output", early_stopping=True, validation_fraction=fraction), "fit", X, y)


def test_partial_fit_refuses_to_stop_early_without_rows_to_watch() -> None:
    X, y = table("classes")
    for make in (ours, theirs):
        with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
            make("classes", early_stopping=True).partial_fit(X, y, **all_classes("classes"))


# ---- weights that are no numbers any more


def assert_refused_without_nan(estimator: Any, X: np.ndarray, y: np.ndarray, method: str, **keywords: Any) -> None:
    with pytest.raises(ValueError, match="non-finite"), np.errstate(all="ignore"):
        quietly(estimator, method, X, y, **keywords)
    for array in [*getattr(estimator, "coefs_", []), *getattr(estimator, "intercepts_", [])]:
        assert np.isfinite(array).all()


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("kind", ["classes", "one output"])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_an_infinite_learning_rate_is_refused_and_leaves_no_nan(method: str, kind: str, solver: str) -> None:
    X, y = table(kind)
    estimator = ours(kind, solver=solver, learning_rate_init=np.inf)
    keywords = all_classes(kind) if method == "partial_fit" else {}
    with pytest.raises(ValueError, match=r"non-finite|learning_rate_init"), np.errstate(all="ignore"):
        quietly(estimator, method, X, y, **keywords)
    for array in [*getattr(estimator, "coefs_", []), *getattr(estimator, "intercepts_", [])]:
        assert np.isfinite(array).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_huge_inputs_are_refused_or_leave_finite_weights(solver: str, dtype: str) -> None:
    X, y = table("one output", dtype)
    estimator = ours("one output", solver=solver, activation="identity")
    huge = X * np.array(np.finfo(dtype).max / 10, dtype)
    messages = []
    try:
        with np.errstate(all="ignore"):
            quietly(estimator, "fit", huge, y)
    except ValueError as error:
        messages.append(str(error))
    assert all("non-finite" in message for message in messages)
    for array in [*getattr(estimator, "coefs_", []), *getattr(estimator, "intercepts_", [])]:
        assert np.isfinite(array).all()


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_sgd_that_diverges_is_refused_in_scikit_learns_words(method: str) -> None:
    X, y = table("one output")
    diverging = {"solver": "sgd", "learning_rate_init": 1e200}
    assert_refused_without_nan(ours("one output", **diverging), X * 1e10, y, method)


# ---- a fit that is interrupted


def interrupt(estimator: Any, epoch: int) -> None:
    """Interrupt the fit at the end of an epoch: a callback."""
    if epoch == 4:
        raise KeyboardInterrupt


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_fit_warns_and_keeps_the_weights_of_the_last_epoch(kind: str) -> None:
    X, y = table(kind)
    estimator = ours(kind, callbacks=[interrupt], max_iter=50)
    assert warnings_of(estimator, X, y) == [(UserWarning, "Training interrupted by user.")]
    shorter = quietly(ours(kind, max_iter=5), "fit", X, y)
    assert distance(estimator, shorter) <= bound("float64")
    assert_close(estimator.loss_curve_, shorter.loss_curve_, bound("float64"), "loss_curve_")
    np.testing.assert_array_equal(estimator.predict(X).shape, y.shape)
    quietly(estimator.set_params(callbacks=()), "partial_fit", X, y)
    assert estimator.t_ == 6 * ROWS
