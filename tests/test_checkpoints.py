"""Checkpoints are whole or not there; a training that is killed loses no more than what followed the last one."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from killed_training import EPOCHS, STEPS, train
from processes import TESTS, environment

from trainer.checkpoint_file import read_checkpoint
from trainer.checkpoints import parse_every
from trainer.errors import InputError
from trainer.fingerprint import fingerprint_of_arrays, fingerprint_of_files
from trainer.model_file import load_predictor

KILLS = 100


def test_a_training_killed_a_hundred_times_ends_with_the_same_bits(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    command = [sys.executable, str(TESTS / "killed_training.py"), str(path), str(KILLS)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    *steps, whole, resumed = done.stdout.split()
    held = [int(number) for number in steps]
    assert len(held) == KILLS
    assert resumed == whole
    # Every file was read after its kill; what it held never went back, and grew in between.
    assert held == sorted(held)
    total = EPOCHS * -(-500 // 8)
    assert all(number in (-1, total) or number % STEPS == 0 for number in held)
    assert len(set(held)) > 10
    # What is left of the killed goes when the next one begins; one more may have been killed since.
    assert sum(name.endswith(".part") for name in os.listdir(tmp_path)) <= KILLS


def test_a_checkpoint_is_a_model_too(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    model = train(path)
    predictor = load_predictor(path)
    assert predictor.model.parameters.tobytes() == model.parameters.tobytes()
    assert predictor.classes == ("a", "b", "c")
    assert read_checkpoint(path).standing.epochs_done == EPOCHS


def test_a_model_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    from trainer.model_file import save_predictor

    train(tmp_path / "run.safetensors")
    predictor = load_predictor(tmp_path / "run.safetensors")
    save_predictor(predictor, tmp_path / "model.safetensors", configuration={"epochs": 3})
    with pytest.raises(InputError, match="a model without the course of its training"):
        read_checkpoint(tmp_path / "model.safetensors")


def test_a_full_disk_stops_the_training_and_keeps_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.safetensors"
    written = 0
    fsync = os.fsync

    def fill(descriptor: int) -> None:
        nonlocal written
        written += 1
        if written > 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fill)
    with pytest.raises(InputError, match=r"cannot write .*run.safetensors: No space left on device"):
        train(path)
    monkeypatch.undo()
    run = read_checkpoint(path).standing.run
    assert (int(run["period"][0]) * 63 + int(run["step"][0])) % STEPS == 0
    assert os.listdir(tmp_path) == ["run.safetensors"]


def test_a_folder_that_vanishes_stops_the_training_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"folder .*gone does not exist"):
        train(tmp_path / "gone" / "run.safetensors")


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("30s", (30.0, None)),
        ("5min", (300.0, None)),
        ("1h", (3600.0, None)),
        ("1000steps", (None, 1000)),
        ("1 step", (None, 1)),
    ],
)
def test_an_interval_is_seconds_or_steps(text: str, interval: tuple[float | None, int | None]) -> None:
    assert parse_every(text) == interval


@pytest.mark.parametrize("text", ["", "30", "0s", "-1s", "1.5s", "steps", "nan s", "1e3steps", "9" * 40 + "s"])
def test_another_interval_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"every: .* given, an interval such as 30s"):
        parse_every(text)


def test_a_fingerprint_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"ab")
    (tmp_path / "b").write_bytes(b"c")
    digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of abc, FIPS 180-2
    (tmp_path / "c").write_bytes(b"abc")
    assert fingerprint_of_files([tmp_path / "c"]) == digest
    assert fingerprint_of_files([tmp_path / "a", tmp_path / "b"]) == digest
    with pytest.raises(InputError, match="cannot be read"):
        fingerprint_of_files([tmp_path])
    one, other = np.arange(6.0), np.arange(6.0).reshape(2, 3)
    assert fingerprint_of_arrays([one]) == fingerprint_of_arrays([one.copy()])
    assert fingerprint_of_arrays([one]) != fingerprint_of_arrays([other])
