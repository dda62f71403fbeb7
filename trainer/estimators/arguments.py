"""The parameters of the estimators: what is accepted, and what the rest of the program calls it."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from kernels.backends import BACKENDS
from kernels.structs import Objective, Optimizer
from trainer import terms
from trainer.architecture import DTYPES, dtype_name
from trainer.checks import MAX_LEGACY_SEED, check_choice, check_count, check_real, check_share
from trainer.errors import InputError
from trainer.estimators.rates import check_schedule
from trainer.threads import check_threads

ACTIVATIONS = {"identity": "identity", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
STOCHASTIC_SOLVERS = ("sgd", "adam", "adamw")
SOLVERS = (*STOCHASTIC_SOLVERS, "lbfgs")
RATE_RULES = ("constant", "invscaling", "adaptive")


def check_arguments(estimator: Any) -> None:
    """Check the values of all parameters that both estimators have.

    Raises
    ------
    TypeError, InputError
        A value is not accepted; the message names the parameter, the value, and what is.
    """
    hidden_sizes(estimator.hidden_layer_sizes)
    hidden_activations(estimator)
    check_choice("solver", estimator.solver, SOLVERS)
    check_choice("learning_rate", estimator.learning_rate, RATE_RULES)
    for name in ("learning_rate_init", "epsilon"):
        check_real(name, getattr(estimator, name), positive=True)
    for name in ("alpha", "power_t", "tol"):
        check_real(name, getattr(estimator, name), positive=False)
    for name in ("max_iter", "max_fun"):
        check_count(name, getattr(estimator, name))
    for name in ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping", "keep_optimizer_state"):
        _check_flag(name, getattr(estimator, name))
    for name in ("validation_fraction", "beta_1", "beta_2"):
        check_share(name, getattr(estimator, name))
    check_share("momentum", estimator.momentum, below_one=False)
    check_share("dropout", estimator.dropout)
    check_real("weight_decay", estimator.weight_decay, positive=False)
    if estimator.batch_size != "auto":
        check_count("batch_size", estimator.batch_size)
    if estimator.n_iter_no_change != math.inf:
        check_count("n_iter_no_change", estimator.n_iter_no_change)
    if not isinstance(estimator.verbose, bool | np.bool_):
        check_count("verbose", estimator.verbose, least=0)
    if estimator.clip_norm is not None:
        check_real("clip_norm", estimator.clip_norm, positive=True)
    if estimator.dtype is not None:
        check_choice("dtype", dtype_name(estimator.dtype), DTYPES)
    check_choice("backend", estimator.backend, tuple(BACKENDS))
    check_threads(estimator.threads)
    check_schedule(estimator.lr_schedule)
    if not isinstance(estimator.callbacks, list | tuple) or not all(map(callable, estimator.callbacks)):
        raise TypeError(f"callbacks: {estimator.callbacks!r} given, a list or tuple of functions accepted")


def check_pair(name: str, given: object) -> None:
    """Check that something is None or a pair (X, y)."""
    if given is not None and not (isinstance(given, list | tuple) and len(given) == 2):
        raise TypeError(f"{name}: {type(given).__name__} given, a pair (X, y) accepted")


def _check_flag(name: str, value: object) -> None:
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}: {value!r} given, True or False accepted")


def random_generator(random_state: Any) -> np.random.RandomState:
    """Return the generator that `random_state` stands for, as in all of scikit-learn."""
    try:
        return check_random_state(random_state)
    except ValueError:
        accepted = f"an integer from 0 to {MAX_LEGACY_SEED}, a RandomState or None accepted"
        raise InputError(f"random_state: {random_state!r} given, {accepted}") from None


def hidden_sizes(given: Any) -> list[int]:
    """Return the width of each hidden layer, given one or a sequence of them."""
    if isinstance(given, str):
        raise TypeError(f"hidden_layer_sizes: {given!r} given, an integer or a sequence of integers accepted")
    sizes = list(given) if hasattr(given, "__iter__") else [given]
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, numbers.Integral):
            raise TypeError(f"hidden_layer_sizes: {given!r} given, an integer or a sequence of integers accepted")
        if size <= 0:
            raise InputError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]


def hidden_activations(estimator: Any) -> list[str]:
    """Return the activation of each hidden layer as `trainer.model.MLP` calls it."""
    given, n_hidden = estimator.activation, len(hidden_sizes(estimator.hidden_layer_sizes))
    if isinstance(given, str) or not isinstance(given, list | tuple):
        return [ACTIVATIONS[check_choice("activation", given, tuple(ACTIVATIONS))]] * n_hidden
    if len(given) != n_hidden:
        raise InputError(f"activation: {len(given)} names given, one for each of {n_hidden} hidden layers accepted")
    return [ACTIVATIONS[check_choice("activation", name, tuple(ACTIVATIONS))] for name in given]


def objective(estimator: Any) -> Objective:
    """Return the penalty and clipping that the parameters ask for."""
    decay = estimator.weight_decay if estimator.solver == "adamw" else 0.0
    return terms.objective(
        l2=estimator.alpha, clip_norm=estimator.clip_norm, weight_decay=decay, dropout=estimator.dropout
    )


def optimizer(estimator: Any) -> Optimizer:
    """Return the rule that the parameters ask for."""
    rule = estimator.solver
    if rule == "sgd" and estimator.momentum > 0:
        rule = "nesterov" if estimator.nesterovs_momentum else "momentum"
    return terms.optimizer(
        rule,
        momentum=estimator.momentum,
        beta_1=estimator.beta_1,
        beta_2=estimator.beta_2,
        epsilon=estimator.epsilon,
    )
