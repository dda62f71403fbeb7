"""What surrounds estimators: pipelines, searches, copies, routed weights, labels, outputs, and more processes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from estimators_under_test import (
    CLASSIFIED,
    DTYPES,
    KINDS,
    ROWS,
    MLPClassifier,
    MLPRegressor,
    all_classes,
    assert_close,
    assert_same_fit,
    bound,
    ours,
    row_weights,
    table,
    theirs,
)
from joblib import Parallel, delayed, dump, load
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# ---- pipelines and searches


@pytest.mark.parametrize("kind", ["classes", "one output"])
def test_a_pipeline_with_a_scaler_equals_one_with_scikit_learns(kind: str) -> None:
    X, y = table(kind)
    given, expected = (make_pipeline(StandardScaler(), make(kind)).fit(X * 9 + 4, y) for make in (ours, theirs))
    assert given.score(X * 9 + 4, y) == pytest.approx(expected.score(X * 9 + 4, y), abs=1e-9)
    assert_same_fit(given[-1], expected[-1], X, bound("float64"))


@pytest.mark.parametrize("kind", ["classes", "one output"])
def test_a_search_in_two_processes_finds_what_scikit_learns_finds(kind: str) -> None:
    X, y = table(kind)
    grid = {"mlp__alpha": [1e-4, 3.0], "mlp__hidden_layer_sizes": [(3,), (6, 2)]}
    searches = [
        GridSearchCV(Pipeline([("scale", StandardScaler()), ("mlp", make(kind))]), grid, cv=KFold(3), n_jobs=2)
        for make in (ours, theirs)
    ]
    given, expected = (search.fit(X, y) for search in searches)
    scores = "mean_test_score"
    # Of 40 rows a single one, should rounding tip it, is 1/40.
    np.testing.assert_allclose(given.cv_results_[scores], expected.cv_results_[scores], atol=1 / 40)
    assert given.best_params_ == expected.best_params_


@pytest.mark.parametrize("kind", ["classes", "one output"])
def test_cross_validation_gives_scikit_learns_scores(kind: str) -> None:
    X, y = table(kind)
    given, expected = (cross_val_score(make(kind), X, y, cv=KFold(4)) for make in (ours, theirs))
    np.testing.assert_allclose(given, expected, atol=1 / 30)


def test_predictions_of_a_pipeline_follow_set_output() -> None:
    polars = pytest.importorskip("polars")
    X, y = table("one output")
    frame = polars.DataFrame(X, schema=[f"x{i}" for i in range(X.shape[1])])
    pipeline = make_pipeline(StandardScaler(), ours("one output")).set_output(transform="polars").fit(frame, y)
    assert isinstance(pipeline[:-1].transform(frame), polars.DataFrame)
    assert list(pipeline[-1].feature_names_in_) == frame.columns
    plain = make_pipeline(StandardScaler(), ours("one output")).fit(X, y)
    assert_close(pipeline.predict(frame), plain.predict(X), 10 * bound("float64"), "predict")


# ---- weights that are routed


@pytest.mark.parametrize("kind", ["classes", "one output"])
def test_weights_of_rows_reach_the_fits_of_a_search(kind: str) -> None:
    X, y = table(kind)
    with config_context(enable_metadata_routing=True):
        requested = ours(kind).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(requested, {"alpha": [1e-4]}, cv=KFold(3)).fit(X, y, sample_weight=row_weights())
    direct = ours(kind).fit(X, y, sample_weight=row_weights())
    assert_same_fit(search.best_estimator_, direct, X, bound("float64"))


def test_weights_that_nobody_asked_for_are_refused() -> None:
    X, y = table("classes")
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(ours("classes"), {"alpha": [1e-4]})
        with pytest.raises(ValueError, match="sample_weight"):
            search.fit(X, y, sample_weight=row_weights())


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_partial_fits_can_ask_for_weights_of_rows(Estimator: Any) -> None:
    with config_context(enable_metadata_routing=True):
        asked = Estimator().set_partial_fit_request(sample_weight=True)
    assert asked.get_metadata_routing().partial_fit.requests["sample_weight"] is True


# ---- copies


@pytest.mark.parametrize("kind", KINDS)
def test_pickled_and_dumped_estimators_predict_and_train_on_alike(kind: str, tmp_path: Any) -> None:
    X, y = table(kind)
    fitted = ours(kind).fit(X, y)
    dump(fitted, tmp_path / "estimator.joblib")
    mapped = load(tmp_path / "estimator.joblib", mmap_mode="r")
    np.testing.assert_array_equal(mapped.predict(X), fitted.predict(X))
    copies = [pickle.loads(pickle.dumps(fitted)), load(tmp_path / "estimator.joblib")]
    fitted.partial_fit(X, y)
    for copy in copies:
        copy.partial_fit(X, y)
        for one, other in zip(copy.coefs_ + copy.intercepts_, fitted.coefs_ + fitted.intercepts_, strict=True):
            np.testing.assert_array_equal(one, other)


def test_clones_of_fitted_estimators_are_unfitted_and_fit_alike() -> None:
    X, y = table("classes")
    fitted = ours("classes").fit(X, y)
    copy = clone(fitted)
    with pytest.raises(NotFittedError):
        copy.predict(X)
    assert_same_fit(copy.fit(X, y), fitted, X, 0)


def test_fits_do_not_change_what_they_are_given() -> None:
    X, y = table("two outputs")
    weights = row_weights()
    before = X.copy(), y.copy(), weights.copy()
    for array in (X, y, weights):
        array.flags.writeable = False
    ours("two outputs").fit(X, y, sample_weight=weights)
    for array, copy in zip((X, y, weights), before, strict=True):
        np.testing.assert_array_equal(array, copy)


# ---- labels, outputs and scores


@pytest.mark.parametrize(
    "names",
    [["no", "yes"], ["low", "middle", "high"], [False, True], [-1, 1], [2.0, 5.0, 9.0], [10, 20, 30, 40]],
    ids=str,
)
def test_classes_keep_their_names_and_type(names: list[Any]) -> None:
    X, _ = table("classes")
    y = np.array(names)[np.arange(ROWS) % len(names)]
    given, expected = (make("classes").fit(X, y) for make in (ours, theirs))
    np.testing.assert_array_equal(given.classes_, expected.classes_)
    assert given.classes_.dtype == expected.classes_.dtype
    assert given.predict(X).dtype == expected.predict(X).dtype
    assert set(given.predict(X)) <= set(names)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_have_scikit_learns_shapes_and_types(kind: str, dtype: str) -> None:
    X, y = table(kind, dtype)
    given, expected = (make(kind).fit(X, y) for make in (ours, theirs))
    methods = ("predict", "predict_proba", "predict_log_proba") if kind in CLASSIFIED else ("predict",)
    for method in methods:
        for rows in (X, X[:1], X.astype("float64"), X.astype("float32")):
            got, wanted = getattr(given, method)(rows), getattr(expected, method)(rows)
            assert (type(got), got.shape) == (type(wanted), wanted.shape), method
            assert got.dtype.kind == wanted.dtype.kind
        assert getattr(given, method)(X).dtype == getattr(expected, method)(X).dtype


@pytest.mark.parametrize("kind", CLASSIFIED)
def test_probabilities_are_those_of_the_classes(kind: str) -> None:
    X, y = table(kind)
    fitted = ours(kind).fit(X, y)
    probabilities = fitted.predict_proba(X)
    assert (probabilities > 0).all()
    assert (probabilities < 1).all()
    assert_close(fitted.predict_log_proba(X), np.log(probabilities), 1e-14, "predict_log_proba")
    if kind == "multilabel":
        np.testing.assert_array_equal(fitted.predict(X), probabilities > 0.5)
        return
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-15 * len(fitted.classes_))
    np.testing.assert_array_equal(fitted.predict(X), fitted.classes_[probabilities.argmax(axis=1)])


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_accuracies_and_r2(kind: str) -> None:
    X, y = table(kind)
    fitted, weights = ours(kind).fit(X, y), row_weights()
    score = accuracy_score if kind in CLASSIFIED else r2_score
    assert fitted.score(X, y) == pytest.approx(score(y, fitted.predict(X)), rel=1e-12)
    weighted = score(y, fitted.predict(X), sample_weight=weights)
    assert fitted.score(X, y, sample_weight=weights) == pytest.approx(weighted, rel=1e-12)


def test_estimators_are_of_their_kind() -> None:
    assert is_classifier(MLPClassifier())
    assert is_regressor(MLPRegressor())


# ---- more processes and threads


def fit_in_worker(kind: str, seed: int) -> tuple[np.ndarray, int]:
    """Return the first weights, and how many threads a fit of a wide network takes here."""
    from trainer.threads import threads_that_pay

    X, y = table(kind)
    return ours(kind, random_state=seed).fit(X, y).coefs_[0], threads_that_pay(1e12)


def test_workers_compute_in_one_thread_each_and_get_the_same_weights() -> None:
    results = Parallel(n_jobs=2)(delayed(fit_in_worker)("classes", seed) for seed in range(4))
    assert [threads for _, threads in results] == [1] * 4
    for seed, (weights, _) in enumerate(results):
        np.testing.assert_array_equal(weights, fit_in_worker("classes", seed)[0])


def test_threads_of_one_process_fit_side_by_side() -> None:
    results = Parallel(n_jobs=2, backend="threading")(delayed(fit_in_worker)("classes", seed) for seed in range(6))
    for seed, (weights, _) in enumerate(results):
        np.testing.assert_array_equal(weights, fit_in_worker("classes", seed)[0])


@pytest.mark.parametrize("kind", CLASSIFIED)
def test_partial_fit_refuses_classes_that_it_was_not_told(kind: str) -> None:
    X, y = table(kind)
    with pytest.raises(ValueError, match="classes must be passed"):
        ours(kind).partial_fit(X, y)
    started = ours(kind).partial_fit(X, y, **all_classes(kind))
    with pytest.raises(ValueError, match="classes"):
        started.partial_fit(X, y, classes=np.arange(9))
    if kind != "multilabel":
        with pytest.raises(ValueError, match="classes"):
            started.partial_fit(X, np.where(np.arange(ROWS) == 5, y[0] * 3, y))


def test_without_scikit_learn_the_extra_is_named() -> None:
    hidden = "import sys; sys.modules['sklearn'] = None; import trainer.estimators"
    failed = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "trainer.estimators needs scikit-learn: pip install 'scratch-mlp[sklearn]'" in failed.stderr
