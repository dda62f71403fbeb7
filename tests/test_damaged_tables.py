"""Damaged, foreign and hostile files of every kind are refused in one line, at once, and without much memory."""

from __future__ import annotations

import gzip
import io
import os
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from array_files import idx_bytes
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_growth import STATUS, peak_megabytes

from trainer.columns import numeric_columns
from trainer.errors import InputError
from trainer.native_messages import without_native_messages
from trainer.tables import read_features, read_table

SECONDS, MEGABYTES = 1.0, 20.0
X = np.arange(60.0).reshape(20, 3)
Y = np.arange(20) % 2
FRAME = pl.from_numpy(X, schema=["x0", "x1", "x2"]).with_columns(t=pl.Series(["u", "v", "w", "u"] * 5), y=pl.Series(Y))


def saved(save: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


def parquet(compression: str) -> bytes:
    return saved(lambda buffer: FRAME.write_parquet(buffer, row_group_size=8, compression=compression))  # type: ignore[arg-type]


SOUND: dict[str, bytes] = {
    "t.csv": saved(FRAME.write_csv),
    "t.tsv": saved(lambda buffer: FRAME.write_csv(buffer, separator="\t")),
    "t.parquet": parquet("zstd"),
    "plain.parquet": parquet("uncompressed"),
    "t.npz": saved(lambda buffer: np.savez(buffer, X=X, y=Y, feature_names=np.array(["a", "b", "c"]))),
    "zipped.npz": saved(lambda buffer: np.savez_compressed(buffer, X=X, y=np.array(["u", "v"] * 10))),
    "X.npy": saved(lambda buffer: np.save(buffer, X)),
    "F_X.npy": saved(lambda buffer: np.save(buffer, np.asfortranarray(X))),
    "y.npy": saved(lambda buffer: np.save(buffer, Y)),
    "F_y.npy": saved(lambda buffer: np.save(buffer, np.array(["u", "v"] * 10))),
    "images-idx3-ubyte": idx_bytes(np.arange(120, dtype=np.uint8).reshape(20, 3, 2)),
    "labels-idx1-ubyte": idx_bytes(Y.astype(np.uint8)),
    "floats.idx": idx_bytes(X),
    "z-images-idx3-ubyte.gz": gzip.compress(idx_bytes(np.arange(120, dtype=np.uint8).reshape(20, 3, 2)), mtime=0),
    "z-labels-idx1-ubyte.gz": gzip.compress(idx_bytes(Y.astype(np.uint8)), mtime=0),
}
# The file to be read where another than the damaged one is, and the target where it is not found.
READ = {"y.npy": "X.npy", "F_y.npy": "F_X.npy", "labels-idx1-ubyte": "images-idx3-ubyte"}
READ |= {"z-labels-idx1-ubyte.gz": "z-images-idx3-ubyte.gz"}
TARGET = {"floats.idx": "labels-idx1-ubyte"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("damaged")
    for name, content in SOUND.items():
        (path / name).write_bytes(content)
        assert_refused_or_read(path, name)  # what is imported late is no part of what a damaged file takes
    return path


def message_or_none(folder: Path, name: str) -> str | None:
    target = str(folder / TARGET[name]) if name in TARGET else None
    try:
        read_table(folder / READ.get(name, name), target).features()
    except InputError as error:
        return str(error)
    return None


def assert_refused_or_read(folder: Path, name: str) -> str | None:
    """Read a table; return with which message it is refused, None if it is not."""
    tracemalloc.start()
    started = time.perf_counter()
    try:
        message = message_or_none(folder, name)
        seconds, peak = time.perf_counter() - started, tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    assert seconds < SECONDS
    assert peak < MEGABYTES
    assert message is None or len(message.splitlines()) == 1
    return message


def with_damage(draw: st.DrawFn, content: bytes) -> bytes:
    kind = draw(st.sampled_from(["flip", "flip", "byte", "run", "cut", "longer", "random"]))
    if kind == "random":
        return draw(st.binary(max_size=200))
    if kind == "cut":
        return content[: draw(st.integers(0, len(content) - 1))]
    if kind == "longer":
        return content + draw(st.binary(min_size=1, max_size=20))
    damaged = bytearray(content)
    # Half of the damage where headers and footers are.
    edge = min(len(content) - 1, 200)
    place = draw(
        st.integers(0, edge) | st.integers(0, len(content) - 1) | st.integers(len(content) - edge - 1, len(content) - 1)
    )
    if kind == "flip":
        damaged[place] ^= 1 << draw(st.integers(0, 7))
    elif kind == "byte":
        damaged[place] = draw(st.sampled_from([0, 1, 127, 128, 254, 255]))
    else:
        damaged[place : place + 8] = bytes([draw(st.sampled_from([0, 127, 255]))]) * draw(st.integers(1, 16))
    return bytes(damaged)


@pytest.mark.parametrize("name", SOUND)
def test_damage_is_refused_at_once_and_in_one_line(name: str, folder: Path) -> None:
    @settings(max_examples=60)
    @given(data=st.data())
    def damage(data: st.DataObject) -> None:
        content = with_damage(data.draw, SOUND[name])  # type: ignore[arg-type]
        (folder / name).write_bytes(content)
        assert_refused_or_read(folder, name)

    before = peak_megabytes() if STATUS.exists() else 0.0
    try:
        damage()
    finally:
        (folder / name).write_bytes(SOUND[name])
    if STATUS.exists():  # what polars takes is not traced
        assert peak_megabytes() - before < 100


def npy_header(shape: str, descr: str = "<f8") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def npz_of(content: bytes) -> bytes:
    def save(buffer: io.BytesIO) -> None:
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("X.npy", content)
            archive.writestr("y.npy", SOUND["y.npy"])

    return saved(save)


HUGE_IDX = struct.pack(">4B3I", 0, 0, 8, 3, 2**31, 2**31, 2**31)
WIDE_IDX = struct.pack(">4B255I", 0, 0, 14, 255, *[2**32 - 1] * 255)
ABSURD: dict[str, tuple[str, bytes]] = {
    "IDX lengths that overflow": ("images-idx3-ubyte", HUGE_IDX + bytes(120)),
    "IDX with 255 lengths": ("images-idx3-ubyte", WIDE_IDX),
    "IDX without lengths": ("images-idx3-ubyte", struct.pack(">4B", 0, 0, 8, 0)),
    "IDX of an unknown type": ("images-idx3-ubyte", struct.pack(">4B1I", 0, 0, 10, 1, 1) + b"\0"),
    "IDX without rows": ("images-idx3-ubyte", struct.pack(">4B3I", 0, 0, 8, 3, 0, 28, 28)),
    "gzip that promises more than it can be": ("z-images-idx3-ubyte.gz", gzip.compress(HUGE_IDX)),
    "gzip bomb": ("z-images-idx3-ubyte.gz", gzip.compress(idx_bytes(X) + bytes(50_000_000))),
    "gzip of a promise of 16 megabytes": (
        "z-images-idx3-ubyte.gz",
        gzip.compress(struct.pack(">4B2I", 0, 0, 8, 2, 1 << 12, 1 << 12)),
    ),
    "NPY of a huge shape": ("X.npy", npy_header(f"({2**40}, {2**20})")),
    "NPY of a shape that overflows": ("X.npy", npy_header(f"({2**62}, {2**62})")),
    "NPY of a shape beyond all integers": ("X.npy", npy_header(f"({'9' * 4000}, {'9' * 4000})")),
    "NPY of a negative shape": ("X.npy", npy_header("(-1, -480)") + bytes(480)),
    "NPY of nothing much": ("X.npy", npy_header(f"(0, {2**62})")),
    "NPY of empty items": ("X.npy", npy_header(f"({2**40}, 3)", "<U0")),
    "NPY of objects": ("X.npy", npy_header("(2, 3)", "|O") + bytes(48)),
    "NPY header of four gigabytes": ("X.npy", b"\x93NUMPY\x02\x00" + b"\xff" * 8),
    "NPY header of brackets": ("X.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", 5000) + b"(" * 5000),
    "NPY header with odd escapes": ("X.npy", npy_header("(2, 3)", "\\d")),
    "NPZ of a huge shape": ("t.npz", npz_of(npy_header(f"({2**40}, 3)"))),
    "NPZ of a shape that it does not hold": ("t.npz", npz_of(npy_header("(1000000, 3)") + bytes(240))),
    "zip entry that lies": ("t.npz", SOUND["t.npz"].replace(struct.pack("<I", 608), struct.pack("<I", 2**31))),
    "Parquet footer longer than the file": ("t.parquet", b"PAR1" + struct.pack("<I", 2**31) + b"PAR1"),
    "Parquet footer of brackets": ("t.parquet", b"PAR1" + b"\x1c" * 900 + struct.pack("<I", 900) + b"PAR1"),
    "NPY of what is no text": ("F_y.npy", SOUND["F_y.npy"].replace(b"u\0\0\0", b"u\0\0\xff", 1)),
    "NPY of half a character": ("F_y.npy", SOUND["F_y.npy"].replace(b"u\0\0\0", b"\0\xd8\0\0", 1)),
    "CSV that is gzipped": ("t.csv", gzip.compress(bytes(50_000_000))),
    "CSV of one quote": ("t.csv", b'a,y\n"' + b"1,2\n" * 1000),
    "CSV of null characters": ("t.csv", bytes(5000)),
    "CSV of one wide line": ("t.csv", b"," * 20_000),
}


@pytest.mark.parametrize("case", ABSURD)
def test_absurd_headers_are_refused_at_once_and_in_one_line(case: str, folder: Path) -> None:
    name, content = ABSURD[case]
    assert content != SOUND[name]
    try:
        (folder / name).write_bytes(content)
        message = assert_refused_or_read(folder, name)
    finally:
        (folder / name).write_bytes(SOUND[name])
    assert message is not None
    assert message.startswith(str(folder / name))


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.npz", "X.npy", "images-idx3-ubyte"])
def test_sound_files_are_read(name: str, folder: Path) -> None:
    assert message_or_none(folder, name) is None


def test_rows_to_predict_are_read_with_the_same_care(folder: Path) -> None:
    for case in ("IDX lengths that overflow", "NPY of a huge shape", "NPZ of a huge shape"):
        name, content = ABSURD[case]
        damaged = folder / f"predict-{name}"
        damaged.write_bytes(content)
        with pytest.raises(InputError, match="cannot be read as"):
            read_features(damaged, numeric_columns(["x0", "x1", "x2"]))


def test_threads_of_polars_do_not_write_beside_the_error(capfd: pytest.CaptureFixture[str]) -> None:
    with without_native_messages():
        os.write(2, b"thread panicked")
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"
