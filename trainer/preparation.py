"""From a data set to what a network is trained on: standardised, coded, divided into training and validation rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.columns import Column, encode
from trainer.errors import InputError
from trainer.preprocessing import Standardizer, fit_standardizer, one_hot, split
from trainer.table import Label, Table, Task
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
    points : float64 (n_samples, n_features)
        The features of all rows, before standardisation, for pictures.
    labels : int64 (n_samples,), or None for a regression
        Their classes.
    task, classes, columns, target_name, inputs, target
        As in `predictor.Predictor`.
    """

    training: Samples
    evaluated: Samples
    validation: Samples | None
    points: np.ndarray
    labels: np.ndarray | None
    task: Task
    classes: tuple[Label, ...]
    columns: tuple[Column, ...]
    target_name: str
    inputs: Standardizer | None
    target: Standardizer | None


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
        rows have them.
    standardize_target : bool
        Whether the target of a regression is among them: counts are to stay counts.
    validation : share of the rows that is kept apart, stratified by class, or None.
    seed : of that choice.
    dtype : of the samples.

    Raises
    ------
    InputError
        The share leaves no training or no validation row.
    """
    everything = np.arange(table.X.shape[0])
    training_rows, validation_rows = everything, everything[:0]
    if validation is not None:
        training_rows, validation_rows = split(table.y, validation, seed=seed, stratify=table.task == "classify")
    encoded = encode(table.X, table.columns)
    inputs = fit_standardizer(encoded[training_rows]) if standardize else None
    target = None
    if table.task == "classify":
        coded = one_hot(table.y.astype(np.int64), len(table.classes), dtype)
    else:
        column = table.y.reshape(-1, 1)
        if np.ptp(column[training_rows]) == 0:
            raise InputError(
                f"target {table.target_name}: all training rows hold {column[0, 0]:g}, at least two values needed"
            )
        target = fit_standardizer(column[training_rows]) if standardize and standardize_target else None
        coded = (target.transform(column) if target else column).astype(dtype)
    features = (inputs.transform(encoded) if inputs else encoded).astype(dtype)
    training = Samples(features[training_rows], coded[training_rows])
    return Prepared(
        training=training,
        evaluated=training,
        validation=Samples(features[validation_rows], coded[validation_rows]) if validation_rows.size else None,
        points=table.X,
        labels=table.y if table.task == "classify" else None,
        task=table.task,
        classes=table.classes,
        columns=table.columns,
        target_name=table.target_name,
        inputs=inputs,
        target=target,
    )
