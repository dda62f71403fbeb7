"""How a run comes by its rows: all of them at once, or block by block where they do not fit into memory.

Reading, checking and standardising a block is left to the source that has it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np

from kernels.structs import Samples as RunSamples
from trainer.outcome import Samples
from trainer.run import Run


class BlockSource(Protocol):
    """Rows to train on that are read block by block; `streamed_rows.Stream` is one."""

    @property
    def sizes(self) -> Sequence[int]:
        """Rows of each block."""
        ...

    def samples(self, block: int) -> Samples:
        """Read a block; any of them, at any time, from any thread."""
        ...


class WholeFeed:
    """All rows in memory.

    Attributes
    ----------
    steps_per_epoch : int
    """

    def __init__(self, samples: Samples, batch_size: int | None) -> None:
        self._samples = samples
        n_samples = samples.X.shape[0]
        self.steps_per_epoch = 1 if batch_size is None else math.ceil(n_samples / min(batch_size, n_samples))

    def first(self) -> Samples:
        """Return what a run starts with."""
        return self._samples

    def enter(self, run: Run) -> int:
        """Return how many steps can be taken at most; there is nothing to be read."""
        return np.iinfo(np.int64).max

    def close(self) -> None:
        """Do nothing: nothing is read."""


class BlockFeed:
    """Rows block by block: the one that is trained on, and the next one, which is read meanwhile.

    Parameters
    ----------
    source : BlockSource
    checked : function of X and Y
        Returns rows as a run takes them, see `model.MLP.samples`.
    batch_size : int
        Rows in a step; the last step of a block takes what is left of it.
    seed : int or None
        Of the order of the blocks, which is another in each epoch; None takes them as they come. A run shuffles the
        rows within a block itself.

    Attributes
    ----------
    steps_per_epoch : int
    """

    def __init__(
        self,
        source: BlockSource,
        checked: Callable[[np.ndarray, np.ndarray], RunSamples],
        batch_size: int,
        seed: int | None,
    ) -> None:
        self._source, self._checked, self._seed = source, checked, seed
        self._steps = np.array([math.ceil(size / batch_size) for size in source.sizes])
        self.steps_per_epoch = int(self._steps.sum())
        self._place: tuple[int, int] | None = None  # the epoch, and which of its blocks the run has
        self._reader = ThreadPoolExecutor(1, "block")
        self._next: tuple[int, Future[Samples]] | None = None

    def first(self) -> Samples:
        """Return what a run starts with: a block, than which none is larger."""
        return self._source.samples(int(np.argmax(self._source.sizes)))

    def enter(self, run: Run) -> int:
        """Give the run the block that its next step lies in; return how many steps are left of that block."""
        order = self._order(run.period)
        ends = np.cumsum(self._steps[order])
        index = int(np.searchsorted(ends, run.step, side="right"))
        if self._place != (run.period, index):
            block = self._block(int(order[index]))
            run.feed(self._checked(block.X, block.Y))
            self._place = run.period, index
            following = self._order(run.period + 1)[0] if index + 1 == len(order) else order[index + 1]
            self._next = int(following), self._reader.submit(self._source.samples, int(following))
        return int(ends[index]) - run.step

    def close(self) -> None:
        """Wait for what is being read, which else would outlast the training."""
        self._reader.shutdown(cancel_futures=True)

    def _order(self, epoch: int) -> np.ndarray:
        n_blocks = self._steps.size
        if self._seed is None:
            return np.arange(n_blocks)
        return np.random.default_rng([self._seed, epoch]).permutation(n_blocks)

    def _block(self, number: int) -> Samples:
        if self._next is not None and self._next[0] == number:
            return self._next[1].result()
        return self._source.samples(number)
