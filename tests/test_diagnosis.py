"""What went wrong is named with its remedy, and nothing is said about a healthy training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from command_line import call
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine

from kernels.backends import BACKENDS
from trainer.columns import numeric_columns
from trainer.datasets import xor
from trainer.diagnosis import VANISHING_RATIO, divergence_message, error_sizes, training_warnings
from trainer.errors import DivergenceError
from trainer.from_settings import build_predictor, prepare_rows, train_prepared
from trainer.history import History
from trainer.model import MLP
from trainer.settings import resolve
from trainer.table import table_in_memory
from trainer.terms import objective
from trainer.training import Samples, train_epochs

X, Y = xor()


def warnings_of(model: MLP, inputs: np.ndarray, *, epochs: int = 300, learning_rate: float = 0.01) -> list[str]:
    outcome = train_epochs(model, Samples(inputs, Y), epochs=epochs, learning_rate=learning_rate, terms=objective())
    assert outcome.divergence is None
    return training_warnings(model, inputs, Y, outcome.history)


# ---- warnings


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("depth", [5, 8])
def test_a_deep_sigmoid_network_of_small_weights_has_vanishing_gradients(depth: int, backend: str) -> None:
    model = MLP([2, *[10] * depth, 2], init="article", backend=backend, random_state=0, dtype="float64")
    (warning,) = warnings_of(model, X, epochs=1000, learning_rate=0.1)
    assert warning.startswith("vanishing gradients")
    assert "--activation relu" in warning
    assert "fewer hidden layers" in warning


def test_the_command_line_prints_the_warning_even_when_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--preset", "article", "--hidden", "10,10,10,10,10", "--epochs", 2000, "--quiet")
    assert call("train", *options) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("scratch-mlp: warning: vanishing gradients")
    assert err.count("\n") == 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_huge_inputs_saturate_the_units(activation: str, seed: int) -> None:
    (warning,) = warnings_of(MLP([2, 10, 2], activation=activation, random_state=seed), 1e5 * X)
    assert warning.startswith("saturated units")
    assert activation in warning
    assert "layer 1" in warning
    assert "smaller inputs" in warning


def test_relu_units_that_are_zero_for_every_sample_are_dead() -> None:
    model = MLP([2, 10, 2], activation="relu", random_state=0)
    model.biases[0] = np.full(10, -100.0)
    (warning,) = warnings_of(model, X)
    assert warning.startswith("dead units: 100%")
    assert "smaller learning rate" in warning


def test_half_of_the_relu_units_may_be_zero() -> None:
    model = MLP([2, 10, 2], activation="relu", random_state=0)
    model.biases[0] = np.repeat([-100.0, 0.0], 5)
    assert warnings_of(model, X) == []


# ---- silence


@pytest.mark.parametrize("seed", range(5))
def test_the_default_training_of_xor_is_healthy(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "--seed", seed, "--quiet") == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("epochs", [1, 2, 20, 200])
def test_a_training_that_has_only_begun_is_healthy(epochs: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "--epochs", epochs, "--quiet") == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("hidden", ["10", "16,8", "8,8,8"])
@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid", "identity"])
def test_healthy_networks_of_xor_get_no_warning(
    activation: str, hidden: str, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--activation", activation, "--hidden", hidden, "--seed", seed, "--learning-rate", 0.3)
    assert call("train", *options, "--epochs", 2000, "--quiet") == 0
    assert capsys.readouterr().err == ""


def test_the_articles_own_run_gets_no_warning(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "--preset", "article", "--epochs", 20_000, "--quiet") == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("load", [load_breast_cancer, load_digits, load_wine, load_iris, load_diabetes])
def test_tables_are_trained_without_a_warning(load: Callable[[], Any], activation: str) -> None:
    data = load()
    regression = load is load_diabetes
    names = tuple(f"x{i}" for i in range(data.data.shape[1]))
    classes = () if regression else tuple(range(int(data.target.max()) + 1))
    table = table_in_memory(
        X=np.ascontiguousarray(data.data, dtype=np.float64),
        y=data.target.astype(np.float64 if regression else np.int64),
        task="regress" if regression else "classify",
        classes=classes,
        columns=numeric_columns(names),
        target_name="y",
        task_reason="given",
    )
    settings = resolve({"activation": activation, "epochs": 30}, preset=None, data="table.csv", task=table.task)
    prepared = prepare_rows(table, settings, standardize=True)
    model = build_predictor(prepared, settings).model
    outcome = train_prepared(model, prepared, settings)
    assert outcome.divergence is None
    assert training_warnings(model, prepared.training.X, prepared.training.Y, outcome.history) == []


# ---- the measure behind the vanishing gradients


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("output", "loss"),
    [
        ("sigmoid", "mse"),
        ("identity", "mse"),
        ("softmax", "mean_mse"),
        ("softmax", "cross_entropy"),
        ("sigmoid", "absolute"),
        ("identity", "huber"),
        ("tanh", "quantile"),
        ("exp", "poisson"),
    ],
)
def test_error_sizes_are_those_of_the_gradients_of_single_samples(output: str, loss: str, backend: str) -> None:
    model = MLP(
        [2, 5, 4, 2],
        activation="tanh",
        output_activation=output,
        loss=loss,
        dtype="float64",
        backend=backend,
        random_state=0,
    )
    # The bias gradient of one sample is its dL/dz.
    singles = [model.gradients(X[i : i + 1], Y[i : i + 1]) for i in range(20)]
    expected = [np.sqrt(np.mean([np.square(single[layer][1]) for single in singles])) for layer in range(3)]
    np.testing.assert_allclose(error_sizes(model, X[:20], Y[:20]), expected, rtol=1e-12)


def test_the_threshold_lies_between_a_healthy_and_a_stuck_depth() -> None:
    # Sigmoid passes at most a quarter of the error back: ten layers of it lie beyond the threshold, one does not.
    assert 0.25**10 < VANISHING_RATIO < 0.25


# ---- divergence


def history_of(norms: list[float]) -> History:
    history = History(("epoch", "gradient_norm"))
    history.append(epoch=100 * np.arange(len(norms)), gradient_norm=np.array(norms))
    return history


def test_the_divergence_message_names_epoch_course_and_remedies_in_order() -> None:
    error = DivergenceError(12_345, np.inf, np.empty((0, 7)))
    message = divergence_message(
        error, history_of([0.5, 0.25, 8000.0]), learning_rate=0.03, clip_norm=None, n_hidden_layers=2
    )
    assert "epoch 12,345" in message
    assert "from 0.5 at the start (median 0.5) over 8e+03 at epoch 200 to inf" in message
    assert "last finite weights are kept" in message
    remedies = ["--learning-rate 0.003 instead of 0.03", "--clip-norm 1", "fewer hidden layers than 2"]
    places = [message.index(remedy) for remedy in remedies]
    assert places == sorted(places)
    assert "\n" not in message


def test_the_divergence_message_without_records_and_with_clipping() -> None:
    error = DivergenceError(0, np.nan, np.empty((0, 7)))
    message = divergence_message(error, history_of([]), learning_rate=1.0, clip_norm=5.0, n_hidden_layers=1)
    assert "epoch 0: the gradient norm is nan" in message
    assert "--clip-norm 0.5 instead of 5" in message
    assert "fewer hidden units" in message
