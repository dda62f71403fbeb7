"""`--early-stopping` and `--keep-best` go by the validation loss, and it is said by which epoch."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from command_line import call, read_records

EPOCHS = 2000
# Of classes that are drawn, and so can be learned by heart only: the validation loss soon rises.
OVERFITTING = ("drawn.csv", "--validation", 0.3, "--epochs", EPOCHS, "--log-every", 1, "--l2", 0, "--history", "h.json")


@pytest.fixture(autouse=True)
def drawn_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    rows = [(*generator.normal(size=4), "xy"[kind]) for kind in generator.integers(0, 2, 60)]
    Path("drawn.csv").write_text("a,b,c,d,kind\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))


def validation_losses() -> list[float]:
    return [record["val_loss"] for record in read_records(Path("h.json"))]


def held_out_loss(text: str) -> float:
    found = re.search(r"held out: .* loss ([\d.]+)", text)
    assert found is not None
    return float(found[1])


def test_training_stops_so_many_epochs_after_the_lowest_loss(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", *OVERFITTING, "--early-stopping", 10) == 0
    out, losses = capsys.readouterr().out, validation_losses()
    best = int(np.argmin(losses))
    assert len(losses) == best + 11 < EPOCHS
    assert f"stopped early at epoch {len(losses):,}: the validation loss was lowest at epoch {best:,}\n" in out
    assert held_out_loss(out) == pytest.approx(losses[-1], abs=1e-6)


@pytest.mark.parametrize("more", [(), ("--early-stopping", 10)])
def test_the_best_weights_are_put_back(more: tuple[object, ...], capsys: pytest.CaptureFixture[str]) -> None:
    options = [60 if option == EPOCHS else option for option in OVERFITTING]
    assert call("train", *options, *more, "--keep-best") == 0
    out, losses = capsys.readouterr().out, validation_losses()
    assert min(losses) < losses[-1]
    assert held_out_loss(out) == pytest.approx(min(losses), abs=1e-6)
    assert f"the validation loss was lowest at epoch {np.argmin(losses)}" in out


def test_json_says_which_epoch_was_the_best(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", *OVERFITTING, "--early-stopping", 10, "--log", "json") == 0
    end, losses = json.loads(capsys.readouterr().out.splitlines()[-1]), validation_losses()
    assert (end["status"], end["stopped_early"], end["best_epoch"]) == ("finished", True, int(np.argmin(losses)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--early-stopping", 5), "early-stopping: 5 given without rows to watch, a share for --validation needed"),
        (("--keep-best",), "keep-best: True given without rows to watch, a share for --validation needed"),
        (("--validation", 0.2, "--early-stopping", 0), "early-stopping: 0 given, an integer of at least 1 accepted"),
    ],
)
def test_there_must_be_a_loss_to_go_by(
    options: tuple[object, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("train", "--epochs", 3, *options) == 2
    assert capsys.readouterr() == ("", f"scratch-mlp: error: {message}\n")
