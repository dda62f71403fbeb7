"""Both backends compute what the exact network does, within bounds propagated from the arithmetic; hence they agree.

Training is compared step by step from equal states: bounds propagated over many steps would soon say nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from arithmetic import EXACT, assert_within, dot_bound, unit_roundoff
from bounded import Bounded, exactly
from exact_network import loss_and_gradients, run_layers
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import LOSSES_AND_OUTPUTS, flat, problem, random_network, random_samples

from kernels.backends import BACKENDS
from kernels.structs import Objective
from trainer import MLP
from trainer.architecture import DTYPES, HIDDEN_ACTIVATIONS
from trainer.run import Run
from trainer.terms import objective

layer_sizes = st.lists(st.integers(1, 40), min_size=2, max_size=5)


def twin(model: MLP, backend: str) -> MLP:
    """Return the same network, in the same state, on a backend."""
    copy = MLP(
        model.layer_sizes,
        activation=model.hidden_activations,
        output_activation=model.output_activation,
        loss=model.loss_name,
        loss_parameter=model.loss_parameter,
        bias=model.bias,
        dtype=model.dtype.name,
        backend=backend,
        random_state=0,
    )
    copy.parameters[:] = model.parameters
    return copy


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("loss", "output_activation"), LOSSES_AND_OUTPUTS)
@settings(max_examples=15)
@given(
    layer_sizes=layer_sizes,
    rows=st.integers(1, 70),
    activation=st.sampled_from(HIDDEN_ACTIVATIONS),
    bias=st.booleans(),
    l2=st.sampled_from([0.0, 0.3]),
    l1=st.sampled_from([0.0, 0.2]),
    seed=st.integers(0, 2**32 - 1),
)
def test_outputs_loss_and_gradients_are_exact_up_to_rounding(
    dtype: str, loss: str, output_activation: str, layer_sizes: list[int], rows: int, seed: int, **options: Any
) -> None:
    generator, l2, l1 = np.random.default_rng(seed), options.pop("l2"), options.pop("l1")
    model = random_network(
        generator, layer_sizes, dtype=dtype, loss=loss, output_activation=output_activation, **options
    )
    X, Y = random_samples(generator, model, rows)
    of_problem = problem(model, l2=l2, l1=l1)
    weights, biases = [exactly(w) for w in model.weights], [exactly(b) for b in model.biases]
    layers = run_layers(of_problem, weights, biases, X)
    exact_loss, exact_gradients = loss_and_gradients(of_problem, model.weights, model.biases, X, Y)
    for backend in BACKENDS:
        computed = twin(model, backend)
        assert_within(computed.forward(X), *layers[-1][1], f"{backend}: outputs")
        for layer, h in enumerate(computed.layer_outputs(X)):
            assert_within(h, *layers[layer][1], f"{backend}: outputs of layer {layer}")
        assert_within(computed.loss(X, Y, l2=l2, l1=l1), *exact_loss, f"{backend}: loss")
        assert_within(flat(computed.gradients(X, Y, l2=l2, l1=l1)), *exact_gradients, f"{backend}: gradients")


class ExactStep(NamedTuple):
    """What a step of gradient descent leaves, and what is recorded of it."""

    loss: Bounded
    mean_abs_error: Bounded
    gradient_norm: Bounded
    parameters: Bounded


def exact_step(model: MLP, x: np.ndarray, y: np.ndarray, terms: Objective) -> ExactStep:
    """Return the step from a network's state over rows x, y at `RATE`."""
    dtype, u = model.dtype, unit_roundoff(model.dtype)
    of_problem = problem(model, l2=terms.l2, l1=terms.l1, article=terms.article)
    loss, gradients = loss_and_gradients(of_problem, model.weights, model.biases, x, y)
    norm = _norm(gradients, dtype)
    taken = _clipped(gradients, norm, terms.clip_norm, dtype) if terms.clip_norm else gradients
    value = model.parameters.astype(EXACT) - EXACT(RATE) * taken.value
    # The rate, the product and the difference are rounded; 1 % more for roundings of what is already rounded.
    rounding = 2 * u * RATE * taken.magnitude + u * np.abs(value)
    h = run_layers(of_problem, [exactly(w) for w in model.weights], [exactly(b) for b in model.biases], x)[-1][1]
    distances = np.abs(y - h.value)
    return ExactStep(
        # A record is a mean over rows: one more product and one more quotient.
        loss=Bounded(loss.value, loss.error + 2 * unit_roundoff(np.float64) * np.abs(loss.value)),
        mean_abs_error=Bounded(
            distances.mean(), h.error.mean() + dot_bound(distances.size + 2, distances.mean(), dtype)
        ),
        gradient_norm=norm,
        parameters=Bounded(value, 1.01 * (RATE * taken.error + rounding)),
    )


def _norm(gradients: Bounded, dtype: Any) -> Bounded:
    """Return the norm; a relative error of the sum of squares is halved by the root, which rounds once."""
    norm = np.sqrt((gradients.value**2).sum())
    uncertainty = np.sqrt((gradients.error**2).sum())
    return Bounded(norm, uncertainty + dot_bound(gradients.value.size + 2, norm + uncertainty, dtype))


def _clipped(gradients: Bounded, norm: Bounded, clip_norm: float, dtype: Any) -> Bounded:
    """Return the gradients scaled down to a norm: a quotient, its conversion and a product are rounded."""
    factor = min(EXACT(1), clip_norm / norm.value)
    of_factor = clip_norm / norm.value**2 * norm.error + 3 * unit_roundoff(dtype) * factor
    return Bounded(gradients.value * factor, 1.01 * (gradients.error * factor + np.abs(gradients.value) * of_factor))


OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "l2": {"l2": 0.5},
    "l1": {"l1": 0.5},
    "both penalties, clipped": {"l2": 0.5, "l1": 0.2, "clip_norm": 0.05},
    "clipped": {"clip_norm": 0.05},
    "clipped, norm not reached": {"clip_norm": 1e6},
    "article": {"l2": 1e-3, "article": True},
}
DATA: dict[str, dict[str, Any]] = {
    "all rows": {},
    "batches, the last one short": {"batch_size": 8},
    "shuffled batches": {"batch_size": 8, "shuffle": True},
}
N_ROWS, N_STEPS, RATE = 21, 7, 0.3


def batches(run: Run, batch_size: int | None) -> list[np.ndarray]:
    """Return the rows of the steps that follow, for a run whose order does not change until the epoch's end."""
    order = run._order.order if run._order.order.size else np.arange(N_ROWS)
    size = batch_size or N_ROWS
    return [order[start : start + size] for start in range(0, N_ROWS, size)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("terms", OPTIONS)
def test_each_step_along_a_run_is_exact_up_to_rounding(dtype: str, data: str, terms: str) -> None:
    of_objective, of_data = objective(**OPTIONS[terms]), DATA[data]
    generator = np.random.default_rng(7)
    state = random_network(generator, [5, 19, 3], dtype=dtype, activation="tanh")
    X, Y = random_samples(generator, state, N_ROWS)
    models = {backend: twin(state, backend) for backend in BACKENDS}
    runs = {backend: model.start_run(X, Y, terms=of_objective, **of_data) for backend, model in models.items()}
    start = state.parameters.copy()
    for step in range(N_STEPS):
        tables = {}
        for backend, model in models.items():
            model.parameters[:] = state.parameters
            tables[backend] = runs[backend].advance(np.array([RATE]))
        rows = batches(runs["numba"], of_data.get("batch_size"))
        chosen = rows[step % len(rows)]
        expected = exact_step(state, X[chosen], Y[chosen], of_objective)
        for backend, model in models.items():
            where = f"{backend}, step {step}"
            assert_within(tables[backend][0, 0], *expected.loss, f"{where}: loss")
            assert_within(tables[backend][0, 1], *expected.mean_abs_error, f"{where}: mean_abs_error")
            assert_within(tables[backend][0, 2], *expected.gradient_norm, f"{where}: gradient_norm")
            assert_within(model.parameters, *expected.parameters, f"{where}: parameters")
        state.parameters[:] = models["numba"].parameters
    assert np.abs(state.parameters - start).max() > 1e-3
