"""Rows as kernels take them: checked, and of a network's dtype. Where they come from is left to those that call."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kernels.structs import Samples
from trainer.checks import check_rows, check_sample_weight
from trainer.errors import InputError
from trainer.losses import check_targets


def checked_samples(
    X: np.ndarray,
    Y: np.ndarray,
    sample_weight: np.ndarray | None,
    *,
    layer_sizes: Sequence[int],
    dtype: np.dtype,
    loss: str,
) -> Samples:
    """Return rows of this dtype, not copied where they are of it already.

    Parameters
    ----------
    X : (n_samples, n_inputs)
    Y : (n_samples, n_outputs)
    sample_weight : (n_samples,), or None
    layer_sizes : of the network, inputs first
    loss : whose targets they are

    Raises
    ------
    InputError
        They are not finite, do not fit together or the network, or are no targets of this loss.
    """
    x, y = check_rows("X", X, layer_sizes[0], dtype), check_rows("Y", Y, layer_sizes[-1], dtype)
    if x.shape[0] != y.shape[0]:
        raise InputError(f"Y: {y.shape[0]} rows given, as many as in X accepted, {x.shape[0]}")
    check_targets(loss, y)
    if sample_weight is None:
        return Samples(x, y)
    return Samples(x, y, check_sample_weight("sample_weight", sample_weight, x.shape[0]))
