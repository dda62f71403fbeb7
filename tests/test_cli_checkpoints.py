"""`train --checkpoint` and `--resume`: a training that was stopped goes on to the same files."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command_line import COMMAND, call, environment
from interrupted_training import send_when_training_has_begun

from trainer.checkpoint_file import read_checkpoint
from trainer.interruption import interruption
from trainer.model_file import load_model

TABLE = "a,b,kind\n" + "".join(f"{i * 37 % 101},{i * 53 % 89},{'xyz'[i * i % 3]}\n" for i in range(200))
OPTIONS = ("--solver", "adam", "--schedule", "cosine", "--validation", "0.2", "--hidden", "7,5", "--log-every", "3")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "t.csv").write_text(TABLE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def weights(name: str) -> bytes:
    return load_model(name).predictor.model.parameters.tobytes()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_writes_a_checkpoint_from_which_training_goes_on_to_the_same_files(
    number: int, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    training = ("train", "t.csv", *OPTIONS, "--epochs", "40")
    assert call(*training, "--save", "whole.safetensors", "--history", "whole.csv") == 0
    with monkeypatch.context() as context:
        send_when_training_has_begun(context, number)
        given = ("--checkpoint", "run.safetensors", "--save", "cut.safetensors", "--history", "cut.csv")
        assert call(*training, *given) == status
    assert "--resume run.safetensors goes on from there" in capsys.readouterr().err
    assert read_checkpoint("run.safetensors").standing.epochs_done < 40
    assert weights("cut.safetensors") != weights("whole.safetensors")
    assert call("train", "--resume", "run.safetensors", "--threads", "2") == 0
    assert "going on after" in capsys.readouterr().out
    assert weights("cut.safetensors") == weights("run.safetensors") == weights("whole.safetensors")
    assert Path("cut.csv").read_text() == Path("whole.csv").read_text()


def test_lines_of_a_training_that_goes_on_begin_where_those_before_ended(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--schedule", "constant", "--log", "json", "--log-every", "1")
    assert call("train", "t.csv", *given, "--epochs", "4", "--checkpoint", "run.safetensors") == 0
    assert call("train", "--resume", "run.safetensors", "--epochs", "7") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["epoch"] for line in lines if line["event"] == "record"] == list(range(7))


def test_a_process_that_is_killed_goes_on_from_its_last_checkpoint(folder: Path) -> None:
    training = ("train", "t.csv", *OPTIONS, "--epochs", "8000", "--quiet", "--save", "m.safetensors")
    given = ("--checkpoint", "run.safetensors", "--every", "200steps")
    killed = subprocess.Popen([*COMMAND, *training, *given], cwd=folder, env=environment())
    while not Path("run.safetensors").exists():
        assert killed.poll() is None
        time.sleep(0.005)
    killed.kill()
    killed.wait()
    assert 0 < read_checkpoint("run.safetensors").standing.epochs_done < 8000
    assert not Path("m.safetensors").exists()
    assert call("train", "--resume", "run.safetensors") == 0
    resumed = weights("m.safetensors")
    assert call(*training) == 0
    assert weights("m.safetensors") == resumed
    assert not [name for name in os.listdir(folder) if name.endswith(".part")]


def test_a_training_that_was_done_is_trained_longer_with_a_constant_rate() -> None:
    constant = ("train", "t.csv", "--schedule", "constant", "--log-every", "5", "--quiet")
    assert call(*constant, "--epochs", "9", "--save", "whole.safetensors") == 0
    assert call(*constant, "--epochs", "4", "--checkpoint", "run.safetensors") == 0
    assert call("train", "--resume", "run.safetensors", "--epochs", "9") == 0
    assert weights("run.safetensors") == weights("whole.safetensors")
    assert call("train", "--resume", "run.safetensors") == 0  # nothing is left to do
    assert weights("run.safetensors") == weights("whole.safetensors")


def test_the_data_may_have_moved_but_not_changed(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--epochs", "3", "--schedule", "constant", "--checkpoint", "run.safetensors", "--quiet")
    assert call("train", "t.csv", *given) == 0
    Path("t.csv").rename("moved.csv")
    assert call("train", "moved.csv", "--resume", "run.safetensors", "--epochs", "4") == 0
    Path("moved.csv").write_text(TABLE + "1,2,x\n")
    assert call("train", "moved.csv", "--resume", "run.safetensors") == 2
    assert "moved.csv: not the data of the checkpoint run.safetensors" in capsys.readouterr().err


def test_a_model_and_a_checkpoint_tell_how_they_were_made() -> None:
    given = ("--epochs", "3", "--checkpoint", "run.safetensors", "--save", "m.safetensors", "--quiet")
    assert call("train", "t.csv", *OPTIONS, *given) == 0
    model, checkpoint = load_model("m.safetensors"), read_checkpoint("run.safetensors")
    assert model.configuration == checkpoint.configuration
    assert model.fingerprint == checkpoint.fingerprint is not None
    assert model.configuration is not None
    assert model.configuration["hidden"] == [7, 5]
    assert "resume" not in model.configuration


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--hidden", "9"), ("hidden: 9", "it has 7,5")),
        (("--dropout", "0.5"), ("dropout: 0.5", "it has 0.0")),
        (("--momentum", "0.5"), ("momentum: 0.5", "it has none")),
        (("--epochs", "50"), ("epochs: 50", "40 accepted", "schedule")),
        (("--every", "often"), ("every: 'often'", "30s")),
        (("--preset", "article"), ("preset: article",)),
    ],
)
def test_what_would_change_the_course_is_refused(
    arguments: tuple[str, ...], words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--epochs", "40", "--checkpoint", "run.safetensors", "--quiet")
    assert call("train", "t.csv", *OPTIONS, *given) == 0
    capsys.readouterr()
    before = Path("run.safetensors").read_bytes()
    assert call("train", "--resume", "run.safetensors", *arguments) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    for word in words:
        assert word in err
    assert Path("run.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--resume", "missing.safetensors"), "missing.safetensors"),
        (("--resume", "t.csv"), "t.csv"),
        (("--checkpoint", "run.npz"), "checkpoint: file run.npz"),
        (("--checkpoint", "no/run.safetensors"), "folder no does not exist"),
        (("--checkpoint", "run.safetensors", "--every", "0s"), "every: '0s'"),
    ],
)
def test_files_that_cannot_be_used_are_refused(
    arguments: tuple[str, ...], words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("train", "t.csv", *arguments) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
    assert os.listdir(folder) == ["t.csv"]


def leave_no_room_for(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Have the disk be full when one of these files has been there and is written again."""
    replace = os.replace

    def fill(source: Path, target: Path) -> None:
        if target.name in names and (target.exists() or target.name != "run.safetensors"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr("trainer.output_file.os.replace", fill)


CANNOT = "scratch-mlp: error: cannot write run.safetensors: No space left on device"
EVERY = ("--epochs", "40", "--every", "2steps", "--checkpoint", "run.safetensors", "--quiet")


def test_a_model_is_saved_elsewhere_before_a_checkpoint_that_cannot_be_written_ends_the_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    training = ("train", "t.csv", *OPTIONS, "--schedule", "constant", "--batch-size", "80")
    with monkeypatch.context() as context:
        leave_no_room_for(context, "run.safetensors")
        assert call(*training, *EVERY, "--save", "m.safetensors") == 2
    assert capsys.readouterr().err == f"{CANNOT}; the model as it was then is saved as m.safetensors\n"
    assert read_checkpoint("run.safetensors").standing.epochs_done == 1
    assert call(*training, "--epochs", "2", "--save", "two.safetensors", "--quiet") == 0
    assert weights("m.safetensors") == weights("two.safetensors")


@pytest.mark.parametrize(
    ("save", "further"),
    [
        ((), ""),
        (("--save", "./run.safetensors"), ""),
        (
            ("--save", "m.safetensors"),
            "; the model neither: cannot write m.safetensors: No space left on device",
        ),
    ],
)
def test_a_checkpoint_that_cannot_be_written_ends_the_training_where_no_model_can_be_saved(
    save: tuple[str, ...], further: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_no_room_for(monkeypatch, "run.safetensors", "m.safetensors")
    assert call("train", "t.csv", *OPTIONS, *EVERY, *save) == 2
    assert capsys.readouterr().err == f"{CANNOT}{further}\n"
    assert not Path("m.safetensors").exists()


def test_a_second_signal_has_its_usual_effect() -> None:
    with interruption() as signals:
        os.kill(os.getpid(), signal.SIGINT)
        assert signals == [signal.SIGINT]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
