"""Turn a checked table into what a network is fed: scaled features, one-hot targets, two sets of rows.

Reading files and refusing bad cells is left to `trainer.tables`, training to the modules that call this one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainer.errors import InputError
from trainer.moments import ByteMoments, Moments


@dataclass(frozen=True, eq=False)
class Standardizer:
    """The shift and scale that give each training feature mean 0 and standard deviation 1.

    Attributes
    ----------
    mean : float64 array, shape (n_features,)
        Mean of each feature.
    scale : float64 array, shape (n_features,)
        Standard deviation of each feature (divisor n, not n - 1); 1 where a feature is constant.
    """

    mean: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]

    def transform(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return (X - mean) / scale as a new array.

        Parameters
        ----------
        X : array, shape (n_samples, n_features)
            Any real dtype; not changed.

        Returns
        -------
        float64 array, C-contiguous, shape (n_samples, n_features)

        Raises
        ------
        InputError
            If `X` is not a matrix with as many columns as `mean` has entries.
        """
        features = _matrix(X)
        if features.shape[1] != len(self.mean):
            raise InputError(f"X: has {features.shape[1]} columns; {len(self.mean)} are accepted")
        out = features - self.mean
        out /= self.scale
        return out


def standardizer_of(moments: Moments | ByteMoments) -> Standardizer:
    """Return what brings the columns of these moments to mean 0 and standard deviation 1."""
    deviation = moments.deviation()
    return Standardizer(mean=moments.mean(), scale=np.where(deviation == 0, 1.0, deviation))


def one_hot(y: npt.NDArray[np.integer], n_classes: int, dtype: npt.DTypeLike) -> npt.NDArray[np.floating]:
    """Return the matrix with a single 1 in each row, in the column of its class.

    Parameters
    ----------
    y : integer array, shape (n,)
        Class indices in [0, n_classes).
    n_classes : int
        Number of columns.
    dtype : dtype
        Of the result.

    Returns
    -------
    array of `dtype`, C-contiguous, shape (n, n_classes)

    Raises
    ------
    InputError
        If `y` is not a vector of integers in range.
    """
    y = np.asarray(y)
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise InputError(f"y: has shape {y.shape} and dtype {y.dtype}; a vector of class indices is accepted")
    outside = np.flatnonzero((y < 0) | (y >= n_classes))
    if len(outside):
        row = outside[0]
        raise InputError(f"y: row {row + 1} holds {y[row]}; accepted are 0 to {n_classes - 1}")
    out = np.zeros((len(y), n_classes), dtype=dtype)
    out[np.arange(len(y)), y] = 1
    return out


def split(
    y: npt.NDArray[np.generic], fraction: float, *, seed: int, stratify: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Divide the rows of a table at random into training and validation rows.

    Exactly round(n * fraction) rows validate, chosen by PCG64. With `stratify`, each class gives its share of
    them by the method of the largest remainder (ties to the lower class), but keeps one row to train on; only
    when the rest cannot fill the validation rows are classes of a single row given up.

    Parameters
    ----------
    y : array, shape (n,)
        Target; with `stratify` its equal values are the classes, without only its length counts.
    fraction : float
        Share of the rows that validate, between 0 and 1, both excluded.
    seed : int
        Not negative. The same arguments give the same rows.
    stratify : bool
        Whether to divide class by class.

    Returns
    -------
    train_rows, validation_rows : int64 arrays
        Ascending; together each row from 0 to n - 1 once.

    Raises
    ------
    InputError
        If the fraction is out of range, leaves no training or no validation rows, or would take every row of
        a class that has several; if `seed` is negative.
    """
    n = len(y)
    n_validation = count_validation(n, fraction, seed)
    generator = np.random.Generator(np.random.PCG64(seed))
    if stratify:
        labels, class_of_row = np.unique(y, return_inverse=True)
        quotas = _stratified_quotas(np.bincount(class_of_row), n_validation, fraction)
        chosen = [
            generator.permutation(np.flatnonzero(class_of_row == index))[: quotas[index]]
            for index in range(len(labels))
        ]
        validation = np.concatenate(chosen)
    else:
        validation = generator.permutation(n)[:n_validation]
    validates = np.zeros(n, dtype=bool)
    validates[validation] = True
    return np.flatnonzero(~validates), np.flatnonzero(validates)


def count_validation(n: int, fraction: float, seed: int) -> int:
    """Return how many of `n` rows validate; raise InputError where there are none, or none to train, or no seed."""
    if not 0 < fraction < 1:
        raise InputError(f"validation: {fraction!r} is no share; a number between 0 and 1 is accepted")
    if seed < 0:
        raise InputError(f"seed: {seed!r} is negative; a whole number from 0 is accepted")
    n_validation = round(n * fraction)
    if not 0 < n_validation < n:
        side = "training" if n_validation else "validation"
        raise InputError(f"validation: {fraction!r} of {n} rows leaves no {side} rows; one is needed")
    return n_validation


def _stratified_quotas(counts: npt.NDArray[np.int64], total: int, fraction: float) -> npt.NDArray[np.int64]:
    """Return how many of `total` validation rows each class gives, as `split` describes."""
    room = counts - 1
    if room.sum() < total:
        room = np.where(counts == 1, 1, room)
    if room.sum() < total:
        reason = f"of {counts.sum()} rows leaves too few to train on one of each class"
        raise InputError(f"validation: {fraction!r} {reason}; a smaller share is accepted")
    due, n = counts * total, counts.sum()  # the exact quota is due / n: integers, so ties are ties
    quotas = np.minimum(due // n, room)
    while missing := total - quotas.sum():
        open_classes = np.flatnonzero(quotas < room)
        owed = due[open_classes] - quotas[open_classes] * n
        quotas[open_classes[np.argsort(-owed, kind="stable")[:missing]]] += 1
    return quotas


def _matrix(X: npt.ArrayLike) -> npt.NDArray[np.float64]:
    features = np.ascontiguousarray(X, dtype=np.float64)
    if features.ndim != 2:
        raise InputError(f"X: has shape {features.shape}; a matrix (n_samples, n_features) is accepted")
    return features
