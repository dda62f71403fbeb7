"""`--log json` is JSON and nothing else: an object for the start, each record and the end."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import call, read_records, run

from trainer.datasets import xor
from trainer.history import History
from trainer.json_log import json_lines
from trainer.model import MLP
from trainer.terms import objective
from trainer.training import Report, Samples, train_epochs


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def events(text: str) -> list[dict[str, Any]]:
    """Return the objects of JSON lines; NaN and Infinity, which are not JSON, are refused."""

    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is not JSON")

    assert text.endswith("\n")
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def test_a_training_is_told_from_its_start_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--epochs", 30, "--validation", 0.2, "--log-every", 7, "--history", "h.json", "--seed", 5)
    assert call("train", *options, "--log", "json") == 0
    out, err = capsys.readouterr()
    assert err == ""
    start, *records, end = events(out)
    assert start["event"] == "start"
    assert (start["rows"], start["validation_rows"], start["layer_sizes"]) == (240, 60, [2, 10, 2])
    assert (start["configuration"]["seed"], start["configuration"]["log_every"]) == (5, 7)
    assert {record.pop("event") for record in records} == {"record"}
    assert all(record.pop("seconds") > 0 and record.pop("steps_per_second") > 0 for record in records)
    assert records == read_records(Path("h.json"))
    assert (end["event"], end["status"], end["epochs"], end["written"]) == ("end", "finished", 30, ["h.json"])
    assert set(end["final"]) == {"loss", "accuracy", "val_loss", "val_accuracy"}


def test_lines_of_a_process_are_json_while_warnings_go_elsewhere(tmp_path: Path) -> None:
    options = ("--activation", "relu", "--hidden", "20,20", "--learning-rate", 1e30, "--loss", "cross_entropy")
    done = run("train", *options, "--epochs", 50, "--log", "json", cwd=tmp_path)
    assert done.returncode == 3
    assert "training diverged at epoch" in done.stderr
    *_, end = events(done.stdout)
    assert (end["event"], end["status"]) == ("end", "diverged")


def test_quiet_is_quiet_in_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "--epochs", 5, "--log", "json", "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_text_is_what_is_said_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    texts = []
    for options in ((), ("--log", "text")):
        assert call("train", "--epochs", 5, *options) == 0
        texts.append(re.sub(r"in [\d.]+ s of training.*", "", capsys.readouterr().out))
    assert texts[0] == texts[1]
    assert "xor: 300 rows to train on" in texts[0]


def report(history: History, *, ended: bool) -> Report:
    return Report(MLP([2, 2, 2], random_state=0), 2, 4, history, 0.5, 4.0, ended)


class FlushedText(io.StringIO):
    """A text that remembers what was there when it was flushed."""

    flushed = ""

    def flush(self) -> None:
        self.flushed = self.getvalue()


def test_each_record_is_written_once_and_flushed_and_what_is_not_finite_is_null() -> None:
    stream, history = FlushedText(), History(("epoch", "loss"))
    listen = json_lines(stream)
    history.append(epoch=np.array([0, 1]), loss=np.array([0.5, np.nan]))
    assert not listen(report(history, ended=False))
    first = stream.flushed
    assert [(event["epoch"], event["loss"]) for event in events(first)] == [(0, 0.5), (1, None)]
    history.append(epoch=np.array([2]), loss=np.array([np.inf]))
    listen(report(history, ended=True))
    assert stream.flushed.startswith(first)
    assert [(event["epoch"], event["loss"]) for event in events(stream.flushed)[2:]] == [(2, None)]


def test_a_user_s_own_callback_hears_of_the_training_and_stops_it() -> None:
    """A callback is any function of a report: it may keep what it needs, and stops the training by returning True."""
    losses: list[float] = []

    def until_half_of_the_first_loss(report: Report) -> bool:
        losses.append(report.history["loss"][-1])
        return losses[-1] < losses[0] / 2

    X, Y = xor()
    outcome = train_epochs(
        MLP([2, 10, 2], random_state=0),
        Samples(X, Y),
        epochs=1_000_000_000,
        learning_rate=2.0,
        terms=objective(),
        record_every=100,
        callbacks=[until_half_of_the_first_loss, json_lines(io.StringIO())],
    )
    assert outcome.interrupted
    assert outcome.epochs_done < 1_000_000_000
    assert losses[-1] < losses[0] / 2
