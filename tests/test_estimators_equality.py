"""A fit gives scikit-learn's weights, losses, scores and predictions up to rounding, for every solver and option."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from estimators_under_test import (
    DTYPES,
    KINDS,
    ROWS,
    SMALL,
    STEPS,
    all_classes,
    assert_close,
    assert_same_fit,
    bound,
    distance,
    fitted_twins,
    ours,
    row_weights,
    table,
    theirs,
)
from scipy import sparse

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

STOCHASTIC: dict[str, dict[str, Any]] = {
    "sgd": {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.05},
    "sgd, momentum": {"solver": "sgd", "nesterovs_momentum": False},
    "sgd, nesterov": {"solver": "sgd"},
    "sgd, nesterov without momentum": {"solver": "sgd", "momentum": 0.0, "nesterovs_momentum": True},
    "sgd, invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.05, "power_t": 0.2},
    # Nothing improves by so much, so the rate is divided after every third epoch.
    "sgd, adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 2},
    "adam": {"solver": "adam"},
}
SOME = ("adam", "sgd, nesterov", "sgd, invscaling")
# The line search of lbfgs takes differences of losses and gradients, and what it concludes scales whole steps. Inputs
# off by one unit in the last place part scikit-learn's own fits by up to 13 * u in each iteration. From these initial
# weights no step that it tries brings a probability below 1e-6.
LBFGS = {"solver": "lbfgs", "max_iter": 6, "random_state": 1}
LBFGS_GROWTH = 1000


def assert_equal_fits(kind: str, dtype: str = "float64", weight: Any = None, **parameters: Any) -> tuple[Any, Any]:
    fitted = fitted_twins(kind, dtype, weight, **parameters)
    assert_same_fit(*fitted, table(kind, dtype)[0], bound(dtype, 3 * max(fitted[1].n_iter_, 20)))
    return fitted


# ---- the bound itself


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", [name for name in STOCHASTIC if name != "sgd, adaptive"])  # whose rate ends near 0
def test_one_epoch_less_is_outside_of_the_bound(kind: str, solver: str) -> None:
    X, y = table(kind)
    whole, shorter = (theirs(kind, **STOCHASTIC[solver], max_iter=n).fit(X, y) for n in (20, 19))
    assert distance(whole, shorter) > 100 * bound("float64")
    assert distance(whole, shorter) > bound("float32")


# ---- solvers, activations and layers


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", STOCHASTIC)
def test_weights_equal_scikit_learns_after_twenty_epochs(solver: str, kind: str, dtype: str) -> None:
    given, expected = assert_equal_fits(kind, dtype, **STOCHASTIC[solver])
    assert {w.dtype for w in given.coefs_ + given.intercepts_} == {np.dtype(dtype)}
    assert expected.n_iter_ * 3 <= STEPS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("hidden", [(), 4, (6, 3), [8, 5, 4]], ids=str)
def test_every_activation_and_depth_gives_scikit_learns_weights(hidden: Any, activation: str, kind: str) -> None:
    assert_equal_fits(kind, activation=activation, hidden_layer_sizes=hidden)


@pytest.mark.parametrize("solver", STOCHASTIC)
def test_wide_networks_give_scikit_learns_weights(solver: str) -> None:
    assert_equal_fits("classes", "float32", **STOCHASTIC[solver], hidden_layer_sizes=(130, 40))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_lbfgs_weights_equal_scikit_learns_after_six_iterations(activation: str, kind: str, dtype: str) -> None:
    given, expected = fitted_twins(kind, dtype, **LBFGS, activation=activation)
    assert_same_fit(given, expected, table(kind, dtype)[0], bound(dtype, 6, LBFGS_GROWTH))


@pytest.mark.parametrize("changed", [{"max_fun": 3}, {"tol": 0.05, "max_iter": 50}, {"alpha": 1.0}], ids=str)
def test_lbfgs_stops_where_scikit_learns_does(changed: dict[str, Any]) -> None:
    given, expected = fitted_twins("classes", **LBFGS | changed)
    assert_same_fit(given, expected, table("classes")[0], bound("float64", expected.n_iter_, LBFGS_GROWTH))


# ---- parameters of the solvers


@pytest.mark.parametrize(
    ("solver", "changed"),
    [
        ("adam", {"beta_1": 0.5}),
        ("adam", {"beta_2": 0.9}),
        ("adam", {"epsilon": 0.1}),
        ("adam", {"alpha": 0.0}),
        ("adam", {"alpha": 5.0}),
        ("adam", {"learning_rate_init": 0.05}),
        ("sgd", {"momentum": 0.5}),
        ("sgd", {"momentum": 1.0, "max_iter": 5}),
        ("sgd", {"alpha": 5.0}),
        ("sgd, invscaling", {"power_t": 0.1}),
        ("sgd, nesterov", {"max_iter": 1}),
        ("adam", {"n_iter_no_change": np.inf, "tol": 10.0}),
        ("adam", {"n_iter_no_change": 3, "tol": 0.02}),
        ("sgd", {"n_iter_no_change": 1, "tol": 0.01}),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["classes", "two outputs"])
def test_parameters_of_solvers_mean_what_they_mean_to_scikit_learn(
    kind: str, solver: str, changed: dict[str, Any]
) -> None:
    assert_equal_fits(kind, **STOCHASTIC[solver] | changed)


def test_stagnation_stops_training_after_as_many_epochs() -> None:
    _, expected = assert_equal_fits("one output", n_iter_no_change=2, tol=0.05, max_iter=100)
    assert 2 < expected.n_iter_ < 100


@pytest.mark.parametrize("early_stopping", [False, True])
def test_adaptive_rate_falls_until_it_is_too_small(early_stopping: bool) -> None:
    falling = STOCHASTIC["sgd, adaptive"] | {"max_iter": 100, "early_stopping": early_stopping}
    given, expected = assert_equal_fits("classes", **falling)
    assert 15 < expected.n_iter_ < 100
    assert given.n_iter_ == expected.n_iter_


# ---- batches


@pytest.mark.parametrize("batch_size", ["auto", 17, 40, ROWS, 1], ids=str)
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("kind", ["binary", "classes", "two outputs"])
def test_batches_and_their_order_are_scikit_learns(kind: str, shuffle: bool, batch_size: Any) -> None:
    given, expected = fitted_twins(kind, shuffle=shuffle, batch_size=batch_size, max_iter=6)
    steps = 6 * -(-ROWS // (ROWS if batch_size == "auto" else batch_size))
    assert_same_fit(given, expected, table(kind)[0], bound("float64", max(steps, STEPS)))


def test_automatic_batches_have_two_hundred_rows() -> None:
    X, y = table("classes", rows=450)
    given, expected = (make("classes", batch_size="auto").fit(X, y) for make in (ours, theirs))
    assert_same_fit(given, expected, X, bound("float64"))


def test_a_generator_that_is_shared_goes_on_as_scikit_learns_does() -> None:
    X, y = table("one output")
    states = np.random.RandomState(8), np.random.RandomState(8)
    for _ in range(2):
        given = ours("one output", random_state=states[0]).fit(X, y)
        expected = theirs("one output", random_state=states[1]).fit(X, y)
        assert_same_fit(given, expected, X, bound("float64"))
    assert states[0].randint(1 << 30) == states[1].randint(1 << 30)


# ---- weights of rows


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", SOME)
def test_weights_of_rows_count_as_in_scikit_learn(solver: str, kind: str, dtype: str) -> None:
    assert_equal_fits(kind, dtype, row_weights(), **STOCHASTIC[solver])


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_rows_count_in_lbfgs_as_in_scikit_learn(kind: str) -> None:
    given, expected = fitted_twins(kind, weight=row_weights(), **LBFGS)
    assert_same_fit(given, expected, table(kind)[0], bound("float64", 6, LBFGS_GROWTH))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_for_all_rows_changes_what_the_penalty_counts(kind: str, dtype: str) -> None:
    weighted, _ = assert_equal_fits(kind, dtype, np.full(ROWS, 0.01), alpha=1.0)
    plain, _ = assert_equal_fits(kind, dtype, alpha=1.0)
    assert distance(weighted, plain) > 0.01


# ---- early stopping


@pytest.mark.parametrize("weight", [None, row_weights()], ids=["rows alike", "rows weighted"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", SOME)
def test_early_stopping_holds_out_and_restores_what_scikit_learn_does(solver: str, kind: str, weight: Any) -> None:
    stopping = {"early_stopping": True, "n_iter_no_change": 3, "validation_fraction": 0.25}
    given, _ = assert_equal_fits(kind, weight=weight, **STOCHASTIC[solver], **stopping)
    assert len(given.validation_scores_) == given.n_iter_
    assert given.best_validation_score_ == max(given.validation_scores_)
    assert given.best_loss_ is None


def test_early_stopping_ends_before_the_last_epoch_with_earlier_weights() -> None:
    given, _ = assert_equal_fits("classes", early_stopping=True, n_iter_no_change=3, max_iter=60)
    assert given.n_iter_ < 60
    assert np.argmax(given.validation_scores_) + 1 < given.n_iter_


# ---- going on


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", SOME)
def test_warm_starts_go_on_as_scikit_learns_do(solver: str, kind: str) -> None:
    X, y = table(kind)
    pair = [make(kind, **STOCHASTIC[solver], warm_start=True, max_iter=7) for make in (ours, theirs)]
    for rows in (slice(None), slice(20, 110), slice(None)):
        given, expected = (estimator.fit(X[rows], y[rows]) for estimator in pair)
        assert_same_fit(given, expected, X, bound("float64"))
    assert len(pair[0].loss_curve_) == 21


@pytest.mark.parametrize("kind", ["binary", "two outputs"])
def test_warm_start_of_lbfgs_goes_on_as_scikit_learns_does(kind: str) -> None:
    X, y = table(kind)
    pair = [make(kind, **LBFGS | {"max_iter": 3}, warm_start=True) for make in (ours, theirs)]
    for _ in range(2):
        given, expected = (estimator.fit(X, y) for estimator in pair)
        assert_same_fit(given, expected, X, bound("float64", 6, LBFGS_GROWTH))


def test_warm_start_after_early_stopping_takes_scikit_learns_course() -> None:
    X, y = table("classes")
    pair = [make("classes", warm_start=True, early_stopping=True, n_iter_no_change=3) for make in (ours, theirs)]
    for _ in range(2):
        given, expected = (estimator.fit(X, y) for estimator in pair)
        assert_close(given.loss_curve_, expected.loss_curve_, 10 * bound("float64"), "loss_curve_")
        assert_close(given.validation_scores_, expected.validation_scores_, 0, "validation_scores_")


def test_a_second_fit_without_warm_start_forgets_the_first() -> None:
    X, y = table("classes")
    given = ours("classes").fit(X[:60], y[:60]).fit(X, y)
    assert_same_fit(given, theirs("classes").fit(X, y), X, bound("float64"))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", STOCHASTIC)
def test_calls_of_partial_fit_go_on_as_scikit_learns_do(solver: str, kind: str, weighted: bool) -> None:
    X, y = table(kind)
    pair = [make(kind, **STOCHASTIC[solver]) for make in (ours, theirs)]
    first = all_classes(kind)
    weights = row_weights() if weighted else np.ones(ROWS)
    for part in np.array_split(np.arange(ROWS), 3) * 4:
        for estimator in pair:
            estimator.partial_fit(X[part], y[part], sample_weight=weights[part] if weighted else None, **first)
        first = {}
    assert_same_fit(*pair, X, bound("float64"))
    assert pair[0].t_ == 4 * ROWS


# ---- what rows come in


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("kind", ["binary", "classes", "two outputs"])
def test_sparse_rows_give_scikit_learns_weights(kind: str, solver: str, form: Any) -> None:
    X, y = table(kind)
    rows = form(np.where(np.abs(X) < 0.8, 0.0, X))
    changed = LBFGS if solver == "lbfgs" else {"solver": solver}
    given, expected = (make(kind, **changed).fit(rows, y) for make in (ours, theirs))
    relative = bound("float64", 6, LBFGS_GROWTH) if solver == "lbfgs" else bound("float64")
    assert_same_fit(given, expected, rows, relative)


@pytest.mark.parametrize("order", ["C", "F", "strided"])
@pytest.mark.parametrize("dtype", [*DTYPES, "int64", "float16"])
def test_rows_in_any_layout_and_type_give_scikit_learns_weights(dtype: str, order: str) -> None:
    X, y = table("classes")
    rows = np.round(X * 4).astype(dtype)
    rows = np.repeat(rows, 2, axis=1)[:, ::2] if order == "strided" else np.asarray(rows, order=order)
    given, expected = (make("classes", **SMALL).fit(rows, y) for make in (ours, theirs))
    assert given.coefs_[0].dtype == expected.coefs_[0].dtype
    assert_same_fit(given, expected, rows, bound(expected.coefs_[0].dtype))
