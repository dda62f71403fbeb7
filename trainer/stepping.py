"""Training by steps, where there are no epochs: how many are taken in a call, and which of them are recorded.

The steps themselves are `run.Run`'s, which stands at step 0 and has one step to a period.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trainer.history import History
from trainer.run import Run

MAX_RECORDS = 1000
STEPS_PER_CALL = 1 << 16


def record_interval(steps: int) -> int:
    """Return every how many steps one is recorded, for at most `MAX_RECORDS` of so many."""
    return -(-steps // MAX_RECORDS)


def take_steps(run: Run, steps: int, rates: Callable[[np.ndarray], np.ndarray], every: int) -> History:
    """Take steps to the last, or to the first number that is not finite.

    Parameters
    ----------
    run : Run
        Records every so many steps as `every` says.
    steps : int
    rates : function of the numbers of steps
        Returns the learning rate of each.
    every : int

    Returns
    -------
    History
        Columns step (from 0), loss, mean_abs_error and gradient_norm.

    Raises
    ------
    DivergenceError
        A number was not finite.
    """
    history = History(("step", "loss", "mean_abs_error", "gradient_norm"))
    while run.period < steps:
        numbers = np.arange(run.period, min(steps, run.period + STEPS_PER_CALL))
        table = run.advance(rates(numbers))
        history.append(
            step=numbers[numbers % every == 0],
            loss=table[:, 0],
            mean_abs_error=table[:, 1],
            gradient_norm=table[:, 2],
        )
    return history
