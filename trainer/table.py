"""What a checked table is, wherever it came from: columns, a target, rows in blocks. `tables` reads one from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from trainer.columns import Column

Task = Literal["classify", "regress"]
Impute = Literal["mean", "median"]
Label = str | int | bool
Targets = npt.NDArray[np.int64] | npt.NDArray[np.float64]
Cells = npt.NDArray[Any]  # float64, but for tables of bytes
# Some rows of a table: features X and targets y.
Rows = tuple[Cells, Targets]

CACHED_ELEMENTS = 1 << 16  # half a megabyte of float64 stays in a core's own cache while it is worked on


@dataclass(frozen=True, eq=False)
class Table:
    """Features and target of a file, checked and ready to train on.

    The features of some rows are float64, C-contiguous, of shape (rows, n_columns): numbers, and indices of categories;
    NaN where a cell is missing, which only is where `impute` says what shall stand for it. Those of a table `of_bytes`
    are bytes, and need not be contiguous. Targets are int64 indices into `classes` for classification, finite float64
    values for regression.

    Attributes
    ----------
    n_rows : int
    y : array, shape (n_rows,), or None
        All targets; None where the table is streamed.
    task : {"classify", "regress"}
        What there is to learn.
    classes : tuple of str, int or bool
        The labels as the file has them, sorted; empty for regression.
    columns : tuple of Column
        One for each column of features.
    target_name : str
        Column or array that the targets were made from.
    task_reason : str
        Why this task: "given", or what was seen in the target.
    read : callable
        Yields all rows, from the first to the last, in blocks that memory can hold.
    read_rows : callable or None
        Takes the first row and the one after the last, and returns them; None where a table can only be read through.
    impute : {"mean", "median"} or None
        What of the training rows shall stand for a missing number; of categories it is the most frequent one.
    dropped : tuple of str
        Columns of the file that were left out.
    files : tuple of Path
        Where it was read from: the file of the features, and that of the target if it is another.
    of_bytes : bool
        Whether the features of some rows are uint8 or int8, as those of pictures are, in place of float64.
    """

    n_rows: int
    y: Targets | None
    task: Task
    classes: tuple[Label, ...]
    columns: tuple[Column, ...]
    target_name: str
    task_reason: str
    read: Callable[[], Iterator[Rows]]
    read_rows: Callable[[int, int], Rows] | None = None
    impute: Impute | None = None
    dropped: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    of_bytes: bool = False

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the columns of features."""
        return tuple(column.name for column in self.columns)

    def blocks(self) -> Iterator[Rows]:
        """Yield all rows, from the first to the last, in blocks that a core's own cache can hold."""
        for X, y in self.read():
            yield from cached_blocks(X, y)

    def features(self) -> npt.NDArray[np.float64]:
        """Return the features of all rows: for tables that memory can hold twice."""
        return np.concatenate([X for X, _ in self.read()]).astype(np.float64, copy=False)


def cached_blocks(X: Cells, y: Targets) -> Iterator[Rows]:
    """Yield rows in blocks that a core's own cache can hold."""
    step = rows_in_cache(X.shape[1])
    for first in range(0, len(X), step):
        yield X[first : first + step], y[first : first + step]


def rows_in_cache(n_columns: int) -> int:
    """Return how many rows of float64 stay in a core's own cache while they are worked on."""
    return max(1, CACHED_ELEMENTS // max(1, n_columns))


def table_in_memory(
    X: npt.NDArray[np.float64],
    y: Targets,
    *,
    task: Task,
    classes: tuple[Label, ...],
    columns: tuple[Column, ...],
    target_name: str,
    task_reason: str,
) -> Table:
    """Return a table whose features are an array; see `Table` for the rest."""
    return Table(
        n_rows=len(X),
        y=y,
        task=task,
        classes=classes,
        columns=columns,
        target_name=target_name,
        task_reason=task_reason,
        read=lambda: iter([(X, y)]),
        read_rows=lambda first, last: (X[first:last], y[first:last]),
    )
