"""What the benchmarks say in the end: a table for each kind, and the figure of throughput against hidden size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.shapes import WIDE_SHAPES
from trainer.plots import save_throughput

WIDTH = 100
# The tables, in their order, and what a row of the operands is called in each.
KINDS = {"training step": "samples", "kernel": "rows"}


@dataclass(frozen=True)
class Workload:
    """What one call of a timed function does.

    Attributes
    ----------
    kind : str
        The table it belongs to, a key of `KINDS`.
    shape : str
        Its row; the backends of a shape are compared.
    backend : {"numba", "numpy"}
    samples : int
        Rows of the data in a step, of the result for a kernel.
    flops : int or None
        Operations of a step; None where they are not counted.
    steps : int
        Steps in a call.
    """

    kind: str
    shape: str
    backend: str
    samples: int
    flops: int | None
    steps: int = 1


@dataclass(frozen=True)
class Measurement:
    """The median time of a step, and what follows from it.

    Attributes
    ----------
    work : Workload
    seconds : float
        Of one step.
    peak : float
        The FMA peak in operations per second.
    """

    work: Workload
    seconds: float
    peak: float

    @property
    def samples_per_second(self) -> float:
        """Rows per second."""
        return self.work.samples / self.seconds

    @property
    def gflops(self) -> float | None:
        """Counted operations in 1e9 per second."""
        return None if self.work.flops is None else self.work.flops / self.seconds / 1e9

    @property
    def fraction_of_peak(self) -> float | None:
        """Counted operations per second over the peak."""
        return None if self.gflops is None else self.gflops * 1e9 / self.peak


def report_text(measurements: Sequence[Measurement], heading: str) -> str:
    """Return the heading and a table for each kind of measurement, `WIDTH` columns wide."""
    console = Console(width=WIDTH, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(heading, highlight=False)
        for kind in KINDS:
            of_kind = [m for m in measurements if m.work.kind == kind]
            if of_kind:
                console.print(_table(kind, of_kind))
    return capture.get()


def _table(kind: str, measurements: Sequence[Measurement]) -> Table:
    numpy_seconds = {m.work.shape: m.seconds for m in measurements if m.work.backend == "numpy"}
    table = Table(title=f"{kind}: medians", title_justify="left")
    table.add_column("shape", no_wrap=True)
    table.add_column("backend")
    for name in ("µs", f"{KINDS[kind]}/s", "GFLOP/s", "of peak", "speed / numpy's"):
        table.add_column(name, justify="right", no_wrap=True)
    for i, m in enumerate(measurements):
        last_of_shape = i + 1 == len(measurements) or measurements[i + 1].work.shape != m.work.shape
        table.add_row(
            m.work.shape,
            m.work.backend,
            f"{m.seconds * 1e6:,.4g}" if m.seconds < 1e-2 else f"{m.seconds * 1e6:,.0f}",
            f"{m.samples_per_second:,.0f}",
            "" if m.gflops is None else f"{m.gflops:.1f}",
            "" if m.fraction_of_peak is None else f"{m.fraction_of_peak:.1%}",
            f"{numpy_seconds[m.work.shape] / m.seconds:.2f}" if m.work.shape in numpy_seconds else "",
            end_section=last_of_shape,
        )
    return table


def save_figure(measurements: Sequence[Measurement], path: Path, title: str) -> bool:
    """Draw the throughput of 784-H-10 against H, a line for each backend; return whether there was anything to draw.

    The folder of `path` is made if need be.

    Raises
    ------
    trainer.errors.InputError
        The file cannot be written.
    """
    steps = {(m.work.shape, m.work.backend): m for m in measurements if m.work.kind == "training step"}
    backends = list(dict.fromkeys(backend for _, backend in steps))
    measured = [shape for shape in WIDE_SHAPES if any((shape.name, backend) in steps for backend in backends)]
    if not measured:
        return False
    series = {
        backend: np.array([_gflops(steps.get((shape.name, backend))) for shape in measured]) for backend in backends
    }
    sizes = [shape.hidden for shape in measured]
    peak = next(iter(steps.values())).peak / 1e9
    path.parent.mkdir(parents=True, exist_ok=True)
    save_throughput(sizes, series, peak, path, title, size_name="hidden size H")
    return True


def _gflops(measurement: Measurement | None) -> float:
    if measurement is None or measurement.gflops is None:
        return float("nan")
    return measurement.gflops
