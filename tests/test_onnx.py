"""An exported graph takes raw columns, and a runtime that is not ours predicts from it what the model does, to 1e-6."""

from __future__ import annotations

import builtins
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from command_line import call
from example_predictors import MIXED, classifier, of_categories, regressor

from trainer.columns import Column, n_inputs_of, numeric_columns
from trainer.errors import InputError
from trainer.model import MLP
from trainer.model_file import ModelFile, save_predictor
from trainer.onnx_graph import build_onnx
from trainer.predictor import Predictor
from trainer.preprocessing import Standardizer

ROWS = 60
HUGE_OFFSET = Standardizer(np.array([1.7e9, -3.0, 0.1]), np.array([40.0, 2.0, 1e-4]))


def session(predictor: Predictor, **stored: Any) -> onnxruntime.InferenceSession:
    content = build_onnx(ModelFile(predictor, stored.get("configuration"), stored.get("fingerprint"), "1.2.3"))
    return onnxruntime.InferenceSession(content.SerializeToString(), providers=["CPUExecutionProvider"])


def as_fed(predictor: Predictor, X: np.ndarray) -> dict[str, np.ndarray]:
    """Return rows of a table, categories as their indices, as the graph takes them."""
    if not any(column.categories for column in predictor.columns):
        return {"X": X}
    fed = {}
    for column, values in zip(predictor.columns, X.T, strict=True):
        if column.categories:
            texts = ["" if np.isnan(value) else column.categories[int(value)] for value in values]
            fed[column.name] = np.array(texts, dtype=object).reshape(-1, 1)
        else:
            fed[column.name] = values.reshape(-1, 1)
    return fed


def assert_same(predictor: Predictor, X: np.ndarray) -> None:
    """Compare the graph's outputs with the predictor's: probabilities to 1e-6, numbers to 1e-6 of their spread."""
    running = session(predictor)
    names = [value.name for value in running.get_outputs()]
    found = dict(zip(names, running.run(None, as_fed(predictor, X)), strict=True))
    if predictor.task == "regress":
        expected = predictor.predict(X)
        assert found["prediction"].shape == (len(X),)
        np.testing.assert_allclose(found["prediction"], expected, rtol=1e-6, atol=1e-6 * expected.std())
        return
    probabilities = predictor.probabilities(X)
    np.testing.assert_allclose(found["probabilities"], probabilities, rtol=0, atol=1e-6)
    certain = np.diff(np.sort(probabilities, axis=1)[:, -2:])[:, 0] > 1e-5
    assert certain.mean() > 0.5
    assert found["label"][certain].tolist() == predictor.predict(X)[certain].tolist()


def network(sizes: list[int], **options: Any) -> MLP:
    model = MLP(sizes, random_state=4, **options)
    for bias in model.biases:
        bias[:] = np.random.default_rng(0).normal(size=bias.shape)
    return model


def raw_rows(standardizer: Standardizer, seed: int = 1) -> np.ndarray:
    normal = np.random.default_rng(seed).normal(size=(ROWS, len(standardizer.mean)))
    return normal * standardizer.scale + standardizer.mean


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "identity"])
@pytest.mark.parametrize("outputs", ["sigmoid", "softmax", "identity", "tanh", "relu"])
def test_classes_are_told_alike(outputs: str, activation: str, bias: bool, dtype: str) -> None:
    model = network([3, 32, 16, 4], activation=activation, output_activation=outputs, bias=bias, dtype=dtype)
    predictor = Predictor(model, "classify", ("a", "b", "ç", "d"), numeric_columns("xyz"), "kind", HUGE_OFFSET)
    assert_same(predictor, raw_rows(HUGE_OFFSET))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("loss", "outputs", "scaled"),
    [
        ("mse", "identity", True),
        ("mse", "tanh", False),
        ("absolute", "identity", True),
        ("huber", "identity", True),
        ("quantile", "relu", False),
        ("poisson", "exp", False),
    ],
)
def test_numbers_are_told_alike(loss: str, outputs: str, scaled: bool, dtype: str) -> None:
    model = network([3, 32, 1], activation="tanh", output_activation=outputs, loss=loss, dtype=dtype)
    target = Standardizer(np.array([-7.0]), np.array([300.0])) if scaled else None
    predictor = Predictor(model, "regress", (), numeric_columns("xyz"), "y", HUGE_OFFSET, target)
    assert_same(predictor, raw_rows(HUGE_OFFSET))


def test_three_layers_without_standardisation_or_biases() -> None:
    assert_same(regressor(), np.random.default_rng(0).normal(size=(ROWS, 2)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_categories_and_missing_cells_go_in_as_they_are(dtype: str) -> None:
    generator = np.random.default_rng(0)
    X = np.stack([generator.normal(2, 1.5, ROWS), generator.integers(0, 3, ROWS), generator.normal(35, 12, ROWS)], 1)
    assert_same(of_categories(dtype=dtype), X)
    X[::3, 1], X[::4, 2] = np.nan, np.nan
    assert_same(of_categories(dtype=dtype), X)


def test_missing_numbers_are_filled_in_where_the_model_does() -> None:
    columns = (Column("a", (), 0.25), Column("b"), Column("c", (), -4.0))
    predictor = replace(classifier(), columns=columns, inputs=None)
    X = np.random.default_rng(0).normal(size=(ROWS, 3))
    X[::2, 0], X[::5, 2] = np.nan, np.nan
    assert_same(predictor, X)


@pytest.mark.parametrize("wrong", ["green", "", "BLUE"])
def test_an_unknown_category_is_refused_by_the_runtime(wrong: str) -> None:
    columns = (MIXED[0], replace(MIXED[1], fill=None), MIXED[2])
    running = session(replace(of_categories(), columns=columns))
    row = {"size": np.ones((1, 1)), "age": np.ones((1, 1)), "colour": np.array([[wrong]], dtype=object)}
    with pytest.raises(Exception, match="Unknown Category"):
        running.run(None, row)


@pytest.mark.parametrize("classes", [("a", "b"), (7, -3), (False, True)])
def test_labels_keep_their_type(classes: tuple[Any, Any]) -> None:
    running = session(replace(classifier(), classes=classes))
    labels = running.run(["label"], {"X": raw_rows(Standardizer(np.zeros(3), np.ones(3)))})[0].tolist()
    assert set(labels) <= set(classes)
    assert {type(label) for label in labels} == {type(classes[0])}


def test_outputs_that_sum_to_nothing_are_shared_evenly() -> None:
    model = network([3, 2], output_activation="relu")
    model.weights[0][:], model.biases[0][:] = 0, -1
    running = session(Predictor(model, "classify", ("a", "b"), numeric_columns("xyz"), "kind"))
    assert running.run(["probabilities"], {"X": np.ones((2, 3))})[0].tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_columns_may_be_called_as_outputs_and_nodes_are() -> None:
    names = ("label", "probabilities", "gemm_5", "constant_0", "concat_2")
    columns = (Column(names[0], ("u", "v")), *(Column(name) for name in names[1:]))
    model = network([n_inputs_of(columns), 2], output_activation="softmax", loss="cross_entropy")
    running = session(Predictor(model, "classify", ("a", "b"), columns, "kind"))
    assert [value.name for value in running.get_inputs()] == list(names)
    assert [value.name for value in running.get_outputs()] == ["probabilities_", "label_"]
    rows = {name: np.ones((2, 1)) for name in names[1:]} | {"label": np.array([["u"], ["v"]], dtype=object)}
    assert running.run(None, rows)[0].shape == (2, 2)


def test_the_graph_says_what_it_was_made_of() -> None:
    running = session(classifier(), fingerprint="sha256:00ff", configuration={"seed": 3})
    properties = running.get_modelmeta().custom_metadata_map
    assert json.loads(properties["classes"]) == ["no", "ja, natürlich"]
    assert (properties["program_version"], properties["fingerprint"]) == ("1.2.3", "sha256:00ff")
    assert json.loads(properties["configuration"]) == {"seed": 3}
    assert (properties["task"], properties["target"]) == ("classify", "kind")
    assert "fingerprint" not in session(classifier()).get_modelmeta().custom_metadata_map


def test_the_command_writes_what_a_runtime_opens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, graph = tmp_path / "m.safetensors", tmp_path / "m.onnx"
    save_predictor(of_categories(), model)
    assert call("export", model, "--onnx", graph) == 0
    said = "inputs 'size', 'colour', 'age', outputs 'probabilities', 'label'"
    assert capsys.readouterr().out == f"written: {graph}, {said}\n"
    first = graph.read_bytes()
    assert call("export", model, "--onnx", graph) == 0
    assert graph.read_bytes() == first
    onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])


def test_without_onnx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    existing = builtins.__import__

    def without_onnx(name: str, *arguments: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "onnx":
            raise ImportError(name)
        return existing(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_onnx)
    with pytest.raises(InputError, match=r'pip install "scratch-mlp\[onnx\]"'):
        build_onnx(ModelFile(classifier(), None, None, "1"))
