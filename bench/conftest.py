"""Options, pinning and the closing report of the benchmarks.

Tests that ask for ``shape``, ``product`` or ``matrix`` run for each entry of the table in `bench.shapes`, and for
each backend in turn, so that the backends of one shape are timed back to back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.machine import available_processors, pinned_threads, processor_name
from bench.peak import fma_peak
from bench.report import Measurement, Workload, report_text, save_figure
from bench.shapes import ACTIVATION_SHAPES, PRODUCT_SHAPES, TRAINING_SHAPES
from kernels.backends import BACKENDS
from trainer.errors import InputError

MEASUREMENTS = pytest.StashKey[list[Measurement]]()
PEAKS = pytest.StashKey[list[float]]()

# Times a function that does the workload: measure(work, function, *args).
Measure = Callable[..., None]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("backends compared")
    group.addoption("--backend", choices=[*BACKENDS, "both"], default="both", help="(default: both)")
    group.addoption("--dtype", choices=["float32", "float64"], default="float32", help="(default: float32)")
    group.addoption("--threads", type=int, default=1, help="threads and processors to use (default: 1)")
    group.addoption("--hidden", metavar="H,...", help="training steps of these sizes only, such as 16,256")
    group.addoption(
        "--figure",
        type=Path,
        default=Path("results/throughput.png"),
        help="where to draw throughput against hidden size (default: results/throughput.png)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[MEASUREMENTS], config.stash[PEAKS] = [], []
    threads, processors = config.getoption("threads"), available_processors()
    if not 1 <= threads <= processors:
        raise pytest.UsageError(f"--threads: {threads} given, 1 to {processors} accepted")
    unknown = _hidden_sizes(config) - {str(shape.hidden) for shape in TRAINING_SHAPES}
    if unknown:
        raise pytest.UsageError(f"--hidden: {', '.join(sorted(unknown))} given, sizes of bench/shapes.py accepted")
    results = config.getoption("benchmark_json")
    if isinstance(results, Path):  # else the run would end with an error where the folder does not exist
        results.parent.mkdir(parents=True, exist_ok=True)


def _hidden_sizes(config: pytest.Config) -> set[str]:
    return set((config.getoption("hidden") or "").split(",")) - {""}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    hidden, backend = _hidden_sizes(metafunc.config), metafunc.config.getoption("backend")
    wanted = [shape for shape in TRAINING_SHAPES if not hidden or str(shape.hidden) in hidden]
    tables: dict[str, Any] = {"shape": wanted, "product": PRODUCT_SHAPES, "matrix": ACTIVATION_SHAPES}
    for argument, shapes in tables.items():
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, shapes, ids=[shape.name for shape in shapes])
    if "backend" in metafunc.fixturenames:  # after the shapes: the last one varies fastest
        metafunc.parametrize("backend", list(BACKENDS) if backend == "both" else [backend])


@pytest.fixture(scope="session")
def threads(pytestconfig: pytest.Config) -> Iterator[int]:
    """How many threads may be used; the process is pinned while the benchmarks run."""
    number: int = pytestconfig.getoption("threads")
    with pinned_threads(number):
        yield number


@pytest.fixture(scope="session")
def dtype(pytestconfig: pytest.Config) -> str:
    """Name of the element type."""
    return str(pytestconfig.getoption("dtype"))


@pytest.fixture(scope="session")
def machine() -> str:
    """Name of the processor."""
    return processor_name()


@pytest.fixture(scope="session")
def peak(pytestconfig: pytest.Config, dtype: str, threads: int) -> Iterator[float]:
    """FMA peak in operations per second; measured again after the last benchmark, to show a disturbed run."""
    peaks = pytestconfig.stash[PEAKS]
    peaks.append(fma_peak(dtype, threads))
    yield peaks[0]
    peaks.append(fma_peak(dtype, threads))


@pytest.fixture
def measure(
    benchmark: BenchmarkFixture,
    pytestconfig: pytest.Config,
    dtype: str,
    threads: int,
    machine: str,
    peak: float,
) -> Measure:
    """Time a function, after one call that is not timed, and note the median of its rounds."""

    def measure_function(work: Workload, function: Callable[..., object], *args: object) -> None:
        benchmark.group = f"{work.kind} {work.shape}"
        function(*args)
        benchmark(function, *args)
        if not benchmark.enabled:
            return
        statistics: Any = benchmark.stats
        measurement = Measurement(work, statistics.stats.median / work.steps, peak)
        pytestconfig.stash[MEASUREMENTS].append(measurement)
        benchmark.extra_info.update(
            backend=work.backend,
            dtype=dtype,
            threads=threads,
            machine=machine,
            fma_peak_gflops=peak / 1e9,
            steps_per_call=work.steps,
            seconds_per_step=measurement.seconds,
            samples_per_second=measurement.samples_per_second,
            gflops=measurement.gflops,
            fraction_of_peak=measurement.fraction_of_peak,
        )

    return measure_function


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    measurements, peaks = config.stash[MEASUREMENTS], config.stash[PEAKS]
    if not measurements:
        return
    threads = config.getoption("threads")
    setting = f"{config.getoption('dtype')}, {threads} thread{'s' if threads > 1 else ''}, {processor_name()}"
    before_and_after = " and ".join(f"{peak / 1e9:.1f}" for peak in peaks)
    heading = f"{setting}\nFMA peak before and after: {before_and_after} GFLOP/s"
    terminalreporter.section("backends compared")
    terminalreporter.write_line(report_text(measurements, heading))
    figure: Path = config.getoption("figure")
    try:
        drawn = save_figure(measurements, figure, f"784-H-10, 128 samples, {setting}")
    except (InputError, OSError) as error:
        terminalreporter.write_line(f"no figure: {error}")
        return
    terminalreporter.write_line(f"figure: {figure}" if drawn else "no figure: 784-H-10 was not timed")
