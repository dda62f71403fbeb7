"""What the benchmarks say in the end: a table for each kind, that of the floors, and the figure of throughput."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.floors import FLOORS
from bench.reached import Readings, floors_table
from bench.shapes import WIDE_SHAPES
from bench.variants import Variant
from trainer.plots import save_throughput

WIDTH = 120
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
        Its row; the variants of a shape are compared.
    variant : Variant
    samples : int
        Rows of the data in a step, of the result for a kernel.
    flops : int or None
        Operations of a step; None where they are not counted.
    steps : int
        Steps in a call.
    """

    kind: str
    shape: str
    variant: Variant
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
        The FMA peak in operations per second, of the same element type and as many threads, measured right before and
        right after.
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


def report_text(measurements: Sequence[Measurement], durations: dict[tuple[str, str], float], heading: str) -> str:
    """Return the report, `WIDTH` columns wide: the heading, a table for each kind of measurement, and the floors.

    Parameters
    ----------
    measurements : sequence of Measurement
    durations : dict of (str, str) to float
        Seconds of what is no workload, as in `Readings`.
    heading : str
    """
    console = Console(width=WIDTH, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(heading, highlight=False)
        for variant in dict.fromkeys(replace(m.work.variant, backend="") for m in measurements):
            console.print(_peaks(variant, measurements), highlight=False)
        for kind in KINDS:
            of_kind = [m for m in measurements if m.work.kind == kind]
            if of_kind:
                console.print(_table(kind, of_kind))
        console.print(floors_table(FLOORS, readings(measurements, durations)))
    return capture.get()


def _peaks(variant: Variant, measurements: Sequence[Measurement]) -> str:
    """Return a line with the extremes of the peaks of one element type and number of threads."""
    peaks = [m.peak / 1e9 for m in measurements if replace(m.work.variant, backend="") == variant]
    setting = f"{variant.dtype}, {variant.threads} thread{'s' if variant.threads > 1 else ''}"
    return f"FMA peak around the timings, {setting}: {min(peaks):.1f} to {max(peaks):.1f} GFLOP/s"


def readings(measurements: Sequence[Measurement], durations: dict[tuple[str, str], float]) -> Readings:
    """Return what floors are compared with."""
    told = Readings(dict(durations))
    for m in measurements:
        key = m.work.shape, m.work.variant.name
        told.seconds[key] = m.seconds
        if m.fraction_of_peak is not None:
            told.shares[key] = m.fraction_of_peak
    return told


def _table(kind: str, measurements: Sequence[Measurement]) -> Table:
    seconds = {(m.work.shape, m.work.variant): m.seconds for m in measurements}
    table = Table(title=f"{kind}: medians", title_justify="left")
    table.add_column("shape", no_wrap=True)
    table.add_column("backend", no_wrap=True)
    for name in ("µs", f"{KINDS[kind]}/s", "GFLOP/s", "of peak", "speed / numpy's"):
        table.add_column(name, justify="right", no_wrap=True)
    for i, m in enumerate(measurements):
        last_of_shape = i + 1 == len(measurements) or measurements[i + 1].work.shape != m.work.shape
        numpy_seconds = seconds.get((m.work.shape, replace(m.work.variant, backend="numpy")))
        table.add_row(
            m.work.shape,
            m.work.variant.name,
            f"{m.seconds * 1e6:,.4g}" if m.seconds < 1e-2 else f"{m.seconds * 1e6:,.0f}",
            f"{m.samples_per_second:,.0f}",
            "" if m.gflops is None else f"{m.gflops:.1f}",
            "" if m.fraction_of_peak is None else f"{m.fraction_of_peak:.1%}",
            "" if numpy_seconds is None else f"{numpy_seconds / m.seconds:.2f}",
            end_section=last_of_shape,
        )
    return table


def save_figure(measurements: Sequence[Measurement], path: Path, title: str) -> bool:
    """Draw the throughput of 784-H-10 against H, a line for each variant, and the peak of the first.

    The folder of `path` is made if need be.

    Returns
    -------
    bool
        Whether there was anything to draw.

    Raises
    ------
    trainer.errors.InputError
        The file cannot be written.
    """
    steps = {(m.work.shape, m.work.variant.name): m for m in measurements if m.work.kind == "training step"}
    measured = [shape for shape in WIDE_SHAPES if any(name == shape.name for name, _ in steps)]
    of_wide = [m for (name, _), m in steps.items() if name in {shape.name for shape in measured}]
    if not measured:
        return False
    series = {
        variant: np.array([_gflops(steps.get((shape.name, variant))) for shape in measured])
        for variant in dict.fromkeys(m.work.variant.name for m in of_wide)
    }
    alike = replace(of_wide[0].work.variant, backend="")
    peaks = [m.peak for m in of_wide if replace(m.work.variant, backend="") == alike]
    sizes = [shape.hidden for shape in measured]
    path.parent.mkdir(parents=True, exist_ok=True)
    save_throughput(sizes, series, median(peaks) / 1e9, path, title, size_name="hidden size H")
    return True


def _gflops(measurement: Measurement | None) -> float:
    if measurement is None or measurement.gflops is None:
        return float("nan")
    return measurement.gflops
