"""How far long work is and how long it will still take, on a terminal; nothing where the output is piped.

Whoever works tells a function how much is done, of how much; what training shows is `trainer.console`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

# Is told how much is done, and of how much: bytes, rows, frames.
Tell = Callable[[float, float], None]

ROWS_IN_A_BLOCK = 1 << 14  # some milliseconds of work for a common network, and 100 MB of images


def say_nothing(done: float, total: float) -> None:
    """Be told, and show nothing."""


@contextmanager
def progress_display(console: Console, title: str, *, quiet: bool) -> Iterator[Tell]:
    """Yield a function to be told how far the work is, which a bar shows until the end of the block.

    Parameters
    ----------
    title : what is being done
    quiet : show nothing, as where the console is no terminal
    """
    if quiet or not console.is_terminal:
        yield say_nothing
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, transient=True, refresh_per_second=8) as bar:
        task = bar.add_task(title, total=None)

        def show(done: float, total: float) -> None:
            bar.update(task, completed=done, total=total)

        yield show


@contextmanager
def loading_display(console: Console, quiet: bool) -> Iterator[Tell]:
    """Yield a function to be told how much of a table is read: bytes or rows, of all."""
    with progress_display(console, "reading", quiet=quiet) as tell:
        yield tell


def rows_in_blocks(n_rows: int, tell: Tell, n_at_once: int = ROWS_IN_A_BLOCK) -> Iterator[slice]:
    """Yield the rows of a table in blocks, and tell after each of them how many are done."""
    for first in range(0, n_rows, n_at_once):
        last = min(first + n_at_once, n_rows)
        yield slice(first, last)
        tell(last, n_rows)


def part_of(tell: Tell, first: float, size: float, total: float) -> Tell:
    """Return a function for one part of a longer work that begins at `first` and takes `size` of `total`."""

    def tell_part(done: float, of: float) -> None:
        tell(first + size * done / of, total)

    return tell_part
