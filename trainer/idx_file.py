"""IDX files, the format of MNIST: an array of numbers after a header of its type and lengths, gzipped or not."""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

from trainer.errors import InputError
from trainer.npy_file import MAX_DEFLATION, array_in_memory, array_on_disk, read_bytes
from trainer.raw_table import ArrayFile

# train-images-idx3-ubyte, train-images.idx3-ubyte, images.idx, each also with .gz behind.
NAME = re.compile(r"[.-]idx(\d+(-\w+)?)?(\.gz)?$", re.IGNORECASE)
DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_AXES = 32
GZIP_MAGIC = b"\x1f\x8b"


def is_idx(path: Path) -> bool:
    """Tell whether a file's name is one of an IDX file."""
    return NAME.search(path.name) is not None


def open_idx(path: Path) -> ArrayFile:
    """Return the array of an IDX file; rows are read when they are asked for, but those of a gzipped file at once."""
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == GZIP_MAGIC
        return _open_zipped(path) if zipped else _open_plain(path)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: cannot be read as IDX: {reason}") from None


def _open_plain(path: Path) -> ArrayFile:
    with path.open("rb") as file:
        shape, dtype = _header(file)
        start = file.tell()
    need, size = math.prod(shape) * dtype.itemsize, path.stat().st_size - start
    if need != size:
        raise ValueError(f"lengths {_lengths(shape)} of {dtype} are {need} bytes, it holds {size}")
    return array_on_disk(path, start, shape, dtype)


def _open_zipped(path: Path) -> ArrayFile:
    with gzip.open(path) as file:
        shape, dtype = _header(file)
        need = math.prod(shape) * dtype.itemsize
        if need > MAX_DEFLATION * path.stat().st_size:
            raise ValueError(f"lengths {_lengths(shape)} of {dtype} are {need} bytes, too many for so short a file")
        content = read_bytes(file, need)
        if file.read(1):  # at the end the checksum is looked at, too
            raise ValueError(f"lengths {_lengths(shape)} of {dtype} are {need} bytes, it holds more")
    return array_in_memory(path, np.ndarray(shape, dtype, content))


def _header(file: IO[bytes] | gzip.GzipFile) -> tuple[tuple[int, ...], np.dtype[Any]]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in DTYPES:
        raise ValueError("it does not begin as such a file does")
    n_axes = magic[3]
    if not 1 <= n_axes <= MAX_AXES:
        raise ValueError(f"its header announces {n_axes} lengths, 1 to {MAX_AXES} are known")
    lengths = file.read(4 * n_axes)
    if len(lengths) < 4 * n_axes:
        raise ValueError("its header ends early")
    return struct.unpack(f">{n_axes}I", lengths), np.dtype(DTYPES[magic[2]])


def _lengths(shape: tuple[int, ...]) -> str:
    return " x ".join(str(length) for length in shape[:4]) + (" x ..." if len(shape) > 4 else "")
