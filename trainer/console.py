"""What a training shows in the terminal: a progress bar, or plain lines where the output is piped, and a summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from trainer.explained_loss import SCORES, score_in
from trainer.history import History
from trainer.training import Callback, Report

MAX_LINES = 20


def open_console(*, stderr: bool = False) -> Console:
    """Return a console that neither guesses colours of numbers nor breaks the lines of a pipe."""
    return Console(stderr=stderr, highlight=False, emoji=False, markup=False, soft_wrap=True)


def print_table(console: Console, rows: Sequence[Sequence[str]]) -> None:
    """Print rows of cells in columns, the first to the left and the others to the right, however wide that is."""
    widths = [max(cell_len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        gaps = [" " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        others = [gap + cell for gap, cell in zip(gaps[1:], row[1:], strict=True)]
        console.print("  ".join([row[0] + gaps[0], *others]))


def describe_record(history: History, i: int) -> str:
    """Return one record as a line: epoch, loss, mean absolute error, score, and what validation says."""
    score = score_in(history) or ""
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
    return f"accuracy {100 * value:5.1f} %" if name == "accuracy" else f"{SCORES[name]} {value:.4f}"


@contextmanager
def training_display(
    console: Console, n_epochs: int, *, every_record: bool, quiet: bool, first: int = 0
) -> Iterator[Callback]:
    """Yield a callback that shows reports on the console; it never asks to stop.

    Parameters
    ----------
    every_record : print a line for every record where the output is piped, instead of at most about twenty.
    quiet : show nothing.
    first : number of the first record that is shown as a line; a training that goes on has earlier ones.
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
        yield _Lines(console, every_record=every_record, first=first)


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
    score = score_in(history) or ""
    return (
        f"loss {history['loss'][-1]:.4f}  {_score(score, history[score][-1])}  {report.steps_per_second:,.0f} steps/s"
    )


class _Lines:
    """A callback that prints records as plain lines, those of one report at once."""

    def __init__(self, console: Console, *, every_record: bool, first: int) -> None:
        self._console, self._every_record, self._seen = console, every_record, first

    def __call__(self, report: Report) -> bool:
        history, n_records = report.history, report.history.n_records
        if self._every_record:
            due = np.arange(self._seen, n_records)
        else:
            due = self._seen + np.flatnonzero(_begins_a_line(history["epoch"], report.n_epochs)[self._seen :])
        if due.size:
            self._console.out("\n".join(describe_record(history, i) for i in due.tolist()))
        self._seen = n_records
        return False


def _begins_a_line(epochs: np.ndarray, n_epochs: int) -> np.ndarray:
    """Tell which of the recorded epochs is the first of its twentieth of the training."""
    parts = epochs // max(1, n_epochs / MAX_LINES)
    return np.diff(parts, prepend=-1) > 0
