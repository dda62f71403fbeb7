"""A table larger than memory comes block by block: the same samples as from memory, and memory for one block only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from array_files import write_idx
from memory_growth import STATUS
from processes import TESTS, environment
from refusals import refusal_of

from trainer import streamed_rows
from trainer.errors import InputError
from trainer.preparation import Prepared, prepare
from trainer.tables import read_table
from trainer.training import Samples

N = 200
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(3, 2, size=(N, 3))
CLASSES = np.array(["u", "v", "w"])[GENERATOR.integers(0, 3, N)]
NUMBERS = X @ [1.0, -2.0, 0.5]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed_rows, "BLOCK_BYTES", 1024)
    monkeypatch.setattr(streamed_rows, "READ_CELLS", 24)


def written(folder: Path, kind: str, y: np.ndarray) -> Path:
    """Write the table as a file of a kind, and return its name."""
    np.save(folder / "X.npy", X)
    np.save(folder / "y.npy", y)
    frame = pl.from_numpy(X, schema=["x0", "x1", "x2"]).with_columns(pl.Series("y", y))
    frame.write_parquet(folder / "t.parquet", row_group_size=33)
    write_idx(folder / "images-idx2-double", X)
    codes = np.unique(y, return_inverse=True)[1].astype(np.uint8) if y.dtype.kind == "U" else y
    write_idx(folder / "labels-idx1-double", codes)
    return folder / {"npy": "X.npy", "parquet": "t.parquet", "idx": "images-idx2-double"}[kind]


def prepared(path: Path, *, stream: bool = True, validation: float | None = None, **options: object) -> Prepared:
    table = read_table(path, stream=stream, **options)  # type: ignore[arg-type]
    return prepare(table, standardize=True, validation=validation, seed=3, dtype="float32")


def gathered(ready: Prepared) -> Samples:
    """Return the training rows of all blocks, in the order of the file, though they are read in another."""
    assert ready.stream is not None
    blocks = {i: ready.stream.samples(i) for i in reversed(range(ready.stream.n_blocks))}
    assert [len(blocks[i].X) for i in range(len(blocks))] == list(ready.stream.sizes)
    parts = [blocks[i] for i in range(len(blocks))]
    return Samples(np.concatenate([part.X for part in parts]), np.concatenate([part.Y for part in parts]))


@pytest.mark.parametrize("kind", ["npy", "parquet", "idx"])
@pytest.mark.parametrize("y", [CLASSES, NUMBERS], ids=["classes", "numbers"])
def test_a_stream_has_the_samples_that_memory_would_hold(tmp_path: Path, kind: str, y: np.ndarray) -> None:
    path = written(tmp_path, kind, y)
    task = "regress" if y is NUMBERS else "classify"
    table = read_table(path, task=task, stream=True)  # type: ignore[arg-type]
    assert table.y is None
    whole, streamed = prepared(path, stream=False, task=task), prepared(path, task=task)
    assert streamed.stream is not None
    assert streamed.stream.n_blocks > 2
    assert sum(streamed.stream.sizes) == N
    assert streamed.validation is None
    assert streamed.training.X.shape == (0, 3)
    assert streamed.training.Y.shape == whole.training.Y[:0].shape
    assert (streamed.classes, streamed.columns) == (whole.classes, whole.columns)
    samples = gathered(streamed)
    assert samples.X.dtype == samples.Y.dtype == np.float32
    np.testing.assert_allclose(samples.X, whole.training.X, rtol=0, atol=1e-6)
    np.testing.assert_allclose(samples.Y, whole.training.Y, rtol=0, atol=1e-6)


def test_the_guess_of_the_task_is_that_of_a_table_in_memory(tmp_path: Path) -> None:
    for y in (CLASSES, NUMBERS, np.arange(N) % 2 == 0, np.arange(N) % 20, np.arange(N) % 21, np.arange(N) % 3 * 1.0):
        path = tmp_path / "t.parquet"
        pl.DataFrame({"a": X[:, 0], "y": y}).write_parquet(path, row_group_size=33)
        streamed, whole = read_table(path, stream=True), read_table(path)
        for field in ("task", "classes", "task_reason", "n_rows"):
            assert getattr(streamed, field) == getattr(whole, field)


def test_validation_rows_are_kept_apart_and_chosen_by_the_seed(tmp_path: Path) -> None:
    path = written(tmp_path, "npy", NUMBERS)
    ready = prepared(path, validation=0.23)
    assert ready.stream is not None
    assert ready.validation is not None
    assert len(ready.validation.X) == round(0.23 * N) == N - sum(ready.stream.sizes)
    everything = np.concatenate([gathered(ready).Y, ready.validation.Y])
    assert ready.target is not None
    targets = np.sort(everything[:, 0] * ready.target.scale + ready.target.mean)
    np.testing.assert_allclose(targets, np.sort(NUMBERS), rtol=0, atol=1e-5)
    # The training rows alone are standardised.
    np.testing.assert_allclose(gathered(ready).X.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_array_equal(prepared(path, validation=0.23).validation.X, ready.validation.X)  # type: ignore[union-attr]
    other = prepare(read_table(path, stream=True), standardize=True, validation=0.23, seed=4, dtype="float32")
    assert other.validation is not None
    assert not np.array_equal(other.validation.Y, ready.validation.Y)
    with pytest.raises(InputError, match=r"validation: 1\.5 is no share"):
        prepared(path, validation=1.5)


def test_categories_and_gaps_are_streamed_too(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"a": [None if i % 5 == 0 else float(i) for i in range(N)], "b": [f"c{i % 3}" for i in range(N)], "y": NUMBERS}
    )
    frame.write_parquet(tmp_path / "t.parquet")
    whole, streamed = (prepared(tmp_path / "t.parquet", stream=stream, impute="mean") for stream in (False, True))
    assert streamed.columns[0].fill == pytest.approx(whole.columns[0].fill)
    np.testing.assert_allclose(gathered(streamed).X, whole.training.X, rtol=0, atol=1e-6)


def test_what_cannot_be_streamed_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "npy", NUMBERS)
    frame = pl.DataFrame({"a": X[:, 0], "y": NUMBERS})
    frame.write_csv(tmp_path / "t.csv")
    assert refusal_of(tmp_path / "t.csv", stream=True).endswith("convert it to Parquet")
    np.savez(tmp_path / "t.npz", X=X, y=NUMBERS)
    write_idx(tmp_path / "images-idx2-double.gz", X)
    np.save(tmp_path / "F_X.npy", np.asfortranarray(X))
    np.save(tmp_path / "F_y.npy", NUMBERS)
    for name in ("t.npz", "images-idx2-double.gz", "F_X.npy"):
        assert "stream: the file can only be read whole; accepted are .parquet" in refusal_of(
            tmp_path / name, stream=True
        )
    assert "a median needs all rows" in refusal_of(tmp_path / "t.parquet", stream=True, impute="median")


def test_bad_cells_of_a_stream_are_named(tmp_path: Path) -> None:
    bad = X.copy()
    bad[150, 1] = np.nan
    np.save(tmp_path / "X.npy", bad)
    np.save(tmp_path / "y.npy", NUMBERS)
    message = refusal_of(tmp_path / "X.npy", stream=True)
    what = "column 'x1', row 151 holds 'nan'; features must be finite numbers"
    assert message == f"{what}; --impute mean|median fills such cells in"
    np.save(tmp_path / "X.npy", X)
    gap = NUMBERS.copy()
    gap[140] = np.inf
    np.save(tmp_path / "y.npy", gap)
    assert refusal_of(tmp_path / "X.npy", stream=True) == "column 'y', row 141 holds 'inf'; a finite number is needed"


STREAMING = """
import sys
from memory_growth import peak_megabytes
from trainer.preparation import prepare
from trainer.tables import read_table
import polars

polars.read_parquet(sys.argv[1] + "/small.parquet")
before = peak_megabytes()
table = read_table(sys.argv[1] + "/" + sys.argv[2], stream=True)
stream = prepare(table, standardize=True, validation=0.02, seed=0, dtype="float32").stream
rows = 0
for i in range(stream.n_blocks):
    block = stream.samples(i)
    rows += len(block.X)
print(rows, stream.n_blocks, peak_megabytes() - before)
"""


@pytest.mark.skipif(not STATUS.exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize("name", ["X.npy", "t.parquet"])
def test_memory_is_bounded_by_a_block_and_not_by_the_table(tmp_path: Path, name: str) -> None:
    n_rows, n_columns = 200_000, 250  # 400 MB of float64, half of that in float32
    generator = np.random.default_rng(0)
    part = generator.normal(size=(n_rows // 8, n_columns))
    pl.DataFrame({"a": [1.0]}).write_parquet(tmp_path / "small.parquet")
    values = np.concatenate([part] * 8)
    np.save(tmp_path / "y.npy", values[:, 0])
    if name == "X.npy":
        np.save(tmp_path / name, values)
    else:
        frame = pl.from_numpy(values, schema=[f"x{j}" for j in range(n_columns)])
        frame.with_columns(y=frame["x0"]).write_parquet(tmp_path / name, row_group_size=8_000, compression="lz4")
    command = [sys.executable, "-c", STREAMING, str(tmp_path), name]
    done = subprocess.run(
        command, cwd=TESTS, env=environment(POLARS_MAX_THREADS="2"), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    rows, n_blocks, growth = done.stdout.split()
    assert (int(rows), int(n_blocks)) == (196_000, 12)
    assert float(growth) < 150
