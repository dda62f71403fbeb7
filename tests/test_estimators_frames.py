"""Frames: the names of their columns are remembered, and other names or orders are refused as scikit-learn refuses."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from estimators_under_test import FEATURES, assert_close, bound, distance, ours, table, theirs

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
NAMES = [f"column {i}" for i in range(FEATURES)]


@pytest.fixture(params=["polars", "pandas"])
def frame_of(request: pytest.FixtureRequest) -> Any:
    """Return a function that makes a frame of named columns."""
    library = pytest.importorskip(request.param)
    return lambda X, names=NAMES: library.DataFrame({name: X[:, i] for i, name in enumerate(names)})


@pytest.mark.parametrize("kind", ["classes", "one output"])
def test_frames_give_the_weights_of_arrays_and_their_columns_names(frame_of: Any, kind: str) -> None:
    X, y = table(kind)
    named, plain = ours(kind).fit(frame_of(X), y), ours(kind).fit(X, y)
    assert list(named.feature_names_in_) == NAMES
    assert not hasattr(plain, "feature_names_in_")
    assert distance(named, plain) <= bound("float64")
    assert_close(named.score(frame_of(X), y), plain.score(X, y), 10 * bound("float64"), "score")


@pytest.mark.parametrize("method", ["predict", "predict_proba", "partial_fit"])
@pytest.mark.parametrize("names", [NAMES[::-1], ["other", *NAMES[1:]]], ids=["reordered", "renamed"])
def test_other_names_are_refused_in_scikit_learns_words(frame_of: Any, names: list[str], method: str) -> None:
    X, y = table("classes")
    messages = []
    for make in (ours, theirs):
        fitted = make("classes").fit(frame_of(X), y)
        arguments = (y,) if method == "partial_fit" else ()
        with pytest.raises(ValueError) as caught:
            getattr(fitted, method)(frame_of(X, names), *arguments)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert "feature names" in messages[0]


@pytest.mark.parametrize("named_first", [True, False])
def test_names_on_one_side_only_are_warned_of_in_scikit_learns_words(frame_of: Any, named_first: bool) -> None:
    X, y = table("one output")
    first, second = (frame_of(X), X) if named_first else (X, frame_of(X))
    said = []
    for make in (ours, theirs):
        fitted = make("one output").fit(first, y)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fitted.predict(second)
        said.append([str(warning.message).replace(type(fitted).__name__, "") for warning in caught])
    assert said[0] == said[1]
    assert "feature names" in said[0][0]


@pytest.mark.parametrize("early_stopping", [False, True])
def test_fits_to_frames_warn_of_nothing(frame_of: Any, early_stopping: bool) -> None:
    X, y = table("classes")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = ours("classes", early_stopping=early_stopping, tol=1.0, n_iter_no_change=1).fit(frame_of(X), y)
        assert 0 <= fitted.score(frame_of(X), y) <= 1
    assert fitted.n_iter_ < 20


def test_targets_may_be_a_column_of_a_frame(frame_of: Any) -> None:
    X, y = table("one output")
    column = frame_of(y.reshape(-1, 1), ["y"])["y"]
    assert distance(ours("one output").fit(X, column), ours("one output").fit(X, y)) <= bound("float64")
