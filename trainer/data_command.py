"""What ``scratch-mlp data`` does: it writes a data set to a file that `tables.read_table` reads."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from rich.console import Console

from trainer.dataset_tables import Drawing, dataset_table
from trainer.errors import InputError
from trainer.output_file import require_writable, write_whole
from trainer.table import Table

SUFFIXES = (".csv", ".tsv", ".parquet", ".npz")


def write_dataset(name: str, path: Path, drawing: Drawing, console: Console) -> None:
    """Write a data set, the target as the last column, and say what was written.

    Raises
    ------
    InputError
        There is no such data set or it cannot be drawn like this, the suffix is not one of `SUFFIXES`, or the file
        cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: unknown kind of file {suffix!r}; accepted are {', '.join(SUFFIXES)}")
    require_writable(path)
    table = dataset_table(name, drawing)
    write_whole(path, _npz(table) if suffix == ".npz" else _frame(table, suffix))
    kind = f"{len(table.classes)} classes" if table.classes else "a number to predict"
    console.print(f"written: {path}: {table.n_rows:,} rows, {len(table.columns)} features, {kind}")


def _target(table: Table) -> np.ndarray:
    """Return the labels as users see them, or the numbers to learn."""
    y = np.asarray(table.y)
    return np.array(table.classes)[y] if table.classes else y


def _npz(table: Table) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, X=table.features(), y=_target(table), feature_names=np.array(table.feature_names))
    return content.getvalue()


def _frame(table: Table, suffix: str) -> bytes:
    import polars as pl

    target = pl.Series(table.target_name, _target(table))
    frame = pl.from_numpy(table.features(), schema=list(table.feature_names)).with_columns(target)
    content = io.BytesIO()
    if suffix == ".parquet":
        frame.write_parquet(content)
    else:
        frame.write_csv(content, separator="\t" if suffix == ".tsv" else ",")
    return content.getvalue()
