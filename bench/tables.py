"""``python -m bench.tables``: how fast tables are read and trained on, and in how much memory, beside the floors.

The files are made first, in a temporary folder. Reading counts the bytes of the pictures, gzipped or not, and ends with
standardised rows; an epoch is one of those that the command trains, with its records, beside the same steps taken by
`Run.advance` alone. Memory is that of a process of its own, from before the file is opened until an epoch is trained.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.estimators import table_of
from bench.machine import processor_name
from bench.table_files import CSV_FEATURES, CSV_ROWS, PICTURES, SIDE, write_large_csv, write_pictures
from trainer.checkpoint_file import write_checkpoint
from trainer.checkpoints import DEFAULT_EVERY, Checkpoints, parse_every
from trainer.errors import InputError
from trainer.from_settings import build_predictor, prepare_rows, train_prepared
from trainer.preparation import Prepared
from trainer.settings import Settings, resolve
from trainer.standing import Standing
from trainer.tables import read_table
from trainer.terms import objective, optimizer

ROUNDS = 5
EPOCH_ROUNDS = 9  # two threads may be a third slower while the processors that they run on share no cache
EPOCHS = 10  # of a sample: what a training does once, such as measuring all rows, is shared out among them
READING_FLOOR, EPOCH_FLOOR, CHECKPOINT_FLOOR, MEMORY_FLOOR = 150, 0.7, 1, 2.5
ADAM: dict[str, Any] = {"hidden": (128,), "solver": "adam", "batch_size": 128, "epochs": EPOCHS}
LAYERS = f"{SIDE**2}-{ADAM['hidden'][0]}-10"
STATUS, RESET_PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Reading:
    """A figure, beside what it is to reach: at least the floor, or at most, where less is better."""

    name: str
    figure: float | None
    unit: str
    floor: float | None = None
    less_is_better: bool = False
    remark: str = ""  # why there is no figure

    @property
    def reached(self) -> str:
        """Whether, as a word."""
        if self.figure is None:
            return "not measured"
        if self.floor is None:
            return ""
        return "yes" if (self.figure <= self.floor if self.less_is_better else self.figure >= self.floor) else "no"


def prepared_file(path: Path, **given: Any) -> tuple[Prepared, Settings]:
    """Return the rows of a file as the command has them when it begins to train."""
    table = read_table(path)
    settings = resolve(given, preset=None, data=str(path), task=table.task)
    return prepare_rows(table, settings, standardize=True), settings


def seconds_of(call: Callable[[], object]) -> float:
    """Return the seconds of one call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


# ---- reading and epochs


def readings_of_pictures(folder: Path) -> list[Reading]:
    """Return how fast pictures are read, and trained on."""
    paths = dict(zip(("IDX", "IDX, gzipped"), write_pictures(folder), strict=True))
    megabytes = PICTURES * SIDE**2 / 1e6
    try:
        rates = {
            name: [megabytes / seconds_of(partial(prepared_file, path)) for _ in range(ROUNDS)]
            for name, path in paths.items()
        }
    except InputError as error:
        return [Reading("IDX", None, "MB/s", remark=str(error))]
    found = [
        Reading("IDX, read and standardised", median(rates["IDX"]), "MB/s", READING_FLOOR),
        Reading("IDX, gzipped", median(rates["IDX, gzipped"]), "MB/s"),  # mostly the time of zlib
    ]
    prepared, settings = prepared_file(paths["IDX"], **ADAM)
    for threads in (1, None):
        found += readings_of_epochs(prepared, replace(settings, threads=threads))
    return [*found, reading_of_checkpoints(prepared, settings, folder / "run.safetensors")]


def readings_of_epochs(prepared: Prepared, settings: Settings) -> list[Reading]:
    """Return how long an epoch takes, and its steps alone, in rounds that change between the two."""
    rounds = [
        (seconds_of_bare_epoch(prepared, settings), seconds_of_epoch(prepared, settings)) for _ in range(EPOCH_ROUNDS)
    ]
    name = f"{LAYERS}, one thread" if settings.threads == 1 else LAYERS
    return [
        Reading(f"{name}, epoch of the command", median(whole for _, whole in rounds), "s"),
        Reading(f"{name}, its steps alone", median(bare for bare, _ in rounds), "s"),
        Reading(f"{name}, rate of both", median(bare / whole for bare, whole in rounds), "", EPOCH_FLOOR),
    ]


def seconds_of_epoch(prepared: Prepared, settings: Settings) -> float:
    """Return the seconds of an epoch of the command: shuffling, records and the final measurement among them."""
    model = build_predictor(prepared, settings).model
    return seconds_of(lambda: train_prepared(model, prepared, settings)) / settings.epochs


def seconds_of_bare_epoch(prepared: Prepared, settings: Settings) -> float:
    """Return the seconds of the same steps, of rows as they come, with nothing recorded."""
    X, Y = prepared.training.X, prepared.training.Y
    assert settings.batch_size is not None
    run = build_predictor(prepared, settings).model.start_run(
        X,
        Y,
        terms=objective(l2=settings.l2),
        optimizer=optimizer(settings.solver),
        batch_size=settings.batch_size,
        steps_per_period=-(-len(X) // settings.batch_size),
        record_every=settings.epochs + 1,
    )
    run.advance(np.full(1, settings.learning_rate))  # period 0 is recorded
    return seconds_of(lambda: run.advance(np.full(settings.epochs, settings.learning_rate))) / settings.epochs


def reading_of_checkpoints(prepared: Prepared, settings: Settings, path: Path) -> Reading:
    """Return the share of the time that a training spends on checkpoints at the default interval."""
    predictor, standings = build_predictor(prepared, settings), list[Standing]()
    interval, _ = parse_every(DEFAULT_EVERY)
    assert interval is not None
    train_prepared(predictor.model, prepared, settings, checkpoints=Checkpoints(standings.append, seconds=interval))
    write = partial(write_checkpoint, path, predictor, standings[-1], configuration={}, fingerprint=None)
    seconds = median(seconds_of(write) for _ in range(ROUNDS))
    name = f"{LAYERS}, checkpoints each {DEFAULT_EVERY}"
    return Reading(name, 100 * seconds / interval, "% of the time", CHECKPOINT_FLOOR, less_is_better=True)


# ---- memory


def reading_of_memory(folder: Path) -> Reading:
    """Return the peak of a process that trains an epoch of a large CSV file, as multiple of its float32 features."""
    name = f"CSV, {CSV_ROWS:,} x {CSV_FEATURES}, read and trained an epoch"
    if not RESET_PEAK.exists():
        return Reading(name, None, "tables", remark="only where there is /proc")
    command = [sys.executable, "-m", "bench.tables", "--growth", str(write_large_csv(folder))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    growth, seconds = (float(word) for word in done.stdout.split())
    tables = growth / (CSV_ROWS * CSV_FEATURES * np.dtype(np.float32).itemsize)
    return Reading(f"{name} in {seconds:.1f} s", tables, "float32 tables", MEMORY_FLOOR, less_is_better=True)


def print_growth(path: Path) -> None:
    """Print by how many bytes the peak of this process grows while it trains an epoch, and the seconds that takes."""
    first_rows = path.with_name("first-rows.csv")
    with path.open() as file:
        first_rows.write_text("".join(line for line, _ in zip(file, range(1000), strict=False)))
    train_an_epoch(first_rows)  # compiles, and imports
    RESET_PEAK.write_text("5")
    before = peak_bytes()
    seconds = seconds_of(lambda: train_an_epoch(path))
    print(peak_bytes() - before, seconds)


def train_an_epoch(path: Path) -> None:
    """Read a file and train an epoch, as the command does."""
    prepared, settings = prepared_file(path, epochs=1)
    train_prepared(build_predictor(prepared, settings).model, prepared, settings)


def peak_bytes() -> int:
    """Return the most memory that the process has held since its peak was reset."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


# ---- the report


def report(readings: Sequence[Reading]) -> Table:
    """Return the figures beside the floors."""
    rows = [
        (
            r.name,
            "" if r.figure is None else f"{r.figure:.4g} {r.unit}".strip(),
            "" if r.floor is None else f"{'at most' if r.less_is_better else 'at least'} {r.floor:g}",
            r.reached,
        )
        for r in readings
    ]
    title = f"tables, medians of {ROUNDS}, of epochs {EPOCH_ROUNDS}"
    return table_of(title, ("what", "figure", "floor", "reached"), rows)


def main(arguments: Sequence[str]) -> int:
    """Make the files, measure, print the table; return 1 where a floor is not reached."""
    parser = argparse.ArgumentParser(prog="python -m bench.tables", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--growth", type=Path, help=argparse.SUPPRESS)  # what the process for memory is told
    options = parser.parse_args(arguments)
    if options.growth is not None:
        print_growth(options.growth)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        readings = [*readings_of_pictures(Path(folder)), reading_of_memory(Path(folder))]
    console = Console(width=120)
    console.print(processor_name(), highlight=False)
    console.print(report(readings))
    for reading in readings:
        if reading.remark:
            console.print(f"{reading.name}: {reading.remark}", highlight=False, soft_wrap=True)
    return int(any(reading.reached not in ("yes", "") for reading in readings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
