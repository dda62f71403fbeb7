"""`scratch-mlp train --preset article` gives the numbers of the article's program, and explodes where that does."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from command_line import call, read_records, run

from kernels.backends import BACKENDS
from trainer.model_file import load_predictor

SEED_RUNS = json.loads((Path(__file__).parent / "data" / "seed_runs.json").read_text())["runs"]
EXPLODING = ("--preset", "article", "--hidden", 50, "--learning-rate", 0.003, "--l2", 1e-4, "--epochs", 120_000)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_article_preset_records_and_prints_the_numbers_of_the_articles_program(
    backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--epochs", 2000, "--log-every", 1, "--history", "h.json", "--backend", backend)
    assert call("train", "--preset", "article", *options) == 0
    records = read_records(Path("h.json"))
    printed = re.findall(
        r"epoch +([\d,]+)  loss ([\d.]+)  L1 error ([\d.]+)  accuracy +([\d.]+) %", capsys.readouterr().out
    )
    assert len(records) == len(printed) == 2000
    marks = [mark for mark in SEED_RUNS[0]["marks"] if mark["epoch"] < 2000]
    assert len(marks) == 10
    for mark in marks:
        record, line = records[mark["epoch"]], printed[mark["epoch"]]
        assert record["loss"] == pytest.approx(mark["loss"], rel=1e-9)
        assert record["mean_abs_error"] == pytest.approx(mark["mean_abs_error"], rel=1e-9)
        assert record["accuracy"] == pytest.approx(mark["accuracy"], rel=1e-12)
        assert line == (
            f"{mark['epoch']:,}",
            f"{mark['loss']:.6f}",
            f"{mark['mean_abs_error']:.6f}",
            f"{100 * mark['accuracy']:.1f}",
        )


@pytest.mark.parametrize("number", [1, 2])
def test_the_article_preset_can_be_overridden(number: int) -> None:
    wanted = SEED_RUNS[number]
    options = ("--hidden", wanted["hidden"], "--learning-rate", wanted["learning_rate"], "--l2", wanted["reg"])
    assert (
        call(
            "train",
            "--preset",
            "article",
            *options,
            "--epochs",
            20_000,
            "--log-every",
            1,
            "--quiet",
            "--history",
            "h.json",
        )
        == 0
    )
    records = read_records(Path("h.json"))
    for mark in wanted["marks"]:
        assert records[mark["epoch"]]["loss"] == pytest.approx(mark["loss"], rel=1e-9)
        assert records[mark["epoch"]]["accuracy"] == pytest.approx(mark["accuracy"], rel=1e-12)


def test_the_exploding_run_ends_with_a_diagnosis_and_finite_files(tmp_path: Path) -> None:
    done = run("train", *EXPLODING, "--history", "h.json", "--save", "m.safetensors", "--plots", "plots", cwd=tmp_path)
    assert done.returncode == 3
    diagnosis = done.stderr.splitlines()
    assert len(diagnosis) == 1
    epoch = re.search(r"training diverged at epoch ([\d,]+): the gradient norm went from", diagnosis[0])
    assert epoch is not None
    assert 99_000 < int(epoch[1].replace(",", "")) < 106_000  # "explodes near epoch 100,000"
    remedies = [diagnosis[0].index(word) for word in ("--learning-rate", "--clip-norm", "fewer hidden")]
    assert remedies == sorted(remedies)
    assert "nan" not in done.stdout
    records = read_records(tmp_path / "h.json")
    assert len(records) > 200
    assert all(np.isfinite(value) for record in records for value in record.values() if value is not None)
    assert all(record["loss"] is not None for record in records)
    assert np.isfinite(load_predictor(tmp_path / "m.safetensors").model.parameters).all()
    assert len(os.listdir(tmp_path / "plots")) == 3
