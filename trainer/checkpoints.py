"""When a training writes down where it stands. What is written, and where, is left to the function that it is given."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from trainer.errors import InputError
from trainer.standing import Standing

DEFAULT_EVERY = "30s"
_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
_MAX_DIGITS = 12


def parse_every(text: str) -> tuple[float | None, int | None]:
    """Return the seconds, or the steps, between two checkpoints from text such as ``30s``, ``5min`` or ``1000steps``.

    Raises
    ------
    InputError
        Another text, or an interval of no length.
    """
    found = re.fullmatch(rf"(\d{{1,{_MAX_DIGITS}}}) ?(s|min|h|steps?)", text.strip())
    number = int(found[1]) if found else 0
    if not found or not number:
        raise InputError(f"every: {text!r} given, an interval such as 30s, 5min, 1h or 1000steps accepted")
    unit = found[2]
    return (None, number) if unit.startswith("step") else (number * _UNITS[unit], None)


class Checkpoints:
    """When a training writes down where it stands: every so many seconds or steps, and at its end.

    Parameters
    ----------
    write : function of a Standing
    seconds, steps : one of the two intervals, the other is None.
    """

    def __init__(
        self, write: Callable[[Standing], None], *, seconds: float | None = None, steps: int | None = None
    ) -> None:
        self._write, self._seconds, self._steps = write, seconds, steps
        self._last = time.monotonic()

    def steps_left(self, steps_done: int) -> int | None:
        """Return how many steps there are until the next is due, or None where time decides."""
        return None if self._steps is None else self._steps - steps_done % self._steps

    def is_due(self, steps_done: int) -> bool:
        """Tell whether it is time to write."""
        if self._steps is not None:
            return steps_done % self._steps == 0
        return self._seconds is not None and time.monotonic() - self._last >= self._seconds

    def write(self, standing: Standing) -> None:
        """Write down where the training stands."""
        self._write(standing)
        self._last = time.monotonic()
