"""What a peer offers: a function that starts a training, and a training that can be advanced.

The training is full-batch gradient descent on ``1/(2N) sum (y - h)**2`` with sigmoid layers and biases, in the dtype of
the problem, on one thread. Each step computes its loss, which nothing needs but which a program wants to see: all peers
do the same work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from bench.problem import Problem


class Training(Protocol):
    """A training under way; what it needs was allocated when it was started, and compiled at its first step."""

    def advance(self, steps: int) -> object:
        """Take at least one step; return when the last is done. What is returned is not looked at."""

    def parameters(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the weights (n_in, n_out) and the biases (n_out,) as they are; no biases where there are none."""


Start = Callable[[Problem], Training]
