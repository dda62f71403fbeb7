"""Checks of single arguments: what was given, and what is accepted, in one line.

Values of the wrong kind raise TypeError, values out of range `InputError`, which is a ValueError.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Collection, Sequence

import numpy as np

from trainer.errors import InputError

MAX_COUNT = 2**63 - 1  # kernels count in int64
MAX_LEGACY_SEED = 2**32 - 1  # NumPy's legacy generator takes no larger one


def check_choice(name: str, value: object, accepted: Collection[str]) -> str:
    """Return `value` if it is one of the accepted names."""
    if not isinstance(value, str):
        raise TypeError(f"{name}: {value!r} given, one of {', '.join(accepted)} accepted")
    if value not in accepted:
        raise InputError(f"{name}: {value!r} given, one of {', '.join(accepted)} accepted")
    return value


def check_count(name: str, value: object, *, least: int = 1, most: int = MAX_COUNT) -> int:
    """Return `value` as an int if it is a whole number from `least` to `most`."""
    accepted = f"an integer of at least {least} accepted"
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name}: {value!r} given, {accepted}")
    value = int(value)
    if value < least:
        raise InputError(f"{name}: {value} given, {accepted}")
    if value > most:
        raise InputError(f"{name}: {value} given, an integer of at most {most} accepted")
    return value


def check_real(name: str, value: object, *, positive: bool) -> float:
    """Return `value` as a float if it is finite and positive, or, where `positive` is False, not negative."""
    accepted = f"a finite number {'above' if positive else 'of at least'} 0"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: {value!r} given, {accepted} accepted")
    number = float(value)
    if not math.isfinite(number) or number < 0 or (positive and number == 0):
        raise InputError(f"{name}: {number:g} given, {accepted} accepted")
    return number


def check_share(name: str, value: object, *, above_zero: bool = False, below_one: bool = True) -> float:
    """Return `value` as a float if it is in [0, 1), without 0 where `above_zero`, with 1 where `below_one` is False."""
    number = check_real(name, value, positive=above_zero)
    if number > 1 or (below_one and number == 1):
        least, most = "above" if above_zero else "of at least", "below" if below_one else "at most"
        raise InputError(f"{name}: {number:g} given, a number {least} 0 and {most} 1 accepted")
    return number


def check_sizes(name: str, value: object) -> tuple[int, ...]:
    """Return layer sizes, from inputs to outputs, as a tuple of at least two positive integers."""
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray):
        raise TypeError(f"{name}: {value!r} given, a sequence of at least two positive integers accepted")
    if len(value) < 2:
        raise InputError(f"{name}: {list(value)} given, at least two sizes (inputs and outputs) accepted")
    return tuple(check_count(f"{name}[{i}]", size) for i, size in enumerate(value))


def check_sample_weight(name: str, value: object, n_samples: int) -> np.ndarray:
    """Return `value` as a float64 array (n_samples,) of finite numbers of at least 0, one of them above 0."""
    accepted = f"{n_samples} finite numbers of at least 0 accepted, one for each row"
    try:
        weights = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: {type(value).__name__} given, {accepted}") from None
    if weights.shape != (n_samples,):
        raise InputError(f"{name}: shape {weights.shape} given, {accepted}")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        wrong = weights[~(np.isfinite(weights) & (weights >= 0))][0]
        raise InputError(f"{name}: {wrong} given, {accepted}")
    if not weights.any():
        raise InputError(f"{name}: nothing but zero given, weights of which one is not zero accepted")
    return weights


def check_rows(name: str, value: object, n_columns: int, dtype: np.dtype) -> np.ndarray:
    """Return `value` as a finite C-contiguous array (n_samples >= 1, n_columns) of `dtype`, copied if need be."""
    accepted = f"numbers of shape (n_samples, {n_columns})"
    try:
        array = np.asarray(value)
        if array.dtype == object or array.dtype.kind not in "buif":
            raise TypeError
        with np.errstate(over="ignore"):  # what overflows is refused below
            rows = np.require(array, dtype=dtype, requirements=["C", "A", "W"])
    except (TypeError, ValueError):
        raise TypeError(f"{name}: {type(value).__name__} given, {accepted} accepted") from None
    if rows.ndim != 2 or rows.shape[1] != n_columns or rows.shape[0] == 0:
        raise InputError(f"{name}: shape {rows.shape} given, {accepted} accepted")
    if not _all_finite(rows):
        row, column = np.argwhere(~np.isfinite(rows))[0]
        raise InputError(
            f"{name}: {rows[row, column]} at row {row}, column {column}, finite {dtype.name} numbers accepted"
        )
    return rows


def _all_finite(rows: np.ndarray) -> bool:
    """Tell whether all numbers are finite: by their sum where that is, which takes half the time of a look at each."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(rows.sum()) or np.isfinite(rows).all())
