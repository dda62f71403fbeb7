"""From the bytes of a CSV, Parquet or NPZ file to named columns, and back to the line of a cell.

What the cells mean, and whether they can be used, is decided in `trainer.tables`.
"""

from __future__ import annotations

import csv
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from trainer.errors import InputError

SUFFIXES = (".csv", ".parquet", ".npz")
MAX_LISTED = 8  # names in one message


def suffix_of(path: Path) -> str:
    """Return the lower-case suffix of a file that exists, can be opened and is of a known kind."""
    suffix = path.suffix.lower()
    try:
        with path.open("rb"):
            pass
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path}: cannot be read: {reason}; accepted are .csv, .parquet, .npz") from None
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: unknown kind of file {suffix!r}; accepted are {', '.join(SUFFIXES)}")
    return suffix


def read_frame(path: Path) -> pl.DataFrame:
    """Return the cells of a CSV file as text, or the typed columns of a Parquet file."""
    is_csv = path.suffix.lower() == ".csv"
    try:
        frame = _read_csv(path) if is_csv else pl.read_parquet(path, glob=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        reason = (_ragged_record(path) if is_csv else None) or _first_line(error)
        raise InputError(f"{path}: cannot be parsed as a {path.suffix.lower()} file: {reason}") from None
    if not frame.width or not frame.height:
        raise InputError(f"{path}: the table is empty: it has {frame.width} columns and {frame.height} rows")
    return frame


def _read_csv(path: Path) -> pl.DataFrame:
    # All as text, header included: polars would rename duplicate names and let one cell type a whole column.
    cells = pl.read_csv(path, has_header=False, infer_schema_length=0, glob=False)
    names = [(name or "").strip() for name in cells.row(0)]
    _require_names(path, names)
    height = cells.height
    while height > 1 and not any((cell or "").strip() for cell in cells.row(height - 1)):
        height -= 1
    cells.columns = names
    return cells[1:height]


def _ragged_record(path: Path) -> str | None:
    """Return what is wrong with the first line of a CSV file that has more fields than the header."""
    try:
        records = _records(path)
        width = len(next(records, (1, []))[1])
        found = next(((line, len(record)) for line, record in records if len(record) > width), None)
    except (UnicodeError, csv.Error):  # then what polars said must do
        return None
    return f"line {found[0]} has {found[1]} fields, the header {width}" if found else None


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the records of a CSV file, each with the line it starts at; only a line feed ends a line."""
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        reader = csv.reader(file)
        line = 1
        for record in reader:
            yield line, record
            line = reader.line_num + 1


def read_arrays(path: Path, target: str | None) -> tuple[pl.DataFrame, pl.Series]:
    """Return the features and the target of an NPZ file."""
    choices = ("y", "Y") if target is None else (target,)
    arrays, present = load_arrays(path, *choices)
    name = next((choice for choice in choices if choice in arrays), None)
    if name is None:
        raise InputError(f"{path}: has no target array {listed(choices)}; its arrays are {listed(present)}")
    features, y = named_columns(path, arrays), arrays[name]
    if y.dtype.kind not in "biufU" or y.shape != (features.height,):
        need = f"{features.height} numbers, booleans or texts are needed, one for each row of 'X'"
        raise InputError(f"{path}: target array {name!r} has shape {y.shape} and dtype {y.dtype}; {need}")
    native = np.float64 if y.dtype.kind == "f" else y.dtype.newbyteorder("=")
    return features, pl.Series(name, y.astype(native))


def load_arrays(path: Path, *others: str) -> tuple[dict[str, npt.NDArray[Any]], list[str]]:
    """Return X, with feature_names and `others` if they are there, and the names of all arrays."""
    arrays = {}
    try:
        with np.load(path, allow_pickle=False) as archive:
            present = list(archive.files)
            for name in {"X", "feature_names", *others}.intersection(present):
                arrays[name] = np.asarray(archive[name])
    except Exception as error:  # a damaged archive fails in a dozen ways, each of them the file's fault
        raise InputError(f"{path}: cannot be read as NPZ without pickles: {_first_line(error)}") from None
    if "X" not in arrays:
        raise InputError(f"{path}: has no array 'X'; its arrays are {listed(present)}")
    return arrays, present


def named_columns(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> pl.DataFrame:
    """Return the array X as a table, its columns named by the array feature_names or else x0, x1, ..."""
    X = arrays["X"]
    if X.ndim != 2 or 0 in X.shape or X.dtype.kind not in "biuf":
        need = "numbers in rows and columns, at least one of each, are needed"
        raise InputError(f"{path}: array 'X' has shape {X.shape} and dtype {X.dtype}; {need}")
    labels = arrays.get("feature_names", np.array([f"x{j}" for j in range(X.shape[1])]))
    if labels.dtype.kind != "U" or labels.shape != X.shape[1:]:
        found = f"shape {labels.shape} and dtype {labels.dtype}"
        raise InputError(f"{path}: array 'feature_names' has {found}; {X.shape[1]} texts are needed")
    names = labels.tolist()
    _require_names(path, names)
    return pl.from_numpy(X.astype(np.float64), schema=names, orient="row")


def _require_names(path: Path, names: list[str]) -> None:
    if "" in names:
        raise InputError(f"{path}: column {names.index('') + 1} has no name; each column needs one")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"{path}: columns {listed(twice)} occur more than once; names must differ")


def csv_line(path: Path, column: pl.Series, row: int) -> str:
    """Return " (line n)", where the row starts in a CSV file, if what is read there is the cell."""
    if path.suffix.lower() != ".csv":
        return ""
    try:
        records = _records(path)
        place = [name.strip() for name in next(records)[1]].index(column.name)
        line, record = next(itertools.islice(records, row, None))
    except (csv.Error, StopIteration, ValueError):
        return ""
    cell = record[place].strip() if place < len(record) else ""
    return f" (line {line})" if cell == (column[row] or "") else ""


def listed(names: Sequence[str]) -> str:
    """Return the names for a message, the first of them if there are many."""
    shown = ", ".join(repr(name) for name in names[:MAX_LISTED])
    return f"{shown}, ... ({len(names)} in all)" if len(names) > MAX_LISTED else shown


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
