"""A run of training: the same however it is cut, the same order on both backends, its records, and its end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from networks import random_network, random_samples

from kernels.backends import BACKENDS, Backend
from kernels.structs import RECORD_COLUMNS, Objective
from trainer import MLP, DivergenceError
from trainer.architecture import DTYPES
from trainer.run import Run
from trainer.terms import SOLVERS, objective, optimizer

DATA: dict[str, dict[str, Any]] = {
    "all rows": {},
    "batches, the last one short": {"batch_size": 8},
    "shuffled batches": {"batch_size": 8, "shuffle": True},
    "shuffled epochs": {"batch_size": 8, "shuffle": True, "steps_per_period": 3},
}
LOSS, MEAN_ABS_ERROR, GRADIENT_NORM, EVAL_LOSS, EVAL_ACCURACY, VAL_LOSS, VAL_ACCURACY = range(len(RECORD_COLUMNS))


def start(
    backend: str,
    dtype: str = "float32",
    *,
    sizes: tuple[int, ...] = (4, 17, 3),
    terms: Objective | None = None,
    solver: str = "sgd",
    **options: Any,
) -> tuple[MLP, Run, np.ndarray, np.ndarray]:
    """Return a network, a run of it, and its 21 rows."""
    generator = np.random.default_rng(3)
    model = random_network(generator, list(sizes), activation="tanh", backend=backend, dtype=dtype)
    X, Y = random_samples(generator, model, 21)
    terms = terms or objective(l2=0.01, clip_norm=0.5)
    return model, model.start_run(X, Y, terms=terms, optimizer=optimizer(solver), **options), X, Y


# ---- cutting


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("data", DATA)
def test_one_call_and_several_give_the_same_bits(backend: Backend, data: str, dtype: str) -> None:
    rates = np.linspace(0.5, 0.1, 29)
    whole, run, *_ = start(backend.name, dtype, record_every=3, **DATA[data])
    table = run.advance(rates)
    pieces, piecewise, *_ = start(backend.name, dtype, record_every=3, **DATA[data])
    tables = [piecewise.advance(part) for part in np.split(rates, [1, 2, 13, 13, 24])]
    assert whole.parameters.tobytes() == pieces.parameters.tobytes()
    np.testing.assert_array_equal(np.concatenate(tables), table)
    assert run.period == piecewise.period == 29
    # Period 0 and every third one after it.
    assert table.shape == (10, len(RECORD_COLUMNS))


@pytest.mark.parametrize("terms", [objective(), objective(l2=0.01, clip_norm=0.5)], ids=["in place", "stored"])
@pytest.mark.parametrize("data", DATA)
def test_periods_cut_at_any_step_give_the_same_bits_and_records(backend: Backend, data: str, terms: Objective) -> None:
    rates = np.linspace(0.5, 0.1, 6)
    whole, run, *_ = start(backend.name, terms=terms, record_every=2, **DATA[data])
    table, losses = run.advance(rates), run.losses
    cut, piecewise, *_ = start(backend.name, terms=terms, record_every=2, **DATA[data])
    tables, heard = [], []
    while piecewise.period < 5:
        tables.append(piecewise.advance_within(rates[piecewise.period], 2))
        heard += piecewise.losses.tolist() if piecewise.step == 0 else []
    piecewise.advance_within(rates[5], 1)
    tables.append(piecewise.advance(rates[5:]) if piecewise.step else np.empty((0, len(RECORD_COLUMNS))))
    assert cut.parameters.tobytes() == whole.parameters.tobytes()
    np.testing.assert_array_equal(np.concatenate(tables), table)
    assert heard == losses[:5].tolist()
    assert (piecewise.period, piecewise.step) == (6, 0)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("sizes", [(4, 17, 3), (4, 9, 1024, 3)], ids=["in lanes", "padded rows"])
def test_a_run_that_goes_on_from_a_state_gives_the_same_bits(
    backend: Backend, sizes: tuple[int, ...], solver: str
) -> None:
    options: dict[str, Any] = {"batch_size": 8, "shuffle": True, "steps_per_period": 3, "record_every": 2}
    rates, terms = np.full(4, 0.1), objective(dropout=0.2, weight_decay=0.01 if solver == "adamw" else 0.0)
    whole, run, *_ = start(backend.name, sizes=sizes, terms=terms, solver=solver, **options)
    first_half = run.advance_within(0.1, 2)
    state, parameters = run.state(), whole.parameters.copy()
    table = run.advance(rates)
    assert not first_half.size
    resumed, second, *_ = start(backend.name, sizes=sizes, terms=terms, solver=solver, **options)
    resumed.parameters[:] = parameters
    second.restore(state)
    assert (second.period, second.step) == (0, 2)
    np.testing.assert_array_equal(second.advance(rates), table)
    assert resumed.parameters.tobytes() == whole.parameters.tobytes()


@pytest.mark.parametrize("threads", [2, 3])
def test_a_run_goes_on_with_another_number_of_threads_to_the_same_bits(threads: int) -> None:
    def begun(threads: int) -> tuple[MLP, Run]:
        generator = np.random.default_rng(3)
        model = random_network(generator, [40, 300, 200, 3], threads=threads)
        X, Y = random_samples(generator, model, 150)
        options: dict[str, Any] = {"batch_size": 64, "shuffle": True, "steps_per_period": 3}
        return model, model.start_run(X, Y, terms=objective(l2=0.01), optimizer=optimizer("adam"), **options)

    model, run = begun(1)
    run.advance_within(0.01, 2)
    state, parameters = run.state(), model.parameters.copy()
    run.advance(np.full(3, 0.01))
    resumed, second = begun(threads)
    assert second.threads == threads
    resumed.parameters[:] = parameters
    second.restore(state)
    second.advance(np.full(3, 0.01))
    assert resumed.parameters.tobytes() == model.parameters.tobytes()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("order", np.zeros(21, np.int64)),
        ("order", np.arange(20)),
        ("position", np.array([21])),
        ("step", np.array([3])),
        ("period", np.array([-1])),
        ("first", np.zeros(1, np.float32)),
        ("sums", np.zeros(3, np.float32)),
    ],
)
def test_a_state_of_another_run_is_refused(backend: Backend, name: str, value: np.ndarray) -> None:
    options: dict[str, Any] = {"batch_size": 8, "shuffle": True, "steps_per_period": 3}
    _, run, *_ = start(backend.name, solver="momentum", **options)
    state = run.state()
    with pytest.raises(ValueError, match=name):
        run.restore(state | {name: value})
    run.restore(state)


def test_two_runs_from_one_state_give_the_same_bits(backend: Backend) -> None:
    models = []
    for _ in range(2):
        model, run, *_ = start(backend.name, batch_size=8, shuffle=True)
        run.advance(np.full(20, 0.3))
        models.append(model)
    assert models[0].parameters.tobytes() == models[1].parameters.tobytes()


@pytest.mark.parametrize("l2", [0.0, 0.1])
@pytest.mark.parametrize("data", DATA)
def test_what_is_recorded_does_not_change_the_bits(backend: Backend, data: str, l2: float) -> None:
    parameters = set()
    for every in (1, 7, 1000):
        generator = np.random.default_rng(9)
        model = random_network(generator, [4, 17, 3], backend=backend.name)
        X, Y = random_samples(generator, model, 21)
        terms, options = objective(l2=l2), {**DATA[data], "record_every": every}
        model.start_run(X, Y, terms=terms, evaluated=(X, Y), **options).advance(np.full(20, 0.3))
        parameters.add(model.parameters.tobytes())
    assert len(parameters) == 1


# ---- order


def test_backends_draw_the_same_orders() -> None:
    runs = {name: start(name, batch_size=8, shuffle=True)[1] for name in BACKENDS}
    orders = []
    for _ in range(5):
        for run in runs.values():
            run.advance(np.full(3, 0.1))  # an epoch
        first, second = (run._order for run in runs.values())
        np.testing.assert_array_equal(first.order, second.order)
        np.testing.assert_array_equal(first.random, second.random)
        orders.append(first.order.tobytes())
        assert sorted(first.order.tolist()) == list(range(21))
    assert len(set(orders)) == 5


@pytest.mark.parametrize("data", ["batches, the last one short", "shuffled batches"])
def test_an_epoch_sees_each_row_once(backend: Backend, data: str) -> None:
    # Without weights that matter: outputs of a linear unit at zero, so the gradient of a batch is the mean of its rows.
    n = 21
    model = MLP([n, 1], output_activation="identity", bias=False, dtype="float64", backend=backend.name, random_state=0)
    seen = np.zeros(n)
    run = model.start_run(np.eye(n), np.ones((n, 1)), terms=objective(), **DATA[data])
    for rows in (8, 8, 5):
        model.parameters[:] = 0
        run.advance(np.array([1.0]))
        assert np.count_nonzero(model.parameters) == rows
        np.testing.assert_array_equal(model.parameters[model.parameters != 0], 1.0 / rows)
        seen += model.parameters != 0
    np.testing.assert_array_equal(seen, 1)


# ---- records


def test_the_recorded_loss_is_the_one_before_the_update(backend: Backend) -> None:
    model, run, X, Y = start(backend.name, "float64")
    before = model.loss(X, Y, l2=0.01)
    table = run.advance(np.array([2.0]))
    # The same sum: what is allowed is the product by the rows and the division by them.
    assert table[0, LOSS] == pytest.approx(before, rel=4 * np.finfo(np.float64).eps)
    assert abs(model.loss(X, Y, l2=0.01) - before) > 1e-3


def test_the_recorded_accuracy_and_losses_of_other_rows_are_those_after_the_update(backend: Backend) -> None:
    generator = np.random.default_rng(11)
    model = random_network(generator, [4, 17, 3], backend=backend.name, dtype="float64", loss="cross_entropy")
    samples = [random_samples(generator, model, rows) for rows in (21, 50, 33)]
    (X, Y), evaluated, validation = samples
    run = model.start_run(X, Y, terms=objective(l2=0.3), batch_size=8, evaluated=evaluated, validation=validation)
    table = run.advance(np.array([0.5]))
    for (x, y), loss, accuracy in ((evaluated, EVAL_LOSS, EVAL_ACCURACY), (validation, VAL_LOSS, VAL_ACCURACY)):
        # Penalties are left out. Rows are summed batch by batch there and at once here: 50 roundings at most, twice.
        assert table[0, loss] == pytest.approx(model.loss(x, y), rel=200 * np.finfo(np.float64).eps)
        assert table[0, accuracy] == np.mean(model.predict(x) == y.argmax(axis=1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
@pytest.mark.parametrize("n_out", [1, 2, 3])
def test_without_the_loss_the_recorded_accuracy_is_the_same(
    backend: Backend, n_out: int, loss: str, dtype: str
) -> None:
    generator = np.random.default_rng(n_out)
    model = random_network(generator, [4, 7, n_out], backend=backend.name, dtype=dtype, loss=loss)
    X, Y = random_samples(generator, model, 203)
    n_last = 8 * n_out
    last = model.parameters[-n_last:].copy()
    # Logits that are equal, that differ by roundings or by little, that decide, and that saturate what follows; turned
    # around, so that the first of equal outputs is not that of the largest logit.
    for scale in (0.0, 1e-17, -1e-17, 1e-7, -1e-7, 1e-3, -1e-3, 1.0, 30.0, 1e3, -1e3):
        model.parameters[-n_last:] = scale * last
        tables = [
            model.start_run(X, Y, terms=objective(), evaluated=(X, Y), evaluated_loss=with_loss).advance(np.zeros(1))
            for with_loss in (True, False)
        ]
        assert np.isfinite(tables[0][0, EVAL_LOSS])
        assert np.isnan(tables[1][0, EVAL_LOSS])
        assert tables[0][0, EVAL_ACCURACY] == tables[1][0, EVAL_ACCURACY], scale


def test_a_period_of_several_steps_records_the_mean_over_their_rows(backend: Backend) -> None:
    _, by_epoch, *_ = start(backend.name, "float64", batch_size=8, steps_per_period=3)
    _, by_step, *_ = start(backend.name, "float64", batch_size=8)
    epoch, steps, rows = by_epoch.advance(np.array([0.3])), by_step.advance(np.full(3, 0.3)), np.array([8, 8, 5])
    for column in (LOSS, MEAN_ABS_ERROR):
        mean = rows @ steps[:, column] / 21
        assert epoch[0, column] == pytest.approx(mean, rel=50 * np.finfo(np.float64).eps)
    assert epoch[0, GRADIENT_NORM] == steps[-1, GRADIENT_NORM]


def test_clipping_limits_the_norm_of_each_step(backend: Backend) -> None:
    generator = np.random.default_rng(5)
    model = random_network(generator, [4, 9, 2], backend=backend.name, dtype="float64")
    X, Y = random_samples(generator, model, 21)
    run = model.start_run(X, Y, terms=objective(clip_norm=1e-3))
    for _ in range(3):
        before = model.parameters.copy()
        table = run.advance(np.array([1.0]))
        assert table[0, GRADIENT_NORM] > 1e-3
        # Parameters below 1 are rounded after the step, each by at most u.
        assert np.linalg.norm(model.parameters - before) == pytest.approx(1e-3, rel=1e-11)


def test_a_finite_gradient_whose_squares_overflow_has_a_norm_and_is_clipped_to_it(backend: Backend) -> None:
    # y - h = -1 and x = 1e20: the gradient is 1e20, its square is beyond float32.
    model = MLP([1, 1], output_activation="identity", bias=False, backend=backend.name, random_state=0)
    model.weights[0][:] = 0
    run = model.start_run(np.array([[1e20]]), np.array([[1.0]]), terms=objective(clip_norm=0.5))
    table = run.advance(np.array([1.0]))
    assert table[0, GRADIENT_NORM] == pytest.approx(1e20, rel=1e-6)
    assert model.weights[0][0, 0] == pytest.approx(0.5, rel=1e-6)


# ---- the end


def diverging(backend: str, cause: str, l2: float = 0.0) -> tuple[MLP, Run]:
    """Return a network and a run that leaves the finite numbers after some periods."""
    generator = np.random.default_rng(1)
    model = random_network(generator, [3, 5, 2], activation="identity", output_activation="identity", backend=backend)
    X, Y = random_samples(generator, model, 21)
    options: dict[str, Any] = {"batch_size": 8, "steps_per_period": 3} if "within" in cause else {}
    return model, model.start_run(X, Y, terms=objective(l2=l2), **options)


# The rate after which nothing stays finite; before it a harmless one, so that there is something to keep.
RATES = {"the loss overflows": 50.0, "the loss overflows within a period": 50.0, "an update overflows": 3e38}


@pytest.mark.parametrize("l2", [0.0, 1e-3])
@pytest.mark.parametrize("cause", RATES)
def test_a_run_that_diverges_leaves_the_last_finite_parameters(backend: Backend, cause: str, l2: float) -> None:
    rates = np.array([0.01, 0.01] + [RATES[cause]] * 40)
    model, run = diverging(backend.name, cause, l2)
    with pytest.raises(DivergenceError) as caught:
        run.advance(rates)
    period = caught.value.period
    assert 2 <= period < rates.size
    assert np.isfinite(model.parameters).all()
    assert len(caught.value.table) == period
    assert np.isfinite(caught.value.table[:, LOSS]).all()
    # As many periods are completed from the start; the parameters are those, unless steps of a period came on top. With
    # a penalty every step takes the same path, so that the bits are the same.
    again, second = diverging(backend.name, cause, l2)
    second.advance(rates[:period])
    if l2 and "within" not in cause:
        assert again.parameters.tobytes() == model.parameters.tobytes()
    # They are the last: from where they stand not one period more is completed.
    resumed, third = diverging(backend.name, cause, l2)
    resumed.parameters[:] = model.parameters
    with pytest.raises(DivergenceError) as at_once:
        third.advance(rates[period:])
    assert at_once.value.period == 0
    if "within" not in cause:
        assert resumed.parameters.tobytes() == model.parameters.tobytes()


def test_divergence_names_period_and_gradient_norm_in_one_line(backend: Backend) -> None:
    _, run = diverging(backend.name, "the loss overflows")
    with pytest.raises(DivergenceError) as caught:
        run.advance(np.full(60, 50.0))
    message = str(caught.value)
    assert str(caught.value.period) in message
    assert "gradient norm" in message
    assert len(message.splitlines()) == 1
    assert not caught.value.gradient_norm < 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_measures_before_its_first_step_what_the_network_computes(backend: str, dtype: str) -> None:
    for sizes in ((4, 17, 3), (4, 5, 6, 3), (40, 300, 3)):
        model, _, X, Y = start(backend, dtype, sizes=sizes)
        run = model.start_run(X, Y, terms=objective(), evaluated=(X, Y))
        # Every output is a sum of at most 300 terms of order 1, of which the loss is a mean of squares.
        assert run.measure()[0, EVAL_LOSS] == pytest.approx(model.loss(X, Y), rel=300 * float(np.finfo(dtype).eps))
