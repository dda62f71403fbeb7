"""Training by epochs: how long, what is recorded, when callbacks hear of it, and how it ended.

The steps themselves are taken by `run.Run`, many epochs per call; this module chooses how many, so that callbacks
hear of the progress several times a second and yet cost nothing that could be measured. Nothing here prints or
draws.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from kernels.structs import RECORD_COLUMNS, Objective, Optimizer
from trainer.explained_loss import SCORES, explained, loss_of_best_constant
from trainer.history import History
from trainer.model import MLP
from trainer.run import DivergenceError
from trainer.schedules import learning_rates

# Compiled code runs about this long between two looks at the clock.
SECONDS_PER_CALL = 0.1
MAX_EPOCHS_PER_CALL = 1 << 16
# Callbacks hear no more often than this, however many snapshots cut the training into short calls.
SECONDS_BETWEEN_REPORTS = 0.05


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
    epochs_done : int
    steps_done : int
    seconds : float
        Time spent in training, without compilation, callbacks and snapshots.
    threads : int
        How many took part.
    interrupted : bool
        A callback asked to stop.
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
    divergence: DivergenceError | None = None
    snapshots: list[tuple[int, np.ndarray]] = field(default_factory=list)
    final: dict[str, float] = field(default_factory=dict)


def train_epochs(
    model: MLP,
    training: Samples,
    *,
    epochs: int,
    learning_rate: float,
    terms: Objective,
    optimizer: Optimizer | None = None,
    schedule: str = "constant",
    batch_size: int | None = None,
    shuffle: bool = False,
    record_every: int = 1,
    evaluated: Samples | None = None,
    validation: Samples | None = None,
    score: str = "accuracy",
    snapshot_epochs: Sequence[int] = (),
    callbacks: Sequence[Callback] = (),
) -> Outcome:
    """Train a model for a number of passes over the data.

    Parameters
    ----------
    model : MLP
        Changed in place.
    training : Samples
    epochs : int
    learning_rate, schedule : see `schedules.learning_rates`; the rate is constant within an epoch.
    terms : penalties and clipping, see `terms.objective`.
    optimizer : how gradients become steps, see `terms.optimizer`; None subtracts the learning rate times the gradient.
    batch_size : rows in a step; None takes all.
    shuffle : whether each epoch has an order of its own.
    record_every : epochs whose number is divisible by this are recorded.
    evaluated : what the score is measured on; None takes the training samples.
    validation : measured beside it.
    score : {"accuracy", "r2", "d2"}
    snapshot_epochs : increasing numbers of epochs done after which the parameters are copied to `Outcome.snapshots`.
    callbacks : called several times a second, and once at the end; training stops when one returns True.

    Returns
    -------
    Outcome
    """
    evaluated = evaluated or training
    n_samples = training.X.shape[0]
    steps_per_epoch = 1 if batch_size is None else math.ceil(n_samples / min(batch_size, n_samples))
    run = model.start_run(
        training.X,
        training.Y,
        terms=terms,
        optimizer=optimizer,
        batch_size=batch_size,
        shuffle=shuffle,
        steps_per_period=steps_per_epoch,
        record_every=record_every,
        evaluated=(evaluated.X, evaluated.Y),
        validation=(validation.X, validation.Y) if validation else None,
    )
    records = _Records(model, score, evaluated, validation, record_every)
    outcome = Outcome(records.history, threads=run.threads)
    stops = sorted({epoch for epoch in snapshot_epochs if epoch <= epochs} | {epochs})
    if stops[0] == 0:
        outcome.snapshots.append((stops.pop(0), model.parameters.copy()))
    n_epochs_per_call, reported = 1, -math.inf
    while outcome.epochs_done < epochs:
        end = min(stops[0], outcome.epochs_done + n_epochs_per_call)
        rates = learning_rates(schedule, learning_rate, np.arange(outcome.epochs_done, end), epochs)
        started = time.perf_counter()
        try:
            table = run.advance(rates)
        except DivergenceError as error:
            records.append(outcome.epochs_done, error.period, error.table)
            outcome.seconds += time.perf_counter() - started
            outcome.divergence, outcome.epochs_done = error, error.period
            break
        elapsed = time.perf_counter() - started
        records.append(outcome.epochs_done, end, table)
        outcome.seconds += elapsed
        outcome.epochs_done = end
        if end == stops[0]:
            stops.pop(0)
            if end in snapshot_epochs:
                outcome.snapshots.append((end, model.parameters.copy()))
        n_epochs_per_call = _epochs_per_call(n_epochs_per_call, elapsed)
        if callbacks and end < epochs and time.perf_counter() - reported >= SECONDS_BETWEEN_REPORTS:
            reported = time.perf_counter()
            if _tell(callbacks, model, outcome, epochs, steps_per_epoch, ended=False):
                outcome.interrupted = True
                break
    _tell(callbacks, model, outcome, epochs, steps_per_epoch, ended=True)
    outcome.steps_done = outcome.epochs_done * steps_per_epoch
    outcome.final = {name: float(values[0]) for name, values in records.measured(run.measure()).items()}
    return outcome


def _tell(
    callbacks: Sequence[Callback], model: MLP, outcome: Outcome, n_epochs: int, steps_per_epoch: int, *, ended: bool
) -> bool:
    """Tell every callback how far training is; return whether one asks to stop."""
    done = outcome.epochs_done
    steps_per_second = done * steps_per_epoch / max(outcome.seconds, 1e-9)
    report = Report(model, done, n_epochs, outcome.history, outcome.seconds, steps_per_second, ended)
    answers = [callback(report) for callback in callbacks]  # each hears of it, whatever another says
    return any(answers)


def _epochs_per_call(last: int, elapsed: float) -> int:
    """Return how many epochs fill the time between two looks at the clock, at most four times as many as before."""
    fitting = last * SECONDS_PER_CALL / max(elapsed, 1e-6)
    return max(1, min(int(fitting), 4 * last, MAX_EPOCHS_PER_CALL))


class _Records:
    """The history of a training, made of the tables that the kernels return."""

    def __init__(self, model: MLP, score: str, evaluated: Samples, validation: Samples | None, every: int) -> None:
        self._score, self._every = score, every
        self._measured = {"": evaluated, "val_": validation} if validation else {"": evaluated}
        self._of_constant: dict[str, float] = {}
        if score in SCORES:
            for prefix, samples in self._measured.items():
                of_constant = loss_of_best_constant(model.loss_name, model.loss_parameter, samples.Y)
                self._of_constant[prefix] = of_constant
        columns = ["epoch", "loss", "mean_abs_error", score]
        if validation:
            columns += ["val_loss", f"val_{score}"]
        self.history = History((*columns, "gradient_norm"))

    def append(self, first_epoch: int, end_epoch: int, table: np.ndarray) -> None:
        numbers = np.arange(first_epoch, end_epoch)
        columns = dict(zip(RECORD_COLUMNS, table.T, strict=True)) | self.measured(table)
        self.history.append(**columns | {"epoch": numbers[numbers % self._every == 0], "loss": table[:, 0]})

    def measured(self, table: np.ndarray) -> dict[str, np.ndarray]:
        """Return loss and score after the updates, and with the prefix ``val_`` those of the validation rows."""
        columns = dict(zip(RECORD_COLUMNS, table.T, strict=True))
        found = {}
        for prefix in self._measured:
            loss, accuracy = (columns[f"{prefix or 'eval_'}{name}"] for name in ("loss", "accuracy"))
            of_constant = self._of_constant.get(prefix)
            found[f"{prefix}loss"] = loss
            found[f"{prefix}{self._score}"] = accuracy if of_constant is None else explained(loss, of_constant)
        return found
