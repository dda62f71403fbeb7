"""What a training shows in the terminal: a progress bar, or plain lines where the output is piped, and a summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from trainer.history import History
from trainer.training import Report

Listener = Callable[[Report], bool]
MAX_LINES = 20


def open_console(*, stderr: bool = False) -> Console:
    """Return a console that neither guesses colours of numbers nor breaks the lines of a pipe."""
    return Console(stderr=stderr, highlight=False, emoji=False, markup=False, soft_wrap=True)


def describe_record(history: History, i: int) -> str:
    """Return one record as a line: epoch, loss, mean absolute error, score, and what validation says."""
    score = "accuracy" if "accuracy" in history else "r2"
    parts = [
        f"epoch {int(history['epoch'][i]):>9,}",
        f"loss {history['loss'][i]:.6f}",
        f"L1 error {history['mean_abs_error'][i]:.6f}",
        _score(score, history[score][i]),
    ]
    if "val_loss" in history:
        parts.append(f"validation loss {history['val_loss'][i]:.6f}")
        parts.append(_score(score, history[f"val_{score}"][i]))
    return "  ".join(parts)


def _score(name: str, value: float) -> str:
    return f"accuracy {100 * value:5.1f} %" if name == "accuracy" else f"R² {value:.4f}"


@contextmanager
def training_display(console: Console, n_epochs: int, *, every_record: bool, quiet: bool) -> Iterator[Listener]:
    """Yield a listener that shows reports on the console; it never asks to stop.

    Parameters
    ----------
    every_record : print a line for every record where the output is piped, instead of at most about twenty.
    quiet : show nothing.
    """
    if quiet:
        yield lambda report: False
    elif console.is_terminal:
        with _bar(console) as bar:
            task = bar.add_task("training", total=n_epochs, state="")

            def show(report: Report) -> bool:
                bar.update(task, completed=report.epochs_done, state=_state(report))
                return False

            yield show
    else:
        yield _Lines(console, every_record=every_record)


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("epoch {task.completed:,.0f}/{task.total:,.0f}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[state]}"),
        TimeRemainingColumn(compact=True),
        console=console,
        refresh_per_second=8,
    )


def _state(report: Report) -> str:
    history = report.history
    if not history.n_records:
        return ""
    score = "accuracy" if "accuracy" in history else "r2"
    return (
        f"loss {history['loss'][-1]:.4f}  {_score(score, history[score][-1])}  {report.steps_per_second:,.0f} steps/s"
    )


class _Lines:
    """A listener that prints records as plain lines."""

    def __init__(self, console: Console, *, every_record: bool) -> None:
        self._console, self._every_record, self._printed = console, every_record, 0

    def __call__(self, report: Report) -> bool:
        history = report.history
        n_records = history.n_records
        while self._printed < n_records:
            epoch = history["epoch"][self._printed]
            if self._every_record or self._due(epoch, report.n_epochs, history):
                self._console.print(describe_record(history, self._printed))
            self._printed += 1
        return False

    def _due(self, epoch: int, n_epochs: int, history: History) -> bool:
        """Tell whether this record is the first of its twentieth of the training."""
        if self._printed == 0:
            return True
        before = history["epoch"][self._printed - 1]
        return bool(epoch * MAX_LINES // n_epochs != before * MAX_LINES // n_epochs)
