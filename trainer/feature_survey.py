"""The first look at a table's features, block by block: which columns are numbers, which categories, what is wrong.

Nothing is kept but what decides; the cells are read for good by `trainer.features`. What is refused does not depend on
where blocks begin.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from trainer.cells import (
    Cell,
    as_array,
    first_cell,
    only_truth,
    plain_numbers,
    refusal,
    stripped,
    texts_of,
    without_nan,
)
from trainer.columns import Column
from trainer.errors import InputError
from trainer.raw_table import Features, RawTable

MAX_CATEGORIES = 1000
FINITE = "features must be finite numbers"
FILLING = "; --impute mean|median fills such cells in"  # what is said of those that need not be refused


@dataclass
class ColumnSurvey:
    """What was seen so far of one column.

    Attributes
    ----------
    name : str
    forced : bool
        Whether it is categorical whatever it holds.
    is_text : bool
        Whether the file has text there.
    n_cells, n_numbers : int
        Cells that are not missing, and numbers among them.
    truth : bool
        Whether nothing but true and false was there.
    missing, bad : Cell or None
        The first missing cell, and the first that is not a finite number.
    texts : set of str
        What categories there would be; no more than one over `MAX_CATEGORIES` is of interest.
    """

    name: str
    forced: bool
    is_text: bool = False
    n_cells: int = 0
    n_numbers: int = 0
    truth: bool = True
    missing: Cell | None = None
    bad: Cell | None = None
    texts: set[str] = field(default_factory=set)

    def add(self, column: pl.Series, first_row: int) -> None:
        """Look at a block that `stripped` has returned."""
        self.is_text = column.dtype == pl.String
        numbers, present = column.cast(pl.Float64, strict=False), column.is_not_null()
        self.n_cells += int(present.sum())
        self.n_numbers += len(column) - numbers.null_count()
        self.truth = self.truth and self.is_text and only_truth(column)
        if self.missing is None and not present.all():
            self.missing = first_cell(column, present, first_row)
        if self.bad is None:
            self.bad = first_cell(column, ~present | numbers.is_finite().fill_null(False), first_row)
        if (self.is_text or self.forced) and len(self.texts) <= MAX_CATEGORIES:
            self.texts.update(texts_of(column.filter(present).unique()).to_list())

    @property
    def has_too_many_texts(self) -> bool:
        """Whether it can be no column of categories any more."""
        return len(self.texts) > MAX_CATEGORIES

    def add_plain(self, column: pl.Series) -> bool:
        """Look at a block of text as the file has it if all of it is numbers; tell whether it is."""
        if plain_numbers(column) is None:
            return False
        self.is_text, self.truth = True, False
        self.n_cells += len(column)
        self.n_numbers += len(column)
        return True

    @property
    def is_categorical(self) -> bool:
        """Whether it is a column of categories: by order, or because most of its cells are text."""
        if self.forced or not self.is_text:
            return self.forced
        return self.n_numbers < self.n_cells and not self.truth and 2 * self.n_numbers < self.n_cells

    def column(self, raw: RawTable, impute: bool) -> Column:
        """Return what the column is; raise InputError for its first cell that cannot be used."""
        if not self.n_cells:
            raise InputError(f"{raw.path}: column {self.name!r} is missing in every row; leave it out with --drop")
        categorical = self.is_categorical
        bad = None if categorical or self.truth else self.bad
        wrong = [cell for cell in (bad, None if impute else self.missing) if cell is not None]
        if wrong:
            cell = min(wrong, key=lambda cell: cell.row)
            reads_as_missing = without_nan(pl.Series([cell.content])).has_nulls()
            raise refusal(raw, self.name, cell, FINITE, hint=FILLING if reads_as_missing and not impute else "")
        if not categorical:
            return Column(self.name)
        if self.has_too_many_texts:
            what = f"column {self.name!r} holds over {MAX_CATEGORIES:,} categories"
            raise InputError(f"{raw.path}: {what}; fewer are accepted; leave it out with --drop")
        return Column(self.name, tuple(sorted(self.texts)))


class FeatureSurvey:
    """What was seen so far of all columns of features.

    Parameters
    ----------
    raw : RawTable
    categorical : names of columns that hold categories whatever they look like
    impute : bool
        Whether cells may be missing; then NaN is one that is.
    """

    def __init__(self, raw: RawTable, categorical: Collection[str], impute: bool) -> None:
        self._raw, self._impute = raw, impute
        self._columns = [ColumnSurvey(name, name in categorical) for name in raw.feature_names]
        self._forced = np.array([survey.forced for survey in self._columns])
        self._has_numbers = np.zeros(len(self._columns), dtype=bool)  # seen in blocks that were finite at a glance
        self.n_rows = 0

    def add(self, block: Features) -> None:
        """Look at the next rows."""
        values = None if self._forced.any() else as_array(block)
        if values is not None and _finite_columns(values).all():
            self._has_numbers[:] = True
        elif isinstance(block, pl.DataFrame):
            for survey, column in zip(self._columns, block, strict=True):
                if not (survey.has_too_many_texts and survey.add_plain(column)):
                    self._add_cells(survey, stripped(self._raw.path, column))
        else:
            self._add_array(block)
        self.n_rows += len(block)

    def columns(self) -> tuple[Column, ...]:
        """Return what the columns are; raise InputError for the first that cannot be used."""
        for j in np.flatnonzero(self._has_numbers):
            self._columns[j].n_cells = max(1, self._columns[j].n_cells)
        return tuple(survey.column(self._raw, self._impute) for survey in self._columns)

    def _add_array(self, block: np.ndarray) -> None:
        for j in self._columns_to_look_at(block):
            name = self._columns[j].name
            values = np.ascontiguousarray(block[:, j])
            column = pl.Series(name, values.astype(np.float64) if values.dtype.kind == "f" else values)
            self._add_cells(self._columns[j], column)

    def _add_cells(self, survey: ColumnSurvey, column: pl.Series) -> None:
        survey.add(without_nan(column) if self._impute else column, self.n_rows)

    def _columns_to_look_at(self, block: np.ndarray) -> Sequence[int]:
        """Return the columns of categories, and those of numbers where not all are finite."""
        self._has_numbers |= (good := _finite_columns(block))
        return np.flatnonzero(self._forced | ~good).tolist()


def _finite_columns(block: np.ndarray) -> npt.NDArray[np.bool_]:
    if block.dtype.kind != "f" or np.isfinite(block).all():
        return np.ones(block.shape[1], dtype=bool)
    return np.isfinite(block).all(axis=0)
