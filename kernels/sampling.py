"""The order of the samples: one shuffle, the same bits for every backend.

The generator is SplitMix64 (Steele, Lea and Flood, 2014): its whole state is one 64-bit number, kept by the caller.
"""

from __future__ import annotations

import numpy as np

from kernels._jit import called, entry_point, inlined

# What SplitMix64 adds to its state for each number.
SPLITMIX_STEP = 0x9E3779B97F4A7C15


def mix(bits: np.uint64) -> np.uint64:
    """Return 64 bits that look random for each of a sequence of states: SplitMix64's output function."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


mixed = inlined(mix)


@called
def _next_random(state: np.ndarray) -> np.uint64:
    """Advance the state (uint64, one element) and return 64 random bits."""
    state[0] += np.uint64(SPLITMIX_STEP)
    return mixed(state[0])


@called
def shuffle(order: np.ndarray, state: np.ndarray) -> None:
    """Shuffle `order` (int64) in place by Fisher and Yates, advancing the generator's state.

    An index below n is the high half of (upper 32 random bits) * n (Lemire, 2019), without rejection: the bias is below
    n / 2**32.
    """
    for last in range(order.size - 1, 0, -1):
        high_bits = _next_random(state) >> np.uint64(32)
        chosen = np.int64((high_bits * np.uint64(last + 1)) >> np.uint64(32))
        order[last], order[chosen] = order[chosen], order[last]


@entry_point
def shuffle_inplace(order: np.ndarray, state: np.ndarray) -> None:
    """Shuffle `order` (int64) in place, advancing the generator's state (uint64, one element)."""
    shuffle(order, state)
