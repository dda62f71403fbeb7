"""The values that weights start from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

INITIALIZATIONS = ("glorot", "article")

# Half-width of the uniform interval is sqrt(GAIN / (fan_in + fan_out)): Glorot and Bengio (2010) give 6 for tanh and
# 4**2 times that for the logistic function; He et al. (2015) give 6 / fan_in for relu, which GAIN 12 equals at equal
# fans.
_GAINS = {"identity": 6.0, "sigmoid": 96.0, "tanh": 6.0, "relu": 12.0, "softmax": 6.0, "exp": 6.0}


def glorot_weights(
    layer_sizes: Sequence[int], activations: Sequence[str], generator: np.random.Generator
) -> list[np.ndarray]:
    """Draw weights (n_in, n_out) uniform in an interval that keeps the signal's variance through each layer.

    A single linear layer on top (identity, softmax or exp outputs) and relu layers have intervals of their own; see
    `_GAINS`.
    """
    weights = []
    for n_in, n_out, activation in zip(layer_sizes[:-1], layer_sizes[1:], activations, strict=True):
        bound = math.sqrt(_GAINS[activation] / (n_in + n_out))
        weights.append(generator.uniform(-bound, bound, (n_in, n_out)))
    return weights


def scikit_learn_layers(
    layer_sizes: Sequence[int], activations: Sequence[str], generator: np.random.RandomState
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw weights (n_in, n_out) and biases (n_out,) as scikit-learn's multilayer perceptrons do, layer by layer.

    Both are uniform within ``sqrt(gain / (n_in + n_out))``, gain being 2 for sigmoid and else 6. The last of the
    `activations`, one for each layer, is that of the hidden layers.
    """
    layers = []
    for (n_in, n_out), name in zip(pairwise(layer_sizes), activations, strict=True):
        bound = np.sqrt((2.0 if name == "sigmoid" else 6.0) / (n_in + n_out))
        layers.append((generator.uniform(-bound, bound, (n_in, n_out)), generator.uniform(-bound, bound, n_out)))
    return layers


def article_weights(layer_sizes: Sequence[int], seed: int) -> list[np.ndarray]:
    """Draw weights as the article does: legacy generator, uniform on [-1, 1) divided by sqrt(fan_in), W1 first."""
    generator = np.random.RandomState(seed)
    return [generator.uniform(-1, 1, (n_in, n_out)) / np.sqrt(n_in) for n_in, n_out in pairwise(layer_sizes)]
