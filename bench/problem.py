"""What every contender is given: a network's first parameters, data, and a learning rate.

The numbers depend on the shape alone, so that processes that share nothing start alike. Imports no contender.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from bench.shapes import TrainingShape

# So small that 1e5 steps leave the outputs far from saturation, where other code paths and subnormal numbers wait.
TIMED_LEARNING_RATE = 1e-3
# So large that an error of the gradient is not lost in the rounding of the updated parameter.
CHECKED_LEARNING_RATE = 1.0
# Inputs of a row that are not zero in a checked step. Bounds grow with the terms of a sum and with those of the sum
# after it; with all 784 inputs they would exceed the step that they are to check.
CHECKED_INPUTS = 16


@dataclass(frozen=True)
class Problem:
    """Full-batch gradient descent on ``1/(2N) sum (y - h)**2`` from given parameters; arrays are of one dtype.

    Attributes
    ----------
    weights : list of ndarray (n_in, n_out)
    biases : list of ndarray (n_out,)
    x : ndarray (n_samples, n_features)
    y : ndarray (n_samples, n_outputs)
    learning_rate : float
    """

    weights: list[np.ndarray]
    biases: list[np.ndarray]
    x: np.ndarray
    y: np.ndarray
    learning_rate: float

    @property
    def layer_sizes(self) -> list[int]:
        """Inputs, units of each hidden layer, outputs."""
        return [self.x.shape[1], *(weight.shape[1] for weight in self.weights)]


def timed_problem(shape: TrainingShape, dtype: str) -> Problem:
    """Return normal inputs, targets 0 and 1 (one-hot of random classes), random weights, and biases that are not 0."""
    generator = np.random.default_rng(0)
    n_in, n_out = shape.layer_sizes[0], shape.layer_sizes[-1]
    x = generator.standard_normal((shape.batch, n_in)).astype(dtype)
    classes = generator.integers(max(n_out, 2), size=(shape.batch, 1))
    weights = [generator.standard_normal(sizes) / np.sqrt(sizes[0]) for sizes in pairwise(shape.layer_sizes)]
    biases = [generator.uniform(-1, 1, size) for size in shape.layer_sizes[1:]]
    return Problem(
        [weight.astype(dtype) for weight in weights],
        [bias.astype(dtype) for bias in biases],
        x,
        (classes == np.arange(n_out)).astype(dtype),
        TIMED_LEARNING_RATE,
    )


def checked_problem(shape: TrainingShape, dtype: str) -> Problem:
    """Return the same with few inputs in each row, others in each so that all are used, and a large learning rate."""
    problem = timed_problem(shape, dtype)
    rows, columns = np.indices(problem.x.shape)
    used = (rows + columns) % max(1, problem.x.shape[1] // CHECKED_INPUTS) == 0
    return replace(problem, x=np.where(used, problem.x, 0), learning_rate=CHECKED_LEARNING_RATE)
