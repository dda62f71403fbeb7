"""The cells of features as float64: numbers, indices of categories, NaN where a cell is missing and may be.

Which column is what is known here, from `trainer.feature_survey` or from a model.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from trainer.cells import (
    as_array,
    first_cell,
    numbers_of,
    plain_numbers,
    refusal,
    require,
    stripped,
    texts_of,
    without_nan,
)
from trainer.columns import Column
from trainer.feature_survey import FINITE
from trainer.raw_table import Features, RawTable, listed
from trainer.table import Cells


class FeatureReader:
    """Makes numbers of the rows of a file.

    Parameters
    ----------
    raw : where the rows come from
    columns : what the columns are, in the order of the file's
    may_be_missing : names of columns
    keeps_bytes : bool
        Whether rows of bytes are returned as they are; for tables that have nothing else.
    """

    def __init__(
        self, raw: RawTable, columns: Sequence[Column], may_be_missing: Collection[str], *, keeps_bytes: bool = False
    ) -> None:
        self._raw, self._columns, self._may_be_missing = raw, columns, may_be_missing
        self._keeps_bytes = keeps_bytes
        self._has_categories = any(column.categories for column in columns)

    def read(self, block: Features, first_row: int) -> Cells:
        """Return some rows of features, of which the first is the row `first_row` of the file.

        Returns
        -------
        array, shape (rows, n_columns)
            float64 and C-contiguous, unless bytes are kept.

        Raises
        ------
        InputError
            For the first cell that is missing where it may not, not a finite number, or not a category that is known.
        """
        if self._keeps_bytes and isinstance(block, np.ndarray):
            return block
        values = None if self._has_categories else as_array(block)
        if values is not None:
            X = values.astype(np.float64, order="C", copy=isinstance(block, np.ndarray))
            if values.dtype.kind != "f" or np.isfinite(X).all():
                return X
        X = np.empty((len(block), len(self._columns)))
        for j, column in enumerate(self._columns):
            cells = _column(block, j, column.name)
            numbers = None if column.categories else plain_numbers(cells)
            if numbers is not None:
                X[:, j] = numbers.to_numpy()
                continue
            cells, may_miss = stripped(self._raw.path, cells), column.name in self._may_be_missing
            read = _categories if column.categories else _numbers
            X[:, j] = read(self._raw, without_nan(cells) if may_miss else cells, column, may_miss, first_row)
        return X


def _column(block: Features, j: int, name: str) -> pl.Series:
    if isinstance(block, pl.DataFrame):
        return block.to_series(j)
    values = np.ascontiguousarray(block[:, j])
    return pl.Series(name, values.astype(np.float64 if values.dtype.kind == "f" else values.dtype.newbyteorder("=")))


def _numbers(
    raw: RawTable, cells: pl.Series, column: Column, may_miss: bool, first_row: int
) -> npt.NDArray[np.float64]:
    numbers = numbers_of(cells)
    good = numbers.is_finite().fill_null(False)
    if may_miss:
        good |= cells.is_null()
    require(raw, cells, good, FINITE, first_row)
    return numbers.fill_null(np.nan).to_numpy()


def _categories(
    raw: RawTable, cells: pl.Series, column: Column, may_miss: bool, first_row: int
) -> npt.NDArray[np.float64]:
    if not may_miss:
        require(raw, cells, cells.is_not_null(), "", first_row)
    texts = texts_of(cells)
    known = pl.Series(column.categories, dtype=pl.String)
    places = pl.Series(range(len(known)), dtype=pl.Float64)
    indices = texts.replace_strict(known, places, default=None, return_dtype=pl.Float64)
    unknown = first_cell(texts, indices.is_not_null() | texts.is_null(), first_row)
    if unknown is not None:
        need = f"the categories are {listed(column.categories)}"
        raise refusal(raw, column.name, unknown, need)
    return indices.fill_null(np.nan).to_numpy()
