"""The shuffle of NumPy's `RandomState`, compiled: the same numbers of the Mersenne Twister lead to the same order.

The generator is MT19937 (Matsumoto and Nishimura, 1998). An index of at most `last` is as many low bits of a number as
`last` has, drawn anew while it is too large. Half of the draws are in vain, which no processor foresees: so a draw in
vain exchanges an element with itself instead of being skipped, which halves the time.
"""

from __future__ import annotations

import numpy as np

from kernels._jit import called, entry_point, inlined

# Words of the state, and how far apart those are that a new one is made of.
WORDS, MIDDLE = 624, 397
TWIST, UPPER_BIT, LOWER_BITS = 0x9908B0DF, 0x80000000, 0x7FFFFFFF


@inlined
def _twisted(words: np.ndarray, i: int, following: int, ahead: int) -> np.uint32:
    bits = (words[i] & np.uint32(UPPER_BIT)) | (words[following] & np.uint32(LOWER_BITS))
    twist = (np.uint32(0) - (bits & np.uint32(1))) & np.uint32(TWIST)
    return words[ahead] ^ (bits >> np.uint32(1)) ^ twist


@inlined
def _tempered(bits: np.uint32) -> np.uint32:
    bits ^= bits >> np.uint32(11)
    bits ^= (bits << np.uint32(7)) & np.uint32(0x9D2C5680)
    bits ^= (bits << np.uint32(15)) & np.uint32(0xEFC60000)
    return bits ^ (bits >> np.uint32(18))


@called
def _renew(words: np.ndarray) -> None:
    """Make the next state of all words."""
    for i in range(WORDS - MIDDLE):
        words[i] = _twisted(words, i, i + 1, i + MIDDLE)
    for i in range(WORDS - MIDDLE, WORDS - 1):
        words[i] = _twisted(words, i, i + 1, i + MIDDLE - WORDS)
    words[WORDS - 1] = _twisted(words, WORDS - 1, 0, MIDDLE - 1)


@called
def _temper(words: np.ndarray, numbers: np.ndarray) -> None:
    for i in range(WORDS):
        numbers[i] = _tempered(words[i])


@inlined
def _ones(n: int) -> int:
    """Return the smallest number with nothing but ones in binary that is at least n, which is below 2**32."""
    for distance in (1, 2, 4, 8, 16):
        n |= n >> distance
    return n


@entry_point
def shuffle_each(before: np.ndarray, orders: np.ndarray, words: np.ndarray, drawn: int) -> int:
    """Write orders, each what `RandomState.shuffle` makes of the one before.

    Parameters
    ----------
    before : int64 (n,)
        What the first is made of; n is at most 2**32.
    orders : int64 (n_epochs, n)
    words : uint32 (624,)
        The generator's key, changed in place.
    drawn : int
        How many of its numbers have been drawn.

    Returns
    -------
    drawn : int
        Likewise, afterwards.
    """
    numbers = np.empty(WORDS, np.int64)
    _temper(words, numbers)
    for epoch in range(orders.shape[0]):
        order, last = orders[epoch], before.size - 1
        order[:] = before
        before = order
        while last > 0:
            if drawn == WORDS:
                _renew(words)
                _temper(words, numbers)
                drawn = 0
            ones = _ones(last)
            # So many draws are of as many bits: even if each is accepted, `last` does not come to where one less do.
            n_draws = min(WORDS - drawn, last - (ones >> 1))
            for i in range(drawn, drawn + n_draws):
                draw = numbers[i] & ones
                accepted = draw <= last
                chosen = draw if accepted else last
                order[last], order[chosen] = order[chosen], order[last]
                last -= 1 if accepted else 0
            drawn += n_draws
    return drawn
