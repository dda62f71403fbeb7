"""The benchmarks stay runnable, count the right operations, and notice a fault of what they time."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("pytest_benchmark")
pytest.importorskip("threadpoolctl")

ROOT = Path(__file__).parents[1]


def run_bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "bench", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module


def test_flops_of_one_hidden_layer_are_4ndh_plus_6nho(load: Any) -> None:
    shapes = load("bench.shapes")
    for shape in shapes.TRAINING_SHAPES:
        n_in, hidden, n_out = shape.layer_sizes
        assert shape.flops == shape.batch * (4 * n_in * hidden + 6 * hidden * n_out)


def test_flops_of_a_deep_network_are_three_products_a_layer_but_two_in_the_first(load: Any) -> None:
    shape = load("bench.shapes").TrainingShape((2, 3, 5, 7), batch=11)
    assert shape.flops == 2 * 11 * (2 * 2 * 3 + 3 * 3 * 5 + 3 * 5 * 7)


def test_names_of_shapes_differ(load: Any) -> None:
    shapes = load("bench.shapes")
    names = [shape.name for shape in shapes.TRAINING_SHAPES + shapes.PRODUCT_SHAPES + shapes.ACTIVATION_SHAPES]
    assert len(set(names)) == len(names)


def test_variants_of_a_shape_are_timed_back_to_back(load: Any) -> None:
    shapes = load("bench.shapes")
    result = run_bench("--collect-only")
    assert result.returncode == 0, result.stdout + result.stderr
    collected = [line.partition("[")[2].rstrip("]") for line in result.stdout.splitlines() if "::test_" in line]
    tables = (shapes.TRAINING_SHAPES, shapes.PRODUCT_SHAPES, shapes.ACTIVATION_SHAPES)
    for shape in (shape for table in tables for shape in table):
        places = [place for place, name in enumerate(collected) if name.startswith(f"{shape.name}-")]
        variants = [collected[place].removeprefix(f"{shape.name}-") for place in places]
        compared = ["numba", "numpy"]
        if shape in shapes.TRAINING_SHAPES:
            compared += ["numba-float64", "numba-2-threads"]
        if shape in shapes.XOR_SHAPES:
            compared += ["article"]
        if shape in shapes.SQUARE_PRODUCTS:
            compared += ["numba-float64"]
        assert variants == compared
        assert places == list(range(places[0], places[0] + len(places)))


def test_run_ends_with_tables_a_figure_and_figures_for_programs(tmp_path: Path) -> None:
    figure, results = tmp_path / "made" / "throughput.png", tmp_path / "results.json"
    result = run_bench(
        "--hidden=3,16",
        "-k=(training_step and not n300 and not threads) or sigmoid-50x10",
        "--benchmark-quiet",
        "--benchmark-min-rounds=1",
        "--benchmark-max-time=0.01",
        f"--benchmark-json={results}",
        f"--figure={figure}",
    )
    assert result.returncode == 0, result.stdout + result.stderr
    for name in ("2-3-2-n50", "784-16-10-n128", "sigmoid-50x10", "FMA peak around", "reached", f"figure: {figure}"):
        assert name in result.stdout
    against_article = next(line for line in result.stdout.splitlines() if "2-3-2, N = 50: against the art" in line)
    assert "not measured" not in against_article
    with Image.open(figure) as picture:
        assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 2
    benchmarks = json.loads(results.read_text())["benchmarks"]
    assert len(benchmarks) == 4 + 3 + 2
    for entry in benchmarks:
        told = entry["extra_info"]
        seconds = entry["stats"]["median"] / told["steps_per_call"]
        assert told["samples_per_second"] * seconds == pytest.approx(50 if "50" in entry["name"] else 128)
        assert told["machine"]
        assert told["dtype"] == ("float64" if "float64" in entry["name"] or "article" in entry["name"] else "float32")
        if "sigmoid" not in entry["name"]:
            assert told["fraction_of_peak"] == pytest.approx(told["gflops"] / told["fma_peak_gflops"])
            assert 0 < told["fraction_of_peak"] < 1


@pytest.mark.parametrize(
    ("option", "message"),
    [("--threads=0", "--threads: 0 given"), ("--hidden=3,7", "--hidden: 7 given")],
)
def test_unusable_options_are_refused(option: str, message: str) -> None:
    result = run_bench(option, "--collect-only")
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert message in result.stderr


def small_network(
    sizes: tuple[int, ...], batch: int
) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray, np.ndarray]:
    generator = np.random.default_rng(5)
    weights = [generator.standard_normal(extents) for extents in pairwise(sizes)]
    biases = [generator.standard_normal(size) for size in sizes[1:]]
    return weights, biases, generator.standard_normal((batch, sizes[0])), generator.random((batch, sizes[-1]))


@pytest.mark.parametrize("sizes", [(3, 2), (4, 3, 2), (3, 5, 4, 2)])
def test_reference_step_goes_down_the_gradient_of_its_loss(load: Any, sizes: tuple[int, ...]) -> None:
    reference_step = load("bench.reference_step").reference_step
    weights, biases, x, y = small_network(sizes, batch=6)
    step = reference_step(weights, biases, x, y, 1.0, "float64")
    h = 2.0**-17  # about the cube root of the unit roundoff: truncation and rounding are both near h**2
    for parameters, updated in ((weights, step.weights), (biases, step.biases)):
        for layer, parameter in enumerate(parameters):
            original, losses = parameter.flat[0], []
            for shifted in (original + h, original - h):
                parameter.flat[0] = shifted
                losses.append(float(reference_step(weights, biases, x, y, 1.0, "float64").loss.value))
            parameter.flat[0] = original
            slope = (losses[0] - losses[1]) / (2 * h)
            # The third derivative of such a loss is of order |x|**3 < 100, the loss of order 1.
            assert original - updated[layer].value.flat[0] == pytest.approx(slope, abs=100 * h**2)


def test_bound_of_a_float32_step_holds_and_notices_a_fault_of_one_per_cent(load: Any) -> None:
    reference = load("bench.reference_step")
    weights, biases, x, y = ([a.astype(np.float32) for a in part] for part in small_network((20, 30, 5), batch=40))
    x, y = np.array(x), np.array(y)
    step = reference.reference_step(weights, biases, x, y, 1.0, "float32")
    hidden = 1 / (1 + np.exp(-(x @ weights[0] + biases[0])))
    outputs = 1 / (1 + np.exp(-(hidden @ weights[1] + biases[1])))
    delta = (outputs - y) * outputs * (1 - outputs) / np.float32(len(x))
    d_weight = hidden.T @ delta
    assert d_weight.dtype == np.float32
    reference.require_close("weight", weights[1] - d_weight, step.weights[1])
    with pytest.raises(ArithmeticError, match="weight: "):
        reference.require_close("weight", weights[1] - np.float32(1.01) * d_weight, step.weights[1])
    with pytest.raises(ArithmeticError, match="weight: "):
        reference.require_close("weight", np.full_like(d_weight, np.nan), step.weights[1])
