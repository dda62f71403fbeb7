"""What stands for the missing cells of each column: the mean or median of its training rows, or their most frequent
category.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from trainer.columns import Column
from trainer.errors import InputError
from trainer.table import Impute

GATHERED_BYTES = 64 << 20  # of columns whose median is taken at once

# Yields the features of the training rows, block by block; may be called again.
Blocks = Callable[[], Iterator[npt.NDArray[np.float64]]]


def with_fills(columns: Sequence[Column], impute: Impute, blocks: Blocks) -> tuple[Column, ...]:
    """Return the columns with what stands for their missing cells.

    Parameters
    ----------
    columns : of the table
    impute : what is taken of the numbers of a column
    blocks : callable
        Yields the features of the training rows, NaN where a cell is missing.

    Raises
    ------
    InputError
        All training rows lack a cell of the same column.
    """
    fills = _means_and_modes(columns, blocks)
    if impute == "median":
        numeric = [j for j, column in enumerate(columns) if not column.categories]
        fills[numeric] = _medians(numeric, blocks)
    if np.isinf(fills).any():
        name = columns[int(np.isinf(fills).argmax())].name
        raise InputError(f"impute: the numbers of column {name!r} are too large for a mean; impute by the median")
    empty = np.flatnonzero(np.isnan(fills))
    if len(empty):
        name = columns[empty[0]].name
        raise InputError(f"impute: column {name!r} is missing in every training row; leave it out with --drop")
    return tuple(replace(column, fill=float(fill)) for column, fill in zip(columns, fills, strict=True))


def _means_and_modes(columns: Sequence[Column], blocks: Blocks) -> npt.NDArray[np.float64]:
    """Return the mean of each column of numbers and the most frequent category of the others; NaN of nothing."""
    origin, sums, counts = np.full(len(columns), np.nan), np.zeros(len(columns)), np.zeros(len(columns))
    frequencies = {j: np.zeros(len(column.categories), int) for j, column in enumerate(columns) if column.categories}
    for X in blocks():
        present = ~np.isnan(X)
        counts += present.sum(axis=0)
        # Relative to the first number of each column, so that a large offset does not cost digits.
        unknown = np.flatnonzero(np.isnan(origin) & present.any(axis=0))
        origin[unknown] = X[present[:, unknown].argmax(axis=0), unknown]
        with np.errstate(over="ignore"):  # is looked at in the end
            sums += np.where(present, X - origin, 0.0).sum(axis=0)
        for j, frequency in frequencies.items():
            frequency += np.bincount(X[present[:, j], j].astype(np.int64), minlength=len(frequency))
    means = origin + sums / np.maximum(counts, 1)
    for j, frequency in frequencies.items():
        means[j] = frequency.argmax() if counts[j] else np.nan
    return means


def _medians(columns: Sequence[int], blocks: Blocks) -> npt.NDArray[np.float64]:
    """Return the median of each of the columns, as many at a time as memory is to hold."""
    n_rows = sum(len(X) for X in blocks())
    at_once = max(1, GATHERED_BYTES // max(1, 8 * n_rows))
    medians = []
    for first in range(0, len(columns), at_once):
        places = list(columns[first : first + at_once])
        gathered = np.empty((len(places), n_rows))
        row = 0
        for X in blocks():
            gathered[:, row : row + len(X)] = X[:, places].T
            row += len(X)
        medians += [_median(values[~np.isnan(values)]) for values in gathered]
    return np.array(medians)


def _median(values: npt.NDArray[np.float64]) -> float:
    if not len(values):
        return np.nan
    middle = np.sort(values)[[(len(values) - 1) // 2, len(values) // 2]]
    return float(middle[0] / 2 + middle[1] / 2)
