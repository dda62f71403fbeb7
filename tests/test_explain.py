"""The explained step: the article's numbers to 8 decimals, and the model's own gradients for any network."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import call

from kernels.backends import BACKENDS
from trainer.explain import explain_step
from trainer.model import MLP

WORKED = json.loads((Path(__file__).parent / "data" / "worked_example.json").read_text())
MATRICES = [name for name, value in WORKED.items() if isinstance(value, list)]


def explained(capsys: pytest.CaptureFixture[str], *options: object) -> dict[str, Any]:
    assert call("explain", "--json", *options) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_worked_example_comes_out_to_8_decimals(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    steps = explained(capsys, "--backend", backend)
    assert len(MATRICES) == 16
    for name in MATRICES:
        np.testing.assert_array_equal(np.round(steps[name], 8), WORKED[name], err_msg=name)
    assert steps["learning_rate"] == WORKED["learning_rate"]
    # Differences rounded at 5e-9, of sum 1.1 in magnitude, move the loss by 6e-9 at most.
    assert steps["loss"] == pytest.approx(0.5 * np.square(WORKED["dL_dh2"]).sum(), abs=6e-9)


def test_the_text_names_every_matrix_and_shows_8_decimals(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("explain") == 0
    text = capsys.readouterr().out
    blocks = dict(re.findall(r"^(\w+)(?: = [^\n]*)?   \(\d+x\d+\)\n((?:  .*\n?)+)", text, flags=re.MULTILINE))
    for name in MATRICES:
        shown = [float(number) for number in re.findall(r"-?\d+\.\d{8}(?!\d)", blocks[name])]
        np.testing.assert_array_equal(shown, np.ravel(WORKED[name]), err_msg=name)
    loss = re.search(r"^loss = .* = (\d\.\d{8})$", text, flags=re.MULTILINE)
    assert loss is not None
    assert float(loss[1]) == pytest.approx(0.5 * np.square(WORKED["dL_dh2"]).sum(), abs=1.1e-8)  # and 5e-9 of its own
    order = [text.index(title) for title in ("Forward step", "Loss", "Backward step", "Update")]
    assert order == sorted(order)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "identity"])
@pytest.mark.parametrize("layers", [[2, 2], [3, 4, 1], [1, 5, 4, 3], [4, 3, 6, 2, 3]])
def test_any_network_is_explained_as_it_is_trained(
    layers: list[int], activation: str, bias: bool, backend: str
) -> None:
    model = MLP(layers, activation=activation, bias=bias, dtype="float64", backend=backend, random_state=1)
    generator = np.random.default_rng(2)
    for vector in model.biases:
        vector[...] = generator.normal(size=vector.shape)
    before = model.parameters.copy()
    x, y = generator.normal(size=layers[0]), generator.uniform(size=layers[-1])
    steps = explain_step(model, x, y, 0.25)
    np.testing.assert_array_equal(model.parameters, before)

    # Sums of at most 6 terms of order 1, at most 5 layers deep: 1e-13 is over 100 times their rounding.
    close = {"rtol": 1e-13, "atol": 1e-13}
    assert steps["loss"] == pytest.approx(model.loss(x[None], y[None]), rel=1e-13)
    for number, h in enumerate(model.layer_outputs(x[None]), start=1):
        np.testing.assert_allclose(steps[f"h{number}"], h, **close)
    for number, (d_weight, d_bias) in enumerate(model.gradients(x[None], y[None]), start=1):
        np.testing.assert_allclose(steps[f"dL_dW{number}"], d_weight, **close)
        if bias:
            np.testing.assert_allclose(steps[f"dL_db{number}"], d_bias, **close)

    model.train_steps(x[None], y[None], 1, learning_rate=0.25)
    for number, weight in enumerate(model.weights, start=1):
        np.testing.assert_allclose(steps[f"W{number}_updated"], weight, **close)
    for number, vector in enumerate(model.biases, start=1):
        np.testing.assert_allclose(steps[f"b{number}_updated"], vector, **close)


def test_the_pieces_of_the_chain_rule_fit_together(capsys: pytest.CaptureFixture[str]) -> None:
    steps = explained(capsys, "--sample", "0.5,-1", "--target", "0,1,0", "--hidden", "4,3", "--learning-rate", 0.1)
    given = {name: np.array(value) for name, value in steps.items()}
    deltas = [given[f"dL_dh{i}"] * given[f"dh{i}_dz{i}"] for i in (1, 2, 3)]
    inputs = [given["x"], given["h1"], given["h2"]]
    for i, (h, delta) in enumerate(zip(inputs, deltas, strict=True), start=1):
        np.testing.assert_allclose(given[f"dL_dW{i}"], h.T @ delta, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(given[f"W{i}_updated"], given[f"W{i}"] - 0.1 * given[f"dL_dW{i}"], rtol=1e-13)
    for i, delta in ((1, deltas[1]), (2, deltas[2])):
        np.testing.assert_allclose(given[f"dL_dh{i}"], delta @ given[f"W{i + 1}"].T, rtol=1e-13, atol=1e-15)
    shapes = [given[f"W{i}"].shape for i in (1, 2, 3)]
    assert shapes == list(pairwise([2, 4, 3, 3]))


def test_options_change_what_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    plain = explained(capsys)
    assert explained(capsys, "--seed", 1)["W1"] != plain["W1"]
    assert explained(capsys, "--activation", "tanh")["h1"] != plain["h1"]
    assert explained(capsys, "--target", "0,1")["loss"] != plain["loss"]
    assert explained(capsys, "--learning-rate", 1)["W1_updated"] != plain["W1_updated"]
    assert explained(capsys, "--sample", "1.5")["W1"] != plain["W1"]


def test_deep_networks_are_explained_in_the_order_of_their_layers(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("explain", "--hidden", ",".join(["2"] * 10)) == 0
    text = capsys.readouterr().out
    assert "dL_dh11 = h11 - y" in text
    updates = re.findall(r"^W(\d+)_updated", text, flags=re.MULTILINE)
    assert updates == [str(number) for number in range(1, 12)]
