"""A trained predictor in one NumPy archive (.npz), written whole and read without running code.

Entries: ``description``, a JSON text (format, layer sizes, activations, loss and its parameter, classes, names, version
of this program), ``parameters``, the flat array of the network, and the means and scales of the standardisations, if
any.
"""

from __future__ import annotations

import io
import json
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, get_args

import numpy as np

from kernels.backends import BACKENDS
from trainer.checks import check_choice
from trainer.columns import numeric_columns
from trainer.errors import InputError
from trainer.model import MLP
from trainer.output_file import write_whole
from trainer.predictor import Predictor
from trainer.preprocessing import Standardizer
from trainer.table import Task

FORMAT = "scratch-mlp model"
FORMAT_VERSION = 1


def save_predictor(predictor: Predictor, path: str | os.PathLike[str]) -> None:
    """Write a predictor to a file.

    Raises
    ------
    InputError
        The file cannot be written; then nothing is.
    """
    model = predictor.model
    description = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "program_version": _program_version(),
        "layer_sizes": list(model.layer_sizes),
        "activation": list(model.hidden_activations),
        "output_activation": model.output_activation,
        "loss": model.loss_name,
        "loss_parameter": model.loss_parameter,
        "bias": model.bias,
        "dtype": model.dtype.name,
        "task": predictor.task,
        "classes": list(predictor.classes),
        "feature_names": list(predictor.feature_names),
        "target_name": predictor.target_name,
    }
    arrays: dict[str, Any] = {"parameters": model.parameters}
    for name, standardizer in (("inputs", predictor.inputs), ("target", predictor.target)):
        if standardizer is not None:
            arrays[f"{name}_mean"], arrays[f"{name}_scale"] = standardizer.mean, standardizer.scale
    description["entries"] = ["description", *arrays]
    arrays["description"] = np.array(json.dumps(description))
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_whole(path, buffer.getvalue())


def load_predictor(path: str | os.PathLike[str], backend: str = "numba") -> Predictor:
    """Read a predictor from a file.

    Raises
    ------
    InputError
        The file is missing, cannot be read, is damaged, or is not a model of this program.
    """
    path = Path(path)
    check_choice("backend", backend, tuple(BACKENDS))
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise InputError(f"model {path}: no such file") from None
    except OSError as error:
        raise InputError(f"model {path}: cannot be read: {error.strerror or error}") from None
    except Exception:  # a damaged archive fails in a dozen ways, each of them the file's fault
        raise InputError(f"model {path}: damaged, or not a model of this program") from None
    description = _description(path, arrays)
    try:
        return _predictor(description, arrays, backend)
    except KeyError as error:
        raise InputError(f"model {path}: damaged, {error.args[0]} is missing") from None
    except (AttributeError, TypeError, ValueError, OverflowError, MemoryError) as error:
        raise InputError(f"model {path}: damaged, {error}".replace("\n", " ")) from None


def _description(path: Path, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    try:
        description = json.loads(str(arrays["description"]))
        is_model = description["format"] == FORMAT
    except (KeyError, TypeError, ValueError):
        is_model = False
    if not is_model:
        raise InputError(f"model {path}: not a model of this program; write one with train --save")
    given = description.get("format_version")
    if given != FORMAT_VERSION:
        raise InputError(f"model {path}: format version {given!r}, version {FORMAT_VERSION} accepted")
    return description


def _predictor(description: dict[str, Any], arrays: dict[str, np.ndarray], backend: str) -> Predictor:
    model = MLP(
        description["layer_sizes"],
        activation=description["activation"],
        output_activation=description["output_activation"],
        loss=description["loss"],
        loss_parameter=description.get("loss_parameter"),  # older files have none
        bias=description["bias"],
        dtype=description["dtype"],
        backend=backend,
        random_state=0,
    )
    parameters = arrays["parameters"]
    if parameters.shape != model.parameters.shape or parameters.dtype != model.dtype:
        raise ValueError(
            f"parameters are {parameters.shape} {parameters.dtype}, "
            f"the layers want {model.parameters.shape} {model.dtype}"
        )
    if not np.isfinite(parameters).all():
        raise ValueError("parameters are not finite")
    model.parameters[:] = parameters
    hidden = set(description.get("entries", ())) - set(arrays)  # by damage to the archive's own list
    if hidden:
        raise KeyError(min(hidden))
    classes, features = tuple(description["classes"]), tuple(description["feature_names"])
    task = check_choice("task", description["task"], get_args(Task))
    n_outputs = len(classes) if task == "classify" else 1
    if (len(features), n_outputs) != (model.layer_sizes[0], model.layer_sizes[-1]):
        raise ValueError(f"{len(features)} features and {n_outputs} outputs for layers {list(model.layer_sizes)}")
    return Predictor(
        model=model,
        task=description["task"],
        classes=classes,
        columns=numeric_columns(features),
        target_name=description["target_name"],
        inputs=_standardizer(arrays, "inputs", len(features)),
        target=_standardizer(arrays, "target", 1),
    )


def _standardizer(arrays: dict[str, np.ndarray], name: str, n_columns: int) -> Standardizer | None:
    if f"{name}_mean" not in arrays:
        return None
    mean, scale = arrays[f"{name}_mean"], arrays[f"{name}_scale"]
    for values in (mean, scale):
        if values.shape != (n_columns,) or values.dtype != np.float64 or not np.isfinite(values).all():
            raise ValueError(f"the standardisation of the {name} is not {n_columns} finite float64 numbers")
    if (scale <= 0).any():
        raise ValueError(f"the standardisation of the {name} has scales that are not above 0")
    return Standardizer(mean, scale)


def _program_version() -> str:
    try:
        return version("scratch-mlp")
    except PackageNotFoundError:
        return "unknown"
