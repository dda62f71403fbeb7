"""Parquet files: their typed columns by ranges of rows, of which polars decodes no more than it has to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from trainer.errors import InputError
from trainer.native_messages import without_native_messages
from trainer.parquet_check import check_parquet
from trainer.raw_table import MAX_CELLS, FrameFile, first_line

MIN_ROWS = 1024  # of a block, however many columns there are: each block opens every one of them


def open_parquet(path: Path) -> FrameFile:
    """Return the columns of a Parquet file; nothing but its headers is read yet."""
    with _refusing(path):
        check_parquet(path)
        scan = pl.scan_parquet(path, glob=False, low_memory=True)  # fewer row groups ahead of their time
        names = scan.collect_schema().names()
        n_rows = int(scan.select(pl.len()).collect().item())
    step = max(MIN_ROWS, MAX_CELLS // max(1, len(names)))

    def rows(columns: Sequence[str], first: int, last: int) -> pl.DataFrame:
        with _refusing(path):
            frame = scan.select(columns).slice(first, last - first).collect()
            if frame.height != last - first:
                raise ValueError(f"rows are missing from row {first + 1}")
            return frame

    def frames(columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        for first in range(0, n_rows, step):
            yield rows(columns, first, min(first + step, n_rows))

    return FrameFile(path, names, n_rows, n_rows, frames, rows)


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turn whatever is wrong with a file into InputError."""
    try:
        with without_native_messages():
            yield
    except pl.exceptions.PanicException:
        raise InputError(f"{path}: cannot be parsed as a .parquet file: its data are damaged") from None
    except (pl.exceptions.PolarsError, OSError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: cannot be parsed as a .parquet file: {first_line(error)}") from None
