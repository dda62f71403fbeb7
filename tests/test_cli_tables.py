"""Tables from files: the defaults reach the accuracy promised, and a saved model predicts alike in another process."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from array_files import write_idx
from command_line import call, read_records, run
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine

from trainer.model_file import load_predictor


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def frame_of(data: Any, labels: list[Any] | None = None) -> pl.DataFrame:
    """Return a scikit-learn data set as a table whose target is called "kind"."""
    names = [f"feature {i}" for i in range(data.data.shape[1])]
    target = data.target if labels is None else [labels[i] for i in data.target]
    return pl.from_numpy(np.asarray(data.data, dtype=np.float64), schema=names).with_columns(pl.Series("kind", target))


def write_npz(frame: pl.DataFrame, path: str) -> None:
    features = frame.drop("kind")
    np.savez(path, X=features.to_numpy(), feature_names=np.array(features.columns), kind=frame["kind"].to_numpy())


WRITERS: dict[str, Callable[[pl.DataFrame, str], object]] = {
    "csv": lambda frame, path: frame.write_csv(path),
    "parquet": lambda frame, path: frame.write_parquet(path),
    "npz": write_npz,
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("load", [load_breast_cancer, load_digits])
def test_defaults_reach_95_percent_of_held_out_rows(
    load: Callable[[], Any], suffix: str, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = f"table.{suffix}"
    WRITERS[suffix](frame_of(load()), path)
    options = ("--target", "kind", "--validation", 0.2, "--seed", seed, "--history", "h.json")
    assert call("train", path, *options) == 0
    out, err = capsys.readouterr()
    assert err == ""
    last = read_records(Path("h.json"))[-1]
    assert last["val_accuracy"] >= 0.95
    held_out = re.search(r"held out: accuracy ([\d.]+) %", out)
    assert held_out is not None
    assert float(held_out[1]) == pytest.approx(100 * last["val_accuracy"], abs=0.05)  # as printed, to a tenth


@pytest.mark.parametrize("load", [load_wine, load_iris])
def test_defaults_suit_small_tables_too(load: Callable[[], Any]) -> None:
    frame_of(load()).write_csv("table.csv")
    accuracies = []
    for seed in range(5):
        options = ("--validation", 0.2, "--seed", seed, "--history", "h.json", "--quiet")
        assert call("train", "table.csv", *options) == 0
        accuracies.append(read_records(Path("h.json"))[-1]["val_accuracy"])
    assert np.mean(accuracies) > 0.92


def test_defaults_suit_a_noisy_regression() -> None:
    frame_of(load_diabetes()).write_csv("table.csv")
    scores = []
    for seed in range(5):
        options = ("--validation", 0.2, "--seed", seed, "--history", "h.json", "--quiet")
        assert call("train", "table.csv", *options) == 0
        scores.append(read_records(Path("h.json"))[-1]["val_r2"])
    # Half of the variance is noise: least squares reaches 0.3 to 0.6 on held-out rows, depending on the rows.
    assert np.mean(scores) > 0.4


def test_validation_rows_are_stratified_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    frame_of(load_wine()).write_csv("table.csv")
    assert call("train", "table.csv", "--validation", 0.25, "--epochs", 2) == 0
    assert "134 rows to train on, 44 to validate, 3 classes" in capsys.readouterr().out


def test_the_guessed_task_is_said_and_can_be_overruled(capsys: pytest.CaptureFixture[str]) -> None:
    frame_of(load_wine()).write_csv("table.csv")
    assert call("train", "table.csv", "--epochs", 2) == 0
    assert "3 classes (target 'kind' holds 3 distinct integers)" in capsys.readouterr().out
    assert call("train", "table.csv", "--epochs", 2, "--task", "regress") == 0
    assert "regression\n" in capsys.readouterr().out


def predictions(*arguments: object, cwd: Path) -> pl.DataFrame:
    done = run("predict", *arguments, cwd=cwd)
    assert (done.returncode, done.stderr) == (0, "")
    return pl.read_csv(done.stdout.encode())


@pytest.mark.parametrize("labels", [None, ["no", "yes, perhaps"], [-7, 40]], ids=["0 and 1", "text", "integers"])
def test_a_saved_classifier_predicts_alike_in_another_process(labels: list[Any] | None, tmp_path: Path) -> None:
    data = load_breast_cancer()
    frame = frame_of(data, labels)
    frame.write_csv("table.csv")
    assert call("train", "table.csv", "--epochs", 20, "--save", "m.safetensors", "--quiet") == 0

    table = predictions("m.safetensors", "table.csv", cwd=tmp_path)
    predictor = load_predictor("m.safetensors")
    assert table["prediction"].to_list() == predictor.predict(data.data).tolist()
    assert set(table["prediction"].unique().to_list()) == set(frame["kind"].unique().to_list())
    assert (table["prediction"] == frame["kind"]).mean() > 0.95
    probabilities = table.drop("prediction").to_numpy()
    assert table.columns[1:] == [f"probability {label}" for label in sorted(set(frame["kind"].to_list()))]
    np.testing.assert_array_equal(probabilities, predictor.probabilities(data.data))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=0, atol=4 * np.finfo(np.float64).eps)

    # The target may be absent, and the columns may come in another order and another format.
    shuffled = frame.drop("kind").select(np.random.default_rng(0).permutation(frame.drop("kind").columns).tolist())
    shuffled.write_parquet("reordered.parquet")
    assert predictions("m.safetensors", "reordered.parquet", cwd=tmp_path).equals(table)


def test_a_saved_regression_predicts_in_the_units_of_the_target(tmp_path: Path) -> None:
    data = load_diabetes()
    frame_of(data).write_csv("table.csv")
    assert call("train", "table.csv", "--save", "m.safetensors", "--quiet", "--task", "regress") == 0
    table = predictions("m.safetensors", "table.csv", cwd=tmp_path)
    assert table.columns == ["prediction"]
    np.testing.assert_array_equal(table["prediction"].to_numpy(), load_predictor("m.safetensors").predict(data.data))
    residual = table["prediction"].to_numpy() - data.target
    assert 1 - np.mean(residual**2) / np.var(data.target) > 0.5


def test_both_backends_predict_alike(tmp_path: Path) -> None:
    data = load_iris()
    frame_of(data).write_csv("table.csv")
    assert call("train", "table.csv", "--save", "m.safetensors", "--quiet", "--dtype", "float64") == 0
    compiled, reference = (
        predictions("m.safetensors", "table.csv", "--backend", name, cwd=tmp_path) for name in ("numba", "numpy")
    )
    assert compiled["prediction"].equals(reference["prediction"])
    # Two layers of at most 64 terms: 64 roundings each, grown by weights of order 1, stay far below 1e-12.
    np.testing.assert_allclose(compiled.drop("prediction"), reference.drop("prediction"), rtol=0, atol=1e-12)


def test_predictions_go_to_a_file_where_one_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame_of(load_iris()).write_csv("table.csv")
    assert call("train", "table.csv", "--epochs", 5, "--save", "m.safetensors", "--quiet") == 0
    assert call("predict", "m.safetensors", "table.csv", "--output", "p.csv") == 0
    assert capsys.readouterr().err == "written: p.csv: 150 predictions\n"
    assert pl.read_csv("p.csv").equals(predictions("m.safetensors", "table.csv", cwd=tmp_path))


def test_the_xor_model_predicts_points_of_a_file(tmp_path: Path) -> None:
    assert call("train", "--save", "m.safetensors", "--quiet") == 0
    pl.DataFrame({"x2": [1.0, -1.0, 1.0], "x1": [1.0, 1.0, -1.0]}).write_csv("points.csv")
    assert predictions("m.safetensors", "points.csv", cwd=tmp_path)["prediction"].to_list() == [
        "signs equal",
        "signs differ",
        "signs differ",
    ]


def write_npy(frame: pl.DataFrame) -> str:
    np.save("X.npy", frame.drop("kind").to_numpy())
    np.save("y.npy", frame["kind"].to_numpy())
    return "X.npy"


def write_images(frame: pl.DataFrame) -> str:
    write_idx(Path("images-idx3-ubyte.gz"), frame.drop("kind").to_numpy().astype(np.uint8).reshape(-1, 8, 8))
    write_idx(Path("labels-idx1-ubyte"), frame["kind"].to_numpy().astype(np.uint8))
    return "images-idx3-ubyte.gz"


def write_tsv(frame: pl.DataFrame) -> str:
    frame.write_csv("table.tsv", separator="\t")
    return "table.tsv"


@pytest.mark.parametrize("write", [write_npy, write_images, write_tsv])
def test_every_kind_of_file_trains_as_csv_does(write: Callable[[pl.DataFrame], str]) -> None:
    frame = frame_of(load_digits())
    frame.write_csv("table.csv")
    records = []
    for path in ("table.csv", write(frame)):
        assert call("train", path, "--epochs", 2, "--validation", 0.2, "--history", "h.json", "--quiet") == 0
        records.append(read_records(Path("h.json")))
    assert records[0] == records[1]


def test_categories_gaps_and_columns_to_drop_are_options(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{i},{['red', 'blue', 'green'][i % 3]},{i % 2 or ''},{i % 4},{'uv'[i % 3 == 1]}" for i in range(60)]
    Path("t.csv").write_text("\n".join(["id,colour,size,floor,kind", *rows]))
    options = ("--hidden", "64", "--drop", "id", "--categorical", "floor", "--impute", "median")
    assert call("train", "t.csv", *options, "--history", "h.json", "--epochs", 60) == 0
    assert "network 8-64-2" in capsys.readouterr().out  # 3 colours, the size, and 4 floors
    assert read_records(Path("h.json"))[-1]["accuracy"] == 1
