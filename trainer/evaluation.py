"""How well a predictor does on rows whose answers are known: numbers only.

Reading the rows is left to `trainer.labelled_rows`, printing to `trainer.evaluate_command`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.explained_loss import explained, loss_of_best_constant, loss_of_outputs
from trainer.predictor import Predictor, class_probabilities
from trainer.progress import Tell, rows_in_blocks, say_nothing


@dataclass(frozen=True)
class Classification:
    """How well classes are told.

    Attributes
    ----------
    rows : int
    accuracy : float
        Share of the rows whose class is predicted.
    log_loss : float
        Mean of -log of the probability of the row's class, probabilities below `floor` counted as that.
    floor : float
        The smallest normal number of the network's dtype: outputs may be 0, and their logarithm is to be finite.
    confusion : int64 (n_classes, n_classes)
        Rows of each class (down) that were predicted to be of each class (across).
    precision, recall, f1 : float64 (n_classes,)
        Of each class; NaN where it is 0 / 0: of a class that was never predicted, or that no row has.
    """

    rows: int
    accuracy: float
    log_loss: float
    floor: float
    confusion: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray

    @property
    def support(self) -> np.ndarray:
        """How many rows each class has, int64 (n_classes,)."""
        return self.confusion.sum(axis=1)


@dataclass(frozen=True)
class Regression:
    """How well numbers are told.

    Attributes
    ----------
    rows : int
    r2 : float
        1 - sum (y - h)² / sum (y - mean y)²; minus infinity, or NaN for no error at all, where all y are the same.
    d2 : float or None
        The same share of the network's own loss, against its best constant; None where that is the squared error.
    mae, rmse : float
        Mean absolute error and root of the mean squared error, in the units of the target.
    predictions, residuals : float64 (rows,)
        What was predicted, and target minus prediction.
    """

    rows: int
    r2: float
    d2: float | None
    mae: float
    rmse: float
    predictions: np.ndarray
    residuals: np.ndarray


def evaluate_classes(predictor: Predictor, X: np.ndarray, y: np.ndarray, tell: Tell = say_nothing) -> Classification:
    """Compare the predicted classes with the true ones.

    Parameters
    ----------
    predictor : Predictor
        Of classes.
    X : float64 (n_samples, n_columns)
    y : int64 (n_samples,)
        Indices into the predictor's classes.
    tell : hears of the rows that are done.
    """
    outputs, n_classes = _outputs(predictor, X, tell), len(predictor.classes)
    predicted = outputs.argmax(axis=1)
    confusion = np.bincount(y * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)
    floor = float(np.finfo(predictor.model.dtype).tiny)
    probabilities = class_probabilities(outputs)[np.arange(len(y)), y]
    hits, told, present = confusion.diagonal(), confusion.sum(axis=0), confusion.sum(axis=1)
    with np.errstate(invalid="ignore"):  # 0 / 0
        precision, recall, f1 = hits / told, hits / present, 2 * hits / (told + present)
    return Classification(
        rows=len(y),
        accuracy=float((predicted == y).mean()),
        log_loss=float(-np.log(np.maximum(probabilities, floor)).mean()),
        floor=floor,
        confusion=confusion,
        precision=precision,
        recall=recall,
        f1=f1,
    )


def evaluate_numbers(predictor: Predictor, X: np.ndarray, y: np.ndarray, tell: Tell = say_nothing) -> Regression:
    """Compare the predicted numbers with the true ones.

    Parameters
    ----------
    predictor : Predictor
        Of numbers.
    X : float64 (n_samples, n_columns)
    y : float64 (n_samples,)
        In the units of the target.
    tell : hears of the rows that are done.
    """
    outputs = _outputs(predictor, X, tell).astype(np.float64)
    predictions = predictor.in_units(outputs)
    residuals = y - predictions
    squares = np.array([np.square(residuals).sum()])
    return Regression(
        rows=len(y),
        r2=float(explained(squares, float(np.square(y - y.mean()).sum()))[0]),
        d2=_share_of_own_loss(predictor, outputs, y),
        mae=float(np.abs(residuals).mean()),
        rmse=float(np.sqrt(squares[0] / len(y))),
        predictions=predictions,
        residuals=residuals,
    )


def _outputs(predictor: Predictor, X: np.ndarray, tell: Tell) -> np.ndarray:
    return np.concatenate([predictor.outputs(X[rows]) for rows in rows_in_blocks(len(X), tell)])


def _share_of_own_loss(predictor: Predictor, outputs: np.ndarray, y: np.ndarray) -> float | None:
    loss, parameter = predictor.model.loss_name, predictor.model.loss_parameter
    if loss in ("mse", "mean_mse"):
        return None
    column = y.reshape(-1, 1)
    Y = predictor.target.transform(column) if predictor.target else column  # the units in which huber's d is given
    own = np.array([loss_of_outputs(loss, parameter, outputs, Y)])
    return float(explained(own, loss_of_best_constant(loss, parameter, Y))[0])
