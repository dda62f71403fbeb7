"""What the argument of ``scratch-mlp train`` stands for: a data set by its name, or else a file. Names come first."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np

from trainer.checks import check_choice
from trainer.dataset_tables import DATASET_NAMES, Drawing, dataset_table, suggestion
from trainer.errors import InputError
from trainer.fingerprint import fingerprint_of_arrays, fingerprint_of_files
from trainer.progress import Tell
from trainer.table import Impute, Table, Task

# Options of a file, arguments of `tables.read_table`.
READING = ("target", "task", "categorical", "drop", "impute", "stream")


def read_data(data: str, drawing: Drawing, reading: Mapping[str, Any], tell: Tell | None = None) -> Table:
    """Return the table that is meant.

    Parameters
    ----------
    data : one of `DATASET_NAMES`, or the name of a file, which is ``./digits`` where it is called as a data set is
    drawing : how data with a name is drawn
    reading : the options `READING`, None where nothing was given; a data set has its own target and task
    tell : hears how far a file is read

    Raises
    ------
    InputError
        There is neither such a data set nor such a file, or the options do not go with it.
    """
    given = {name: value for name, value in reading.items() if value}
    if data in DATASET_NAMES:
        return _named(data, drawing, given)
    if _looks_like_a_name(data) and not os.path.exists(data):
        raise InputError(f"{data}: neither a data set nor a file; {suggestion(data)}")
    drawing.refuse(data)
    for option, accepted in (("task", get_args(Task)), ("impute", get_args(Impute))):
        if option in given:
            check_choice(option, given[option], accepted)
    from trainer.tables import read_table  # imports polars, which takes a tenth of a second

    return read_table(data, **given, tell=tell)


def fingerprint_of(table: Table) -> str:
    """Return what tells whether data is the same: a digest of its files, or of the points of a data set."""
    if table.files:
        return fingerprint_of_files(table.files)
    return fingerprint_of_arrays([table.features(), np.asarray(table.y)])


def target_option(table: Table) -> str:
    """Return what the option target has to be to read a table again: the name of a column, or of a file."""
    return str(table.files[1]) if len(table.files) > 1 else table.target_name


def _looks_like_a_name(data: str) -> bool:
    path = Path(data)
    return path.name == data and not path.suffix


def _named(name: str, drawing: Drawing, given: Mapping[str, Any]) -> Table:
    table = dataset_table(name, drawing)
    for option, value in given.items():
        own = {"target": table.target_name, "task": table.task}.get(option)
        if own is None:
            raise InputError(f"{option}: given with the {name} data, which is no file")
        if value != own:
            raise InputError(f"{option}: {value!r} given with the {name} data, {own} accepted")
    return table
