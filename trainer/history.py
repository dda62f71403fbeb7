"""What was recorded while training: columns of equal length, and their way into a file."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from trainer.errors import InputError
from trainer.output_file import write_whole


class History(Mapping[str, np.ndarray]):
    """Columns by name, each a one-dimensional array with one entry per record.

    Parameters
    ----------
    columns : names in order; the first holds whole numbers (the epoch or the step, counted from 0).
    """

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._blocks: dict[str, list[np.ndarray]] = {name: [] for name in columns}

    def append(self, **columns: np.ndarray) -> None:
        """Add records; each column is given, all of one length."""
        for name, blocks in self._blocks.items():
            blocks.append(np.asarray(columns[name]))

    def __getitem__(self, name: str) -> np.ndarray:
        """Return a column."""
        blocks = self._blocks[name]
        if len(blocks) > 1:
            blocks[:] = [np.concatenate(blocks)]
        return blocks[0] if blocks else np.empty(0)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the columns."""
        return iter(self._blocks)

    def __len__(self) -> int:
        """Return the number of columns."""
        return len(self._blocks)

    @property
    def n_records(self) -> int:
        """The number of records."""
        return sum(block.size for block in next(iter(self._blocks.values())))

    def records(self, first: int = 0) -> list[dict[str, int | float | None]]:
        """Return the records one by one, from number `first` on; what is not a finite number is None."""
        columns = {name: self[name][first:].tolist() for name in self}
        return [
            {name: value if math.isfinite(value) else None for name, value in zip(columns, row, strict=True)}
            for row in zip(*columns.values(), strict=True)
        ]


HISTORY_SUFFIXES = (".json", ".csv")


def check_history_path(path: str | os.PathLike[str]) -> Path:
    """Return the path if its suffix names a format that `write_history` knows."""
    if Path(path).suffix.lower() not in HISTORY_SUFFIXES:
        raise InputError(f"history: file {path} given, a name that ends in .json or .csv accepted")
    return Path(path)


def write_history(history: History, path: str | os.PathLike[str]) -> None:
    """Write the records as a JSON list of objects or as CSV with a header line, by the suffix of the name.

    Raises
    ------
    InputError
        The suffix is neither .json nor .csv, or the file cannot be written; then nothing is.
    """
    path = check_history_path(path)
    records = history.records()
    if path.suffix.lower() == ".json":
        lines = ",\n".join(f"  {json.dumps(record)}" for record in records)
        write_whole(path, f"[\n{lines}\n]\n".encode())
        return
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(history), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    write_whole(path, text.getvalue().encode())
