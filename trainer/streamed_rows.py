"""The training rows of a table that is never in memory whole: in blocks, each read and prepared when it is asked for.

How a network is trained on them is left to the modules that train.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from trainer.coding import Coding
from trainer.preprocessing import count_validation
from trainer.table import Rows, Table, cached_blocks
from trainer.training import Samples

BLOCK_BYTES = 16 << 20  # of the samples of one block; who trains on one holds the next beside it
READ_CELLS = 1 << 19  # of features that are read at once: 4 MB of float64


class BlockPlan:
    """Which rows of a table are in which block, and which of them validate.

    Blocks are ranges of rows in the order of the file, of sizes that differ by at most one row. Of n rows,
    round(n * fraction) validate, from each block its share; which, is chosen by PCG64 seeded by (seed, number of the
    block), and not stratified by class.

    Parameters
    ----------
    n_rows : int
    row_bytes : int
        Of a row's samples.
    validation : share of the rows that is kept apart, or None
    seed : of that choice

    Raises
    ------
    InputError
        The share leaves no training or no validation row.
    """

    def __init__(self, n_rows: int, row_bytes: int, validation: float | None, seed: int) -> None:
        self.n_blocks = -(-n_rows // max(1, BLOCK_BYTES // row_bytes))
        edges = [i * n_rows // self.n_blocks for i in range(self.n_blocks + 1)]
        self.ranges = list(itertools.pairwise(edges))
        self._seed = seed
        self.n_validation = 0 if validation is None else count_validation(n_rows, validation, seed)
        validating = [round(edge * (validation or 0.0)) for edge in edges]
        self._shares = [last - first for first, last in itertools.pairwise(validating)]
        self.sizes = [last - first - share for (first, last), share in zip(self.ranges, self._shares, strict=True)]

    def validates(self, block: int) -> npt.NDArray[np.bool_]:
        """Return for each row of a block whether it validates."""
        first, last = self.ranges[block]
        mask = np.zeros(last - first, dtype=bool)
        if self._shares[block]:
            generator = np.random.Generator(np.random.PCG64((self._seed, block)))
            mask[generator.permutation(last - first)[: self._shares[block]]] = True
        return mask


def rows_of_block(table: Table, plan: BlockPlan, block: int, *, validating: bool) -> Iterator[Rows]:
    """Yield the rows of a block that validate, or the others, as many at a time as are read at once."""
    assert table.read_rows is not None
    start, end = plan.ranges[block]
    wanted = plan.validates(block) == validating
    step = max(1, READ_CELLS // len(table.columns))
    for first in range(start, end, step):
        last = min(first + step, end)
        inside = wanted[first - start : last - start]
        if inside.any():
            X, y = table.read_rows(first, last)
            yield (X, y) if inside.all() else (X[inside], y[inside])


def streamed_training_rows(table: Table, plan: BlockPlan) -> Iterator[Rows]:
    """Yield the training rows of all blocks, as many at a time as a core's own cache can hold."""
    for block in range(plan.n_blocks):
        for X, y in rows_of_block(table, plan, block, validating=False):
            yield from cached_blocks(X, y)


class Stream:
    """The training samples of a table, block by block.

    Parameters
    ----------
    table : Table
        With random access.
    plan : BlockPlan
    coding : Coding

    Attributes
    ----------
    n_blocks : int
    sizes : list of int
        Training rows in each block.
    """

    def __init__(self, table: Table, plan: BlockPlan, coding: Coding) -> None:
        self._table, self._plan, self._coding = table, plan, coding
        self.n_blocks, self.sizes = plan.n_blocks, plan.sizes

    def samples(self, block: int) -> Samples:
        """Read the training rows of a block, in the order of the file, as samples; blocks may come in any order.

        Raises
        ------
        InputError
            The file cannot be read any more, or no longer holds what it did.
        """
        samples, place = self._coding.room(self.sizes[block]), 0
        for X, y in rows_of_block(self._table, self._plan, block, validating=False):
            place = self._coding.fill(samples, place, X, y)
        return samples

    def validation(self) -> Samples | None:
        """Read the validation rows of all blocks; None where there are none."""
        if not self._plan.n_validation:
            return None
        samples, place = self._coding.room(self._plan.n_validation), 0
        for block in range(self.n_blocks):
            for X, y in rows_of_block(self._table, self._plan, block, validating=True):
                place = self._coding.fill(samples, place, X, y)
        return samples
