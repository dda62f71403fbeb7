"""Training by epochs: what is recorded when, how rates change, and how it can end."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.backends import BACKENDS
from trainer.datasets import xor
from trainer.model import MLP
from trainer.pace import MAX_STEPS_PER_CALL
from trainer.schedules import SCHEDULES, learning_rates
from trainer.terms import objective
from trainer.training import Outcome, Report, Samples, train_epochs

X, Y = xor()
SAMPLES = Samples(X, Y)


def network(**options: object) -> MLP:
    return MLP([2, 6, 2], **{"random_state": 0, "dtype": "float64", **options})  # type: ignore[arg-type]


def train(model: MLP, epochs: int, samples: Samples = SAMPLES, **options: object) -> Outcome:
    chosen = {"learning_rate": 1.0, "terms": objective(), **options}
    return train_epochs(model, samples, epochs=epochs, **chosen)  # type: ignore[arg-type]


# ---- records


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("epochs", "every"), [(1, 1), (10, 1), (10, 3), (10, 10), (10, 11), (1000, 7)])
def test_epochs_divisible_by_record_every_are_recorded(epochs: int, every: int, backend: str) -> None:
    outcome = train(network(backend=backend), epochs, record_every=every)
    np.testing.assert_array_equal(outcome.history["epoch"], np.arange(0, epochs, every))
    assert {outcome.history[name].size for name in outcome.history} == {len(range(0, epochs, every))}
    assert (outcome.epochs_done, outcome.steps_done) == (epochs, epochs)
    assert not outcome.interrupted
    assert outcome.divergence is None


@pytest.mark.parametrize("backend", BACKENDS)
def test_losses_are_taken_before_the_update_and_scores_after_it(backend: str) -> None:
    model, held_out = network(backend=backend), Samples(*xor(50, random_state=1))
    for _ in range(3):
        loss, error = model.loss(X, Y), np.mean(np.abs(Y - model.forward(X)))
        history = train(model, 1, validation=held_out).history
        assert history["loss"] == pytest.approx(loss, rel=1e-12)
        assert history["mean_abs_error"] == pytest.approx(error, rel=1e-12)
        assert history["accuracy"] == np.mean(model.forward(X).argmax(1) == Y.argmax(1))
        assert history["val_loss"] == pytest.approx(model.loss(held_out.X, held_out.Y), rel=1e-12)
        assert history["val_accuracy"] == np.mean(model.forward(held_out.X).argmax(1) == held_out.Y.argmax(1))


def test_the_score_can_be_measured_on_other_rows_than_those_trained_on() -> None:
    model, few = network(), Samples(X[:50], Y[:50])
    history = train(model, 5, few, evaluated=SAMPLES).history
    assert history["accuracy"][-1] == np.mean(model.forward(X).argmax(1) == Y.argmax(1))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_r2_is_one_minus_the_unexplained_share_of_the_variance(n_outputs: int, backend: str) -> None:
    targets = np.random.default_rng(0).normal(3.0, 2.0, (300, n_outputs)) + X[:, :1]
    training, held_out = Samples(X[:200], targets[:200]), Samples(X[200:], targets[200:])
    model = MLP([2, 6, n_outputs], output_activation="identity", dtype="float64", backend=backend, random_state=0)
    history = train(model, 20, training, validation=held_out, score="r2", learning_rate=0.1).history
    assert "accuracy" not in history
    for name, samples in (("r2", training), ("val_r2", held_out)):
        unexplained = np.square(model.forward(samples.X) - samples.Y).sum()
        expected = 1 - unexplained / np.square(samples.Y - samples.Y.mean(axis=0)).sum()
        assert history[name][-1] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_gradient_norm_is_that_of_the_epochs_last_step(backend: str) -> None:
    model = network(backend=backend)
    norm = np.sqrt(sum(np.square(part).sum() for pair in model.gradients(X, Y) for part in pair))
    assert train(model, 1).history["gradient_norm"] == pytest.approx(norm, rel=1e-12)


# ---- steps and rates


@pytest.mark.parametrize(("batch_size", "steps"), [(None, 1), (300, 1), (1000, 1), (100, 3), (77, 4), (1, 300)])
def test_an_epoch_is_one_pass_over_the_data(batch_size: int | None, steps: int) -> None:
    model, reference = network(), network()
    outcome = train(model, 3, batch_size=batch_size)
    assert outcome.steps_done == 3 * steps
    reference.train_steps(X, Y, 3 * steps, learning_rate=1.0, batch_size=batch_size)
    np.testing.assert_array_equal(model.parameters, reference.parameters)


def test_the_rate_is_constant_within_an_epoch_and_follows_the_schedule() -> None:
    for schedule in SCHEDULES:
        model, reference = network(), network()
        train(model, 8, batch_size=100, schedule=schedule)
        for rate in learning_rates(schedule, 1.0, np.arange(8), 8):
            for start in (0, 100, 200):
                rows = slice(start, start + 100)
                reference.train_steps(X[rows], Y[rows], 1, learning_rate=rate)
        np.testing.assert_array_equal(model.parameters, reference.parameters)


def test_schedules_have_the_values_they_promise() -> None:
    epochs = np.arange(8)
    rates = {name: learning_rates(name, 0.5, epochs, 8) for name in SCHEDULES}
    np.testing.assert_array_equal(rates["constant"], np.full(8, 0.5))
    np.testing.assert_array_equal(rates["step"], np.repeat([0.5, 0.25, 0.125, 0.0625], 2))
    np.testing.assert_allclose(rates["exponential"], 0.5 * 0.01 ** (epochs / 8), rtol=1e-15)
    np.testing.assert_allclose(rates["cosine"], 0.5 * np.cos(np.pi * epochs / 16) ** 2, rtol=1e-14)
    assert all((values > 0).all() for values in rates.values())


def test_rates_do_not_depend_on_how_the_epochs_are_cut() -> None:
    for name in SCHEDULES:
        whole = learning_rates(name, 0.3, np.arange(100), 100)
        pieces = [learning_rates(name, 0.3, np.arange(start, start + 25), 100) for start in range(0, 100, 25)]
        np.testing.assert_array_equal(whole, np.concatenate(pieces))


# ---- snapshots


def test_snapshots_hold_the_parameters_after_so_many_epochs() -> None:
    wanted = [0, 1, 17, 400, 1000]
    model = network()
    outcome = train(model, 1000, snapshot_epochs=wanted)
    assert [epoch for epoch, _ in outcome.snapshots] == wanted
    for epoch, parameters in outcome.snapshots:
        reference = network()
        if epoch:
            train(reference, epoch)
        np.testing.assert_array_equal(parameters, reference.parameters)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("sizes", "threads", "batch_size"),
    [([2, 6, 2], 1, None), ([2, 6, 2], 1, 64), ([2, 1024, 2], 1, 128), ([2, 256, 256, 2], 3, 128)],
    ids=["in lanes", "batches in lanes", "rows further apart", "three threads"],
)
def test_snapshots_are_what_shorter_trainings_end_with(
    sizes: list[int], threads: int, batch_size: int | None, backend: str
) -> None:
    def new() -> MLP:
        return MLP(sizes, random_state=0, backend=backend, threads=threads)

    wanted = [1, 2, 5]
    outcome = train(new(), 6, snapshot_epochs=wanted, learning_rate=0.01, batch_size=batch_size, shuffle=True)
    assert [epoch for epoch, _ in outcome.snapshots] == wanted
    for epoch, parameters in outcome.snapshots:
        shorter = new()
        train(shorter, epoch, learning_rate=0.01, batch_size=batch_size, shuffle=True)
        np.testing.assert_array_equal(parameters, shorter.parameters)


def test_a_training_that_diverges_keeps_the_snapshots_before() -> None:
    outcome = train(
        network(loss="mse", output_activation="identity"), 1000, snapshot_epochs=range(1001), learning_rate=30
    )
    assert outcome.divergence is not None
    assert [epoch for epoch, _ in outcome.snapshots] == list(range(outcome.divergence.period + 1))
    assert all(np.isfinite(parameters).all() for _, parameters in outcome.snapshots)


def test_snapshots_beyond_the_end_are_left_out() -> None:
    assert [epoch for epoch, _ in train(network(), 10, snapshot_epochs=[5, 11]).snapshots] == [5]


def test_snapshots_and_records_change_nothing_about_the_training() -> None:
    plain, watched = network(), network()
    train(plain, 500, batch_size=64, shuffle=True, record_every=1000)
    train(watched, 500, batch_size=64, shuffle=True, snapshot_epochs=range(0, 501, 3), callbacks=[lambda report: False])
    np.testing.assert_array_equal(plain.parameters, watched.parameters)


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
@pytest.mark.parametrize("score", ["accuracy", "r2"])
def test_records_tell_the_score_of_rows_spread_over_many_and_the_outcome_that_of_all(
    score: str, loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def final(n_scored: int) -> Outcome:
        monkeypatch.setattr("trainer.training.MAX_SCORED", n_scored)
        return train(network(loss=loss), 20, score=score, validation=Samples(X[:9], Y[:9]))

    whole, spread = final(300), final(90)
    monkeypatch.setattr("trainer.run.ROWS_MEASURED_AT_ONCE", 64)
    in_parts = final(90)
    assert in_parts.final.keys() == whole.final.keys()
    for name, value in whole.final.items():
        # The same terms in another order: 300 roundings at most.
        assert in_parts.final[name] == pytest.approx(value, rel=300 * np.finfo(np.float64).eps)
        assert spread.final[name] == pytest.approx(value, rel=300 * np.finfo(np.float64).eps)
    assert spread.history[score].tolist() != whole.history[score].tolist()
    np.testing.assert_array_equal(spread.history["val_loss"], whole.history["val_loss"])
    model = network(loss=loss)
    alone = train(model, 20, evaluated=Samples(X[::4], Y[::4]))
    np.testing.assert_array_equal(spread.history["loss"], alone.history["loss"])
    if score == "accuracy":
        np.testing.assert_array_equal(spread.history[score], alone.history[score])


# ---- callbacks and endings


def test_a_callback_hears_of_growing_progress_up_to_the_end() -> None:
    heard: list[tuple[int, int]] = []

    def listen(report: Report) -> bool:
        assert report.n_epochs == 30_000
        assert report.steps_per_second > 0
        heard.append((report.epochs_done, report.history.n_records))
        return False

    outcome = train(network(), 30_000, record_every=10, callbacks=[listen])
    epochs = [epoch for epoch, _ in heard]
    assert epochs == sorted(set(epochs))
    assert epochs[0] == 1  # the user sees something at once
    assert heard[-1] == (30_000, 3000)
    assert all(n_records == -(-epoch // 10) for epoch, n_records in heard)
    assert not outcome.interrupted


def test_a_callback_can_stop_the_training_and_what_was_trained_is_kept() -> None:
    model = network()
    outcome = train(model, 10**12, callbacks=[lambda report: report.epochs_done > 100])
    assert outcome.interrupted
    assert 100 < outcome.epochs_done <= 100 + MAX_STEPS_PER_CALL
    assert outcome.history.n_records == outcome.epochs_done
    reference = network()
    train(reference, outcome.epochs_done)
    np.testing.assert_array_equal(model.parameters, reference.parameters)


def test_a_stop_after_the_last_epoch_is_no_interruption() -> None:
    assert not train(network(), 1, callbacks=[lambda report: True]).interrupted


@pytest.mark.parametrize("backend", BACKENDS)
def test_divergence_ends_the_training_with_the_last_finite_parameters(backend: str) -> None:
    model = network(activation="relu", output_activation="identity", backend=backend)
    heard: list[int] = []

    def listen(report: Report) -> bool:
        heard.append(report.epochs_done)
        return False

    outcome = train(model, 10_000, learning_rate=3.0, callbacks=[listen])
    assert outcome.divergence is not None
    assert outcome.divergence.period == outcome.epochs_done < 10_000
    assert np.isfinite(model.parameters).all()
    assert np.isfinite(outcome.history["loss"]).all()
    np.testing.assert_array_equal(outcome.history["epoch"], np.arange(outcome.epochs_done))
    assert not outcome.interrupted
    reference = network(activation="relu", output_activation="identity", backend=backend)
    if outcome.epochs_done:
        train(reference, outcome.epochs_done, learning_rate=3.0)
    np.testing.assert_array_equal(model.parameters, reference.parameters)
