"""The order of the rows in each epoch, drawn as scikit-learn's perceptrons draw it."""

from __future__ import annotations

import numpy as np


class Orders:
    """Orders of n_samples rows, each epoch's a permutation of the one before.

    Compiling the generator and the shuffle was not faster: what takes time is the rejection of numbers.

    Parameters
    ----------
    n_samples : int
    generator : np.random.RandomState, or None
        None leaves the rows as they come.
    """

    def __init__(self, n_samples: int, generator: np.random.RandomState | None) -> None:
        self._generator = generator
        self.n_samples = n_samples
        self._last = np.arange(n_samples)

    def draw(self, n_epochs: int) -> np.ndarray | None:
        """Return int64 (n_epochs, n_samples), or None where rows are taken as they come."""
        if self._generator is None:
            return None
        orders = np.empty((n_epochs, self._last.size), np.int64)
        for order in orders:
            np.take(self._last, self._generator.permutation(self._last.size), out=order)
            self._last = order
        return orders
