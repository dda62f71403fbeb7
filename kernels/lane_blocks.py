"""Which networks are computed with samples in lanes, and how large their blocks are; see `samples_in_lanes`.

The choice is by the cycles that a step is expected to take either way, without what both ways do alike. The estimates
follow the loops of `lane_kernels` and `gemm`; the rates were fitted to a Zen 5 with AVX-512. From 2-16-2 to 400-400-1
they choose the quicker way wherever the two differ by more than 3 %.
"""

from __future__ import annotations

from itertools import pairwise

from kernels.blocking import MR, NV, VECTOR_BYTES
from kernels.lane_kernels import BLOCK_VECTORS, COLUMNS, GRADIENT_SUMS, MOST_WHOLE_COLUMNS, ROWS
from kernels.losses import LOSSES_IN_LANES
from kernels.structs import Network

# Multiply-adds of vectors per cycle; cycles for adding up the lanes of a sum, for entering a tile, for writing a vector
# of an input gradient, and for a layer's calls.
FMAS_PER_CYCLE = 1.8
CYCLES_PER_SUM, CYCLES_PER_TILE, CYCLES_PER_DELTA = 2.5, 60, 4
CYCLES_PER_LAYER_IN_LANES, CYCLES_PER_LAYER_IN_ROWS = 150, 900


def suits_lanes(network: Network, batch_size: int, itemsize: int) -> bool:
    """Tell whether steps of so many samples are expected to take fewer cycles with samples in lanes than in rows."""
    if network.loss not in LOSSES_IN_LANES:
        return False
    sizes, length = [int(size) for size in network.sizes], VECTOR_BYTES // itemsize
    return cycles_in_lanes(sizes, batch_size, length) < cycles_in_rows(sizes, batch_size, length)


def cycles_in_lanes(sizes: list[int], batch_size: int, length: int) -> float:
    """Estimate a step with samples in lanes, for vectors of so many elements."""
    vectors = -(-batch_size // length)
    multiplied = vectors if vectors == 1 else _up(vectors, BLOCK_VECTORS)
    cycles = 0.0
    for layer, (n_in, n_out) in enumerate(pairwise(sizes)):
        products = _up(n_out, ROWS if n_out > 2 else 2) * (n_in + 1) + (_up(n_in, ROWS) * n_out if layer else 0)
        sums = (n_in + 1) * n_out if n_out <= MOST_WHOLE_COLUMNS else _up(n_in + 1, 2) * _up(n_out, COLUMNS)
        cycles += (multiplied * products + vectors * sums) / FMAS_PER_CYCLE
        cycles += CYCLES_PER_SUM * sums + CYCLES_PER_LAYER_IN_LANES
    return cycles


def cycles_in_rows(sizes: list[int], batch_size: int, length: int) -> float:
    """Estimate a step with samples in rows, for vectors of so many elements."""
    tiles_of_samples, cycles = -(-batch_size // MR), 0.0
    for layer, (n_in, n_out) in enumerate(pairwise(sizes)):
        vectors_in, vectors_out = -(-n_in // length), -(-n_out // length)
        fmas = 2 * batch_size * n_in * vectors_out
        tiles = (tiles_of_samples + -(-n_in // MR)) * -(-vectors_out // NV)
        if layer:
            fmas += batch_size * n_out * vectors_in
            tiles += tiles_of_samples * -(-vectors_in // NV)
            cycles += CYCLES_PER_DELTA * batch_size * vectors_in
        cycles += fmas / FMAS_PER_CYCLE + CYCLES_PER_TILE * tiles + CYCLES_PER_LAYER_IN_ROWS
    return cycles


def _up(n: int, step: int) -> int:
    return -(-n // step) * step


def lanes_size(batch_size: int, widths: list[int], itemsize: int) -> int:
    """Return how many elements features of these widths take in blocks, a row of ones for each width included."""
    block = samples_in_block(itemsize)
    return -(-batch_size // block) * (sum(widths) + len(widths)) * block


def samples_in_block(itemsize: int) -> int:
    """Return how many samples a block holds."""
    return BLOCK_VECTORS * VECTOR_BYTES // itemsize


def slack(itemsize: int) -> int:
    """Return how many elements behind the last array a gradient's tile may read, and write as they were."""
    return GRADIENT_SUMS * samples_in_block(itemsize)
