"""Parquet files: their typed columns by ranges of rows, and of polars' work only that for these rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from trainer.errors import InputError
from trainer.raw_table import MAX_CELLS, FrameFile, first_line

MIN_ROWS = 1024  # of a block, however many columns there are: each block opens every one of them


def open_parquet(path: Path) -> FrameFile:
    """Return the columns of a Parquet file; nothing but its footer is read yet."""
    scan = pl.scan_parquet(path, glob=False, low_memory=True)  # fewer row groups ahead of their time
    names, n_rows = _schema(path, scan)
    step = max(MIN_ROWS, MAX_CELLS // max(1, len(names)))

    def rows(columns: Sequence[str], first: int, last: int) -> pl.DataFrame:
        try:
            frame = scan.select(columns).slice(first, last - first).collect()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            raise _refusal(path, error) from None
        if frame.height != last - first:
            raise InputError(f"{path}: cannot be parsed as a .parquet file: rows are missing from row {first + 1}")
        return frame

    def frames(columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        for first in range(0, n_rows, step):
            yield rows(columns, first, min(first + step, n_rows))

    return FrameFile(path, names, n_rows, frames, rows)


def _schema(path: Path, scan: pl.LazyFrame) -> tuple[list[str], int]:
    try:
        names = scan.collect_schema().names()
        return names, int(scan.select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise _refusal(path, error) from None


def _refusal(path: Path, error: BaseException) -> InputError:
    return InputError(f"{path}: cannot be parsed as a .parquet file: {first_line(error)}")
