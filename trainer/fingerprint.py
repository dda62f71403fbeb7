"""What tells whether data is the same: a digest of the files it lies in, or of what was made on the spot."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from trainer.errors import InputError


def fingerprint_of_files(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of the contents of files, joined in this order, as ``sha256:...``.

    Raises
    ------
    InputError
        A file cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb") as file:
                hashlib.file_digest(file, lambda: digest)  # goes on with what is there
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    return f"sha256:{digest.hexdigest()}"


def fingerprint_of_arrays(arrays: Iterable[np.ndarray]) -> str:
    """Return the SHA-256 of the dtypes, shapes and bytes of arrays as ``sha256:...``."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return f"sha256:{digest.hexdigest()}"
