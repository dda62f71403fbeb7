"""Files that cannot be used are refused in one line, which names the cell, the column or the damage."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from conftest import Write
from equal_tables import assert_equal
from refusals import refusal_of

from trainer.errors import InputError
from trainer.feature_survey import FILLING
from trainer.table_files import ACCEPTED
from trainer.tables import read_table


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be parsed as a .csv file: empty CSV"),
        ("a,y\n", "the table is empty: it has 2 columns and 0 rows"),
        ("a,y\n\n\n", "the table is empty: it has 2 columns and 0 rows"),
        ("a,y\n1,2\n", "holds 1 row; training needs at least 2"),
        ("y\n1\n2\n", "no feature column is left beside the target 'y'"),
        ("a;y\n1;2\n3;4\n", "no feature column is left beside the target 'a;y'"),
        ("a,b,a,y\n1,2,3,4\n", "columns 'a' occur more than once; names must differ"),
        (",a,y\n0,1,2\n", "column 1 has no name; each column needs one"),
        ("a,y\n1,2\n1,2,3\n", "cannot be parsed as a .csv file: line 3 has 3 fields, the header 2"),
        ("a,b,y\n1,2,3\n4,5\n", "column 'y', row 2 (line 3) is missing"),
        ("a,y\n1,2\n,4\n", "column 'a', row 2 (line 3) is missing" + FILLING),
        ('a,y\n1,2\n" ",4\n', "column 'a', row 2 (line 3) is missing" + FILLING),
        ("a,y\n1,2\n\n3,4\n", "column 'y', row 2 (line 3) is missing"),
        ("a,y\n1,u\n2,\n", "column 'y', row 2 (line 3) is missing"),
        ("a,y\n1,0.5\n2,nan\n", "column 'y', row 2 (line 3) holds 'nan'; a finite number is needed"),
        ("a,y\n1,0.5\n2,-inf\n", "column 'y', row 2 (line 3) holds '-inf'; a finite number is needed"),
        (
            "a,y\n1,2\n12,3\nabc,4\n",
            "column 'a', row 3 (line 4) holds 'abc'; features must be finite numbers",
        ),
        ("a,y\n1,2\nNaN,3\n", "column 'a', row 2 (line 3) holds 'NaN'; features must be finite numbers" + FILLING),
        ("a,y\n1,2\n1e400,3\n", "column 'a', row 2 (line 3) holds '1e400'; features must be finite numbers"),
        ("a,y\ntrue,2\n1,3\n", "column 'a', row 1 (line 2) holds 'true'; features must be finite numbers"),
        ("a,y\ntrue,u\n,v\n", "column 'a', row 2 (line 3) is missing" + FILLING),
        ('a,"c\nd",y\n1,2,3\n"x\ny",2,4\n', "column 'a', row 2 (line 4) holds 'x\\ny'; "),
        ("a,y\n1,u\n2,u\n", "target 'y' holds the single class 'u'; 2 are needed"),
        ("a,y\n1,7\n2,7\n", "target 'y' holds the single class 7; 2 are needed"),
        ("a,y\n1,true\n2,true\n", "target 'y' holds the single class True; 2 are needed"),
        (b"a,y\n1,\xff\n", "cannot be parsed as a .csv file: "),
    ],
)
def test_csv_that_cannot_be_used(write: Write, text: str | bytes, message: str) -> None:
    assert refusal_of(write(text)).startswith(message)


def test_a_long_cell_is_shortened(write: Write) -> None:
    message = refusal_of(write("a,y\n1,2\n" + "z" * 10_000 + ",3\n"))
    assert f"holds '{'z' * 40}...'; " in message


def test_the_line_is_left_out_where_it_is_not_certain(write: Write) -> None:
    # A bare carriage return inside a cell is text to polars and the end of a line to other readers.
    message = refusal_of(write("a,y\n1,u\rw\n2,v\nx,u\n"))
    assert message == "column 'a', row 3 holds 'x'; features must be finite numbers"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "the table is empty: it has 0 columns and 0 rows"),
        ({"a": [], "y": []}, "the table is empty: it has 2 columns and 0 rows"),
        ({"a": [1, None], "y": [1, 2]}, "column 'a', row 2 is missing" + FILLING),
        ({"a": [None, None], "y": [1, 2]}, "column 'a' is missing in every row; leave it out with --drop"),
        (
            {"a": [1.0, float("inf")], "y": [1, 2]},
            "column 'a', row 2 holds 'inf'; features must be finite numbers",
        ),
        ({"a": ["1", "x"], "y": [1, 2]}, "column 'a', row 2 holds 'x'; features must be finite numbers"),
        (
            {"a": [[1], [2]], "y": [1, 2]},
            "column 'a' holds List(Int64); accepted are numbers, booleans, text",
        ),
        ({"a": [1, 2], "y": ["u", None]}, "column 'y', row 2 is missing"),
        ({"a": [1, 2], "y": [b"u", b"v"]}, "column 'y' holds Binary; accepted are numbers, booleans, text"),
    ],
)
def test_parquet_that_cannot_be_used(tmp_path: Path, columns: dict[str, list[object]], message: str) -> None:
    pl.DataFrame(columns).write_parquet(tmp_path / "t.parquet")
    assert refusal_of(tmp_path / "t.parquet") == message


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"Z": np.eye(2)}, "has no array 'X'; its arrays are 'Z'"),
        ({"X": np.ones(3), "y": np.arange(3)}, "array 'X' has shape (3,) and dtype float64; "),
        ({"X": np.ones((0, 2)), "y": np.ones(0)}, "array 'X' has shape (0, 2) and dtype float64; "),
        ({"X": np.ones((2, 0)), "y": np.ones(2)}, "array 'X' has shape (2, 0) and dtype float64; "),
        ({"X": np.array([["a"], ["b"]]), "y": np.ones(2)}, "array 'X' has shape (2, 1) and dtype <U1; "),
        (
            {"X": np.eye(2, dtype=complex), "y": np.ones(2)},
            "array 'X' has shape (2, 2) and dtype complex128; ",
        ),
        ({"X": np.eye(2), "y": np.ones(3)}, "target array 'y' has shape (3,) and dtype float64; 2 numbers"),
        ({"X": np.eye(2), "y": np.ones((2, 1))}, "target array 'y' has shape (2, 1) and dtype float64; "),
        ({"X": np.eye(2), "y": np.array([b"u", b"v"])}, "target array 'y' has shape (2,) and dtype |S1; "),
        ({"X": np.eye(2), "y": np.array(["u", None])}, "cannot be read as NPZ without pickles: "),
        (
            {"X": np.eye(2), "y": np.ones(2), "feature_names": np.array(["a"])},
            "array 'feature_names' has shape (1,)",
        ),
        (
            {"X": np.eye(2), "y": np.ones(2), "feature_names": np.array(["a", "a"])},
            "columns 'a' occur more than once",
        ),
        ({"X": np.array([[1, 2], [3, np.nan]]), "y": np.ones(2)}, "column 'x1', row 2 holds 'nan'; "),
        (
            {"X": np.eye(2), "y": np.array([0.5, np.nan])},
            "column 'y', row 2 holds 'nan'; a finite number is needed",
        ),
    ],
)
def test_npz_that_cannot_be_used(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "t.npz", **arrays)  # type: ignore[arg-type]
    assert refusal_of(tmp_path / "t.npz").startswith(message)


def test_files_that_cannot_be_opened(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No such file or directory" in refusal_of(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    assert "Is a directory" in refusal_of(tmp_path / "folder.csv")
    assert refusal_of(write("a", "t.xlsx")) == f"unknown kind of file '.xlsx'; accepted are {ACCEPTED}"
    assert refusal_of(write("a", "bare")).startswith("unknown kind of file ''")
    path = write("a,y\n1,u\n2,v\n")
    path.chmod(0)
    if os.access(path, os.R_OK):  # the superuser may read everything

        def refuse(*args: object, **kwargs: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    assert "Permission denied" in refusal_of(path)


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    good = {suffix: tmp_path / f"good.{suffix}" for suffix in ("parquet", "npz")}
    np.savez(good["npz"], X=np.eye(4), y=np.array([0, 1, 0, 1]))
    pl.DataFrame({"a": [1.5, 2, 3, 4], "y": [0, 1, 0, 1]}).write_parquet(good["parquet"])
    for suffix, path in good.items():
        content, cut = path.read_bytes(), tmp_path / f"cut.{suffix}"
        for length in (0, 1, 4, len(content) // 2, len(content) - 1):
            cut.write_bytes(content[:length])
            assert refusal_of(cut).startswith("cannot be ")


def test_a_flipped_bit_in_an_npz_file_is_refused_or_harmless(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.npz", tmp_path / "bad.npz"
    np.savez(good, X=np.eye(4), y=np.array([0, 1, 0, 1]))
    content = good.read_bytes()
    table, generator, refused = read_table(good), np.random.default_rng(0), 0
    for _ in range(300):
        flipped = bytearray(content)
        flipped[generator.integers(len(content))] ^= 1 << int(generator.integers(8))
        bad.write_bytes(flipped)
        try:
            assert_equal(read_table(bad), table)
        except InputError:
            refused += 1
    assert refused


def test_other_content_under_a_known_suffix(write: Write, tmp_path: Path) -> None:
    for suffix in ("parquet", "npz"):
        assert "cannot be " in refusal_of(write("a,y\n1,2\n", f"t.{suffix}"))
    np.save(tmp_path / "t.npy", np.eye(2))
    (tmp_path / "t.npy").rename(tmp_path / "array.npz")
    assert "cannot be read as NPZ" in refusal_of(tmp_path / "array.npz")
