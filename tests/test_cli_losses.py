"""Losses of regressions on the command line: what is fitted, its score, and what a saved model predicts."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import call, read_records
from sklearn.datasets import make_friedman1
from sklearn.metrics import d2_absolute_error_score, d2_pinball_score, d2_tweedie_score

from trainer.model_file import load_predictor

ROWS = 400
FILES = ("--save", "m.safetensors", "--history", "h.json")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_table(y: np.ndarray, X: np.ndarray) -> None:
    """Write a table with the target y."""
    pl.from_numpy(X).with_columns(pl.Series("y", y)).write_csv("table.csv")


def friedman() -> tuple[np.ndarray, np.ndarray]:
    """Return features and a target between about 2 and 28."""
    X, y = make_friedman1(ROWS, noise=0.5, random_state=0)
    return X, y


def predicted(X: np.ndarray) -> np.ndarray:
    """Return what the saved model predicts."""
    return load_predictor("m.safetensors").predict(X)


def test_a_quantile_lies_above_its_share_of_the_targets(capsys: pytest.CaptureFixture[str]) -> None:
    X, y = friedman()
    write_table(y, X)
    for share in (0.2, 0.8):
        options = ("--loss", "quantile", "--loss-parameter", share, "--save", "m.safetensors", "--epochs", 300)
        assert call("train", "table.csv", *options) == 0
        assert f", quantile {share:g}, float32" in capsys.readouterr().out
        # Where the mean slope of the outputs' bias is 0, this share is exact; the last steps leave it near.
        assert (y < predicted(X)).mean() == pytest.approx(share, abs=0.1)
        score = d2_pinball_score(y, predicted(X), alpha=share)
        assert 0.7 < score < 1


@pytest.mark.parametrize(("loss", "parameter"), [("absolute", None), ("huber", 0.2)])
def test_outliers_hardly_move_what_is_fitted(loss: str, parameter: float | None) -> None:
    X, y = friedman()
    spoiled = y.copy()
    spoiled[::20] += 1000
    write_table(spoiled, X)
    errors = {}
    for name in ("mse", loss):
        options = ("--loss", name, *(("--loss-parameter", parameter) if name == "huber" else ()))
        assert call("train", "table.csv", *options, "--epochs", 200, "--save", "m.safetensors", "--quiet") == 0
        errors[name] = np.median(np.abs(predicted(X) - y))
    assert errors[loss] < errors["mse"] / 3


@pytest.mark.parametrize("scale", [1, 300])
def test_counts_are_fitted_by_poisson_as_they_are(scale: int, capsys: pytest.CaptureFixture[str]) -> None:
    X, y = friedman()
    counts = np.random.default_rng(0).poisson(scale * np.exp(y / 8))
    write_table(counts, X)
    options = ("--loss", "poisson", "--task", "regress", "--dtype", "float64", *FILES)
    assert call("train", "table.csv", *options, "--plots", "plots") == 0
    out, err = capsys.readouterr()
    assert err == ""
    h = predicted(X)
    assert (h > 0).all()
    score = d2_tweedie_score(counts, h, power=1)
    assert score > 0.5
    found = re.search(r"trained: D² (0\.\d+), loss", out)
    assert found is not None
    assert float(found[1]) == pytest.approx(score, abs=5e-5)  # as printed
    assert read_records(Path("h.json"))[-1]["d2"] == pytest.approx(score, abs=1e-9)
    assert sorted(os.listdir("plots")) == ["d2.png", "loss.png"]


def test_the_score_of_absolute_errors_is_that_of_scikit_learn() -> None:
    X, y = friedman()
    write_table(y, X)
    options = ("--loss", "absolute", "--epochs", 20, "--dtype", "float64", *FILES)
    assert call("train", "table.csv", *options, "--quiet") == 0
    record = read_records(Path("h.json"))[-1]
    # Standardising and its inverse round relative to targets of up to 30 that are ten times their errors.
    assert record["d2"] == pytest.approx(d2_absolute_error_score(y, predicted(X)), abs=1e-12)
    assert "r2" not in record
