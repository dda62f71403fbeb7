"""scikit-learn's own callbacks: told of the fit and of each epoch, able to stop it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn.callback", reason="this scikit-learn has no callbacks")

from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trainer.estimators import MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
N_EPOCHS = 6


class Listener:
    """Keeps what it is told, and asks to stop after some epochs."""

    def __init__(self, last_epoch: int = 10**9) -> None:
        self.heard: list[str] = []
        self.scores: list[float] = []
        self.last_epoch = last_epoch

    def setup(self, estimator: Any, context: Any) -> None:
        self.heard.append("setup")

    def teardown(self, estimator: Any, context: Any) -> None:
        self.heard.append("teardown")

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self.heard.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any) -> bool:
        self.heard.append(f"end {context.task_name}")
        if context.task_name == "epoch":
            self.scores.append(fitted_estimator.score(*load_iris(return_X_y=True)))
        return len(self.scores) >= self.last_epoch


def fitted(listener: Listener, **options: Any) -> MLPClassifier:
    model = MLPClassifier(max_iter=N_EPOCHS, random_state=0, **options).set_callbacks(listener)
    return model.fit(*load_iris(return_X_y=True))


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_callback_hears_of_the_fit_and_of_every_epoch(solver: str) -> None:
    listener = Listener()
    model = fitted(listener, solver=solver)
    epochs = listener.heard.count("end epoch")
    assert epochs == N_EPOCHS == model.n_iter_
    assert listener.heard[:3] == ["setup", "begin fit", "begin epoch"]
    assert listener.heard[-2:] == ["end fit", "teardown"]
    assert listener.scores[-1] == model.score(*load_iris(return_X_y=True))
    assert len(set(listener.scores)) > 1


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_callback_can_stop_the_fit(solver: str) -> None:
    assert fitted(Listener(last_epoch=3), solver=solver).n_iter_ == 3


def test_listening_changes_nothing() -> None:
    silent = MLPClassifier(max_iter=N_EPOCHS, random_state=0).fit(*load_iris(return_X_y=True))
    for one, other in zip(silent.coefs_, fitted(Listener()).coefs_, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_callbacks_end_is_called_where_a_fit_fails() -> None:
    listener = Listener()
    with pytest.raises(ValueError, match="max_iter"):
        MLPClassifier(max_iter=0).set_callbacks(listener).fit(*load_iris(return_X_y=True))
    model = MLPClassifier(solver="sgd", learning_rate_init=1e300).set_callbacks(listener)
    with pytest.raises(ValueError, match="non-finite"):
        model.fit(*load_iris(return_X_y=True))
    assert listener.heard[-1] == "teardown"


def test_a_pipeline_with_callbacks_on_its_last_step_fits() -> None:
    listener = Listener()
    model = MLPClassifier(max_iter=N_EPOCHS, random_state=0).set_callbacks(listener)
    make_pipeline(StandardScaler(), model).fit(*load_iris(return_X_y=True))
    assert listener.heard.count("end epoch") == N_EPOCHS
