"""scikit-learn's own checks of estimators, without expected failures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from estimators_under_test import MLPClassifier, MLPRegressor, bound, distance
from sklearn.utils.estimator_checks import (
    check_sample_weight_equivalence_on_dense_data,
    estimator_checks_generator,
    parametrize_with_checks,
)

# scikit-learn's checks of its own perceptrons train them for 100 epochs, which says nothing about convergence.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
EPOCHS = {"max_iter": 100}
# They compare two fits to 1e-7, more than float32 has; `test_float32_weights_stand_for_repeated_rows` has a bound.
OF_FLOAT64_ALONE = (
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
)


def name_of(check: Any) -> str:
    return getattr(check, "func", check).__name__


def checks_for_float32(**parameters: Any) -> list[Any]:
    instances = [Estimator(**EPOCHS, dtype="float32", **parameters) for Estimator in (MLPClassifier, MLPRegressor)]
    return [
        pytest.param(estimator, check, id=f"{estimator}-{name_of(check)}-{i}")
        for instance in instances
        for i, (estimator, check) in enumerate(estimator_checks_generator(instance))
        if name_of(check) not in OF_FLOAT64_ALONE
    ]


@parametrize_with_checks([MLPClassifier(**EPOCHS), MLPRegressor(**EPOCHS)])
def test_defaults_pass_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@parametrize_with_checks(
    [Estimator(**EPOCHS, solver=solver) for solver in ("lbfgs", "sgd") for Estimator in (MLPClassifier, MLPRegressor)]
)
def test_other_solvers_pass_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@parametrize_with_checks([Estimator(**EPOCHS, backend="numpy") for Estimator in (MLPClassifier, MLPRegressor)])
def test_the_numpy_backend_passes_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize(("estimator", "check"), checks_for_float32())
def test_float32_passes_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


# With the parameters that scikit-learn gives its own in this check.
@pytest.mark.parametrize(
    "estimator",
    [MLPClassifier(**EPOCHS, solver="lbfgs"), MLPRegressor(**EPOCHS, solver="sgd", tol=1e-2, random_state=42)],
    ids=str,
)
def test_weights_stand_for_repeated_rows(estimator: Any) -> None:
    check_sample_weight_equivalence_on_dense_data(type(estimator).__name__, estimator)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_float32_weights_stand_for_repeated_rows(Estimator: Any, solver: str) -> None:
    generator = np.random.default_rng(2)
    X, y = generator.standard_normal((30, 4)), generator.integers(0, 3, 30)
    times = generator.integers(0, 4, 30)
    pair = [Estimator(**EPOCHS, solver=solver, dtype="float32", shuffle=False, random_state=0) for _ in range(2)]
    pair[0].fit(X, y, sample_weight=times)
    pair[1].fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    # All rows are one batch, so there are 100 steps; see `estimators_under_test` for the bound.
    assert pair[0].n_iter_ == pair[1].n_iter_ == 100
    assert distance(*pair) <= bound("float32", 100)
