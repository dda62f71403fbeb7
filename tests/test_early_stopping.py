"""Training that stops once the validation loss no longer falls, and keeps the parameters of its lowest value."""

from __future__ import annotations

import numpy as np
import pytest

from trainer import MLP
from trainer.errors import InputError
from trainer.terms import objective
from trainer.training import Outcome, Samples, train_epochs

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(60, 5))
NOISY = (X[:, :1] + GENERATOR.normal(size=(60, 1)) > 0) @ np.array([[1.0, -1.0]]) + np.array([[0.0, 1.0]])
TRAINING, VALIDATION = Samples(X[:30], NOISY[:30]), Samples(X[30:], NOISY[30:])


def train(epochs: int = 2000, **options: object) -> tuple[MLP, Outcome]:
    model = MLP([5, 20, 2], output_activation="softmax", loss="cross_entropy", dtype="float64", random_state=2)
    outcome = train_epochs(
        model,
        TRAINING,
        epochs=epochs,
        learning_rate=0.5,
        terms=objective(),
        validation=VALIDATION,
        **options,  # type: ignore[arg-type]
    )
    return model, outcome


@pytest.mark.parametrize("record_every", [1, 7])
def test_training_stops_so_many_epochs_after_the_lowest_validation_loss(record_every: int) -> None:
    _, whole = train(record_every=record_every)
    losses, epochs = whole.history["val_loss"], whole.history["epoch"]
    lowest = int(epochs[losses.argmin()])
    assert 0 < lowest < 1500  # it overfits: there is something to stop for
    assert not whole.stopped_early
    assert whole.best_epoch is None
    _, outcome = train(record_every=record_every, patience=200)
    assert outcome.stopped_early
    assert outcome.best_epoch == lowest
    last = int(outcome.history["epoch"][-1])
    assert lowest + 200 <= last < lowest + 200 + record_every
    assert outcome.epochs_done == last + 1
    np.testing.assert_array_equal(outcome.history["val_loss"], losses[: outcome.history.n_records])


def test_the_parameters_of_the_lowest_validation_loss_are_kept() -> None:
    model, outcome = train(keep_best=True)
    assert not outcome.stopped_early
    assert outcome.final["val_loss"] == outcome.history["val_loss"].min()
    assert outcome.best_epoch is not None
    shorter, _ = train(epochs=outcome.best_epoch + 1)
    assert shorter.parameters.tobytes() == model.parameters.tobytes()


def test_without_keeping_the_parameters_of_the_last_epoch_stay() -> None:
    model, outcome = train(patience=200)
    shorter, _ = train(epochs=outcome.epochs_done)
    assert shorter.parameters.tobytes() == model.parameters.tobytes()


@pytest.mark.parametrize("options", [{"patience": 3}, {"keep_best": True}])
def test_rows_to_watch_are_asked_for(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match="validation: None given"):
        train_epochs(MLP([5, 2]), TRAINING, epochs=3, learning_rate=0.1, terms=objective(), **options)  # type: ignore[arg-type]
