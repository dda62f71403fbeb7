"""What a network refuses: each argument is named with its value and what is accepted, and nothing changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from refusals import message_of

from trainer import MLP, InputError

X, Y = np.ones((20, 3)), np.ones((20, 2))


def build(**options: Any) -> MLP:
    """Return a network for three features and two outputs."""
    return MLP([3, 5, 2], **{"random_state": 0, **options})


BAD_ARGUMENTS: list[tuple[dict[str, Any], type[Exception], list[str]]] = [
    ({"layer_sizes": [3]}, InputError, ["layer_sizes", "[3]", "at least two"]),
    ({"layer_sizes": []}, InputError, ["layer_sizes", "[]", "at least two"]),
    ({"layer_sizes": 3}, TypeError, ["layer_sizes", "3", "sequence"]),
    ({"layer_sizes": "32"}, TypeError, ["layer_sizes", "'32'", "sequence"]),
    ({"layer_sizes": [3, 0, 2]}, InputError, ["layer_sizes[1]", "0", "at least 1"]),
    ({"layer_sizes": [3, 5, -2]}, InputError, ["layer_sizes[2]", "-2", "at least 1"]),
    ({"layer_sizes": [3, 5.0, 2]}, TypeError, ["layer_sizes[1]", "5.0", "integer"]),
    ({"layer_sizes": [3, True]}, TypeError, ["layer_sizes[1]", "True", "integer"]),
    ({"activation": "softmax"}, InputError, ["activation", "'softmax'", "sigmoid, tanh, relu, identity"]),
    ({"activation": None}, TypeError, ["activation", "None", "sigmoid"]),
    ({"output_activation": "cosine"}, InputError, ["output_activation", "'cosine'", "softmax"]),
    ({"loss": "hinge"}, InputError, ["loss", "'hinge'", "mse, cross_entropy"]),
    ({"loss": "cross_entropy", "output_activation": "tanh"}, InputError, ["loss", "cross_entropy", "tanh", "softmax"]),
    ({"dtype": "float16"}, InputError, ["dtype", "float16", "float32, float64"]),
    ({"dtype": None}, TypeError, ["dtype", "None", "float32, float64"]),
    ({"dtype": "int64"}, InputError, ["dtype", "int64", "float32, float64"]),
    ({"backend": "torch"}, InputError, ["backend", "'torch'", "numba, numpy"]),
    ({"init": "zeros"}, InputError, ["init", "'zeros'", "glorot, article"]),
    ({"random_state": -1}, InputError, ["random_state", "-1", "at least 0"]),
    ({"random_state": 1.5}, TypeError, ["random_state", "1.5", "integer"]),
    ({"random_state": 2**32, "init": "article"}, InputError, ["random_state", str(2**32)]),
]


@pytest.mark.parametrize(("arguments", "error", "named"), BAD_ARGUMENTS, ids=lambda value: str(value)[:60])
def test_bad_arguments_are_named_with_their_value_and_what_is_accepted(
    arguments: dict[str, Any], error: type[Exception], named: list[str]
) -> None:
    message = message_of(error, MLP, **{"layer_sizes": [3, 5, 2], **arguments})
    for part in named:
        assert part in message
    assert message.startswith(named[0])


BAD_SAMPLES: list[tuple[Any, Any, type[Exception], list[str]]] = [
    (np.ones((4, 2)), np.ones((4, 2)), InputError, ["X", "(4, 2)", "(n_samples, 3)"]),
    (np.ones(3), np.ones((1, 2)), InputError, ["X", "(3,)", "(n_samples, 3)"]),
    (np.ones((2, 2, 3)), np.ones((4, 2)), InputError, ["X", "(2, 2, 3)", "(n_samples, 3)"]),
    (np.ones((0, 3)), np.ones((0, 2)), InputError, ["X", "(0, 3)"]),
    (np.ones((4, 3)), np.ones((4, 3)), InputError, ["Y", "(4, 3)", "(n_samples, 2)"]),
    (np.ones((4, 3)), np.ones((5, 2)), InputError, ["Y", "5 rows", "4"]),
    ([[1, 2, np.nan]], np.ones((1, 2)), InputError, ["X", "nan", "row 0", "column 2", "finite"]),
    ([[1, 2, 3]], [[0, -np.inf]], InputError, ["Y", "-inf", "row 0", "column 1", "finite"]),
    ([["a", "b", "c"]], np.ones((1, 2)), TypeError, ["X", "numbers"]),
    ([[1, 2], [3]], np.ones((2, 2)), TypeError, ["X", "list", "(n_samples, 3)"]),
    (None, np.ones((1, 2)), TypeError, ["X", "NoneType", "(n_samples, 3)"]),
    (np.ones((1, 3), complex), np.ones((1, 2)), TypeError, ["X", "numbers"]),
]


@pytest.mark.parametrize(("x", "y", "error", "named"), BAD_SAMPLES, ids=lambda value: str(value)[:40])
def test_samples_that_cannot_be_used_are_refused(x: Any, y: Any, error: type[Exception], named: list[str]) -> None:
    model = build()
    before = model.parameters.copy()
    for call in (model.loss, model.gradients, lambda x, y: model.train_steps(x, y, 1, learning_rate=0.1)):
        message = message_of(error, call, x, y)
        for part in named:
            assert part in message
    assert model.parameters.tobytes() == before.tobytes()


@pytest.mark.filterwarnings("error")
def test_numbers_too_large_for_the_network_are_refused_without_a_warning() -> None:
    message = message_of(InputError, build(dtype="float32").forward, [[1.0, 1e300, 1.0]])
    assert message.startswith("X: ")
    for part in ("row 0", "column 1", "float32"):
        assert part in message


BAD_TRAINING: list[tuple[dict[str, Any], type[Exception], list[str]]] = [
    ({"steps": 0}, InputError, ["steps", "0", "at least 1"]),
    ({"steps": 2.5}, TypeError, ["steps", "2.5", "integer"]),
    ({"learning_rate": 0.0}, InputError, ["learning_rate", "0", "above 0"]),
    ({"learning_rate": -1.0}, InputError, ["learning_rate", "-1", "above 0"]),
    ({"learning_rate": np.nan}, InputError, ["learning_rate", "nan", "finite"]),
    ({"learning_rate": np.inf}, InputError, ["learning_rate", "inf", "finite"]),
    ({"learning_rate": "fast"}, TypeError, ["learning_rate", "'fast'", "number"]),
    ({"l2": -1.0}, InputError, ["l2", "-1", "at least 0"]),
    ({"l1": np.nan}, InputError, ["l1", "nan", "at least 0"]),
    ({"batch_size": 0}, InputError, ["batch_size", "0", "at least 1"]),
    ({"batch_size": "all"}, TypeError, ["batch_size", "'all'", "integer"]),
    ({"clip_norm": 0.0}, InputError, ["clip_norm", "0", "above 0"]),
    ({"schedule": "sudden"}, InputError, ["schedule", "'sudden'", "constant, step, exponential, cosine"]),
]


@pytest.mark.parametrize(("options", "error", "named"), BAD_TRAINING, ids=lambda value: str(value)[:60])
def test_bad_training_options_are_refused_before_anything_changes(
    options: dict[str, Any], error: type[Exception], named: list[str]
) -> None:
    model = build()
    before = model.parameters.copy()
    message = message_of(error, model.train_steps, X, Y, **{"steps": 3, "learning_rate": 0.1, **options})
    for part in named:
        assert part in message
    assert model.parameters.tobytes() == before.tobytes()
