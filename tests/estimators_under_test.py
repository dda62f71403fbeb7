"""The estimators beside scikit-learn's: small tables of every kind, twin fits, and how far rounding may part them.

Both train the same network on the same batches from the same weights, so their parameters differ by rounding alone.
Each step rounds the update of a parameter, a sum over a batch, and passes on the errors of the steps before. After
`steps` steps the parameters of a layer may be

    steps * GROWTH * u * (largest parameter of the layer)

apart, u being the unit roundoff of the type. `GROWTH` holds what a step's sums of about 50 terms add to a rounding, and
what later steps make of it. On these tables scikit-learn's float32 ends 0.1 to 0.7 steps * u from its float64, for
every solver; 30 leaves room for other orders of sums and other exponentials. A fit with one step more or less, a wrong
rate, order or initial weight is off by a share of a learning rate: `test_estimators_equality` shows that it is noticed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn import neural_network
from sklearn.base import is_classifier

from trainer import estimators

MLPClassifier, MLPRegressor = estimators.MLPClassifier, estimators.MLPRegressor

ROWS, FEATURES = 120, 5
DTYPES = ("float64", "float32")
# Of each kind of target: the class that learns it, and what it is to be given beside everything else.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "binary": ("MLPClassifier", {}),
    "classes": ("MLPClassifier", {}),
    "multilabel": ("MLPClassifier", {}),
    "one output": ("MLPRegressor", {}),
    "two outputs": ("MLPRegressor", {}),
    "poisson": ("MLPRegressor", {"loss": "poisson"}),
}
CLASSIFIED = ("binary", "classes", "multilabel")
# Three steps an epoch, the last of them of fewer rows.
SMALL = {"hidden_layer_sizes": (7,), "batch_size": 50, "max_iter": 20, "random_state": 3, "learning_rate_init": 0.01}
STEPS = 60
GROWTH = 30


def table(kind: str, dtype: Any = "float64", rows: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    """Return X (rows, 5) and targets of a kind that depend on it, with so much noise that none is certain.

    Probabilities that are learnt stay away from 0 and 1, where scikit-learn's loss is cut off and ours is not.
    """
    generator = np.random.default_rng(11)
    X = generator.standard_normal((rows, FEATURES))
    scores = X @ generator.standard_normal((FEATURES, 3)) / 2 + generator.standard_normal((rows, 3))
    targets = {
        "binary": np.where(scores[:, 0] > 0.3, 7, 2),
        "classes": np.array(["a", "b", "c"])[scores.argmax(axis=1)],
        "multilabel": (scores > 0).astype(int),
        "one output": scores[:, 0],
        "two outputs": scores[:, :2],
        "poisson": np.floor(np.exp(scores[:, 0] / 2) * 2),
    }
    y = targets[kind]
    return X.astype(dtype), y.astype(dtype) if y.dtype.kind == "f" else y


def row_weights(rows: int = ROWS) -> np.ndarray:
    """Return a weight for each row, about a tenth of them zero."""
    generator = np.random.default_rng(5)
    return np.where(generator.random(rows) < 0.1, 0.0, generator.uniform(0.1, 3.0, rows))


def all_classes(kind: str) -> dict[str, Any]:
    """Return what the first call of partial_fit is to be given beside the rows: the classes of a classifier."""
    if kind == "multilabel":
        return {"classes": np.arange(3)}
    return {"classes": np.unique(table(kind)[1])} if kind in CLASSIFIED else {}


def ours(kind: str, **parameters: Any) -> Any:
    """Return this project's estimator for a kind of target."""
    name, of_kind = KINDS[kind]
    return getattr(estimators, name)(**SMALL | of_kind | parameters)


def theirs(kind: str, **parameters: Any) -> Any:
    """Return scikit-learn's estimator for a kind of target."""
    name, of_kind = KINDS[kind]
    return getattr(neural_network, name)(**SMALL | of_kind | parameters)


def fitted_twins(kind: str, dtype: Any = "float64", weight: Any = None, **parameters: Any) -> tuple[Any, Any]:
    """Return ours and theirs with the same parameters, fitted to the kind's table."""
    X, y = table(kind, dtype)
    twins = ours(kind, **parameters), theirs(kind, **parameters)
    return tuple(twin.fit(X, y, sample_weight=weight) for twin in twins)


def bound(dtype: Any, steps: int = STEPS, growth: float = GROWTH) -> float:
    """Return how far parameters may be apart after so many steps, relative to the largest of a layer."""
    return steps * growth * float(np.finfo(dtype).eps) / 2


def distance(one: Any, other: Any) -> float:
    """Return the largest difference of two fits' parameters, relative to the largest parameter of its layer."""
    worst = 0.0
    for w, b, v, c in zip(one.coefs_, one.intercepts_, other.coefs_, other.intercepts_, strict=True):
        assert (w.shape, b.shape) == (v.shape, c.shape)
        apart = max(np.abs(w - v).max(), np.abs(b - c).max())
        worst = max(worst, float(apart / max(np.abs(v).max(), np.abs(c).max())))
    return worst


def assert_same_fit(one: Any, other: Any, X: Any, relative: float) -> None:
    """Fail where parameters, the course of training or predictions of two fits are farther apart than `relative`.

    Losses and outputs are sums over rows and layers of what the parameters are in, so they get ten times as much.
    """
    assert distance(one, other) <= relative
    for name in ("n_iter_", "t_", "n_outputs_", "n_layers_", "out_activation_", "n_features_in_"):
        assert getattr(one, name) == getattr(other, name), name
    for name in ("loss_", "best_loss_", "loss_curve_", "validation_scores_", "best_validation_score_"):
        if hasattr(other, name):  # lbfgs has a loss, but no curve
            assert_close(getattr(one, name), getattr(other, name), 10 * relative, name)
    assert_same_predictions(one, other, X, 10 * relative)


def assert_close(value: Any, expected: Any, relative: float, name: str) -> None:
    """Fail where numbers or lists differ by more than `relative` of the largest; None equals None only."""
    assert (value is None) == (expected is None), name
    if expected is not None:
        atol = relative * max(np.abs(expected).max(initial=0.0), 1e-300)
        np.testing.assert_allclose(value, expected, rtol=0, atol=atol, err_msg=name)


def assert_same_predictions(one: Any, other: Any, X: Any, relative: float) -> None:
    """Fail where outputs differ, or classes of rows whose probabilities are not within `relative` of a tie."""
    if not is_classifier(other):
        assert_close(one.predict(X), other.predict(X), relative, "predict")
        return
    probabilities = other.predict_proba(X)
    assert_close(one.predict_proba(X), probabilities, relative, "predict_proba")
    np.testing.assert_array_equal(one.classes_, other.classes_)
    decided = rows_decided(probabilities, other.out_activation_ == "softmax", relative)
    assert decided.mean() > 0.8
    np.testing.assert_array_equal(one.predict(X)[decided], other.predict(X)[decided])


def rows_decided(probabilities: np.ndarray, exclusive: bool, margin: float) -> np.ndarray:
    """Return for each row whether its class stays the same when no probability changes by more than `margin`."""
    if not exclusive:
        return (np.abs(probabilities - 0.5) > margin).all(axis=1)
    ordered = np.sort(probabilities, axis=1)
    return ordered[:, -1] - ordered[:, -2] > 2 * margin
