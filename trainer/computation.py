"""What is computed of rows with given parameters: outputs, those of every layer, classes, the loss and its gradient.

The arithmetic is the kernels'. That rows are finite, C-contiguous, of the right width and dtype is left to those that
call.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kernels.backends import Backend
from kernels.structs import Network, Objective, Samples
from kernels.workspace import allocate_workspace
from trainer.parameters import split_layers

ROWS_AT_ONCE = 256


def outputs_of_rows(backend: Backend, network: Network, parameters: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the outputs (n_samples, n_outputs) for x (n_samples, n_features)."""
    out = np.empty((x.shape[0], network.sizes[-1]), parameters.dtype)
    workspace = backend.workspace_of_forward(network, min(x.shape[0], ROWS_AT_ONCE), parameters.dtype)
    backend.forward(network, parameters, x, workspace, out)
    return out


def classes_of(outputs: np.ndarray) -> np.ndarray:
    """Return class indices (n_samples,) for outputs (n_samples, n_outputs); a single one means class 1 from 1/2 on."""
    if outputs.shape[1] == 1:
        return (outputs[:, 0] >= 0.5).astype(np.int64)
    return outputs.argmax(axis=1)


def outputs_of_layers(backend: Backend, network: Network, parameters: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
    """Return the outputs (n_samples, n_units) of every layer for x (n_samples, n_features), hidden ones first."""
    h, outputs = x, []
    weights, biases = split_layers(parameters, network.sizes.tolist(), bias=network.bias)
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        out = np.empty((h.shape[0], weight.shape[1]), parameters.dtype)
        backend.affine(h, weight, bias, out)
        backend.activate_inplace(int(network.activations[layer]), out)
        outputs.append(out)
        h = out
    return outputs


def loss_and_gradient_of(
    backend: Backend, network: Network, samples: Samples, terms: Objective
) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    """Return a function of the flat parameters that tells the loss of these samples, with penalties, and its gradient.

    The gradient is written over by the next call.
    """
    in_lanes = False if samples.weights.size else None  # rows that count differently have no way in lanes
    workspace = allocate_workspace(network, samples.x.shape[0], samples.x.dtype, in_lanes=in_lanes)

    def loss_and_gradient(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        loss = backend.loss_and_gradients(network, parameters, samples, workspace, terms)
        return loss, workspace.gradients[: parameters.size]

    return loss_and_gradient
