"""JAX: a jitted step called in a Python loop, and the whole loop in one jitted function; `jax.value_and_grad` in both.

Parameters are donated, so that XLA may update them where they lie.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bench.problem import Problem

Parameters = list[tuple[jax.Array, jax.Array]]
State = tuple[Parameters, jax.Array]


def half_mean_square(parameters: Parameters, x: jax.Array, y: jax.Array) -> jax.Array:
    """Return ``1/(2N) sum (y - h)**2``."""
    h = x
    for weight, bias in parameters:
        h = jax.nn.sigmoid(h @ weight + bias)
    return 0.5 / len(x) * jnp.sum((y - h) ** 2)


def step(state: State, x: jax.Array, y: jax.Array, learning_rate: float) -> State:
    """Return the parameters after a step, and the loss before it."""
    loss, gradients = jax.value_and_grad(half_mean_square)(state[0], x, y)
    return jax.tree.map(lambda old, gradient: old - learning_rate * gradient, state[0], gradients), loss


jitted_step = jax.jit(step, donate_argnums=0)


@partial(jax.jit, donate_argnums=0)
def jitted_loop(state: State, x: jax.Array, y: jax.Array, learning_rate: float, steps: int) -> State:
    """Return the state after all steps; their number is an argument, so that one compilation serves all."""
    return lax.fori_loop(0, steps, lambda _, carried: step(carried, x, y, learning_rate), state)


def stepwise(state: State, x: jax.Array, y: jax.Array, learning_rate: float, steps: int) -> State:
    """Return the state after all steps, each a call of its own."""
    for _ in range(steps):
        state = jitted_step(state, x, y, learning_rate)
    return state


class JaxTraining:
    """Parameters on the device, and the function that advances them."""

    def __init__(self, problem: Problem, loop: Callable[..., State]) -> None:
        pairs = zip(problem.weights, problem.biases, strict=True)
        parameters = [(jnp.array(weight), jnp.array(bias)) for weight, bias in pairs]
        self.state: State = (parameters, jnp.zeros(()))
        self.x, self.y, self.learning_rate = jnp.array(problem.x), jnp.array(problem.y), problem.learning_rate
        self.loop = loop

    def advance(self, steps: int) -> None:
        """Take steps; the first of a shape compiles."""
        self.state = jax.block_until_ready(self.loop(self.state, self.x, self.y, self.learning_rate, steps))

    def parameters(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return weights and biases."""
        return [np.asarray(weight) for weight, _ in self.state[0]], [np.asarray(bias) for _, bias in self.state[0]]


def start_stepwise(problem: Problem) -> JaxTraining:
    """Start with a Python loop around the jitted step."""
    return JaxTraining(problem, stepwise)


def start_loop(problem: Problem) -> JaxTraining:
    """Start with the whole loop jitted."""
    return JaxTraining(problem, jitted_loop)
