"""Parameters and attributes: scikit-learn's are all there, with its defaults; what is not accepted is named."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from estimators_under_test import CLASSIFIED, KINDS, MLPClassifier, MLPRegressor, ours, table, theirs
from sklearn import neural_network
from sklearn.base import clone

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

PAIRS = [(MLPClassifier, neural_network.MLPClassifier), (MLPRegressor, neural_network.MLPRegressor)]
METHODS = ("fit", "partial_fit", "predict", "predict_proba", "predict_log_proba", "score", "get_params", "set_params")
EXTRAS: dict[str, Any] = {
    "dropout": 0.0,
    "clip_norm": None,
    "lr_schedule": None,
    "callbacks": (),
    "keep_optimizer_state": False,
    "threads": None,
    "backend": "numba",
    "dtype": None,
}
OF_ONE = {MLPClassifier: {"class_weight": None}, MLPRegressor: {"loss_parameter": None}}


def parameters(function: Any) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function).parameters)


@pytest.mark.parametrize(("given", "expected"), PAIRS)
def test_parameters_of_scikit_learn_have_its_defaults_places_and_kinds(given: Any, expected: Any) -> None:
    present, wanted = parameters(given), parameters(expected)
    assert list(present)[: len(wanted)] == list(wanted)
    for name, parameter in wanted.items():
        assert (present[name].default, present[name].kind) == (parameter.default, parameter.kind), name


@pytest.mark.parametrize(("given", "expected"), PAIRS)
def test_further_parameters_take_keywords_only_and_default_to_what_scikit_learn_does(given: Any, expected: Any) -> None:
    present = parameters(given)
    for name, default in (EXTRAS | OF_ONE[given]).items():
        assert present[name].kind is inspect.Parameter.KEYWORD_ONLY, name
        assert present[name].default == default, name
    assert not set(EXTRAS) & set(parameters(expected))


@pytest.mark.parametrize(("given", "expected"), PAIRS)
@pytest.mark.parametrize("method", METHODS)
def test_methods_take_scikit_learns_arguments_in_its_order(given: Any, expected: Any, method: str) -> None:
    if not hasattr(expected, method):
        assert not hasattr(given, method)
        return
    wanted = parameters(getattr(expected, method))
    assert list(parameters(getattr(given, method)))[: len(wanted)] == list(wanted)


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_clones_have_every_parameter_and_no_weights(Estimator: Any) -> None:
    changed = Estimator((3, 2) if Estimator is MLPClassifier else "poisson", dropout=0.25, threads=1, clip_norm=2.0)
    copied = clone(changed)
    assert copied.get_params() == changed.get_params()
    assert set(copied.get_params()) == set(parameters(Estimator))
    assert not hasattr(copied, "coefs_")
    assert copied.set_params(alpha=0.5).alpha == 0.5


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_estimators_are_told_apart_by_what_was_changed(Estimator: Any) -> None:
    assert repr(Estimator()) == f"{Estimator.__name__}()"
    assert repr(Estimator(dropout=0.5)) == f"{Estimator.__name__}(dropout=0.5)"


@pytest.mark.parametrize("changed", [{}, {"early_stopping": True}, {"solver": "sgd"}, {"solver": "lbfgs"}], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_fitted_estimators_have_the_attributes_of_scikit_learns(kind: str, changed: dict[str, Any]) -> None:
    X, y = table(kind)
    given, expected = (make(kind, max_iter=3, **changed).fit(X, y) for make in (ours, theirs))
    for name in public_attributes(expected):
        assert hasattr(given, name), name
        assert isinstance(getattr(given, name), list) == isinstance(getattr(expected, name), list), name
        assert (getattr(given, name) is None) == (getattr(expected, name) is None), name
    for name in ("loss_curve_", "coefs_", "intercepts_"):
        if hasattr(expected, name):
            assert len(getattr(given, name)) == len(getattr(expected, name))
    assert public_attributes(given) <= set(dir(given))


def public_attributes(estimator: Any) -> set[str]:
    """Return the names that end in an underscore and start with none, of the instance and of its properties."""
    return {name for name in dir(estimator) if name.endswith("_") and not name.startswith("_")}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_a_fit_is_there_before_it(kind: str) -> None:
    unfitted = ours(kind)
    assert [name for name in public_attributes(unfitted) if hasattr(unfitted, name)] == []


# ---- refusals

REFUSED: dict[str, tuple[Any, ...]] = {
    "hidden_layer_sizes": (0, -3, (5, 0), "10", (5, 2.5), None),
    "activation": ("sigmoid", 3, None, ["relu", "relu"], ["nothing"]),
    "solver": ("newton", None, 1),
    "alpha": (-1e-9, "small", np.nan, None),
    "batch_size": (0, -5, "all", 2.5),
    "learning_rate": ("falling", 0.1),
    "learning_rate_init": (0, -1.0, "fast", np.nan),
    "power_t": (-0.1, "x"),
    "max_iter": (0, -1, 1.5, "many"),
    "shuffle": ("yes", None, 3),
    "random_state": ("seed", -1, 1.5),
    "tol": (-1e-9, "x"),
    "verbose": (-1, "loud"),
    "warm_start": ("yes", None),
    "momentum": (-0.1, 1.1, "x"),
    "nesterovs_momentum": ("yes", None),
    "early_stopping": ("yes", None),
    "validation_fraction": (-0.1, 1.0, "x"),
    "beta_1": (-0.1, 1.0, "x"),
    "beta_2": (-0.1, 1.0, "x"),
    "epsilon": (0.0, -1e-8, "x"),
    "n_iter_no_change": (0, -1, 1.5, "x"),
    "max_fun": (0, 1.5, "x"),
    "dropout": (-0.1, 1.0, "x", np.nan),
    "clip_norm": (0.0, -1.0, "x", np.nan),
    "lr_schedule": ("falling", 3),
    "callbacks": (3, ["not callable"]),
    "keep_optimizer_state": ("yes", None),
    "threads": (0, -1, 1.5, "x"),
    "backend": ("cuda", None),
    "dtype": ("float16", "int32", "single precision", 7),
    "weight_decay": (-0.1, "x", np.nan),
}
CASES = [(name, value) for name, values in REFUSED.items() for value in values]


def assert_refused(kind: str, name: str, value: Any, method: str) -> None:
    X, y = table(kind)
    changed = {"solver": "adamw"} if name == "weight_decay" else {}
    estimator = ours(kind, **changed | {name: value})
    with pytest.raises((ValueError, TypeError)) as caught:
        getattr(estimator, method)(X, y, **({"classes": np.unique(y)} if method == "partial_fit" else {}))
    assert name in str(caught.value)
    assert not hasattr(estimator, "coefs_")


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(("name", "value"), CASES, ids=str)
def test_unusable_values_are_refused_by_the_parameters_name(name: str, value: Any, method: str) -> None:
    if method == "partial_fit" and name == "solver":
        assert not hasattr(ours("classes", solver=value), "partial_fit")
        return
    assert_refused("classes", name, value, method)


@pytest.mark.parametrize("value", ["squared", None, 1])
def test_unusable_losses_are_refused_by_name(value: Any) -> None:
    assert_refused("one output", "loss", value, "fit")


@pytest.mark.parametrize(("loss", "value"), [("quantile", 0.0), ("quantile", 1.0), ("quantile", "x"), ("huber", 0.0)])
def test_unusable_parameters_of_losses_are_refused_by_name(loss: str, value: Any) -> None:
    X, y = table("one output")
    with pytest.raises((ValueError, TypeError), match="loss_parameter"):
        ours("one output", loss=loss, loss_parameter=value).fit(X, y)


def test_unusable_weights_of_classes_are_refused_by_name() -> None:
    X, y = table("classes")
    with pytest.raises((ValueError, TypeError), match="class_weight"):
        ours("classes", class_weight="heavy").fit(X, y)


def test_parameters_are_checked_when_fitting_not_when_made() -> None:
    refused = MLPClassifier(solver="newton")
    assert refused.get_params()["solver"] == "newton"


@pytest.mark.parametrize("kind", CLASSIFIED)
def test_partial_fit_is_not_there_for_lbfgs(kind: str) -> None:
    assert not hasattr(ours(kind, solver="lbfgs"), "partial_fit")
    assert hasattr(ours(kind, solver="adamw"), "partial_fit")
    assert not hasattr(theirs(kind, solver="lbfgs"), "partial_fit")


def test_a_poisson_loss_refuses_negative_targets() -> None:
    X, y = table("one output")
    assert y.min() < 0
    with pytest.raises(ValueError, match=r"negative|at least 0"):
        ours("poisson").fit(X, y)
