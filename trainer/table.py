"""What a checked table is, wherever it came from: arrays and names. `tables` reads one from a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Task = Literal["classify", "regress"]
Label = str | int | bool


@dataclass(frozen=True, eq=False)
class Table:
    """Features and target of a file, checked and ready to train on.

    Attributes
    ----------
    X : float64 array, C-contiguous, shape (n_samples, n_features)
        Finite throughout.
    y : array, shape (n_samples,)
        int64 indices into `classes` for classification, finite float64 values for regression.
    task : {"classify", "regress"}
        What there is to learn.
    classes : tuple of str, int or bool
        The labels as the file has them, sorted; empty for regression.
    feature_names : tuple of str
        One name for each column of `X`.
    target_name : str
        Column or array that `y` was made from.
    task_reason : str
        Why this task: "given", or what was seen in the target.
    """

    X: npt.NDArray[np.float64]
    y: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    task: Task
    classes: tuple[Label, ...]
    feature_names: tuple[str, ...]
    target_name: str
    task_reason: str
