"""The NumPy backend: the specification of every kernel, and an honest baseline.

Same functions, arguments and results as the compiled ones in `gemm`, `activations` and `network`. Buffers are allocated
once and written with ``out=``; views of them are made once per call and number of rows, not per step. Training is left
to `reference_training`.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from kernels.activations import EXP, RELU, SIGMOID, SOFTMAX, TANH
from kernels.dropout import NO_DROPOUT, kept_units
from kernels.reference_losses import errors_to_slopes, is_of_logits, likelihood
from kernels.structs import Dropout, Network, Objective, Samples
from kernels.workspace import Workspace


def matmul(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """Write ``a @ b`` to `out`: a (m, k), b (k, n), out (m, n)."""
    np.matmul(a, b, out=out)


def matmul_tn(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """Write ``a.T @ b`` to `out`: a (k, m), b (k, n), out (m, n)."""
    np.matmul(a.T, b, out=out)


def matmul_nt(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """Write ``a @ b.T`` to `out`: a (m, k), b (n, k), out (m, n)."""
    np.matmul(a, b.T, out=out)


def affine(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, out: np.ndarray) -> None:
    """Write ``x @ weight + bias`` to `out`: x (m, k), weight (k, n), bias (n,) or (0,) for none, out (m, n)."""
    np.matmul(x, weight, out=out)
    if bias.size:
        out += bias


def activate_inplace(activation: int, h: np.ndarray) -> None:
    """Overwrite the logits h (n_samples, n_units) by their activation."""
    if activation == SIGMOID:
        np.negative(h, out=h)
        np.exp(h, out=h)
        h += 1
        np.reciprocal(h, out=h)
    elif activation == TANH:
        np.tanh(h, out=h)
    elif activation == RELU:
        np.maximum(h, 0, out=h)
    elif activation == SOFTMAX:
        h -= h.max(axis=1, keepdims=True)
        np.exp(h, out=h)
        h /= h.sum(axis=1, keepdims=True)
    elif activation == EXP:
        np.exp(h, out=h)


def multiply_by_derivative_inplace(activation: int, h: np.ndarray, delta: np.ndarray) -> None:
    """Turn delta from dL/dh into dL/dz, given the outputs h; both (n_samples, n_units)."""
    if activation == SIGMOID:
        delta *= h
        delta *= 1 - h
    elif activation == TANH:
        delta *= (1 - h) * (1 + h)
    elif activation == RELU:
        delta *= h > 0
    elif activation == SOFTMAX:
        delta -= np.einsum("ij,ij->i", h, delta)[:, np.newaxis]
        delta *= h
    elif activation == EXP:
        delta *= h


def output_delta(
    network: Network,
    z: np.ndarray,
    y: np.ndarray,
    delta: np.ndarray,
    scale: float,
    weights: np.ndarray | None = None,
) -> float:
    """Overwrite the logits by the outputs, write scale times dL/dz to delta, return L summed over the rows.

    Loss and delta of each row are multiplied by its weight, if there are `weights` (n_samples,).
    """
    if weights is not None and weights.size:
        total = 0.0
        for i, weight in enumerate(weights):
            row = slice(i, i + 1)
            total += weight * output_delta(network, z[row], y[row], delta[row], scale * weight)
        return total
    activation = int(network.activations[-1])
    if is_of_logits(network.loss):
        total = likelihood(activation, z, y)
        activate_inplace(activation, z)
        if activation == SOFTMAX:
            np.multiply(z, y.sum(axis=1, keepdims=True), out=delta)
            delta -= y
        else:
            np.subtract(z, y, out=delta)
    else:
        activate_inplace(activation, z)
        np.subtract(z, y, out=delta)
        total = errors_to_slopes(network.loss, network.loss_parameter, delta)
        multiply_by_derivative_inplace(activation, z, delta)
    delta *= z.dtype.type(scale)
    return total


class LayerViews:
    """Views of the flat buffers for one number of rows: weights, biases, their gradients, outputs and deltas."""

    def __init__(self, network: Network, parameters: np.ndarray, workspace: Workspace, rows: int) -> None:
        sizes = [int(size) for size in network.sizes]
        self.activations = [int(code) for code in network.activations]
        self.weights, self.biases, self.d_weights, self.d_biases = [], [], [], []
        self.outputs, self.deltas = [], []
        offset = h_offset = 0
        buffers = (workspace.delta, workspace.other_delta)
        for layer, (n_in, n_out) in enumerate(pairwise(sizes)):
            end = offset + n_in * n_out
            bias_end = end + (n_out if network.bias else 0)
            self.weights.append(parameters[offset:end].reshape(n_in, n_out))
            self.biases.append(parameters[end:bias_end])
            self.d_weights.append(workspace.gradients[offset:end].reshape(n_in, n_out))
            self.d_biases.append(workspace.gradients[end:bias_end])
            self.outputs.append(workspace.outputs[h_offset : h_offset + rows * n_out].reshape(rows, n_out))
            self.deltas.append(buffers[layer % 2][: rows * n_out].reshape(rows, n_out))
            offset, h_offset = bias_end, h_offset + workspace.batch_size * n_out


def run_layers(layers: LayerViews, x: np.ndarray, dropout: Dropout = NO_DROPOUT) -> np.ndarray:
    """Run all layers, leaving the last one's logits unactivated."""
    h = x
    for layer, z in enumerate(layers.outputs):
        affine(h, layers.weights[layer], layers.biases[layer], z)
        if layer < len(layers.outputs) - 1:
            activate_inplace(layers.activations[layer], z)
            if dropout.share > 0.0:
                z *= kept_units(dropout, layer, *z.shape)
                z *= z.dtype.type(1 / (1 - dropout.share))
        h = z
    return h


def _backward(layers: LayerViews, x: np.ndarray, dropout: Dropout) -> None:
    for layer in reversed(range(len(layers.weights))):
        h = layers.outputs[layer - 1] if layer else x
        delta = layers.deltas[layer]
        matmul_tn(h, delta, layers.d_weights[layer])
        if layers.d_biases[layer].size:
            np.sum(delta, axis=0, out=layers.d_biases[layer])
        if layer:
            matmul_nt(delta, layers.weights[layer], layers.deltas[layer - 1])
            below = layers.deltas[layer - 1]
            if dropout.share > 0.0:
                h = h * h.dtype.type(1 - dropout.share)
                below *= kept_units(dropout, layer - 1, *below.shape)
                below *= below.dtype.type(1 / (1 - dropout.share))
            multiply_by_derivative_inplace(layers.activations[layer - 1], h, below)


def _add_penalties(layers: LayerViews, weight_sum: float, objective: Objective) -> float:
    """Add the penalties' gradients and return N times the penalties, N being what the rows count together."""
    penalty = 0.0
    for weight, d_weight in zip(layers.weights, layers.d_weights, strict=True):
        squares = float(np.vdot(weight, weight))
        penalty += 0.5 * objective.l2 * squares
        if objective.article:
            d_weight += weight.dtype.type(objective.l2 * squares)
        else:
            penalty += objective.l1 * float(np.abs(weight).sum())
            d_weight += weight * weight.dtype.type(objective.l2 / weight_sum)
            d_weight += np.sign(weight) * weight.dtype.type(objective.l1 / weight_sum)
    return penalty


def _total_weight(samples: Samples) -> float:
    """Return what the rows count together, or 1 if that is nothing: then their loss and gradient are 0."""
    return (float(samples.weights.sum()) or 1.0) if samples.weights.size else float(len(samples.x))


def batch_loss_and_gradients(
    network: Network, layers: LayerViews, samples: Samples, objective: Objective, dropout: Dropout = NO_DROPOUT
) -> float:
    """Write the gradients for a batch through the views of it; return its loss with penalties."""
    weight = _total_weight(samples)
    z = run_layers(layers, samples.x, dropout)
    scale = 1.0 if objective.article else 1.0 / weight
    total = output_delta(network, z, samples.y, layers.deltas[-1], scale, samples.weights)
    _backward(layers, samples.x, dropout)
    penalty = _add_penalties(layers, weight, objective) if objective.l2 or objective.l1 else 0.0
    return (total + penalty) / weight


def forward(network: Network, parameters: np.ndarray, x: np.ndarray, workspace: Workspace, out: np.ndarray) -> None:
    """Write the network's outputs for x (n_samples, n_features) to out (n_samples, n_outputs), batch by batch."""
    with np.errstate(over="ignore"):
        for start in range(0, x.shape[0], workspace.batch_size):
            rows_x = x[start : start + workspace.batch_size]
            layers = LayerViews(network, parameters, workspace, rows_x.shape[0])
            z = run_layers(layers, rows_x)
            activate_inplace(layers.activations[-1], z)
            out[start : start + rows_x.shape[0]] = z


def loss_and_gradients(
    network: Network,
    parameters: np.ndarray,
    samples: Samples,
    workspace: Workspace,
    objective: Objective,
) -> float:
    """Write the gradients for all rows, at most a batch, to `workspace.gradients`; return the loss with penalties."""
    with np.errstate(over="ignore"):
        layers = LayerViews(network, parameters, workspace, samples.x.shape[0])
        return batch_loss_and_gradients(network, layers, samples, objective)
