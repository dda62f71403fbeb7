"""`scratch-mlp train` does what its options say, and says and writes what it did."""

from __future__ import annotations

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import typer
from command_line import COMMAND, TIMEOUT, call, environment, read_records, run
from sklearn.datasets import make_friedman1

from kernels.backends import BACKENDS
from trainer.cli import app
from trainer.datasets import xor
from trainer.model import MLP
from trainer.model_file import load_predictor

OPTIONS = (
    "--backend --hidden --activation --loss --loss-parameter --epochs --batch-size --shuffle --no-shuffle "
    "--learning-rate --schedule --clip-norm --l1 --l2 --no-bias --dtype --seed --threads --preset --history --plots "
    "--gif --save --validation --target --task --log-every --quiet --help "
    "--bias --early-stopping --keep-best --tensorboard --log --config --show-config"
)
EPOCHS = 40


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# ---- what a first user sees


def seconds_of_a_plain_step() -> float:
    """Return what NumPy takes for a step of the default network, written as one would by hand."""
    X, Y = xor()
    x, y = X.astype(np.float32), Y.astype(np.float32)
    w1, b1, w2, b2 = (np.full(shape, 0.1, np.float32) for shape in ((2, 10), 10, (10, 2), 2))
    times = []
    for _ in range(2000):
        started = time.perf_counter()
        h = 1 / (1 + np.exp(-(x @ w1 + b1)))
        out = 1 / (1 + np.exp(-(h @ w2 + b2)))
        loss = np.square(out - y).sum() / (2 * len(x))
        delta = (out - y) * out * (1 - out) / np.float32(len(x))
        d_w2, d_b2, d_h = h.T @ delta, delta.sum(axis=0), delta @ w2.T * h * (1 - h)
        w1, b1, w2, b2 = w1 - x.T @ d_h, b1 - d_h.sum(axis=0), w2 - d_w2, b2 - d_b2
        times.append(time.perf_counter() - started)
        assert np.isfinite(loss)
    return float(np.median(times))


@pytest.mark.parametrize("options", [(), *(("--backend", backend) for backend in BACKENDS)], ids="-".join)
def test_defaults_learn_xor_in_under_two_seconds_of_training(options: tuple[str, ...], tmp_path: Path) -> None:
    done = run("train", *options, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    seconds = re.search(r"20,000 steps in ([\d.]+) s of training", done.stdout)
    accuracy = re.search(r"trained: accuracy ([\d.]+) %", done.stdout)
    assert seconds is not None
    slow = 3 * 20_000 * seconds_of_a_plain_step() if "numpy" in options else 0  # a processor on which NumPy takes long
    assert float(seconds[1]) < max(2, slow)
    assert accuracy is not None
    assert float(accuracy[1]) >= 97


@pytest.mark.parametrize("seed", range(5))
def test_defaults_learn_xor_from_other_seeds(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "--seed", seed, "--quiet", "--history", "h.json") == 0
    assert read_records(Path("h.json"))[-1]["accuracy"] >= 0.97
    assert capsys.readouterr() == ("", "")


def test_every_option_that_scripts_rely_on_exists() -> None:
    command = typer.main.get_command(app).commands["train"]  # type: ignore[attr-defined]
    names = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert set(OPTIONS.split()) - {"--help"} <= names


@pytest.mark.parametrize("command", ["train", "predict", "explain", "gallery", "warmup"])
def test_help_shows_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(command, "--help") == 0
    text = capsys.readouterr().out
    assert "Example" in text
    assert f"scratch-mlp {command}" in text.split("Example", 1)[1]


def test_without_a_command_the_help_is_printed_and_nothing_else(tmp_path: Path) -> None:
    done = run(cwd=tmp_path)
    assert done.returncode == 2
    assert "gallery" in done.stdout
    assert done.stderr == ""


def test_the_installed_command_says_the_same_as_the_module(tmp_path: Path) -> None:
    installed = shutil.which("scratch-mlp", path=str(Path(sys.executable).parent))
    if installed is None:
        pytest.skip("scratch-mlp is not installed beside this Python")
    done = subprocess.run(
        [installed, "explain"], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=TIMEOUT
    )
    assert (done.returncode, done.stdout) == (0, run("explain", cwd=tmp_path).stdout)


# ---- every option does what it says: the same bits as the Python interface with the same arguments


def trained_by_options(*options: object) -> tuple[np.ndarray, list[dict[str, Any]]]:
    outputs = ("--save", "m.safetensors", "--history", "h.json", "--log-every", 1, "--quiet")
    assert call("train", "--epochs", EPOCHS, *options, *outputs) == 0
    return load_predictor("m.safetensors").model.parameters, read_records(Path("h.json"))


@pytest.mark.parametrize(
    ("options", "network", "training"),
    [
        ((), {}, {}),
        (("--hidden", "7"), {"layer_sizes": [2, 7, 2]}, {}),
        (("--hidden", "6,4,3"), {"layer_sizes": [2, 6, 4, 3, 2]}, {}),
        (("--activation", "tanh"), {"activation": "tanh"}, {}),
        (("--activation", "relu"), {"activation": "relu"}, {}),
        (("--loss", "cross-entropy"), {"loss": "cross_entropy", "output_activation": "softmax"}, {}),
        (("--learning-rate", 0.5), {}, {"learning_rate": 0.5}),
        (("--schedule", "step"), {}, {"schedule": "step"}),
        (("--schedule", "exponential"), {}, {"schedule": "exponential"}),
        (("--schedule", "cosine"), {}, {"schedule": "cosine"}),
        (("--clip-norm", 0.01), {}, {"clip_norm": 0.01}),
        (("--l1", 0.1), {}, {"l1": 0.1}),
        (("--l2", 0.1), {}, {"l2": 0.1}),
        (("--no-bias",), {"bias": False}, {}),
        (("--dtype", "float64"), {"dtype": "float64"}, {}),
        (("--seed", 3), {"random_state": 3}, {}),
        (("--backend", "numpy"), {"backend": "numpy"}, {}),
        (("--batch-size", 50), {}, {"batch_size": 50, "shuffle": True}),
        (("--batch-size", 50, "--shuffle"), {}, {"batch_size": 50, "shuffle": True}),
        (("--batch-size", 50, "--no-shuffle"), {}, {"batch_size": 50, "shuffle": False}),
        (("--batch-size", 70, "--no-shuffle"), {}, {"batch_size": 70, "shuffle": False}),
    ],
    ids=lambda value: " ".join(map(str, value)) or "defaults" if isinstance(value, tuple) else "",
)
def test_options_train_as_the_python_interface_does(
    options: tuple[object, ...], network: dict[str, Any], training: dict[str, Any]
) -> None:
    parameters, records = trained_by_options(*options)

    X, Y = xor()
    chosen = {"layer_sizes": [2, 10, 2], "random_state": 0, **network}
    model = MLP(chosen.pop("layer_sizes"), **chosen)
    steps_per_epoch = -(-300 // training.get("batch_size", 300))
    model.train_steps(X, Y, EPOCHS * steps_per_epoch, **{"learning_rate": 2.0, **training})

    np.testing.assert_array_equal(parameters, model.parameters)
    assert [record["epoch"] for record in records] == list(range(EPOCHS))
    predicted = model.forward(X).argmax(axis=1)
    assert records[-1]["accuracy"] == pytest.approx(np.mean(predicted == Y.argmax(axis=1)), abs=1e-12)
    if options and options[0] != "--backend":  # the option made a difference
        plain, _ = trained_by_options()
        assert plain.shape != parameters.shape or not np.array_equal(plain, parameters)


def test_batches_larger_than_the_data_are_all_rows() -> None:
    whole, _ = trained_by_options("--no-shuffle")
    parameters, _ = trained_by_options("--batch-size", 100_000, "--no-shuffle")
    np.testing.assert_array_equal(parameters, whole)


def test_the_same_seed_gives_the_same_bits_in_another_process(tmp_path: Path) -> None:
    options = ("train", "--epochs", 200, "--batch-size", 32, "--validation", 0.2, "--quiet")
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        assert run(*options, "--seed", seed, "--save", f"{name}.safetensors", cwd=tmp_path).returncode == 0
    first, second, other = (load_predictor(f"{name}.safetensors").model.parameters for name in "abc")
    assert first.tobytes() == second.tobytes()
    assert first.tobytes() != other.tobytes()


# ---- history


@pytest.mark.parametrize("every", [1, 7, 100])
def test_history_has_a_record_of_every_so_many_epochs_from_0(every: int) -> None:
    for suffix in ("json", "csv"):
        assert call("train", "--epochs", 50, "--log-every", every, "--history", f"h.{suffix}", "--quiet") == 0
    records = read_records(Path("h.json"))
    assert [record["epoch"] for record in records] == list(range(0, 50, every))
    assert list(records[0])[:4] == ["epoch", "loss", "mean_abs_error", "accuracy"]
    rows = list(csv.DictReader(Path("h.csv").read_text().splitlines()))
    assert list(rows[0]) == list(records[0])
    assert [{name: float(cell) for name, cell in row.items()} for row in rows] == records


def test_a_long_training_is_recorded_about_250_times() -> None:
    assert call("train", "--epochs", 900, "--history", "h.json", "--quiet") == 0
    assert [record["epoch"] for record in read_records(Path("h.json"))] == list(range(0, 900, 3))


def test_validation_adds_its_columns_and_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "--validation", 0.2, "--history", "h.json", "--epochs", 200, "--log-every", 1) == 0
    last = read_records(Path("h.json"))[-1]
    assert {"val_loss", "val_accuracy"} <= set(last)
    held_out = re.search(r"held out: accuracy ([\d.]+) %", capsys.readouterr().out)
    assert held_out is not None
    assert float(held_out[1]) == pytest.approx(100 * last["val_accuracy"], abs=0.05)


# ---- what is printed


def test_piped_output_is_plain_lines_of_any_length(tmp_path: Path) -> None:
    long_name = "a-rather-long-name-for-a-history-" * 5 + ".csv"
    done = run("train", "--validation", 0.2, "--epochs", 100, "--history", long_name, cwd=tmp_path, COLUMNS="30")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert f"written: {long_name}\n" in done.stdout
    lines = [line for line in done.stdout.splitlines() if line.startswith("epoch")]
    pattern = (
        r"epoch +[\d,]+  loss [\d.]+  L1 error [\d.]+  accuracy +[\d.]+ %  validation loss [\d.]+  accuracy +[\d.]+ %"
    )
    assert len(lines) == 20
    assert all(re.fullmatch(pattern, line) for line in lines)


def test_quiet_prints_nothing(tmp_path: Path) -> None:
    done = run("train", "--epochs", 300, "--quiet", "--save", "m.safetensors", "--history", "h.csv", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(os.listdir(tmp_path)) == ["h.csv", "m.safetensors"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_terminal_shows_a_bar_with_epoch_loss_accuracy_and_steps_per_second(tmp_path: Path) -> None:
    import pty

    terminal, child_side = pty.openpty()
    child = subprocess.Popen(
        [*COMMAND, "train"], cwd=tmp_path, env=environment(TERM="xterm-256color", COLUMNS="120"), stdout=child_side
    )
    os.close(child_side)
    shown = b""
    try:
        while piece := os.read(terminal, 1 << 16):
            shown += piece
    except OSError:  # how Linux says that the other side is closed
        pass
    finally:
        os.close(terminal)
    assert child.wait(TIMEOUT) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert re.search(r"epoch 20,000/20,000 .* loss 0\.\d+ +accuracy +[\d.]+ % +[\d,]+ steps/s", text)


# ---- endings that were not meant


def test_a_run_that_explodes_in_its_first_epoch_says_so_and_keeps_its_weights(
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ("--activation", "relu", "--hidden", "20,20", "--learning-rate", 1e30, "--loss", "cross_entropy")
    outputs = ("--plots", "plots", "--save", "m.safetensors", "--history", "h.json")
    assert call("train", *options, *outputs, "--epochs", 50) == 3
    assert "training diverged at epoch" in capsys.readouterr().err
    assert np.isfinite(load_predictor("m.safetensors").model.parameters).all()
    assert all(record["loss"] is not None for record in read_records(Path("h.json")))
    assert not Path("plots").exists() or os.listdir("plots")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
@pytest.mark.parametrize(("hidden", "threads"), [("10", 1), ("300,300", 2)])
def test_ctrl_c_keeps_what_was_trained_and_says_so(hidden: str, threads: int, tmp_path: Path) -> None:
    options = ("--hidden", hidden, "--threads", str(threads), "--history", "h.json", "--save", "m.safetensors")
    with (tmp_path / "out.txt").open("w") as out, (tmp_path / "err.txt").open("w") as err:
        child = subprocess.Popen(
            [*COMMAND, "train", "--epochs", "2000000000", *options],
            cwd=tmp_path,
            env=environment(),
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        deadline = time.monotonic() + TIMEOUT
        while "epoch" not in (tmp_path / "out.txt").read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 130
    message = (tmp_path / "err.txt").read_text()
    assert re.fullmatch(r"scratch-mlp: interrupted: .* in [\d,]+ epochs is in h\.json, m\.safetensors\n", message)
    assert "Traceback" not in message
    assert read_records(tmp_path / "h.json")[0]["epoch"] == 0
    assert f"{threads} threads" in (tmp_path / "out.txt").read_text() or threads == 1
    sizes = [2, *map(int, hidden.split(",")), 2]
    fresh, kept = MLP(sizes, random_state=0), load_predictor(tmp_path / "m.safetensors").model
    assert np.isfinite(kept.parameters).all()
    assert not np.array_equal(fresh.parameters, kept.parameters)
    assert sorted(os.listdir(tmp_path)) == ["err.txt", "h.json", "m.safetensors", "out.txt"]


# ---- regression


@pytest.mark.parametrize("seed", range(3))
def test_a_regression_table_is_recognised_and_learned(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    X, y = make_friedman1(500, noise=0.5, random_state=seed)
    pl.from_numpy(X).with_columns(pl.Series("y", y)).write_parquet("friedman.parquet")
    assert call("train", "friedman.parquet", "--validation", 0.2, "--seed", seed, "--history", "h.json") == 0
    out, err = capsys.readouterr()
    assert "regression (target 'y' holds real numbers)" in out
    assert err == ""
    last = read_records(Path("h.json"))[-1]
    # Noise of variance 0.25 on a signal of variance 24 leaves R² = 0.99 to reach; a linear model stays near 0.75.
    assert last["val_r2"] > 0.8
    assert re.search(r"held out: R² 0\.\d+", out)
