"""From a table's rows to a network's samples: gaps filled, categories and classes one-hot, numbers standardised.

Which rows are trained on, and which of them a block holds, is left to `trainer.preparation`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from trainer.columns import Column, encode, n_inputs_of, needs_encoding
from trainer.moments import Moments
from trainer.preprocessing import Standardizer, one_hot, standardizer_of
from trainer.table import Targets, rows_in_cache
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
        self._n_classes, self._columns, self._inputs, self._target = n_classes, columns, inputs, target
        self._dtype, self._n_inputs, self._encodes = dtype, n_inputs_of(columns), needs_encoding(columns)
        # One for all blocks: memory that is taken anew for each costs as much as the arithmetic.
        self._differences = np.empty((rows_in_cache(self._n_inputs), self._n_inputs))

    def room(self, n_rows: int) -> Samples:
        """Return samples that are still to be filled."""
        Y = np.empty((n_rows, self._n_classes or 1), self._dtype)
        return Samples(np.empty((n_rows, self._n_inputs), self._dtype), Y)

    def fill(self, samples: Samples, first: int, X: npt.NDArray[np.float64], y: Targets) -> int:
        """Write rows into samples from the row `first` on; return the row after them."""
        last, step = first + len(X), len(self._differences)
        for start in range(0, len(X), step):
            rows = X[start : start + step]
            self._fill_inputs(samples.X[first + start : first + start + len(rows)], rows)
        if self._n_classes:
            samples.Y[first:last] = one_hot(y.astype(np.int64), self._n_classes, self._dtype)
        else:
            column = y.reshape(-1, 1)
            samples.Y[first:last] = column if self._target is None else self._target.transform(column)
        return last

    def _fill_inputs(self, out: np.ndarray, X: npt.NDArray[np.float64]) -> None:
        encoded = encode(X, self._columns) if self._encodes else X
        if self._inputs is None:
            out[...] = encoded
            return
        # As Standardizer.transform does, to the bit.
        differences = np.subtract(encoded, self._inputs.mean, out=self._differences[: len(X)])
        np.divide(differences, self._inputs.scale, out=out, casting="same_kind")


def fit_inputs(columns: tuple[Column, ...], blocks: Iterable[npt.NDArray[np.float64]]) -> Standardizer:
    """Measure the numbers among the columns of features; inputs that stand for categories are left as they are."""
    numeric = [j for j, column in enumerate(columns) if not column.categories]
    fills = np.array([np.nan if columns[j].fill is None else columns[j].fill for j in numeric])
    moments = None
    for X in blocks if numeric else ():
        if not len(X):
            continue
        numbers = X if len(numeric) == len(columns) else X[:, numeric]
        if not np.isnan(fills).all():
            numbers = np.where(np.isnan(numbers), fills, numbers)
        moments = Moments(numbers[0]) if moments is None else moments
        moments.add(numbers)
    mean, scale = np.zeros(n_inputs_of(columns)), np.ones(n_inputs_of(columns))
    if moments is not None:
        numbers_only = standardizer_of(moments)
        starts = np.cumsum([0, *(column.n_inputs for column in columns)])
        mean[starts[numeric]], scale[starts[numeric]] = numbers_only.mean, numbers_only.scale
    return Standardizer(mean, scale)
