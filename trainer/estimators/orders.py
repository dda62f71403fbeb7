"""The order of the rows in each epoch, drawn as scikit-learn's perceptrons draw it."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels.mersenne_twister import shuffle_each

# Fewer rows than this are shuffled sooner by NumPy than it tells the state of its generator and takes it back.
FEW = 5_000


class Orders:
    """Orders of n_samples rows, each epoch's a permutation of the one before.

    Parameters
    ----------
    n_samples : int
    generator : np.random.RandomState, or None
        None leaves the rows as they come. Up to the `end` nobody else is to draw from it.
    """

    def __init__(self, n_samples: int, generator: np.random.RandomState | None) -> None:
        self._generator, self.n_samples = generator, n_samples
        self._last = np.arange(n_samples)
        self._state: dict[str, Any] | None = None  # once it is known, orders are drawn from it

    def draw(self, n_epochs: int) -> np.ndarray | None:
        """Return int64 (n_epochs, n_samples), or None where rows are taken as they come."""
        if self._generator is None:
            return None
        orders = np.empty((n_epochs, self.n_samples), np.int64)
        if self._state is None and orders.size >= FEW:
            state: dict[str, Any] = self._generator.get_state(legacy=False)
            self._state = state if state["bit_generator"] == "MT19937" else None
        if self._state is None:
            for order in orders:
                self._last = order[:] = self._last[self._generator.permutation(self.n_samples)]
            return orders
        twister = self._state["state"]
        twister["pos"] = shuffle_each(self._last, orders, twister["key"], twister["pos"])
        self._last = orders[-1]
        return orders

    def end(self) -> None:
        """Leave the generator where it would be, had it drawn the orders itself."""
        if self._generator is not None and self._state is not None:
            self._generator.set_state(self._state)
