"""The data sets that have a name on the command line, each as a table to train on.

How their points are drawn is left to `datasets`, and what scikit-learn has to `sklearn_datasets`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trainer import datasets
from trainer.checks import MAX_COUNT, MAX_LEGACY_SEED, check_choice, check_count, check_share
from trainer.columns import numeric_columns
from trainer.errors import InputError
from trainer.sklearn_datasets import SKLEARN_NAMES, load_rows
from trainer.table import Label, Table, table_in_memory

MAX_SAMPLES = 10_000_000  # takes seconds and half a GB
FEATURE_NAMES = ("x1", "x2")


@dataclass(frozen=True)
class Drawing:
    """How data is drawn; None for what the data set has by itself.

    Attributes
    ----------
    samples : int or None
        Number of rows.
    noise : float or None
        From 0 to 1; what it means is said in `datasets`.
    seed : int or None
    """

    samples: int | None = None
    noise: float | None = None
    seed: int | None = None

    def refuse(self, data: str) -> None:
        """Raise InputError where anything is asked of data that is not drawn."""
        for option, value in (("samples", self.samples), ("noise", self.noise), ("data-seed", self.seed)):
            if value is not None:
                raise InputError(f"{option}: {value} given with {data}, only for {', '.join(_DRAWN)}")


@dataclass(frozen=True)
class _Drawn:
    """A function of `datasets`, the names of the classes 0 and 1, if there are any, and how the target is called."""

    draw: Callable[..., tuple[np.ndarray, np.ndarray]]
    classes: tuple[Label, ...]
    target_name: str


_DRAWN = {
    "xor": _Drawn(datasets.xor, ("signs equal", "signs differ"), "signs"),
    "circles": _Drawn(datasets.circles, ("outer", "inner"), "class"),
    "moons": _Drawn(datasets.moons, ("upper", "lower"), "class"),
    "gaussians": _Drawn(datasets.gaussians, ("lower left", "upper right"), "class"),
    "spiral": _Drawn(datasets.spiral, ("right arm", "left arm"), "class"),
    "plane": _Drawn(datasets.plane, (), "target"),
    "gaussian": _Drawn(datasets.gaussian, (), "target"),
}
DATASET_NAMES = (*_DRAWN, *SKLEARN_NAMES)


def dataset_table(name: str, drawing: Drawing | None = None) -> Table:
    """Return a data set by its name.

    Parameters
    ----------
    name : one of `DATASET_NAMES`
    drawing : Drawing, optional

    Returns
    -------
    Table
        Equal to that which `tables.read_table` reads from a file with the same cells, but for xor, whose classes are in
        the article's order.

    Raises
    ------
    InputError
        There is no such data set, or it cannot be drawn like this, or scikit-learn is needed and not installed.
    """
    check_choice("data", name, DATASET_NAMES)
    drawing = drawing or Drawing()
    if name not in _DRAWN:
        drawing.refuse(name)
        rows = load_rows(name)
        y, classes = _sorted_classes(rows.y, rows.classes)
        return _table(rows.X, y, classes, rows.feature_names, "class" if classes else "target")
    X, y = _draw(name, drawing)
    drawn = _DRAWN[name]
    if name == "xor":
        y, classes = y.argmax(axis=1), drawn.classes
    else:
        y, classes = _sorted_classes(y, drawn.classes)
    return _table(X, y, classes, FEATURE_NAMES, drawn.target_name)


def suggestion(data: str) -> str:
    """Return the end of a message about a file that is not there: which name of a data set was perhaps meant."""
    close = difflib.get_close_matches(data.lower(), DATASET_NAMES, n=1)
    meant = f"did you mean {close[0]}? " if close else ""
    return f"{meant}Data sets are {', '.join(DATASET_NAMES)}"


def _draw(name: str, drawing: Drawing) -> tuple[np.ndarray, np.ndarray]:
    """Check what the drawing asks for, by the names of the options, and draw."""
    asked: dict[str, float] = {}
    if drawing.samples is not None:
        asked["n"] = check_count("samples", drawing.samples, least=2, most=MAX_SAMPLES)
    if drawing.noise is not None:
        asked["noise"] = check_share("noise", drawing.noise, below_one=False)
    if drawing.seed is not None:
        most = MAX_LEGACY_SEED if name == "xor" else MAX_COUNT
        asked["random_state"] = check_count("data-seed", drawing.seed, least=0, most=most)
    X, y = _DRAWN[name].draw(**asked)
    if np.ptp(y, axis=0).max() == 0:
        raise InputError(f"samples: {len(X)} given, all of them with the same {_DRAWN[name].target_name}; more needed")
    return X, y


def _sorted_classes(y: np.ndarray, classes: tuple[Label, ...]) -> tuple[np.ndarray, tuple[Label, ...]]:
    """Return the classes in the order that they have when they are read from a file, and their indices."""
    if not classes:
        return y.astype(np.float64), ()
    order = sorted(range(len(classes)), key=lambda i: classes[i])
    return np.argsort(order)[y], tuple(classes[i] for i in order)


def _table(
    X: np.ndarray, y: np.ndarray, classes: tuple[Label, ...], feature_names: tuple[str, ...], target_name: str
) -> Table:
    return table_in_memory(
        X=X,
        y=y,
        task="classify" if classes else "regress",
        classes=classes,
        columns=numeric_columns(feature_names),
        target_name=target_name,
        task_reason="given",
    )
