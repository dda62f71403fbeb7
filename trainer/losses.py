"""What each loss asks for: outputs that it goes with, its parameter, targets that it takes, tasks that it suits."""

from __future__ import annotations

import numpy as np

from trainer.checks import check_real, check_share
from trainer.errors import InputError

_OF_HIDDEN_LAYERS = ("sigmoid", "tanh", "relu", "identity")
_OUTPUTS = {
    "mse": (*_OF_HIDDEN_LAYERS, "softmax"),
    "mean_mse": (*_OF_HIDDEN_LAYERS, "softmax"),
    "absolute": _OF_HIDDEN_LAYERS,
    "huber": _OF_HIDDEN_LAYERS,
    "quantile": _OF_HIDDEN_LAYERS,
    "cross_entropy": ("sigmoid", "softmax"),
    "poisson": ("exp",),
}
# Where errors weigh less, in the units of the targets; and the quantile that is the median.
_PARAMETERS = {"huber": 1.0, "quantile": 0.5}
# Their targets are counts: no negative ones, and no others that a shift and a scale would make of them.
OF_COUNTS = ("poisson",)
LOSSES_OF_TASKS = {
    "classify": ("mse", "cross_entropy"),
    "regress": ("mse", "absolute", "huber", "quantile", "poisson"),
}


def check_outputs(loss: str, output_activation: str) -> None:
    """Raise InputError where a loss is not one of outputs of this activation."""
    accepted = _OUTPUTS[loss]
    if output_activation not in accepted:
        raise InputError(f"loss: {loss} given, outputs of {_one_of(accepted)} needed, not {output_activation}")


def check_loss_parameter(loss: str, value: object, name: str = "loss_parameter") -> float | None:
    """Return the parameter of a loss, by default its own; None for a loss that has none.

    Parameters
    ----------
    loss : name of a loss
    value : d > 0 of huber, q in (0, 1) of quantile, or None
    name : what an error calls it
    """
    if loss not in _PARAMETERS:
        if value is not None:
            raise InputError(f"{name}: {value} given with the loss {loss}, {' and '.join(_PARAMETERS)} have one")
        return None
    if value is None:
        return _PARAMETERS[loss]
    return check_real(name, value, positive=True) if loss == "huber" else check_share(name, value, above_zero=True)


def check_targets(loss: str, targets: np.ndarray) -> None:
    """Raise InputError where a target (n_samples, n_outputs) is none that the loss is made for."""
    if loss in OF_COUNTS and (targets < 0).any():
        row, column = np.argwhere(targets < 0)[0]
        raise InputError(
            f"Y: {targets[row, column]:g} at row {row}, column {column}, "
            f"numbers of at least 0 accepted for the loss {loss}"
        )


def check_target_column(loss: str, name: str, targets: np.ndarray) -> None:
    """Do what `check_targets` does for the targets (n_samples,) of a table, by the name of their column."""
    if loss in OF_COUNTS and (targets < 0).any():
        row = int(np.argmax(targets < 0))
        raise InputError(
            f"target {name}: row {row + 1} holds {targets[row]:g}, numbers of at least 0 accepted for the loss {loss}"
        )


def check_task(loss: str, task: str) -> None:
    """Raise InputError where a loss makes no sense for a task of `LOSSES_OF_TASKS`."""
    accepted = LOSSES_OF_TASKS[task]
    if loss not in accepted:
        kind = "classification" if task == "classify" else "regression"
        raise InputError(f"loss: {loss} given for a {kind}, {_one_of(accepted)} accepted")


def outputs_of(loss: str, task: str) -> str:
    """Return the output activation that suits a loss and a task."""
    if task == "regress":
        return "exp" if loss == "poisson" else "identity"
    return "softmax" if loss == "cross_entropy" else "sigmoid"


def _one_of(names: tuple[str, ...]) -> str:
    return " or ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
