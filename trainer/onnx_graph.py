"""A predictor as an ONNX graph that takes the columns of a table as they are.

A model of numbers only has one input, ``X`` (rows, n_columns). With columns of categories each column is an input of
its own, named as the column, (rows, 1): texts for categories, numbers otherwise. Numbers are doubles, since float32
has too few digits for columns whose spread is small against their offset; the layers compute in the network's dtype.
Missing cells are NaN and the empty text, where the model fills them in; an unknown category is refused by the runtime.

Outputs are ``probabilities`` (rows, n_classes) and ``label`` (rows,) of classes, ``prediction`` (rows,) of a number,
with "_" appended where a column has that name. Writing the file is left to `trainer.export_command`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.columns import Column
from trainer.errors import InputError
from trainer.model_file import ModelFile
from trainer.onnx_nodes import Nodes
from trainer.predictor import Predictor

if TYPE_CHECKING:
    import onnx

OPSETS = (("", 17), ("ai.onnx.ml", 3))
IR_VERSION = 8  # of the same time as these operators, so that runtimes of 2022 read the file
MAX_BYTES = 2_000_000_000  # a file of this kind holds at most 2 GiB
OPERATORS = {"sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "Relu", "exp": "Exp", "softmax": "Softmax"}  # over axis -1


def build_onnx(model: ModelFile) -> onnx.ModelProto:
    """Return the graph of a model, checked by onnx.

    Raises
    ------
    InputError
        onnx is not installed, or the model is too large for one file.
    """
    try:
        from onnx import checker, helper
    except ImportError:
        raise InputError('onnx: onnx is not installed, pip install "scratch-mlp[onnx]" needed') from None
    predictor = model.predictor
    if predictor.model.parameters.nbytes > MAX_BYTES:
        n_bytes = predictor.model.parameters.nbytes
        raise InputError(f"onnx: {n_bytes:,} bytes of parameters given, {MAX_BYTES:,} accepted")
    nodes = Nodes([column.name for column in predictor.columns])
    raw = _raw_inputs(nodes, predictor.columns)
    outputs = _layers(nodes, predictor, _standardized(nodes, predictor, raw))
    if predictor.task == "classify":
        _classes(nodes, predictor, outputs)
    else:
        _number(nodes, predictor, outputs)
    graph = helper.make_graph(nodes.nodes, "scratch-mlp", nodes.inputs, nodes.outputs, nodes.constants)
    proto = helper.make_model(
        graph,
        producer_name="scratch-mlp",
        producer_version=model.program_version,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in OPSETS],
    )
    helper.set_model_props(proto, _properties(model))
    checker.check_model(proto, full_check=True)
    return proto


def _properties(model: ModelFile) -> dict[str, str]:
    properties: dict[str, Any] = {
        "task": model.predictor.task,
        "target": model.predictor.target_name,
        "classes": list(model.predictor.classes),
        "program_version": model.program_version,
        "fingerprint": model.fingerprint,
        "configuration": model.configuration,
    }
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in properties.items()}
    return {name: text for name, text in texts.items() if properties[name] is not None}


def _raw_inputs(nodes: Nodes, columns: tuple[Column, ...]) -> str:
    """Return doubles (rows, n_inputs): missing cells filled in, categories one-hot."""
    if not any(column.categories for column in columns):
        raw = nodes.input("X", np.float64, len(columns))
        return _filled(nodes, raw, np.array([np.nan if c.fill is None else c.fill for c in columns]))
    parts = [_one_hot(nodes, column) if column.categories else _numbers(nodes, column) for column in columns]
    return nodes.add("Concat", parts, axis=1)


def _numbers(nodes: Nodes, column: Column) -> str:
    raw = nodes.input(column.name, np.float64, 1)
    return _filled(nodes, raw, np.array([np.nan if column.fill is None else column.fill]))


def _filled(nodes: Nodes, raw: str, fills: np.ndarray) -> str:
    """Return numbers with NaN replaced by what its column is filled with; NaN stands for nothing."""
    if np.isnan(fills).all():
        return raw
    return nodes.add("Where", [nodes.add("IsNaN", [raw]), nodes.constant(fills), raw])


def _one_hot(nodes: Nodes, column: Column) -> str:
    raw = nodes.input(column.name, np.str_, 1)
    places = {category: place for place, category in enumerate(column.categories)}
    if column.fill is not None:
        places[""] = int(column.fill)
    place = nodes.add(
        "LabelEncoder",
        [raw],
        domain="ai.onnx.ml",
        keys_strings=list(places),
        values_int64s=list(places.values()),
        default_int64=-1,
    )
    n_categories = len(column.categories)
    coded = nodes.add(
        "OneHotEncoder", [place], domain="ai.onnx.ml", cats_int64s=list(range(n_categories)), zeros=0
    )  # refuses -1
    return nodes.cast(nodes.add("Reshape", [coded, nodes.constant(np.array([-1, n_categories]))]), np.float64)


def _standardized(nodes: Nodes, predictor: Predictor, raw: str) -> str:
    if predictor.inputs is None:
        return raw
    shifted = nodes.add("Sub", [raw, nodes.constant(predictor.inputs.mean)])
    return nodes.add("Div", [shifted, nodes.constant(predictor.inputs.scale)])


def _layers(nodes: Nodes, predictor: Predictor, inputs: str) -> str:
    """Return the outputs of the network, in its dtype."""
    model = predictor.model
    biases = model.biases if model.bias else [None] * len(model.weights)
    activations = [*model.hidden_activations, model.output_activation]
    h = nodes.cast(inputs, model.dtype)
    for weight, bias, activation in zip(model.weights, biases, activations, strict=True):
        parameters = [nodes.constant(array) for array in (weight, bias) if array is not None]
        h = nodes.add("Gemm", [h, *parameters])
        if activation != "identity":
            h = nodes.add(OPERATORS[activation], [h])
    return h


def _classes(nodes: Nodes, predictor: Predictor, outputs: str) -> None:
    """Add the outputs of a classification, by the rules of `Predictor.predict` and `Predictor.probabilities`."""
    n_classes = len(predictor.classes)
    positive = nodes.add("Relu", [nodes.cast(outputs, np.float64)])
    total = nodes.add("ReduceSum", [positive, nodes.constant(np.array([1]))], keepdims=1)
    some = nodes.add("Greater", [total, nodes.constant(np.array(0.0))])
    shares = nodes.add("Div", [positive, total])
    probabilities = nodes.add("Where", [some, shares, nodes.constant(np.full(n_classes, 1 / n_classes))])
    place = nodes.add("ArgMax", [outputs], axis=1, keepdims=0)
    labels = np.array(predictor.classes)
    label = nodes.add("Gather", [nodes.constant(labels), place])
    nodes.output("probabilities", probabilities, np.float64, n_classes)
    nodes.output("label", label, labels.dtype, None)


def _number(nodes: Nodes, predictor: Predictor, outputs: str) -> None:
    """Add the output of a regression, in the units of its target."""
    values = nodes.cast(outputs, np.float64)
    if predictor.target is not None:
        scaled = nodes.add("Mul", [values, nodes.constant(predictor.target.scale)])
        values = nodes.add("Add", [scaled, nodes.constant(predictor.target.mean)])
    column = nodes.add("Reshape", [values, nodes.constant(np.array([-1]))])
    nodes.output("prediction", column, np.float64, None)
