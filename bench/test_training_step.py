"""Whole training steps: forward, loss, backward and update, as a program takes them, through `trainer.run.Run`.

Sigmoid layers with biases, mean squared error, all rows in each step. Steps are checked against `reference_step`
before any is timed.
"""

from __future__ import annotations

import numpy as np

from bench.conftest import Measure
from bench.peers.article import ArticleTraining
from bench.peers.interface import Start
from bench.peers.own import OwnTraining
from bench.problem import checked_problem, timed_problem
from bench.reference_step import require_close
from bench.report import Workload
from bench.shapes import TrainingShape
from bench.step_check import require_step, require_training
from bench.variants import ARTICLE, Variant


def starting(variant: Variant) -> Start:
    """Return what starts a variant's training."""
    if variant == ARTICLE:
        return ArticleTraining
    return lambda problem: OwnTraining(problem, variant.backend, variant.threads)


def check_loss(shape: TrainingShape, variant: Variant) -> None:
    """Raise ArithmeticError unless the first step records the loss before it."""
    problem = checked_problem(shape, variant.dtype)
    training = OwnTraining(problem, variant.backend, variant.threads)
    recorded = training.advance(1)
    require_close("loss", np.asarray(recorded[0, 0]), require_step(problem, training.parameters())[0])


def test_training_step(shape: TrainingShape, variant: Variant, measure: Measure) -> None:
    require_training(starting(variant), checked_problem(shape, variant.dtype))
    if variant != ARTICLE:
        check_loss(shape, variant)
    training, steps = starting(variant)(timed_problem(shape, variant.dtype)), shape.steps_per_call
    work = Workload("training step", shape.name, variant, shape.batch, shape.flops, steps)
    measure(work, training.advance, steps)
