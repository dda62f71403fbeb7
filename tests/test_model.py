"""The multilayer perceptron as a user meets it: its parameters, the arrays that go in and come out, its histories."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from refusals import message_of

from kernels.backends import Backend
from trainer import MLP, History, InputError
from trainer.architecture import DTYPES
from trainer.checks import check_rows


@pytest.fixture
def samples() -> tuple[np.ndarray, np.ndarray]:
    """Twenty rows of three features, and targets of two outputs."""
    generator = np.random.default_rng(0)
    return generator.standard_normal((20, 3)), generator.random((20, 2))


def build(backend: str = "numba", **options: Any) -> MLP:
    """Return a network for the samples."""
    return MLP([3, 5, 2], backend=backend, **{"random_state": 0, **options})


# ---- parameters


@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_and_biases_have_the_layers_shapes_and_start_as_documented(dtype: str) -> None:
    model = build(dtype=dtype)
    assert [w.shape for w in model.weights] == [(3, 5), (5, 2)]
    assert [b.shape for b in model.biases] == [(5,), (2,)]
    assert {a.dtype.name for a in (*model.weights, *model.biases)} == {dtype}
    assert all((b == 0).all() for b in model.biases)
    assert all(np.unique(w).size == w.size for w in model.weights)
    assert build(bias=False).biases == []


def test_weights_and_biases_are_assignable_whole_by_item_and_in_place(backend: Backend) -> None:
    model = build(backend.name, output_activation="identity", activation="identity", dtype="float64")
    x = np.array([[1.0, 2.0, 3.0]])
    W1, W2, b1, b2 = np.ones((3, 5)), np.ones((5, 2)), np.full(5, 0.5), np.array([1.0, -1.0])
    model.weights = [W1, W2]
    model.biases = [b1, b2]
    np.testing.assert_array_equal(model.forward(x), [[33.5, 31.5]])
    model.weights[1] = 2 * W2
    model.biases[0] = np.zeros(5)
    np.testing.assert_array_equal(model.forward(x), [[61.0, 59.0]])
    model.weights[0][:, 1:] = 0
    model.biases[1][0] += 10
    np.testing.assert_array_equal(model.forward(x), [[23.0, 11.0]])
    np.testing.assert_array_equal(model.weights[0][:, 0], 1)
    # What was assigned was copied.
    W1[:] = 7
    assert model.weights[0].max() == 1


def test_assignments_of_another_shape_are_refused_and_change_nothing() -> None:
    model = build()
    before = model.parameters.copy()
    for name, values in (
        ("weights", [np.ones((5, 3)), np.ones((5, 2))]),
        ("weights", [np.ones((3, 5))]),
        ("biases", []),
    ):
        message = message_of(InputError, setattr, model, name, values)
        assert message.startswith(name)
        assert "accepted" in message
    message = message_of(InputError, model.weights.__setitem__, 0, np.ones((5, 3)))
    assert "(5, 3)" in message
    assert "(3, 5)" in message
    message_of(TypeError, model.weights.__setitem__, slice(None), [np.ones((3, 5))] * 2)
    assert model.parameters.tobytes() == before.tobytes()


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(
    backend: Backend, samples: tuple[np.ndarray, np.ndarray]
) -> None:
    trained = []
    for seed in (5, 5, 6, None, None):
        model = build(backend.name, random_state=seed)
        model.train_steps(*samples, 30, learning_rate=0.5, batch_size=8, shuffle=True)
        trained.append(model.parameters.tobytes())
    assert trained[0] == trained[1]
    assert len(set(trained)) == 4


def test_the_seed_governs_shuffling_as_well(backend: Backend, samples: tuple[np.ndarray, np.ndarray]) -> None:
    trained = []
    for seed in (5, 5, 6):
        model = build(backend.name, random_state=seed)
        model.weights = [np.full((3, 5), 0.1), np.full((5, 2), 0.2)]
        model.train_steps(*samples, 7, learning_rate=0.5, batch_size=8, shuffle=True)
        trained.append(model.parameters.tobytes())
    assert trained[0] == trained[1] != trained[2]


# ---- arrays in and out


@pytest.mark.parametrize("dtype", DTYPES)
def test_outputs_have_the_network_s_shape_and_dtype(
    backend: Backend, dtype: str, samples: tuple[np.ndarray, np.ndarray]
) -> None:
    X, Y = samples
    model = build(backend.name, dtype=dtype)
    assert model.forward(X).shape == (20, 2)
    assert [h.shape for h in model.layer_outputs(X)] == [(20, 5), (20, 2)]
    arrays = [model.forward(X), *model.layer_outputs(X), *(a for pair in model.gradients(X, Y) for a in pair)]
    assert {a.dtype.name for a in arrays} == {dtype}
    assert [(w.shape, b.shape) for w, b in model.gradients(X, Y)] == [((3, 5), (5,)), ((5, 2), (2,))]
    assert isinstance(model.loss(X, Y), float)
    model.train_steps(X, Y, 2, learning_rate=0.1)
    assert model.parameters.dtype == dtype


def test_rows_are_computed_alone_however_many_there_are(backend: Backend) -> None:
    X = np.random.default_rng(1).standard_normal((600, 3))
    model = build(backend.name, dtype="float64")
    whole = model.forward(X)
    for rows in (slice(0, 1), slice(255, 258), slice(599, 600)):
        # A dot product of three and one of five terms, in whatever order; outputs lie between 0 and 1.
        np.testing.assert_allclose(model.forward(X[rows]), whole[rows], rtol=0, atol=32 * np.finfo(np.float64).eps)


def test_predictions_are_classes_for_sigmoid_and_softmax_and_outputs_else(backend: Backend) -> None:
    X = np.array([[-1.0], [0.0], [2.0]])
    for output_activation in ("sigmoid", "softmax"):
        model = MLP([1, 3], output_activation=output_activation, backend=backend.name, random_state=0)
        model.weights[0][:] = [[-1.0, 0.0, 1.0]]
        model.biases[0][:] = [0.0, 0.5, 0.0]
        predicted = model.predict(X)
        assert predicted.tolist() == [0, 1, 2]
        assert predicted.dtype == np.int64
    single = MLP([1, 1], backend=backend.name, random_state=0)
    single.weights[0][:] = 1.0
    assert single.predict(X).tolist() == [0, 1, 1]
    linear = MLP([1, 2], output_activation="identity", backend=backend.name, random_state=0)
    np.testing.assert_array_equal(linear.predict(X), linear.forward(X))


FORMS: dict[str, Any] = {
    "F-ordered": np.asfortranarray,
    "every second column": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "every second row, backwards": lambda a: np.repeat(a, 2, axis=0)[::-2][::-1],
    "integer": lambda a: a.astype(np.int64),
    "unsigned bytes": lambda a: a.astype(np.uint8),
    "half precision": lambda a: a.astype(np.float16),
    "other byte order": lambda a: a.astype(">f8"),
    "lists": lambda a: a.tolist(),
    "tuples": lambda a: tuple(map(tuple, a)),
}


def whole_numbers() -> tuple[np.ndarray, np.ndarray]:
    """Return samples that every type holds exactly."""
    generator = np.random.default_rng(3)
    return generator.integers(0, 4, (20, 3)).astype(np.float64), generator.integers(0, 2, (20, 2)).astype(np.float64)


@pytest.mark.parametrize("form", FORMS)
def test_arrays_of_any_layout_and_number_type_give_the_same_bits(backend: Backend, form: str) -> None:
    X, Y = whole_numbers()
    plain, other = build(backend.name), build(backend.name)
    for model, (x, y) in ((plain, (X, Y)), (other, (FORMS[form](X), FORMS[form](Y)))):
        model.train_steps(x, y, 3, learning_rate=0.5)
    assert plain.parameters.tobytes() == other.parameters.tobytes()
    assert plain.forward(X).tobytes() == other.forward(FORMS[form](X)).tobytes()


def test_read_only_arrays_give_the_same_outputs(backend: Backend) -> None:
    X = whole_numbers()[0].astype(np.float32)
    model = build(backend.name)
    expected = model.forward(X).tobytes()
    X.setflags(write=False)
    assert model.forward(X).tobytes() == expected


def test_kernels_never_see_read_only_arrays() -> None:
    # They are another type to numba: every kernel would be compiled once more, for many seconds.
    X = np.ones((4, 3), np.float32)
    X.setflags(write=False)
    rows = check_rows("X", X, 3, np.dtype(np.float32))
    assert rows.flags.writeable
    np.testing.assert_array_equal(rows, X)


def test_samples_are_never_written_to(backend: Backend, samples: tuple[np.ndarray, np.ndarray]) -> None:
    X, Y = (a.astype(np.float32) for a in samples)
    before = X.tobytes(), Y.tobytes()
    model = build(backend.name)
    model.train_steps(X, Y, 5, learning_rate=0.5, batch_size=8, shuffle=True)
    model.forward(X)
    model.gradients(X, Y)
    assert (X.tobytes(), Y.tobytes()) == before


# ---- training


@pytest.mark.parametrize(("steps", "records"), [(1, 1), (999, 999), (1000, 1000), (1001, 501), (2500, 834)])
def test_a_history_has_at_most_a_thousand_evenly_spread_records(steps: int, records: int) -> None:
    X, Y = whole_numbers()
    history = build().train_steps(X, Y, steps, learning_rate=0.1)
    assert isinstance(history, History)
    assert history.n_records == records
    assert history["step"][0] == 0
    assert np.unique(np.diff(history["step"])).size <= 1
    assert {column.size for column in history.values()} == {records}
    assert all(np.isfinite(column).all() for column in history.values())


def test_training_lowers_the_loss_and_continues_where_it_stopped(
    backend: Backend, samples: tuple[np.ndarray, np.ndarray]
) -> None:
    whole, halves = build(backend.name), build(backend.name)
    start = whole.loss(*samples)
    whole.train_steps(*samples, 40, learning_rate=0.5)
    for _ in range(2):
        halves.train_steps(*samples, 20, learning_rate=0.5)
    assert whole.parameters.tobytes() == halves.parameters.tobytes()
    assert whole.loss(*samples) < start


def test_a_schedule_changes_the_rate_over_the_steps(backend: Backend, samples: tuple[np.ndarray, np.ndarray]) -> None:
    models = {name: build(backend.name, dtype="float64") for name in ("constant", "cosine")}
    first = {}
    for name, model in models.items():
        model.train_steps(*samples, 1, learning_rate=0.5, schedule=name)
        first[name] = model.parameters.tobytes()
        model.train_steps(*samples, 10, learning_rate=0.5, schedule=name)
    assert first["constant"] == first["cosine"]
    assert (models["constant"].parameters != models["cosine"].parameters).any()
