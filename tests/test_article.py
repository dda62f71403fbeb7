"""The article's numbers: its data, its weights, its worked example, and its four runs, on both backends."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernels.backends import Backend
from trainer import MLP, DivergenceError
from trainer.datasets import xor
from trainer.terms import objective

DATA = Path(__file__).parent / "data"
EXAMPLE = json.loads((DATA / "worked_example.json").read_text())
RUNS = json.loads((DATA / "seed_runs.json").read_text())["runs"]
# Printed with 8 decimals: half a unit of the last, and the roundings of float64.
PRINTED = 0.5e-8 + 1e-15


def assert_printed(computed: Any, name: str) -> None:
    """Fail where a matrix is not what the article prints."""
    np.testing.assert_allclose(computed, EXAMPLE[name], rtol=0, atol=PRINTED, err_msg=name)


# ---- data and weights


def test_xor_is_the_article_s_data_bit_for_bit() -> None:
    X, Y = xor()
    assert X.tobytes() == np.random.RandomState(0).randn(300, 2).tobytes()
    assert X.dtype == Y.dtype == np.float64
    assert_printed(X[:1], "x")
    np.testing.assert_array_equal(Y[:1], EXAMPLE["y"])
    for (first, second), label in zip(X, Y, strict=True):
        assert label.tolist() == ([1, 0] if (first > 0) == (second > 0) else [0, 1])
    assert hashlib.sha256(np.packbits(Y[:, 0] > 0).tobytes()).hexdigest().startswith("57b63b4553e3dcee")


def test_xor_takes_a_number_of_samples_and_a_seed() -> None:
    X, Y = xor(7, random_state=3)
    assert X.tobytes() == np.random.RandomState(3).randn(7, 2).tobytes()
    assert Y.shape == (7, 2)
    with pytest.raises(ValueError, match="n: 0 given"):
        xor(0)
    with pytest.raises(TypeError, match="random_state"):
        xor(5, random_state=None)  # type: ignore[arg-type]


def article_network(backend: Backend, hidden: int) -> MLP:
    """Return the article's network with its initial weights."""
    return MLP([2, hidden, 2], bias=False, dtype="float64", init="article", backend=backend.name)


def test_initial_weights_are_those_of_the_legacy_generator(backend: Backend) -> None:
    generator = np.random.RandomState(2017)
    model = article_network(backend, 3)
    for name, weight in zip(("W1", "W2"), model.weights, strict=True):
        n_in, n_out = weight.shape
        assert weight.tobytes() == (generator.uniform(-1, 1, (n_in, n_out)) / np.sqrt(n_in)).tobytes()
        assert_printed(weight, name)


# ---- the worked example


def test_every_matrix_of_the_worked_example_comes_out(backend: Backend) -> None:
    model, x, y = article_network(backend, 3), xor()[0][:1], np.array(EXAMPLE["y"])
    W1, W2 = (weight.copy() for weight in model.weights)
    h1, h2 = model.layer_outputs(x)
    (dL_dW1, no_bias), (dL_dW2, _) = model.gradients(x, y)
    dL_dh2, dh2_dz2 = h2 - y, h2 * (1 - h2)
    matrices = {
        "z1": x @ W1,
        "h1": h1,
        "z2": h1 @ W2,
        "h2": h2,
        "dL_dh2": dL_dh2,
        "dh2_dz2": dh2_dz2,
        "dL_dW2": dL_dW2,
        "dL_dh1": (dL_dh2 * dh2_dz2) @ W2.T,
        "dh1_dz1": h1 * (1 - h1),
        "dL_dW1": dL_dW1,
    }
    for name, matrix in matrices.items():
        assert_printed(matrix, name)
    assert no_bias.size == 0
    np.testing.assert_allclose(model.forward(x), h2, rtol=0, atol=1e-15)
    model.train_steps(x, y, 1, learning_rate=EXAMPLE["learning_rate"])
    assert_printed(model.weights[0], "W1_updated")
    assert_printed(model.weights[1], "W2_updated")


# ---- the runs


def explodes(run: dict[str, Any]) -> bool:
    """Tell whether a run's last losses are not numbers."""
    return run["marks"][-1]["loss"] is None


def check_marks(model: MLP, settings: dict[str, Any]) -> None:
    """Train mark by mark and compare what is recorded before each mark's update, and the accuracy after it."""
    X, Y = xor()
    batch = settings["batch"]
    run = model.start_run(X[:batch], Y[:batch], terms=objective(l2=settings["reg"], article=True))
    for mark in settings["marks"]:
        table = run.advance(np.full(mark["epoch"] + 1 - run.period, settings["learning_rate"]))
        loss, mean_abs_error = table[-1, :2]
        assert loss == pytest.approx(mark["loss"], rel=1e-9), mark["epoch"]
        assert mean_abs_error == pytest.approx(mark["mean_abs_error"], rel=1e-9), mark["epoch"]
        assert np.mean(model.predict(X) == Y.argmax(axis=1)) == mark["accuracy"], mark["epoch"]


@pytest.mark.parametrize("settings", RUNS, ids=lambda run: f"{run['hidden']} neurons, penalty {run['reg']:g}")
def test_runs_give_the_article_s_losses_errors_and_accuracies(backend: Backend, settings: dict[str, Any]) -> None:
    model, finite = (
        article_network(backend, settings["hidden"]),
        [m for m in settings["marks"] if m["loss"] is not None],
    )
    if len(finite) < len(settings["marks"]):
        with pytest.raises(DivergenceError) as caught:
            check_marks(model, settings)
        assert finite[-1]["epoch"] < caught.value.period < settings["epochs"]
        assert np.isfinite(model.parameters).all()
        return
    check_marks(model, settings)
    for weight, name in zip(model.weights, ("final_w1", "final_w2"), strict=True):
        if settings[name] is not None:
            np.testing.assert_allclose(weight, settings[name], rtol=1e-9)
