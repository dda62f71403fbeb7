"""Random networks and samples for tests, and the same network as an exact problem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from exact_network import Problem

from trainer import MLP

# Pairs of a loss and an output activation: all activations of squared errors, and of the other losses one that is
# computed alike and the ones that are not.
LOSSES_AND_OUTPUTS = (
    ("mse", "identity"),
    ("mse", "sigmoid"),
    ("mse", "tanh"),
    ("mse", "relu"),
    ("mse", "softmax"),
    ("mean_mse", "identity"),
    ("mean_mse", "softmax"),
    ("absolute", "identity"),
    ("absolute", "sigmoid"),
    ("absolute", "relu"),
    ("huber", "identity"),
    ("huber", "tanh"),
    ("quantile", "identity"),
    ("quantile", "sigmoid"),
    ("cross_entropy", "sigmoid"),
    ("cross_entropy", "softmax"),
    ("poisson", "exp"),
)
# The loss that mean_mse reports is not what its gradient belongs to.
LOSSES_WITH_THEIR_GRADIENTS = tuple(pair for pair in LOSSES_AND_OUTPUTS if pair[0] != "mean_mse")
# Neither is the default, nor a number that the types hold exactly.
LOSS_PARAMETERS = {"huber": 0.6, "quantile": 0.8}


def random_network(generator: np.random.Generator, layer_sizes: Sequence[int], **options: Any) -> MLP:
    """Return a network with weights and biases of either sign, none near zero, where sum |w| has a kink."""
    parameter = LOSS_PARAMETERS.get(options.get("loss", "mse"))
    model = MLP(layer_sizes, random_state=0, **{"loss_parameter": parameter, **options})
    magnitudes = generator.uniform(0.05, 1.0, model.parameters.size)
    model.parameters[:] = magnitudes * generator.choice([-1.0, 1.0], model.parameters.size)
    for weight in model.weights:
        weight /= np.sqrt(weight.shape[0])
    return model


def random_samples(generator: np.random.Generator, model: MLP, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return X of normal numbers, and Y: uniform on [0, 1), or one-hot rows for softmax with cross-entropy."""
    X = generator.standard_normal((rows, model.layer_sizes[0])).astype(model.dtype)
    outputs = model.layer_sizes[-1]
    if (model.loss_name, model.output_activation) == ("cross_entropy", "softmax"):
        return X, np.eye(outputs, dtype=model.dtype)[generator.integers(outputs, size=rows)]
    return X, generator.random((rows, outputs)).astype(model.dtype)


def problem(model: MLP, *, l2: float = 0.0, l1: float = 0.0, article: bool = False) -> Problem:
    """Return what the network computes, for `exact_network`."""
    hidden = model.hidden_activations
    parameter = model.loss_parameter
    return Problem((*hidden, model.output_activation), model.loss_name, model.dtype, l2, l1, article, parameter)


def flat(gradients: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return the gradients of all layers in a row: of each layer's weight, then of its bias."""
    return np.concatenate([block.reshape(-1) for pair in gradients for block in pair])
