"""Each rule takes the step that its formula says, and remembers what it has to.

The formulas are evaluated in float64. What is allowed for rounding, here and there: each of t steps rounds what is
remembered at most four times and the step itself six times more, each by at most the unit roundoff u, of magnitudes
that do not cancel; the parameter is rounded once.
"""

from __future__ import annotations

import numpy as np
import pytest
from arithmetic import unit_roundoff
from compiled_kernels import call_update
from exact_network import loss_and_gradients
from networks import problem, random_network, random_samples

from kernels import reference_optimizers
from kernels.backends import BACKENDS
from kernels.optimizers import step_rate
from kernels.structs import Optimizer, Rule
from trainer import MLP, DivergenceError
from trainer.architecture import DTYPES
from trainer.run import Run
from trainer.terms import SOLVERS, objective, optimizer

N_STEPS, RATE, N_ROWS, L2 = 6, 0.05, 21, 0.1
SIZES = {"in lanes": [5, 19, 3], "in rows": [40, 300, 5], "rows laid apart": [9, 1024, 2]}
CONSTANTS = {"momentum": 0.8, "beta_1": 0.7, "beta_2": 0.95, "epsilon": 1e-6}


class Formula:
    """A rule in float64: its step, and the size of the terms that were added up for it."""

    def __init__(self, solver: str, n: int) -> None:
        self.solver, self.t = solver, 0
        self.first, self.second, self.first_size = np.zeros(n), np.zeros(n), np.zeros(n)

    def step(self, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.t += 1
        if self.solver == "sgd":
            return -RATE * g, RATE * np.abs(g)
        if self.solver in ("adam", "adamw"):
            beta_1, beta_2 = CONSTANTS["beta_1"], CONSTANTS["beta_2"]
            self.first = beta_1 * self.first + (1 - beta_1) * g
            self.first_size = beta_1 * self.first_size + (1 - beta_1) * np.abs(g)
            self.second = beta_2 * self.second + (1 - beta_2) * g**2
            rate = RATE * np.sqrt(1 - beta_2**self.t) / (1 - beta_1**self.t)
            scale = rate / (np.sqrt(self.second) + CONSTANTS["epsilon"])
            return -scale * self.first, scale * self.first_size
        momentum = CONSTANTS["momentum"]
        self.first = momentum * self.first - RATE * g
        self.first_size = momentum * self.first_size + RATE * np.abs(g)
        if self.solver == "momentum":
            return self.first, self.first_size
        return momentum * self.first - RATE * g, momentum * self.first_size + RATE * np.abs(g)


def take_step(backend: str, state: Optimizer, parameters: np.ndarray, gradients: np.ndarray) -> None:
    """Take a step by the compiled kernel or by NumPy."""
    if backend == "numpy":
        step = np.empty_like(parameters)
        reference_optimizers.take_step(state, gradients, RATE, step)
        parameters += step
        return
    rate = step_rate.py_func(Rule(*state[:4], None, None), RATE, int(state.steps[0]) + 1)
    constants = rate, state.beta_1, state.beta_2, state.epsilon
    call_update(state.rule, parameters, gradients, state.first, state.second, *constants)
    state.steps[0] += 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_each_step_is_that_of_the_formula(backend: str, solver: str, dtype: str) -> None:
    generator, u = np.random.default_rng(3), unit_roundoff(dtype) + unit_roundoff("float64")
    for n in (1, 2, 7, 8, 9, 15, 16, 17, 31, 100):
        state = optimizer(solver, **CONSTANTS)._replace(first=np.zeros(n, dtype), second=np.zeros(n, dtype))
        parameters, formula = generator.normal(size=n).astype(dtype), Formula(solver, n)
        for t in range(1, N_STEPS + 1):
            gradients = (generator.normal(size=n) * 10.0 ** generator.integers(-5, 3, n)).astype(dtype)
            before = parameters.astype(np.float64)
            step, size = formula.step(gradients.astype(np.float64))
            take_step(backend, state, parameters, gradients.copy())
            allowed = 1.01 * u * ((4 * t + 6) * size + np.abs(before + step))
            assert (np.abs(parameters - (before + step)) <= allowed).all(), f"{n} parameters, step {t}"


def start(backend: str, solver: str, sizes: list[int], dtype: str, threads: int = 1) -> tuple[MLP, Run]:
    """Return a network and a run of it by a rule."""
    generator = np.random.default_rng(3)
    model = random_network(generator, sizes, dtype=dtype, backend=backend, threads=threads, activation="tanh")
    X, Y = random_samples(generator, model, N_ROWS)
    return model, model.start_run(X, Y, terms=objective(l2=L2), optimizer=optimizer(solver, **CONSTANTS))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_steps_by_the_rule_from_its_gradient(backend: str, solver: str, shape: str, dtype: str) -> None:
    """The first step of each rule is monotone in the gradient, whose bounds so give those of the step."""
    model, run = start(backend, solver, SIZES[shape], dtype)
    before, u = model.parameters.astype(np.float64), unit_roundoff(dtype) + unit_roundoff("float64")
    generator = np.random.default_rng(3)
    X, Y = random_samples(generator, random_network(generator, SIZES[shape], dtype=dtype, activation="tanh"), N_ROWS)
    _, gradient = loss_and_gradients(problem(model, l2=L2), model.weights, model.biases, X, Y)
    run.advance(np.array([RATE]))
    steps = []
    for bound in (gradient.value - gradient.error, gradient.value + gradient.error):
        step, size = Formula(solver, before.size).step(bound.astype(np.float64))
        steps.append((before + step, 1.01 * u * (10 * size + np.abs(before + step))))
    (most, above), (least, below) = steps
    assert (model.parameters <= most + above).all()
    assert (model.parameters >= least - below).all()


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_remembered_outlives_a_call(backend: str, solver: str) -> None:
    (at_once, run), (in_calls, other) = (start(backend, solver, SIZES["in lanes"], "float32") for _ in range(2))
    run.advance(np.full(6, RATE))
    for n in (1, 3, 2):
        other.advance(np.full(n, RATE))
    np.testing.assert_array_equal(at_once.parameters, in_calls.parameters)


@pytest.mark.parametrize("threads", [2, 3, 4, 8])
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_number_of_threads_gives_the_same_bits(solver: str, threads: int) -> None:
    alone, run = start("numba", solver, SIZES["in rows"], "float32")
    together, other = start("numba", solver, SIZES["in rows"], "float32", threads)
    run.advance(np.full(5, RATE))
    other.advance(np.full(5, RATE))
    np.testing.assert_array_equal(together.parameters, alone.parameters)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_step_that_would_leave_the_finite_numbers_is_not_taken(backend: str, solver: str) -> None:
    model, run = start(backend, solver, SIZES["in lanes"], "float32")
    run.advance(np.full(2, RATE))
    with pytest.raises(DivergenceError) as caught:
        run.advance(np.array([RATE, 3e38, 3e38, 3e38]))
    assert np.isfinite(model.parameters).all()
    # What was done before is as if nothing had been tried.
    expected, other = start(backend, solver, SIZES["in lanes"], "float32")
    other.advance(np.full(3, RATE))
    if caught.value.period == 3:
        np.testing.assert_array_equal(model.parameters, expected.parameters)


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("solver", ["sgd", "nesterov", "adamw"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_weight_decay_takes_its_share_off_every_parameter_beside_the_step(
    backend: str, solver: str, shape: str
) -> None:
    decay, ends = 0.3, []
    for weight_decay in (0.0, decay):
        generator = np.random.default_rng(3)
        model = random_network(generator, SIZES[shape], dtype="float64", backend=backend, activation="tanh")
        X, Y = random_samples(generator, model, N_ROWS)
        before = model.parameters.copy()
        terms = objective(weight_decay=weight_decay)
        model.start_run(X, Y, terms=terms, optimizer=optimizer(solver, **CONSTANTS)).advance(np.array([RATE]))
        ends.append(model.parameters)
    expected = ends[0] - RATE * decay * before
    # In place or beside the parameters, a gradient of N_ROWS terms rounds otherwise; adam divides it by its own size.
    allowed = 4 * N_ROWS * unit_roundoff("float64") * (np.abs(before) + np.abs(ends[0] - before) + RATE)
    assert (np.abs(ends[1] - expected) <= allowed).all()


def test_adam_learns_what_plain_steps_of_its_rate_do_not() -> None:
    X = np.random.default_rng(0).normal(size=(200, 2)) * [1e-3, 1e3]
    Y = (X[:, :1] > 0).astype(float)
    found = {}
    for solver in ("sgd", "adam"):
        model = MLP([2, 1], loss="cross_entropy", dtype="float64", random_state=0)
        model.train_steps(X, Y, 3000, learning_rate=0.01, optimizer=optimizer(solver))
        found[solver] = np.mean(model.predict(X) == Y[:, 0])
    assert found["adam"] > found["sgd"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"solver": "lbfgs"}, r"^solver: 'lbfgs' given, one of sgd, momentum, nesterov, adam, adamw accepted$"),
        ({"momentum": 1.5}, r"^momentum: 1.5 given, a number of at least 0 and at most 1 accepted$"),
        ({"solver": "adamw", "beta_1": 1.0}, r"^beta_1: 1 given, a number of at least 0 and below 1 accepted$"),
        ({"beta_2": -0.1}, r"^beta_2: -0.1 given, a finite number of at least 0 accepted$"),
        ({"epsilon": 0}, r"^epsilon: 0 given, a finite number above 0 accepted$"),
    ],
)
def test_constants_out_of_range_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        optimizer(**given)  # type: ignore[arg-type]
