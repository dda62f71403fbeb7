"""How a training goes on, call by call: how many steps each takes, what is told and written after it, when it ends.

Many epochs are taken in one call of compiled code, or a part of one, so that callbacks hear of the progress several
times a second and yet cost nothing that could be measured. What is trained does not depend on how the steps are cut
into calls. Nothing here prints or draws.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np

from trainer.checkpoints import Checkpoints
from trainer.early_stopping import Best
from trainer.errors import DivergenceError
from trainer.feeding import BlockFeed, WholeFeed
from trainer.model import MLP
from trainer.outcome import Callback, Outcome, Report, Samples
from trainer.pace import Pace
from trainer.records import Records
from trainer.run import OF_EVALUATED, Run
from trainer.standing import Standing, StandingError

# Callbacks hear no more often than this, however short the calls are between the records that early stopping looks at.
SECONDS_BETWEEN_REPORTS = 0.05


class Course:
    """A training under way.

    Parameters
    ----------
    model, run, feed, records : what is trained, by which steps, on which rows, and its history.
    epochs : int
    rates : function of the numbers of epochs
        Returns the learning rate of each.
    record_every : int
    watches : whether the lowest validation loss is looked for, and with it the best parameters.
    patience : int or None
        See `training.train_epochs`.
    first_snapshot : whether the parameters before any step are a snapshot; the others are the run's copies.

    Attributes
    ----------
    outcome : Outcome
        How far it is.
    """

    def __init__(
        self,
        model: MLP,
        run: Run,
        feed: WholeFeed | BlockFeed,
        records: Records,
        *,
        epochs: int,
        rates: Callable[[np.ndarray], np.ndarray],
        record_every: int,
        watches: bool,
        patience: int | None,
        first_snapshot: bool,
    ) -> None:
        self._model, self._run, self._feed, self._records = model, run, feed, records
        self._epochs, self._rates, self._record_every = epochs, rates, record_every
        self._best = Best() if watches else None
        self._patience = patience
        self._first_snapshot = first_snapshot
        self._pace = Pace()
        self.outcome = Outcome(records.history, threads=run.threads)

    def go_on_from(self, standing: Standing) -> None:
        """Take up a training of the same settings and rows where it stood.

        Raises
        ------
        StandingError
            The standing is not one of such a training.
        """
        try:
            self._go_on_from(standing)
        except KeyError as error:
            raise StandingError(f"{error} is missing") from None
        except (TypeError, ValueError, IndexError, OverflowError) as error:
            raise StandingError(str(error)) from None

    def _go_on_from(self, standing: Standing) -> None:
        epoch, step = (int(standing.run[name][0]) for name in ("period", "step"))
        if epoch < 0 or not 0 <= step < self._feed.steps_per_epoch:
            raise ValueError(f"epoch {epoch}, step {step} is none of {self._feed.steps_per_epoch} steps an epoch")
        self._model.parameters[:] = standing.parameters
        self._run.period, self._run.step = epoch, step
        self._feed.enter(self._run)
        self._run.restore(standing.run)
        self._records.restore(standing.history)
        if self._best is not None:
            self._best = Best(standing.best_loss, standing.best_epoch, standing.best_parameters)
            self.outcome.stopped_early = self._is_overdue(self._best)  # else it would go on after its end
        self.outcome.epochs_done, self.outcome.steps_done = self._run.period, self._steps_done()
        self.outcome.seconds, self.outcome.snapshots = standing.seconds, list(standing.snapshots)

    def standing(self) -> Standing:
        """Return a copy of where it stands."""
        self._feed.enter(self._run)  # at the end of a block it stands at the start of the next one
        best = self._best or Best()
        return Standing(
            parameters=self._model.parameters.copy(),
            run=self._run.state(),
            history=dict(self.outcome.history),
            seconds=self.outcome.seconds,
            best_loss=best.loss,
            best_epoch=best.epoch,
            best_parameters=best.parameters,
            snapshots=list(self.outcome.snapshots),
        )

    def train(self, callbacks: Sequence[Callback], checkpoints: Checkpoints | None) -> None:
        """Take steps until the epochs are done, or something else ends the training."""
        if self._first_snapshot and not self.outcome.snapshots and not self._steps_done():
            self.outcome.snapshots.append((0, self._model.parameters.copy()))
        reported = -math.inf
        while not self._ended():
            if not self._take_steps(checkpoints):
                break
            if time.perf_counter() - reported >= SECONDS_BETWEEN_REPORTS and not self._ended():
                reported = time.perf_counter()
                self.outcome.interrupted = self._tell(callbacks, ended=False)
            if checkpoints is not None and (self._ended() or checkpoints.is_due(self.outcome.steps_done)):
                checkpoints.write(self.standing())
        self._tell(callbacks, ended=True)

    def end(self, evaluated: Samples | None, *, keep_best: bool) -> Outcome:
        """Put the best parameters back if they are to be kept, measure the network, and return how it ended.

        `evaluated` holds all the rows that the score is measured on, where records tell that of some of them only.
        """
        best, outcome = self._best, self.outcome
        if best is not None and best.parameters is not None:
            outcome.best_epoch = best.epoch
            if keep_best:
                self._model.parameters[:] = best.parameters
        table = self._run.measure()
        if evaluated is not None:
            table[0, OF_EVALUATED] = self._run.measure_rows(self._model.samples(evaluated.X, evaluated.Y))
        outcome.final = {name: float(values[0]) for name, values in self._records.measured(table).items()}
        return outcome

    def _ended(self) -> bool:
        outcome = self.outcome
        return outcome.epochs_done >= self._epochs or outcome.stopped_early or outcome.interrupted

    def _take_steps(self, checkpoints: Checkpoints | None) -> bool:
        """Take the steps of one call; return False where they left the finite numbers."""
        run, outcome = self._run, self.outcome
        started = time.perf_counter()
        n_steps = min(self._pace.n_steps, self._feed.enter(run))
        if checkpoints is not None:
            n_steps = min(n_steps, checkpoints.steps_left(outcome.steps_done) or n_steps)
        try:
            table = self._advance(n_steps)
        except DivergenceError as error:
            outcome.snapshots += run.copies
            self._records.append(outcome.epochs_done, error.period, error.table)
            outcome.seconds += time.perf_counter() - started
            outcome.divergence, outcome.epochs_done = error, error.period
            return False
        seconds = time.perf_counter() - started
        self._pace.learn(self._steps_done() - outcome.steps_done, seconds)
        self._records.append(outcome.epochs_done, run.period, table)
        outcome.snapshots += run.copies
        outcome.epochs_done, outcome.steps_done = run.period, self._steps_done()
        outcome.seconds += seconds
        if self._best is not None and table.size:
            self._look(self._best)
        return True

    def _advance(self, n_steps: int) -> np.ndarray:
        """Take so many steps, or fewer: within an epoch, or whole epochs."""
        run = self._run
        n_epochs = min(n_steps // self._feed.steps_per_epoch, self._next_stop() - run.period)
        if run.step or not n_epochs:
            return run.advance_within(float(self._rates(np.array([run.period]))[0]), n_steps)
        return run.advance(self._rates(np.arange(run.period, run.period + n_epochs)))

    def _next_stop(self) -> int:
        """Return the next number of epochs done at which there is something to do."""
        done = self._run.period
        if self._best is None:
            return self._epochs
        return min(self._epochs, -(-done // self._record_every) * self._record_every + 1)

    def _steps_done(self) -> int:
        return self._run.period * self._feed.steps_per_epoch + self._run.step

    def _look(self, best: Best) -> None:
        """Look at the validation loss of the last record."""
        history = self.outcome.history
        best.look(int(history["epoch"][-1]), float(history["val_loss"][-1]), self._model.parameters)
        self.outcome.stopped_early = self._is_overdue(best)

    def _is_overdue(self, best: Best) -> bool:
        epochs = self.outcome.history["epoch"]
        return self._patience is not None and epochs.size > 0 and best.is_overdue(int(epochs[-1]), self._patience)

    def _tell(self, callbacks: Sequence[Callback], *, ended: bool) -> bool:
        """Tell every callback how far training is; return whether one asks to stop."""
        outcome = self.outcome
        steps_per_second = outcome.steps_done / max(outcome.seconds, 1e-9)
        report = Report(
            self._model, outcome.epochs_done, self._epochs, outcome.history, outcome.seconds, steps_per_second, ended
        )
        answers = [callback(report) for callback in callbacks]  # each hears of it, whatever another says
        return any(answers)
