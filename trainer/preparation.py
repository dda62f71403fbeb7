"""From a data set to what a network is trained on: standardised, coded, divided into training and validation rows.

The rows come in blocks, and each is written to its place at once: beside the arrays that are trained on, no more than a
block is in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainer.coding import Coding, fit_inputs
from trainer.columns import Column, encode
from trainer.errors import InputError
from trainer.imputation import with_fills
from trainer.preprocessing import Standardizer, fit_standardizer, split
from trainer.table import Label, Rows, Table, Task
from trainer.training import Samples


@dataclass(frozen=True)
class Prepared:
    """Samples ready for training, and what must be remembered to treat other rows alike.

    Attributes
    ----------
    training, evaluated : Samples
        Rows to learn from, and rows that the score is measured on.
    validation : Samples or None
        Rows kept apart.
    points : float64 (n_samples, 2), or None
        The features of all rows, before standardisation, for pictures: where there are two columns, of numbers.
    labels : int64 (n_samples,), or None for a regression
        Their classes.
    task, classes, columns, target_name, inputs, target, dropped
        As in `predictor.Predictor`.
    """

    training: Samples
    evaluated: Samples
    validation: Samples | None
    points: np.ndarray | None
    labels: np.ndarray | None
    task: Task
    classes: tuple[Label, ...]
    columns: tuple[Column, ...]
    target_name: str
    inputs: Standardizer | None
    target: Standardizer | None
    dropped: tuple[str, ...] = ()


def prepare(
    table: Table,
    *,
    standardize: bool,
    standardize_target: bool = True,
    validation: float | None,
    seed: int,
    dtype: str,
) -> Prepared:
    """Divide, standardise and code a table.

    Parameters
    ----------
    table : Table
    standardize : bool
        Whether features, and the target of a regression, are brought to mean 0 and standard deviation 1 as the training
        rows have them; inputs that stand for categories stay 0 and 1.
    standardize_target : bool
        Whether the target of a regression is among them: counts are to stay counts.
    validation : share of the rows that is kept apart, stratified by class, or None.
    seed : of that choice.
    dtype : of the samples.

    Raises
    ------
    InputError
        The share leaves no training or no validation row, or a target or a column nothing to learn from.
    """
    y = table.y
    assert y is not None
    validates = None
    if validation is not None:
        validates = np.zeros(table.n_rows, dtype=bool)
        validates[split(y, validation, seed=seed, stratify=table.task == "classify")[1]] = True
    columns = table.columns
    if table.impute is not None:
        columns = with_fills(columns, table.impute, lambda: (X for X, _ in training_rows(table, validates)))
    target = None
    if table.task == "regress":
        values = y if validates is None else y[~validates]
        require_spread(table, values.min(), values.max())
        target = fit_standardizer(values.reshape(-1, 1)) if standardize and standardize_target else None
    inputs = fit_inputs(columns, (X for X, _ in training_rows(table, validates))) if standardize else None
    coding = Coding(len(table.classes), columns, inputs, target, dtype)
    training, validated = _filled(table, coding, validates)
    return Prepared(
        training=training,
        evaluated=training,
        validation=validated,
        points=encode(table.features(), columns) if _can_be_drawn(columns) else None,
        labels=y if table.task == "classify" else None,
        task=table.task,
        classes=table.classes,
        columns=columns,
        target_name=table.target_name,
        inputs=inputs,
        target=target,
        dropped=table.dropped,
    )


def training_rows(table: Table, validates: npt.NDArray[np.bool_] | None) -> Iterator[Rows]:
    """Yield the rows that do not validate, in blocks that a core's own cache can hold."""
    first = 0
    for X, y in table.blocks():
        trains = None if validates is None else ~validates[first : first + len(X)]
        first += len(X)
        yield (X, y) if trains is None else (X[trains], y[trains])


def require_spread(table: Table, least: float, most: float) -> None:
    """Raise InputError where the target of a regression is the same in all training rows."""
    if least == most:
        raise InputError(f"target {table.target_name}: all training rows hold {least:g}, at least two values needed")


def _can_be_drawn(columns: tuple[Column, ...]) -> bool:
    return len(columns) == 2 and not any(column.categories for column in columns)


def _filled(table: Table, coding: Coding, validates: npt.NDArray[np.bool_] | None) -> tuple[Samples, Samples | None]:
    """Return the training and the validation samples, in the order of the table."""
    if validates is None:
        training, place = coding.room(table.n_rows), 0
        for X, y in table.blocks():
            place = coding.fill(training, place, X, y)
        return training, None
    n_validation = int(validates.sum())
    training, validation = coding.room(table.n_rows - n_validation), coding.room(n_validation)
    first = place = validation_place = 0
    for X, y in table.blocks():
        inside = validates[first : first + len(X)]
        place = coding.fill(training, place, X[~inside], y[~inside])
        validation_place = coding.fill(validation, validation_place, X[inside], y[inside])
        first += len(X)
    return training, validation
