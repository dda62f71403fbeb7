"""The solver lbfgs: SciPy's L-BFGS-B on the loss and gradient of all rows.

It computes in float64 whatever the dtype of the network: line searches compare losses that differ in their last digits.
"""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from sklearn.exceptions import ConvergenceWarning

from trainer.estimators.arguments import objective
from trainer.estimators.rows import Rows
from trainer.estimators.tasks import FitTasks
from trainer.model import MLP

# SciPy's status where a callback has stopped the iterations.
STOPPED = 99


def fit_quasi_newton(estimator: Any, rows: Rows, tasks: FitTasks) -> None:
    """Minimise the loss over all rows, from the weights that the estimator's network has."""
    mlp: MLP = estimator._mlp
    precise = copy.copy(mlp)
    precise.dtype, precise.parameters = np.dtype(np.float64), mlp.parameters.astype(np.float64)
    function = precise.loss_function(rows.X, rows.Y, terms=objective(estimator), sample_weight=rows.weights)

    def loss_and_gradient(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = function(parameters)
        return loss, gradient.copy()

    def end_iteration(intermediate_result: OptimizeResult) -> None:
        estimator.n_iter_ += 1
        mlp.parameters[:] = intermediate_result.x
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {intermediate_result.fun:.8f}")
        tasks.begin_epoch()  # only now is it known that there is one more
        if tasks.end_epoch():
            raise StopIteration

    estimator.n_iter_ = 0

    result = minimize(
        loss_and_gradient,
        precise.parameters,
        method="L-BFGS-B",
        jac=True,
        callback=end_iteration,
        options={"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol},
    )
    estimator.n_iter_ = min(result.nit, estimator.max_iter)
    estimator.loss_ = result.fun
    mlp.parameters[:] = result.x
    if result.status not in (0, STOPPED):
        warnings.warn(
            f"lbfgs failed to converge after {estimator.n_iter_} iteration(s) (status={result.status}):\n"
            f"{result.message}\n\nIncrease the number of iterations to improve the convergence "
            f"(max_iter={estimator.max_iter}), or scale the data.",
            ConvergenceWarning,
            stacklevel=4,
        )
