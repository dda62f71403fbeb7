"""The options of `scratch-mlp train` by name, and what kind of value each takes, wherever it was written.

A new option is a parameter of `cli.train` and a line in `OPTIONS`; one that is a field of `settings.Settings` needs
nothing else to be resolved, printed and stored. Whether a value of the right kind is in range is left to those who use
it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.checkpoints import DEFAULT_EVERY
from trainer.errors import InputError
from trainer.settings import MAX_UNITS, parse_hidden

MAX_QUOTED = 60  # characters of a value in one message


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    Attributes
    ----------
    accepted : str
        What an error says is accepted.
    read : callable
        Returns the value as the program takes it; raises TypeError, ValueError or OverflowError for another kind.
    """

    accepted: str
    read: Callable[[object], Any]


def _text(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise TypeError
    return value


def _path(value: object) -> Path:
    return value if isinstance(value, Path) else Path(_text(value))


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    if value.bit_length() > 128:  # whose digits Python may refuse to write into a message
        raise OverflowError
    return value


def _real(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _sizes(value: object) -> tuple[int, ...]:
    if isinstance(value, str):
        return parse_hidden(value)
    sizes = value if isinstance(value, list | tuple) else [value]
    return parse_hidden(",".join(str(_whole(size)) for size in sizes))


def _names(value: object) -> tuple[str, ...]:
    names = [_text(name) for name in value] if isinstance(value, list | tuple) else _text(value).split(",")
    stripped = tuple(name.strip() for name in names)
    if "" in stripped:
        raise ValueError
    return stripped


TEXT = Kind("a text", _text)
LOSS = Kind("the name of a loss", lambda value: _text(value).replace("-", "_"))
PATH = Kind("the name of a file or folder", _path)
FLAG = Kind("true or false", _flag)
WHOLE = Kind("a whole number", _whole)
REAL = Kind("a number", _real)
SIZES = Kind(f"sizes from 1 to {MAX_UNITS:,} such as 50 or 32,16", _sizes)

NAMES = Kind("names of columns such as id,name", _names)

OPTIONS: dict[str, Kind] = {
    "data": TEXT,
    "samples": WHOLE,
    "noise": REAL,
    "data_seed": WHOLE,
    "target": TEXT,
    "task": TEXT,
    "categorical": NAMES,
    "drop": NAMES,
    "impute": TEXT,
    "stream": FLAG,
    "preset": TEXT,
    "backend": TEXT,
    "hidden": SIZES,
    "activation": TEXT,
    "bias": FLAG,
    "loss": LOSS,
    "loss_parameter": REAL,
    "epochs": WHOLE,
    "batch_size": WHOLE,
    "shuffle": FLAG,
    "learning_rate": REAL,
    "schedule": TEXT,
    "solver": TEXT,
    "momentum": REAL,
    "weight_decay": REAL,
    "dropout": REAL,
    "clip_norm": REAL,
    "l1": REAL,
    "l2": REAL,
    "dtype": TEXT,
    "seed": WHOLE,
    "threads": WHOLE,
    "validation": REAL,
    "early_stopping": WHOLE,
    "keep_best": FLAG,
    "log_every": WHOLE,
    "history": PATH,
    "plots": PATH,
    "gif": PATH,
    "save": PATH,
    "checkpoint": PATH,
    "every": TEXT,
    "tensorboard": PATH,
    "log": TEXT,
    "quiet": FLAG,
    "resume": PATH,
}
# Where `settings.resolve` does not know better.
DEFAULTS: dict[str, Any] = {"data": "xor", "log": "text", "quiet": False, "every": DEFAULT_EVERY}


def checked_options(values: Mapping[str, object], source: str = "") -> dict[str, Any]:
    """Return options by their names in Python, each value as the program takes it.

    Parameters
    ----------
    values : mapping
        By name, with dashes or underscores. None where nothing was given: these are left out.
    source : str
        Where they were written, such as ``"config training.toml: "``, for errors.

    Raises
    ------
    InputError
        An unknown name, one that is given twice, or a value of another kind than the option takes.
    """
    checked: dict[str, Any] = {}
    for given, value in values.items():
        name = given.replace("-", "_")
        if name not in OPTIONS:
            raise InputError(f"{source}option {_quoted(given)} given, {_suggestion(name)}")
        if name in checked:
            raise InputError(f"{source}option {_dashed(name)} given twice, with dashes and with underscores")
        if value is not None:
            checked[name] = _checked(source, name, value)
    return checked


def complete_options(*sources: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options, those of later sources before those of earlier ones, None for those nobody gave."""
    complete = dict.fromkeys(OPTIONS) | DEFAULTS
    for options in sources:
        complete.update(options)
    return complete


def _checked(source: str, name: str, value: object) -> Any:
    kind = OPTIONS[name]
    try:
        return kind.read(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{source}{_dashed(name)}: {_quoted(value)} given, {kind.accepted} accepted") from None


def _suggestion(name: str) -> str:
    """Return the option that may have been meant, and all that there are."""
    near = difflib.get_close_matches(name, OPTIONS, n=1)
    meant = f"did you mean {_dashed(near[0])}? " if near else ""
    return f"{meant}one of {', '.join(map(_dashed, OPTIONS))} accepted"


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _quoted(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # a whole number of so many digits that Python does not write it
        text = "a number of thousands of digits"
    return text if len(text) <= MAX_QUOTED else text[:MAX_QUOTED] + "..."
