"""How many steps a call of compiled code takes, so that the clock is looked at several times a second, and not more."""

from __future__ import annotations

# Compiled code runs about this long between two looks at the clock.
SECONDS_PER_CALL = 0.1
MAX_STEPS_PER_CALL = 1 << 24
# The first calls tell how long a step takes; each may have so many times the steps of the one before.
GROWTH = 4


class Pace:
    """The number of steps that fill the time between two looks at the clock.

    Attributes
    ----------
    n_steps : int
        Of the next call.
    """

    def __init__(self) -> None:
        self.n_steps = 1

    def learn(self, n_steps: int, seconds: float) -> None:
        """Take note of how long a call of `n_steps` steps took."""
        fitting = int(n_steps * SECONDS_PER_CALL / max(seconds, 1e-6))
        self.n_steps = max(1, min(fitting, GROWTH * max(n_steps, self.n_steps), MAX_STEPS_PER_CALL))
