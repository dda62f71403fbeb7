"""PyTorch's tensors with oneDNN's matrix products, which use all of an AVX-512 processor of any make.

The products go through ``torch.ops.mkldnn._linear_pointwise(X, W, bias, activation, ...)``, which computes
``activation(X Wᵀ + bias)`` and takes transposed views as they are. It is internal to PyTorch, and it has no way to
write into a buffer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from bench.peers.torch_manual import tensors
from bench.problem import Problem


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, activation: str) -> torch.Tensor:
    """Return ``activation(x weightᵀ + bias)`` for activation "none" or "sigmoid"."""
    operation: Any = torch.ops.mkldnn._linear_pointwise.default
    result: torch.Tensor = operation(x, weight, bias, activation, [], "")
    return result


class OneDnnTraining:
    """Weights (n_in, n_out) and biases; backpropagation by hand."""

    def __init__(self, problem: Problem) -> None:
        torch.set_num_threads(1)
        self.weights, self.biases = tensors(problem.weights), tensors(problem.biases)
        self.x, self.y, self.learning_rate = *tensors([problem.x, problem.y]), problem.learning_rate
        self.loss = torch.zeros(())

    @torch.inference_mode()
    def advance(self, steps: int) -> None:
        """Take steps."""
        for _ in range(steps):
            self._step()

    def _step(self) -> None:
        sigmoid_backward: Any = torch.ops.aten.sigmoid_backward.grad_input
        outputs = [self.x]
        for weight, bias in zip(self.weights, self.biases, strict=True):
            outputs.append(linear(outputs[-1], weight.t(), bias, "sigmoid"))
        delta, rows = outputs[-1] - self.y, len(self.x)
        flat = delta.view(-1)
        self.loss = torch.dot(flat, flat).mul_(0.5 / rows)
        delta.mul_(1 / rows)
        sigmoid_backward(delta, outputs[-1], grad_input=delta)
        for layer in reversed(range(len(self.weights))):
            h, weight = outputs[layer], self.weights[layer]
            d_weight, d_bias = linear(h.t(), delta.t(), None, "none"), delta.sum(0)
            if layer:
                delta = linear(delta, weight, None, "none")
                sigmoid_backward(delta, h, grad_input=delta)
            weight.add_(d_weight, alpha=-self.learning_rate)
            self.biases[layer].add_(d_bias, alpha=-self.learning_rate)

    def parameters(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return weights and biases."""
        return [weight.numpy() for weight in self.weights], [bias.numpy() for bias in self.biases]
