"""The commands on a trained model: what evaluate and inspect print, draw and refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from command_line import call
from example_predictors import of_categories, regressor
from PIL import Image
from sklearn.datasets import load_diabetes, load_iris

from trainer.columns import numeric_columns
from trainer.inspection import inspect_layers
from trainer.model import MLP
from trainer.model_file import load_predictor, save_predictor
from trainer.model_plots import save_confusion, save_residuals, save_weights
from trainer.predictor import Predictor


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def trained(load: Any, capsys: pytest.CaptureFixture[str], *options: object) -> Predictor:
    """Write t.csv and a network m.safetensors trained on it."""
    data = load()
    names = [f"x{i}" for i in range(data.data.shape[1])]
    pl.from_numpy(data.data, schema=names).with_columns(pl.Series("kind", data.target)).write_csv("t.csv")
    assert call("train", "t.csv", "--save", "m.safetensors", "--epochs", 30, "--quiet", *options) == 0
    capsys.readouterr()
    return load_predictor("m.safetensors")


def strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_evaluate_says_and_draws_how_classes_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    predictor = trained(load_iris, capsys)
    assert call("evaluate", "m.safetensors", "t.csv", "--picture", "c.png") == 0
    out = capsys.readouterr().out
    data = load_iris()
    accuracy = (predictor.predict(data.data) == data.target).mean()
    assert out.startswith(f"t.csv: 150 rows\naccuracy {100 * accuracy:.1f} %, log-loss ")
    assert "(probabilities below 1.2e-38 counted as that)" in out
    table = [line.split() for line in out.splitlines()[3:7]]
    assert table[0] == ["class", "precision", "recall", "F1", "rows"]
    assert [row[0] for row in table[1:]] == ["0", "1", "2"]
    assert {row[4] for row in table[1:]} == {"50"}
    assert out.endswith("written: c.png\n")
    with Image.open("c.png") as picture:
        assert picture.format == "PNG"


def test_evaluate_prints_one_object_where_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    predictor = trained(load_iris, capsys)
    two = pl.read_csv("t.csv").filter(pl.col("kind") < 2)
    two.write_csv("two.csv")
    assert call("evaluate", "m.safetensors", "two.csv", "--json") == 0
    figures = strict(capsys.readouterr().out)
    predicted = predictor.predict(two.drop("kind").to_numpy())
    assert figures["accuracy"] == (predicted == two["kind"].to_numpy()).mean()
    assert figures["rows"] == 100
    assert np.sum(figures["confusion"]) == 100
    assert figures["classes"][2]["label"] == 2
    assert figures["classes"][2]["recall"] is None
    assert figures["classes"][2]["rows"] == 0


def test_evaluate_says_and_draws_how_numbers_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    predictor = trained(load_diabetes, capsys, "--task", "regress", "--loss", "huber")
    assert call("evaluate", "m.safetensors", "t.csv", "--picture", "r.png") == 0
    out = capsys.readouterr().out
    assert call("evaluate", "m.safetensors", "t.csv", "--json") == 0
    figures = strict(capsys.readouterr().out)
    data = load_diabetes()
    residuals = data.target - predictor.predict(data.data)
    assert figures["rmse"] == pytest.approx(np.sqrt(np.mean(residuals**2)))
    said = f"R² {figures['r2']:.4f}, D² of huber {figures['d2']:.4f}\n"
    assert said + f"mean absolute error {figures['mae']:.6g}, root mean square error {figures['rmse']:.6g}\n" in out
    with Image.open("r.png") as picture:
        assert picture.size == (1080, 630)


def test_evaluate_gives_both_backends_the_same_figures(capsys: pytest.CaptureFixture[str]) -> None:
    trained(load_iris, capsys, "--dtype", "float64")
    found = []
    for backend in ("numba", "numpy"):
        assert call("evaluate", "m.safetensors", "t.csv", "--json", "--backend", backend) == 0
        found.append(strict(capsys.readouterr().out))
    assert found[0]["confusion"] == found[1]["confusion"]
    assert found[0]["log_loss"] == pytest.approx(found[1]["log_loss"], rel=1e-12)


def test_inspect_says_what_the_model_is(capsys: pytest.CaptureFixture[str]) -> None:
    predictor = of_categories()
    save_predictor(predictor, "m.safetensors", configuration={"seed": 7}, fingerprint="sha256:00ff")
    assert call("inspect", "m.safetensors", "--picture", "w.png") == 0
    out = capsys.readouterr().out
    for line in (
        "network        5-4-3, 39 parameters, float32, 0.2 KiB",
        "loss           cross_entropy, softmax outputs",
        "target         'kind', 3 classes: '3', '5', '8'",
        "columns        3 (1 of categories): 'size', 'colour', 'age'",
        "preprocessing  missing cells of 2 columns filled in, categories one-hot, inputs standardized",
        "trained on     sha256:00ff",
        "configuration  stored, see --config",
    ):
        assert line in out.splitlines()
    assert f"{np.linalg.norm(predictor.model.weights[1].astype(float)):.4g}" in out
    with Image.open("w.png") as picture:
        assert picture.format == "PNG"
    assert call("inspect", "m.safetensors", "--json") == 0
    found = strict(capsys.readouterr().out)
    assert found["layers"][0]["parameters"] == 24
    assert found["columns"][1] == {"name": "colour", "categories": ["blue", "red", "très clair"], "fill": 1.0}
    assert (found["configuration"], found["fingerprint"]) == ({"seed": 7}, "sha256:00ff")
    assert call("inspect", "m.safetensors", "--config", "--json") == 0
    assert strict(capsys.readouterr().out) == {"seed": 7}


def test_figures_of_layers_are_those_of_their_weights() -> None:
    model = MLP([3, 4, 2], dtype="float64", random_state=0, activation="relu", output_activation="identity")
    model.weights[0][:, 1], model.weights[1][2], model.biases[1][:] = 0, 0, (3, 4)
    first, second = inspect_layers(model)
    weights = model.weights[0]
    assert first.frobenius == pytest.approx(np.sqrt((weights**2).sum()))
    assert [first.spectral, second.spectral] == pytest.approx([np.linalg.norm(W, 2) for W in model.weights])
    assert (first.mean, first.deviation) == pytest.approx((weights.mean(), weights.std()))
    assert (first.least, first.most) == (weights.min(), weights.max())
    assert first.zeros == 3 / 12
    assert first.idle == 2  # nothing leads into the second unit, nothing out of the third
    assert (second.bias_norm, second.idle, second.zeros) == (5.0, None, 2 / 8)
    assert (first.activation, second.activation) == ("relu", "identity")
    assert first.parameters + second.parameters == model.parameters.size
    assert inspect_layers(regressor().model)[0].bias_norm is None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [0.0, 1e-300, 1e300])
def test_norms_neither_overflow_nor_vanish(size: float) -> None:
    model = MLP([3, 2], dtype="float64", random_state=0)
    model.weights[0][:] = size * np.array([[3.0, 0.0], [4.0, 0.0], [0.0, 1.0]])
    found = inspect_layers(model)[0]
    norms = (found.spectral, found.frobenius, found.deviation)
    assert norms == pytest.approx((5 * size, 26**0.5 * size, (26 / 6 - (8 / 6) ** 2) ** 0.5 * size), abs=0)


def test_names_in_pictures_are_drawn_as_they_are(tmp_path: Path) -> None:
    names = ["$\\frac", "_under", "a very long name of a class", ""]
    save_confusion(np.diag([3, 0, 10**6, 1]), names, tmp_path / "c.png", "$t")
    save_confusion(np.eye(50, dtype=np.int64), [str(i) for i in range(50)], tmp_path / "many.png")
    for path in (tmp_path / "c.png", tmp_path / "many.png"):
        with Image.open(path) as picture:
            assert len(picture.convert("RGB").getcolors(1 << 20)) > 20


@pytest.mark.filterwarnings("error")
def test_degenerate_pictures_are_drawn_without_warnings(tmp_path: Path) -> None:
    save_residuals(np.zeros(1), np.zeros(1), tmp_path / "r.png")
    save_weights([np.zeros((2, 3))] * 13, tmp_path / "w.png", "many layers")
    save_confusion(np.zeros((2, 2), np.int64), ["a", "b"], tmp_path / "c.png")
    assert all((tmp_path / f"{name}.png").stat().st_size > 1000 for name in "rwc")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("evaluate", "missing.safetensors", "t.csv"), "no such file"),
        (("evaluate", "m.safetensors", "missing.csv"), "missing.csv"),
        (("evaluate", "m.safetensors", "t.csv", "--picture", "p.gif"), "a name that ends in .png accepted"),
        (("evaluate", "m.safetensors", "t.csv", "--picture", "nowhere/p.png"), "nowhere"),
        (("evaluate", "m.safetensors", "t.csv", "--target", "z"), "'z'"),
        (("evaluate", "m.safetensors", "t.csv", "--backend", "cuda"), "'cuda'"),
        (("inspect", "missing.safetensors"), "no such file"),
        (("inspect", "m.safetensors", "--picture", "p"), "a name that ends in .png accepted"),
        (("inspect", "m.safetensors", "--config"), "no configuration is stored"),
        (("export", "m.safetensors"), "--onnx"),
        (("export", "m.safetensors", "--onnx", "m.pt"), "a name that ends in .onnx accepted"),
        (("export", "m.safetensors", "--onnx", "nowhere/m.onnx"), "nowhere"),
        (("export", "t.csv", "--onnx", "m.onnx"), "not a safetensors file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_used_is_said_in_a_line(
    arguments: tuple[str, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = MLP([2, 2], random_state=0)
    save_predictor(Predictor(model, "classify", ("a", "b"), numeric_columns("xy"), "kind"), "m.safetensors")
    Path("t.csv").write_text("x,y,kind\n1,2,a\n")
    before = sorted(tmp_path.iterdir())
    assert call(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("scratch-mlp: error: ")
    assert err.count("\n") == 1
    assert words in err
    assert sorted(tmp_path.iterdir()) == before
