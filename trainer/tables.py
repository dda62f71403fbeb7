"""Read a CSV, Parquet or NPZ file, check every cell, and hand over arrays a network can learn from.

A table is believed only after each of its cells was looked at: what is missing, infinite or not a number is
refused with its column and row. Scaling, one-hot coding and the division into training and validation rows
are left to `trainer.preprocessing`, opening and parsing files to `trainer.table_files`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from trainer.columns import numeric_columns
from trainer.errors import InputError
from trainer.table import Label, Table, Task
from trainer.table_files import csv_line, listed, load_arrays, named_columns, read_arrays, read_frame, suffix_of

TARGET_NAMES = ("target", "label", "class", "y")
MAX_GUESSED_CLASSES = 20
MAX_EXACT_INTEGER = 2.0**53  # float64 holds every whole number up to here, and distinct ones stay distinct
MAX_QUOTED = 40  # characters of a cell in one message


def read_table(path: str | os.PathLike[str], target: str | None = None, task: str | None = None) -> Table:
    """Read a table to train on.

    A CSV file is UTF-8 with commas and a header line; blank lines at its end are ignored. In an NPZ file the
    features are the array `X` (n, d), named by the array `feature_names` (d,) or else x0, x1, ... Blanks
    around text are ignored; text that reads as a number is one where it is a feature. Feature columns of
    booleans, or of the texts true and false, are 1 and 0.

    Parameters
    ----------
    path : path
        File ending in .csv, .parquet or .npz, in any case.
    target : str, optional
        Column to predict. Default: the column called target, label, class or y, in this order and in any
        case, else the last one. In NPZ files: a 1-D array (n,), by default y, else Y.
    task : {"classify", "regress"}, optional
        Default: a target of text, categories or booleans is classified. A target of whole numbers (integers,
        or floats without a fraction up to 2**53) is classified if it has at most 20 distinct values and at
        most half as many distinct values as rows. Every other target is regressed. A CSV target of which more
        than half the cells are numbers, but not all, is refused unless `task` is "classify".

    Returns
    -------
    Table

    Raises
    ------
    InputError
        If the file cannot be read, the target is unknown or does not suit `task`, there are fewer than two
        rows or classes or no feature, or a cell is missing, not finite or, in a feature, not a number.
    """
    if task not in (None, "classify", "regress"):
        raise InputError(f"task: {task!r} is unknown; accepted are 'classify' and 'regress'")
    path = Path(path)
    if suffix_of(path) == ".npz":
        features, column = read_arrays(path, target)
    else:
        frame = read_frame(path)
        name = _choose_target(path, frame.columns, target)
        features, column = frame.drop(name), frame[name]
    if not features.width:
        raise InputError(f"{path}: no feature column is left beside the target {column.name!r}")
    if len(column) < 2:
        raise InputError(f"{path}: holds 1 row; training needs at least 2")
    column = _typed_target(path, column, task)
    chosen, reason = (task, "given") if task else _guess_task(column)
    X, columns = _feature_matrix(path, features), numeric_columns(features.columns)
    if chosen == "regress":
        values = column.cast(pl.Float64).to_numpy().copy()
        return Table(X, values, "regress", (), columns, column.name, reason)
    indices, classes = _class_indices(path, column)
    return Table(X, indices, "classify", classes, columns, column.name, reason)


def read_features(
    path: str | os.PathLike[str], feature_names: Sequence[str], target_name: str | None = None
) -> npt.NDArray[np.float64]:
    """Read the rows a trained network shall predict.

    Parameters
    ----------
    path : path
        File ending in .csv, .parquet or .npz, in any case.
    feature_names : sequence of str
        The features in the network's order. Columns are taken by name, in any order in the file; an NPZ file
        without `feature_names` is taken as it stands if its `X` has as many columns.
    target_name : str, optional
        Column that may be present and is ignored.

    Returns
    -------
    float64 array, C-contiguous, shape (n_samples, len(feature_names))

    Raises
    ------
    InputError
        If the file cannot be read or is empty, a feature is missing, there is a column that is neither a
        feature nor the target, or a cell is missing, not finite or not a number.
    """
    path, wanted = Path(path), list(feature_names)
    if suffix_of(path) == ".npz":
        arrays, _ = load_arrays(path)
        if "feature_names" not in arrays and arrays["X"].shape[1:] == (len(wanted),):
            arrays["feature_names"] = np.array(wanted)
        frame = named_columns(path, arrays)
        if frame.width != len(wanted):
            raise InputError(f"{path}: array 'X' has {frame.width} columns; the model takes {len(wanted)}")
    else:
        frame = read_frame(path)
    columns = frame.columns
    found = set(columns)
    missing = [name for name in wanted if name not in found]
    if missing:
        raise InputError(f"{path}: lacks the features {listed(missing)}; it has {listed(columns)}")
    known = {*wanted, target_name}
    extra = [name for name in columns if name not in known]
    if extra:
        raise InputError(f"{path}: columns {listed(extra)} are not features of the model; remove them")
    return _feature_matrix(path, frame.select(wanted))


def read_target(path: str | os.PathLike[str], target: str, task: str, *, as_text: bool) -> pl.Series:
    """Read the target of rows that a trained network is measured on.

    Parameters
    ----------
    path, target : as in `read_table`
    task : {"classify", "regress"}
    as_text : bool
        Whether classes are texts, whatever they look like.

    Returns
    -------
    Series
        Without gaps: text, booleans, whole numbers, or, for a regression, float64.

    Raises
    ------
    InputError
        The file cannot be read, has no such target, or a cell is missing or does not suit `task`.
    """
    path = Path(path)
    if suffix_of(path) == ".npz":
        column = read_arrays(path, target)[1]
    else:
        frame = read_frame(path)
        column = frame[_choose_target(path, frame.columns, target)]
    if as_text:
        text = _stripped(path, column).cast(pl.String)
        _require(path, text, text.is_not_null(), "")
        return text
    typed = _typed_target(path, column, task)
    return typed.cast(pl.Float64) if task == "regress" else typed


def _choose_target(path: Path, columns: list[str], target: str | None) -> str:
    if target is None:
        lowered = [name.lower() for name in columns]
        return next((columns[lowered.index(name)] for name in TARGET_NAMES if name in lowered), columns[-1])
    if target not in columns:
        raise InputError(f"{path}: there is no target column {target!r}; the columns are {listed(columns)}")
    return target


def _feature_matrix(path: Path, frame: pl.DataFrame) -> npt.NDArray[np.float64]:
    X = np.empty(frame.shape)
    for j, raw in enumerate(frame):
        column = _stripped(path, raw)
        numbers = _numbers(column)
        _require(path, column, numbers.is_finite().fill_null(False), "features must be finite numbers")
        X[:, j] = numbers.to_numpy()
    return X


def _typed_target(path: Path, raw: pl.Series, task: str | None) -> pl.Series:
    """Return the target without gaps as Boolean, String, Int64 (every whole number) or Float64."""
    column = _stripped(path, raw)
    _require(path, column, column.is_not_null(), "")
    typed = _typed_text(path, column, task) if path.suffix.lower() == ".csv" else column
    if typed.dtype == pl.String and task == "regress":
        _require(path, column, column.is_null(), "a number is needed to regress")
    if typed.dtype in (pl.String, pl.Boolean):
        return typed
    numbers = typed.cast(pl.Float64)
    _require(path, column, numbers.is_finite(), "a finite number is needed")
    if typed.dtype.is_integer():
        whole = typed.cast(pl.Int64, strict=False).is_not_null()
    else:
        whole = (numbers == numbers.floor()) & (numbers.abs() <= MAX_EXACT_INTEGER)
    if whole.all():
        return typed.cast(pl.Int64)
    if task == "classify":
        _require(path, column, whole, "classes must be text, booleans or whole numbers up to 2**53")
    return numbers


def _typed_text(path: Path, column: pl.Series, task: str | None) -> pl.Series:
    """Return a column of text as the type that all its cells have: Boolean, Int64, Float64 or else String."""
    numbers = _numbers(column)
    gaps = numbers.null_count()
    if gaps and (task == "regress" or (task is None and 2 * gaps < len(column))):
        need = "a number is needed to regress" if task else "most of the target is numbers, so must this be"
        _require(path, column, numbers.is_not_null(), need)
    if gaps:
        return column
    if column.str.to_lowercase().is_in(["true", "false"]).all():
        return numbers.cast(pl.Boolean)
    integers = column.cast(pl.Int64, strict=False)
    return numbers if integers.null_count() else integers


def _guess_task(column: pl.Series) -> tuple[Task, str]:
    """Apply the rule that `read_table` states; return the task and what was seen."""
    name, rows = column.name, len(column)
    if column.dtype in (pl.String, pl.Boolean):
        return "classify", f"target {name!r} holds {'text' if column.dtype == pl.String else 'booleans'}"
    if column.dtype == pl.Float64:
        return "regress", f"target {name!r} holds real numbers"
    distinct = column.n_unique()
    if distinct <= MAX_GUESSED_CLASSES and 2 * distinct <= rows:
        return "classify", f"target {name!r} holds {distinct} distinct integers"
    return "regress", f"target {name!r} holds {distinct} distinct integers in {rows} rows"


def _class_indices(path: Path, column: pl.Series) -> tuple[npt.NDArray[np.int64], tuple[Label, ...]]:
    values = np.array(column.to_list(), dtype=object if column.dtype == pl.String else None)
    labels, y = np.unique(values, return_inverse=True)
    if len(labels) < 2:
        raise InputError(f"{path}: target {column.name!r} holds the single class {column[0]!r}; 2 are needed")
    return y.astype(np.int64), tuple(labels.tolist())


def _stripped(path: Path, raw: pl.Series) -> pl.Series:
    """Return categories as text, and text without blanks around it, null where nothing is left."""
    column = raw.cast(pl.String) if isinstance(raw.dtype, pl.Categorical | pl.Enum) else raw
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        return text.set(text == "", None)
    if column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null):
        return column
    raise InputError(f"{path}: column {raw.name!r} holds {raw.dtype}; accepted are numbers, booleans, text")


def _numbers(column: pl.Series) -> pl.Series:
    """Return Float64, null where a cell is not a number; if all cells are true or false, 1 and 0."""
    numbers = column.cast(pl.Float64, strict=False)
    if column.dtype == pl.String and numbers.null_count():
        truth = column.str.to_lowercase()
        if truth.is_in(["true", "false"]).all():
            return (truth == "true").cast(pl.Float64)
    return numbers


def _require(path: Path, column: pl.Series, good: pl.Series, need: str) -> None:
    """Raise InputError for the first row where `good` is false, with the cell that `column` has there."""
    if good.all():
        return
    row = good.to_list().index(False)
    cell = column[row]
    text = str(cell) if len(str(cell)) <= MAX_QUOTED else str(cell)[:MAX_QUOTED] + "..."
    what = "is missing" if cell is None else f"holds {text!r}; {need}"
    raise InputError(f"{path}: column {column.name!r}, row {row + 1}{csv_line(path, column, row)} {what}")
