"""Parameters beyond scikit-learn's: what rows and units count, how steps are taken, when a fit ends."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from estimators_under_test import (
    CLASSIFIED,
    DTYPES,
    KINDS,
    ROWS,
    STEPS,
    all_classes,
    assert_close,
    assert_same_fit,
    bound,
    distance,
    ours,
    row_weights,
    table,
    theirs,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.class_weight import compute_sample_weight

from trainer.schedules import learning_rates

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# Plain gradient descent on all rows at once, without a penalty: a step is the learning rate times the gradient.
PLAIN = {"solver": "sgd", "momentum": 0.0, "alpha": 0.0, "batch_size": ROWS, "shuffle": False}
EXACT = bound("float64")


def fitted(kind: str, dtype: str = "float64", **parameters: Any) -> Any:
    return ours(kind, **parameters).fit(*table(kind, dtype))


def before_training(kind: str, **parameters: Any) -> Any:
    """Return an estimator whose weights are the initial ones: its only step is too small to change a number."""
    return fitted(kind, **PLAIN | {"learning_rate_init": 1e-300, "max_iter": 1}, **parameters)


def moves(estimator: Any, start: Any) -> np.ndarray:
    """Return what was added to all parameters since `start`, in a row."""
    pairs = zip(estimator.coefs_ + estimator.intercepts_, start.coefs_ + start.intercepts_, strict=True)
    return np.concatenate([(now - then).ravel() for now, then in pairs])


# ---- weights of classes


@pytest.mark.parametrize("of_classes", ["balanced", {"a": 3.0, "b": 0.5, "c": 1.0}, {"a": 2.0}], ids=str)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_weights_of_classes_are_weights_of_their_rows(solver: str, of_classes: Any) -> None:
    X, y = table("classes")
    changed = {"solver": solver, "max_iter": 5}
    given = ours("classes", class_weight=of_classes, **changed).fit(X, y)
    expected = theirs("classes", **changed).fit(X, y, sample_weight=compute_sample_weight(of_classes, y))
    assert distance(given, expected) <= bound("float64", STEPS, 1000)
    assert distance(given, ours("classes", **changed).fit(X, y)) > 1e-3


def test_weights_of_classes_and_rows_are_multiplied() -> None:
    X, y = table("binary")
    given = ours("binary", class_weight={2: 0.5, 7: 4.0}).fit(X, y, sample_weight=row_weights())
    expected = theirs("binary").fit(X, y, sample_weight=row_weights() * np.where(y == 7, 4.0, 0.5))
    assert_same_fit(given, expected, X, EXACT)


# ---- an activation for each layer


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("kind", ["classes", "one output"])
def test_a_list_of_one_activation_is_that_activation(kind: str, activation: str) -> None:
    one, other = (fitted(kind, hidden_layer_sizes=(5, 4), activation=a) for a in (activation, [activation] * 2))
    assert distance(other, one) <= EXACT


def test_each_hidden_layer_has_the_activation_of_its_place() -> None:
    X, _ = table("two outputs")
    names = ["tanh", "identity", "relu", "logistic"]
    functions = [np.tanh, lambda z: z, lambda z: np.maximum(z, 0), lambda z: 1 / (1 + np.exp(-z)), lambda z: z]
    net = fitted("two outputs", hidden_layer_sizes=(6, 5, 4, 3), activation=names)
    h = X
    for weights, biases, function in zip(net.coefs_, net.intercepts_, functions, strict=True):
        h = function(h @ weights + biases)
    assert_close(net.predict(X), h, 1e-13, "predict")


# ---- dropout


def test_dropout_is_drawn_alike_from_the_same_random_state_and_changes_the_fit() -> None:
    one, other, none = (fitted("classes", dropout=share) for share in (0.5, 0.5, 0.0))
    assert distance(one, other) == 0
    assert distance(one, none) > 1e-3
    assert distance(one, fitted("classes", dropout=0.5, random_state=4)) > 1e-3


def test_dropout_takes_no_unit_from_predictions() -> None:
    X, _ = table("one output")
    net = fitted("one output", dropout=0.5)
    np.testing.assert_array_equal(net.predict(X), net.predict(X))
    hidden = np.maximum(X @ net.coefs_[0] + net.intercepts_[0], 0)
    assert_close(net.predict(X), (hidden @ net.coefs_[1] + net.intercepts_[1]).ravel(), 1e-13, "predict")


def test_dropout_keeps_a_network_from_learning_noise_by_heart() -> None:
    generator = np.random.default_rng(1)
    X, y = generator.standard_normal((60, 20)), generator.integers(0, 2, 60)
    wide = {"hidden_layer_sizes": (60,), "max_iter": 150, "tol": 0.0}
    free, dropped = (ours("binary", **wide, dropout=share).fit(X, y) for share in (0.0, 0.5))
    entropies = [-np.log(net.predict_proba(X)[np.arange(60), y]).mean() for net in (free, dropped)]
    assert entropies[1] > 2 * entropies[0]


# ---- gradients that are clipped


def test_a_norm_that_is_not_reached_changes_nothing() -> None:
    assert distance(fitted("classes", clip_norm=1e6), fitted("classes")) <= EXACT


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_clipped_gradients_keep_their_direction_and_have_the_norm_given(kind: str, dtype: str) -> None:
    one_step = PLAIN | {"max_iter": 1, "learning_rate_init": 1.0}
    start = before_training(kind)
    free, clipped = (moves(fitted(kind, dtype, **one_step, clip_norm=norm), start) for norm in (None, 0.01))
    assert np.linalg.norm(free) > 0.02
    # Parameters of order 1 are rounded once; ten roundings of them are 1/100 of the norm in no type.
    np.testing.assert_allclose(clipped, 0.01 * free / np.linalg.norm(free), rtol=0, atol=10 * np.finfo(dtype).eps)


# ---- weights that decay


@pytest.mark.parametrize("kind", KINDS)
def test_adamw_without_decay_is_adam(kind: str) -> None:
    adam, adamw = (fitted(kind, alpha=0.0, solver=solver, weight_decay=0.0) for solver in ("adam", "adamw"))
    assert distance(adamw, adam) <= EXACT


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_of_adamw_takes_a_share_of_the_weights_beside_adams_step(kind: str) -> None:
    rate, decay = 0.01, 0.3
    one_step = {"alpha": 0.0, "batch_size": ROWS, "max_iter": 1, "learning_rate_init": rate}
    start = before_training(kind)
    adam, adamw = (fitted(kind, **one_step, solver=solver, weight_decay=decay) for solver in ("adam", "adamw"))
    for decayed, plain, first in zip(adamw.coefs_, adam.coefs_, start.coefs_, strict=True):
        np.testing.assert_allclose(decayed, plain - rate * decay * first, rtol=0, atol=1e-15)


# ---- learning rates


@pytest.mark.parametrize("schedule", ["step", "exponential", "cosine", "warmup"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_named_schedules_are_those_of_the_trainer_over_max_iter_epochs(solver: str, schedule: str) -> None:
    def factor(epoch: int) -> float:
        return float(learning_rates(schedule, 1.0, np.array([epoch]), 20)[0])

    named, called, plain = (fitted("classes", solver=solver, lr_schedule=s) for s in (schedule, factor, None))
    assert distance(named, called) <= EXACT
    assert distance(named, plain) > 1e-3


def test_a_function_of_the_epoch_scales_the_rate() -> None:
    assert distance(fitted("classes", lr_schedule=lambda epoch: 1.0), fitted("classes")) <= EXACT
    doubled = fitted("classes", **PLAIN, lr_schedule=lambda epoch: 2.0)
    assert distance(doubled, fitted("classes", **PLAIN, learning_rate_init=0.02)) <= EXACT
    first_five = fitted("classes", **PLAIN, lr_schedule=lambda epoch: float(epoch < 5))
    assert distance(first_five, fitted("classes", **PLAIN, max_iter=5)) <= EXACT


def test_a_schedule_is_asked_for_every_epoch_from_zero() -> None:
    asked: list[int] = []

    def schedule(epoch: int) -> float:
        asked.append(epoch)
        return 1.0

    fitted("classes", max_iter=6, lr_schedule=schedule)
    assert sorted(set(asked)) == list(range(6))


def test_schedules_multiply_the_rates_of_sgd() -> None:
    falling = {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.2}
    halved = fitted("classes", **falling, lr_schedule=lambda epoch: 0.5)
    assert distance(halved, fitted("classes", **falling, learning_rate_init=0.005)) <= EXACT


# ---- callbacks


@pytest.mark.parametrize("kind", KINDS)
def test_callbacks_see_each_epoch_with_its_weights(kind: str) -> None:
    seen: list[tuple[int, int, int]] = []
    weights: list[np.ndarray] = []

    def look(estimator: Any, epoch: int) -> None:
        seen.append((epoch, estimator.n_iter_, len(estimator.loss_curve_)))
        weights.append(estimator.coefs_[0].copy())

    net = fitted(kind, max_iter=4, callbacks=[look])
    assert seen == [(0, 1, 1), (1, 2, 2), (2, 3, 3), (3, 4, 4)]
    for epochs, seen_weights in enumerate(weights, start=1):
        np.testing.assert_allclose(seen_weights, fitted(kind, max_iter=epochs).coefs_[0], rtol=0, atol=EXACT)
    assert distance(net, fitted(kind, max_iter=4)) <= EXACT


def test_a_callback_that_returns_true_ends_the_fit_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        stopped = fitted("classes", callbacks=(lambda estimator, epoch: epoch == 2,))
    assert stopped.n_iter_ == 3
    assert distance(stopped, fitted("classes", max_iter=3)) <= EXACT


def test_all_callbacks_are_called_in_their_order() -> None:
    called: list[str] = []
    fitted("classes", max_iter=2, callbacks=[lambda e, i: called.append("first"), lambda e, i: called.append("second")])
    assert called == ["first", "second"] * 2


def test_callbacks_are_called_by_partial_fit() -> None:
    X, y = table("one output")
    seen: list[int] = []
    ours("one output", callbacks=[lambda estimator, epoch: seen.append(estimator.t_)]).partial_fit(X, y).partial_fit(
        X, y
    )
    assert seen == [ROWS, 2 * ROWS]


# ---- warm starts with the optimizer's state


@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("kind", [*CLASSIFIED, "one output"])
def test_a_kept_state_makes_two_fits_one(kind: str, solver: str) -> None:
    X, y = table(kind)
    half = {"solver": solver, "shuffle": False, "warm_start": True, "max_iter": 10}
    kept, forgotten = (ours(kind, **half, keep_optimizer_state=keep).fit(X, y).fit(X, y) for keep in (True, False))
    whole = fitted(kind, solver=solver, shuffle=False)
    assert distance(kept, whole) <= EXACT
    assert_close(kept.loss_curve_, whole.loss_curve_, 10 * EXACT, "loss_curve_")
    assert distance(forgotten, whole) > 1e-4


# ---- how it is computed


@pytest.mark.parametrize("kind", KINDS)
def test_any_number_of_threads_gives_the_same_weights_to_the_bit(kind: str) -> None:
    one, two = (fitted(kind, threads=threads, hidden_layer_sizes=(150,)) for threads in (1, 2))
    assert distance(one, two) == 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS)
def test_backends_differ_by_rounding_alone(kind: str, solver: str, dtype: str) -> None:
    changed = {"solver": solver, "max_iter": 6, "random_state": 1}
    numba, numpy = (fitted(kind, dtype, backend=backend, **changed) for backend in ("numba", "numpy"))
    growth = 1000 if solver == "lbfgs" else 30  # see test_estimators_equality
    assert_same_fit(numpy, numba, table(kind, dtype)[0], bound(dtype, 18, growth))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_dtype_is_that_of_weights_and_outputs_whatever_the_rows_have(kind: str, dtype: str) -> None:
    (X, y), (same, y_same) = table(kind, "float64"), table(kind, dtype)
    given = ours(kind, dtype=dtype).fit(X, y)
    expected = ours(kind).fit(same, y_same)
    assert {w.dtype for w in given.coefs_ + given.intercepts_} == {np.dtype(dtype)}
    method = "predict_proba" if kind in CLASSIFIED else "predict"
    assert getattr(given, method)(X).dtype == np.dtype(dtype)
    assert_same_fit(given, expected, same, bound(dtype))


def test_partial_fit_takes_all_of_it() -> None:
    X, y = table("classes")
    changed = {"clip_norm": 1.0, "dropout": 0.2, "class_weight": {"a": 2.0}, "dtype": "float32", "solver": "adamw"}
    net = ours("classes", **changed)
    first = net.partial_fit(X, y, **all_classes("classes")).loss_
    for _ in range(20):
        net.partial_fit(X, y)
    assert net.loss_ < first
