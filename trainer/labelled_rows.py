"""Rows of a table whose answers are known, as a trained predictor takes them: features by name, labels as indices.

Which cells can be used is decided in `trainer.tables`.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from trainer.errors import InputError
from trainer.losses import check_target_column
from trainer.predictor import Predictor
from trainer.raw_table import listed
from trainer.table_files import has_target_file
from trainer.tables import read_features, read_target


def read_labelled(
    path: str | os.PathLike[str], predictor: Predictor, target: str | None = None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64] | npt.NDArray[np.float64]]:
    """Read rows to measure a predictor on.

    Parameters
    ----------
    path : path-like
    predictor : Predictor
    target : str, optional
        The column with the answers; by default that of the training. Of NPY and IDX files, the file with them.

    Returns
    -------
    X : float64 (n_samples, n_columns)
    y : (n_samples,)
        int64 indices into the predictor's classes, which need not all be there; float64 numbers for a regression.

    Raises
    ------
    InputError
        The file cannot be read, its columns are not those of the predictor, or a label is none that it knows.
    """
    name = predictor.target_name if target is None and not has_target_file(Path(path)) else target
    of_texts = isinstance(next(iter(predictor.classes), None), str)
    column = read_target(path, name, predictor.task, as_text=of_texts)
    X = read_features(path, predictor.columns, name, predictor.dropped)
    if predictor.task == "classify":
        return X, _indices(path, column, predictor)
    y = column.to_numpy().astype(np.float64)
    check_target_column(predictor.model.loss_name, column.name, y)
    return X, y


def _indices(path: str | os.PathLike[str], column: pl.Series, predictor: Predictor) -> npt.NDArray[np.int64]:
    """Return for each label which of the predictor's classes it is; true is not 1."""
    places = {(type(label), label): place for place, label in enumerate(predictor.classes)}
    indices = np.array([places.get((type(label), label), -1) for label in column.to_list()], dtype=np.int64)
    unknown = np.flatnonzero(indices < 0)
    if unknown.size:
        row = int(unknown[0])
        known = listed([str(label) for label in predictor.classes])
        raise InputError(
            f"{path}: column {column.name!r}, row {row + 1} holds {column[row]!r:.60}; the model knows {known}"
        )
    return indices
