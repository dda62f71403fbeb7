"""Small predictors of both tasks, untrained: what their files, figures and graphs are tested with."""

from __future__ import annotations

from typing import Any

import numpy as np

from trainer.columns import Column, numeric_columns
from trainer.model import MLP
from trainer.predictor import Predictor
from trainer.preprocessing import Standardizer

# A number, a category that may be missing, a number that may be missing.
MIXED = (Column("size"), Column("colour", ("blue", "red", "très clair"), 1.0), Column("age", (), 40.5))


def classifier(**options: Any) -> Predictor:
    """Return a network with softmax outputs for three columns of numbers and two classes."""
    model = MLP([3, 4, 2], output_activation="softmax", loss="cross_entropy", random_state=0, **options)
    inputs = Standardizer(np.array([1.0, -2.5, 1 / 3]), np.array([0.1, 7.0, 1e-9]))
    return Predictor(model, "classify", ("no", "ja, natürlich"), numeric_columns(("a", "b b", "ç")), "kind", inputs)


def regressor() -> Predictor:
    """Return a network of three layers without biases, with a standardised target."""
    model = MLP([2, 5, 3, 1], activation="relu", output_activation="identity", bias=False, random_state=1)
    one = Standardizer(np.array([4.0]), np.array([1e3]))
    return Predictor(model, "regress", (), numeric_columns(("x0", "x1")), "y", None, one)


def of_categories(**options: Any) -> Predictor:
    """Return a network for the columns `MIXED` and three classes."""
    model = MLP([5, 4, 3], output_activation="softmax", loss="cross_entropy", random_state=2, **options)
    inputs = Standardizer(np.array([2.0, 0.0, 0.0, 0.0, 35.0]), np.array([1.5, 1.0, 1.0, 1.0, 12.0]))
    return Predictor(model, "classify", (3, 5, 8), MIXED, "kind", inputs)
