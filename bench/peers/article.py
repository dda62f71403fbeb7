"""The article's program: its arithmetic, operation by operation, in float64, allocating as it does.

https://github.com/omar-florez/scratch_mlp. Each epoch selects the rows by an index, computes class probabilities that
nothing uses, the loss with its penalty, and the summed gradient, to every entry of which it adds the scalar
``penalty * sum(w**2)``. There are no biases. Then it predicts all rows for the accuracy, which can be left out here;
printing and plotting are.
"""

from __future__ import annotations

import numpy as np

from bench.problem import Problem


def sigmoid(z: np.ndarray, first_derivative: bool = False) -> np.ndarray:
    """Return the sigmoid of z, or its derivative where z is a sigmoid already."""
    if first_derivative:
        return z * (1.0 - z)
    return 1.0 / (1.0 + np.exp(-z))


def softmax(z: np.ndarray) -> np.ndarray:
    """Return ``exp(z)`` over its sum, row by row."""
    return np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)


def predicted_classes(x: np.ndarray, w1: np.ndarray, w2: np.ndarray) -> np.ndarray:
    """Return the class of each row of x, found by way of probabilities."""
    hidden = sigmoid(np.matmul(x, w1))
    return np.argmax(softmax(np.matmul(hidden, w2)), axis=1)


class ArticleProgram:
    """The article's training loop, stopped and continued at will.

    Parameters
    ----------
    x, y : ndarray (n_samples, 2)
        All rows, for the accuracy.
    w1, w2 : float64 (2, n_hidden) and (n_hidden, 2)
        First weights.
    rows : int
        The leading rows, which are trained on.
    learning_rate, penalty : float
        The article has 1e-3 and 1e-4.
    """

    def __init__(
        self,
        x: np.ndarray,
        y: np.ndarray,
        w1: np.ndarray,
        w2: np.ndarray,
        *,
        rows: int,
        learning_rate: float,
        penalty: float,
    ) -> None:
        self.x, self.y, self.w1, self.w2 = x, y.astype(np.int64), w1.copy(), w2.copy()
        self.rows, self.learning_rate, self.penalty = rows, learning_rate, penalty
        self.losses: list[list[float]] = []
        self.accuracies: list[list[float]] = []

    def run(self, epochs: int, *, accuracy: bool) -> None:
        """Train, adding to `losses` and, where asked for, to `accuracies`, pairs of epoch and value."""
        x, y, w1, w2, n, penalty = self.x, self.y, self.w1, self.w2, self.rows, self.penalty
        for epoch in range(epochs):
            index = np.arange(x.shape[0])[:n]
            hidden = sigmoid(np.matmul(x[index], w1))
            outputs = sigmoid(np.matmul(hidden, w2))
            softmax(outputs)
            squares = np.square(w1).sum() + np.square(w2).sum()
            self.losses.append([epoch, np.square(y[index] - outputs).sum() / (2 * n) + penalty * squares / (2 * n)])

            residual = -(y[index] - outputs)
            slope = sigmoid(outputs, first_derivative=True)
            d_w2 = hidden.T.dot(residual * slope) + penalty * np.square(w2).sum()
            d_hidden = (residual * slope).dot(w2.T)
            hidden_slope = sigmoid(hidden, first_derivative=True)
            d_w1 = x[index].T.dot(d_hidden * hidden_slope) + penalty * np.square(w1).sum()
            w2 += -self.learning_rate * d_w2
            w1 += -self.learning_rate * d_w1

            if accuracy:
                found, right = predicted_classes(x, w1, w2), np.argmax(y, axis=1)
                self.accuracies.append([epoch, np.sum(np.equal(found, right)) / len(right)])


class ArticleTraining:
    """The article's loop on a problem, without accuracies; its biases are left out."""

    def __init__(self, problem: Problem) -> None:
        rows = len(problem.x)
        w1, w2 = problem.weights
        # The program takes the gradient of the sum over the rows, so that its learning rate is that much smaller.
        rate = problem.learning_rate / rows
        self.program = ArticleProgram(problem.x, problem.y, w1, w2, rows=rows, learning_rate=rate, penalty=0.0)

    def advance(self, steps: int) -> None:
        """Take steps; the losses of one call are kept."""
        self.program.losses.clear()
        self.program.run(steps, accuracy=False)

    def parameters(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the weights."""
        return [self.program.w1, self.program.w2], []
