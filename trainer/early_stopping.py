"""The lowest validation loss of a training, and what follows from it: when to stop, and which parameters to keep."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass
class Best:
    """What the recorded epoch with the lowest validation loss left.

    Attributes
    ----------
    loss : float
        Infinite as long as there is none.
    epoch : int
        Its number, counted from 0; -1 as long as there is none.
    parameters : (n_parameters,) array, or None as long as there is none
    """

    loss: float = math.inf
    epoch: int = -1
    parameters: np.ndarray | None = None

    def look(self, epoch: int, loss: float, parameters: np.ndarray) -> None:
        """Remember the parameters after this epoch if the loss is lower than it has been."""
        if loss < self.loss:
            self.loss, self.epoch, self.parameters = loss, epoch, parameters.copy()

    def is_overdue(self, epoch: int, patience: int) -> bool:
        """Tell whether this epoch is the `patience`-th or a later one without a lower loss."""
        return epoch - self.epoch >= patience
