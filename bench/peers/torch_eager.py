"""PyTorch as its tutorials have it: `nn.Sequential`, autograd, `torch.optim.SGD`."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from bench.problem import Problem


class EagerTraining:
    """A sequential module and its optimizer."""

    def __init__(self, problem: Problem) -> None:
        torch.set_num_threads(1)
        layers: list[nn.Module] = []
        for weight, bias in zip(problem.weights, problem.biases, strict=True):
            linear = nn.Linear(*weight.shape)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(weight.T))
                linear.bias.copy_(torch.from_numpy(bias))
            layers += [linear, nn.Sigmoid()]
        self.network = nn.Sequential(*layers)
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=problem.learning_rate)
        self.x, self.y = torch.from_numpy(problem.x), torch.from_numpy(problem.y)

    def advance(self, steps: int) -> None:
        """Take steps."""
        scale = 0.5 / len(self.x)
        for _ in range(steps):
            self.optimizer.zero_grad(set_to_none=True)
            loss = scale * nn.functional.mse_loss(self.network(self.x), self.y, reduction="sum")
            loss.backward()
            self.optimizer.step()

    def parameters(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return weights and biases."""
        arrays = [parameter.detach().numpy() for parameter in self.network.parameters()]
        return [weight.T for weight in arrays[::2]], arrays[1::2]
