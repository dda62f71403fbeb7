"""The decision of a classifier with two inputs as arrays: probabilities on a grid and their colours.

Nothing here draws: the pictures are made in `trainer.panels`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trainer.errors import InputError

# Okabe and Ito, "Color Universal Design" (2008), without black; the first two are told apart in every kind of
# colour vision and make the ends of the two-class map.
CLASS_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
# Regions are painted with this share of the class colour, so that points in the full colour stand out.
REGION_STRENGTH = 0.62
UNDEFINED_GREY = 0.75


@dataclass(frozen=True)
class Grid:
    """Class probabilities on a rectangular grid of input space.

    Attributes
    ----------
    x : ndarray, shape (nx,)
        First input, increasing and evenly spaced.
    y : ndarray, shape (ny,)
        Second input, increasing and evenly spaced.
    probability : ndarray, shape (ny, nx) or (ny, nx, n_classes)
        Probability of the second of two classes, or of each of three or more classes; NaN where undefined.
    """

    x: np.ndarray
    y: np.ndarray
    probability: np.ndarray


def evaluate_grid(
    predict_probability: Callable[[np.ndarray], np.ndarray], X: np.ndarray, n: int = 160, margin: float = 0.08
) -> Grid:
    """Evaluate a classifier on an n by n grid that covers the data and a margin around it.

    Parameters
    ----------
    predict_probability : callable
        Maps inputs, float64 (m, 2), to probabilities (m, n_classes), n_classes >= 2, each row summing to 1.
    X : ndarray, shape (n_samples, 2)
        The data; only its range is used.
    n : int
        Grid points along each axis, at least 2.
    margin : float
        What is added on each side, as a share of the data's range.

    Returns
    -------
    Grid

    Raises
    ------
    InputError
        If X does not hold two finite columns, n < 2, or probabilities have another shape or sum.
    """
    require_two_inputs(X)
    if n < 2:
        raise InputError(f"n = {n} grid points: at least 2 are needed")
    x, y = (_axis_points(column, n, margin) for column in np.asarray(X, dtype=np.float64).T)
    points = np.stack([axis.ravel() for axis in np.meshgrid(x, y)], axis=1)
    probability = np.asarray(predict_probability(points), dtype=np.float64)
    if probability.ndim != 2 or probability.shape[0] != n * n or probability.shape[1] < 2:
        raise InputError(f"predict_probability returned shape {probability.shape}: ({n * n}, n_classes) is needed")
    total = probability.sum(axis=1)
    # 1e-3 lies far above the rounding of a float32 softmax and far below anything one could see in a picture.
    wrong = total[np.abs(total - 1.0) > 1e-3]
    if wrong.size:
        raise InputError(f"predict_probability returned a row that sums to {wrong[0]:g}: 1 is needed")
    if probability.shape[1] == 2:
        return Grid(x, y, probability[:, 1].reshape(n, n))
    return Grid(x, y, probability.reshape(n, n, -1))


def require_two_inputs(X: np.ndarray) -> None:
    """Raise `InputError` unless X is a finite array of shape (n_samples >= 1, 2)."""
    X = np.asarray(X)
    if X.ndim != 2 or X.shape[1] != 2 or len(X) == 0:
        raise InputError(f"X has shape {X.shape}: a decision boundary needs (n_samples, 2)")
    if not np.isfinite(X).all():
        row = int(np.flatnonzero(~np.isfinite(X).all(axis=1))[0])
        raise InputError(f"X holds {X[row].tolist()} in row {row}: finite numbers are needed")


def require_classes(grid: Grid, X: np.ndarray, labels: np.ndarray, n_classes: int) -> None:
    """Raise `InputError` unless grid, data, labels and the number of classes fit together."""
    require_two_inputs(X)
    labels = np.asarray(labels)
    if n_classes < 2:
        raise InputError(f"class_names has {n_classes} entries: at least 2 are needed")
    if labels.shape != (len(X),) or labels.dtype.kind not in "iu":
        raise InputError(f"labels is {labels.dtype} {labels.shape}: integers of shape ({len(X)},) are needed")
    if labels.min() < 0 or labels.max() >= n_classes:
        raise InputError(f"labels run from {labels.min()} to {labels.max()}: 0 to {n_classes - 1} is accepted")
    shape = (len(grid.y), len(grid.x)) if n_classes == 2 else (len(grid.y), len(grid.x), n_classes)
    if grid.probability.shape != shape or min(shape[:2]) < 2:
        raise InputError(f"grid.probability has shape {grid.probability.shape}: {shape} is needed, at least 2 by 2")


def paint_winners(grid: Grid) -> np.ndarray:
    """Colour each grid point by its most probable class, the paler the less probable.

    Parameters
    ----------
    grid : Grid
        Three or more classes, probability (ny, nx, n_classes).

    Returns
    -------
    ndarray, shape (ny, nx, 3)
        Red, green, blue in [0, 1]: white where all classes are equally probable, grey where undefined.
    """
    n_classes = grid.probability.shape[2]
    defined = np.isfinite(grid.probability).all(axis=2)
    probability = np.where(defined[:, :, None], grid.probability, 0.0)
    strength = (probability.max(axis=2) * n_classes - 1) / (n_classes - 1)
    strength = REGION_STRENGTH * np.clip(strength, 0.0, 1.0)
    colours = class_colours(n_classes)[probability.argmax(axis=2)]
    painted = 1 - strength[:, :, None] * (1 - colours)
    painted[~defined] = UNDEFINED_GREY
    return painted


def class_leads(grid: Grid) -> list[np.ndarray]:
    """How far each class is ahead of the best other one; the decision boundary is where a lead is 0.

    Returns
    -------
    list of ndarray, shape (ny, nx)
        For two classes a single array, p(second) - 1/2; otherwise one for each class. NaN where undefined.
    """
    if grid.probability.ndim == 2:
        return [grid.probability - 0.5]
    leads = []
    for k in range(grid.probability.shape[2]):
        others = np.delete(grid.probability, k, axis=2)
        leads.append(grid.probability[:, :, k] - others.max(axis=2))
    return leads


def class_colours(n_classes: int) -> np.ndarray:
    """Red, green, blue in [0, 1] of each class, shape (n_classes, 3); they repeat after the seventh."""
    return np.array([_rgb(CLASS_COLOURS[k % len(CLASS_COLOURS)]) for k in range(n_classes)])


def two_class_anchors() -> list[tuple[float, float, float]]:
    """Return the colours at probability 0, 1/2 and 1 of the two-class map, red, green, blue in [0, 1]."""
    first, second = 1 - REGION_STRENGTH * (1 - class_colours(2))
    return [(*first.tolist(),), (0.97, 0.97, 0.97), (*second.tolist(),)]


def region_shades(n_classes: int, n: int) -> np.ndarray:
    """Return up to n colours, evenly spread over all that a region can have, shape (<= n, 3), in [0, 1]."""
    if n_classes == 2:
        place = np.linspace(0.0, 2.0, n)
        return np.stack([np.interp(place, (0, 1, 2), c) for c in np.array(two_class_anchors()).T], axis=1)
    ink = 1 - class_colours(min(n_classes, len(CLASS_COLOURS)))
    strength = np.linspace(0.0, REGION_STRENGTH, n // len(ink))
    return (1 - strength[:, None, None] * ink).reshape(-1, 3)


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def _axis_points(column: np.ndarray, n: int, margin: float) -> np.ndarray:
    low, high = float(column.min()), float(column.max())
    # A constant column still needs a window of some width around it.
    pad = margin * (high - low) if high > low else max(1.0, abs(low))
    return np.linspace(low - pad, high + pad, n)
