"""What every kind of table file is opened as: named columns whose cells can be read block by block.

The formats' own modules make these; what the cells mean is decided by `trainer.cells` and those that use it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from trainer.errors import InputError
from trainer.table import rows_in_cache

MAX_LISTED = 8  # names in one message
MAX_CELLS = 1 << 20  # of a block of typed columns: 8 MB of float64
READ_ELEMENTS = 1 << 20  # of an array that are read from its file at once

# Of Unicode: an array of text may hold any number in place of a character.
LAST_CHARACTER, SURROGATES = 0x10FFFF, (0xD800, 0xDFFF)

Features = pl.DataFrame | npt.NDArray[Any]
# Some rows: the features, and the target where it is wanted.
RawRows = tuple[Features, pl.Series | None]


@dataclass(frozen=True, eq=False)
class FrameFile:
    """A file of columns, each of a type of its own.

    Attributes
    ----------
    path : Path
    names : list of str
        Of its columns.
    n_rows : int or None
        None where the file has to be read to know.
    n_expected : float
        How many rows there are, or may be.
    frames : callable
        Takes names, and yields these columns in blocks of rows, from the first row to the last.
    rows : callable or None
        Takes names, the first row and the one after the last, and returns them; None without random access.
    separator : str or None
        Between the fields of a file of text.
    """

    path: Path
    names: list[str]
    n_rows: int | None
    n_expected: float
    frames: Callable[[Sequence[str]], Iterator[pl.DataFrame]]
    rows: Callable[[Sequence[str], int, int], pl.DataFrame] | None = None
    separator: str | None = None


@dataclass(frozen=True, eq=False)
class ArrayFile:
    """A file that holds an array, of which the first axis is the row.

    Attributes
    ----------
    path : Path
    shape : tuple of int
    dtype : numpy dtype
    rows : callable
        Takes the first row and the one after the last, and returns them as an array of the file's dtype.
    on_disk : bool
        Whether rows are read when they are asked for; else the array is in memory.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    rows: Callable[[int, int], npt.NDArray[Any]]
    on_disk: bool


@dataclass(frozen=True, eq=False)
class RawTable:
    """The columns of features, and that of the target, as a file has them.

    Attributes
    ----------
    path : Path
    feature_names : tuple of str
    target_name : str or None
        None where rows are to be predicted.
    n_rows : int or None
        None where the file has to be read to know.
    n_expected : float
        How many rows there are, or may be.
    blocks : callable
        Takes whether targets are wanted, and yields all rows in blocks, from the first to the last.
    rows : callable or None
        Takes the first row and the one after the last, and returns them; None without random access.
    is_decoded : bool
        Whether rows have to be parsed or decoded each time they are asked for.
    in_memory : bool
        Whether all rows are in memory already.
    separator : str or None
        Between the fields of a file of text.
    target_path : Path or None
        Of the file that holds the target, if it is another.
    of_bytes : bool
        Whether all features are whole numbers of one byte.
    """

    path: Path
    feature_names: tuple[str, ...]
    target_name: str | None
    n_rows: int | None
    n_expected: float
    blocks: Callable[[bool], Iterator[RawRows]]
    rows: Callable[[int, int], RawRows] | None
    is_decoded: bool
    in_memory: bool
    separator: str | None = None
    target_path: Path | None = None
    of_bytes: bool = False

    @property
    def files(self) -> tuple[Path, ...]:
        """The file of the features, and that of the target if it is another."""
        return (self.path,) if self.target_path in (None, self.path) else (self.path, self.target_path)


def table_of_frames(file: FrameFile, features: Sequence[str], target: str | None) -> RawTable:
    """Return the named columns of a file of columns."""
    everything = [*features] if target is None else [*features, target]

    def divided(frame: pl.DataFrame) -> RawRows:
        return frame.select(features), frame[target] if target in frame.columns else None

    def blocks(with_target: bool) -> Iterator[RawRows]:
        return (divided(frame) for frame in file.frames(everything if with_target else features))

    def rows(first: int, last: int) -> RawRows:
        assert file.rows is not None
        return divided(file.rows(everything, first, last))

    access = None if file.rows is None else rows
    return RawTable(
        file.path, tuple(features), target, file.n_rows, file.n_expected, blocks, access, True, False, file.separator
    )


def table_of_arrays(
    features: ArrayFile, names: Sequence[str], kept: Sequence[str], target: tuple[str, ArrayFile] | None
) -> RawTable:
    """Return the columns `kept`, out of `names`, of an array of features, with the target of another array."""
    places = None if list(kept) == list(names) else [names.index(name) for name in kept]
    target_name, targets = target if target is not None else (None, None)

    def rows(first: int, last: int, with_target: bool = True) -> RawRows:
        X = features.rows(first, last)
        X = X.reshape(len(X), -1)
        y = _series(targets, target_name, first, last) if with_target and targets is not None else None
        return X if places is None else X[:, places], y

    def blocks(with_target: bool) -> Iterator[RawRows]:
        step = rows_in_cache(len(names))  # a multiple of them is read, so that no few rows are left over each time
        at_once = step * max(1, READ_ELEMENTS // (step * max(1, len(names))))
        for first in range(0, features.shape[0], at_once):
            yield rows(first, min(first + at_once, features.shape[0]), with_target)

    in_memory = not features.on_disk or (targets is not None and not targets.on_disk)
    target_path = None if targets is None else targets.path
    return RawTable(
        features.path, tuple(kept), target_name, features.shape[0], features.shape[0], blocks, rows, False, in_memory,
        target_path=target_path, of_bytes=features.dtype.kind in "iu" and features.dtype.itemsize == 1,
    )  # fmt: skip


def _series(file: ArrayFile, name: str | None, first: int, last: int) -> pl.Series:
    values = file.rows(first, last)
    if values.dtype.kind == "U":
        return pl.Series(name or "", texts_in(file, first, last), dtype=pl.String)
    native = np.float64 if values.dtype.kind == "f" else values.dtype.newbyteorder("=")
    return pl.Series(name or "", values.astype(native))


def texts_in(file: ArrayFile, first: int, last: int) -> list[str]:
    """Return items of an array of text; raise InputError where one is none."""
    values = file.rows(first, last)
    native = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("=")))
    codes = native.view(np.uint32) if native.size else np.zeros(0, np.uint32)
    if ((codes > LAST_CHARACTER) | ((codes >= SURROGATES[0]) & (codes <= SURROGATES[1]))).any():
        raise InputError(f"{file.path}: an array of text is damaged: it holds what is no character")
    texts: list[str] = native.tolist()
    return texts


def require_names(path: Path, names: Sequence[str]) -> None:
    """Raise InputError where a column has no name, or two have the same."""
    if "" in names:
        raise InputError(f"{path}: column {names.index('') + 1} has no name; each column needs one")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"{path}: columns {listed(twice)} occur more than once; names must differ")


def require_matrix(file: ArrayFile, what: str) -> None:
    """Raise InputError where an array cannot be features: numbers in rows, at least one number in each."""
    if len(file.shape) != 2 or 0 in file.shape or file.dtype.kind not in "biuf":
        need = "numbers in rows and columns, at least one of each, are needed"
        raise InputError(f"{file.path}: {what} has shape {file.shape} and dtype {file.dtype}; {need}")


def require_targets(file: ArrayFile, what: str, n_rows: int, of: str) -> None:
    """Raise InputError where an array cannot be the target of `n_rows` rows of the array `of`."""
    if file.dtype.kind not in "biufU" or file.shape != (n_rows,):
        need = f"{n_rows} numbers, booleans or texts are needed, one for each row of {of}"
        raise InputError(f"{file.path}: {what} has shape {file.shape} and dtype {file.dtype}; {need}")


def listed(names: Sequence[str]) -> str:
    """Return the names for a message, the first of them if there are many."""
    shown = ", ".join(repr(name) for name in names[:MAX_LISTED])
    return f"{shown}, ... ({len(names)} in all)" if len(names) > MAX_LISTED else shown


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its kind if it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]
