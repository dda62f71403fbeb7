"""A trained network together with what turns a row of a table into its inputs and its outputs into an answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.columns import Column, encode
from trainer.model import MLP
from trainer.preprocessing import Standardizer
from trainer.table import Label, Task


@dataclass(frozen=True)
class Predictor:
    """A network and its preprocessing.

    Attributes
    ----------
    model : MLP
        One output per class, or one output for a regression.
    task : {"classify", "regress"}
    classes : labels in the order of the outputs; empty for a regression.
    columns, target_name : the columns of features, and the name of that of the target.
    inputs : standardisation of the network's inputs, or None where they are used as they are.
    target : standardisation of the target of a regression, or None.
    dropped : columns of the table that were left out; other tables may have them, too.
    """

    model: MLP
    task: Task
    classes: tuple[Label, ...]
    columns: tuple[Column, ...]
    target_name: str
    inputs: Standardizer | None = None
    target: Standardizer | None = None
    dropped: tuple[str, ...] = ()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the columns of features."""
        return tuple(column.name for column in self.columns)

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """Return the network's outputs (n_samples, n_outputs) for X (n_samples, n_columns) as tables are read."""
        inputs = encode(X, self.columns)
        return self.model.forward(inputs if self.inputs is None else self.inputs.transform(inputs))

    def probabilities(self, X: np.ndarray) -> np.ndarray:
        """Return float64 (n_samples, n_classes), rows summing to 1: the outputs divided by their sum."""
        return class_probabilities(self.outputs(X))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return labels (n_samples,), or values of the target (n_samples,) for a regression."""
        outputs = self.outputs(X)
        if self.task == "classify":
            return np.array(self.classes)[outputs.argmax(axis=1)]
        return self.in_units(outputs)

    def in_units(self, outputs: np.ndarray) -> np.ndarray:
        """Return outputs (n_samples, 1) of a regression in the units of its target, float64 (n_samples,)."""
        values = outputs.astype(np.float64)
        if self.target is not None:
            values = values * self.target.scale + self.target.mean
        return values[:, 0]


def class_probabilities(outputs: np.ndarray) -> np.ndarray:
    """Return outputs (n_samples, n_classes) divided by their sum: negative ones count as 0, and no sum as uniform."""
    positive = np.maximum(outputs.astype(np.float64), 0)
    totals = positive.sum(axis=1, keepdims=True)
    uniform = np.full_like(positive, 1 / positive.shape[1])
    return np.divide(positive, totals, out=uniform, where=totals > 0)
