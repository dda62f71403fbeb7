"""The values that weights start from. Where the seeds come from is left to `trainer.model`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from trainer.checks import MAX_COUNT, MAX_LEGACY_SEED, check_count

INITIALIZATIONS = ("glorot", "article")
ARTICLE_SEED = 2017

# Half-width of the uniform interval is sqrt(GAIN / (fan_in + fan_out)): Glorot and Bengio (2010) give 6 for tanh and
# 4**2 times that for the logistic function; He et al. (2015) give 6 / fan_in for relu, which GAIN 12 equals at equal
# fans.
_GAINS = {"identity": 6.0, "sigmoid": 96.0, "tanh": 6.0, "relu": 12.0, "softmax": 6.0, "exp": 6.0}


def check_random_state(random_state: int | None, init: str) -> None:
    """Raise TypeError or ValueError where this is no seed for such weights; None is one."""
    if random_state is not None:
        most = MAX_LEGACY_SEED if init == "article" else MAX_COUNT
        check_count("random_state", random_state, least=0, most=most)


def initial_weights(
    init: str,
    layer_sizes: Sequence[int],
    activations: Sequence[str],
    random_state: int | None,
    seed: np.random.SeedSequence,
) -> list[np.ndarray]:
    """Return weights (n_in, n_out), layer by layer: the article's from the number given, others from the seed."""
    if init == "article":
        return article_weights(layer_sizes, ARTICLE_SEED if random_state is None else random_state)
    return glorot_weights(layer_sizes, activations, np.random.default_rng(seed))


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
