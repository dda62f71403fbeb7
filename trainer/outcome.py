"""What a training is given, what it tells while it goes on, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from trainer.errors import DivergenceError
from trainer.history import History
from trainer.model import MLP


@dataclass(frozen=True)
class Samples:
    """Inputs X (n_samples, n_features) and targets Y (n_samples, n_outputs)."""

    X: np.ndarray
    Y: np.ndarray


@dataclass(frozen=True)
class Report:
    """What a callback is told.

    Attributes
    ----------
    model : MLP
        As it is trained; not to be changed.
    epochs_done, n_epochs : int
    history : History
        All records so far, those of earlier reports among them.
    seconds : float
        Of training, see `Outcome`.
    steps_per_second : float
    ended : bool
        Whether this is the last report, whatever ended the training.
    """

    model: MLP
    epochs_done: int
    n_epochs: int
    history: History
    seconds: float
    steps_per_second: float
    ended: bool


# Hears of a training as it goes on, and stops it by returning True.
Callback = Callable[[Report], bool | None]


@dataclass
class Outcome:
    """How a training ended.

    Attributes
    ----------
    history : History
        Columns epoch, loss, mean_abs_error (both before the epoch's updates), accuracy, r2 or d2 (after them),
        gradient_norm (of the epoch's last step), and val_loss, val_accuracy, val_r2 or val_d2 where there is
        validation.
    epochs_done, steps_done : int
    seconds : float
        Time spent in training, without compilation and callbacks.
    threads : int
        How many took part.
    interrupted : bool
        A callback asked to stop.
    stopped_early : bool
        The validation loss had not improved for as long as was allowed.
    best_epoch : int or None
        The recorded epoch whose validation loss was lowest, where that was watched.
    divergence : DivergenceError or None
        Training met a number that is not finite; the model holds the last finite parameters.
    snapshots : list of (epochs done, parameters)
    final : dict
        Of the trained model: loss and score of the evaluated rows, and with the prefix ``val_`` those of the validation
        rows.
    """

    history: History
    epochs_done: int = 0
    steps_done: int = 0
    seconds: float = 0.0
    threads: int = 1
    interrupted: bool = False
    stopped_early: bool = False
    best_epoch: int | None = None
    divergence: DivergenceError | None = None
    snapshots: list[tuple[int, np.ndarray]] = field(default_factory=list)
    final: dict[str, float] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """How it ended, in a word: finished, interrupted or diverged."""
        if self.divergence is not None:
            return "diverged"
        return "interrupted" if self.interrupted else "finished"
