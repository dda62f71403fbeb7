"""Losses beside mse and cross-entropy: kinks, padding, extremes, NaN, what scikit-learn computes, what is refused.

What the losses and their gradients are is in test_losses, test_backends and test_gradients, as for the other losses.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from arithmetic import assert_within, gamma
from networks import LOSS_PARAMETERS, LOSSES_AND_OUTPUTS, flat, random_network, random_samples
from refusals import message_of
from sklearn.neural_network._base import poisson_loss, squared_loss

from kernels.backends import Backend
from kernels.lane_blocks import suits_lanes
from kernels.structs import Objective, Samples
from kernels.workspace import allocate_workspace
from trainer import MLP, InputError
from trainer.architecture import DTYPES

# Layers for which kernels compute with samples in lanes, and in rows.
SMALL, LARGE = [3, 5, 2], [40, 70, 37]
ROWS = 21


def network(sizes: list[int], backend: Backend, loss: str, output_activation: str, **options: Any) -> MLP:
    """Return a network with random parameters."""
    generator = np.random.default_rng(0)
    chosen = {"loss": loss, "output_activation": output_activation, "backend": backend.name, **options}
    return random_network(generator, sizes, **chosen)


def at_outputs(backend: Backend, loss: str, h: list[float], y: list[float], **options: Any) -> tuple[float, np.ndarray]:
    """Return the loss of one row of outputs h, and its derivatives in them."""
    model = MLP([1, len(h)], loss=loss, output_activation="identity", backend=backend.name, random_state=0, **options)
    model.weights[0][:], model.biases[0] = 0, h
    x, target = np.zeros((1, 1)), np.array([y])
    return model.loss(x, target), model.gradients(x, target)[0][1]


def test_the_sizes_here_are_computed_in_both_ways() -> None:
    for dtype in DTYPES:
        size = np.dtype(dtype).itemsize
        assert suits_lanes(MLP(SMALL)._network, ROWS, size)
        assert not suits_lanes(MLP(LARGE)._network, ROWS, size)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_error_of_zero_has_no_slope(backend: Backend, dtype: str) -> None:
    for loss in ("absolute", "quantile", "huber"):
        value, slopes = at_outputs(backend, loss, [0.5, -2.0, 0.0], [0.5, -2.0, -0.0], dtype=dtype)
        assert value == 0
        np.testing.assert_array_equal(slopes, [0, 0, 0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_slopes_on_either_side_of_a_kink(backend: Backend, dtype: str) -> None:
    h, y = [1.0, -1.0, 3.0, -3.0, 2.0, -2.0], [0.0] * 6
    for loss, parameter, expected in (
        ("absolute", None, [1, -1, 1, -1, 1, -1]),
        ("quantile", 0.25, [0.75, -0.25, 0.75, -0.25, 0.75, -0.25]),
        ("huber", 2.0, [1, -1, 2, -2, 2, -2]),
        ("huber", None, [1, -1, 1, -1, 1, -1]),
        ("quantile", None, [0.5, -0.5, 0.5, -0.5, 0.5, -0.5]),
    ):
        _, slopes = at_outputs(backend, loss, h, y, dtype=dtype, loss_parameter=parameter)
        np.testing.assert_array_equal(slopes, expected, err_msg=loss)


@pytest.mark.parametrize("dtype", DTYPES)
def test_losses_that_are_others_for_a_parameter(backend: Backend, dtype: str) -> None:
    generator = np.random.default_rng(1)
    h, y = generator.standard_normal(7).tolist(), generator.standard_normal(7).tolist()
    bound = gamma(16, dtype)
    for one, other, factor in (
        (("huber", 1e6), ("mse", None), 1),
        (("quantile", 0.5), ("absolute", None), 2),
    ):
        value, slopes = at_outputs(backend, one[0], h, y, dtype=dtype, loss_parameter=one[1])
        expected, expected_slopes = at_outputs(backend, other[0], h, y, dtype=dtype, loss_parameter=other[1])
        assert factor * value == pytest.approx(expected, rel=bound)
        np.testing.assert_array_equal(factor * slopes, expected_slopes)


@pytest.mark.parametrize("output_activation", ["identity", "softmax", "tanh"])
@pytest.mark.parametrize("sizes", [SMALL, LARGE], ids=["lanes", "rows"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_mean_mse_has_the_bits_of_mse_for_a_gradient_and_its_mean_over_outputs_for_a_loss(
    backend: Backend, sizes: list[int], output_activation: str, dtype: str
) -> None:
    models = [network(sizes, backend, loss, output_activation, dtype=dtype) for loss in ("mse", "mean_mse")]
    X, Y = random_samples(np.random.default_rng(2), models[0], ROWS)
    plain, mean = models
    assert flat(plain.gradients(X, Y)).tobytes() == flat(mean.gradients(X, Y)).tobytes()
    # The division by the outputs, once for each of the chunks that are added, and their sum.
    assert mean.loss(X, Y) * sizes[-1] == pytest.approx(plain.loss(X, Y), rel=gamma(4, np.float64))
    if dtype == "float64":
        terms = ROWS * sizes[-1]
        assert mean.loss(X, Y) == pytest.approx(squared_loss(Y, mean.forward(X)), rel=gamma(2 * terms, dtype))


@pytest.mark.parametrize("sizes", [SMALL, LARGE], ids=["lanes", "rows"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_poisson_loss_is_that_of_scikit_learn(backend: Backend, sizes: list[int], dtype: str) -> None:
    model, generator = network(sizes, backend, "poisson", "exp", dtype=dtype), np.random.default_rng(3)
    X = generator.standard_normal((ROWS, sizes[0])).astype(dtype)
    Y = generator.poisson(1.5, (ROWS, sizes[-1])).astype(dtype)
    assert (Y == 0).any()
    h = model.forward(X).astype(np.float64)
    # Both take h for exp(z), which is off by the errors of the exponential, 4 ULP; so are logarithms, in float64.
    magnitudes = (Y * (np.abs(np.log(np.maximum(Y, 1))) + np.abs(np.log(h)) + 2) + h).sum() / ROWS
    bound = (gamma(8, dtype) + gamma(2 * h.size + 16, np.float64)) * magnitudes
    assert_within(model.loss(X, Y), poisson_loss(Y.astype(np.float64), h), bound)


@pytest.mark.parametrize("sizes", [[1, 3], [40, 70, 3]], ids=["lanes", "rows"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_poisson_loss_is_finite_where_an_output_is_zero(backend: Backend, sizes: list[int], dtype: str) -> None:
    model = MLP(sizes, loss="poisson", output_activation="exp", dtype=dtype, backend=backend.name, random_state=0)
    for weight in model.weights:
        weight[:] = 0
    model.biases[-1] = [-1e4, -1e4, 0.0]
    x = np.ones((2, sizes[0]))
    # 2 (log 2 + 1e4 - 1), nothing, 0 log 0 + 1.
    assert model.loss(x, np.array([[2.0, 0, 0]] * 2)) == pytest.approx(2 * (np.log(2) + 1e4 - 1) + 1, rel=1e-15)
    np.testing.assert_array_equal(model.gradients(x, np.array([[2.0, 0, 0]] * 2))[-1][1], [-2, 0, 1])


# ---- NaN and infinity


def computed(model: MLP, backend: Backend, x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Return loss and gradients of targets that the network itself would refuse."""
    samples = Samples(x.astype(model.dtype), y.astype(model.dtype))
    workspace = allocate_workspace(model._network, len(x), model.dtype)
    with np.errstate(invalid="ignore", divide="ignore"):
        loss = backend.loss_and_gradients(
            model._network, model.parameters, samples, workspace, Objective(0.0, 0.0, 0.0, False)
        )
    return loss, workspace.gradients[: model.parameters.size]


@pytest.mark.parametrize("sizes", [SMALL, LARGE], ids=["lanes", "rows"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("loss", "output_activation"), LOSSES_AND_OUTPUTS)
def test_targets_that_are_not_finite_show_in_the_loss(
    backend: Backend, loss: str, output_activation: str, dtype: str, sizes: list[int]
) -> None:
    model = network(sizes, backend, loss, output_activation, dtype=dtype)
    X, Y = random_samples(np.random.default_rng(4), model, ROWS)
    assert np.isfinite(computed(model, backend, X, Y)[0])
    for spoiled in (np.nan, np.inf, -np.inf):
        for row in (0, 16, ROWS - 1):
            target = Y.copy()
            target[row, -1] = spoiled
            value, gradients = computed(model, backend, X, target)
            assert not np.isfinite(value)
            if np.isnan(spoiled):
                assert np.isnan(value)
                assert np.isnan(gradients[-1])


@pytest.mark.parametrize("sizes", [SMALL, LARGE], ids=["lanes", "rows"])
@pytest.mark.parametrize("loss", ["absolute", "huber", "quantile"])
def test_bounded_slopes_stay_bounded_for_an_infinite_error(backend: Backend, loss: str, sizes: list[int]) -> None:
    model = network(sizes, backend, loss, "identity", dtype="float64")
    X, Y = random_samples(np.random.default_rng(5), model, ROWS)
    near, infinite = Y.copy(), Y.copy()
    near[0, 0], infinite[0, 0] = 1e6, np.inf
    assert computed(model, backend, X, infinite)[0] == np.inf
    slopes = [computed(model, backend, X, target)[1].tobytes() for target in (near, infinite)]
    assert slopes[0] == slopes[1]


# ---- rows that pad the last vector


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("loss", "output_activation"), LOSSES_AND_OUTPUTS)
def test_what_pads_the_last_vector_takes_no_part(
    backend: Backend, loss: str, output_activation: str, dtype: str
) -> None:
    model = network(SMALL, backend, loss, output_activation, dtype=dtype)
    X, Y = random_samples(np.random.default_rng(6), model, 40)
    for rows in (1, 15, 17, 39):
        total, gradient = 0.0, np.zeros(model.parameters.size)
        for i in range(rows):
            total += model.loss(X[i : i + 1], Y[i : i + 1])
            gradient += flat(model.gradients(X[i : i + 1], Y[i : i + 1]))
        # Errors of either side: sums of `rows` terms of few roundings each, none larger than those of the single rows.
        alone = [flat(model.gradients(X[i : i + 1], Y[i : i + 1])) for i in range(rows)]
        magnitudes = np.abs(alone).sum(axis=0) + np.abs(alone).max()
        bound = gamma(64 + rows, dtype)
        assert_within(flat(model.gradients(X[:rows], Y[:rows])) * rows, gradient, bound * magnitudes, f"{rows}")
        assert model.loss(X[:rows], Y[:rows]) * rows == pytest.approx(total, rel=bound)


# ---- training


@pytest.mark.parametrize("sizes", [SMALL, LARGE], ids=["lanes", "rows"])
@pytest.mark.parametrize(("loss", "output_activation"), LOSSES_AND_OUTPUTS)
def test_steps_follow_the_gradient(backend: Backend, loss: str, output_activation: str, sizes: list[int]) -> None:
    model = network(sizes, backend, loss, output_activation, dtype="float64")
    X, Y = random_samples(np.random.default_rng(7), model, ROWS)
    start, gradient, value = model.parameters.copy(), flat(model.gradients(X, Y)), model.loss(X, Y)
    history = model.train_steps(X, Y, 1, learning_rate=0.01)
    moved = gamma(ROWS + 8, np.float64) * (np.abs(start) + np.abs(gradient) + 1)
    assert_within(model.parameters, start - 0.01 * gradient, moved)
    assert history["loss"][0] == pytest.approx(value, rel=gamma(2 * ROWS * sizes[-1], np.float64))
    model.train_steps(X, Y, 20, learning_rate=0.01)
    assert model.loss(X, Y) < value


# ---- what is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "poisson"}, "loss: poisson given, outputs of exp needed, not sigmoid"),
        ({"output_activation": "exp"}, "loss: mse given, outputs of sigmoid, tanh, relu, identity or softmax needed"),
        ({"loss": "absolute", "output_activation": "softmax"}, "loss: absolute given, outputs of sigmoid, tanh, relu"),
        ({"loss": "huber", "output_activation": "exp"}, "not exp"),
        ({"loss": "quantile", "output_activation": "softmax"}, "not softmax"),
        ({"activation": "exp"}, "activation: 'exp' given"),
        ({"loss": "cross_entropy", "output_activation": "tanh"}, "outputs of sigmoid or softmax needed, not tanh"),
        ({"loss_parameter": 1.0}, "loss_parameter: 1.0 given with the loss mse, huber and quantile have one"),
        ({"loss": "absolute", "loss_parameter": 0.5}, "loss_parameter: 0.5 given with the loss absolute"),
        ({"loss": "huber", "loss_parameter": 0.0}, "loss_parameter: 0 given, a finite number above 0 accepted"),
        ({"loss": "huber", "loss_parameter": float("inf")}, "loss_parameter: inf given"),
        ({"loss": "quantile", "loss_parameter": 0}, "loss_parameter: 0 given, a finite number above 0 accepted"),
        ({"loss": "quantile", "loss_parameter": 1}, "loss_parameter: 1 given, a number above 0 and below 1 accepted"),
        ({"loss": "quantile", "loss_parameter": float("nan")}, "loss_parameter: nan given"),
    ],
    ids=str,
)
def test_combinations_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    assert message in message_of(InputError, MLP, [2, 3, 2], **options)


def test_a_parameter_of_another_kind_is_refused() -> None:
    for loss in LOSS_PARAMETERS:
        message = message_of(TypeError, MLP, [2, 3, 2], loss=loss, loss_parameter="one")
        assert message.startswith("loss_parameter: 'one' given")


def test_negative_targets_are_refused_by_poisson(backend: Backend) -> None:
    model = MLP([1, 2], loss="poisson", output_activation="exp", backend=backend.name, random_state=0)
    X, Y = np.ones((3, 1)), np.zeros((3, 2))
    model.train_steps(X, Y, 1, learning_rate=0.1)
    Y[2, 1] = -0.5
    for call in (model.loss, model.gradients, lambda x, y: model.train_steps(x, y, 1, learning_rate=0.1)):
        message = message_of(InputError, call, X, Y)
        assert message == "Y: -0.5 at row 2, column 1, numbers of at least 0 accepted for the loss poisson"
