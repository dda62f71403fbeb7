"""What both estimators share: their parameters, one fit from checked data to checked weights, and the outputs.

Classes and targets are the business of `classifier` and `regressor`, epochs that of `stochastic`, L-BFGS that of
`quasi_newton`.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from trainer.checks import check_sample_weight
from trainer.errors import DivergenceError
from trainer.estimators.arguments import (
    ACTIVATIONS,
    STOCHASTIC_SOLVERS,
    check_arguments,
    check_pair,
    hidden_activations,
    hidden_sizes,
    random_generator,
)
from trainer.estimators.quasi_newton import fit_quasi_newton
from trainer.estimators.rows import Rows
from trainer.estimators.stochastic import fit_stochastic, forget_progress
from trainer.estimators.tasks import CallbackSupportMixin, FitTasks
from trainer.initialization import scikit_learn_layers
from trainer.model import MLP

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)


class BaseMLP(CallbackSupportMixin, BaseEstimator):
    """A multilayer perceptron that is fitted to a table; see `MLPClassifier` and `MLPRegressor`."""

    loss: str

    def __init__(
        self, *, hidden_layer_sizes: Any, activation: Any, solver: str, alpha: float, batch_size: Any,
        learning_rate: str, learning_rate_init: float, power_t: float, max_iter: int, loss: str, shuffle: bool,
        random_state: Any, tol: float, verbose: Any, warm_start: bool, momentum: float, nesterovs_momentum: bool,
        early_stopping: bool, validation_fraction: float, beta_1: float, beta_2: float, epsilon: float,
        n_iter_no_change: Any, max_fun: int, dropout: float, weight_decay: float, clip_norm: float | None,
        lr_schedule: Any, callbacks: Any, keep_optimizer_state: bool, threads: int | None, backend: str, dtype: Any,
    ) -> None:  # fmt: skip
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.loss = loss
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.lr_schedule = lr_schedule
        self.callbacks = callbacks
        self.keep_optimizer_state = keep_optimizer_state
        self.threads = threads
        self.backend = backend
        self.dtype = dtype

    # ---------------------------------------------------------------------------------- what the subclasses provide

    def _check_targets(self, X: Any, y: Any, *, incremental: bool, reset: bool) -> tuple[Any, np.ndarray]:
        """Return X and y as scikit-learn validates them."""
        raise NotImplementedError

    def _encode(self, y: np.ndarray) -> np.ndarray:
        """Return validated targets as (n_samples, n_outputs) numbers that the network is to put out."""
        raise NotImplementedError

    def _network_loss(self) -> tuple[str, str, float | None]:
        """Return the output activation as scikit-learn calls it, the network's loss, and the loss's parameter."""
        raise NotImplementedError

    def _row_weights(self, y: np.ndarray, sample_weight: np.ndarray | None) -> np.ndarray | None:
        """Return what each row counts, from its own weight and from what else the estimator knows."""
        return sample_weight

    # -------------------------------------------------------------------------------------------------- parameters

    @property
    def coefs_(self) -> list[np.ndarray]:
        """Weights (n_in, n_out), layer by layer: views, so that writing to them changes the network."""
        return self._fitted().weights

    @coefs_.setter
    def coefs_(self, values: Iterable[np.ndarray]) -> None:
        self._fitted().weights = values

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """Biases (n_out,), layer by layer, likewise."""
        return self._fitted().biases

    @intercepts_.setter
    def intercepts_(self, values: Iterable[np.ndarray]) -> None:
        self._fitted().biases = values

    def _fitted(self) -> MLP:
        try:
            return self.__dict__["_mlp"]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no weights before it is fitted") from None

    # ------------------------------------------------------------------------------------------------------- fitting

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, validation_data: tuple[Any, Any] | None, *, incremental: bool
    ) -> Any:
        check_arguments(self)
        check_pair("validation_data", validation_data)
        first = "_mlp" not in self.__dict__ or not (self.warm_start or incremental)
        tasks = FitTasks(self, X, y, sample_weight)
        X, y = self._check_targets(X, y, incremental=incremental, reset=first)
        Y = self._encode(y)
        if sample_weight is not None:
            sample_weight = _as_row_weights(sample_weight, len(Y))
        self.n_outputs_ = Y.shape[1]
        self._random_state = random_generator(self.random_state)
        if first:
            self._initialize(X)
        self._mlp.backend, self._mlp.threads = self.backend, self.threads
        rows = Rows(dense(X), Y, self._row_weights(y, sample_weight))
        watched = None if validation_data is None else self._validation_rows(*validation_data)
        try:
            if self.solver in STOCHASTIC_SOLVERS:
                fit_stochastic(self, rows, watched, tasks, incremental=incremental)
            else:
                fit_quasi_newton(self, rows, tasks)
        except DivergenceError:
            raise ValueError(NOT_FINITE) from None
        if not np.isfinite(self._mlp.parameters).all():
            raise ValueError(NOT_FINITE)
        tasks.end()
        return self

    def _initialize(self, X: np.ndarray) -> None:
        """Draw the weights of a new network, and forget what was learnt about the course of training."""
        self.out_activation_, loss, loss_parameter = self._network_loss()
        sizes = [X.shape[1], *hidden_sizes(self.hidden_layer_sizes), self.n_outputs_]
        activations = hidden_activations(self)
        self.n_layers_, self.n_iter_, self.t_ = len(sizes), 0, 0
        last = activations[-1] if activations else ACTIVATIONS.get(self.activation, "identity")
        layers = scikit_learn_layers(sizes, [*activations, last], self._random_state)
        names = {"logistic": "sigmoid"}
        self._mlp = MLP(
            sizes,
            activation=activations,
            output_activation=names.get(self.out_activation_, self.out_activation_),
            loss=loss,
            loss_parameter=loss_parameter,
            dtype=X.dtype if self.dtype is None else self.dtype,
            backend=self.backend,
            random_state=0,
            threads=self.threads,
        )
        self._mlp.weights, self._mlp.biases = zip(*layers, strict=True)
        if self.dropout:
            self._mlp.dropout_seed = int(self._random_state.randint(2**31))
        forget_progress(self)

    def _validation_rows(self, X: Any, y: Any) -> Rows:
        X, y = self._check_targets(X, y, incremental=True, reset=False)
        return Rows(dense(X), self._encode(y), None)

    # ------------------------------------------------------------------------------------------------------- outputs

    def _outputs(self, X: Any) -> np.ndarray:
        """Return the network's outputs (n_samples, n_outputs)."""
        if not self._needs_no_check(X):
            check_is_fitted(self)
            X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
            return self._mlp.forward(dense(X))
        return self._mlp.outputs_of(X)

    def _needs_no_check(self, X: Any) -> bool:
        """Tell whether validation would return X as it is: for few rows it takes longer than all else."""
        mlp = self.__dict__.get("_mlp")
        return (
            mlp is not None
            and type(X) is np.ndarray
            and X.dtype == mlp.dtype
            and X.ndim == 2
            and X.shape[1] == mlp.layer_sizes[0]
            and X.shape[0] > 0
            and X.flags.c_contiguous
            and X.flags.aligned
            and not hasattr(self, "feature_names_in_")
            and bool(np.isfinite(X).all())
        )

    def _accepted_dtypes(self) -> Any:
        return (np.float64, np.float32) if self.dtype is None else np.dtype(self.dtype)

    def _is_stochastic(self) -> bool:
        if self.solver not in STOCHASTIC_SOLVERS:
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic."
            )
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def dense(X: Any) -> np.ndarray:
    """Return X as an array; a sparse matrix takes as much memory then as if it had no zeros."""
    return X.toarray() if sparse.issparse(X) else X


def _as_row_weights(sample_weight: Any, n_samples: int) -> np.ndarray:
    if isinstance(sample_weight, numbers.Real):
        sample_weight = np.full(n_samples, sample_weight)
    weights = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    return check_sample_weight("sample_weight", weights, n_samples)
