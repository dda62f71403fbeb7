"""Epochs of the stochastic solvers, with scikit-learn's rules for orders, rates and stopping.

The steps themselves are `run.Run`'s. As many epochs are taken in one call of compiled code as cannot change what
happens next: the rule that stops training needs `n_iter_no_change` epochs without improvement, so that many can pass
unseen. Where something looks at every epoch (a validation score, a callback, `verbose`) each is a call of its own.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from kernels.structs import RECORD_COLUMNS
from trainer.estimators.arguments import objective, optimizer
from trainer.estimators.orders import Orders
from trainer.estimators.rates import Rates, scheduled_factors
from trainer.estimators.rows import Rows
from trainer.estimators.stagnation import Stagnation
from trainer.estimators.tasks import FitTasks
from trainer.run import Run

DEFAULT_BATCH = 200
EVAL_LOSS = RECORD_COLUMNS.index("eval_loss")

# Compiled code runs about this long between two looks at the keyboard.
SECONDS_PER_CALL = 0.2


def forget_progress(estimator: Any) -> None:
    """Set all that is known about the course of training to what it is before the first epoch."""
    estimator._optimizer = estimator._rates = None
    estimator._best_parameters = estimator._mlp.parameters.copy()
    estimator._stagnation = Stagnation(estimator.tol, estimator.n_iter_no_change)
    estimator.loss_curve_, estimator.validation_loss_curve_ = [], []
    early = estimator.early_stopping
    estimator.validation_scores_ = [] if early else None
    estimator.best_validation_score_ = -np.inf if early else None
    estimator.best_loss_ = None if early else np.inf


def fit_stochastic(estimator: Any, rows: Rows, watched: Rows | None, tasks: FitTasks, *, incremental: bool) -> None:
    """Train the estimator's network: one epoch if `incremental`, else until it stagnates or `max_iter` is reached.

    Parameters
    ----------
    estimator : BaseMLP
        Its attributes tell of the course of training afterwards.
    rows : Rows
        A part of them is held out where the estimator stops early and nothing is given to watch.
    watched : Rows or None
        Their loss after each epoch is recorded, and early stopping goes by their score.
    tasks : FitTasks
        Told of each epoch.
    """
    early, held_out = estimator.early_stopping, watched
    if early and watched is None:
        if incremental:
            raise ValueError("partial_fit does not support early_stopping=True without validation_data")
        rows, held_out = _hold_out(estimator, rows)
    stagnation: Stagnation = estimator._stagnation
    stagnation.tol, stagnation.patience = estimator.tol, estimator.n_iter_no_change
    if incremental and early and stagnation.reached:
        return
    run = _start_run(estimator, rows, watched, incremental=incremental)
    generator = estimator._random_state if estimator.shuffle else None
    orders = Orders(len(rows.X), generator)
    estimator.n_iter_ = 0
    try:
        _take_epochs(estimator, run, orders, held_out if early else None, watched, tasks, incremental=incremental)
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=4)
    finally:
        orders.end()
    estimator._optimizer = run.memory
    if early and (not incremental or stagnation.reached):
        estimator._mlp.parameters[:] = estimator._best_parameters


def _hold_out(estimator: Any, rows: Rows) -> tuple[Rows, Rows]:
    """Split rows for early stopping; classes keep their shares, unless a row may have several."""
    stratified = is_classifier(estimator) and rows.Y.shape[1] == 1
    split = train_test_split(
        np.arange(len(rows.X)),
        random_state=estimator._random_state,
        test_size=estimator.validation_fraction,
        stratify=rows.Y if stratified else None,
    )
    if len(split[1]) < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    weights = rows.weights
    training, held_out = (
        Rows(rows.X[chosen], rows.Y[chosen], None if weights is None else weights[chosen]) for chosen in split
    )
    return training, held_out


def _start_run(estimator: Any, rows: Rows, watched: Rows | None, *, incremental: bool) -> Run:
    n_samples, batch_size = len(rows.X), estimator.batch_size
    if batch_size == "auto":
        batch_size = min(DEFAULT_BATCH, n_samples)
    elif batch_size > n_samples:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=4
        )
        batch_size = n_samples
    goes_on = incremental or (estimator.warm_start and estimator.keep_optimizer_state)
    if not goes_on or estimator._optimizer is None:
        estimator._optimizer = optimizer(estimator)
        rule = estimator.learning_rate if estimator.solver == "sgd" else "constant"
        estimator._rates = Rates(rule, estimator.learning_rate_init, estimator.power_t)
    return estimator._mlp.start_run(
        rows.X,
        rows.Y,
        terms=objective(estimator),
        optimizer=estimator._optimizer,
        batch_size=batch_size,
        steps_per_period=-(-n_samples // batch_size),
        record_every=1 if watched else estimator.max_iter + 1,
        evaluated=(watched.X, watched.Y) if watched else None,
        sample_weight=rows.weights,
    )


def _take_epochs(
    estimator: Any,
    run: Run,
    orders: Orders,
    held_out: Rows | None,
    watched: Rows | None,
    tasks: FitTasks,
    *,
    incremental: bool,
) -> None:
    """Train and look, until something says stop."""
    n_samples, stagnation = orders.n_samples, estimator._stagnation
    n_epochs = 1 if incremental else estimator.max_iter
    each = held_out is not None or estimator.verbose or tasks.any
    most = 1.0
    while estimator.n_iter_ < n_epochs:
        first = estimator.n_iter_
        n = 1 if each else int(min(n_epochs - first, stagnation.epochs_before_stop, most))
        rates = estimator._rates.take(n, estimator.t_, n_samples)
        rates *= scheduled_factors(estimator.lr_schedule, np.arange(first, first + n), estimator.max_iter)
        tasks.begin_epoch()
        started = time.perf_counter()
        table = run.advance(rates, orders.draw(n))
        most = max(1.0, min(2 * n, n * SECONDS_PER_CALL / (time.perf_counter() - started)))
        if watched is not None:
            estimator.validation_loss_curve_ += table[:, EVAL_LOSS].tolist()
        for loss in run.losses.tolist():
            _end_epoch(estimator, loss, n_samples, held_out)
        stop_asked = tasks.end_epoch()
        if stagnation.reached and _stops(estimator, held_out is not None):
            break
        if stop_asked:
            break
        if not incremental and estimator.n_iter_ == estimator.max_iter:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) "
                "reached and the optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=5,
            )


def _end_epoch(estimator: Any, loss: float, n_samples: int, held_out: Rows | None) -> None:
    """Write down how an epoch went."""
    estimator.n_iter_ += 1
    estimator.t_ += n_samples
    estimator.loss_ = loss
    estimator.loss_curve_.append(loss)
    if estimator.verbose:
        print(f"Iteration {estimator.n_iter_}, loss = {loss:.8f}")
    if held_out is None:
        estimator._stagnation.add(loss)
        estimator.best_loss_ = estimator._stagnation.best
        return
    score = estimator._score_of(held_out.Y, estimator._mlp.forward(held_out.X), held_out.weights)
    estimator.validation_scores_.append(score)
    if estimator.verbose:
        print(f"Validation score: {score:f}")
    if estimator._stagnation.add(-score):
        estimator.best_validation_score_ = score
        estimator._best_parameters = estimator._mlp.parameters.copy()


def _stops(estimator: Any, early: bool) -> bool:
    """Tell whether a training that stagnates ends; else it goes on with a smaller rate."""
    what = "Validation score" if early else "Training loss"
    message = (
        f"{what} did not improve more than tol={estimator.tol:f} for {estimator.n_iter_no_change} consecutive epochs."
    )
    stops = not estimator._rates.reduce()
    if estimator.verbose and stops:
        print(f"{message} Learning rate too small. Stopping." if estimator._rates.reduces else f"{message} Stopping.")
    elif estimator.verbose:
        print(f"{message} Setting learning rate to {estimator._rates.current:f}")
    if not stops:
        estimator._stagnation.count = 0
    return stops
