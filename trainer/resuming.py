"""From a checkpoint to the options of the training that goes on from it.

Options that say what is trained are the checkpoint's, and others cannot be given; those that say where things are read
and written, and how they are shown, may be given anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.checkpoint_file import Checkpoint
from trainer.errors import InputError
from trainer.options import checked_options

MAY_CHANGE = {
    "data", "threads", "history", "plots", "gif", "save", "tensorboard", "log", "quiet", "checkpoint", "every",
    "resume",
}  # fmt: skip


def resumed_options(asked: Mapping[str, Any], checkpoint: Checkpoint, path: Path) -> dict[str, Any]:
    """Return the options of a training that goes on.

    Parameters
    ----------
    asked : options that were given, as `options.checked_options` returns them
    checkpoint : what `path` holds

    Raises
    ------
    InputError
        One of them would change the course of the training.
    """
    stored = checked_options(checkpoint.configuration, f"checkpoint {path}: ")
    for name, value in asked.items():
        if name in MAY_CHANGE or stored.get(name) == value:
            continue
        given = f"{name.replace('_', '-')}: {_shown(value)} given with the checkpoint {path}"
        done = checkpoint.standing.epochs_done
        if name != "epochs":
            own = f"it has {_shown(stored[name])}" if name in stored else "it has none"
            raise InputError(f"{given}, {own}, which cannot be changed")
        if stored.get("schedule") != "constant":
            raise InputError(f"{given}, {stored.get(name)} accepted: the schedule of learning rates spans them")
        if value < done:
            raise InputError(f"{given}, at least {done} accepted, which it has done")
    return {**stored, "checkpoint": path, **asked}


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
