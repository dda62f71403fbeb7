"""Dropout: which units are left out, and that the step taken is that of the loss with the others.

The formula of the loss with a given choice of units is written out in NumPy, in float64, and derived by differences.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from networks import random_network, random_samples

from kernels.backends import BACKENDS
from kernels.dropout import dropout_of_step, kept_units
from kernels.structs import Dropout
from trainer import MLP
from trainer.architecture import HIDDEN_ACTIVATIONS
from trainer.run import Run
from trainer.terms import objective, optimizer

SHARE, N_ROWS = 0.3, 37
SIZES = [7, 33, 20, 3]


def start(backend: str, activation: str = "tanh", share: float = SHARE, threads: int = 1) -> tuple[MLP, Run]:
    """Return a network in float64 and a run of it with dropout."""
    generator = np.random.default_rng(5)
    model = random_network(generator, SIZES, dtype="float64", backend=backend, activation=activation, threads=threads)
    X, Y = random_samples(generator, model, N_ROWS)
    return model, model.start_run(X, Y, terms=objective(dropout=share), optimizer=optimizer())


def samples() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(5)
    model = random_network(generator, SIZES, dtype="float64", activation="tanh")
    return random_samples(generator, model, N_ROWS)


def test_the_share_of_units_left_out_is_the_one_asked_for() -> None:
    n = 400 * 500
    for share in (0.01, 0.3, 0.5, 0.9):
        for key in range(5):
            left_out = n - kept_units(Dropout(share, np.uint64(key)), 0, 400, 500).sum()
            # Five standard deviations of a binomial number: one of 20 draws in 90,000 would be beyond.
            assert abs(left_out - n * share) < 5 * math.sqrt(n * share * (1 - share))


def test_steps_layers_rows_and_units_are_chosen_independently() -> None:
    terms = objective(dropout=0.5)
    masks = [kept_units(dropout_of_step(terms, step), layer, 200, 300) for step in range(4) for layer in range(3)]
    n = masks[0].size
    for i, mask in enumerate(masks):
        for other in masks[:i]:
            assert abs((mask == other).sum() - n / 2) < 5 * math.sqrt(n / 4)
    for axis in (0, 1):
        same = (masks[0] == np.roll(masks[0], 1, axis)).sum()
        assert abs(same - n / 2) < 5 * math.sqrt(n / 4)


def loss_without(model: MLP, flat: np.ndarray, X: np.ndarray, Y: np.ndarray, masks: list[np.ndarray]) -> float:
    """Return the squared error of the network with these parameters and units."""
    keep, h, offset = 1 - SHARE, X, 0
    functions = {"tanh": np.tanh, "identity": lambda z: z, "relu": lambda z: np.maximum(z, 0)}
    functions["sigmoid"] = lambda z: 1 / (1 + np.exp(-z))
    for layer, name in enumerate([*model.hidden_activations, model.output_activation]):
        n_in, n_out = model.layer_sizes[layer : layer + 2]
        weight = flat[offset : offset + n_in * n_out].reshape(n_in, n_out)
        bias = flat[offset + n_in * n_out : offset + (n_in + 1) * n_out]
        h, offset = functions[name](h @ weight + bias), offset + (n_in + 1) * n_out
        if layer < len(masks):
            h = h * masks[layer] / keep
    return float(((h - Y) ** 2).sum() / (2 * len(X)))


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_step_follows_the_gradient_of_the_units_that_are_kept(backend: str, activation: str) -> None:
    model, run = start(backend, activation)
    X, Y = samples()
    chosen = dropout_of_step(objective(dropout=SHARE)._replace(dropout_seed=model.dropout_seed), 0)
    masks = [kept_units(chosen, layer, N_ROWS, n) for layer, n in enumerate(SIZES[1:-1])]
    before, rate, width = model.parameters.copy(), 1.0, 1e-6
    run.advance(np.array([rate]))
    gradient = (before - model.parameters) / rate
    assert run.losses[0] == pytest.approx(loss_without(model, before, X, Y, masks), rel=1e-12)
    generator = np.random.default_rng(0)
    for _ in range(20):
        direction = generator.standard_normal(before.size)
        direction /= np.linalg.norm(direction)
        ends = [loss_without(model, before + sign * width * direction, X, Y, masks) for sign in (1, -1)]
        # Both losses round by about their unit, and the difference leaves out terms of width**2.
        rounding = 100 * np.finfo(np.float64).eps * ends[0] / width
        assert (ends[0] - ends[1]) / (2 * width) == pytest.approx(gradient @ direction, abs=rounding + 100 * width**2)


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_both_backends_leave_out_the_same_units(activation: str) -> None:
    found = []
    for backend in BACKENDS:
        model, run = start(backend, activation)
        run.advance(np.full(5, 0.05))
        found.append(model.parameters)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-10, atol=1e-12)


def test_no_two_runs_leave_out_the_same_units() -> None:
    model, run = start("numba")
    X, Y = samples()
    again = model.start_run(X, Y, terms=objective(dropout=SHARE), optimizer=optimizer())
    before = model.parameters.copy()
    run.advance(np.array([0.1]))
    model.parameters[:] = before
    again.advance(np.array([0.1]))
    assert run.losses[0] != again.losses[0]


@pytest.mark.parametrize("threads", [2, 3])
def test_every_number_of_threads_gives_the_same_bits(threads: int) -> None:
    alone, run = start("numba")
    together, other = start("numba", threads=threads)
    run.advance(np.full(5, 0.05))
    other.advance(np.full(5, 0.05))
    assert other.threads == threads
    np.testing.assert_array_equal(together.parameters, alone.parameters)


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_is_left_out_of_what_is_measured_or_predicted(backend: str) -> None:
    X, Y = samples()
    generator = np.random.default_rng(5)
    model = random_network(generator, SIZES, dtype="float64", backend=backend)
    run = model.start_run(X, Y, terms=objective(dropout=0.5), evaluated=(X, Y))
    table = run.advance(np.full(3, 0.1))
    assert table[-1, 3] == pytest.approx(model.loss(X, Y), rel=1e-12)
    assert table[-1, 0] != pytest.approx(model.loss(X, Y), rel=1e-3)


@pytest.mark.parametrize("share", [1.0, -0.1, float("nan")])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=r"^dropout: "):
        objective(dropout=share)
