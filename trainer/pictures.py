"""The pictures of one training: which there are, and what is drawn in each. The drawing is left to `plots` and
`animation`.

matplotlib is imported when the first picture is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.boundary import Grid, evaluate_grid
from trainer.errors import InputError
from trainer.explained_loss import score_in
from trainer.output_file import require_writable
from trainer.predictor import Predictor
from trainer.preparation import Prepared
from trainer.progress import Tell, say_nothing
from trainer.training import Outcome

N_FRAMES = 100
ANIMATION_GRID_POINTS = 120


@dataclass(frozen=True)
class Wanted:
    """Where pictures shall go: a folder for PNG files, a file for the animation; None for neither."""

    folder: Path | None
    animation: Path | None

    def check(self, prepared: Prepared) -> None:
        """Raise InputError where something cannot be written or drawn."""
        if self.folder is not None:
            require_folder(self.folder)
        if self.animation is not None:
            self.check_file(self.animation)
            if self.animation.suffix.lower() != ".gif":
                raise InputError(f"gif: file {self.animation} given, a name that ends in .gif accepted")
            if not has_boundary(prepared):
                n_features = len(prepared.columns)
                raise InputError(
                    f"gif: {prepared.task} with {n_features} features given, two features and classes accepted"
                )

    def check_file(self, path: Path) -> None:
        """Raise InputError where a file cannot be written; the folder of the pictures need not be there yet."""
        if self.folder is None or path.parent.resolve() != self.folder.resolve():
            require_writable(path)

    def make_folder(self) -> None:
        """Make the folder, if one is wanted and it is not there; raise InputError where that fails."""
        if self.folder is not None:
            try:
                self.folder.mkdir(exist_ok=True)
            except OSError as error:
                raise InputError(f"cannot make the folder {self.folder}: {error.strerror}") from None


def has_boundary(prepared: Prepared) -> bool:
    """Tell whether there is a decision boundary that can be drawn in the plane."""
    return prepared.labels is not None and prepared.points is not None


def frame_epochs(n_epochs: int) -> list[int]:
    """Return the numbers of epochs done at which the animation shows the network."""
    return sorted({round(i * n_epochs / N_FRAMES) for i in range(N_FRAMES + 1)})


def save_pictures(
    wanted: Wanted, predictor: Predictor, prepared: Prepared, outcome: Outcome, title: str, drawn: Tell = say_nothing
) -> list[Path]:
    """Draw what is wanted of a finished training and return the files; `drawn` is told of frames of the animation."""
    written: list[Path] = []
    if wanted.folder is not None:
        written += _save_folder(wanted.folder, predictor, prepared, outcome, title)
    if wanted.animation is not None:
        save_training_animation(wanted.animation, predictor, prepared, outcome, title, drawn)
        written.append(wanted.animation)
    return written


def _save_folder(folder: Path, predictor: Predictor, prepared: Prepared, outcome: Outcome, title: str) -> list[Path]:
    from trainer import plots

    diverged_at = outcome.divergence.period if outcome.divergence else None
    score = folder / f"{score_in(outcome.history)}.png"
    plots.save_score(outcome.history, score, title, diverged_at=diverged_at)
    loss = folder / "loss.png"
    plots.save_loss(outcome.history, loss, title, diverged_at=diverged_at)
    if not has_boundary(prepared):
        return [score, loss]
    boundary = folder / "boundary.png"
    plots.save_boundary(
        evaluate_grid(predictor.probabilities, _points(prepared)),
        _points(prepared),
        _labels(prepared),
        boundary,
        _class_names(prepared),
        title,
        input_names=_input_names(prepared),
    )
    return [score, loss, boundary]


def save_training_animation(
    path: Path, predictor: Predictor, prepared: Prepared, outcome: Outcome, title: str, drawn: Tell = say_nothing
) -> None:
    """Draw accuracy, boundary and loss over the training, from the snapshots of the parameters."""
    from trainer import animation

    animation.save_animation(
        outcome.history,
        _frames(predictor, prepared, outcome),
        _points(prepared),
        _labels(prepared),
        path,
        _class_names(prepared),
        title,
        diverged_at=outcome.divergence.period if outcome.divergence else None,
        input_names=_input_names(prepared),
        drawn=drawn,
    )


def _frames(predictor: Predictor, prepared: Prepared, outcome: Outcome) -> list[tuple[int, Grid]]:
    """Evaluate the grid with each snapshot's parameters; the network is left as it was."""
    final = predictor.model.parameters.copy()
    snapshots = list(outcome.snapshots)
    if not snapshots or snapshots[-1][0] < outcome.epochs_done:
        snapshots.append((outcome.epochs_done, final))
    frames, points = [], _points(prepared)
    for epoch, parameters in snapshots:
        predictor.model.parameters[:] = parameters
        frames.append((epoch, evaluate_grid(predictor.probabilities, points, ANIMATION_GRID_POINTS)))
    predictor.model.parameters[:] = final
    return frames


def _points(prepared: Prepared) -> np.ndarray:
    assert prepared.points is not None
    return prepared.points


def _labels(prepared: Prepared) -> np.ndarray:
    assert prepared.labels is not None
    return prepared.labels


def _class_names(prepared: Prepared) -> list[str]:
    return [str(label) for label in prepared.classes]


def _input_names(prepared: Prepared) -> tuple[str, str]:
    first, second = prepared.columns
    return first.name, second.name


def require_folder(folder: Path) -> None:
    """Raise InputError where this folder is not there and cannot be made, or cannot be written in; make nothing."""
    if folder.is_dir():
        require_writable(folder / "picture")
    elif folder.exists():
        raise InputError(f"cannot write in {folder}: it is a file, the name of a folder is needed")
    else:
        require_writable(folder)
