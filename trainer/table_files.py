"""Which kind of table a file is, and opening it as columns of features and a target.

What is in the files of each kind is left to the modules of the kinds; what the cells mean to `trainer.tables`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from trainer.csv_file import open_csv
from trainer.errors import InputError
from trainer.idx_file import is_idx, open_idx
from trainer.npy_file import load_npz, open_npy
from trainer.parquet_file import open_parquet
from trainer.raw_table import (
    ArrayFile,
    FrameFile,
    RawTable,
    listed,
    require_matrix,
    require_names,
    require_targets,
    table_of_arrays,
    table_of_frames,
    texts_in,
)

TARGET_NAMES = ("target", "label", "class", "y")
SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
SUFFIXES = (*SEPARATORS, ".parquet", ".npz", ".npy", ".idx")
ACCEPTED = f"{', '.join(SUFFIXES)} and names such as images-idx3-ubyte, the last two also with .gz"


def kind_of(path: Path) -> str:
    """Return the lower-case suffix of a file that exists, can be opened and is of a known kind; ".idx" for all IDX."""
    try:
        with path.open("rb"):
            pass
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path}: cannot be read: {reason}; accepted are {ACCEPTED}") from None
    kind = ".idx" if is_idx(path) else path.suffix.lower()
    if kind not in SUFFIXES:
        raise InputError(f"{path}: unknown kind of file {path.suffix.lower()!r}; accepted are {ACCEPTED}")
    return kind


def has_target_file(path: Path) -> bool:
    """Tell whether the target of a file's rows is in another file."""
    return kind_of(path) in (".npy", ".idx")


def open_table(path: Path, target: str | None, drop: Collection[str]) -> RawTable:
    """Open a table to train on, its target chosen as `tables.read_table` states, the columns to drop left out.

    Raises
    ------
    InputError
        The file cannot be read as what it is by its name; a column to drop is not there, or the target; no feature or
        not two rows are left.
    """
    kind = kind_of(path)
    if kind in (".npz", ".npy", ".idx"):
        raw = _open_arrays(path, kind, target, drop)
    else:
        file = _open_frames(path, kind)
        require_known(path, "drop", drop, file.names)
        names = [name for name in file.names if name not in set(drop)]
        chosen = _choose_target(path, names or file.names, target)
        raw = table_of_frames(file, [name for name in names if name != chosen], chosen)
    if not raw.feature_names:
        raise InputError(f"{path}: no feature column is left beside the target {raw.target_name!r}")
    return raw


def open_features(path: Path, wanted: Sequence[str], ignored: Collection[str | None]) -> RawTable:
    """Open a table to predict: the wanted columns in this order; those to be ignored may be there.

    Raises
    ------
    InputError
        The file cannot be read, lacks a column, or has one that is neither wanted nor to be ignored.
    """
    kind = kind_of(path)
    if kind in (".npz", ".npy", ".idx"):
        arrays = load_npz(path, ("X", "feature_names"))[0] if kind == ".npz" else {"X": _open_array(path, kind)}
        what = "array 'X'" if kind == ".npz" else "the array"
        X = _matrix(arrays["X"], what, flat=kind == ".idx")
        labels, default = arrays.get("feature_names"), list(wanted)
        if X.shape[1] != len(wanted):
            default = _numbered(X)
            if labels is None and not set(wanted) <= set(default):
                raise InputError(f"{path}: {what} has {X.shape[1]} columns; the model takes {len(wanted)}")
        names = _array_names(path, X, labels, default)
        _require_fit(path, names, wanted, ignored)
        return table_of_arrays(X, names, wanted, None)
    file = _open_frames(path, kind)
    _require_fit(path, file.names, wanted, ignored)
    return table_of_frames(file, wanted, None)


def _open_frames(path: Path, kind: str) -> FrameFile:
    file = open_parquet(path) if kind == ".parquet" else open_csv(path, SEPARATORS[kind])
    if not file.names or file.n_rows == 0:
        raise InputError(f"{path}: the table is empty: it has {len(file.names)} columns and {file.n_rows or 0} rows")
    return file


def _open_arrays(path: Path, kind: str, target: str | None, drop: Collection[str]) -> RawTable:
    if kind == ".npz":
        what, of = "array 'X'", "'X'"
        X, labels, (name, y) = _open_npz(path, target)
    else:
        what, of = "the array", f"{path}"
        X, labels = _open_array(path, kind), None
        place = _target_file(path, target)
        name, y = "y", _open_array(place, kind_of(place))
    X = _matrix(X, what, flat=kind == ".idx")
    names = _array_names(path, X, labels, _numbered(X))
    require_targets(y, f"target array {name!r}" if kind == ".npz" else "the target", X.shape[0], of)
    require_known(path, "drop", drop, names)
    return table_of_arrays(X, names, [n for n in names if n not in set(drop)], (name, y))


def _open_npz(path: Path, target: str | None) -> tuple[ArrayFile, ArrayFile | None, tuple[str, ArrayFile]]:
    """Return X, feature_names if it is there, and the name and the array of the target."""
    choices = ("y", "Y") if target is None else (target,)
    arrays, present = load_npz(path, ("X", "feature_names", *choices))
    name = next((choice for choice in choices if choice in arrays), None)
    if name is None:
        raise InputError(f"{path}: has no target array {listed(choices)}; its arrays are {listed(present)}")
    return arrays["X"], arrays.get("feature_names"), (name, arrays[name])


def _open_array(path: Path, kind: str) -> ArrayFile:
    if kind not in (".npy", ".idx"):
        raise InputError(f"{path}: holds no single array; accepted are .npy and .idx")
    return open_npy(path) if kind == ".npy" else open_idx(path)


def _target_file(path: Path, target: str | None) -> Path:
    """Return the file of the target, by default the one beside the features that is named like them."""
    if target is not None:
        return Path(target)
    if is_idx(path):
        name = re.sub(r"images([.-]idx)\d", r"labels\g<1>1", path.name)
    else:
        name = re.sub(r"(^|[_.-])[xX](?=[_.-])", r"\g<1>y", path.name)
    zipped = name.removesuffix(".gz") if name.endswith(".gz") else f"{name}.gz"
    beside = [path.with_name(other) for other in (name, zipped) if other not in (path.name, f"{path.name}.gz")]
    found = next((file for file in beside if file.is_file()), None)
    if found is None:
        looked = f" ({beside[0].name} is not beside it)" if beside else ""
        raise InputError(f"{path}: which file holds its target is not known{looked}; give it with --target FILE")
    return found


def _matrix(file: ArrayFile, what: str, *, flat: bool) -> ArrayFile:
    """Return an array as features, of IDX each image as one row; raise InputError where it cannot be."""
    if flat and file.shape and file.dtype.kind in "biuf" and 0 not in file.shape:
        shape = (file.shape[0], int(np.prod(file.shape[1:], dtype=object)))
        return ArrayFile(file.path, shape, file.dtype, file.rows, file.on_disk)
    require_matrix(file, what)
    return file


def _array_names(path: Path, X: ArrayFile, labels: ArrayFile | None, default: list[str]) -> list[str]:
    if labels is None:
        return default
    if labels.dtype.kind != "U" or labels.shape != X.shape[1:]:
        found = f"shape {labels.shape} and dtype {labels.dtype}"
        raise InputError(f"{path}: array 'feature_names' has {found}; {X.shape[1]} texts are needed")
    names = texts_in(labels, 0, X.shape[1])
    require_names(path, names)
    return names


def _numbered(X: ArrayFile) -> list[str]:
    return [f"x{j}" for j in range(X.shape[1])]


def _choose_target(path: Path, columns: list[str], target: str | None) -> str:
    if target is None:
        lowered = [name.lower() for name in columns]
        return next((columns[lowered.index(name)] for name in TARGET_NAMES if name in lowered), columns[-1])
    if target not in columns:
        raise InputError(f"{path}: there is no target column {target!r}; the columns are {listed(columns)}")
    return target


def require_known(path: Path, option: str, given: Collection[str], names: Sequence[str]) -> None:
    """Raise InputError where an option names a column that is not there."""
    unknown = [name for name in given if name not in set(names)]
    if unknown:
        raise InputError(f"{path}: {option}: there is no column {unknown[0]!r}; the columns are {listed(names)}")


def _require_fit(path: Path, columns: Sequence[str], wanted: Sequence[str], ignored: Collection[str | None]) -> None:
    found, known = set(columns), {*wanted, *ignored}
    missing = [name for name in wanted if name not in found]
    if missing:
        raise InputError(f"{path}: lacks the features {listed(missing)}; it has {listed(columns)}")
    extra = [name for name in columns if name not in known]
    if extra:
        raise InputError(f"{path}: columns {listed(extra)} are not features of the model; remove them")
