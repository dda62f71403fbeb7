"""Long work says on a terminal how far it is and how long it will still take, and nothing where output is piped."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from trainer import gallery
from trainer.columns import numeric_columns
from trainer.model import MLP
from trainer.predict_command import prediction_table
from trainer.predictor import Predictor
from trainer.preparation import prepare
from trainer.progress import ROWS_IN_A_BLOCK, loading_display, part_of, rows_in_blocks, say_nothing
from trainer.tables import read_table
from trainer.train_command import run_training


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=100, color_system=None)


def shown(display: Console) -> str:
    """Return what was written to a console, without the moves of the cursor."""
    assert isinstance(display.file, io.StringIO)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", display.file.getvalue())


def test_a_terminal_shows_the_share_that_is_done_and_the_remaining_time() -> None:
    display = console(terminal=True)
    with loading_display(display, quiet=False) as tell:
        tell(250, 1000)
        tell(1000, 1000)
    assert re.search(r"reading .* 100% +0?0:00", shown(display))


@pytest.mark.parametrize(("terminal", "quiet"), [(False, False), (True, True)])
def test_nothing_is_shown_where_nobody_looks(terminal: bool, quiet: bool) -> None:
    display = console(terminal=terminal)
    with loading_display(display, quiet=quiet) as tell:
        tell(1, 2)
    assert shown(display) == ""


def test_blocks_are_all_rows_in_order_and_each_is_told() -> None:
    told: list[tuple[float, float]] = []
    blocks = list(rows_in_blocks(10, lambda done, total: told.append((done, total)), n_at_once=4))
    assert blocks == [slice(0, 4), slice(4, 8), slice(8, 10)]
    assert told == [(4, 10), (8, 10), (10, 10)]
    assert list(rows_in_blocks(4, say_nothing, n_at_once=4)) == [slice(0, 4)]


def test_a_part_of_a_work_is_told_as_its_share_of_the_whole() -> None:
    told: list[tuple[float, float]] = []
    tell = part_of(lambda done, total: told.append((done, total)), 10, 5, 20)
    tell(0, 4)
    tell(2, 4)
    tell(4, 4)
    assert told == [(10, 20), (12.5, 20), (15, 20)]


@pytest.mark.parametrize("task", ["classify", "regress"])
def test_large_tables_are_predicted_in_blocks_as_at_once(task: str) -> None:
    classes = ("a", "b") if task == "classify" else ()
    network = MLP([3, 4, max(1, len(classes))], random_state=0, dtype="float64")
    predictor = Predictor(network, task, classes, numeric_columns(("x", "y", "z")), "t")  # type: ignore[arg-type]
    X = np.random.default_rng(0).normal(size=(ROWS_IN_A_BLOCK + 100, 3))
    told: list[tuple[float, float]] = []
    table = prediction_table(predictor, X, lambda done, total: told.append((done, total)))
    assert told == [(ROWS_IN_A_BLOCK, len(X)), (len(X), len(X))]
    np.testing.assert_array_equal(table["prediction"].to_numpy(), predictor.predict(X))
    if classes:
        np.testing.assert_array_equal(table["probability b"].to_numpy(), predictor.probabilities(X)[:, 1])


@pytest.mark.parametrize(("log", "quiet"), [("text", False), ("json", False), ("text", True)])
def test_frames_of_an_animation_are_counted_on_a_terminal_only(log: str, quiet: bool) -> None:
    options = {"gif": Path("x.gif"), "epochs": 4, "log": log, "quiet": quiet}
    for terminal in (True, False):
        display = console(terminal=terminal)
        assert run_training(options, console=display, messages=console(terminal=False)) == 0
        assert ("drawing" in shown(display)) == (terminal and log == "text" and not quiet)


def test_the_gallery_counts_trainings_and_frames_of_all_its_pictures() -> None:
    display = console(terminal=True)
    gallery.make_gallery(Path("pictures"), epochs=4, backend="numba", quiet=False, console=display)
    text = shown(display)
    assert re.search(r"gallery .* 100% +0?0:00", text)
    assert text.count("written: ") == len(gallery.EXHIBITS) == len(os.listdir("pictures"))
    shares = [int(share) for share in re.findall(r"(\d+)%", text)]
    assert shares == sorted(shares)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "X.npy"])
def test_reading_tells_of_rows_up_to_the_last(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.csv_file.PIECE_BYTES", 1 << 12)
    frame = pl.DataFrame({"a": range(3000), "b": range(3000), "kind": ["x", "y", "z"] * 1000})
    frame.write_csv("t.csv")
    frame.write_parquet("t.parquet")
    np.save("X.npy", frame.drop("kind").to_numpy())
    np.save("y.npy", np.arange(3000) % 3)
    told: list[tuple[float, float]] = []
    table = read_table(name, tell=lambda done, total: told.append((done, total)))
    done, total = np.array(told).T
    ends = np.flatnonzero(np.diff(done, append=0) <= 0)  # it is told anew for each pass
    assert (done[ends] == 3000).all()
    assert (done <= total).all()
    assert np.abs(total / 3000 - 1).max() < 0.2
    n_told = len(told)
    prepare(table, standardize=True, validation=None, seed=0, dtype="float32")
    assert len(told) == n_told or told[-1][0] == 3000
