"""Writing a finished file in one stroke: it appears whole under its name, or not at all, even if the power fails.

The content arrives as bytes; how it is made is left to others, and so is whether a file may be replaced.
"""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path

from trainer.errors import InputError

PASSING = ".part"  # how the names of files end that are not whole yet


def require_writable(path: str | os.PathLike[str]) -> Path:
    """Check, before the work starts, that a file of this name could be written.

    Parameters
    ----------
    path : path-like
        The file to be written later. An existing file is fine, it will be replaced.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    InputError
        If the folder does not exist or cannot be written, or if the path is itself a folder.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {path.parent} does not exist")
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder, the name of a file is needed")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(f"cannot write {path}: no permission to write in the folder {path.parent}")
    return path


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Write `content` beside `path` under a passing name, then rename it into place.

    Parameters
    ----------
    path : path-like
        The file to create or replace.
    content : bytes
        All of its content.

    Raises
    ------
    InputError
        If the file cannot be written; nothing is left behind, and a file that was there before is unchanged.
    """
    path = require_writable(path)
    partial = path.with_name(f"{_stem(path)}{uuid.uuid4().hex}{PASSING}")
    try:
        with partial.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # else the new name could reach the disk before the content does
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # the folder may be gone with it
            partial.unlink(missing_ok=True)
    _sync_folder(path.parent)


def clear_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove what processes left that were killed while they wrote `path`: when no other is writing it."""
    path = Path(path)
    with suppress(OSError):
        for name in os.listdir(path.parent):
            if name.startswith(_stem(path)) and name.endswith(PASSING):
                (path.parent / name).unlink(missing_ok=True)


def _stem(path: Path) -> str:
    """Return how the passing names of a file begin; no name is longer than file systems take."""
    return f".{path.name[:50]}."


def _sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can; the file is in place whether or not it can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
