"""What a network is made of: the names that are accepted, and its layers as kernels take them.

Which losses suit which outputs is left to `trainer.losses`, the parameters to `trainer.parameters`, and what can be
done with a network to `trainer.model`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kernels.activations import ACTIVATIONS
from kernels.losses import LOSSES
from kernels.structs import Network
from trainer.checks import check_choice
from trainer.errors import InputError

HIDDEN_ACTIVATIONS = ("sigmoid", "tanh", "relu", "identity")
DTYPES = ("float32", "float64")


def network_of(
    layer_sizes: Sequence[int], activations: Sequence[str], loss: str, loss_parameter: float | None, *, bias: bool
) -> Network:
    """Return a network as kernels take it; `activations` are those of all layers but the first, outputs last."""
    return Network(
        np.array(layer_sizes, dtype=np.int64),
        np.array([ACTIVATIONS[name] for name in activations], dtype=np.int64),
        LOSSES[loss],
        bias,
        loss_parameter or 0.0,
    )


def hidden_activations(given: object, n_hidden: int) -> tuple[str, ...]:
    """Return the activation of each hidden layer, given one name for all or a sequence of names."""
    if isinstance(given, str) or not isinstance(given, Sequence):
        return (check_choice("activation", given, HIDDEN_ACTIVATIONS),) * n_hidden
    if len(given) != n_hidden:
        raise InputError(f"activation: {len(given)} names given, one for each of {n_hidden} hidden layers accepted")
    return tuple(check_choice(f"activation[{i}]", name, HIDDEN_ACTIVATIONS) for i, name in enumerate(given))


def dtype_name(dtype: npt.DTypeLike | None) -> str | None:
    """Return the name of a dtype given by name, type or dtype object."""
    try:
        return None if dtype is None else np.dtype(dtype).name
    except TypeError:
        return str(dtype)
