"""Whole training steps: forward, loss, backward and update, as a program takes them, through `trainer.run.Run`.

Sigmoid layers with biases, mean squared error, all rows in each step. One step is checked against `reference_step`
before any is timed.
"""

from __future__ import annotations

import numpy as np

from bench.conftest import Measure
from bench.reference_step import reference_step, require_close
from bench.report import Workload
from bench.shapes import TrainingShape
from trainer import MLP
from trainer.model import objective

# So small that 1e5 steps leave the outputs far from saturation, where other code paths and subnormal numbers wait.
LEARNING_RATE = 1e-3
# So large that an error of the gradient is not lost in the rounding of the updated parameter.
CHECKED_LEARNING_RATE = 1.0
# Inputs of a row that are not zero in the checked step. Bounds grow with the terms of a sum and with those of the sum
# after it; with all 784 inputs they would exceed the step that they are to check.
CHECKED_INPUTS = 16
# What the bounds may come to, as a share of the step: a term left out or a factor of two is off by half and more.
LARGEST_SHARE = 0.5


def random_samples(shape: TrainingShape, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return normal inputs (batch, n_in) and one-hot targets (batch, n_out) of random classes."""
    generator = np.random.default_rng(0)
    n_in, n_out = shape.layer_sizes[0], shape.layer_sizes[-1]
    x = generator.standard_normal((shape.batch, n_in)).astype(dtype)
    return x, np.eye(n_out, dtype=dtype)[generator.integers(n_out, size=shape.batch)]


def new_model(shape: TrainingShape, dtype: str, backend: str) -> MLP:
    """Return the model that every backend starts from; biases are random too, so that they are checked."""
    model = MLP(shape.layer_sizes, dtype=dtype, backend=backend, random_state=0)
    generator = np.random.default_rng(1)
    model.biases = [generator.uniform(-1, 1, bias.shape) for bias in model.biases]
    return model


def thinned(x: np.ndarray) -> np.ndarray:
    """Return x with all but about `CHECKED_INPUTS` of each row set to zero, others in each row so that all are used."""
    rows, columns = np.indices(x.shape)
    return np.where((rows + columns) % max(1, x.shape[1] // CHECKED_INPUTS) == 0, x, 0)


def check_one_step(model: MLP, x: np.ndarray, y: np.ndarray) -> None:
    """Raise ArithmeticError unless one step is that of the reference, up to rounding."""
    expected = reference_step(model.weights, model.biases, x, y, CHECKED_LEARNING_RATE, model.dtype.name)
    before = [array.copy() for array in (*model.weights, *model.biases)]
    table = model.start_run(x, y, terms=objective()).advance(np.array([CHECKED_LEARNING_RATE]))
    require_close("loss", table[0, 0], expected.loss)
    after, right = [*model.weights, *model.biases], [*expected.weights, *expected.biases]
    names = [f"{name} of layer {layer}" for name in ("weight", "bias") for layer in range(len(model.weights))]
    for name, old, new, bounded in zip(names, before, after, right, strict=True):
        require_close(name, new, bounded)
        share = np.linalg.norm(bounded.error) / np.linalg.norm(bounded.value - old)
        if share > LARGEST_SHARE:
            raise ArithmeticError(f"{name}: the bound of {share:.1%} of the step is too wide to check anything")


def test_training_step(shape: TrainingShape, backend: str, dtype: str, threads: int, measure: Measure) -> None:
    x, y = random_samples(shape, dtype)
    check_one_step(new_model(shape, dtype, backend), thinned(x), y)
    steps = shape.steps_per_call
    run = new_model(shape, dtype, backend).start_run(x, y, terms=objective(), record_every=steps)
    work = Workload("training step", shape.name, backend, shape.batch, shape.flops, steps)
    measure(work, run.advance, np.full(steps, LEARNING_RATE))
