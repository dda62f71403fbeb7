"""The column to predict: of which type its cells are, what there is to learn, and the numbers that stand for them.

A column may come whole, or in blocks of rows of which none is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from trainer.cells import numbers_of, only_truth, require, stripped
from trainer.errors import InputError
from trainer.raw_table import RawTable
from trainer.table import Label, Targets, Task

MAX_GUESSED_CLASSES = 20
MAX_EXACT_INTEGER = 2.0**53  # float64 holds every whole number up to here, and distinct ones stay distinct
MAX_DISTINCT = 100_000  # that are remembered of a target that is not kept, or not of classes


@dataclass(frozen=True)
class Target:
    """What there is to learn, the sorted labels of a classification, and why it was taken for one."""

    task: Task
    classes: tuple[Label, ...]
    reason: str


@dataclass
class TargetSurvey:
    """What was seen so far of a target whose blocks are not kept."""

    n_rows: int = 0
    whole: bool = True  # no fraction in a column of numbers
    distinct: set[Label] = field(default_factory=set)  # of numbers with a fraction: none
    overflows: bool = False

    def add(self, typed: pl.Series) -> None:
        """Look at a block that `typed_target` has returned."""
        self.n_rows += len(typed)
        self.whole = self.whole and typed.dtype != pl.Float64
        if not self.whole:
            self.distinct.clear()
        elif not self.overflows:
            self.distinct.update(typed.unique().to_list())
            self.overflows = len(self.distinct) > MAX_DISTINCT


def decide(raw: RawTable, survey: TargetSurvey, task: Task | None) -> Target:
    """Apply the rule that `tables.read_table` states to what was seen of a target.

    Raises
    ------
    InputError
        There are fewer than two classes, or more than a survey remembers.
    """
    name = raw.target_name
    chosen, reason = (task, "given") if task else _guess_task(name, survey)
    if chosen == "regress":
        return Target("regress", (), reason)
    if survey.overflows:
        raise InputError(f"{raw.path}: target {name!r} holds over {MAX_DISTINCT:,} classes; fewer are accepted")
    classes = tuple(sorted(survey.distinct))
    if len(classes) < 2:
        raise InputError(f"{raw.path}: target {name!r} holds the single class {classes[0]!r}; 2 are needed")
    return Target("classify", classes, reason)


def surveyed(typed: pl.Series, task: Task | None) -> TargetSurvey:
    """Return what is seen of a whole target; of classes, however many there are."""
    if typed.dtype == pl.Float64:
        return TargetSurvey(len(typed), whole=False)
    if task is None and typed.dtype == pl.Int64 and typed.n_unique() > MAX_DISTINCT:
        return TargetSurvey(len(typed), overflows=True)
    return TargetSurvey(len(typed), distinct=set(typed.unique().to_list()))


def _guess_task(name: str | None, survey: TargetSurvey) -> tuple[Task, str]:
    kinds = {type(label) for label in survey.distinct}
    if kinds & {str, bool}:
        return "classify", f"target {name!r} holds {'text' if str in kinds else 'booleans'}"
    if not survey.whole:
        return "regress", f"target {name!r} holds real numbers"
    distinct = f"over {MAX_DISTINCT:,}" if survey.overflows else f"{len(survey.distinct)}"
    seen = f"target {name!r} holds {distinct} distinct integers"
    if not survey.overflows and len(survey.distinct) <= min(MAX_GUESSED_CLASSES, survey.n_rows // 2):
        return "classify", seen
    return "regress", f"{seen} in {survey.n_rows} rows"


def typed_target(raw: RawTable, cells: pl.Series, task: Task | None, first_row: int = 0) -> pl.Series:
    """Return a target without gaps as Boolean, String, Int64 (every whole number) or Float64.

    Parameters
    ----------
    raw : RawTable
    cells : of a file of text, the whole column: what its cells are depends on all of them
    task : what the user says that there is to learn
    first_row : where a block begins

    Raises
    ------
    InputError
        For the first cell that cannot be used.
    """

    def check(good: pl.Series, need: str) -> None:
        require(raw, column, good, need, first_row)

    column = stripped(raw.path, cells)
    check(column.is_not_null(), "")
    is_text = raw.separator is not None and column.dtype == pl.String
    typed = _typed_text(raw, column, task) if is_text else column
    if typed.dtype == pl.String and task == "regress":
        check(column.is_null(), "a number is needed to regress")
    if typed.dtype in (pl.String, pl.Boolean):
        return typed
    numbers = typed.cast(pl.Float64)
    check(numbers.is_finite(), "a finite number is needed")
    if typed.dtype.is_integer():
        whole = typed.cast(pl.Int64, strict=False).is_not_null()
    else:
        whole = (numbers == numbers.floor()) & (numbers.abs() <= MAX_EXACT_INTEGER)
    if whole.all():
        return typed.cast(pl.Int64)
    if task == "classify":
        check(whole, "classes must be text, booleans or whole numbers up to 2**53")
    return numbers


def whole_target(raw: RawTable, blocks: Sequence[pl.Series], task: Task | None) -> pl.Series:
    """Return what `typed_target` does for all blocks together; those of a text file may be `compact`."""
    of_text = [block.dtype == pl.String for block in blocks]
    if raw.separator is None or all(of_text):
        return typed_target(raw, pl.concat(blocks), task)
    if not any(of_text):
        common = pl.Int64 if all(block.dtype == pl.Int64 for block in blocks) else pl.Float64
        try:
            return typed_target(raw, pl.concat([block.cast(common) for block in blocks]), task)
        except InputError:  # which names a number, where the cell that the file has is to be named
            pass
    return typed_target(raw, pl.concat([cells for _, cells in raw.blocks(True) if cells is not None]), task)


def compact(cells: pl.Series) -> pl.Series:
    """Return a block of text as Int64 or Float64 where all of it can be read so: a number takes half of a text."""
    for dtype in (pl.Int64, pl.Float64):
        numbers = cells.cast(dtype, strict=False)
        if not numbers.null_count():
            return numbers
    return cells


def _typed_text(raw: RawTable, column: pl.Series, task: Task | None) -> pl.Series:
    """Return a column of text as the type that all its cells have: Boolean, Int64, Float64 or else String."""
    numbers = numbers_of(column)
    gaps = numbers.null_count()
    if gaps and (task == "regress" or (task is None and 2 * gaps < len(column))):
        need = "a number is needed to regress" if task else "most of the target is numbers, so must this be"
        require(raw, column, numbers.is_not_null(), need, 0)
    if gaps:
        return column
    if only_truth(column):
        return numbers.cast(pl.Boolean)
    integers = column.cast(pl.Int64, strict=False)
    return numbers if integers.null_count() else integers


def coded_target(typed: pl.Series, target: Target) -> Targets:
    """Return int64 indices into the classes, or the float64 values of a regression; -1 where a class is unknown."""
    if target.task == "regress":
        return typed.cast(pl.Float64).to_numpy().copy()
    return _indices(typed, target.classes)


def _indices(typed: pl.Series, classes: Sequence[Label]) -> npt.NDArray[np.int64]:
    if typed.dtype == pl.String:
        places = typed.cast(pl.Enum(list(map(str, classes))), strict=False).to_physical().cast(pl.Int64)
        return places.fill_null(-1).to_numpy().copy()
    values, labels = typed.cast(pl.Int64).to_numpy(), np.array(classes, dtype=np.int64)
    found = np.searchsorted(labels, values).clip(max=len(labels) - 1)
    found[labels[found] != values] = -1
    return found
