"""Threads that run the same compiled function together: who does which part, and waiting for each other.

Every thread runs the same steps on the same arrays and does its share of each. What is shared out is what is written:
columns or rows of a result, never the terms of a sum. So each number is computed in the same order of operations
whatever the number of threads, and the bits are the same. Where a part that others have written is needed, all
threads `meet`. Starting threads is left to the caller.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kernels._jit import inlined
from kernels.atomics import increment, pause, read, yield_processor
from kernels.simd import get, put

# Looks at the counter before a thread lets others have its processor, for the case that threads outnumber processors.
PATIENCE = 2000


class Team(NamedTuple):
    """One thread's view of its team.

    rank, size : which thread this is, and of how many.
    arrivals : pointer to int64, how often any thread of the team has come to a meeting.
    meetings : pointer to int64, this thread's own count of meetings.
    """

    rank: int
    size: int
    arrivals: Any
    meetings: Any


@inlined
def meet(team: Team) -> None:
    """Wait until every thread of the team has come here."""
    if team.size > 1:
        due = get(team.meetings, 0) + team.size
        put(team.meetings, 0, due)
        increment(team.arrivals)
        looks = 0
        while read(team.arrivals) < due:
            looks += 1
            if looks < PATIENCE:
                pause()
            else:
                yield_processor()


@inlined
def share(n: int, step: int, team: Team) -> tuple[int, int]:
    """Return where this thread's part of n items begins and ends; parts begin at multiples of `step`."""
    n_steps = (n + step - 1) // step
    first = n_steps * team.rank // team.size * step
    last = n_steps * (team.rank + 1) // team.size * step
    return min(first, n), min(last, n)
