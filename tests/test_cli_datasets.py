"""Data sets on the command line: trained on by their names, written to files, and learned as well as is promised."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import call, read_records

from trainer.dataset_tables import DATASET_NAMES, dataset_table
from trainer.tables import read_table

DRAWN = ("circles", "moons", "gaussians", "spiral")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def last_record(*arguments: object) -> dict[str, float]:
    """Train, and return the last record."""
    assert call("train", *arguments, "--history", "h.json", "--quiet") == 0
    return read_records(Path("h.json"))[-1]


def test_the_help_lists_all_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "--help") == 0
    words = capsys.readouterr().out.replace(",", " ").replace(".", " ").replace(";", " ").split()
    assert set(DATASET_NAMES) <= set(words)


@pytest.mark.parametrize("name", DATASET_NAMES)
def test_every_data_set_can_be_trained_on(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = dataset_table(name)
    assert call("train", name, "--epochs", 2) == 0
    out, err = capsys.readouterr()
    kind = f"{len(table.classes)} classes" if table.classes else "regression"
    assert out.startswith(f"{name}: {len(table.y):,} rows to train on, {kind}\n")
    assert "error" not in err


@pytest.mark.parametrize("name", [name for name in DATASET_NAMES if name != "xor"])
@pytest.mark.parametrize("suffix", ["csv", "parquet", "npz"])
def test_what_is_written_is_the_same_table_when_it_is_read(name: str, suffix: str) -> None:
    assert call("data", name, f"t.{suffix}") == 0
    written, table = read_table(f"t.{suffix}"), dataset_table(name)
    np.testing.assert_array_equal(written.features(), table.features())
    np.testing.assert_array_equal(written.y, table.y)
    assert (written.classes, written.columns, written.task) == (table.classes, table.columns, table.task)
    assert os.listdir() == [f"t.{suffix}"]


def test_tabs_separate_the_columns_of_tsv(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("data", "iris", "t.TSV") == 0
    assert capsys.readouterr().out == "written: t.TSV: 150 rows, 4 features, 3 classes\n"
    frame = pl.read_csv("t.TSV", separator="\t")
    np.testing.assert_array_equal(frame.drop("class").to_numpy(), dataset_table("iris").features())
    assert frame["class"].unique(maintain_order=True).to_list() == ["setosa", "versicolor", "virginica"]


def test_a_name_and_its_file_train_alike() -> None:
    options = ("--samples", 200, "--noise", 0.2, "--data-seed", 5)
    assert call("data", "moons", "t.csv", *options) == 0
    by_name = last_record("moons", *options, "--validation", 0.2)
    assert by_name == last_record("t.csv", "--validation", 0.2)
    assert by_name != last_record("moons", *options[:-1], 6, "--validation", 0.2)


def test_names_come_before_files(capsys: pytest.CaptureFixture[str]) -> None:
    dataset = dataset_table("iris")
    assert call("data", "wine", "iris.csv") == 0
    Path("iris.csv").rename("iris")
    assert call("train", "iris", "--epochs", 1) == 0
    assert f"{len(dataset.y)} rows" in capsys.readouterr().out
    assert call("train", "./iris", "--epochs", 1) == 2
    assert "iris: unknown kind of file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "spirals"), "spirals: neither a data set nor a file; did you mean spiral?"),
        (("train", "x" * 5000), "neither a data set nor a file; Data sets are xor, circles"),
        (("train", "spiral", "--samples", "1"), "samples: 1 given, an integer of at least 2 accepted"),
        (("train", "spiral", "--noise", "1.5"), "noise: 1.5 given"),
        (("train", "spiral", "--data-seed", "-1"), "data-seed: -1 given"),
        (("train", "spiral", "--samples", "many"), "--samples"),
        (("train", "digits", "--samples", "100"), "samples: 100 given with digits, only for xor, circles"),
        (("train", "t.csv", "--noise", "0.1"), "noise: 0.1 given with t.csv, only for xor, circles"),
        (
            ("train", "iris", "--target", "petal width (cm)"),
            "target: 'petal width (cm)' given with the iris data, class",
        ),
        (("train", "iris", "--task", "regress"), "task: 'regress' given with the iris data, classify accepted"),
        (("train", "spiral", "--preset", "article"), "preset: article given with spiral"),
        (("data", "spirals", "s.csv"), "data: 'spirals' given, one of xor, circles"),
        (("data", "digits", "d.csv", "--data-seed", "1"), "data-seed: 1 given with digits"),
        (("data", "digits", "d.txt"), "d.txt: unknown kind of file '.txt'; accepted are .csv, .tsv, .parquet, .npz"),
        (("data", "digits", "no-folder/d.csv"), "the folder no-folder does not exist"),
        (("data", "digits"), "FILE"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_refused_in_one_line(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("t.csv").write_text("a,y\n1,2\n3,4\n")
    assert call(*arguments) == 2
    out, err = capsys.readouterr()
    assert err.startswith("scratch-mlp: error: ")
    assert err.count("\n") == 1
    assert words in err
    assert not out
    assert os.listdir() == ["t.csv"]


# By their defaults both reach it on average; of the 114 tumours that are held out three may be mistaken, and for all of
# the first ten seeds that takes a penalty. These seeds have errors to spare, as other processors round otherwise.
@pytest.mark.parametrize(
    ("name", "seed", "options"),
    [("digits", seed, ()) for seed in (1, 4, 5)] + [("breast_cancer", seed, ("--l2", 1)) for seed in (4, 6, 9)],
)
def test_one_command_reaches_97_percent_of_held_out_rows_from_csv(
    name: str, seed: int, options: tuple[object, ...]
) -> None:
    assert call("data", name, "t.csv") == 0
    assert last_record("t.csv", "--validation", 0.2, "--seed", seed, *options)["val_accuracy"] >= 0.97


@pytest.mark.parametrize("name", ["digits", "breast_cancer"])
def test_the_defaults_reach_97_percent_on_average(name: str) -> None:
    assert call("data", name, "t.csv") == 0
    accuracies = [last_record("t.csv", "--validation", 0.2, "--seed", seed)["val_accuracy"] for seed in range(6)]
    assert np.mean(accuracies) >= 0.97


@pytest.mark.parametrize(("name", "least"), [("circles", 0.99), ("moons", 0.99), ("gaussians", 0.99), ("spiral", 0.97)])
def test_the_defaults_learn_what_is_drawn(name: str, least: float) -> None:
    assert (
        np.mean([last_record(name, "--validation", 0.2, "--seed", seed)["val_accuracy"] for seed in range(3)]) >= least
    )


@pytest.mark.parametrize("name", DRAWN)
def test_drawn_classes_have_a_picture_of_their_boundary(name: str) -> None:
    assert call("train", name, "--epochs", 2, "--plots", "plots", "--quiet") == 0
    assert {"accuracy.png", "boundary.png", "loss.png"} == set(os.listdir("plots"))
