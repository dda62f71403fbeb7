"""Files become checked arrays, and every cell that cannot be used is named in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from conftest import Write
from equal_tables import assert_equal
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusals import refusal_of
from sklearn.datasets import load_breast_cancer, load_digits

from trainer.columns import numeric_columns
from trainer.errors import InputError
from trainer.tables import read_features, read_table

# ---- what is read


@pytest.mark.parametrize("load", [load_breast_cancer, load_digits])
def test_csv_parquet_and_npz_give_the_same_table(load: Callable[[], Any], tmp_path: Path) -> None:
    data = load()
    names = [str(name) for name in data.feature_names]
    frame = pl.from_numpy(data.data, schema=names).with_columns(pl.Series("y", data.target))
    frame.write_csv(tmp_path / "data.csv")
    frame.write_parquet(tmp_path / "data.parquet")
    np.savez(tmp_path / "data.npz", X=data.data, y=data.target, feature_names=np.array(names))
    table = read_table(tmp_path / "data.csv")
    np.testing.assert_array_equal(table.features(), data.data)
    np.testing.assert_array_equal(np.array(table.classes)[table.y], data.target)
    assert table.feature_names == tuple(names)
    assert_equal(table, read_table(tmp_path / "data.parquet"))
    assert_equal(table, read_table(tmp_path / "data.npz"))
    for suffix in ("csv", "parquet", "npz"):
        X = read_features(tmp_path / f"data.{suffix}", numeric_columns(names), target_name="y")
        np.testing.assert_array_equal(X, data.data)


@settings(max_examples=30, deadline=None)
@given(
    X=hnp.arrays(np.float64, (3, 2), elements=st.floats(allow_nan=False, allow_infinity=False)),
    y=hnp.arrays(np.float64, 3, elements=st.floats(allow_nan=False, allow_infinity=False)),
)
def test_every_finite_float_survives_every_kind_of_file(
    X: np.ndarray, y: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("floats")
    frame = pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": y})
    frame.write_csv(folder / "t.csv")
    frame.write_parquet(folder / "t.parquet")
    np.savez(folder / "t.npz", X=X, y=y)
    for name in ("t.csv", "t.parquet", "t.npz"):
        table = read_table(folder / name, task="regress")
        np.testing.assert_array_equal(table.features(), X)
        np.testing.assert_array_equal(table.y, y)


def test_arrays_are_contiguous_float64_and_writable(write: Write, tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", X=np.ones((3, 2), dtype=">f4", order="F"), y=np.array([0.5, 1, 2], dtype=">f4"))
    for path in (write("a,b,y\n1,2,.5\n3,4,1\n5,6,2\n"), tmp_path / "f.npz"):
        table = read_table(path)
        assert table.features().dtype == table.y.dtype == np.float64
        assert table.features().flags.c_contiguous
        assert table.features().flags.writeable
        assert table.y.flags.writeable
        np.testing.assert_array_equal(table.y, [0.5, 1, 2])


def test_foreign_byte_order_is_understood(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", X=np.arange(8, dtype=">i2").reshape(4, 2), Y=np.array([7, 7, 256, 256], ">i4"))
    table = read_table(tmp_path / "f.npz")
    np.testing.assert_array_equal(table.features(), np.arange(8).reshape(4, 2))
    assert table.classes == (7, 256)
    assert table.target_name == "Y"
    assert table.feature_names == ("x0", "x1")


def test_suffix_may_be_in_capitals_and_names_may_hold_wildcards(write: Write) -> None:
    assert read_table(write("a,y\n1,u\n2,v\n", "D[1]*.CSV")).classes == ("u", "v")


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfa,b,y\n1,2.5,u\n3,4,v\n",
        b"a,b,y\r\n1,2.5,u\r\n3,4,v\r\n",
        b'"a","b","y"\n"1","2.5","u"\n"3","4","v"\n',
        b" a , b,y\n 1, 2.5 ,u\n3 , 4 ,  v \n",
        b"a,b,y\n1,2.5,u\n3,4,v\n\n\n",
        b"a,b,y\n1,2.5,u\n3,4,v\n  \n,,\n",
        b"a,b,y\n+1,25e-1,u\n3.,4,v",
    ],
    ids=["byte order mark", "crlf", "quoted", "blanks", "blank lines", "separators only", "spellings"],
)
def test_harmless_peculiarities_of_csv_change_nothing(write: Write, text: bytes) -> None:
    table = read_table(write(text))
    np.testing.assert_array_equal(table.features(), [[1, 2.5], [3, 4]])
    assert table.feature_names == ("a", "b")
    assert table.classes == ("u", "v")


def test_a_name_like_the_first_bytes_of_a_compressed_file_is_a_name(write: Write) -> None:
    assert read_table(write("x^2,y\n1,u\n2,v\n")).feature_names == ("x^2",)


def test_booleans_are_features(write: Write, tmp_path: Path) -> None:
    pl.DataFrame({"a": [True, False], "y": ["u", "v"]}).write_parquet(tmp_path / "b.parquet")
    for path in (write("a,y\nTrue,u\nfalse,v\n"), tmp_path / "b.parquet"):
        np.testing.assert_array_equal(read_table(path).features(), [[1], [0]])


def test_a_late_odd_cell_is_seen_however_long_the_file(write: Write) -> None:
    path = write("a,y\n" + "1,u\n2,v\n" * 5000 + "x,u\n")
    assert refusal_of(path) == "column 'a', row 10001 (line 10002) holds 'x'; features must be finite numbers"


# ---- which column is the target


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("y,label,target,z", "target"),
        ("y,Label,b,z", "Label"),
        ("CLASS,a,b,Y", "CLASS"),
        ("a,Y,b,c", "Y"),
        ("a,b,c,d", "d"),
    ],
)
def test_default_target(write: Write, header: str, expected: str) -> None:
    table = read_table(write(f"{header}\n1,2,3,4\n5,6,7,8\n"), task="regress")
    assert table.target_name == expected
    assert table.feature_names == tuple(name for name in header.split(",") if name != expected)


def test_named_target(write: Write, tmp_path: Path) -> None:
    table = read_table(write("a,b,y\nu,1,2\nv,3,4\n"), target="a")
    assert (table.target_name, table.feature_names, table.classes) == ("a", ("b", "y"), ("u", "v"))
    np.savez(tmp_path / "t.npz", X=np.eye(2), y=np.zeros(2), Y=np.ones(2), other=np.array(["p", "q"]))
    assert read_table(tmp_path / "t.npz", target="other").classes == ("p", "q")
    assert read_table(tmp_path / "t.npz", task="regress").target_name == "y"


def test_unknown_target_lists_what_there_is(write: Write, tmp_path: Path) -> None:
    message = refusal_of(write("a,b\n1,2\n3,4\n"), target="c")
    assert message == "there is no target column 'c'; the columns are 'a', 'b'"
    wide = ",".join(f"c{j}" for j in range(30))
    message = refusal_of(write(f"{wide}\n{','.join('1' * 30)}\n"), target="c")
    assert message.endswith("'c6', 'c7', ... (30 in all)")
    np.savez(tmp_path / "t.npz", X=np.eye(2), z=np.ones(2))
    assert refusal_of(tmp_path / "t.npz") == "has no target array 'y', 'Y'; its arrays are 'X', 'z'"
    assert refusal_of(tmp_path / "t.npz", target="t").startswith("has no target array 't'; its arrays are")
    assert "'X' has shape (2, 2)" in refusal_of(tmp_path / "t.npz", target="X")


# ---- what there is to learn

GUESSES: list[tuple[list[object], str, tuple[object, ...], str]] = [
    (["b", "a", "b"], "classify", ("a", "b"), "target 'y' holds text"),
    ([True, False, True], "classify", (False, True), "target 'y' holds booleans"),
    ([10, 9, -1, 10, 9, -1], "classify", (-1, 9, 10), "target 'y' holds 3 distinct integers"),
    ([1.0, 0.0, 1.0, 0.0], "classify", (0, 1), "target 'y' holds 2 distinct integers"),
    ([1, 2, 3, 3, 3], "regress", (), "target 'y' holds 3 distinct integers in 5 rows"),
    ([0.5, 1.0, 1.0, 1.0], "regress", (), "target 'y' holds real numbers"),
    ([*range(20), *range(20)], "classify", tuple(range(20)), "target 'y' holds 20 distinct integers"),
    ([*range(21), *range(21)], "regress", (), "target 'y' holds 21 distinct integers in 42 rows"),
    ([2.0**54, 0.0, 0.0, 0.0], "regress", (), "target 'y' holds real numbers"),
]


@pytest.mark.parametrize(("values", "task", "classes", "reason"), GUESSES)
@pytest.mark.parametrize("suffix", ["csv", "parquet", "npz"])
def test_guessed_task(
    tmp_path: Path, suffix: str, values: list[object], task: str, classes: tuple[object, ...], reason: str
) -> None:
    path = tmp_path / f"t.{suffix}"
    frame = pl.DataFrame({"a": range(len(values)), "y": values})
    if suffix == "npz":
        np.savez(path, X=np.ones((len(values), 1)), y=np.array(values))
    else:
        frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)
    table = read_table(path)
    assert (table.task, table.classes, table.task_reason) == (task, classes, reason)
    assert [type(label) for label in table.classes] == [type(label) for label in classes]
    expected = [classes.index(value) for value in values] if classes else values
    np.testing.assert_array_equal(table.y, expected)
    assert table.y.dtype == (np.int64 if classes else np.float64)


@pytest.mark.parametrize("dtype", [pl.Categorical(), pl.Enum(["z", "b", "a"])])
def test_categories_are_classes_in_sorted_order(tmp_path: Path, dtype: pl.DataType) -> None:
    frame = pl.DataFrame({"a": [1, 2, 3], "y": pl.Series(["b", "a", "b"], dtype=dtype)})
    frame.write_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert table.classes == ("a", "b")
    np.testing.assert_array_equal(table.y, [1, 0, 1])


def test_parquet_text_of_digits_stays_text(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1, 2], "y": ["10", "9"]}).write_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").classes == ("10", "9")
    message = refusal_of(tmp_path / "t.parquet", task="regress")
    assert message == "column 'y', row 1 holds '10'; a number is needed to regress"


def test_large_integer_labels_stay_apart(write: Write, tmp_path: Path) -> None:
    big = 2**63 - 2
    text = "a,y\n" + f"1,{big}\n2,{big + 1}\n" * 2
    assert read_table(write(text)).classes == (big, big + 1)
    pl.DataFrame({"a": [1, 2], "y": [2**64 - 1, 1]}, schema_overrides={"y": pl.UInt64}).write_parquet(
        tmp_path / "t.parquet"
    )
    assert "holds '18446744073709551615'; classes must" in refusal_of(tmp_path / "t.parquet", task="classify")
    assert "row 1 (line 2) holds '99999999999999999999'; classes must" in refusal_of(
        write("a,y\n1,99999999999999999999\n2,1\n"), task="classify"
    )


def test_given_task_is_obeyed(write: Write) -> None:
    path = write("a,y\n1,3\n2,4\n3,3\n4,4\n")
    regress = read_table(path, task="regress")
    assert (regress.task, regress.classes, regress.task_reason) == ("regress", (), "given")
    np.testing.assert_array_equal(regress.y, [3.0, 4.0, 3.0, 4.0])
    many = read_table(write("a,y\n1,3\n2,4\n3,5\n"), task="classify")
    assert (many.task, many.classes, many.task_reason) == ("classify", (3, 4, 5), "given")


def test_task_that_does_not_suit_the_target(write: Write) -> None:
    text = write("a,y\n1,u\n2,v\n")
    assert refusal_of(text, task="regress") == ("column 'y', row 1 (line 2) holds 'u'; a number is needed to regress")
    floats = write("a,y\n1,1.0\n2,2.5\n")
    assert "column 'y', row 2 (line 3) holds '2.5'; classes must be" in refusal_of(floats, task="classify")
    with pytest.raises(InputError, match="task: 'rank' is unknown; accepted are 'classify' and 'regress'"):
        read_table(text, task="rank")


def test_one_word_among_numbers_does_not_turn_them_into_classes(write: Write) -> None:
    path = write("a,y\n1,1\n2,NA\n3,2\n4,1\n")
    assert refusal_of(path) == ("column 'y', row 2 (line 3) holds 'NA'; most of the target is numbers, so must this be")
    assert read_table(path, task="classify").classes == ("1", "2", "NA")


# ---- features to predict


def test_features_are_taken_by_name_in_the_order_of_the_model(write: Write, tmp_path: Path) -> None:
    expected = [[2.0, 1.0], [4.0, 3.0]]
    np.testing.assert_array_equal(read_features(write("a,b\n1,2\n3,4\n"), numeric_columns(["b", "a"])), expected)
    with_target = write("a,y,b\n1,,2\n3,any,4\n")  # what the target holds does not matter
    np.testing.assert_array_equal(read_features(with_target, numeric_columns(["b", "a"]), target_name="y"), expected)
    names = np.array(["a", "b"])
    np.savez(tmp_path / "t.npz", X=[[1, 2], [3, 4]], feature_names=names)
    X = read_features(tmp_path / "t.npz", numeric_columns(["b", "a"]))
    np.testing.assert_array_equal(X, expected)
    assert X.flags.c_contiguous


def test_one_row_is_enough_to_predict(write: Write) -> None:
    np.testing.assert_array_equal(read_features(write("a\n1\n"), numeric_columns(["a"])), [[1.0]])


def test_unnamed_npz_needs_the_right_number_of_features(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", X=np.eye(2))
    np.testing.assert_array_equal(read_features(tmp_path / "t.npz", numeric_columns(["p", "q"])), np.eye(2))
    message = refusal_of(tmp_path / "t.npz", numeric_columns(["p", "q", "r"]), read=read_features)
    assert message == "array 'X' has 2 columns; the model takes 3"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,y\n1,2\n", "lacks the features 'b'; it has 'a', 'y'"),
        ("x0,x1\n1,2\n", "lacks the features 'a', 'b'; it has 'x0', 'x1'"),
        ("a,b,id,y\n1,2,3,4\n", "columns 'id' are not features of the model; remove them"),
        ("a,b\n", "the table is empty: it has 2 columns and 0 rows"),
        ("a,b\n1,\n", "column 'b', row 1 (line 2) is missing"),
        ("a,b\n1,two\n", "column 'b', row 1 (line 2) holds 'two'; features must be finite numbers"),
    ],
)
def test_features_that_do_not_fit_the_model(write: Write, text: str, message: str) -> None:
    assert refusal_of(write(text), numeric_columns(["a", "b"]), "y", read=read_features) == message


def test_without_a_target_name_every_other_column_is_extra(write: Write) -> None:
    message = refusal_of(write("a,y\n1,2\n"), numeric_columns(["a"]), read=read_features)
    assert message == "columns 'y' are not features of the model; remove them"
