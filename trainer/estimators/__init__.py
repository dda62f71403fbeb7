"""scikit-learn's multilayer perceptrons, trained by this project's kernels: a face for `trainer.model`.

Changing one import is all it takes::

    from trainer.estimators import MLPClassifier, MLPRegressor

Parameters, attributes, methods, defaults and warnings are those of `sklearn.neural_network`, and so are initial weights
and the order of the batches: the same ``random_state`` gives the same weights up to rounding. What is added has
keywords of its own, see `MLPClassifier` and `MLPRegressor`.
"""

from __future__ import annotations

try:
    import sklearn  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("trainer.estimators needs scikit-learn: pip install 'scratch-mlp[sklearn]'") from error

from trainer.estimators.classifier import MLPClassifier
from trainer.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
