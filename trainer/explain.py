"""One training step of a small network, every matrix named: what `scratch-mlp explain` shows.

The numbers are computed by the backend's own kernels, one at a time, in the order of the article: forward, loss,
backward with the chain rule in pieces, update.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kernels.activations import ACTIVATIONS
from kernels.backends import BACKENDS
from trainer.model import MLP

Steps = dict[str, np.ndarray | float]


def explain_step(model: MLP, x: Sequence[float], y: Sequence[float], learning_rate: float) -> Steps:
    """Return every named quantity of one step on one sample, in the order in which it is computed.

    Parameters
    ----------
    model : MLP
        A network with squared error and an elementwise output activation; it is not changed.
    x, y : (n_inputs,) and (n_outputs,)
        The sample and its target.
    learning_rate : float

    Returns
    -------
    dict
        x, y, learning_rate; W1, b1, ...; z1, h1, ... up to the outputs; loss; then from the last layer L to the first
        dL_dh, dh_dz, dL_dW, dL_db with the layer's number (``dL_dW2``), and the updated parameters
        (``W1_updated``). Rows are samples, there is one. Biases only for networks that have them.
    """
    backend = BACKENDS[model.backend]
    weights, biases = model.weights, model.biases
    activations = [*model.hidden_activations, model.output_activation]
    row = np.array([x], dtype=model.dtype)
    target = np.array([y], dtype=model.dtype)
    steps: Steps = {"x": row, "y": target, "learning_rate": learning_rate}
    for number, weight in enumerate(weights, start=1):
        steps[f"W{number}"] = weight.copy()
        if biases:
            steps[f"b{number}"] = biases[number - 1].copy()

    inputs = [row]
    for number, (weight, name) in enumerate(zip(weights, activations, strict=True), start=1):
        z = np.empty((1, weight.shape[1]), model.dtype)
        backend.affine(inputs[-1], weight, biases[number - 1] if biases else np.empty(0, model.dtype), z)
        h = z.copy()
        backend.activate_inplace(ACTIVATIONS[name], h)
        steps[f"z{number}"], steps[f"h{number}"] = z, h
        inputs.append(h)

    d_h = inputs[-1] - target
    steps["loss"] = float(0.5 * np.sum(np.square(d_h)))
    updated: Steps = {}
    for number in range(len(weights), 0, -1):
        weight = weights[number - 1]
        derivative = np.ones_like(inputs[number])
        backend.multiply_by_derivative_inplace(ACTIVATIONS[activations[number - 1]], inputs[number], derivative)
        delta = d_h * derivative
        d_weight = np.empty_like(weight)
        backend.matmul_tn(inputs[number - 1], delta, d_weight)
        steps[f"dL_dh{number}"], steps[f"dh{number}_dz{number}"] = d_h, derivative
        steps[f"dL_dW{number}"] = d_weight
        after: Steps = {f"W{number}_updated": weight - model.dtype.type(learning_rate) * d_weight}
        if biases:
            steps[f"dL_db{number}"] = delta[0]
            after[f"b{number}_updated"] = biases[number - 1] - model.dtype.type(learning_rate) * delta[0]
        updated = after | updated
        d_h = np.empty_like(inputs[number - 1])
        backend.matmul_nt(delta, weight, d_h)
    return steps | updated
