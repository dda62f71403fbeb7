"""A training that is interrupted says what is left of it: the files that were written, or what was left out."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from command_line import call
from interrupted_training import send_when_training_has_begun

TRAINING = ("train", "moons", "--epochs", "2000000", "--hidden", "3", "--quiet")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    send_when_training_has_begun(monkeypatch, signal.SIGINT)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "nothing was asked to be written of what was trained in {n} epochs"),
        (("--history", "h.csv"), "what was trained in {n} epochs is in h.csv"),
        (
            ("--plots", "p", "--save", "m.safetensors"),
            "what was trained in {n} epochs is in m.safetensors, p/accuracy.png, p/loss.png, p/boundary.png",
        ),
        (("--gif", "x.gif"), "what was trained in {n} epochs is in x.gif"),
        (
            ("--checkpoint", "run.safetensors"),
            "what was trained in {n} epochs is in run.safetensors; --resume run.safetensors goes on from there",
        ),
    ],
)
def test_what_was_written_is_named(options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*TRAINING, "--batch-size", "500", *options) == 130
    *_, last = capsys.readouterr().err.splitlines()
    n_epochs = next(word for word in last.split() if word.replace(",", "").isdigit())
    assert last == f"scratch-mlp: interrupted: {message.format(n=n_epochs)}"
    if "is in" in message:
        names = last.partition("is in ")[2].partition(";")[0]
        assert all(Path(name).exists() for name in names.split(", "))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--plots", "p", "--gif", "x.gif"),
            "nothing is written of what was trained in 0 epochs; without a record --plots and --gif are left out",
        ),
        (
            ("--plots", "p", "--save", "m.safetensors"),
            "what was trained in 0 epochs is in m.safetensors; without a record --plots is left out",
        ),
    ],
)
def test_pictures_that_could_not_be_drawn_yet_are_named(
    options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*TRAINING, "--batch-size", "1", *options) == 130
    *_, last = capsys.readouterr().err.splitlines()
    assert last == f"scratch-mlp: interrupted: {message}"
    assert not [name for name in os.listdir() if name.endswith(".gif")]
