"""What ``scratch-mlp inspect`` does: a model file in, what it holds and what it was made of out."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from trainer.columns import Column
from trainer.configuration import to_toml
from trainer.console import print_table
from trainer.errors import InputError
from trainer.inspection import LayerFigures, inspect_layers
from trainer.model_file import ModelFile, load_model
from trainer.predictor import Predictor
from trainer.table_files import listed


def run_inspection(model: Path, *, picture: Path | None, as_json: bool, configuration: bool, console: Console) -> None:
    """Print what a model is, or its configuration, and draw its weights.

    Raises
    ------
    InputError
        The model cannot be read, has no configuration, or the picture cannot be written.
    """
    if picture is not None:
        from trainer.model_plots import check_picture

        check_picture(picture)
    found = load_model(model, "numpy")  # nothing is computed
    if configuration:
        console.out(_configuration(found, model, as_json=as_json), highlight=False)
        return
    layers = inspect_layers(found.predictor.model)
    if picture is not None:
        from trainer.model_plots import save_weights

        save_weights(found.predictor.model.weights, picture, f"Weights of {model.name}")
    if as_json:
        print(json.dumps({"model": str(model), **_plain(found, layers)}))
        return
    console.print("\n".join([f"{model}:", *_lines(found)]) + "\n")
    print_table(console, _rows(layers))
    if picture is not None:
        console.print(f"written: {picture}")


def _configuration(found: ModelFile, model: Path, *, as_json: bool) -> str:
    if found.configuration is None:
        raise InputError(f"model {model}: no configuration is stored in it")
    return json.dumps(found.configuration) if as_json else to_toml(found.configuration).rstrip("\n")


def _lines(found: ModelFile) -> list[str]:
    predictor, model = found.predictor, found.predictor.model
    sizes = "-".join(str(size) for size in model.layer_sizes)
    parameter = "" if model.loss_parameter is None else f" {model.loss_parameter:g}"
    lines = {
        "network": f"{sizes}, {model.parameters.size:,} parameters, {model.dtype.name}, {_memory(predictor)}",
        "loss": f"{model.loss_name}{parameter}, {model.output_activation} outputs",
        "target": _target(predictor),
        "columns": _columns(predictor.columns),
        "preprocessing": _preprocessing(predictor),
        "written by": f"scratch-mlp {found.program_version}",
        "trained on": found.fingerprint or "not stored",
        "configuration": "stored, see --config" if found.configuration is not None else "not stored",
    }
    return [f"{name:<14} {text}" for name, text in lines.items()]


def _memory(predictor: Predictor) -> str:
    n_bytes = predictor.model.parameters.nbytes
    return f"{n_bytes / 2**20:.1f} MiB" if n_bytes >= 2**20 else f"{n_bytes / 2**10:.1f} KiB"


def _target(predictor: Predictor) -> str:
    if predictor.task == "regress":
        return f"{predictor.target_name!r}, a number"
    return f"{predictor.target_name!r}, {len(predictor.classes)} classes: {listed([str(c) for c in predictor.classes])}"


def _columns(columns: tuple[Column, ...]) -> str:
    of_categories = sum(1 for column in columns if column.categories)
    kinds = f" ({of_categories} of categories)" if of_categories else ""
    return f"{len(columns)}{kinds}: {listed([column.name for column in columns])}"


def _preprocessing(predictor: Predictor) -> str:
    filled = sum(1 for column in predictor.columns if column.fill is not None)
    steps = [
        f"missing cells of {filled} columns filled in" if filled else "",
        "categories one-hot" if any(column.categories for column in predictor.columns) else "",
        "inputs standardized" if predictor.inputs else "",
        "target standardized" if predictor.target else "",
    ]
    return ", ".join(step for step in steps if step) or "none"


def _rows(layers: list[LayerFigures]) -> list[list[str]]:
    """Return a row of cells for each figure, with a column for each layer."""
    columns = [_cells(number, layer) for number, layer in enumerate(layers, 1)]
    return [[name, *(column[name] for column in columns)] for name in columns[0]]


def _cells(number: int, layer: LayerFigures) -> dict[str, str]:
    return {
        "": f"layer {number}",
        "size": f"{layer.n_in:,} × {layer.n_out:,}",
        "activation": layer.activation,
        "parameters": f"{layer.parameters:,}",
        "norm of weights": f"{layer.frobenius:.4g}",
        "spectral norm": _optional(layer.spectral),
        "mean": f"{layer.mean:.3g}",
        "deviation": f"{layer.deviation:.3g}",
        "least": f"{layer.least:.3g}",
        "most": f"{layer.most:.3g}",
        "zeros": f"{100 * layer.zeros:.3g} %",
        "norm of biases": _optional(layer.bias_norm),
        "idle units": _optional(layer.idle),
    }


def _optional(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _plain(found: ModelFile, layers: list[LayerFigures]) -> dict[str, Any]:
    """Return what there is to say as JSON knows it."""
    predictor, model = found.predictor, found.predictor.model
    return {
        "layer_sizes": list(model.layer_sizes),
        "parameters": model.parameters.size,
        "bytes": model.parameters.nbytes,
        "dtype": model.dtype.name,
        "bias": model.bias,
        "loss": model.loss_name,
        "loss_parameter": model.loss_parameter,
        "task": predictor.task,
        "classes": list(predictor.classes),
        "target": predictor.target_name,
        "columns": [asdict(column) for column in predictor.columns],
        "inputs_standardized": predictor.inputs is not None,
        "target_standardized": predictor.target is not None,
        "program_version": found.program_version,
        "fingerprint": found.fingerprint,
        "configuration": found.configuration,
        "layers": [asdict(layer) for layer in layers],
    }
