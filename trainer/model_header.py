"""What the header of a model file says: written from a predictor, and checked item by item when it is read.

The arrays beside it, and whether they fit to it, are left to `trainer.model_file`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from trainer.checks import MAX_COUNT, check_sizes
from trainer.columns import Column
from trainer.errors import InputError
from trainer.predictor import Predictor
from trainer.table import Label

FORMAT = "scratch-mlp model"
FORMAT_VERSION = 2  # version 1 were NumPy archives
TRAINING = "training."  # what a checkpoint holds beside the model has names that begin so
ENTRIES = (
    "format",
    "format_version",
    "program_version",
    "layer_sizes",
    "activations",
    "output_activation",
    "loss",
    "loss_parameter",
    "bias",
    "dtype",
    "task",
    "classes",
    "columns",
    "target_name",
    "dropped",
    "preprocessing",
    "configuration",
    "fingerprint",
)
STANDARDIZED, AS_IS = "standardized", "as is"


def header_of(predictor: Predictor, configuration: Mapping[str, Any] | None, fingerprint: str | None) -> dict[str, Any]:
    """Return the header of a predictor's file, with an item for each of `ENTRIES`."""
    model = predictor.model
    values = (
        FORMAT,
        FORMAT_VERSION,
        _program_version(),
        list(model.layer_sizes),
        list(model.hidden_activations),
        model.output_activation,
        model.loss_name,
        model.loss_parameter,
        model.bias,
        model.dtype.name,
        predictor.task,
        list(predictor.classes),
        [asdict(column) for column in predictor.columns],
        predictor.target_name,
        list(predictor.dropped),
        {
            "inputs": AS_IS if predictor.inputs is None else STANDARDIZED,
            "target": AS_IS if predictor.target is None else STANDARDIZED,
        },
        None if configuration is None else dict(configuration),
        fingerprint,
    )
    return dict(zip(ENTRIES, values, strict=True))


def require_model(header: Mapping[str, Any]) -> None:
    """Raise InputError unless a header is that of a model, in the version that is read here, with every item."""
    if header.get("format") != FORMAT:
        raise InputError("not a model of this program; write one with train --save")
    given = header.get("format_version")
    if given != FORMAT_VERSION or isinstance(given, float):
        newer = isinstance(given, int) and given > FORMAT_VERSION
        hint = "; a newer scratch-mlp has written it" if newer else ""
        raise InputError(f"format version {given!r} given, version {FORMAT_VERSION} accepted{hint}")
    missing = [name for name in ENTRIES if name not in header]
    if missing:
        raise InputError(f"damaged, {missing[0]} is missing")
    unknown = sorted(name for name in header if name not in ENTRIES and not name.startswith(TRAINING))
    if unknown:
        raise InputError(f"damaged, unknown entry {unknown[0]!r}")


def parse_sizes(value: object) -> tuple[int, ...]:
    """Return layer sizes."""
    return check_sizes("layer_sizes", value)


def parse_classes(value: object) -> tuple[Label, ...]:
    """Return class labels: all of them texts, or integers, or booleans, none of them twice."""
    kinds = {type(label) for label in _list("classes", value)}
    classes = tuple(_list("classes", value))
    if kinds - {str, int, bool} or len(kinds) > 1:
        raise InputError("classes: texts, integers or booleans accepted, all of a kind")
    if len(set(classes)) < len(classes):
        raise InputError("classes: the same label given twice")
    if kinds == {int} and max(map(abs, classes)) > MAX_COUNT:
        raise InputError("classes: integers beyond 64 bits given")
    return classes


def parse_names(name: str, value: object) -> tuple[str, ...]:
    """Return a list of texts."""
    return tuple(parse_text(name, text) for text in _list(name, value))


def parse_columns(value: object) -> tuple[Column, ...]:
    """Return the columns of features."""
    columns = tuple(_column(item) for item in _list("columns", value))
    names = [column.name for column in columns]
    if len(set(names)) < len(names):
        raise InputError("columns: the same name given twice")
    return columns


def _column(item: object) -> Column:
    if not isinstance(item, dict) or sorted(item) != ["categories", "fill", "name"]:
        raise InputError("columns: name, categories and fill needed of each")
    name, fill = parse_text("columns: name", item["name"]), item["fill"]
    categories = parse_names("columns: categories", item["categories"])
    if list(categories) != sorted(set(categories)):
        raise InputError(f"columns: the categories of {name!r} are not sorted and distinct")
    if fill is None:
        return Column(name, categories)
    if isinstance(fill, bool) or not isinstance(fill, int | float) or not math.isfinite(fill):
        raise InputError(f"columns: fill of {name!r}: {fill!r} given, a finite number accepted")
    if categories and fill not in range(len(categories)):
        raise InputError(f"columns: fill of {name!r}: {fill!r} given, the index of a category accepted")
    return Column(name, categories, float(fill))


def parse_text(name: str, value: object) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise InputError(f"{name}: {value!r} given, a text accepted")
    return value


def parse_flag(name: str, value: object) -> bool:
    """Return a boolean."""
    if not isinstance(value, bool):
        raise InputError(f"{name}: {value!r} given, true or false accepted")
    return value


def parse_standardized(value: object) -> tuple[bool, bool]:
    """Return whether the inputs, and whether the target, are standardised."""
    if not isinstance(value, dict) or sorted(value) != ["inputs", "target"]:
        raise InputError("preprocessing: inputs and target needed")
    for said in value.values():
        if said not in (STANDARDIZED, AS_IS):
            raise InputError(f"preprocessing: {said!r} given, {STANDARDIZED!r} or {AS_IS!r} accepted")
    return value["inputs"] == STANDARDIZED, value["target"] == STANDARDIZED


def parse_configuration(value: object) -> dict[str, Any] | None:
    """Return the configuration of the training, if there is one."""
    if value is not None and not isinstance(value, dict):
        raise InputError(f"configuration: {value!r} given, names with values accepted")
    return value


def _list(name: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise InputError(f"{name}: {value!r} given, a list accepted")
    return value


def _program_version() -> str:
    try:
        return version("scratch-mlp")
    except PackageNotFoundError:
        return "unknown"
