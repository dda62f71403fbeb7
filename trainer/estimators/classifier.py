"""`MLPClassifier`: classes in, classes and their probabilities out."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import validate_data

from trainer.estimators.base import BaseMLP
from trainer.estimators.tasks import with_callbacks


class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multilayer perceptron that classifies rows, trained on the log-loss.

    Parameters up to `max_fun` are those of `sklearn.neural_network.MLPClassifier`, with its defaults and meaning.

    Parameters
    ----------
    activation : {"identity", "logistic", "tanh", "relu"}, or a list of them
        Of all hidden layers, or of each.
    solver : {"adam", "sgd", "lbfgs", "adamw"}
        adamw is adam with `weight_decay` (Loshchilov and Hutter, 2019).
    class_weight : dict, list of dicts, "balanced" or None
        What rows of a class count, as in `sklearn.utils.class_weight.compute_sample_weight`; multiplied by
        sample_weight.
    dropout : float in [0, 1)
        Share of the hidden units that each training step leaves out.
    weight_decay : float
        Of adamw.
    clip_norm : float or None
        Gradients are scaled down to this global norm.
    lr_schedule : {"step", "exponential", "cosine", "warmup", "constant"}, function or None
        What the learning rate of each epoch is multiplied by: see `trainer.schedules.learning_rates`, with `max_iter`
        epochs, or a function of the epoch's number.
    callbacks : list or tuple of functions
        Called after each epoch with the estimator and the epoch's number from 0; a true result stops the training.
    keep_optimizer_state : bool
        Whether a warm start goes on with the solver's moments and learning rate.
    threads : int or None
        How many compute; None for as many as pay. The results are the same, to the bit.
    backend : {"numba", "numpy"}
    dtype : {"float32", "float64"} or None
        Of weights and arithmetic; None takes that of X, as scikit-learn does.

    Attributes
    ----------
    classes_, loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_, t_, coefs_, intercepts_,
    n_features_in_, feature_names_in_, n_iter_, n_layers_, n_outputs_, out_activation_ : as in scikit-learn
        The loss is computed from the logits; scikit-learn's cuts off probabilities near 0 and 1.
    validation_loss_curve_ : list of float
        The loss of `validation_data` after each epoch, without penalty.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> MLPClassifier(max_iter=1000, random_state=1).fit(X, y).predict(X[:2])
    array([0, 0])
    """

    def __init__(
        self, hidden_layer_sizes: Any = (100,), activation: Any = "relu", *, solver: str = "adam",
        alpha: float = 0.0001, batch_size: Any = "auto", learning_rate: str = "constant",
        learning_rate_init: float = 0.001, power_t: float = 0.5, max_iter: int = 200, shuffle: bool = True,
        random_state: Any = None, tol: float = 1e-4, verbose: Any = False, warm_start: bool = False,
        momentum: float = 0.9, nesterovs_momentum: bool = True, early_stopping: bool = False,
        validation_fraction: float = 0.1, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8,
        n_iter_no_change: Any = 10, max_fun: int = 15000, class_weight: Any = None, dropout: float = 0.0,
        weight_decay: float = 0.01, clip_norm: float | None = None, lr_schedule: Any = None, callbacks: Any = (),
        keep_optimizer_state: bool = False, threads: int | None = None, backend: str = "numba", dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            hidden_layer_sizes=hidden_layer_sizes, activation=activation, solver=solver, alpha=alpha,
            batch_size=batch_size, learning_rate=learning_rate, learning_rate_init=learning_rate_init, power_t=power_t,
            max_iter=max_iter, loss="log_loss", shuffle=shuffle, random_state=random_state, tol=tol, verbose=verbose,
            warm_start=warm_start, momentum=momentum, nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping, validation_fraction=validation_fraction, beta_1=beta_1, beta_2=beta_2,
            epsilon=epsilon, n_iter_no_change=n_iter_no_change, max_fun=max_fun, dropout=dropout,
            weight_decay=weight_decay, clip_norm=clip_norm, lr_schedule=lr_schedule, callbacks=callbacks,
            keep_optimizer_state=keep_optimizer_state, threads=threads, backend=backend, dtype=dtype,
        )  # fmt: skip
        self.class_weight = class_weight

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None, validation_data: Any = None) -> MLPClassifier:
        """Train a new network, or go on with the one there is where `warm_start` says so.

        Parameters
        ----------
        X : array, sparse matrix or frame (n_samples, n_features)
        y : (n_samples,) classes, or (n_samples, n_outputs) of 0 and 1 where a row may have several
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
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None, validation_data: Any = None
    ) -> MLPClassifier:
        """Train for one epoch on the rows given; see `fit`.

        `classes` (n_classes,) are all that there will be; needed by the first call.
        """
        self._meet_classes(y, classes)
        return self._fit(X, y, sample_weight, validation_data, incremental=True)

    def _meet_classes(self, y: Any, classes: Any) -> None:
        """Learn the classes from the first call of `partial_fit`; see that later ones name the same."""
        known = getattr(self, "classes_", None)
        if known is None:
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            self.classes_ = unique_labels(classes)
            multilabel = type_of_target(y).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if multilabel else classes)
        elif classes is not None and not np.array_equal(known, unique_labels(classes)):
            raise ValueError(f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {known!r}")

    def _check_targets(self, X: Any, y: Any, *, incremental: bool, reset: bool) -> tuple[Any, np.ndarray]:
        X, y = validate_data(
            self, X, y, accept_sparse=["csr", "csc"], multi_output=True, dtype=self._accepted_dtypes(), reset=reset
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            # Of whole numbers all that counts is which there are; they are looked for twice, in all that is given.
            whole_numbers = y.ndim == 1 and y.dtype.kind in "biu"
            self._label_binarizer = LabelBinarizer().fit(np.unique(y) if whole_numbers else y)
            if self._label_binarizer.y_type_ not in ("binary", "multiclass", "multilabel-indicator"):
                check_classification_targets(y)
            self.classes_ = self._label_binarizer.classes_
            return X, y
        classes = unique_labels(y)
        if self.warm_start and not incremental and set(classes) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. Previously "
                f"got {self.classes_}, `y` has {classes}"
            )
        if np.setdiff1d(classes, self.classes_, assume_unique=True).size:
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}."
            )
        return X, y

    def _encode(self, y: np.ndarray) -> np.ndarray:
        if self._label_binarizer.y_type_.startswith("multilabel"):
            return self._label_binarizer.transform(y)
        codes = np.searchsorted(self.classes_, y)  # checked to be among them
        if len(self.classes_) <= 2:
            return codes[:, np.newaxis]
        return np.eye(len(self.classes_), dtype=np.float32).take(codes, axis=0)

    def _network_loss(self) -> tuple[str, str, float | None]:
        several = self._label_binarizer.y_type_ == "multiclass"
        return "softmax" if several else "logistic", "cross_entropy", None

    def _row_weights(self, y: np.ndarray, sample_weight: np.ndarray | None) -> np.ndarray | None:
        if self.class_weight is None:
            return sample_weight
        of_classes = compute_sample_weight(self.class_weight, y)
        return of_classes if sample_weight is None else of_classes * sample_weight

    def _score_of(self, Y: np.ndarray, outputs: np.ndarray, weights: np.ndarray | None) -> float:
        """Return the share of rows whose classes are right; NaN where an output is not finite."""
        if not np.isfinite(outputs).all():
            return np.nan
        if self.out_activation_ == "softmax":
            right = outputs.argmax(axis=1) == Y.argmax(axis=1)
        else:
            right = ((outputs > 0.5) == (Y > 0.5)).all(axis=1)
        return float(np.average(right, weights=weights))

    def predict(self, X: Any) -> np.ndarray:
        """Return the class (n_samples,) of each row of X; where it may have several, 0 and 1 (n_samples, n_outputs)."""
        outputs = self._outputs(X)
        return self._label_binarizer.inverse_transform(outputs.ravel() if self.n_outputs_ == 1 else outputs)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability (n_samples, n_classes) of each class, in the order of `classes_`."""
        outputs = self._outputs(X)
        return np.hstack([1 - outputs, outputs]) if self.n_outputs_ == 1 else outputs

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
