"""The processor's FMA peak: the most floating-point operations per second that a loop of this process can do.

The loop holds as many independent chains of fused multiply-adds as the register tile of the matrix product has
accumulators: 12 or more, enough for two units with a latency of 4 or 5 cycles. A chain ``acc = acc * x + y`` with
x = 1/2 and y = 1 tends to 2 and reaches it exactly, so the sum of all lanes tells that the work was done. Each chain
has another start, read from memory: chains that are alike a compiler may compute once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import no_type_check

import numpy as np

from kernels._jit import entry_point
from kernels.blocking import MR, NV, VECTOR_BYTES
from kernels.simd import address, broadcast, fma, splat, sum_lanes
from kernels.tiles import tile

CHAINS = MR * NV
STEPS = 1 << 21  # 4 to 20 ms
ROUNDS = 5

# Takes an array (2 + CHAINS,) of x, y and the starts, and a number of steps; returns the sum of all lanes.
FmaLoop = Callable[[np.ndarray, int], float]


@entry_point
@no_type_check  # the body is numba's: intrinsics take other arguments than their definitions
def fma_loop(numbers: np.ndarray, steps: int) -> float:
    """Take `steps` steps in each chain and return the sum of all lanes."""
    pointer = address(numbers, 0)
    x, y = broadcast(pointer, 0), broadcast(pointer, 1)
    acc = tile(pointer, MR, NV)
    for i in range(MR):
        for j in range(NV):
            acc[i, j] = broadcast(pointer, 2 + i * NV + j)
    for _ in range(steps):
        for i in range(MR):
            for j in range(NV):
                acc[i, j] = fma(acc[i, j], x, y)
    total = splat(pointer, 0.0)
    for i in range(MR):
        for j in range(NV):
            total = total + acc[i, j]
    return sum_lanes(total)


def fma_peak(dtype: str, threads: int = 1) -> float:
    """Measure the peak, briefly: the clock drifts over minutes, so that each timing wants a peak of its own.

    Parameters
    ----------
    dtype : {"float32", "float64"}
        Element type.
    threads : int
        How many threads run the loop at once; their operations are added.

    Returns
    -------
    float
        Operations per second, two for each multiply-add; the best of `ROUNDS` measurements, as what disturbs them can
        only make them slower.
    """
    rates(fma_loop, dtype, threads, rounds=1)  # compiles
    return max(rates(fma_loop, dtype, threads, ROUNDS))


def rates(loop: FmaLoop, dtype: str, threads: int, rounds: int) -> list[float]:
    """Time a loop of `CHAINS` chains of vectors of `VECTOR_BYTES`; return each round's operations per second.

    Raises
    ------
    ArithmeticError
        The loop did not compute what it was to compute.
    """
    numbers = np.array([0.5, 1.0, *np.linspace(0.0, 1.9, CHAINS)], dtype)
    elements = CHAINS * VECTOR_BYTES // numbers.itemsize
    measured = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(rounds):
            start = time.perf_counter()
            sums = list(pool.map(loop, [numbers] * threads, [STEPS] * threads))
            seconds = time.perf_counter() - start
            if sums != [2.0 * elements] * threads:
                raise ArithmeticError(f"sums of the chains: {sums} computed, {2.0 * elements} is right")
            measured.append(2.0 * elements * STEPS * threads / seconds)
    return measured
