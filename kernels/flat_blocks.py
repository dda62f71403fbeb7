"""Loops over flat blocks of elements: whole vectors, which need no masks, and then what is left.

A masked store takes tens of cycles on processors without AVX-512. What is done with each vector is left to the callers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels._jit import inlined
from kernels.simd import lanes, load, load_first, splat, sum_lanes
from kernels.tiles import tile

SUMS = 4  # that are added to in turn, so that none waits for the one before


@inlined
def for_each_vector(step: Any, n: int, block: Any, arguments: Any) -> None:
    """Call ``step(i, n_lanes, block, *arguments)`` for the vectors that begin at each i of n elements.

    `n_lanes` is a constant but for the last call, where it may be 0: with it `load_first` and `store_first` are plain
    loads and stores.
    """
    VL = lanes(block)
    whole = n // VL * VL
    for i in range(0, whole, VL):
        step(i, VL, block, *arguments)
    step(whole, n - whole, block, *arguments)


@inlined
def sum_of(function: Any, n: int, block: Any) -> float:
    """Return the sum of ``function(vector, sum)``, which adds to the sum, over n elements at a pointer."""
    VL, sums = lanes(block), tile(block, 1, SUMS)
    whole = n // (SUMS * VL) * (SUMS * VL)
    for i in range(0, whole, SUMS * VL):
        for t in range(SUMS):
            sums[0, t] = function(load(block, i + t * VL), sums[0, t])
    total = splat(block, 0.0)
    for t in range(SUMS):
        total = total + sums[0, t]
    for i in range(whole, n, VL):
        total = function(load_first(block, i, n - i, 0.0), total)
    return np.float64(sum_lanes(total))
