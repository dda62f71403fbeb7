"""The rules of `optimizers` in NumPy: their specification."""

from __future__ import annotations

import math

import numpy as np

from kernels.optimizers import ADAM, NESTEROV, SGD
from kernels.structs import Optimizer


def take_step(optimizer: Optimizer, gradients: np.ndarray, rate: float, step: np.ndarray) -> None:
    """Write to `step` what a step adds to the parameters, and remember what the rule asks for.

    Parameters
    ----------
    optimizer : Optimizer
        What it remembers is changed in place.
    gradients : (n,) array
        Overwritten.
    rate : float
        The learning rate.
    step : (n,) array
        Written.
    """
    dtype, t = gradients.dtype.type, int(optimizer.steps[0]) + 1
    beta_1, beta_2 = optimizer.beta_1, optimizer.beta_2
    if optimizer.rule == SGD:
        np.multiply(gradients, dtype(-rate), out=step)
    elif optimizer.rule == ADAM:
        first, second = optimizer.first, optimizer.second
        np.multiply(gradients, gradients, out=step)
        step *= dtype(1.0 - beta_2)
        second *= dtype(beta_2)
        second += step
        np.multiply(gradients, dtype(1.0 - beta_1), out=step)
        first *= dtype(beta_1)
        first += step
        rate_t = rate * math.sqrt(1.0 - beta_2**t) / (1.0 - beta_1**t)
        np.sqrt(second, out=gradients)
        gradients += dtype(optimizer.epsilon)
        np.multiply(first, dtype(-rate_t), out=step)
        step /= gradients
    else:
        velocity = optimizer.first
        np.multiply(gradients, dtype(rate), out=step)
        velocity *= dtype(beta_1)
        velocity -= step
        if optimizer.rule == NESTEROV:
            np.subtract(velocity * dtype(beta_1), step, out=step)
        else:
            np.copyto(step, velocity)
    optimizer.steps[0] = t
