"""This project, as a program uses it: `trainer.MLP` and its runs, on both of its backends.

The NumPy backend is also what a careful author makes of NumPy: everything preallocated and written with ``out=``.
"""

from __future__ import annotations

import numpy as np

from bench.problem import Problem
from trainer import MLP
from trainer.terms import objective

# More steps than any training here takes: only the first is recorded, which happens before anything is timed.
NEVER_AGAIN = 1 << 60


class OwnTraining:
    """A run of `trainer.MLP`."""

    def __init__(self, problem: Problem, backend: str, threads: int = 1) -> None:
        self.model = MLP(problem.layer_sizes, dtype=problem.x.dtype, backend=backend, random_state=0, threads=threads)
        self.model.weights, self.model.biases = problem.weights, problem.biases
        self.run = self.model.start_run(problem.x, problem.y, terms=objective(), record_every=NEVER_AGAIN)
        self.learning_rate = problem.learning_rate

    def advance(self, steps: int) -> np.ndarray:
        """Take steps; return the records made."""
        return self.run.advance(np.full(steps, self.learning_rate))

    def parameters(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return weights and biases."""
        return self.model.weights, self.model.biases


def start_numba(problem: Problem) -> OwnTraining:
    """Start the compiled loops."""
    return OwnTraining(problem, "numba")


def start_numpy(problem: Problem) -> OwnTraining:
    """Start the NumPy backend."""
    return OwnTraining(problem, "numpy")
