"""Data made on the spot."""

from __future__ import annotations

import numpy as np

from trainer.checks import MAX_LEGACY_SEED, check_count

XOR_CLASSES = ("signs equal", "signs differ")


def xor(n: int = 300, random_state: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return the article's data: points of a normal distribution, labelled by whether their signs differ.

    Parameters
    ----------
    n : int
        Number of samples.
    random_state : int
        Seed of NumPy's legacy generator; the article has 0.

    Returns
    -------
    X : float64 (n, 2)
        ``RandomState(random_state).randn(n, 2)``.
    Y : float64 (n, 2)
        One-hot: [1, 0] where both coordinates have the same sign, [0, 1] where the signs differ.
    """
    check_count("n", n)
    check_count("random_state", random_state, least=0, most=MAX_LEGACY_SEED)
    X = np.random.RandomState(random_state).randn(n, 2)
    differ = (X[:, 0] > 0) != (X[:, 1] > 0)
    return X, np.stack([~differ, differ], axis=1).astype(np.float64)
