"""From a table's rows to a network's samples: gaps filled, categories and classes one-hot, numbers standardised.

Which rows are trained on, and which of them a block holds, is left to `trainer.preparation`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from trainer.columns import Column, encode, n_inputs_of, needs_encoding
from trainer.errors import InputError
from trainer.imputation import with_fills
from trainer.moments import ByteMoments, Moments
from trainer.preprocessing import Standardizer, one_hot, standardizer_of
from trainer.table import Cells, Rows, Table, Targets, rows_in_cache
from trainer.training import Samples


class Coding:
    """How rows become samples: what was learnt of the training rows.

    Parameters
    ----------
    n_classes : int
        0 for a regression.
    columns : tuple of Column
        With what stands for missing cells.
    inputs, target : Standardizer or None
    dtype : of the samples
    """

    def __init__(
        self,
        n_classes: int,
        columns: tuple[Column, ...],
        inputs: Standardizer | None,
        target: Standardizer | None,
        dtype: str,
    ) -> None:
        self.columns, self.inputs, self.target = columns, inputs, target
        self._n_classes = n_classes
        self._dtype, self._n_inputs, self._encodes = dtype, n_inputs_of(columns), needs_encoding(columns)
        # One for all blocks: memory that is taken anew for each costs as much as the arithmetic.
        self._differences = np.empty((rows_in_cache(self._n_inputs), self._n_inputs))

    def room(self, n_rows: int) -> Samples:
        """Return samples that are still to be filled."""
        Y = np.empty((n_rows, self._n_classes or 1), self._dtype)
        return Samples(np.empty((n_rows, self._n_inputs), self._dtype), Y)

    def room_beside(self, y: Targets) -> Samples:
        """Return samples that have their targets, and whose inputs are still to be filled."""
        return Samples(np.empty((len(y), self._n_inputs), self._dtype), self.targets(y))

    def fill(self, samples: Samples, first: int, X: Cells, y: Targets) -> int:
        """Write rows into samples from the row `first` on; return the row after them."""
        last = self.fill_inputs(samples.X, first, X)
        samples.Y[first:last] = self.targets(y)
        return last

    def fill_inputs(self, inputs: npt.NDArray[np.floating], first: int, X: Cells) -> int:
        """The same for inputs alone."""
        last, step = first + len(X), len(self._differences)
        for start in range(0, len(X), step):
            rows = X[start : start + step]
            self._fill_cached(inputs[first + start : first + start + len(rows)], rows)
        return last

    def targets(self, y: Targets) -> npt.NDArray[np.floating]:
        """Return what the network is to answer for rows with these targets."""
        if self._n_classes:
            return one_hot(y.astype(np.int64, copy=False), self._n_classes, self._dtype)
        column = y.reshape(-1, 1)
        return (column if self.target is None else self.target.transform(column)).astype(self._dtype)

    def _fill_cached(self, out: np.ndarray, X: Cells) -> None:
        encoded = encode(X, self.columns) if self._encodes else X
        if self.inputs is None:
            out[...] = encoded
            return
        # As Standardizer.transform does, to the bit.
        differences = np.subtract(encoded, self.inputs.mean, out=self._differences[: len(X)])
        np.divide(differences, self.inputs.scale, out=out, casting="same_kind")


def fit_coding(
    table: Table, rows: Callable[[], Iterator[Rows]], *, standardize: bool, standardize_target: bool, dtype: str
) -> Coding:
    """Learn from the training rows of a table how rows become samples.

    Parameters
    ----------
    table : Table
    rows : callable
        Yields the training rows in blocks; called once, and again for what stands for missing cells.
    standardize, standardize_target, dtype : see `preparation.prepare`

    Raises
    ------
    InputError
        A column has no cell in the training rows, or the target of a regression is the same in all of them.
    """
    columns = table.columns
    if table.impute is not None:
        columns = with_fills(columns, table.impute, lambda: (X for X, _ in rows()))
    regression = table.task == "regress"
    if not standardize and not regression:
        return Coding(len(table.classes), columns, None, None, dtype)
    inputs, target = _measure(columns, rows(), of_bytes=table.of_bytes, with_inputs=standardize, with_target=regression)
    if target is not None and target.is_constant:
        value = float(target.mean()[0])
        raise InputError(f"target {table.target_name}: all training rows hold {value:g}, at least two values needed")
    return Coding(
        len(table.classes),
        columns,
        _of_inputs(columns, inputs) if standardize else None,
        standardizer_of(target) if target is not None and standardize and standardize_target else None,
        dtype,
    )


def _measure(
    columns: Sequence[Column], rows: Iterator[Rows], *, of_bytes: bool, with_inputs: bool, with_target: bool
) -> tuple[Moments | ByteMoments | None, Moments | None]:
    """Return the moments of the columns of numbers, None of none, and those of the target."""
    numeric = [j for j, column in enumerate(columns) if not column.categories]
    fills = np.array([np.nan if columns[j].fill is None else columns[j].fill for j in numeric])
    has_fills, with_inputs = not np.isnan(fills).all(), with_inputs and bool(numeric)
    inputs: Moments | ByteMoments | None = None
    target: Moments | None = None
    for X, y in rows:
        if not len(X):
            continue
        if with_inputs:
            numbers = X if len(numeric) == len(columns) else X[:, numeric]
            if has_fills:
                numbers = np.where(np.isnan(numbers), fills, numbers)
            inputs = inputs or (ByteMoments(len(numeric)) if of_bytes else Moments(numbers[0]))
            inputs.add(numbers)
        if with_target:
            values = y.reshape(-1, 1).astype(np.float64)
            target = target or Moments(values[0])
            target.add(values)
    return inputs, target


def _of_inputs(columns: Sequence[Column], measured: Moments | ByteMoments | None) -> Standardizer:
    """Return the standardisation of all inputs: that of the numbers, and none of what stands for categories."""
    mean, scale = np.zeros(n_inputs_of(columns)), np.ones(n_inputs_of(columns))
    if measured is not None:
        starts = np.cumsum([0, *(column.n_inputs for column in columns)])
        places = [start for start, column in zip(starts, columns, strict=False) if not column.categories]
        numbers = standardizer_of(measured)
        mean[places], scale[places] = numbers.mean, numbers.scale
    return Standardizer(mean, scale)
