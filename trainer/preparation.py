"""From a data set to what a network is trained on: standardised, coded, divided into training and validation rows.

The rows come in blocks, and each is written to its place at once: beside the arrays that are trained on, no more than a
block is in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.coding import Coding, fit_coding
from trainer.columns import Column, encode, n_inputs_of
from trainer.preprocessing import Standardizer, split
from trainer.streamed_rows import BlockPlan, Stream, streamed_training_rows
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
    task, classes, columns, target_name, inputs, target, dropped
        As in `predictor.Predictor`.
    points : float64 (n_samples, 2), or None
        The features of all rows, before standardisation, for pictures: where there are two columns, of numbers.
    labels : int64 (n_samples,), or None for a regression
        Their classes. Of a table that is streamed there are no points and labels.
    stream : Stream or None
        The rows to learn from where a table is streamed; then `training` and `evaluated` have none.
    """

    training: Samples
    evaluated: Samples
    validation: Samples | None
    task: Task
    classes: tuple[Label, ...]
    columns: tuple[Column, ...]
    target_name: str
    inputs: Standardizer | None
    target: Standardizer | None
    dropped: tuple[str, ...] = ()
    points: np.ndarray | None = None
    labels: np.ndarray | None = None
    stream: Stream | None = None

    @property
    def n_training(self) -> int:
        """The number of rows to learn from."""
        return self.training.X.shape[0] if self.stream is None else sum(self.stream.sizes)


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
    validation : share of the rows that is kept apart, or None; stratified by class unless the table is streamed.
    seed : of that choice.
    dtype : of the samples.

    Raises
    ------
    InputError
        The share leaves no training or no validation row, or a target or a column nothing to learn from.
    """
    fitting: dict[str, Any] = {
        "standardize": standardize,
        "standardize_target": standardize_target,
        "dtype": dtype,
    }
    if table.y is None:
        return _prepare_stream(table, validation, seed, fitting)
    validates = None
    if validation is not None:
        validates = np.zeros(table.n_rows, dtype=bool)
        validates[split(table.y, validation, seed=seed, stratify=table.task == "classify")[1]] = True
    coding = fit_coding(table, lambda: training_rows(table, validates), **fitting)
    training, validated = _filled(table, coding, validates)
    points = encode(table.features(), coding.columns) if _can_be_drawn(coding.columns) else None
    labels = table.y if table.task == "classify" else None
    return _prepared(table, coding, training, validated, points=points, labels=labels)


def training_rows(table: Table, validates: npt.NDArray[np.bool_] | None) -> Iterator[Rows]:
    """Yield the rows that do not validate, in blocks that a core's own cache can hold."""
    first = 0
    for X, y in table.blocks():
        trains = None if validates is None else ~validates[first : first + len(X)]
        first += len(X)
        yield (X, y) if trains is None else (X[trains], y[trains])


def _prepare_stream(table: Table, validation: float | None, seed: int, fitting: dict[str, Any]) -> Prepared:
    row_bytes = (n_inputs_of(table.columns) + (len(table.classes) or 1)) * np.dtype(fitting["dtype"]).itemsize
    plan = BlockPlan(table.n_rows, row_bytes, validation, seed)
    coding = fit_coding(table, lambda: streamed_training_rows(table, plan), **fitting)
    stream = Stream(table, plan, coding)
    return _prepared(table, coding, coding.room(0), stream.validation(), stream=stream)


def _prepared(table: Table, coding: Coding, training: Samples, validation: Samples | None, **further: Any) -> Prepared:
    return Prepared(
        training=training,
        evaluated=training,
        validation=validation,
        task=table.task,
        classes=table.classes,
        columns=coding.columns,
        target_name=table.target_name,
        inputs=coding.inputs,
        target=coding.target,
        dropped=table.dropped,
        **further,
    )


def _can_be_drawn(columns: tuple[Column, ...]) -> bool:
    return len(columns) == 2 and not any(column.categories for column in columns)


def _filled(table: Table, coding: Coding, validates: npt.NDArray[np.bool_] | None) -> tuple[Samples, Samples | None]:
    """Return the training and the validation samples, in the order of the table."""
    assert table.y is not None
    if validates is None:
        training, place = coding.room_beside(table.y), 0
        for X, _ in table.blocks():
            place = coding.fill_inputs(training.X, place, X)
        return training, None
    training, validation = coding.room_beside(table.y[~validates]), coding.room_beside(table.y[validates])
    first = place = validation_place = 0
    for X, _ in table.blocks():
        inside = validates[first : first + len(X)]
        place = coding.fill_inputs(training.X, place, X[~inside])
        validation_place = coding.fill_inputs(validation.X, validation_place, X[inside])
        first += len(X)
    return training, validation
