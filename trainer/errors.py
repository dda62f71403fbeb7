"""What a user can mend: input that cannot be used, and a training that left the finite numbers.

The command line turns the first into one line and exit status 2, the second into a diagnosis and exit status 3.
Everything else that is raised is a defect of the program and keeps its traceback.
"""

from __future__ import annotations

import numpy as np


class InputError(ValueError):
    """A value, file or table given by the user cannot be used.

    It is a `ValueError` in Python. The message is one line: what was given, where, and what is accepted.
    """


class DivergenceError(ArithmeticError):
    """Training met a number that is not finite and was stopped before it.

    Attributes
    ----------
    period : int
        Number of the epoch (of the step, where steps are counted) that could not be completed.
    gradient_norm : float
        Global norm of the last gradient, which may be infinite or not a number.
    table : float64 (n, len(RECORD_COLUMNS))
        Records made since the last call that succeeded.
    """

    def __init__(self, period: int, gradient_norm: float, table: np.ndarray) -> None:
        super().__init__(f"training left the finite numbers at {period}: the gradient norm is {gradient_norm:.3g}")
        self.period = period
        self.gradient_norm = gradient_norm
        self.table = table
