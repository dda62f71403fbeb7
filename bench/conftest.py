"""Options, pinning and the closing report of the benchmarks.

Tests that ask for ``shape``, ``product`` or ``matrix`` run for each entry of the table in `bench.shapes`, and for
each variant in turn, so that the variants of one shape are timed back to back. The processor's clock drifts over
minutes: its peak is measured anew around each timing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.machine import available_processors, blas_kernels, pinned_threads, processor_name
from bench.peak import fma_peak
from bench.report import Measurement, Workload, report_text, save_figure
from bench.shapes import ACTIVATION_SHAPES, PRODUCT_SHAPES, TRAINING_SHAPES
from bench.variants import Variant, product_variants, step_variants
from kernels.backends import BACKENDS
from trainer.errors import InputError

MEASUREMENTS = pytest.StashKey[list[Measurement]]()
DURATIONS = pytest.StashKey[dict[tuple[str, str], float]]()

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
    config.stash[MEASUREMENTS], config.stash[DURATIONS] = [], {}
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
    config, hidden = metafunc.config, _hidden_sizes(metafunc.config)
    backend, dtype, threads = (config.getoption(name) for name in ("backend", "dtype", "threads"))
    asked = [Variant(name, dtype, threads) for name in (BACKENDS if backend == "both" else [backend])]
    wanted = [shape for shape in TRAINING_SHAPES if not hidden or str(shape.hidden) in hidden]
    cases: dict[str, list[tuple[Any, Variant]]] = {
        "shape": [(shape, variant) for shape in wanted for variant in step_variants(shape, asked)],
        "product": [(product, variant) for product in PRODUCT_SHAPES for variant in product_variants(product, asked)],
        "matrix": [(matrix, variant) for matrix in ACTIVATION_SHAPES for variant in asked],
    }
    for argument in set(cases).intersection(metafunc.fixturenames):
        names = [f"{entry.name}-{variant.name.replace(' ', '-')}" for entry, variant in cases[argument]]
        metafunc.parametrize((argument, "variant"), cases[argument], ids=names)


@pytest.fixture
def threads(pytestconfig: pytest.Config) -> Iterator[int]:
    """How many threads are asked for; the process is pinned to as many processors."""
    number: int = pytestconfig.getoption("threads")
    with pinned_threads(number):
        yield number


@pytest.fixture
def pinned(variant: Variant) -> Iterator[None]:
    """Pin the process to as many processors as the variant has threads."""
    if variant.threads > available_processors():
        pytest.skip(f"{variant.threads} processors are needed, {available_processors()} may be used")
    with pinned_threads(variant.threads):
        yield


@pytest.fixture
def durations(pytestconfig: pytest.Config) -> dict[tuple[str, str], float]:
    """Where to note seconds of what is no workload, by subject and contender, for the table of floors."""
    return pytestconfig.stash[DURATIONS]


@pytest.fixture(scope="session")
def machine() -> str:
    """Name of the processor."""
    return processor_name()


@pytest.fixture
def measure(
    pinned: None, benchmark: BenchmarkFixture, pytestconfig: pytest.Config, variant: Variant, machine: str
) -> Measure:
    """Time a function, after one call that is not timed, and note the median of its rounds."""

    def measure_function(work: Workload, function: Callable[..., object], *args: object) -> None:
        benchmark.group = f"{work.kind} {work.shape}"
        function(*args)
        if not benchmark.enabled:
            benchmark(function, *args)
            return
        before = fma_peak(variant.dtype, variant.threads)
        benchmark(function, *args)
        peak = (before + fma_peak(variant.dtype, variant.threads)) / 2
        statistics: Any = benchmark.stats
        measurement = Measurement(work, statistics.stats.median / work.steps, peak)
        pytestconfig.stash[MEASUREMENTS].append(measurement)
        benchmark.extra_info.update(
            backend=variant.backend,
            dtype=variant.dtype,
            threads=variant.threads,
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
    measurements, durations = config.stash[MEASUREMENTS], config.stash[DURATIONS]
    if not measurements and not durations:
        return
    threads = config.getoption("threads")
    setting = f"{config.getoption('dtype')}, {threads} thread{'s' if threads > 1 else ''}, {processor_name()}"
    heading = f"unless said: {setting}; {blas_kernels()}"
    terminalreporter.section("backends compared")
    terminalreporter.write_line(report_text(measurements, durations, heading))
    figure: Path = config.getoption("figure")
    try:
        drawn = save_figure(measurements, figure, f"784-H-10, 128 samples, {setting}")
    except (InputError, OSError) as error:
        terminalreporter.write_line(f"no figure: {error}")
        return
    terminalreporter.write_line(f"figure: {figure}" if drawn else "no figure: 784-H-10 was not timed")
