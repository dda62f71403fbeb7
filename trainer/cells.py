"""What the cells of one column mean: numbers, truth values, names of categories, or nothing; and where a cell stands.

Whether a column is one of numbers or of categories is decided by those that have seen all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from trainer.csv_file import line_of
from trainer.errors import InputError
from trainer.raw_table import Features, RawTable

MAX_QUOTED = 40  # characters of a cell in one message
TRUTH = ["true", "false"]


@dataclass(frozen=True)
class Cell:
    """A cell that cannot be used: its row, from 0, and what it holds, None where it is missing."""

    row: int
    content: Any


def first_cell(column: pl.Series, good: pl.Series, first_row: int) -> Cell | None:
    """Return the first cell where `good` is false, None where there is none; the column begins at `first_row`."""
    row = (~good).arg_max() if not good.all() else None
    return None if row is None else Cell(first_row + row, column[row])


def refusal(raw: RawTable, name: str, cell: Cell, need: str, *, hint: str = "") -> InputError:
    """Return the error that names a cell, its row and, in a file of text, its line; `hint` says what to do about it."""
    text = str(cell.content) if len(str(cell.content)) <= MAX_QUOTED else str(cell.content)[:MAX_QUOTED] + "..."
    what = "is missing" if cell.content is None else f"holds {text!r}; {need}"
    line = "" if raw.separator is None else line_of(raw.path, raw.separator, name, cell.row, cell.content or "")
    return InputError(f"{raw.path}: column {name!r}, row {cell.row + 1}{line} {what}{hint}")


def require(raw: RawTable, column: pl.Series, good: pl.Series, need: str, first_row: int) -> None:
    """Raise InputError for the first cell where `good` is false."""
    cell = first_cell(column, good, first_row)
    if cell is not None:
        raise refusal(raw, column.name, cell, need)


def stripped(path: Path, raw: pl.Series) -> pl.Series:
    """Return categories as text, and text without blanks around it, null where nothing is left."""
    column = raw.cast(pl.String) if isinstance(raw.dtype, pl.Categorical | pl.Enum) else raw
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        return text.set(text == "", None)
    if column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null):
        return column
    raise InputError(f"{path}: column {raw.name!r} holds {raw.dtype}; accepted are numbers, booleans, text")


def as_array(block: Features) -> npt.NDArray[Any] | None:
    """Return rows as an array if all columns are numbers and no cell is missing: what is quick to look at."""
    if isinstance(block, np.ndarray):
        return block
    if not all(dtype.is_numeric() for dtype in block.dtypes) or any(column.null_count() for column in block):
        return None
    return block.cast(pl.Float64).to_numpy(order="c")


def without_nan(column: pl.Series) -> pl.Series:
    """Return a column that `stripped` has returned with cells that read as NaN missing."""
    return column.set(column.cast(pl.Float64, strict=False).is_nan().fill_null(False), None)


def plain_numbers(column: pl.Series) -> pl.Series | None:
    """Return a column of text as Float64 where each cell is a finite number without blanks around it, else None."""
    if column.dtype != pl.String:
        return None
    numbers = column.cast(pl.Float64, strict=False)
    return numbers if not numbers.null_count() and numbers.is_finite().all() else None


def numbers_of(column: pl.Series) -> pl.Series:
    """Return Float64, null where a cell is not a number; if all cells are true or false, 1 and 0."""
    numbers = column.cast(pl.Float64, strict=False)
    if column.dtype == pl.String and numbers.null_count() and only_truth(column):
        return (column.str.to_lowercase() == TRUTH[0]).cast(pl.Float64)
    return numbers


def only_truth(column: pl.Series) -> bool:
    """Tell whether all cells of a column of text that are not missing are true or false."""
    return bool(column.str.to_lowercase().is_in(TRUTH).all())


def texts_of(column: pl.Series) -> pl.Series:
    """Return the cells as names of categories: whole numbers without a fraction, of whatever type they are."""
    if column.dtype.is_float():
        whole = column.cast(pl.Int64, strict=False)
        if (whole.cast(column.dtype) == column).all():
            return whole.cast(pl.String)
    return column.cast(pl.String)
