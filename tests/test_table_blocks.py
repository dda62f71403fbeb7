"""What a table is, and what is refused, does not depend on the blocks in which its file is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from equal_tables import assert_equal
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer import csv_file, parquet_file, raw_table, table, tables
from trainer.errors import InputError
from trainer.preparation import Prepared, prepare
from trainer.preprocessing import split
from trainer.table import Table
from trainer.tables import read_features, read_table

CELL = st.sampled_from(["1", "2.5", "-3e2", "true", "x", "y z", '"q,\n1"', '"a ""b"""', "", " 7 ", "nan", "01"])
RECORD = st.lists(CELL, min_size=3, max_size=3)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of very few rows, and no table small enough to be kept."""
    monkeypatch.setattr(csv_file, "PIECE_BYTES", 16)
    monkeypatch.setattr(parquet_file, "MIN_ROWS", 1)
    monkeypatch.setattr(parquet_file, "MAX_CELLS", 8)
    monkeypatch.setattr(raw_table, "READ_ELEMENTS", 20)
    monkeypatch.setattr(table, "CACHED_ELEMENTS", 12)
    monkeypatch.setattr(tables, "KEPT_BYTES", 0)


def read_or_message(path: Path, **options: object) -> Table | str:
    try:
        return read_table(path, **options)  # type: ignore[arg-type]
    except InputError as error:
        return str(error)


@settings(max_examples=200)
@given(
    records=st.lists(RECORD, min_size=1, max_size=12), impute=st.sampled_from([None, "mean"]), piece=st.integers(1, 60)
)
def test_pieces_of_text_change_nothing(
    records: list[list[str]], impute: str | None, piece: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("pieces") / "t.csv"
    path.write_text("\n".join(["a,b,y", *map(",".join, records), *([""] if piece % 2 else [])]))
    whole = read_or_message(path, impute=impute)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_file, "PIECE_BYTES", piece)
        divided = read_or_message(path, impute=impute)
        kept = divided.features() if isinstance(divided, Table) else None
        patch.setattr(tables, "KEPT_BYTES", 0)
        again = read_or_message(path, impute=impute)
        if isinstance(whole, Table):
            assert isinstance(divided, Table)
            assert isinstance(again, Table)
            assert_equal(divided, whole)
            assert_equal(again, whole)
            np.testing.assert_array_equal(kept, whole.features())
        else:
            assert divided == again == whole


def written(folder: Path, n: int = 50) -> dict[str, Path]:
    generator = np.random.default_rng(0)
    X, y = generator.normal(size=(n, 3)), generator.integers(0, 3, n)
    frame = pl.from_numpy(X, schema=["x0", "x1", "x2"]).with_columns(pl.Series("y", y))
    frame.write_csv(folder / "t.csv")
    frame.write_parquet(folder / "t.parquet", row_group_size=7)
    np.save(folder / "X.npy", X)
    np.save(folder / "y.npy", y)
    return {"csv": folder / "t.csv", "parquet": folder / "t.parquet", "npy": folder / "X.npy"}


def assert_same_samples(first: Prepared, second: Prepared) -> None:
    assert first.inputs is not None
    assert second.inputs is not None
    np.testing.assert_allclose(first.inputs.mean, second.inputs.mean, rtol=0, atol=1e-14)
    np.testing.assert_allclose(first.inputs.scale, second.inputs.scale, rtol=1e-14)
    np.testing.assert_allclose(first.training.X, second.training.X, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(first.training.Y, second.training.Y)
    assert first.validation is not None
    assert second.validation is not None
    np.testing.assert_allclose(first.validation.X, second.validation.X, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(first.validation.Y, second.validation.Y)


@pytest.mark.parametrize("kind", ["csv", "parquet", "npy"])
def test_samples_do_not_depend_on_blocks(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path = written(tmp_path)[kind]
    options = {"standardize": True, "validation": 0.3, "seed": 4, "dtype": "float64"}
    whole = prepare(read_table(path), **options)  # type: ignore[arg-type]
    request.getfixturevalue("small_blocks")
    divided = read_table(path)
    assert max(len(X) for X, _ in divided.blocks()) <= 4
    assert_same_samples(prepare(divided, **options), whole)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["csv", "parquet", "npy"])
@pytest.mark.usefixtures("small_blocks")
def test_samples_are_standardised_as_a_predictor_does_it(kind: str, tmp_path: Path) -> None:
    table = read_table(written(tmp_path)[kind])
    ready = prepare(table, standardize=True, validation=None, seed=0, dtype="float32")
    assert ready.inputs is not None
    np.testing.assert_array_equal(ready.training.X, ready.inputs.transform(table.features()).astype(np.float32))


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@pytest.mark.parametrize("validation", [None, 0.3])
@pytest.mark.parametrize("drop", [(), ("x1",)])
@pytest.mark.usefixtures("small_blocks")
def test_bytes_become_the_same_samples_as_the_same_numbers(
    dtype: type[np.integer], validation: float | None, drop: tuple[str, ...], tmp_path: Path
) -> None:
    generator, limits = np.random.default_rng(0), np.iinfo(dtype)
    X = generator.integers(limits.min, limits.max, (50, 3), endpoint=True, dtype=dtype)
    np.save(tmp_path / "y.npy", generator.integers(0, 2, 50))
    read, prepared = [], []
    for numbers in (X, X.astype(np.float64)):
        np.save(path := tmp_path / f"{numbers.dtype}.npy", numbers)
        read.append(read_table(path, str(tmp_path / "y.npy"), drop=drop))
        prepared.append(prepare(read[-1], standardize=True, validation=validation, seed=0, dtype="float32"))
        assert {block.dtype for block, _ in read[-1].blocks()} == {numbers.dtype}
    assert_equal(*read)
    of_bytes, of_floats = (ready.inputs for ready in prepared)
    assert of_bytes is not None
    assert of_floats is not None
    np.testing.assert_allclose(of_bytes.mean, of_floats.mean, rtol=0, atol=50 * 256 * np.finfo(float).eps)
    np.testing.assert_allclose(of_bytes.scale, of_floats.scale, rtol=50 * np.finfo(float).eps)
    trained = np.ones(50, bool)
    if validation is not None:
        trained[split(read[0].y, validation, seed=0, stratify=True)[1]] = False
        np.testing.assert_array_equal(prepared[0].validation.Y, prepared[1].validation.Y)
    expected = of_bytes.transform(read[0].features()[trained]).astype(np.float32)
    np.testing.assert_array_equal(prepared[0].training.X, expected)
    np.testing.assert_array_equal(prepared[0].training.Y, prepared[1].training.Y)


@pytest.mark.usefixtures("small_blocks")
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)["csv"]
    lines = path.read_text().splitlines()
    for changed in (lines[:30], [*lines, lines[-1]]):
        path.write_text("\n".join(lines))
        table = read_table(path)
        path.write_text("\n".join(changed))
        with pytest.raises(InputError, match=r"changed while it was read: it had 50 rows and has (29|more)"):
            table.features()


@pytest.mark.usefixtures("small_blocks")
def test_rows_to_predict_come_whole(tmp_path: Path) -> None:
    for path in written(tmp_path).values():
        table = read_table(path)
        X = read_features(path, table.columns, "y")
        np.testing.assert_array_equal(X, table.features())
        assert X.flags.c_contiguous


def test_a_value_is_looked_for_in_its_own_row_of_a_late_block(tmp_path: Path, small_blocks: None) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,y\n" + "1,u\n2,v\n" * 40 + '"x\ny",u\n')
    with pytest.raises(InputError, match=r"column 'a', row 81 \(line 82\) holds 'x\\ny'"):
        read_table(path)
