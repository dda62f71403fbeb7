"""scikit-learn's `MLPRegressor`, set to plain full-batch gradient descent.

Its outputs have no activation, so a step of it is a little less work than the others' and leads elsewhere; the gradient
is that of ``1/(2N) sum (y - z)**2``. It is checked against a reference with the same outputs.
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from bench.problem import Problem


class ScikitLearnTraining:
    """A regressor that continues from its last parameters at each `fit`."""

    def __init__(self, problem: Problem) -> None:
        self.x = problem.x
        self.y = problem.y[:, 0] if problem.y.shape[1] == 1 else problem.y  # a single output is one-dimensional here
        self.regressor = MLPRegressor(
            hidden_layer_sizes=problem.layer_sizes[1:-1],
            activation="logistic",
            solver="sgd",
            alpha=0.0,
            batch_size=len(problem.x),
            learning_rate_init=problem.learning_rate,
            max_iter=1,
            shuffle=False,
            tol=0.0,
            n_iter_no_change=1 << 40,
            momentum=0.0,
            nesterovs_momentum=False,
            warm_start=True,
        )
        self.advance(1)  # makes the arrays that the given parameters then go to
        for array, given in zip(self.regressor.coefs_, problem.weights, strict=True):
            array[...] = given
        for array, given in zip(self.regressor.intercepts_, problem.biases, strict=True):
            array[...] = given

    def advance(self, steps: int) -> None:
        """Take steps."""
        self.regressor.max_iter = steps
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it is not asked to converge
            self.regressor.fit(self.x, self.y)

    def parameters(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return weights and biases."""
        return self.regressor.coefs_, self.regressor.intercepts_
