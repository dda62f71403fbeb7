"""What a comparison with the peers says: a table, the floors, a figure, and the numbers for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.floors import PEER_FLOORS
from bench.machine import blas_kernels
from bench.peers.registry import OWN, PEERS
from bench.peers.rounds import ShapeTimes
from bench.reached import Readings, floors_table
from bench.shapes import WIDE_SHAPES
from trainer.plots import save_throughput

WIDTH = 170
FOOTNOTE = """\
Every step is forward, loss, backward and update of all rows, alone on one processor; of each peer the first and the
third step were compared to a float64 reference. numba and numpy are this project's backends, numpy with the BLAS named
above and with OPENBLAS_CORETYPE=SkylakeX (avx-512). article is the article's program: float64, no biases. sklearn has
linear outputs, a little less work. 512: XLA prefers vectors of 512 bits."""
DISTRIBUTIONS = ("numpy", "numba", "torch", "jax", "scikit-learn")


@dataclass(frozen=True)
class Comparison:
    """The results of a run.

    Attributes
    ----------
    machine : str
        The processor's name.
    times : list of ShapeTimes
    missing : dict of str to str
        Why peers could not be started.
    """

    machine: str
    times: list[ShapeTimes]
    missing: dict[str, str]


def report_text(comparison: Comparison) -> str:
    """Return the table of all shapes and peers, what could not be timed, and the floors."""
    console = Console(width=WIDTH, color_system=None, force_terminal=False)
    names = [peer.name for peer in PEERS if any(peer.name in times.seconds for times in comparison.times)]
    with console.capture() as capture:
        console.print(f"float32, 1 thread, {comparison.machine}; {blas_kernels()}", highlight=False)
        console.print(_table(comparison.times, names))
        console.print(FOOTNOTE, highlight=False)
        for name, reason in comparison.missing.items():
            console.print(f"MISSING: {name}: {reason}", markup=False, highlight=False)
        for times in comparison.times:
            for name, reason in times.failures.items():
                console.print(f"NOT TIMED: {name} at {times.shape.name}: {reason}", markup=False, highlight=False)
        console.print(floors_table(PEER_FLOORS, readings(comparison.times)))
    return capture.get()


def readings(compared: Sequence[ShapeTimes]) -> Readings:
    """Return what floors are compared with."""
    told = Readings()
    for times in compared:
        for name, seconds in times.medians.items():
            told.seconds[times.shape.name, name] = seconds
    return told


def best_rival(medians: Mapping[str, float]) -> str | None:
    """Return the fastest of the peers that are not this project's compiled loops, None where none was timed."""
    return min((name for name in medians if name != OWN.name), key=medians.__getitem__, default=None)


def _table(compared: Sequence[ShapeTimes], names: Sequence[str]) -> Table:
    table = Table(title="training step, µs: medians of the rounds", title_justify="left", box=SIMPLE_HEAD, padding=0)
    table.add_column("shape", no_wrap=True)
    for name in names:
        table.add_column(f" {name}", justify="right", min_width=8)
    table.add_column(" best other", justify="right", no_wrap=True)
    table.add_column(" best / numba", justify="right", min_width=8)
    for times in compared:
        medians = times.medians
        best = best_rival(medians)
        ratio = f"{medians[best] / medians[OWN.name]:.2f}" if best and OWN.name in medians else ""
        cells = [_microseconds(medians[name]) if name in medians else "" for name in names]
        table.add_row(times.shape.name, *cells, best or "", ratio)
    return table


def _microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:,.3g}" if seconds < 1e-4 else f"{seconds * 1e6:,.0f}"


def save_figure(comparison: Comparison, path: Path) -> bool:
    """Draw the throughput of 784-H-10 against H, a line for each peer; return whether there was anything to draw.

    The folder of `path` is made if need be.

    Raises
    ------
    trainer.errors.InputError
        The file cannot be written.
    """
    wide = [times for times in comparison.times if times.shape in WIDE_SHAPES and times.seconds]
    if not wide:
        return False
    names = [peer.name for peer in PEERS if any(peer.name in times.seconds for times in wide)]
    series = {
        name: np.array([times.shape.flops / times.medians.get(name, math.nan) / 1e9 for times in wide])
        for name in names
    }
    peak = median(peak for times in wide for peak in times.peaks) / 1e9
    path.parent.mkdir(parents=True, exist_ok=True)
    title = f"784-H-10, 128 samples, float32, 1 thread, {comparison.machine}"
    save_throughput([times.shape.hidden for times in wide], series, peak, path, title, size_name="hidden size H")
    return True


def save_results(comparison: Comparison, path: Path) -> None:
    """Write everything measured as JSON; the folder of `path` is made if need be.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    results = {
        "machine": comparison.machine,
        "versions": {name: found for name in DISTRIBUTIONS if (found := _version(name))},
        "missing": comparison.missing,
        "shapes": [
            {
                "shape": times.shape.name,
                "layer_sizes": times.shape.layer_sizes,
                "batch": times.shape.batch,
                "flops": times.shape.flops,
                "fma_peak_gflops": times.peak / 1e9,
                "seconds_per_step": times.medians,
                "rounds": times.seconds,
                "failures": times.failures,
            }
            for times in comparison.times
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
