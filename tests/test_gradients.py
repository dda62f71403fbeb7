"""The gradient is the derivative of the loss: central differences in float64, for every kind of network.

The central difference over a distance h has the truncation error ``h**2 / 6 L'''`` to first order, so that the
differences over h and 2h differ by three times that: their distance bounds it. It depends on losses alone, hence a
wrong gradient cannot widen it. Rounding adds the error of two losses over 2h each, and the gradient's own, both from
running error analysis.

At a kink of relu, or of a loss, there is no derivative to compare with, and where the second one jumps the estimate is
none. Rows are left out in which any unit or any error comes near such a place when all parameters move by up to 2h at
once; what remains is smooth over the whole distance.
"""

from __future__ import annotations

import numpy as np
import pytest
from arithmetic import assert_within, dot_bound, unit_roundoff
from bounded import perturbed
from exact_network import loss_and_gradients, run_layers
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from networks import LOSSES_WITH_THEIR_GRADIENTS, flat, problem, random_network, random_samples

from kernels.backends import Backend
from trainer import MLP
from trainer.architecture import HIDDEN_ACTIVATIONS

H = 2.0**-14
CHECKED_PARAMETERS = 6

layer_sizes = st.lists(st.integers(1, 40), min_size=2, max_size=5)
penalties = st.sampled_from([(0.0, 0.0), (0.3, 0.0), (0.0, 0.2), (0.5, 0.1)])


def kinks(model: MLP) -> tuple[float, ...]:
    """Return the errors h - y at which the loss of a network is not smooth."""
    if model.loss_name == "huber":
        assert model.loss_parameter is not None
        return -model.loss_parameter, model.loss_parameter
    return (0.0,) if model.loss_name in ("absolute", "quantile") else ()


def rows_without_kink(model: MLP, X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Tell for each row whether no unit of relu changes its sign while all parameters move by up to 2 H.

    Nor may an error pass a place where the loss is not smooth.
    """
    weights, biases = ([perturbed(block, 2 * H) for block in blocks] for blocks in (model.weights, model.biases))
    smooth = np.ones(X.shape[0], dtype=bool)
    of_problem = problem(model)
    layers = run_layers(of_problem, weights, biases, X)
    for name, (z, _) in zip(of_problem.activations, layers, strict=True):
        if name == "relu":
            smooth &= (np.abs(z.value) > z.error).all(axis=1)
    h = layers[-1][1]
    for kink in kinks(model):
        smooth &= (np.abs(h.value - Y - kink) > h.error).all(axis=1)
    return smooth


def difference_quotient(
    model: MLP, direction: np.ndarray, h: float, X: np.ndarray, Y: np.ndarray, l2: float, l1: float
) -> float:
    """Return the slope of the loss along a direction by a central difference; the parameters stay."""
    start, losses = model.parameters.copy(), []
    for step in (h, -h):
        model.parameters[:] = start + step * direction
        losses.append(model.loss(X, Y, l2=l2, l1=l1))
    model.parameters[:] = start
    return (losses[0] - losses[1]) / (2 * h)


def rounding_bound(
    model: MLP, direction: np.ndarray, gradient: np.ndarray, of_loss: float, of_gradient: np.ndarray
) -> float:
    """Bound what roundings add to the distance between the directional derivative and the quotient over H.

    Two losses over 2 H in the quotient, and as much again for what they take from the estimate of the truncation error.
    Each parameter that moves is rounded: its step is off by u times its magnitude. The derivative is a dot product of
    the gradient, whose entries have errors of their own.
    """
    u = unit_roundoff(np.float64)
    step_errors = u * (np.abs(model.parameters) + 2 * H) * (direction != 0) / H
    of_derivative = np.abs(direction) @ of_gradient + dot_bound(
        direction.size, np.abs(direction) @ np.abs(gradient), np.float64
    )
    return float(2 * of_loss / H + step_errors @ np.abs(gradient) + of_derivative)


def directions(generator: np.random.Generator, n: int) -> list[np.ndarray]:
    """Return unit steps along some of n parameters, the first and the last among them, and one along all."""
    chosen = {0, n - 1, *generator.integers(n, size=CHECKED_PARAMETERS - 2).tolist()}
    return [*np.eye(n)[sorted(chosen)], generator.uniform(-1, 1, n)]


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
@pytest.mark.parametrize(("loss", "output_activation"), LOSSES_WITH_THEIR_GRADIENTS)
@settings(max_examples=12)
@given(
    layer_sizes=layer_sizes,
    rows=st.integers(1, 70),
    bias=st.booleans(),
    penalty=penalties,
    seed=st.integers(0, 2**32 - 1),
)
def test_gradients_are_the_slope_of_the_loss(
    backend: Backend,
    loss: str,
    output_activation: str,
    activation: str,
    layer_sizes: list[int],
    rows: int,
    bias: bool,
    penalty: tuple[float, float],
    seed: int,
) -> None:
    generator, (l2, l1) = np.random.default_rng(seed), penalty
    model = random_network(
        generator,
        layer_sizes,
        activation=activation,
        output_activation=output_activation,
        loss=loss,
        bias=bias,
        dtype="float64",
        backend=backend.name,
    )
    X, Y = random_samples(generator, model, rows)
    smooth = rows_without_kink(model, X, Y)
    assume(smooth.any())
    X, Y = X[smooth], Y[smooth]

    gradient = flat(model.gradients(X, Y, l2=l2, l1=l1))
    bounded_loss, bounded_gradient = loss_and_gradients(problem(model, l2=l2, l1=l1), model.weights, model.biases, X, Y)
    for direction in directions(generator, model.parameters.size):
        near, far = (difference_quotient(model, direction, h, X, Y, l2, l1) for h in (H, 2 * H))
        rounding = rounding_bound(model, direction, gradient, bounded_loss.error, bounded_gradient.error)
        assert_within(direction @ gradient, near, abs(far - near) + rounding, "directional derivative")
