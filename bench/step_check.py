"""Whether a contender takes the steps it is timed for: its parameters against `bench.reference_step`.

The first step is checked from the parameters given, the third from those that the contender itself has after two:
so each bound is that of a single step, and a contender that does not go on as it began is noticed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bench.peers.interface import Start
from bench.problem import Problem
from bench.reference_step import Bounded, reference_step, require_close

Parameters = tuple[list[np.ndarray], list[np.ndarray]]


class Stepped(NamedTuple):
    """A weight matrix or a bias before a step, and what it should be after it."""

    name: str
    before: np.ndarray
    after: Bounded


# What the bounds may come to, as a share of the step: a term left out or a factor of two is off by half and more.
LARGEST_SHARE = 0.5
# Over the widest hidden layer, but at most 1, the learning rate of the steps up to the third: an output's logit, which
# sums over that layer, changes by about 1 in a step, and the outputs do not saturate.
LASTING_LEARNING_RATE = 32.0


def require_training(start: Start, problem: Problem, output_activation: str = "sigmoid") -> None:
    """Raise ArithmeticError unless the first and the third step of a training are right, up to rounding.

    Parameters
    ----------
    start : callable
        What starts the training. Biases that it returns none of are taken as 0.
    problem : Problem
        From `bench.problem.checked_problem`.
    output_activation : {"sigmoid", "identity"}
        Which network the contender trains.
    """
    for parameter in require_next_step(start, problem, 0, output_activation):
        require_telling([parameter])
    rate = min(problem.learning_rate, LASTING_LEARNING_RATE / max(problem.layer_sizes[1:-1]))
    # That rate's smaller step of a hidden layer's biases may be lost in rounding; that of the whole network is not.
    require_telling(require_next_step(start, replace(problem, learning_rate=rate), 2, output_activation))


def require_next_step(start: Start, problem: Problem, steps: int, output_activation: str) -> list[Stepped]:
    """Raise ArithmeticError unless the step after so many is right; return the parameters that were compared."""
    weights, biases = parameters_after(start, problem, steps)
    before = replace(problem, weights=weights, biases=biases or [np.zeros_like(bias) for bias in problem.biases])
    return require_step(before, parameters_after(start, problem, steps + 1), output_activation)[1]


def parameters_after(start: Start, problem: Problem, steps: int) -> Parameters:
    """Return copies of the weights and biases after so many steps of a new training."""
    training = start(problem)
    if steps:
        training.advance(steps)
    weights, biases = training.parameters()
    return [weight.copy() for weight in weights], [bias.copy() for bias in biases]


def require_step(
    problem: Problem, after: Parameters, output_activation: str = "sigmoid"
) -> tuple[Bounded, list[Stepped]]:
    """Raise ArithmeticError unless one step leads from a problem's parameters to `after`.

    Returns
    -------
    tuple
        The right loss before the step, and the parameters that were compared.
    """
    dtype, rate = problem.x.dtype.name, problem.learning_rate
    right = reference_step(problem.weights, problem.biases, problem.x, problem.y, rate, dtype, output_activation)
    compared = []
    parts = ("weight", problem.weights, after[0], right.weights), ("bias", problem.biases, after[1], right.biases)
    for name, before, computed, expected in parts:
        for layer, parameter in enumerate(computed):
            stepped = Stepped(f"{name} of layer {layer}", before[layer], expected[layer])
            require_close(stepped.name, parameter, stepped.after)
            compared.append(stepped)
    return right.loss, compared


def require_telling(compared: Sequence[Stepped]) -> None:
    """Raise ArithmeticError where bounds, taken together, are not small beside the step."""
    error = math.hypot(*(float(np.linalg.norm(stepped.after.error)) for stepped in compared))
    step = math.hypot(*(float(np.linalg.norm(stepped.after.value - stepped.before)) for stepped in compared))
    if not error <= LARGEST_SHARE * step:
        names = ", ".join(stepped.name for stepped in compared)
        raise ArithmeticError(f"{names}: the bound of {error / step:.1%} of the step is too wide to check anything")
