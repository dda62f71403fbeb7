"""TSV, NPY and IDX files are tables like all others, and their targets are found beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from array_files import CODES, write_idx
from conftest import Write
from equal_tables import assert_equal
from refusals import refusal_of

from trainer.columns import numeric_columns
from trainer.tables import read_features, read_table

IMAGES = np.arange(5 * 3 * 2).reshape(5, 3, 2).astype(np.uint8)
LABELS = np.array([0, 1, 0, 1, 1], dtype=np.uint8)


@pytest.mark.parametrize("suffix", ["tsv", "tab", "TSV"])
def test_tabs_separate_the_fields_of_tsv(write: Write, suffix: str) -> None:
    path = write('a\t"b"\ty\n1\t"2"\tu,v\n3\t4\tw\n', f"t.{suffix}")
    table = read_table(path)
    np.testing.assert_array_equal(table.features(), [[1, 2], [3, 4]])
    assert table.classes == ("u,v", "w")
    np.testing.assert_array_equal(read_features(path, numeric_columns(["b", "a"]), "y"), [[2, 1], [4, 3]])
    bad = write("a\ty\n1\tu\n2\tv\nx\tu\n", f"bad.{suffix}")
    assert refusal_of(bad) == "column 'a', row 3 (line 4) holds 'x'; features must be finite numbers"


@pytest.mark.parametrize(
    ("features", "target"), [("X.npy", "y.npy"), ("big_X.npy", "big_y.npy"), ("x-train.npy", "y-train.npy")]
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_npy_file_has_its_target_beside_it(tmp_path: Path, features: str, target: str, order: str) -> None:
    X = np.arange(8, dtype=">f4").reshape(4, 2)
    np.save(tmp_path / features, np.array(X, order=order))  # type: ignore[call-overload]
    np.save(tmp_path / target, np.array(["u", "v", "u", "u"]))
    table = read_table(tmp_path / features)
    np.testing.assert_array_equal(table.features(), X)
    assert (table.classes, table.target_name, table.feature_names) == (("u", "v"), "y", ("x0", "x1"))
    np.testing.assert_array_equal(table.y, [0, 1, 0, 0])
    np.testing.assert_array_equal(read_features(tmp_path / features, numeric_columns(["p", "q"])), X)


def test_the_file_of_the_target_may_be_named(tmp_path: Path) -> None:
    np.save(tmp_path / "values.npy", np.eye(2))
    message = "which file holds its target is not known; give it with --target FILE"
    assert refusal_of(tmp_path / "values.npy") == message
    np.save(tmp_path / "results.npy", np.array([0.5, 2.5]))
    table = read_table(tmp_path / "values.npy", str(tmp_path / "results.npy"))
    np.testing.assert_array_equal(table.y, [0.5, 2.5])
    np.save(tmp_path / "X.npy", np.eye(2))
    assert "y.npy is not beside it" in refusal_of(tmp_path / "X.npy")
    assert "No such file" in str(refusal_of_target(tmp_path / "X.npy", tmp_path / "none.npy"))
    (tmp_path / "t.csv").write_text("y\n1\n2\n")
    assert "accepted are .npy and .idx" in refusal_of_target(tmp_path / "X.npy", tmp_path / "t.csv")
    np.save(tmp_path / "y.npy", np.ones(3))
    assert "the target has shape (3,)" in refusal_of_target(tmp_path / "X.npy", tmp_path / "y.npy")


def refusal_of_target(path: Path, target: Path) -> str:
    """Return with which message a table is refused whose target's file cannot be used."""
    from refusals import message_of

    from trainer.errors import InputError

    message = message_of(InputError, read_table, path, str(target))
    assert message.startswith(f"{target}: ")
    return message


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"),
        ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
        ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte"),
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz"),
    ],
)
def test_images_of_idx_become_rows_and_find_their_labels(tmp_path: Path, images: str, labels: str) -> None:
    write_idx(tmp_path / images, IMAGES)
    write_idx(tmp_path / labels, LABELS)
    table = read_table(tmp_path / images, task="classify")
    np.testing.assert_array_equal(table.features(), IMAGES.reshape(5, 6))
    np.testing.assert_array_equal(table.y, LABELS)
    assert table.classes == (0, 1)
    assert table.feature_names == tuple(f"x{j}" for j in range(6))
    np.testing.assert_array_equal(read_features(tmp_path / images, table.columns), IMAGES.reshape(5, 6))


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 1, 3), (4, 2, 1, 2)])
def test_every_type_and_number_of_lengths_of_idx_is_read(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    values = np.arange(-3, np.prod(shape) - 3).astype(dtype).reshape(shape)
    write_idx(tmp_path / "t.idx", values)
    write_idx(tmp_path / "l.idx", np.array([1.5, -2, 0, 1]))
    table = read_table(tmp_path / "t.idx", str(tmp_path / "l.idx"))
    np.testing.assert_array_equal(table.features(), values.reshape(4, -1))
    np.testing.assert_array_equal(table.y, [1.5, -2, 0, 1])


def test_infinite_numbers_of_arrays_are_named(tmp_path: Path) -> None:
    X = np.ones((300, 700), dtype=np.float32)
    X[250, 3] = X[270, 2] = np.inf
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", np.arange(300.0))
    assert refusal_of(tmp_path / "X.npy") == "column 'x2', row 271 holds 'inf'; features must be finite numbers"
    wanted = numeric_columns([f"x{j}" for j in range(700)])
    message = refusal_of(tmp_path / "X.npy", wanted, read=read_features)
    assert "holds 'inf'" in message


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.npz", "X.npy"])
def test_dropped_columns_are_left_out_and_ignored_later(tmp_path: Path, name: str) -> None:
    frame = pl.DataFrame({"x0": [7.0, 8.0], "x1": [1.0, 2.0], "x2": [3.0, 4.0]})
    np.save(tmp_path / "X.npy", frame.to_numpy())
    np.save(tmp_path / "y.npy", np.array([0.5, 1.5]))
    np.savez(tmp_path / "t.npz", X=frame.to_numpy(), y=np.array([0.5, 1.5]))
    whole = frame.with_columns(y=pl.Series([0.5, 1.5]))
    whole.write_csv(tmp_path / "t.csv")
    whole.write_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / name, drop=["x1"])
    np.testing.assert_array_equal(table.features(), [[7, 3], [8, 4]])
    assert (table.feature_names, table.dropped) == (("x0", "x2"), ("x1",))
    np.testing.assert_array_equal(read_features(tmp_path / name, table.columns, "y", table.dropped), [[7, 3], [8, 4]])
    message = refusal_of(tmp_path / name, table.columns, "y", read=read_features)
    assert message == "columns 'x1' are not features of the model; remove them"
    assert refusal_of(tmp_path / name, drop=["q"]).startswith("drop: there is no column 'q'; the columns are 'x0', ")
    assert refusal_of(tmp_path / name, drop=["x0", "x1", "x2"]) == "no feature column is left beside the target 'y'"


def test_a_dropped_column_is_not_taken_for_the_target(write: Write) -> None:
    path = write("a,target,b\n1,2,3\n4,5,7\n")
    assert read_table(path, drop=["target"]).target_name == "b"
    assert "there is no target column 'b'" in refusal_of(path, "b", drop=["b"])


def test_kinds_of_the_same_rows_are_the_same_table(tmp_path: Path) -> None:
    X, y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1])
    frame = pl.from_numpy(X, schema=["x0", "x1"]).with_columns(pl.Series("y", y))
    frame.write_csv(tmp_path / "t.tsv", separator="\t")
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", y)
    write_idx(tmp_path / "images-idx2-double", X)
    write_idx(tmp_path / "labels-idx1-double", y.astype(np.uint8))
    first = read_table(tmp_path / "t.tsv")
    for name in ("X.npy", "images-idx2-double"):
        assert_equal(read_table(tmp_path / name), first)
