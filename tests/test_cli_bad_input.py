"""Input that cannot be used ends in one line on standard error and exit status 2, and leaves no file behind."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import call, run

OUTPUTS = ("--history", "h.json", "--save", "m.safetensors", "--plots", "plots", "--epochs", "3")

TABLE = "a,b,kind\n" + "".join(f"{i},{i * i % 7},{'xy'[i % 2]}\n" for i in range(20))
FILES = {
    "good.csv": TABLE,
    "empty.csv": "",
    "header.csv": "a,b,kind\n",
    "text.csv": TABLE.replace("\n7,", "\nseven,"),
    "gap.csv": TABLE.replace("\n7,", "\n,"),
    "nan.csv": TABLE.replace("\n7,", "\nnan,"),
    "inf.csv": TABLE.replace("\n7,", "\n-inf,"),
    "single.csv": TABLE.replace(",y\n", ",x\n"),
    "constant.csv": "a,y\n" + "".join(f"{i},2.5\n" for i in range(9)),
    "ragged.csv": TABLE + "1,2,3,4,5\n",
    "no-feature.csv": "kind\nx\ny\n",
    "one-row.csv": "a,b,kind\n1,2,x\n",
    "numbers.csv": "a,b,y\n" + "".join(f"{i},{i * i % 7},{i / 3}\n" for i in range(20)),
    "negative.csv": "a,y\n1,2.5\n2,0\n3,-0.5\n4,7\n",
    "words.csv": "colour,size,y\n" + "".join(f"{['red', 'blue'][i % 2]},{i},{i}.5\n" for i in range(20)),
    "notes.txt": "nothing",
    "torn.npy": "\x93NUMPY and then nothing",
    "torn-images-idx3-ubyte": "\x00\x00\x08\x03 and then nothing",
    "torn.parquet": "PAR1 and then nothing",
    "torn.npz": "PK\x03\x04 and then nothing",
    "torn.safetensors": '@\0\0\0\0\0\0\0{"__metadata__": {',
    "binary.csv": "\x00\x01\x02",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "a-folder").mkdir()
    np.savez(tmp_path / "other.npz", X=np.zeros((3, 2)))
    pl.DataFrame({"a": [1.0, 2.0], "kind": [None, "x"]}).write_parquet(tmp_path / "gap.parquet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in sorted(folder.rglob("*"))}


def assert_refused(
    arguments: tuple[object, ...], words: str | tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot(folder)
    assert call(*arguments) == 2
    out, err = capsys.readouterr()
    assert err.startswith("scratch-mlp: error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in out + err
    for word in (words,) if isinstance(words, str) else words:
        assert word in err
    assert snapshot(folder) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("missing.csv",), "missing.csv"),
        (("a-folder",), ("a-folder", "directory")),
        (("notes.txt",), (".txt", ".csv, .tsv, .tab, .parquet, .npz, .npy, .idx")),
        (("empty.csv",), "empty.csv"),
        (("header.csv",), "empty"),
        (("binary.csv",), "binary.csv"),
        (("torn.parquet",), "torn.parquet"),
        (("torn.npz",), "torn.npz"),
        (("other.npz",), "target"),
        (("torn.npy",), "torn.npy"),
        (("torn-images-idx3-ubyte",), "torn-images-idx3-ubyte"),
        (("words.csv", "--categorical", "shade"), ("categorical", "'shade'", "'colour', 'size'")),
        (("words.csv", "--categorical", "size,,"), ("categorical", "'size,,'")),
        (("words.csv", "--drop", "shade"), ("drop", "'shade'")),
        (("words.csv", "--drop", "colour,size"), "no feature"),
        (("words.csv", "--impute", "mode"), ("impute", "'mode'", "mean, median")),
        (("words.csv", "--stream"), ("stream", "Parquet")),
        (("gap.csv", "--impute", "mean", "--target", "a"), ("'a'", "row 8", "missing")),
        (("ragged.csv",), "line 22 has 5 fields"),
        (("no-feature.csv",), "no feature"),
        (("one-row.csv",), "1 row"),
        (("good.csv", "--target", "colour"), ("'colour'", "'a', 'b', 'kind'")),
        (("text.csv",), ("'a'", "row 8", "'seven'")),
        (("gap.csv",), ("'a'", "row 8", "missing", "--impute mean|median")),
        (("gap.parquet",), ("'kind'", "row 1", "missing")),
        (("nan.csv",), ("'a'", "row 8", "nan")),
        (("inf.csv",), ("'a'", "row 8", "inf")),
        (("single.csv",), ("single class", "'x'")),
        (("constant.csv", "--task", "regress"), "2.5"),
        (("good.csv", "--task", "regress"), "number"),
        (("good.csv", "--task", "cluster"), ("task", "'cluster'", "classify, regress")),
        (("good.csv", "--task", "classify", "--loss", "mae"), ("loss", "'mae'", "mse")),
        (("numbers.csv", "--loss", "cross_entropy"), ("loss", "regression", "huber, quantile or poisson")),
        (("numbers.csv", "--loss", "mean_mse"), ("loss", "'mean_mse'")),
        (("good.csv", "--loss", "poisson"), ("loss: poisson", "classification", "mse or cross_entropy")),
        (("numbers.csv", "--loss", "absolute", "--loss-parameter", "1"), ("loss-parameter: 1", "absolute")),
        (("numbers.csv", "--loss", "quantile", "--loss-parameter", "1"), ("loss-parameter: 1", "below 1")),
        (("numbers.csv", "--loss", "huber", "--loss-parameter", "-2"), ("loss-parameter: -2", "above 0")),
        (("numbers.csv", "--loss", "huber", "--loss-parameter", "wide"), "--loss-parameter"),
        (("negative.csv", "--loss", "poisson"), ("target y", "row 3 holds -0.5", "at least 0")),
        (("good.csv", "--validation", "1"), ("validation", "1")),
        (("good.csv", "--validation", "21"), ("validation", "21")),
        (("good.csv", "--validation", "0"), ("validation", "0")),
        (("good.csv", "--validation", "nan"), ("validation", "nan")),
        (("good.csv", "--validation", "0.01"), ("validation", "0.01 of 20 rows")),
        (("good.csv", "--validation", "0.99"), ("validation", "0.99 of 20 rows")),
        (("good.csv", "--preset", "article"), ("preset", "xor")),
        (("numbers.csv", "--gif", "x.gif"), ("gif", "two features")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_tables_that_cannot_be_used(
    arguments: tuple[str, ...], words: str | tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_refused(("train", *arguments, *OUTPUTS), words, folder, capsys)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--backend", "cuda", "numba, numpy"),
        ("--activation", "swish", "sigmoid, tanh, relu, identity"),
        ("--loss", "mae", "mse, cross_entropy"),
        ("--schedule", "linear", "constant, step, exponential, cosine"),
        ("--dtype", "float16", "float32, float64"),
        ("--preset", "book", "article"),
        ("--task", "regress", "classify"),
        ("--target", "x1", "signs"),
        ("--drop", "x1", "xor"),
        ("--categorical", "x1", "xor"),
        ("--impute", "mean", "xor"),
        ("--hidden", "0", "'0'"),
        ("--hidden", "-3", "'-3'"),
        ("--hidden", "8,,8", "'8,,8'"),
        ("--hidden", "", "''"),
        ("--hidden", "2.5", "'2.5'"),
        ("--hidden", "99999999999999999999", "1,000,000"),
        ("--hidden", "1000000,1000000", "not enough memory"),
        ("--epochs", "0", "at least 1"),
        ("--epochs", "-5", "-5"),
        ("--epochs", "many", "--epochs"),
        ("--epochs", "99999999999999999999", "at most"),
        ("--batch-size", "0", "at least 1"),
        ("--log-every", "0", "at least 1"),
        ("--log-every", "99999999999999999999", "at most"),
        ("--learning-rate", "0", "above 0"),
        ("--learning-rate", "-1", "-1"),
        ("--learning-rate", "inf", "finite"),
        ("--learning-rate", "nan", "finite"),
        ("--clip-norm", "0", "above 0"),
        ("--clip-norm", "inf", "finite"),
        ("--l1", "-0.1", "at least 0"),
        ("--l2", "nan", "finite"),
        ("--seed", "-1", "at least 0"),
        ("--threads", "0", "threads: 0 given, an integer of at least 1"),
        ("--threads", "-2", "at least 1"),
        ("--threads", "1025", "at most 1024"),
        ("--threads", "two", "--threads"),
        ("--threads", "1.5", "--threads"),
        ("--validation", "1.5", "between 0 and 1"),
        ("--colour", "red", "--colour"),
    ],
)
def test_options_out_of_range(
    option: str, value: str, words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_refused(("train", *OUTPUTS, option, value), words, folder, capsys)


@pytest.mark.parametrize("contradiction", ["--shuffle", "--l1=0.1", "--validation=0.2", "--seed=4294967296"])
def test_options_that_the_article_preset_has_not(
    contradiction: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = contradiction.removeprefix("--").split("=")[0]
    assert_refused(("train", "--preset", "article", contradiction, *OUTPUTS), name, folder, capsys)


@pytest.mark.parametrize(
    ("option", "path", "words"),
    [
        ("--history", "nowhere/h.json", "nowhere"),
        ("--history", "h.txt", ".json or .csv"),
        ("--history", "a-folder", ".json or .csv"),
        ("--save", "nowhere/m.safetensors", "nowhere"),
        ("--save", "a-folder", ".safetensors"),
        ("--save", "m.npz", "a name that ends in .safetensors accepted"),
        ("--save", "notes.txt/m.safetensors", "notes.txt"),
        ("--plots", "nowhere/plots", "nowhere"),
        ("--plots", "notes.txt", "it is a file"),
        ("--gif", "nowhere/x.gif", "nowhere"),
        ("--gif", "x.png", ".gif"),
    ],
)
def test_places_that_cannot_be_written(
    option: str, path: str, words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The other outputs are fine, and must not be written all the same: not even their folder.
    assert_refused(("train", *OUTPUTS, option, path), words, folder, capsys)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a folder in which not even root makes another")
@pytest.mark.parametrize("command", [("train", "--epochs", "3", "--plots"), ("gallery", "--epochs", "3")])
def test_a_folder_that_cannot_be_made(
    command: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_refused((*command, "/proc/new"), "/proc/new", folder, capsys)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to root")
@pytest.mark.parametrize(
    "option", ["--history=locked/h.json", "--save=locked/m.safetensors", "--plots=locked", "--gif=locked/x.gif"]
)
def test_a_folder_without_permission(option: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    locked = folder / "locked"
    locked.mkdir()
    locked.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert_refused(("train", "--epochs", "3", option), "no permission", folder, capsys)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("predict",), "MODEL"),
        (("predict", "missing.safetensors", "good.csv"), "missing.safetensors"),
        (("predict", "a-folder", "good.csv"), "a-folder"),
        (("predict", "torn.safetensors", "good.csv"), "damaged"),
        (("predict", "other.npz", "good.csv"), "models are safetensors files now"),
        (("predict", "good.csv", "good.csv"), "not a safetensors file"),
        (("explain", "--sample", "1,two"), "'1,two'"),
        (("explain", "--sample", "nan"), "'nan'"),
        (("explain", "--target", ""), "target"),
        (("explain", "--hidden", "0"), "hidden"),
        (("explain", "--activation", "swish"), "'swish'"),
        (("explain", "--learning-rate", "nan"), "learning-rate"),
        (("explain", "--seed", "-1"), "seed"),
        (("explain", "--seed", "4294967296"), "seed"),
        (("explain", "--backend", "cuda"), "'cuda'"),
        (("warmup", "--dtype", "float16"), ("dtype", "'float16'", "float32, float64")),
        (("warmup", "float32"), "unexpected"),
        (("gallery",), "DIR"),
        (("gallery", "nowhere/pictures"), "nowhere"),
        (("gallery", "notes.txt"), "it is a file"),
        (("gallery", "pictures", "--epochs", "0"), "epochs"),
        (("gallery", "pictures", "--backend", "cuda"), "'cuda'"),
        (("learn",), "'learn'"),
        (("train", "xor", "xor"), "unexpected"),
        (("train", "--epochs"), "--epochs"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_other_commands(
    arguments: tuple[str, ...], words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_refused(arguments, words, folder, capsys)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\n1\n", ("lacks", "'b'")),
        ("a,b,c\n1,2,3\n", ("'c'", "not features")),
        ("a,b\n1,2\n3,inf\n", ("'b'", "row 2", "inf")),
        ("a,b\n1,two\n", ("'b'", "row 1", "'two'")),
        ("a,b\n", "empty"),
    ],
)
def test_rows_that_a_model_cannot_predict(
    text: str, words: str | tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("train", "good.csv", "--epochs", "2", "--save", "model.safetensors", "--quiet") == 0
    (folder / "rows.csv").write_text(text)
    assert_refused(("predict", "model.safetensors", "rows.csv", "--output", "p.csv"), words, folder, capsys)
    (folder / "rows.csv").write_text("a,b\n1,2\n")
    assert_refused(("predict", "model.safetensors", "rows.csv", "--output", "nowhere/p.csv"), "nowhere", folder, capsys)


def test_a_file_that_is_there_survives_a_refusal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "m.safetensors").write_text("precious")
    assert_refused(("train", "nan.csv", *OUTPUTS), "nan", folder, capsys)


@pytest.mark.parametrize(
    "arguments",
    [("train", "nan.csv", *OUTPUTS), ("train", "--learning-rate", "inf"), ("predict", "torn.safetensors", "good.csv")],
)
def test_a_process_of_its_own_says_the_same(arguments: tuple[str, ...], folder: Path) -> None:
    before = snapshot(folder)
    done = run(*arguments, cwd=folder, COLUMNS="20")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("scratch-mlp: error: ")
    assert done.stderr.count("\n") == 1
    assert snapshot(folder) == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_reader_that_leaves_early_sees_no_traceback(folder: Path) -> None:
    import subprocess

    from command_line import COMMAND, TIMEOUT, environment

    child = subprocess.Popen(
        [*COMMAND, "train", "--log-every", "1", "--epochs", "20000"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.readline()
    child.stdout.close()
    errors = child.stderr.read()
    child.stderr.close()
    assert child.wait(TIMEOUT) != 0
    assert "Traceback" not in errors
