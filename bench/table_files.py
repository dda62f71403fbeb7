"""The files that `bench.tables` reads: pictures as MNIST has them, and a large CSV file."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.datasets import load_digits

PICTURES, SIDE = 60_000, 28
CSV_ROWS, CSV_FEATURES = 1_000_000, 20
IDX_UBYTE = 8  # the code of unsigned bytes in the third byte of an IDX file


def write_pictures(folder: Path) -> tuple[Path, Path]:
    """Write pictures of digits and their labels as IDX files, and the pictures gzipped beside them.

    Returns
    -------
    tuple of Path
        The plain and the gzipped pictures. The labels have the name that belongs to theirs.
    """
    generator = np.random.default_rng(0)
    digits = load_digits()
    chosen = np.arange(PICTURES) % len(digits.target)
    pictures = np.zeros((PICTURES, SIDE, SIDE), np.uint8)
    pictures[:, 2:-2, 2:-2] = np.kron(digits.images[chosen] * 12, np.ones((3, 3)))
    # So that no pixel is constant and no picture repeated, one pixel of twenty has some other grey.
    noisy = generator.integers(0, 256, pictures.shape, dtype=np.uint8) < 13
    pictures[noisy] = generator.integers(0, 256, np.count_nonzero(noisy), dtype=np.uint8)
    plain = folder / "train-images-idx3-ubyte"
    content = idx_bytes(pictures)
    plain.write_bytes(content)
    packed = plain.with_name(f"{plain.name}.gz")
    packed.write_bytes(gzip.compress(content, compresslevel=6))
    labels = idx_bytes(digits.target[chosen].astype(np.uint8))
    (folder / "train-labels-idx1-ubyte").write_bytes(labels)
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    return plain, packed


def idx_bytes(array: np.ndarray) -> bytes:
    """Return an array of unsigned bytes as the content of an IDX file."""
    if array.dtype != np.uint8:
        raise TypeError(f"array: {array.dtype} given, uint8 accepted")
    return struct.pack(f">HBB{array.ndim}I", 0, IDX_UBYTE, array.ndim, *array.shape) + array.tobytes()


def write_large_csv(folder: Path) -> Path:
    """Write normal numbers and the class of their noisy sum."""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((CSV_ROWS, CSV_FEATURES), dtype=np.float32)
    label = np.where(X.sum(axis=1) + generator.standard_normal(CSV_ROWS) > 0, "above", "below")
    path = folder / "table.csv"
    frame = pl.from_numpy(X, schema=[f"x{j}" for j in range(CSV_FEATURES)])
    frame.with_columns(pl.Series("label", label)).write_csv(path, float_precision=6)
    return path
