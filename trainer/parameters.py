"""Views of a flat array of parameters, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, SupportsIndex

import numpy as np

from trainer.errors import InputError


class ParameterViews(list[np.ndarray]):
    """The weights or biases of all layers; an assignment to an item writes into the network."""

    def __setitem__(self, layer: SupportsIndex | slice, values: Any) -> None:
        """Copy values of the same shape into one layer's array."""
        if isinstance(layer, slice):
            raise TypeError("layer: a slice given, the index of one layer accepted")
        view, array = self[layer], np.asarray(values)
        if array.shape != view.shape:
            raise InputError(f"layer {layer}: shape {array.shape} given, {view.shape} accepted")
        view[...] = array


def count_parameters(layer_sizes: Sequence[int], *, bias: bool) -> int:
    """Return how many weights and biases a network has."""
    n_biases = sum(layer_sizes[1:]) if bias else 0
    return sum(n_in * n_out for n_in, n_out in pairwise(layer_sizes)) + n_biases


def split_layers(
    flat: np.ndarray, layer_sizes: Sequence[int], *, bias: bool, widths: Sequence[int] | None = None
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return views of the weights (n_in, n_out) and of the biases (n_out,), which are empty for layers without.

    Rows of weights lie `widths` elements apart, a number for each layer size; by default they have no gaps.
    """
    weights, biases, offset = [], [], 0
    for (n_in, n_out), (_, width) in zip(pairwise(layer_sizes), pairwise(widths or layer_sizes), strict=True):
        end = offset + n_in * width
        bias_end = end + (n_out if bias else 0)
        weights.append(flat[offset:end].reshape(n_in, width)[:, :n_out])
        biases.append(flat[end:bias_end])
        offset = bias_end
    return weights, biases


def assign(name: str, views: Sequence[np.ndarray], values: Iterable[np.ndarray]) -> None:
    """Copy values into the views.

    Raises
    ------
    InputError
        The shapes differ; then nothing is copied.
    """
    arrays = [np.asarray(value) for value in values]
    if [array.shape for array in arrays] != [view.shape for view in views]:
        given, accepted = [array.shape for array in arrays], [view.shape for view in views]
        raise InputError(f"{name}: shapes {given} given, {accepted} accepted")
    for view, array in zip(views, arrays, strict=True):
        view[...] = array
