"""NPY and NPZ files: arrays whose headers are believed only as far as the file's size bears them out."""

from __future__ import annotations

import io
import math
import warnings
import zipfile
from collections.abc import Collection
from gzip import GzipFile
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from trainer.errors import InputError
from trainer.raw_table import ArrayFile, first_line, listed

MAX_DEFLATION = 1032  # bytes that one byte of a deflated stream can become
CHUNK_BYTES = 1 << 20
# By the version of the format: how many bytes the length of the header has, and what reads them both.
HEADERS = {(1, 0): (2, np.lib.format.read_array_header_1_0), (2, 0): (4, np.lib.format.read_array_header_2_0)}
MAX_HEADER_BYTES = 1 << 16


def open_npy(path: Path) -> ArrayFile:
    """Return the array of an NPY file; rows are read when they are asked for."""
    try:
        with path.open("rb") as file:
            shape, fortran_order, dtype = _header(file)
            start = file.tell()
        _require_size(shape, dtype, path.stat().st_size - start)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as NPY without pickles: {first_line(error)}") from None
    if fortran_order and len(shape) > 1 and 0 not in shape:
        columns = np.memmap(path, dtype, "r", start, shape, "F")
        return ArrayFile(path, shape, dtype, lambda first, last: columns[first:last], on_disk=False)
    return array_on_disk(path, start, shape, dtype)


def array_on_disk(path: Path, start: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> ArrayFile:
    """Return an array that lies in a file row by row, from the byte `start` on."""
    in_row = math.prod(shape[1:])

    def rows(first: int, last: int) -> npt.NDArray[Any]:
        # Not a memory map: what was touched of one would count as this process's memory.
        offset, count = start + first * in_row * dtype.itemsize, (last - first) * in_row
        try:
            values = np.fromfile(path, dtype, count, offset=offset)
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
        if len(values) != count:
            raise InputError(f"{path}: cannot be read: rows are missing from row {first + 1}")
        return values.reshape(last - first, *shape[1:])

    return ArrayFile(path, shape, dtype, rows, on_disk=True)


def array_in_memory(path: Path, values: npt.NDArray[Any]) -> ArrayFile:
    """Return an array that was read from a file whole."""
    return ArrayFile(path, values.shape, values.dtype, lambda first, last: values[first:last], on_disk=False)


def load_npz(path: Path, wanted: Collection[str]) -> tuple[dict[str, ArrayFile], list[str]]:
    """Return those of the wanted arrays that an NPZ file has, and the names of all its arrays."""
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            for name in members.keys() & set(wanted):
                arrays[name] = array_in_memory(path, _member(archive, members[name], path.stat().st_size))
    except Exception as error:  # a damaged archive fails in a dozen ways, each of them the file's fault
        raise InputError(f"{path}: cannot be read as NPZ without pickles: {first_line(error)}") from None
    if "X" in wanted and "X" not in arrays:
        raise InputError(f"{path}: has no array 'X'; its arrays are {listed(list(members))}")
    return arrays, list(members)


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file_size: int) -> npt.NDArray[Any]:
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{info.filename!r} is compressed by a method that NumPy does not write")
    if info.file_size > MAX_DEFLATION * min(info.compress_size, file_size):
        raise ValueError(f"{info.filename!r} cannot be {info.file_size} bytes long")
    with archive.open(info) as file:
        shape, fortran_order, dtype = _header(file)
        size = info.file_size - file.tell()
        _require_size(shape, dtype, size)
        content = read_bytes(file, size)
        file.read(1)  # at the end the archive's checksum is looked at
    return np.ndarray(shape, dtype, content, order="F" if fortran_order else "C")


def read_bytes(file: IO[bytes] | GzipFile, need: int) -> npt.NDArray[np.uint8]:
    """Return the next bytes of a file; raise ValueError where it ends before."""
    content = np.empty(need, np.uint8)
    place = 0
    while place < need:
        chunk = file.read(min(need - place, CHUNK_BYTES))
        if not chunk:
            raise ValueError(f"{need} bytes are promised, it holds {place}")
        content[place : place + len(chunk)] = np.frombuffer(chunk, np.uint8)
        place += len(chunk)
    return content


def _require_size(shape: tuple[int, ...], dtype: np.dtype[Any], size: int) -> None:
    if math.prod(shape) * dtype.itemsize != size:
        raise ValueError(f"an array of shape {shape} and dtype {dtype} is not {size} bytes long")


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the header of an array; raise ValueError where it is none, or one of Python objects."""
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"version {version} of the format is not known")
    n_bytes, read = HEADERS[version]
    length = file.read(n_bytes)
    if int.from_bytes(length, "little") > MAX_HEADER_BYTES:  # or memory would be taken for all that is promised
        raise ValueError("the header is damaged: it is too long")
    content = io.BytesIO(length + file.read(int.from_bytes(length, "little")))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shape, fortran_order, dtype = read(content)
    except Exception as error:  # the header is an expression; what is wrong with it shows in many ways
        raise ValueError(f"the header is damaged: {first_line(error)}") from None
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    if not dtype.itemsize or min(shape, default=0) < 0 or max(shape, default=0) >= 2**63:
        raise ValueError("the header is damaged: there is no such shape")
    return shape, fortran_order, dtype
