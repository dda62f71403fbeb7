"""PyTorch without autograd: backpropagation by hand, first as operations that write into buffers, then compiled.

The buffers' form lets a product add itself to the weights at once. The compiled form is one function without buffers,
of which `torch.compile` makes C++: it fuses what stands between the products.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from bench.problem import Problem

Tensors = list[torch.Tensor]


def tensors(arrays: list[np.ndarray]) -> Tensors:
    """Return tensors with copies of the arrays."""
    return [torch.from_numpy(array.copy()) for array in arrays]


class ManualTraining:
    """Weights (n_in, n_out), and a buffer for each layer's outputs and deltas."""

    def __init__(self, problem: Problem) -> None:
        torch.set_num_threads(1)
        self.weights, self.biases = tensors(problem.weights), tensors(problem.biases)
        self.x, self.y, self.learning_rate = *tensors([problem.x, problem.y]), problem.learning_rate
        self.outputs = [torch.empty(len(self.x), len(bias)) for bias in self.biases]
        self.deltas = [torch.empty_like(output) for output in self.outputs]
        self.d_biases = [torch.empty_like(bias) for bias in self.biases]
        self.loss = torch.zeros(())

    @torch.inference_mode()
    def advance(self, steps: int) -> None:
        """Take steps."""
        for _ in range(steps):
            self._forward()
            self._backward()

    def _forward(self) -> None:
        h = self.x
        for weight, bias, output in zip(self.weights, self.biases, self.outputs, strict=True):
            torch.addmm(bias, h, weight, out=output)
            h = output.sigmoid_()

    def _backward(self) -> None:
        sigmoid_backward: Any = torch.ops.aten.sigmoid_backward.grad_input
        delta, output, rows = self.deltas[-1], self.outputs[-1], len(self.x)
        torch.sub(output, self.y, out=delta)
        flat = delta.view(-1)
        self.loss = torch.dot(flat, flat).mul_(0.5 / rows)
        delta.mul_(1 / rows)
        sigmoid_backward(delta, output, grad_input=delta)
        for layer in reversed(range(len(self.weights))):
            below = self.outputs[layer - 1] if layer else self.x
            delta, weight, d_bias = self.deltas[layer], self.weights[layer], self.d_biases[layer]
            if layer:
                torch.mm(delta, weight.t(), out=self.deltas[layer - 1])
                sigmoid_backward(self.deltas[layer - 1], below, grad_input=self.deltas[layer - 1])
            weight.addmm_(below.t(), delta, alpha=-self.learning_rate)
            torch.sum(delta, 0, out=d_bias)
            self.biases[layer].add_(d_bias, alpha=-self.learning_rate)

    def parameters(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return weights and biases."""
        return [weight.numpy() for weight in self.weights], [bias.numpy() for bias in self.biases]


def manual_step(weights: Tensors, biases: Tensors, x: torch.Tensor, y: torch.Tensor, rate: float) -> torch.Tensor:
    """Take one step, updating the parameters in place; return the loss before it."""
    outputs = [x]
    for weight, bias in zip(weights, biases, strict=True):
        outputs.append(torch.sigmoid(torch.addmm(bias, outputs[-1], weight)))
    residual, rows = outputs[-1] - y, len(x)
    loss = residual.square().sum() * (0.5 / rows)
    delta = residual * outputs[-1] * (1 - outputs[-1]) * (1 / rows)
    for layer in reversed(range(len(weights))):
        h, weight = outputs[layer], weights[layer]
        d_weight, d_bias = h.t() @ delta, delta.sum(0)
        if layer:
            delta = (delta @ weight.t()) * h * (1 - h)
        weight.sub_(rate * d_weight)
        biases[layer].sub_(rate * d_bias)
    return loss


@functools.cache
def compiled_step(*sizes: int) -> Callable[..., torch.Tensor]:
    """Return the step compiled for one problem's sizes; code for those before is dropped, as there is a limit."""
    torch._dynamo.reset()
    return torch.compile(manual_step, dynamic=False)


class CompiledTraining:
    """Parameters, and the compiled step."""

    def __init__(self, problem: Problem) -> None:
        torch.set_num_threads(1)
        self.weights, self.biases = tensors(problem.weights), tensors(problem.biases)
        self.x, self.y, self.learning_rate = *tensors([problem.x, problem.y]), problem.learning_rate
        self.step = compiled_step(len(problem.x), *problem.layer_sizes)
        self.loss = torch.zeros(())

    @torch.no_grad()
    def advance(self, steps: int) -> None:
        """Take steps; the first compiles."""
        for _ in range(steps):
            self.loss = self.step(self.weights, self.biases, self.x, self.y, self.learning_rate)

    def parameters(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return weights and biases."""
        return [weight.numpy() for weight in self.weights], [bias.numpy() for bias in self.biases]
