"""Read a table's file, check every cell, and hand over rows a network can learn from.

A table is believed only after each of its cells was looked at: what is missing, infinite or not a number is
refused with its column and row. Scaling, one-hot coding and the division into training and validation rows
are left to `trainer.preparation`, opening and parsing files to `trainer.table_files`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from trainer.cells import require, stripped
from trainer.columns import Column
from trainer.errors import InputError
from trainer.feature_survey import FeatureSurvey
from trainer.features import FeatureReader
from trainer.progress import Tell
from trainer.raw_table import RawRows, RawTable
from trainer.table import Impute, Rows, Table, Targets, Task, rows_in_cache
from trainer.table_files import open_features, open_table, require_known
from trainer.targets import Target, TargetSurvey, coded_target, compact, decide, surveyed, typed_target, whole_target

KEPT_BYTES = 64 << 20  # of float64 features: a file that has more of them is read again instead


def read_table(
    path: str | os.PathLike[str],
    target: str | None = None,
    task: Task | None = None,
    *,
    categorical: Collection[str] = (),
    drop: Collection[str] = (),
    impute: Impute | None = None,
    stream: bool = False,
    tell: Tell | None = None,
) -> Table:
    """Read a table to train on.

    A CSV or TSV file is UTF-8 with commas or tabs and a header line; blank lines at its end are ignored. In an NPZ file
    the features are the array `X` (n, d), named by the array `feature_names` (d,) or else x0, x1, ...; an NPY file is
    that array alone, and an IDX file, gzipped or not, an array (n, ...), of which each row is flattened. Blanks around
    text are ignored; text that reads as a number is one where it is a feature. Feature columns of booleans, or of the
    texts true and false, are 1 and 0. A feature column of text of which less than half are numbers holds categories,
    at most 1,000.

    Parameters
    ----------
    path : path
        File of a kind that `table_files.ACCEPTED` lists, its suffix in any case.
    target : str, optional
        Column to predict. Default: the column called target, label, class or y, in this order and in any
        case, else the last one. In NPZ files: a 1-D array (n,), by default y, else Y. Of NPY and IDX files: the file
        that holds it, by default y.npy beside X.npy, train_y.npy beside train_X.npy, y_train.npy beside X_train.npy,
        and labels-idx1-ubyte beside images-idx3-ubyte.
    task : {"classify", "regress"}, optional
        Default: a target of text, categories or booleans is classified. A target of whole numbers (integers,
        or floats without a fraction up to 2**53) is classified if it has at most 20 distinct values and at
        most half as many distinct values as rows. Every other target is regressed. A CSV target of which more
        than half the cells are numbers, but not all, is refused unless `task` is "classify".
    categorical : names of feature columns that hold categories, whatever they look like.
    drop : names of columns to leave out.
    impute : {"mean", "median"}, optional
        What of the training rows stands for a missing number, and NaN is one; for a missing category it is the most
        frequent one. Default: nothing may be missing. The target never may.
    stream : bool
        Whether neither features nor targets are to be kept, for tables larger than memory: Parquet, NPY in C order,
        IDX that is not gzipped.
    tell : hears how many rows are read, of about how many; anew whenever the file is read through.

    Returns
    -------
    Table

    Raises
    ------
    InputError
        If the file cannot be read, the target is unknown or does not suit `task`, there are fewer than two
        rows or classes or no feature, a cell is missing, not finite or, in a column of numbers, not a number, or an
        option names a column that is not there or does not suit the file.
    """
    for option, value, accepted in (("task", task, get_args(Task)), ("impute", impute, get_args(Impute))):
        if value is not None and value not in accepted:
            raise InputError(f"{option}: {value!r} is unknown; accepted are {' and '.join(map(repr, accepted))}")
    path = Path(path)
    raw = open_table(path, target, drop)
    require_known(path, "categorical", categorical, raw.feature_names)
    if stream:
        _require_streamable(raw, impute)
    if tell is not None:
        raw = _told_of(raw, tell)
    features = FeatureSurvey(raw, categorical, impute is not None)
    seen, typed = _look_through(raw, features, task, keep_target=not stream)
    columns = features.columns()
    learnt = decide(raw, seen, task)
    y = None if typed is None else coded_target(typed, learnt)
    of_bytes = raw.of_bytes and impute is None and not any(column.categories for column in columns)
    reader = FeatureReader(raw, columns, raw.feature_names if impute is not None else (), keeps_bytes=of_bytes)
    read, read_rows = _readers(raw, reader, learnt, y, features.n_rows)
    if y is not None and raw.is_decoded and features.n_rows * len(columns) * 8 <= KEPT_BYTES:
        read, read_rows = _kept(read, y, len(columns))
    return Table(
        n_rows=features.n_rows,
        y=y,
        task=learnt.task,
        classes=learnt.classes,
        columns=columns,
        target_name=raw.target_name or "",
        task_reason=learnt.reason,
        read=read,
        read_rows=read_rows,
        impute=impute,
        dropped=tuple(drop),
        files=raw.files,
        of_bytes=of_bytes,
    )


def read_features(
    path: str | os.PathLike[str],
    columns: Sequence[Column],
    target_name: str | None = None,
    dropped: Collection[str] = (),
) -> npt.NDArray[np.float64]:
    """Read the rows a trained network shall predict.

    Parameters
    ----------
    path : path
        File of a kind that `table_files.ACCEPTED` lists, its suffix in any case.
    columns : sequence of Column
        The features in the network's order. They are taken by name, in any order in the file; an array without
        names is taken as it stands if it has as many columns. Cells may be missing where the column has a `fill`.
    target_name : str, optional
        Column that may be present and is ignored.
    dropped : names of further columns that may be present and are ignored.

    Returns
    -------
    float64 array, C-contiguous, shape (n_samples, len(columns))
        Numbers, and indices of categories; NaN where a cell is missing.

    Raises
    ------
    InputError
        If the file cannot be read or is empty, a feature is missing, there is a column that is neither a
        feature nor to be ignored, or a cell is missing, not finite, not a number or not a category of the column.
    """
    path = Path(path)
    raw = open_features(path, [column.name for column in columns], (target_name, *dropped))
    reader = FeatureReader(raw, columns, {column.name for column in columns if column.fill is not None})
    parts, first = [], 0
    for block, _ in raw.blocks(False):
        parts.append(reader.read(block, first))
        first += len(block)
    return np.concatenate(parts)


def read_target(path: str | os.PathLike[str], target: str | None, task: Task, *, as_text: bool) -> pl.Series:
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
    raw = open_table(Path(path), target, ())
    cells = pl.concat([cells for _, cells in raw.blocks(True) if cells is not None])
    if as_text:
        text = stripped(raw.path, cells).cast(pl.String)
        require(raw, text, text.is_not_null(), "", 0)
        return text
    typed = typed_target(raw, cells, task)
    return typed.cast(pl.Float64) if task == "regress" else typed


def _require_streamable(raw: RawTable, impute: Impute | None) -> None:
    if raw.separator is not None:
        raise InputError(f"{raw.path}: stream: a file of text has to be read from its beginning; convert it to Parquet")
    if raw.rows is None or raw.in_memory:
        need = "accepted are .parquet, .npy in C order, and IDX that is not gzipped"
        raise InputError(f"{raw.path}: stream: the file can only be read whole; {need}")
    if impute == "median":
        raise InputError(f"{raw.path}: stream: a median needs all rows at once; impute by the mean")


def _told_of(raw: RawTable, tell: Tell) -> RawTable:
    """Return a table of which it is told how far it is read."""

    def blocks(with_target: bool) -> Iterator[RawRows]:
        done = 0
        for rows in raw.blocks(with_target):
            yield rows
            done += len(rows[0])
            tell(done, max(done, raw.n_expected))

    return replace(raw, blocks=blocks)


def _look_through(
    raw: RawTable, features: FeatureSurvey, task: Task | None, *, keep_target: bool
) -> tuple[TargetSurvey, pl.Series | None]:
    """Look at every cell; return what was seen of the target, and the whole of it if it is to be kept."""
    kept, seen = [], TargetSurvey()
    for block, cells in raw.blocks(True):
        assert cells is not None
        if keep_target:
            kept.append(cells if raw.separator is None else compact(cells))
        else:
            seen.add(typed_target(raw, cells, task, features.n_rows))
        features.add(block)
    if features.n_rows < 2:
        raise InputError(f"{raw.path}: holds 1 row; training needs at least 2")
    if not keep_target:
        return seen, None
    typed = whole_target(raw, kept, task)
    return surveyed(typed, task), typed


def _readers(
    raw: RawTable, reader: FeatureReader, target: Target, y: Targets | None, n_rows: int
) -> tuple[Callable[[], Iterator[Rows]], Callable[[int, int], Rows] | None]:
    """Return the functions `read` and `read_rows` of a table whose file is read whenever rows are asked for."""

    def checked(rows: RawRows, first: int) -> Rows:
        block, cells = rows
        X = reader.read(block, first)
        if y is not None:
            if first + len(X) > n_rows:
                raise InputError(f"{raw.path}: changed while it was read: it had {n_rows} rows and has more")
            return X, y[first : first + len(X)]
        assert cells is not None
        return X, coded_target(typed_target(raw, cells, target.task, first), target)

    def read() -> Iterator[Rows]:
        first = 0
        for block, cells in raw.blocks(y is None):
            # Arrays become numbers a few rows at a time, of which a core's own cache holds what is done with them next.
            step = rows_in_cache(block.shape[1]) if isinstance(block, np.ndarray) else max(1, len(block))
            for start in range(0, len(block), step):
                some = slice(start, start + step)
                yield checked((block[some], None if cells is None else cells[some]), first + start)
            first += len(block)
        if first != n_rows:
            raise InputError(f"{raw.path}: changed while it was read: it had {n_rows} rows and has {first}")

    def read_rows(first: int, last: int) -> Rows:
        assert raw.rows is not None
        return checked(raw.rows(first, last), first)

    return read, None if raw.rows is None else read_rows


def _kept(
    read: Callable[[], Iterator[Rows]], y: Targets, n_columns: int
) -> tuple[Callable[[], Iterator[Rows]], Callable[[int, int], Rows]]:
    """Return the functions `read` and `read_rows` of a table whose features are read once and kept."""
    X, first = np.empty((len(y), n_columns)), 0
    for block, _ in read():
        X[first : first + len(block)] = block
        first += len(block)
    return lambda: iter([(X, y)]), lambda first, last: (X[first:last], y[first:last])
