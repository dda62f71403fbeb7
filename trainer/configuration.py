"""Configurations of a training: read from a TOML file, resolved to what is trained, and written as TOML.

A configuration is a flat mapping of the options of `scratch-mlp train`, by their names in Python, to values that JSON
and TOML know. The names and the kinds of values are those of `trainer.options`. Relative paths in a file are relative
to the working directory, as those on the command line are.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from trainer.errors import InputError
from trainer.losses import check_loss_parameter
from trainer.options import OPTIONS, checked_options
from trainer.settings import WITH_MOMENTUM, Settings

MAX_BYTES = 1 << 16  # hundreds of times what all options take
SETTINGS = tuple(field.name for field in fields(Settings) if field.name in OPTIONS)


def read_configuration(path: Path) -> dict[str, Any]:
    """Read options from a TOML file, as `options.checked_options` returns them.

    Raises
    ------
    InputError
        The file cannot be read or is not TOML, or an option in it is unknown or of another kind than its value.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"config {path}: cannot be read: {reason}") from None
    if len(content) > MAX_BYTES:
        raise InputError(f"config {path}: larger than {MAX_BYTES:,} bytes, a TOML file of options accepted")
    try:
        values = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:  # ValueError: not TOML, not UTF-8, or an absurd number
        raise InputError(f"config {path}: not a TOML file: {error}") from None
    return checked_options(values, f"config {path}: ")


def to_toml(configuration: Mapping[str, Any]) -> str:
    """Return a configuration as TOML, names with dashes as on the command line; None is left out."""
    import tomli_w

    named = {name.replace("_", "-"): value for name, value in configuration.items() if value is not None}
    return tomli_w.dumps(named)


def configuration_of(options: Mapping[str, Any], settings: Settings, *, target: str, task: str) -> dict[str, Any]:
    """Return the resolved configuration: every option with the value that the training goes by.

    Options that have no value, such as the momentum of a solver without one, are left out, so that the result can be
    given back as a file of options and resolves to itself.

    Parameters
    ----------
    options : all options, as `options.complete_options` returns them
    settings : what they were resolved to
    target, task : what the table was found to be

    Returns
    -------
    dict
        Values that JSON and TOML know, in the order of `options.OPTIONS`.
    """
    resolved = {**options, **{name: asdict(settings)[name] for name in SETTINGS}, "target": target, "task": task}
    resolved["loss_parameter"] = check_loss_parameter(settings.loss, settings.loss_parameter)
    if settings.solver not in WITH_MOMENTUM:
        resolved["momentum"] = None
    if settings.solver != "adamw":
        resolved["weight_decay"] = None
    resolved["resume"] = None  # what it led to is there; where from, another file may be by then
    return {name: _plain(resolved[name]) for name in OPTIONS if resolved[name] is not None}


def given_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `settings.resolve` takes as given: the options that are fields of `Settings`.

    Of a configuration that was stored, give ``checked_options(configuration, source)``.
    """
    return {name: options.get(name) for name in SETTINGS}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value
