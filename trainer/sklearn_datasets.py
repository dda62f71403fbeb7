"""The small real tables that scikit-learn brings, where it is installed: all that needs it beside the estimators.

scikit-learn takes a second to import, so it is when a table is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.checks import check_choice
from trainer.errors import InputError

SKLEARN_NAMES = ("digits", "iris", "wine", "breast_cancer", "diabetes")


@dataclass(frozen=True, eq=False)
class LoadedRows:
    """What scikit-learn has under a name.

    Attributes
    ----------
    X : float64 (n, d)
    y : (n,)
        Indices into `classes`, or numbers to learn.
    feature_names : tuple of str
    classes : tuple of str or int
        Empty where there is a number to learn.
    """

    X: np.ndarray
    y: np.ndarray
    feature_names: tuple[str, ...]
    classes: tuple[str | int, ...]


def load_rows(name: str) -> LoadedRows:
    """Return a table of scikit-learn.

    Parameters
    ----------
    name : one of `SKLEARN_NAMES`

    Raises
    ------
    InputError
        The name is another one, or scikit-learn is not installed.
    """
    check_choice("data", name, SKLEARN_NAMES)
    try:
        from sklearn import datasets
    except ModuleNotFoundError:
        raise InputError(f'{name}: needs scikit-learn; pip install "scratch-mlp[sklearn]"') from None
    loaded = getattr(datasets, f"load_{name}")()
    # tolist: labels as Python's text and whole numbers, which the digits' are.
    classes = tuple(np.asarray(loaded.target_names).tolist()) if "target_names" in loaded else ()
    return LoadedRows(
        X=np.ascontiguousarray(loaded.data, dtype=np.float64),
        y=loaded.target,
        feature_names=tuple(str(feature) for feature in loaded.feature_names),
        classes=classes,
    )
