"""Parameter updates: how a gradient, and what is remembered of earlier ones, become a step.

======== ============================================================================== ==========================
rule     step, added to the parameters                                                  source
======== ============================================================================== ==========================
sgd      ``-rate g``
momentum ``v``, with ``v <- beta_1 v - rate g``                                         Polyak, 1964
nesterov ``beta_1 v - rate g``, with v as above                                         Sutskever et al., 2013
adam     ``-rate_t m / (sqrt(s) + epsilon)``, with ``m <- beta_1 m + (1 - beta_1) g``,  Kingma and Ba, 2015, the form
         ``s <- beta_2 s + (1 - beta_2) g**2`` and                                      of the end of section 2
         ``rate_t = rate sqrt(1 - beta_2**t) / (1 - beta_1**t)`` at step t = 1, 2, ...
======== ============================================================================== ==========================

All functions run over flat blocks of parameters; `first` holds v or m, `second` s. Products are rounded before they are
added, as NumPy does it, so that both backends agree to the bit for equal gradients.
"""

from __future__ import annotations

import math
from typing import Any

from kernels._jit import called, codes, inlined
from kernels.flat_blocks import for_each_vector
from kernels.simd import advance, lanes, load_first, splat, square_root, store_first, sum_lanes
from kernels.structs import Rule

SGD, MOMENTUM, NESTEROV, ADAM = codes(4)
RULES = {"sgd": int(SGD), "momentum": int(MOMENTUM), "nesterov": int(NESTEROV), "adam": int(ADAM)}


@inlined
def _momentum_step(g: Any, velocity: Any, rate: float, momentum: float, nesterov: bool) -> tuple[Any, Any]:
    """Return the step and the new velocity."""
    velocity = velocity * momentum - g * rate
    return (velocity * momentum - g * rate if nesterov else velocity), velocity


@inlined
def _adam_step(
    g: Any, first: Any, second: Any, rate: float, beta_1: float, beta_2: float, epsilon: float
) -> tuple[Any, Any, Any]:
    """Return the step and both new moments."""
    first = first * beta_1 + g * (1.0 - beta_1)
    second = second * beta_2 + g * g * (1.0 - beta_2)
    return first * -rate / (square_root(second) + epsilon), first, second


@inlined
def _sgd_vector(i: int, n: int, parameters: Any, gradients: Any, rate: float) -> None:
    p, g = load_first(parameters, i, n, 0.0), load_first(gradients, i, n, 0.0)
    store_first(parameters, i, p - g * rate, n)


@inlined
def _momentum_vector(
    i: int, n: int, parameters: Any, gradients: Any, velocities: Any, rate: float, momentum: float, nesterov: bool
) -> None:
    p, g = load_first(parameters, i, n, 0.0), load_first(gradients, i, n, 0.0)
    step, velocity = _momentum_step(g, load_first(velocities, i, n, 0.0), rate, momentum, nesterov)
    store_first(parameters, i, p + step, n)
    store_first(velocities, i, velocity, n)


@inlined
def _adam_vector(
    i: int,
    n: int,
    parameters: Any,
    gradients: Any,
    firsts: Any,
    seconds: Any,
    rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    p, g = load_first(parameters, i, n, 0.0), load_first(gradients, i, n, 0.0)
    first, second = load_first(firsts, i, n, 0.0), load_first(seconds, i, n, 0.0)
    step, first, second = _adam_step(g, first, second, rate, beta_1, beta_2, epsilon)
    store_first(parameters, i, p + step, n)
    store_first(firsts, i, first, n)
    store_first(seconds, i, second, n)


@inlined
def step_rate(rule: Rule, rate: float, t: int) -> float:
    """Return what takes the place of the learning rate in step t, counted from 1."""
    if rule.kind == ADAM:
        return rate * math.sqrt(1.0 - rule.beta_2**t) / (1.0 - rule.beta_1**t)
    return rate


@called
def update(rule: Rule, parameters: Any, gradients: Any, first: int, last: int, rate: float) -> None:
    """Take a step with the parameters from `first` to before `last`, and remember what the rule asks for.

    Parameters
    ----------
    rule : Rule
        What it remembers is not looked at where it remembers less.
    parameters, gradients : pointers
    first, last : int
    rate : float
        What `step_rate` tells.
    """
    p, g, n = advance(parameters, first), advance(gradients, first), last - first
    moments, squares = advance(rule.first, first), advance(rule.second, first)
    if rule.kind == SGD:
        for_each_vector(_sgd_vector, n, p, (g, rate))
    elif rule.kind == ADAM:
        for_each_vector(_adam_vector, n, p, (g, moments, squares, rate, rule.beta_1, rule.beta_2, rule.epsilon))
    else:
        for_each_vector(_momentum_vector, n, p, (g, moments, rate, rule.beta_1, rule.kind == NESTEROV))


@called
def would_stay_finite(rule: Rule, parameters: Any, gradients: Any, n: int, rate: float) -> bool:
    """Tell whether n parameters, and all that is remembered, are finite after `update`."""
    for i in range(0, n, lanes(parameters)):
        p, g = load_first(parameters, i, n - i, 0.0), load_first(gradients, i, n - i, 0.0)
        kept = splat(parameters, 0.0)
        if rule.kind == SGD:
            step = g * -rate
        elif rule.kind == ADAM:
            moment, square = load_first(rule.first, i, n - i, 0.0), load_first(rule.second, i, n - i, 0.0)
            step, moment, square = _adam_step(g, moment, square, rate, rule.beta_1, rule.beta_2, rule.epsilon)
            kept = moment * 0.0 + square * 0.0
        else:
            velocity = load_first(rule.first, i, n - i, 0.0)
            step, kept = _momentum_step(g, velocity, rate, rule.beta_1, rule.kind == NESTEROV)
        if not math.isfinite(sum_lanes((p + step) * 0.0 + kept * 0.0)):
            return False
    return True
