"""`MLPRegressor`: numbers in, numbers out."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from trainer.checks import check_choice
from trainer.estimators.base import BaseMLP
from trainer.estimators.tasks import with_callbacks

# What the network calls each loss. Of several outputs scikit-learn means the squared error, though not its gradient.
LOSSES = {
    "squared_error": "mean_mse",
    "poisson": "poisson",
    "absolute": "absolute",
    "huber": "huber",
    "quantile": "quantile",
}


class MLPRegressor(RegressorMixin, BaseMLP):
    """Multilayer perceptron that predicts numbers.

    Parameters up to `max_fun` are those of `sklearn.neural_network.MLPRegressor`, with its defaults and meaning; those
    not listed here are described by `MLPClassifier`.

    Parameters
    ----------
    loss : {"squared_error", "poisson", "absolute", "huber", "quantile"}
        The mean over rows of half the squared error, half the Poisson deviance, the absolute error, Huber's loss or the
        pinball loss.
    loss_parameter : float or None
        Where Huber's loss turns from squares to magnitudes, None for 1; the quantile in (0, 1), None for 1/2.

    Attributes
    ----------
    loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_, t_, coefs_, intercepts_, n_features_in_,
    feature_names_in_, n_iter_, n_layers_, n_outputs_, out_activation_ : as in scikit-learn
    validation_loss_curve_ : list of float
        The loss of `validation_data` after each epoch, without penalty.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> MLPRegressor(max_iter=2000, random_state=1).fit(X, y).score(X, y) > 0.4
    True
    """

    def __init__(
        self, loss: str = "squared_error", hidden_layer_sizes: Any = (100,), activation: Any = "relu", *,
        solver: str = "adam", alpha: float = 0.0001, batch_size: Any = "auto", learning_rate: str = "constant",
        learning_rate_init: float = 0.001, power_t: float = 0.5, max_iter: int = 200, shuffle: bool = True,
        random_state: Any = None, tol: float = 1e-4, verbose: Any = False, warm_start: bool = False,
        momentum: float = 0.9, nesterovs_momentum: bool = True, early_stopping: bool = False,
        validation_fraction: float = 0.1, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8,
        n_iter_no_change: Any = 10, max_fun: int = 15000, loss_parameter: float | None = None, dropout: float = 0.0,
        weight_decay: float = 0.01, clip_norm: float | None = None, lr_schedule: Any = None, callbacks: Any = (),
        keep_optimizer_state: bool = False, threads: int | None = None, backend: str = "numba", dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            hidden_layer_sizes=hidden_layer_sizes, activation=activation, solver=solver, alpha=alpha,
            batch_size=batch_size, learning_rate=learning_rate, learning_rate_init=learning_rate_init, power_t=power_t,
            max_iter=max_iter, loss=loss, shuffle=shuffle, random_state=random_state, tol=tol, verbose=verbose,
            warm_start=warm_start, momentum=momentum, nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping, validation_fraction=validation_fraction, beta_1=beta_1, beta_2=beta_2,
            epsilon=epsilon, n_iter_no_change=n_iter_no_change, max_fun=max_fun, dropout=dropout,
            weight_decay=weight_decay, clip_norm=clip_norm, lr_schedule=lr_schedule, callbacks=callbacks,
            keep_optimizer_state=keep_optimizer_state, threads=threads, backend=backend, dtype=dtype,
        )  # fmt: skip
        self.loss_parameter = loss_parameter

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None, validation_data: Any = None) -> MLPRegressor:
        """Train a new network, or go on with the one there is where `warm_start` says so.

        Parameters
        ----------
        X : array, sparse matrix or frame (n_samples, n_features)
        y : (n_samples,) or (n_samples, n_outputs) numbers
        sample_weight : (n_samples,) or None
            What each row counts in loss and gradient.
        validation_data : (X, y) or None
            Rows whose loss after each epoch goes to `validation_loss_curve_`; early stopping goes by them.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Something is not accepted, or the weights would no longer be finite.
        """
        return self._fit(X, y, sample_weight, validation_data, incremental=False)

    @available_if(lambda self: self._is_stochastic())
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, validation_data: Any = None) -> MLPRegressor:
        """Train for one epoch on the rows given; see `fit`."""
        return self._fit(X, y, sample_weight, validation_data, incremental=True)

    def _check_targets(self, X: Any, y: Any, *, incremental: bool, reset: bool) -> tuple[Any, np.ndarray]:
        check_choice("loss", self.loss, tuple(LOSSES))
        X, y = validate_data(
            self, X, y, accept_sparse=["csr", "csc"], multi_output=True, y_numeric=True,
            dtype=self._accepted_dtypes(), reset=reset,
        )  # fmt: skip
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _encode(self, y: np.ndarray) -> np.ndarray:
        return y.reshape(len(y), -1)

    def _network_loss(self) -> tuple[str, str, float | None]:
        return "exp" if self.loss == "poisson" else "identity", LOSSES[self.loss], self.loss_parameter

    def _score_of(self, Y: np.ndarray, outputs: np.ndarray, weights: np.ndarray | None) -> float:
        """Return R² averaged over the outputs; NaN where an output is not finite."""
        return r2_score(Y, outputs, sample_weight=weights) if np.isfinite(outputs).all() else np.nan

    def predict(self, X: Any) -> np.ndarray:
        """Return the predictions (n_samples,), or (n_samples, n_outputs) where there are several."""
        outputs = self._outputs(X)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs
