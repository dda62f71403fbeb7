"""Losses, their penalties and their deltas, through a network of one linear layer that passes on given logits.

With the identity for a weight the logits are the inputs, exactly; for a single row, the gradient of the bias is dL/dz.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from arithmetic import EXACT, assert_within, gamma, unit_roundoff
from bounded import exactly
from exact_network import loss_and_gradients
from networks import (
    LOSS_PARAMETERS,
    LOSSES_AND_OUTPUTS,
    LOSSES_WITH_THEIR_GRADIENTS,
    flat,
    problem,
    random_network,
    random_samples,
)

from kernels.backends import Backend
from trainer import MLP
from trainer.architecture import DTYPES


def passing_on(units: int, backend: Backend, dtype: str = "float64", **options: Any) -> MLP:
    """Return a network whose logits are its inputs."""
    parameter = LOSS_PARAMETERS.get(options.get("loss", "mse"))
    options = {"loss_parameter": parameter, "dtype": dtype, **options}
    model = MLP([units, units], backend=backend.name, random_state=0, **options)
    model.weights[0][:] = np.eye(units)
    return model


def loss_by_its_definition(loss: str, output_activation: str, z: np.ndarray, y: np.ndarray) -> Any:
    """Return the loss from outputs as the documentation writes it, in the longest type: for moderate logits only."""
    z, y = z.astype(EXACT), y.astype(EXACT)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    h = {
        "identity": z,
        "sigmoid": 1 / (1 + np.exp(-z)),
        "tanh": np.tanh(z),
        "relu": np.maximum(z, 0),
        "softmax": e / e.sum(axis=1, keepdims=True),
        "exp": np.exp(z),
    }[output_activation]
    if loss == "cross_entropy":
        terms = y * np.log(h) if output_activation == "softmax" else y * np.log(h) + (1 - y) * np.log(1 - h)
        return -terms.sum() / z.shape[0]
    d, q = EXACT(LOSS_PARAMETERS["huber"]), EXACT(LOSS_PARAMETERS["quantile"])
    distance = np.abs(y - h)
    return {
        "mse": lambda: distance**2 / 2,
        "mean_mse": lambda: distance**2 / 2 / z.shape[1],
        "absolute": lambda: distance,
        "huber": lambda: np.where(distance <= d, distance**2 / 2, d * (distance - d / 2)),
        "quantile": lambda: np.maximum(q * (y - h), (q - 1) * (y - h)),
        "poisson": lambda: y * np.log(np.where(y > 0, y / h, 1)) - y + h,
    }[loss]().sum() / z.shape[0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("loss", "output_activation"), LOSSES_AND_OUTPUTS)
def test_losses_are_what_the_documentation_says(
    backend: Backend, loss: str, output_activation: str, dtype: str
) -> None:
    for rows, units in ((1, 1), (1, 17), (23, 5), (64, 16), (17, 20), (16, 33)):
        generator = np.random.default_rng([rows, units])
        model = passing_on(units, backend, dtype, loss=loss, output_activation=output_activation)
        z = generator.standard_normal((rows, units)).astype(dtype)
        y = generator.random((rows, units)).astype(dtype)
        bound = loss_and_gradients(problem(model), model.weights, model.biases, z, y)[0].error
        assert_within(
            model.loss(z, y), loss_by_its_definition(loss, output_activation, z, y), bound, f"{rows}, {units}"
        )


def test_losses_of_a_hand_worked_row(backend: Backend) -> None:
    z, y, eps = np.array([[0.0, 0.0]]), np.array([[1.0, 0.0]]), 8 * np.finfo(np.float64).eps
    expected = {
        ("mse", "identity"): 0.5,  # (1**2 + 0**2) / 2
        ("mse", "sigmoid"): 0.25,  # (1/4 + 1/4) / 2
        ("mse", "softmax"): 0.25,
        ("cross_entropy", "sigmoid"): 2 * np.log(2),
        ("cross_entropy", "softmax"): np.log(2),
        ("mean_mse", "identity"): 0.25,
        ("absolute", "identity"): 1.0,
        ("absolute", "sigmoid"): 1.0,  # 1/2 + 1/2
        ("huber", "identity"): 0.6 * (1 - 0.3),
        ("huber", "sigmoid"): 0.25,  # errors of 1/2 are within 0.6
        ("quantile", "identity"): 0.8,  # an output below its target
        ("quantile", "sigmoid"): 0.5,  # 0.8 / 2 of the first, 0.2 / 2 of the second
        ("poisson", "exp"): 1.0,  # 1 log 1 - 1 + 1, and 0 log 0 - 0 + 1
    }
    for (loss, output_activation), value in expected.items():
        model = passing_on(2, backend, loss=loss, output_activation=output_activation)
        assert model.loss(z, y) == pytest.approx(value, rel=eps)
        # Twice the same row has the same mean.
        assert model.loss(np.tile(z, (2, 1)), np.tile(y, (2, 1))) == pytest.approx(value, rel=eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("loss", "output_activation"), LOSSES_WITH_THEIR_GRADIENTS)
def test_deltas_are_the_slopes_of_the_loss(backend: Backend, loss: str, output_activation: str, dtype: str) -> None:
    for units in (1, 2, 15, 33):
        generator = np.random.default_rng(units)
        model = passing_on(units, backend, dtype, loss=loss, output_activation=output_activation)
        z, y = (2 * generator.standard_normal((1, units))).astype(dtype), generator.random((1, units)).astype(dtype)
        delta, step = model.gradients(z, y)[0][1], EXACT(2) ** -20
        bounds = loss_and_gradients(problem(model), model.weights, model.biases, z, y)[1].error[-units:]
        for unit in range(units):
            move = step * (np.arange(units) == unit)
            up, down = (loss_by_its_definition(loss, output_activation, z.astype(EXACT) + s * move, y) for s in (1, -1))
            # |L'''| is at most 3 |h' h''| + |y - h| |h'''| of squared errors, with |h''| below 0.77 and |h'''| below 2,
            # below the sum of y for cross-entropy, and h for exp, here next to its value at z. A loss that is linear in
            # the error, or bends only once, has less. The difference of losses is rounded in its own type.
            h = np.exp(z.astype(EXACT).max()) if output_activation == "exp" else 0
            truncation = step**2 / 6 * (5 + 2 * np.abs(y).max() + y.sum() + 1.01 * h)
            rounding = 8 * units * np.finfo(EXACT).eps * (1 + np.abs(up)) / step
            assert_within(delta[unit], (up - down) / (2 * step), bounds[unit] + truncation + rounding, f"unit {unit}")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("logit", [200.0, 1e4])
def test_cross_entropy_of_confident_wrong_logits_is_finite_and_right(
    backend: Backend, dtype: str, logit: float
) -> None:
    z, y = np.array([[logit, -logit]]), np.array([[0.0, 1.0]])
    for output_activation, slope in (("sigmoid", [1.0, -1.0]), ("softmax", [1.0, -1.0])):
        model = passing_on(2, backend, dtype, loss="cross_entropy", output_activation=output_activation)
        # Sigmoid: each output costs |z|. Softmax: the difference of the logits. What is neglected is exp(-200).
        assert model.loss(z, y) == pytest.approx(2 * logit, rel=8 * unit_roundoff(dtype))
        np.testing.assert_allclose(model.gradients(z, y)[0][1], slope, atol=8 * unit_roundoff(dtype))
        assert model.loss(z, 1 - y) == pytest.approx(0.0, abs=1e-80)


@pytest.mark.parametrize("dtype", DTYPES)
def test_cross_entropy_of_softmax_weighs_rows_by_the_sum_of_their_targets(backend: Backend, dtype: str) -> None:
    generator = np.random.default_rng(0)
    model = passing_on(5, backend, dtype, loss="cross_entropy", output_activation="softmax")
    z, y = generator.standard_normal((1, 5)).astype(dtype), generator.random((1, 5)).astype(dtype)
    bound = gamma(40, dtype)
    assert model.loss(z, 4 * y) == pytest.approx(4 * model.loss(z, y), rel=bound)
    np.testing.assert_allclose(flat(model.gradients(z, 4 * y)), 4 * flat(model.gradients(z, y)), rtol=bound, atol=bound)
    assert model.loss(z, 0 * y) == 0.0


# ---- penalties


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
def test_penalties_concern_weights_and_are_divided_by_the_rows(backend: Backend, dtype: str, bias: bool) -> None:
    generator = np.random.default_rng(0)
    model = random_network(generator, [4, 9, 3], dtype=dtype, bias=bias, backend=backend.name)
    X, Y = random_samples(generator, model, 20)
    squares = sum(float((w.astype(EXACT) ** 2).sum()) for w in model.weights)
    magnitudes = sum(float(np.abs(w.astype(EXACT)).sum()) for w in model.weights)
    without = loss_and_gradients(problem(model), model.weights, model.biases, X, Y)[0].error
    for l2, l1, value in ((0.7, 0.0, 0.7 / 40 * squares), (0.0, 0.3, 0.3 / 20 * magnitudes)):
        added = model.loss(X, Y, l2=l2, l1=l1) - model.loss(X, Y)
        penalised = loss_and_gradients(problem(model, l2=l2, l1=l1), model.weights, model.biases, X, Y)[0].error
        assert_within(added, value, penalised + without, f"l2 = {l2}, l1 = {l1}")
        d_penalised, d_plain = model.gradients(X, Y, l2=l2, l1=l1), model.gradients(X, Y)
        for weight, (d_weight, d_bias), (plain, plain_bias) in zip(model.weights, d_penalised, d_plain, strict=True):
            slope = l2 / 20 * weight.astype(EXACT) + l1 / 20 * np.sign(weight)
            # Coefficient, product, sum and the difference taken here.
            rounding = gamma(4, dtype) * (np.abs(slope) + np.abs(plain))
            assert_within(d_weight - exactly(plain).value, slope, rounding, f"l2 = {l2}, l1 = {l1}")
            np.testing.assert_array_equal(d_bias, plain_bias)


def test_l1_has_no_slope_at_a_weight_of_zero(backend: Backend) -> None:
    model = passing_on(3, backend, output_activation="identity")
    X = np.ones((1, 3))
    d_weight, _ = model.gradients(X, X, l1=0.5)[0]  # the loss itself is at its least
    np.testing.assert_array_equal(d_weight, 0.5 * np.eye(3))
    model.weights[0][:] *= -1
    plain, penalised = model.gradients(X, X)[0][0], model.gradients(X, X, l1=0.5)[0][0]
    np.testing.assert_array_equal(penalised - plain, -0.5 * np.eye(3))
