"""The columns that a table's features are read from, and the network's inputs that they become.

A column of numbers is one input. A column of categories is one input for each category, 1 where the row has it. Which
category a text is, and whether a cell may be missing, is decided where tables are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainer.errors import InputError


@dataclass(frozen=True)
class Column:
    """A column of features.

    Attributes
    ----------
    name : str
    categories : tuple of str
        Sorted; empty for a column of numbers.
    fill : float or None
        What stands for a missing cell: a number, or the index of a category. None: none may be missing.
    """

    name: str
    categories: tuple[str, ...] = ()
    fill: float | None = None

    @property
    def n_inputs(self) -> int:
        """How many inputs of the network the column becomes."""
        return len(self.categories) or 1


def numeric_columns(names: Sequence[str]) -> tuple[Column, ...]:
    """Return a column of numbers for each name."""
    return tuple(Column(name) for name in names)


def parse_names(option: str, text: str | None) -> tuple[str, ...]:
    """Return the names of columns from text such as ``id,name``; none from None.

    Raises
    ------
    InputError
        A name is empty.
    """
    names = () if text is None else tuple(name.strip() for name in text.split(","))
    if "" in names:
        raise InputError(f"{option}: {text!r} given, names of columns such as id,name accepted")
    return names


def n_inputs_of(columns: Sequence[Column]) -> int:
    """Return how many inputs of the network the columns become."""
    return sum(column.n_inputs for column in columns)


def needs_encoding(columns: Sequence[Column]) -> bool:
    """Tell whether `encode` has anything to do."""
    return any(column.categories or column.fill is not None for column in columns)


def encode(X: npt.NDArray[np.float64], columns: Sequence[Column]) -> npt.NDArray[np.float64]:
    """Fill in what is missing, and set categories one-hot.

    Parameters
    ----------
    X : float64 (n_samples, n_columns)
        Numbers, and indices of categories; NaN where a cell is missing.
    columns : n_columns columns

    Returns
    -------
    float64 (n_samples, n_inputs)
        `X` itself where there is nothing to do.
    """
    if not needs_encoding(columns):
        return X
    inputs = np.zeros((X.shape[0], n_inputs_of(columns)))
    place = 0
    for values, column in zip(X.T, columns, strict=True):
        filled = values if column.fill is None else np.where(np.isnan(values), column.fill, values)
        if column.categories:
            inputs[np.arange(X.shape[0]), place + filled.astype(np.int64)] = 1.0
        else:
            inputs[:, place] = filled
        place += column.n_inputs
    return inputs
