"""Which networks are computed with samples in lanes, and how large their blocks are; see `samples_in_lanes`."""

from __future__ import annotations

from kernels.blocking import VECTOR_BYTES
from kernels.lane_kernels import BLOCK_VECTORS, GRADIENT_SUMS
from kernels.structs import Network

# Wider layers fill the lanes with their outputs, and a product of large matrices is better off in tiles of `gemm`.
MAX_WIDTH = 256
MAX_WEIGHTS = 32 * 256


def suits_lanes(network: Network) -> bool:
    """Tell whether a network is small enough."""
    if network.sizes.max() > MAX_WIDTH:
        return False
    return bool((network.sizes[:-1] * network.sizes[1:]).max() <= MAX_WEIGHTS)


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
