"""When training no longer improves: scikit-learn's rule, for a loss or for the negative of a score."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class Stagnation:
    """Counts the epochs, one after the other, that did not improve the best value by more than `tol`.

    Parameters
    ----------
    tol : float
    patience : float
        Epochs without improvement that are allowed; may be infinite.

    Attributes
    ----------
    best : float
        The least value so far.
    count : int
        Epochs since the last improvement.
    """

    tol: float
    patience: float
    best: float = math.inf
    count: int = 0

    def add(self, value: float) -> bool:
        """Take the value of one more epoch; return whether it is the best. NaN starts the count anew."""
        self.count = self.count + 1 if value > self.best - self.tol else 0
        is_best = value < self.best
        if is_best:
            self.best = value
        return is_best

    @property
    def reached(self) -> bool:
        """Whether more epochs than allowed have passed without improvement."""
        return self.count > self.patience

    @property
    def epochs_before_stop(self) -> float:
        """How many epochs will pass at least before `reached` can become true, the last one being the one."""
        return max(1, self.patience + 1 - self.count)
