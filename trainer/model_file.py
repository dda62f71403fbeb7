"""A trained predictor in one safetensors file, written whole and read without running code.

The header (`trainer.model_header`) says what the network is and how its inputs are made; the arrays are the weights
``layers.0.weight`` (n_in, n_out) and biases ``layers.0.bias`` (n_out,) of each layer, and ``inputs.mean``,
``inputs.scale``, ``target.mean`` and ``target.scale`` where there is standardisation. Names that begin with
``training.`` are a checkpoint's and left to it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np

from kernels.backends import BACKENDS
from trainer.architecture import DTYPES
from trainer.checks import check_choice
from trainer.columns import Column, n_inputs_of
from trainer.errors import InputError
from trainer.model import MLP
from trainer.model_header import (
    TRAINING,
    header_of,
    parse_classes,
    parse_columns,
    parse_configuration,
    parse_flag,
    parse_names,
    parse_sizes,
    parse_standardized,
    parse_text,
    require_model,
)
from trainer.output_file import write_whole
from trainer.predictor import Predictor
from trainer.preprocessing import Standardizer
from trainer.table import Label, Task
from trainer.tensor_file import SUFFIX, encode_tensors, read_tensors

MAX_MESSAGE = 300  # characters of what a damaged file is said to hold


@dataclass(frozen=True)
class ModelFile:
    """What a model file holds.

    Attributes
    ----------
    predictor : Predictor
    configuration : dict or None
        Everything the training was set to, if it was stored.
    fingerprint : str or None
        Of the data it was trained on, if it was stored.
    program_version : str
        Of the program that wrote the file.
    """

    predictor: Predictor
    configuration: dict[str, Any] | None
    fingerprint: str | None
    program_version: str


def check_model_path(path: str | os.PathLike[str], name: str) -> Path:
    """Return the path of a model to be written; raise InputError where the argument `name` has another suffix."""
    path = Path(path)
    if path.suffix.lower() != SUFFIX:
        raise InputError(f"{name}: file {path} given, a name that ends in {SUFFIX} accepted")
    return path


def save_predictor(
    predictor: Predictor,
    path: str | os.PathLike[str],
    *,
    configuration: Mapping[str, Any] | None = None,
    fingerprint: str | None = None,
) -> None:
    """Write a predictor to a file.

    Parameters
    ----------
    predictor : Predictor
    path : path-like
        A name that ends in .safetensors.
    configuration : mapping, optional
        Everything the training was set to, as JSON can hold it.
    fingerprint : str, optional
        Of the data.

    Raises
    ------
    InputError
        The file cannot be written; then nothing is.
    """
    path = check_model_path(path, "path")
    write_whole(path, encode_model(predictor, configuration=configuration, fingerprint=fingerprint))


def encode_model(
    predictor: Predictor,
    *,
    configuration: Mapping[str, Any] | None = None,
    fingerprint: str | None = None,
    extra_header: Mapping[str, Any] | None = None,
    extra_arrays: Mapping[str, np.ndarray] | None = None,
) -> bytes:
    """Return the content of a model's file; names of what is extra begin with ``training.``."""
    extra_header, extra_arrays = dict(extra_header or {}), dict(extra_arrays or {})
    for name in (*extra_header, *extra_arrays):
        if not name.startswith(TRAINING):
            raise ValueError(f"{name}: given, a name that begins with {TRAINING} accepted")
    header = header_of(predictor, configuration, fingerprint)
    return encode_tensors(header | extra_header, _arrays_of(predictor) | extra_arrays)


def _arrays_of(predictor: Predictor) -> dict[str, np.ndarray]:
    model = predictor.model
    arrays = {f"layers.{i}.weight": weight for i, weight in enumerate(model.weights)}
    arrays |= {f"layers.{i}.bias": bias for i, bias in enumerate(model.biases)}
    for name, standardizer in (("inputs", predictor.inputs), ("target", predictor.target)):
        if standardizer is not None:
            arrays[f"{name}.mean"], arrays[f"{name}.scale"] = standardizer.mean, standardizer.scale
    return arrays


def load_predictor(path: str | os.PathLike[str], backend: str = "numba") -> Predictor:
    """Read a predictor from a file; see `load_model`."""
    return load_model(path, backend).predictor


def load_model(path: str | os.PathLike[str], backend: str = "numba") -> ModelFile:
    """Read a model file.

    Raises
    ------
    InputError
        The file is missing, cannot be read, is damaged, or is not a model of this program.
    """
    check_choice("backend", backend, tuple(BACKENDS))
    if Path(path).suffix.lower() == ".npz":
        raise InputError(f"model {path}: an .npz file given, {SUFFIX} accepted: models are safetensors files now")
    header, arrays = read_tensors(path, "model")
    return decode_model(header, arrays, f"model {path}", backend)


def decode_model(header: dict[str, Any], arrays: dict[str, np.ndarray], what: str, backend: str) -> ModelFile:
    """Return the model of a file that `encode_model` has made; errors begin with `what`."""
    try:
        require_model(header)
    except InputError as error:
        raise InputError(f"{what}: {error}") from None
    try:
        return _model_file(header, {name: a for name, a in arrays.items() if not name.startswith(TRAINING)}, backend)
    except (TypeError, ValueError, OverflowError, MemoryError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{what}: damaged, {reason[:MAX_MESSAGE]}") from None


def _model_file(header: dict[str, Any], arrays: dict[str, np.ndarray], backend: str) -> ModelFile:
    fingerprint = header["fingerprint"]
    return ModelFile(
        predictor=_predictor(header, arrays, backend),
        configuration=parse_configuration(header["configuration"]),
        fingerprint=None if fingerprint is None else parse_text("fingerprint", fingerprint),
        program_version=parse_text("program_version", header["program_version"]),
    )


def _predictor(header: dict[str, Any], arrays: dict[str, np.ndarray], backend: str) -> Predictor:
    sizes, bias = parse_sizes(header["layer_sizes"]), parse_flag("bias", header["bias"])
    dtype = check_choice("dtype", header["dtype"], DTYPES)
    task, classes = check_choice("task", header["task"], get_args(Task)), parse_classes(header["classes"])
    columns = parse_columns(header["columns"])
    if len(sizes) > 1 + len(arrays):
        raise InputError(f"{len(arrays)} arrays given for {len(sizes) - 1} layers")
    _require_ends(sizes, task, classes, columns)
    standardized = parse_standardized(header["preprocessing"])
    _require_arrays(arrays, _shapes(sizes, bias, standardized), dtype)
    activations = header["activations"]
    if not isinstance(activations, list):
        raise InputError(f"activations: {activations!r} given, a list accepted")
    model = MLP(
        sizes,
        activation=activations,
        output_activation=header["output_activation"],
        loss=header["loss"],
        loss_parameter=header["loss_parameter"],
        bias=bias,
        dtype=dtype,
        backend=backend,
        random_state=0,
    )
    layers = range(len(sizes) - 1)
    model.weights = [arrays[f"layers.{i}.weight"] for i in layers]
    if bias:
        model.biases = [arrays[f"layers.{i}.bias"] for i in layers]
    return Predictor(
        model=model,
        task=cast(Task, task),
        classes=classes,
        columns=columns,
        target_name=parse_text("target_name", header["target_name"]),
        dropped=parse_names("dropped", header["dropped"]),
        inputs=_standardizer(arrays, "inputs") if standardized[0] else None,
        target=_standardizer(arrays, "target") if standardized[1] else None,
    )


def _require_ends(sizes: tuple[int, ...], task: str, classes: tuple[Label, ...], columns: tuple[Column, ...]) -> None:
    n_inputs, n_outputs = n_inputs_of(columns), len(classes) if task == "classify" else 1
    if (n_inputs, n_outputs) != (sizes[0], sizes[-1]) or (task == "regress" and classes):
        found = f"{n_inputs} inputs of columns, {len(classes)} classes"
        raise InputError(f"{found} given to {task} with layers {'-'.join(map(str, sizes))}")


def _shapes(sizes: tuple[int, ...], bias: bool, standardized: tuple[bool, bool]) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array there must be."""
    shapes: dict[str, tuple[int, ...]] = {}
    for i in range(len(sizes) - 1):
        shapes[f"layers.{i}.weight"] = (sizes[i], sizes[i + 1])
        if bias:
            shapes[f"layers.{i}.bias"] = (sizes[i + 1],)
    for name, length, there in (("inputs", sizes[0], standardized[0]), ("target", 1, standardized[1])):
        if there:
            shapes[f"{name}.mean"] = shapes[f"{name}.scale"] = (length,)
    return shapes


def _require_arrays(arrays: dict[str, np.ndarray], shapes: dict[str, tuple[int, ...]], dtype: str) -> None:
    """Raise InputError unless there are exactly the arrays of these shapes, finite, of the network's dtype."""
    differing = sorted(set(arrays) ^ set(shapes))
    if differing:
        raise InputError(f"{differing[0]} is {'missing' if differing[0] in shapes else 'not of this network'}")
    for name, array in arrays.items():
        wanted = dtype if name.startswith("layers.") else "float64"
        if array.shape != shapes[name] or array.dtype.name != wanted:
            found = f"{name} is {array.shape} {array.dtype}"
            raise InputError(f"{found}, the layers want {shapes[name]} {wanted}")
        if not np.isfinite(array).all():
            raise InputError(f"{name} is not finite")
        if name.endswith(".scale") and (array <= 0).any():
            raise InputError(f"{name} is not above 0")


def _standardizer(arrays: dict[str, np.ndarray], name: str) -> Standardizer:
    return Standardizer(arrays[f"{name}.mean"], arrays[f"{name}.scale"])
