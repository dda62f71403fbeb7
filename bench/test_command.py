"""The command line as a user waits for it: its start, cold and warm, and the article's million epochs.

Each is a process of its own, on one processor.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from pytest_benchmark.fixture import BenchmarkFixture

from bench.floors import ARTICLE_RUN, COLD, COMMAND, ORIGINAL, PRESET, WARM
from bench.peers.article import ArticleProgram
from trainer.datasets import xor
from trainer.initialization import article_weights

WARM_ROUNDS = 5
EPOCHS = 1_000_000
# Of the article's own code, of which each epoch takes as long; so many times before the other, and as many after it.
ORIGINAL_EPOCHS, ORIGINAL_ROUNDS = 2_000, 3
HIDDEN, ROWS, LEARNING_RATE, PENALTY = 10, 50, 1e-3, 1e-6


def run_command(*arguments: str, cache: Path | None = None) -> tuple[float, str]:
    """Run ``scratch-mlp``; return the seconds of the whole process and what it printed.

    Raises
    ------
    subprocess.CalledProcessError
        It failed.
    """
    environment = os.environ | ({"SCRATCH_MLP_CACHE_DIR": str(cache)} if cache else {})
    command = [sys.executable, "-m", "trainer", *arguments]
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return time.perf_counter() - started, done.stdout


def seconds_beside_training(cache: Path) -> float:
    """Return the seconds of the default training's process, less those that it reports for the training."""
    seconds, printed = run_command("train", "xor", cache=cache)
    told = re.search(r"in ([\d.]+) s of training", printed)
    if told is None:
        raise RuntimeError(f"{COMMAND} tells no time of training: {printed}")
    return seconds - float(told[1])


def test_start(
    benchmark: BenchmarkFixture, durations: dict[tuple[str, str], float], threads: int, tmp_path: Path
) -> None:
    """Time the default training, first with an empty cache of compiled code, then with what that left in it."""
    whole, _ = run_command("train", "xor", cache=tmp_path)
    durations[COMMAND, COLD] = whole
    beside: list[float] = []

    def run_warm() -> None:
        beside.append(seconds_beside_training(tmp_path))

    benchmark.pedantic(run_warm, rounds=WARM_ROUNDS)
    durations[COMMAND, WARM] = median(beside)
    benchmark.extra_info.update(cold_seconds=whole, warm_seconds_beside_training=median(beside))


def test_million_epochs(benchmark: BenchmarkFixture, durations: dict[tuple[str, str], float], threads: int) -> None:
    """Time the preset's training with an accuracy at every epoch, and the article's own loop right before and after.

    The article's loop is timed without the start of its process, so a process of a single epoch is subtracted.
    """
    whole: list[float] = []
    preset = ("train", "--preset", "article", "--log-every", "1", "--quiet", "--epochs")
    run_command(*preset, "1")  # compiles
    started, _ = run_command(*preset, "1")
    original = [seconds_of_original_epoch() for _ in range(ORIGINAL_ROUNDS)]
    benchmark.pedantic(lambda: whole.append(run_command(*preset, f"{EPOCHS}")[0]), rounds=1)
    original += [seconds_of_original_epoch() for _ in range(ORIGINAL_ROUNDS)]
    durations[ARTICLE_RUN, PRESET] = (whole[-1] - started) / EPOCHS
    durations[ARTICLE_RUN, ORIGINAL] = median(original)
    benchmark.extra_info.update(
        whole_process_seconds=whole[-1], start_seconds=started, seconds_of_original_epoch=median(original)
    )


def seconds_of_original_epoch() -> float:
    """Return what an epoch of the article's own code takes, accuracy included."""
    x, y = xor()
    w1, w2 = article_weights((2, HIDDEN, 2), 2017)
    program = ArticleProgram(x, y, w1, w2, rows=ROWS, learning_rate=LEARNING_RATE, penalty=PENALTY)
    started = time.perf_counter()
    program.run(ORIGINAL_EPOCHS, accuracy=True)
    return (time.perf_counter() - started) / ORIGINAL_EPOCHS
