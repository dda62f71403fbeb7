"""Where the operands of a kernel lie: in rows with gaps between them, in memory that tells what is touched around."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from memory import CANARY, Surrounded
from numpy.lib.stride_tricks import as_strided


class Placement(Protocol):
    """Copies arrays to memory where an access outside of them shows; of its own for each call of a kernel."""

    def operand(self, values: np.ndarray) -> np.ndarray:
        """Return a copy that is to be read only."""

    def result(self, values: np.ndarray) -> np.ndarray:
        """Return a copy that is to be written."""

    def assert_kept(self) -> None:
        """Fail if an operand, or anything around a result, has changed."""


class AmongCanaries:
    """Operands lie between NaNs, which spoil what they get into; results between numbers that are looked at again."""

    def __init__(self) -> None:
        self._operands: list[Surrounded] = []
        self._results: list[Surrounded] = []

    def operand(self, values: np.ndarray) -> np.ndarray:
        self._operands.append(Surrounded(values, values.dtype, around=np.nan))
        return self._operands[-1].array

    def result(self, values: np.ndarray) -> np.ndarray:
        self._results.append(Surrounded(values, values.dtype))
        return self._results[-1].array

    def assert_kept(self) -> None:
        for operand in self._operands:
            operand.assert_unchanged()
        for result in self._results:
            result.assert_margins_unchanged()


def as_rows(flat: np.ndarray, shape: tuple[int, int], stride: int) -> np.ndarray:
    """Return rows of `flat` (one-dimensional), `stride` elements apart, as a view (rows, columns)."""
    return as_strided(flat, shape, (stride * flat.itemsize, flat.itemsize))


def in_rows(values: Any, stride: int, gap: float = np.nan) -> np.ndarray:
    """Return the rows of a matrix `stride` elements apart, one-dimensional, up to the last element; `gap` between."""
    values = np.asarray(values)
    flat = np.full((len(values) - 1) * stride + values.shape[1] if len(values) else 0, gap, values.dtype)
    as_rows(flat, values.shape, stride)[...] = values
    return flat


def written_rows(flat: np.ndarray, shape: tuple[int, int], stride: int) -> np.ndarray:
    """Return the rows that a kernel wrote where `in_rows` had laid them; fail if it wrote between them."""
    rows = as_rows(flat, shape, stride).copy()
    assert flat.tobytes() == in_rows(rows, stride, CANARY).tobytes(), "written between rows"
    return rows
