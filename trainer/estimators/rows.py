"""Rows of a table as the estimators pass them on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Rows(NamedTuple):
    """Inputs X (n_samples, n_features), targets Y (n_samples, n_outputs), and what each row counts, None for 1 each."""

    X: np.ndarray
    Y: np.ndarray
    weights: np.ndarray | None
