"""A training that goes on from where it stood leads to the same bits as one that was never stopped."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies

from trainer import MLP
from trainer.checkpoints import Checkpoints
from trainer.standing import Standing, StandingError, arrays_of, standing_of
from trainer.terms import objective, optimizer
from trainer.training import Outcome, Report, Samples, train_epochs

GENERATOR = np.random.default_rng(5)
X = GENERATOR.normal(size=(150, 4))
Y = np.eye(3)[np.abs(X[:, :3]).argmax(axis=1)]
TRAINING, VALIDATION = Samples(X[:120], Y[:120]), Samples(X[120:], Y[120:])
EPOCHS = 12


class Blocks:
    """A stream of rows in blocks of 50, 50 and 20."""

    sizes = (50, 50, 20)

    def samples(self, block: int) -> Samples:
        rows = slice(50 * block, 50 * block + self.sizes[block])
        return Samples(TRAINING.X[rows], TRAINING.Y[rows])


OPTIONS: dict[str, dict[str, Any]] = {
    "all rows": {"shuffle": False, "batch_size": None},
    "adam, shuffled": {"optimizer": "adam", "schedule": "cosine"},
    "dropout and early stopping": {"terms": objective(dropout=0.3, l2=0.1), "patience": 4, "keep_best": True},
    "momentum, clipped": {"optimizer": "momentum", "terms": objective(clip_norm=0.1), "record_every": 3},
    "stream": {"training": Blocks()},
    "stream, adam": {"training": Blocks(), "optimizer": "adam", "record_every": 2},
}


def train(options: dict[str, Any], **further: Any) -> tuple[MLP, Outcome]:
    chosen = {"terms": objective(), "shuffle": True, "batch_size": 8, **options, **further}
    model = MLP([4, 9, 3], output_activation="softmax", loss="cross_entropy", dtype="float64", random_state=1)
    if "optimizer" in chosen:
        chosen["optimizer"] = optimizer(chosen["optimizer"])
    rows = chosen.pop("training", TRAINING)
    outcome = train_epochs(model, rows, epochs=EPOCHS, learning_rate=0.05, validation=VALIDATION, **chosen)
    return model, outcome


def equal_histories(one: Outcome, other: Outcome) -> None:
    assert list(one.history) == list(other.history)
    for name in one.history:
        np.testing.assert_array_equal(one.history[name], other.history[name])


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_from_every_few_steps_on_the_bits_records_and_snapshots_are_the_same(options: dict[str, Any]) -> None:
    written: list[Standing] = []
    options = {**options, "snapshot_epochs": (0, 3, 8)}
    whole, expected = train(options, checkpoints=Checkpoints(written.append, steps=11))
    unwatched, _ = train(options)
    assert unwatched.parameters.tobytes() == whole.parameters.tobytes()
    assert len(written) >= min(6, expected.steps_done // 11)
    for standing in written:
        again = standing_of(standing.parameters, arrays_of(standing))
        model, outcome = train(options, standing=again)
        assert model.parameters.tobytes() == whole.parameters.tobytes()
        equal_histories(outcome, expected)
        assert outcome.steps_done == expected.steps_done
        assert (outcome.best_epoch, outcome.stopped_early) == (expected.best_epoch, expected.stopped_early)
        assert [epoch for epoch, _ in outcome.snapshots] == [epoch for epoch, _ in expected.snapshots]
        for (_, one), (_, other) in zip(outcome.snapshots, expected.snapshots, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_training_that_was_interrupted_goes_on_within_its_epoch() -> None:
    written: list[Standing] = []
    heard: list[Report] = []

    def stop(report: Report) -> bool:
        heard.append(report)
        return True

    whole, expected = train({})
    _, cut = train({}, callbacks=[stop], checkpoints=Checkpoints(written.append, seconds=1000.0))
    assert cut.interrupted
    assert cut.steps_done < expected.steps_done
    assert cut.steps_done % 15  # within an epoch
    model, outcome = train({}, standing=written[-1])
    assert model.parameters.tobytes() == whole.parameters.tobytes()
    equal_histories(outcome, expected)
    assert heard[-1].ended


def test_every_step_of_a_stream_sees_rows_of_one_block_and_every_epoch_each_row_once() -> None:
    seen: list[np.ndarray] = []

    class Watched(Blocks):
        def samples(self, block: int) -> Samples:
            seen.append(np.array([block]))
            return super().samples(block)

    _, outcome = train({"training": Watched()})
    assert outcome.steps_done == EPOCHS * (7 + 7 + 3)
    blocks = np.concatenate(seen[1:]).tolist()  # the first one tells the run its kind
    for epoch in range(EPOCHS):
        assert sorted(blocks[3 * epoch : 3 * epoch + 3]) == [0, 1, 2]
    assert len({tuple(blocks[3 * epoch : 3 * epoch + 3]) for epoch in range(EPOCHS)}) > 1


def test_a_stream_of_one_block_is_trained_like_the_rows_in_memory() -> None:
    class Whole:
        sizes = (120,)

        def samples(self, block: int) -> Samples:
            return TRAINING

    in_memory, _ = train({"shuffle": False})
    streamed, outcome = train({"shuffle": False, "training": Whole()})
    assert streamed.parameters.tobytes() == in_memory.parameters.tobytes()
    assert outcome.epochs_done == EPOCHS


def changed(array: np.ndarray, change: str) -> np.ndarray:
    whole = array.dtype.kind in "iu"
    return {
        "empty": array[:0],
        "deeper": array[None],
        "other dtype": array.astype(np.uint8),
        "huge": np.full_like(array, np.iinfo(array.dtype).max if whole else 1e300),
        "negative": np.full_like(array, 1 if array.dtype.kind == "u" else -1),
    }[change]


@settings(derandomize=True, max_examples=150, deadline=None)
@given(data=strategies.data())
def test_a_standing_of_another_training_is_refused_or_leads_to_an_end(data: strategies.DataObject) -> None:
    options = {**OPTIONS["dropout and early stopping"], "snapshot_epochs": (0, 3), "optimizer": "momentum"}
    written: list[Standing] = []
    train(options, checkpoints=Checkpoints(written.append, steps=50))
    arrays = arrays_of(written[0])
    name = data.draw(strategies.sampled_from(sorted(arrays)))
    change = data.draw(strategies.sampled_from(["missing", "empty", "deeper", "other dtype", "huge", "negative"]))
    array = arrays.pop(name)
    if change != "missing":
        arrays[name] = changed(array, change)
    with suppress(StandingError):
        _, outcome = train(options, standing=standing_of(written[0].parameters, arrays))
        assert outcome.epochs_done >= written[0].epochs_done


@pytest.mark.parametrize(
    ("name", "value"),
    [("run.step", np.array([15])), ("run.period", np.array([-1])), ("run.order", np.arange(7))],
)
def test_a_standing_that_cannot_be_is_refused_by_name(name: str, value: np.ndarray) -> None:
    written: list[Standing] = []
    train({}, checkpoints=Checkpoints(written.append, steps=50))
    arrays = arrays_of(written[0])
    with pytest.raises(StandingError, match=name.removeprefix("run.").replace("period", "epoch")):
        train({}, standing=standing_of(written[0].parameters, arrays | {name: value}))
