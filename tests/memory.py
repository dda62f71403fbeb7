"""Arrays in the midst of canaries: what writes or reads outside an operand shows."""

from __future__ import annotations

from typing import Any

import numpy as np

# Elements on either side; odd, so that the array itself is not aligned to a vector.
MARGIN = 67
CANARY = -12345.0


class Surrounded:
    """A C-contiguous array within a larger buffer.

    Parameters
    ----------
    values : what the array holds.
    around : what lies around it: `CANARY`, to be checked, or NaN, to spoil any result that it gets into.
    """

    def __init__(self, values: Any, dtype: Any, around: float = CANARY) -> None:
        values = np.asarray(values, dtype)
        self._buffer = np.full(values.size + 2 * MARGIN, around, dtype)
        self.array = self._buffer[MARGIN : MARGIN + values.size].reshape(values.shape)
        self.array[...] = values
        self._before = self._buffer.copy()

    def assert_margins_unchanged(self) -> None:
        """Fail if any element outside the array has changed, also from one NaN to another."""
        for margin in (slice(0, MARGIN), slice(MARGIN + self.array.size, None)):
            assert self._buffer[margin].tobytes() == self._before[margin].tobytes(), "written outside the array"

    def assert_unchanged(self) -> None:
        """Fail if anything has changed."""
        assert self._buffer.tobytes() == self._before.tobytes(), "an operand was written to"
