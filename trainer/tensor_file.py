"""Named arrays and a readable header in one safetensors file, sealed by a checksum.

The header is the file's metadata: one entry for each item, its value as JSON. The entry "checksum" is the SHA-256 of
all others and of the name, dtype, shape and bytes of every array, so that a flipped bit is noticed wherever it is.
Reading runs no code and takes no more memory than the file is long. What the items and arrays mean, and whether they
fit together, is left to `trainer.model_file` and whoever else writes such files.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from trainer.errors import InputError

SUFFIX = ".safetensors"
CHECKSUM = "checksum"
MAX_HEADER = 1 << 22  # bytes: names of a hundred thousand categories; much more takes a second to be refused
_LENGTH_BYTES = 8  # of the header's length, with which a safetensors file begins
_ACCEPTED_KINDS = "biuf"  # of dtypes: booleans, integers, floats


def encode_tensors(kind_header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the content of a file; the same arguments give the same bytes.

    Parameters
    ----------
    kind_header : mapping
        Items that JSON can hold, without NaN and infinity; says also what kind of file it is.
    arrays : mapping
        Booleans, integers and floats of any shape.

    Raises
    ------
    InputError
        The header is longer than `MAX_HEADER` and could not be read again.
    """
    from safetensors.numpy import save

    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    metadata = {name: json.dumps(item, ensure_ascii=False, allow_nan=False) for name, item in kind_header.items()}
    metadata[CHECKSUM] = json.dumps(_checksum(metadata, contiguous))
    return _with_sorted_header(save(contiguous, metadata=metadata))


def _with_sorted_header(content: bytes) -> bytes:
    # The library writes the metadata in an order that differs from run to run.
    begin = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    header = json.loads(content[_LENGTH_BYTES:begin])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)  # arrays begin at multiples of 8 bytes
    if len(text) > MAX_HEADER:
        raise InputError(f"header: {len(text):,} bytes of names and settings given, {MAX_HEADER:,} accepted")
    return b"".join([len(text).to_bytes(_LENGTH_BYTES, "little"), text, memoryview(content)[begin:]])


def read_tensors(path: str | os.PathLike[str], what: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the header and the arrays of a file that `encode_tensors` has made.

    Parameters
    ----------
    path : path-like
    what : str
        What errors call the file, such as "model".

    Returns
    -------
    header : dict
    arrays : dict
        Writable, C-contiguous.

    Raises
    ------
    InputError
        The file is missing, cannot be read, is damaged or of another kind.
    """
    path = Path(path)
    _require_short_header(path, what)
    metadata, arrays = _read_safetensors(path, what)
    if CHECKSUM not in metadata:
        raise InputError(f"{what} {path}: not a file of this program: the checksum is missing")
    sealed = json.dumps(_checksum({name: text for name, text in metadata.items() if name != CHECKSUM}, arrays))
    if metadata.pop(CHECKSUM) != sealed:
        raise InputError(f"{what} {path}: damaged: its content is not what the checksum is of")
    return {name: _parsed(name, text, f"{what} {path}") for name, text in metadata.items()}, arrays


def _require_short_header(path: Path, what: str) -> None:
    """Raise InputError where a file cannot be opened, or begins with an absurd length of its header."""
    if path.is_fifo():  # opening it would wait for a writer
        raise InputError(f"{what} {path}: cannot be read: a pipe given, a file accepted")
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
            size = os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        raise InputError(f"{what} {path}: no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{what} {path}: cannot be read: {reason}") from None
    if length > min(MAX_HEADER, size - _LENGTH_BYTES):
        raise InputError(f"{what} {path}: damaged, or not a safetensors file: a header of {length:,} bytes in {size:,}")


def _read_safetensors(path: Path, what: str) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    from safetensors import safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: _owned(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # of a dozen kinds, each of them the file's fault
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{what} {path}: damaged, or not a safetensors file: {reason[:200]}") from None
    return metadata, arrays


def _owned(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in _ACCEPTED_KINDS:
        raise ValueError(f"an array of {array.dtype}")
    return np.require(array, requirements=["C", "A", "W"])


def _parsed(name: str, text: str, file: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise InputError(f"{file}: damaged: its entry {name[:40]!r} cannot be parsed as JSON") from None


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


def _checksum(metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(json.dumps(sorted(metadata.items())).encode())
    for name, array in sorted(arrays.items()):
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return f"sha256:{digest.hexdigest()}"
