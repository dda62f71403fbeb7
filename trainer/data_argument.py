"""What the argument of ``scratch-mlp train`` stands for: a data set by its name, or else a file. Names come first."""

from __future__ import annotations

import os
from pathlib import Path

from trainer.checks import check_choice
from trainer.dataset_tables import DATASET_NAMES, Drawing, dataset_table, suggestion
from trainer.errors import InputError
from trainer.fingerprint import fingerprint_of_arrays, fingerprint_of_files
from trainer.losses import LOSSES_OF_TASKS
from trainer.table import Table


def read_data(data: str, drawing: Drawing, target: str | None, task: str | None) -> Table:
    """Return the table that is meant.

    Parameters
    ----------
    data : one of `DATASET_NAMES`, or the name of a file, which is ``./digits`` where it is called as a data set is
    drawing : how data with a name is drawn
    target, task : of a file, see `tables.read_table`; a data set has its own

    Raises
    ------
    InputError
        There is neither such a data set nor such a file, or the options do not go with it.
    """
    if task is not None:
        check_choice("task", task, tuple(LOSSES_OF_TASKS))
    if data in DATASET_NAMES:
        return _named(data, drawing, target, task)
    if _looks_like_a_name(data) and not os.path.exists(data):
        raise InputError(f"{data}: neither a data set nor a file; {suggestion(data)}")
    drawing.refuse(data)
    from trainer.tables import read_table  # imports polars, which takes a tenth of a second

    return read_table(data, target=target, task=task)


def fingerprint_of(data: str, table: Table) -> str:
    """Return what tells whether data is the same: a digest of the file, or of the points of a data set."""
    if data in DATASET_NAMES:
        return fingerprint_of_arrays([table.X, table.y])
    return fingerprint_of_files([Path(data)])


def _looks_like_a_name(data: str) -> bool:
    path = Path(data)
    return path.name == data and not path.suffix


def _named(name: str, drawing: Drawing, target: str | None, task: str | None) -> Table:
    table = dataset_table(name, drawing)
    for option, value, own in (("target", target, table.target_name), ("task", task, table.task)):
        if value not in (None, own):
            raise InputError(f"{option}: {value!r} given with the {name} data, {own} accepted")
    return table
