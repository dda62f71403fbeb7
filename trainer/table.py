"""What a checked table is, wherever it came from: arrays and names. `tables` reads one from a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from trainer.columns import Column

Task = Literal["classify", "regress"]
Label = str | int | bool


@dataclass(frozen=True, eq=False)
class Table:
    """Features and target of a file, checked and ready to train on.

    Attributes
    ----------
    X : float64 array, C-contiguous, shape (n_samples, n_columns)
        Numbers, and indices of categories; NaN only where a cell is missing that its column has a `fill` for.
    y : array, shape (n_samples,)
        int64 indices into `classes` for classification, finite float64 values for regression.
    task : {"classify", "regress"}
        What there is to learn.
    classes : tuple of str, int or bool
        The labels as the file has them, sorted; empty for regression.
    columns : tuple of Column
        One for each column of `X`.
    target_name : str
        Column or array that `y` was made from.
    task_reason : str
        Why this task: "given", or what was seen in the target.
    """

    X: npt.NDArray[np.float64]
    y: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    task: Task
    classes: tuple[Label, ...]
    columns: tuple[Column, ...]
    target_name: str
    task_reason: str

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the columns of `X`."""
        return tuple(column.name for column in self.columns)
