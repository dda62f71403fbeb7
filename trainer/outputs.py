"""The files and folders that a training leaves behind: checked before it begins, written when it has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.history import check_history_path, write_history
from trainer.model_file import check_model_path, save_predictor
from trainer.pictures import Wanted, save_pictures
from trainer.predictor import Predictor
from trainer.preparation import Prepared
from trainer.progress import Tell
from trainer.tensorboard_log import check_tensorboard
from trainer.training import Outcome


@dataclass(frozen=True)
class Outputs:
    """Where to write what; None for what is not asked for."""

    history: Path | None
    save: Path | None
    pictures: Wanted
    tensorboard: Path | None
    checkpoint: Path | None

    @property
    def hold_a_model(self) -> bool:
        """Whether one of them holds the network."""
        return self.save is not None or self.checkpoint is not None

    @property
    def kept_up(self) -> list[Path]:
        """What is written while the training goes on, and holds all of it when it has ended."""
        return [path for path in (self.checkpoint, self.tensorboard) if path is not None]

    def left_out(self, outcome: Outcome) -> list[str]:
        """Return the options whose pictures cannot be drawn, since nothing was recorded yet."""
        if outcome.history.n_records:
            return []
        asked = (("--plots", self.pictures.folder), ("--gif", self.pictures.animation))
        return [option for option, path in asked if path is not None]

    def check(self, prepared: Prepared) -> None:
        """Raise InputError, before anything is trained, where one of them cannot be written."""
        if self.history is not None:
            self.pictures.check_file(check_history_path(self.history))
        if self.save is not None:
            self.pictures.check_file(check_model_path(self.save, "save"))
        if self.checkpoint is not None:
            self.pictures.check_file(check_model_path(self.checkpoint, "checkpoint"))
        self.pictures.check(prepared)
        if self.tensorboard is not None:
            check_tensorboard(self.tensorboard)


def wanted_outputs(options: Mapping[str, Any]) -> Outputs:
    """Return what the options of a training ask for."""
    return Outputs(
        history=options["history"],
        save=options["save"],
        pictures=Wanted(options["plots"], options["gif"]),
        tensorboard=options["tensorboard"],
        checkpoint=options["checkpoint"],
    )


def write_outputs(
    outputs: Outputs,
    predictor: Predictor,
    prepared: Prepared,
    outcome: Outcome,
    *,
    configuration: Mapping[str, Any],
    fingerprint: str | None,
    title: str,
    drawn: Tell,
) -> list[Path]:
    """Write what is asked for of a training that has ended, and return the files.

    Parameters
    ----------
    configuration, fingerprint : of the training and its data, stored with the model
    title : of the pictures
    drawn : told how many frames of the animation are drawn, of how many

    Raises
    ------
    InputError
        A file that cannot be written.
    """
    written: list[Path] = []
    if outputs.history is not None:
        write_history(outcome.history, outputs.history)
        written.append(outputs.history)
    if outputs.save is not None:
        save_predictor(predictor, outputs.save, configuration=configuration, fingerprint=fingerprint)
        written.append(outputs.save)
    if outcome.history.n_records:
        written += save_pictures(outputs.pictures, predictor, prepared, outcome, title, drawn)
    return written
