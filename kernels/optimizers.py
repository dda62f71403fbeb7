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

from kernels._jit import called, codes, inlined, kernel
from kernels.simd import lanes, load_first, splat, square_root, store_first, sum_lanes

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


@kernel
def _sgd_update(parameters: Any, gradients: Any, n: int, rate: float) -> None:
    for i in range(0, n, lanes(parameters)):
        p, g = load_first(parameters, i, n - i, 0.0), load_first(gradients, i, n - i, 0.0)
        store_first(parameters, i, p - g * rate, n - i)


@kernel
def _momentum_update(
    parameters: Any, gradients: Any, velocities: Any, n: int, rate: float, momentum: float, nesterov: bool
) -> None:
    for i in range(0, n, lanes(parameters)):
        p, g = load_first(parameters, i, n - i, 0.0), load_first(gradients, i, n - i, 0.0)
        step, velocity = _momentum_step(g, load_first(velocities, i, n - i, 0.0), rate, momentum, nesterov)
        store_first(parameters, i, p + step, n - i)
        store_first(velocities, i, velocity, n - i)


@kernel
def _adam_update(
    parameters: Any,
    gradients: Any,
    firsts: Any,
    seconds: Any,
    n: int,
    rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    for i in range(0, n, lanes(parameters)):
        p, g = load_first(parameters, i, n - i, 0.0), load_first(gradients, i, n - i, 0.0)
        first, second = load_first(firsts, i, n - i, 0.0), load_first(seconds, i, n - i, 0.0)
        step, first, second = _adam_step(g, first, second, rate, beta_1, beta_2, epsilon)
        store_first(parameters, i, p + step, n - i)
        store_first(firsts, i, first, n - i)
        store_first(seconds, i, second, n - i)


@inlined
def step_rate(rule: int, rate: float, beta_1: float, beta_2: float, t: int) -> float:
    """Return what takes the place of the learning rate in step t, counted from 1."""
    return rate * math.sqrt(1.0 - beta_2**t) / (1.0 - beta_1**t) if rule == ADAM else rate


@called
def update(
    rule: int,
    parameters: Any,
    gradients: Any,
    first: Any,
    second: Any,
    n: int,
    rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    """Take a step with n parameters, at the rate that `step_rate` tells, and remember what the rule asks for.

    Parameters
    ----------
    parameters, gradients, first, second : pointers
        To n elements each; the last two are not looked at by rules that remember less.
    """
    if rule == SGD:
        _sgd_update(parameters, gradients, n, rate)
    elif rule == ADAM:
        _adam_update(parameters, gradients, first, second, n, rate, beta_1, beta_2, epsilon)
    else:
        _momentum_update(parameters, gradients, first, n, rate, beta_1, rule == NESTEROV)


@called
def would_stay_finite(
    rule: int,
    parameters: Any,
    gradients: Any,
    first: Any,
    second: Any,
    n: int,
    rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> bool:
    """Tell whether all parameters, and all that is remembered, are finite after `update`."""
    for i in range(0, n, lanes(parameters)):
        p, g = load_first(parameters, i, n - i, 0.0), load_first(gradients, i, n - i, 0.0)
        kept = splat(parameters, 0.0)
        if rule == SGD:
            step = g * -rate
        elif rule == ADAM:
            moment, square = load_first(first, i, n - i, 0.0), load_first(second, i, n - i, 0.0)
            step, moment, square = _adam_step(g, moment, square, rate, beta_1, beta_2, epsilon)
            kept = moment * 0.0 + square * 0.0
        else:
            step, kept = _momentum_step(g, load_first(first, i, n - i, 0.0), rate, beta_1, rule == NESTEROV)
        if not math.isfinite(sum_lanes((p + step) * 0.0 + kept * 0.0)):
            return False
    return True
