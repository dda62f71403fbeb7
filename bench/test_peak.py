"""The measured FMA peak is that of the processor, not of a compiler's mood."""

from __future__ import annotations

import pytest

from bench.c_peak import c_fma_loop
from bench.peak import fma_loop, rates

# Each loop's best of many rounds, taken in turn, leaves noise of a few per cent. A loop that spills or that is not
# vectorised loses half and more.
TOLERANCE = 0.1
ROUNDS = 20


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_peak_agrees_with_the_same_loop_in_c(name: str, threads: int) -> None:
    loop = c_fma_loop(name)
    if loop is None:
        pytest.skip("no gcc here")
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours += rates(fma_loop, name, threads, rounds=1)
        theirs += rates(loop, name, threads, rounds=1)
    assert max(ours) == pytest.approx(max(theirs), rel=TOLERANCE)
