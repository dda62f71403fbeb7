"""Columns of text are categories, set one-hot; missing cells are refused, or filled as the training rows say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from conftest import Write
from refusals import message_of, refusal_of

from trainer.columns import Column, numeric_columns
from trainer.errors import InputError
from trainer.preparation import Prepared, prepare
from trainer.table import Table
from trainer.tables import read_features, read_table

COLOURS = "colour,size,y\n red ,1,0.5\nblue,2,1.5\nred,3,2.5\n"


def prepared(table: Table, *, standardize: bool = True, validation: float | None = None) -> Prepared:
    return prepare(table, standardize=standardize, validation=validation, seed=0, dtype="float64")


# ---- categories


def test_text_becomes_one_input_for_each_category(write: Write) -> None:
    table = read_table(write(COLOURS))
    assert table.columns == (Column("colour", ("blue", "red")), Column("size"))
    np.testing.assert_array_equal(table.features(), [[1, 1], [0, 2], [1, 3]])
    np.testing.assert_array_equal(prepared(table, standardize=False).training.X, [[0, 1, 1], [1, 0, 2], [0, 1, 3]])


def test_inputs_of_categories_are_not_standardised(write: Write) -> None:
    ready = prepared(read_table(write(COLOURS)))
    assert ready.inputs is not None
    np.testing.assert_array_equal(ready.inputs.mean, [0, 0, 2])
    np.testing.assert_allclose(ready.inputs.scale, [1, 1, np.sqrt(2 / 3)])
    np.testing.assert_array_equal(ready.training.X[:, :2], [[0, 1], [1, 0], [0, 1]])
    np.testing.assert_allclose(ready.training.X[:, 2], [-np.sqrt(1.5), 0, np.sqrt(1.5)])


def test_a_table_may_be_all_categories(write: Write) -> None:
    ready = prepared(read_table(write("a,y\nu,1\nv,2\nu,4\n")))
    np.testing.assert_array_equal(ready.training.X, [[1, 0], [0, 1], [1, 0]])


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical(), pl.Enum(["z", "red", "blue"])])
def test_categories_of_parquet_are_those_it_holds(tmp_path: Path, dtype: pl.DataType) -> None:
    frame = pl.DataFrame({"colour": pl.Series(["red", "blue", "red"], dtype=dtype), "y": [0.5, 1.5, 2.5]})
    frame.write_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert table.columns == (Column("colour", ("blue", "red")),)
    np.testing.assert_array_equal(table.features(), [[1], [0], [1]])


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.npz"])
@pytest.mark.parametrize("values", [[10, 9, 10], [10.0, 9.0, 10.0]])
def test_numbers_are_categories_by_order(tmp_path: Path, name: str, values: list[float]) -> None:
    frame = pl.DataFrame({"x0": values, "x1": [1.0, 2.0, 3.0], "y": [0.5, 1.5, 2.5]})
    text = frame.with_columns(pl.col("x0").cast(pl.Int64)) if name == "t.csv" else frame
    text.write_csv(tmp_path / "t.csv")
    frame.write_parquet(tmp_path / "t.parquet")
    np.savez(tmp_path / "t.npz", X=frame.drop("y").to_numpy(), y=frame["y"].to_numpy())
    table = read_table(tmp_path / name, categorical=["x0"])
    assert table.columns == (Column("x0", ("10", "9")), Column("x1"))
    np.testing.assert_array_equal(table.features(), [[0, 1], [1, 2], [0, 3]])
    np.testing.assert_array_equal(read_features(tmp_path / name, table.columns, "y"), table.features())


def test_columns_of_categories_must_be_there(write: Write) -> None:
    path = write(COLOURS)
    expected = "categorical: there is no column 'shade'; the columns are 'colour', 'size'"
    assert refusal_of(path, categorical=["shade"]) == expected
    assert refusal_of(path, categorical=["y"]).startswith("categorical: there is no column 'y'")


def test_a_few_words_among_numbers_are_mistakes(write: Write) -> None:
    assert refusal_of(write("a,y\n1,1\nseven,2\n3,4\n")) == (
        "column 'a', row 2 (line 3) holds 'seven'; features must be finite numbers"
    )
    assert read_table(write("a,y\n1,1\nseven,2\neight,4\n")).columns[0].categories == ("1", "eight", "seven")


def test_too_many_categories_are_refused(write: Write) -> None:
    rows = [f"c{i},{i}.5" for i in range(1001)]
    assert len(read_table(write("\n".join(["a,y", *rows[:1000]]))).columns[0].categories) == 1000
    message = refusal_of(write("\n".join(["a,y", *rows])))
    assert message == "column 'a' holds over 1,000 categories; fewer are accepted; leave it out with --drop"


def test_a_category_that_is_unknown_is_named(write: Write) -> None:
    columns = (Column("colour", ("blue", "red")),)
    np.testing.assert_array_equal(read_features(write("colour\nred\n blue\n"), columns), [[1], [0]])
    message = refusal_of(write("colour\nred\nblau\n"), columns, read=read_features)
    assert message == "column 'colour', row 2 (line 3) holds 'blau'; the categories are 'blue', 'red'"
    missing = refusal_of(write("colour,b\nred,1\n,2\n"), (*columns, Column("b")), read=read_features)
    assert missing == "column 'colour', row 2 (line 3) is missing"


# ---- missing cells

GAPS = "a,b,c,y\n1,u,1,0.5\n,v,2,1.5\n4,,,2.5\n1,v,9,3.5\n"


def test_what_is_missing_is_refused_unless_it_is_to_be_imputed(write: Write) -> None:
    assert refusal_of(write(GAPS)) == "column 'a', row 2 (line 3) is missing; --impute mean|median fills such cells in"
    assert refusal_of(write("a,y\n1,2\ninf,3\n")).endswith("holds 'inf'; features must be finite numbers")
    assert refusal_of(write("a,y\n1,2\n2,\n"), impute="mean") == "column 'y', row 2 (line 3) is missing"
    unknown = message_of(InputError, read_table, write(GAPS), impute="mode")
    assert unknown == "impute: 'mode' is unknown; accepted are 'mean' and 'median'"


@pytest.mark.parametrize(("impute", "fills"), [("mean", (2.0, 1.0, 4.0)), ("median", (1.0, 1.0, 2.0))])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_gaps_are_filled_with_what_the_rows_hold(
    write: Write, tmp_path: Path, suffix: str, impute: str, fills: tuple[float, ...]
) -> None:
    path = write(GAPS)
    pl.read_csv(path).write_parquet(tmp_path / "data.parquet")
    table = read_table(tmp_path / f"data.{suffix}", impute=impute)  # type: ignore[arg-type]
    ready = prepared(table, standardize=False)
    assert tuple(column.fill for column in ready.columns) == fills
    a, _, c = fills
    np.testing.assert_array_equal(ready.training.X, [[1, 1, 0, 1], [a, 0, 1, 2], [4, 0, 1, c], [1, 0, 1, 9]])
    rows = read_features(write("c,b,a\nnan,,\n"), ready.columns)
    assert np.isnan(rows).all()


def test_nan_is_missing_where_gaps_are_filled(tmp_path: Path) -> None:
    X = np.array([[1.0, 5.0], [np.nan, 6.0], [3.0, np.nan]])
    np.savez(tmp_path / "t.npz", X=X, y=np.array([0.5, 1.5, 2.5]))
    ready = prepared(read_table(tmp_path / "t.npz", impute="mean"), standardize=False)
    np.testing.assert_array_equal(ready.training.X, [[1, 5], [2, 6], [3, 5.5]])
    np.savez(tmp_path / "t.npz", X=np.array([[1.0], [np.inf]]), y=np.array([0.5, 1.5]))
    assert "holds 'inf'" in refusal_of(tmp_path / "t.npz", impute="mean")


def test_only_training_rows_say_what_stands_for_a_gap(write: Write) -> None:
    rows = [f"{i if i % 3 else ''},{i % 2}.5" for i in range(40)]
    table = read_table(write("\n".join(["a,y", *rows])), impute="mean")
    ready = prepare(table, standardize=False, validation=0.5, seed=1, dtype="float64")
    fill = ready.columns[0].fill
    values = ready.training.X[:, 0]
    assert fill == pytest.approx(np.mean(values[values != fill]))
    assert ready.validation is not None
    assert fill != pytest.approx(np.mean(ready.validation.X[fill != ready.validation.X]))
    assert fill in ready.validation.X


def test_a_column_without_a_cell_is_refused(write: Write) -> None:
    message = refusal_of(write("a,b,y\n,1,1\n,2,2\n"), impute="median")
    assert message == refusal_of(write("a,b,y\n,1,1\n,2,2\n"))
    assert message == "column 'a' is missing in every row; leave it out with --drop"
    table = read_table(write("a,y\n,1\n,2\n3,4\n,5\n"), impute="mean")
    table_without = prepare  # the row that holds the only number is kept apart with some seed
    messages = set()
    for seed in range(8):
        try:
            table_without(table, standardize=True, validation=0.25, seed=seed, dtype="float64")
        except InputError as error:
            messages.add(str(error))
    assert messages == {"impute: column 'a' is missing in every training row; leave it out with --drop"}


def test_numbers_without_gaps_are_still_as_they_were(write: Write) -> None:
    table = read_table(write("a,b,y\n1,2,0.5\n3,4,1.5\n"))
    assert table.columns == numeric_columns(("a", "b"))
    np.testing.assert_array_equal(prepared(table, standardize=False).training.X, [[1, 2], [3, 4]])
