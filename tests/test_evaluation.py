"""The figures of an evaluation are those of scikit-learn, and labels are those the model knows."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from example_predictors import of_categories, regressor
from sklearn import metrics

from trainer.columns import numeric_columns
from trainer.errors import InputError
from trainer.evaluation import evaluate_classes, evaluate_numbers
from trainer.labelled_rows import read_labelled
from trainer.model import MLP
from trainer.predictor import Predictor
from trainer.preprocessing import Standardizer

ROWS = 200


def classifier(n_classes: int = 4, **options: Any) -> Predictor:
    defaults = {"output_activation": "softmax", "loss": "cross_entropy", "random_state": 3}
    model = MLP([2, 8, n_classes], **defaults | options)
    return Predictor(model, "classify", tuple("abcdefgh"[:n_classes]), numeric_columns("xy"), "kind")


def rows(n_classes: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return 3 * generator.normal(size=(ROWS, 2)), generator.integers(0, n_classes, ROWS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_classes", [2, 4, 7])
def test_figures_of_classes_are_those_of_scikit_learn(n_classes: int, dtype: str) -> None:
    predictor, (X, y) = classifier(n_classes, dtype=dtype), rows(n_classes)
    found = evaluate_classes(predictor, X, y)
    places = {label: i for i, label in enumerate(predictor.classes)}
    predicted = np.array([places[label] for label in predictor.predict(X)])
    labels = list(range(n_classes))
    expected = metrics.precision_recall_fscore_support(y, predicted, labels=labels, zero_division=np.nan)
    np.testing.assert_allclose([found.precision, found.recall, found.f1], expected[:3], rtol=1e-14)
    assert found.support.tolist() == expected[3].tolist()
    assert found.confusion.tolist() == metrics.confusion_matrix(y, predicted, labels=labels).tolist()
    assert found.accuracy == pytest.approx(metrics.accuracy_score(y, predicted), rel=1e-15)
    assert found.log_loss == pytest.approx(metrics.log_loss(y, predictor.probabilities(X), labels=labels), rel=1e-12)
    assert found.rows == ROWS


def test_a_class_without_rows_or_predictions_has_no_shares_but_the_others_have() -> None:
    predictor, (X, y) = classifier(), rows(3)
    found = evaluate_classes(predictor, X, y)
    assert np.isnan(found.recall[3])
    assert found.support[3] == 0
    assert np.isfinite(found.recall[:3]).all()
    assert found.confusion.sum() == ROWS


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_log_loss_of_certain_errors_is_finite_and_clipped(dtype: str) -> None:
    predictor = classifier(2, output_activation="relu", loss="mse", dtype=dtype)
    predictor.model.parameters[:] = 0
    predictor.model.biases[1][:] = 0, 1
    X, y = rows(2)
    found = evaluate_classes(predictor, X, y)
    floor = float(np.finfo(dtype).tiny)
    assert found.floor == floor
    assert found.log_loss == pytest.approx((y == 0).mean() * -np.log(floor))


@pytest.mark.parametrize(
    ("loss", "parameter", "outputs"),
    [
        ("mse", None, "identity"),
        ("absolute", None, "identity"),
        ("quantile", 0.3, "identity"),
        ("huber", 0.5, "identity"),
        ("poisson", None, "exp"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_figures_of_numbers_are_those_of_scikit_learn(loss: str, parameter: float | None, outputs: str) -> None:
    model = MLP([2, 6, 1], loss=loss, loss_parameter=parameter, output_activation=outputs, random_state=0)
    target = None if loss == "poisson" else Standardizer(np.array([5.0]), np.array([3.0]))
    predictor = Predictor(model, "regress", (), numeric_columns("xy"), "y", None, target)
    X = np.random.default_rng(0).normal(size=(ROWS, 2))
    y = np.random.default_rng(1).poisson(4.0, ROWS).astype(np.float64)
    found, predicted = evaluate_numbers(predictor, X, y), predictor.predict(X)
    assert found.r2 == pytest.approx(metrics.r2_score(y, predicted), rel=1e-12)
    assert found.mae == pytest.approx(metrics.mean_absolute_error(y, predicted), rel=1e-12)
    assert found.rmse == pytest.approx(metrics.root_mean_squared_error(y, predicted), rel=1e-12)
    assert found.residuals.tolist() == (y - predicted).tolist()
    shares = {
        "absolute": lambda: metrics.d2_absolute_error_score(y, predicted),
        "quantile": lambda: metrics.d2_pinball_score(y, predicted, alpha=0.3),
        "poisson": lambda: metrics.d2_tweedie_score(y, predicted, power=1),
    }
    if loss in shares:
        assert found.d2 == pytest.approx(shares[loss](), rel=1e-10)
    elif loss == "mse":
        assert found.d2 is None
    else:
        assert found.d2 is not None
        assert found.d2 < 1


def test_a_target_that_never_changes_leaves_nothing_to_explain() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert evaluate_numbers(regressor(), np.ones((5, 2)), np.full(5, 1e9)).r2 == -np.inf


# ---- labels


def known(*classes: Any) -> Predictor:
    return replace(classifier(len(classes)), classes=classes)


@pytest.mark.parametrize(
    ("classes", "text", "expected"),
    [
        (("no", "yes", "zero"), "x,y,kind\n1,2,yes\n3,4, no \n5,6,yes\n", [1, 0, 1]),
        (("1", "2", "b"), "x,y,kind\n1,2,2\n3,4,1\n", [1, 0]),
        (("1", "2.0", "true"), "x,y,kind\n1,2,2.0\n3,4,true\n", [1, 2]),
        ((-1, 0, 5), "y,kind,x\n1,5,3\n3,-1,4\n", [2, 0]),
        ((0, 1, 2), "kind,x,y\n1.0,2,3\n2.0,3,4\n", [1, 2]),
        ((False, True), "x,y,kind\n1,2,True\n3,4,true\n", [1, 1]),
        (("a", "b"), "x,y,kind\n1,2,b\n", [1]),
    ],
)
def test_labels_become_the_places_of_their_classes(
    classes: tuple[Any, ...], text: str, expected: list[int], write: Any
) -> None:
    X, y = read_labelled(write(text), known(*classes))
    assert y.tolist() == expected
    assert X.shape == (len(expected), 2)


@pytest.mark.parametrize(
    ("classes", "text", "words"),
    [
        (("a", "b"), "x,y,kind\n1,2,a\n1,2,c\n", "column 'kind', row 2 holds 'c'; the model knows 'a', 'b'"),
        ((0, 1), "x,y,kind\n1,2,0\n1,2,7\n", "row 2 holds 7; the model knows '0', '1'"),
        ((0, 1), "x,y,kind\n1,2,true\n1,2,false\n", "row 1 holds True"),
        ((0, 1), "x,y,kind\n1,2,0\n1,2,0.5\n", "row 2 (line 3) holds '0.5'"),
        ((0, 1), "x,y,kind\n1,2,0\n1,2,\n", "row 2 (line 3) is missing"),
        ((False, True), "x,y,kind\n1,2,0\n1,2,1\n", "row 1 holds 0"),
        (("a", "b"), "x,y\n1,2\n", "there is no target column 'kind'"),
        (("a", "b"), "x,kind\n1,a\n", "lacks the features 'y'"),
        (("a", "b"), "x,y,z,kind\n1,2,3,a\n", "'z' are not features"),
        (("a", "b"), "x,y,kind\n1,two,a\n", "'two'"),
    ],
)
def test_labels_and_columns_that_the_model_does_not_know_are_named(
    classes: tuple[Any, ...], text: str, words: str, write: Any
) -> None:
    with pytest.raises(InputError) as caught:
        read_labelled(write(text), known(*classes))
    assert words in str(caught.value)


def test_the_answers_may_be_in_another_column(write: Any) -> None:
    path = write("x,y,truth\n1,2,b\n3,4,a\n")
    assert read_labelled(path, known("a", "b"), "truth")[1].tolist() == [1, 0]


def test_labels_of_arrays_are_read_too(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", X=np.ones((3, 2)), kind=np.array(["b", "a", "b"]))
    assert read_labelled(tmp_path / "t.npz", known("a", "b"))[1].tolist() == [1, 0, 1]


def test_numbers_are_read_as_numbers_and_counts_must_be_counts(write: Any) -> None:
    predictor = replace(regressor(), target_name="y")
    assert read_labelled(write("x0,x1,y\n1,2,3\n1,2,4.5\n"), predictor)[1].tolist() == [3.0, 4.5]
    counting = replace(predictor, model=MLP([2, 1], loss="poisson", output_activation="exp"))
    with pytest.raises(InputError, match="row 2 holds -1"):
        read_labelled(write("x0,x1,y\n1,2,3\n1,2,-1\n"), counting)


def test_missing_cells_are_measured_as_they_are_predicted() -> None:
    X = np.array([[1.0, 2.0, 30.0], [2.0, np.nan, np.nan]])
    assert evaluate_classes(of_categories(), X, np.array([0, 1])).rows == 2
