"""What is trained does not depend on the number of threads: the same bits, however the work is shared out.

Threads that wait for each other wrongly would wait for ever, so each training has a time limit.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ParamSpec

import numpy as np
import pytest
from arithmetic import assert_within
from command_line import call
from networks import random_network, random_samples
from test_backends import RATE, exact_step

from trainer import MLP, DivergenceError
from trainer.architecture import DTYPES
from trainer.model_file import load_predictor
from trainer.run import Run
from trainer.terms import objective

P = ParamSpec("P")

# Up to more than there are chunks of rows to share out, and on many machines more than there are processors.
THREADS = (2, 3, 4, 8)
# Races do not show every time.
REPETITIONS = 3
TIMEOUT = 120  # seconds: with a cold cache the kernels are compiled first
N_ROWS = 100
OF_RUN = ("batch_size", "shuffle", "steps_per_period", "record_every")
OF_OBJECTIVE = ("l1", "l2", "clip_norm")


def in_time(test: Callable[P, None]) -> Callable[P, None]:
    """Run a test in a thread of its own, and fail where it does not end."""

    @functools.wraps(test)
    def limited(*args: P.args, **kwargs: P.kwargs) -> None:
        outcome: list[BaseException | None] = []

        def body() -> None:
            try:
                test(*args, **kwargs)
                outcome.append(None)
            except BaseException as error:
                outcome.append(error)

        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        thread.join(TIMEOUT)
        assert outcome, f"still running after {TIMEOUT} s: threads wait for each other"
        if outcome[0] is not None:
            raise outcome[0]

    return limited


@pytest.fixture
def in_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute with samples in rows, which is shared out, whatever is estimated to be quicker on this processor."""
    monkeypatch.setattr("trainer.run.suits_lanes", lambda *_: False)


def prepared(threads: int, case: dict[str, Any], dtype: str = "float32", **options: Any) -> tuple[MLP, Run]:
    """Return a network and a run of it that so many threads take part in, with records of each period."""
    generator = np.random.default_rng(1)
    chosen = {**case, **options}
    data = {name: chosen.pop(name) for name in OF_RUN if name in chosen}
    terms = objective(**{name: chosen.pop(name) for name in OF_OBJECTIVE if name in chosen})
    model = random_network(generator, chosen.pop("sizes"), dtype=dtype, threads=threads, **chosen)
    X, Y = random_samples(generator, model, N_ROWS)
    other = random_samples(generator, model, 45)
    run = model.start_run(X, Y, terms=terms, evaluated=(X, Y), validation=other, **data)
    assert run.threads == threads
    return model, run


def trained(threads: int, case: dict[str, Any], dtype: str) -> tuple[bytes, bytes]:
    """Return the bits of the parameters and of the records of some periods, trained in two calls."""
    model, run = prepared(threads, case, dtype)
    untrained = model.parameters.copy()
    tables = [run.advance(np.full(n, 0.05)) for n in (4, 3)]
    assert np.isfinite(model.parameters).all()
    assert not np.array_equal(model.parameters, untrained)
    return model.parameters.tobytes(), np.concatenate(tables).tobytes()


def assert_same_bits(case: dict[str, Any], dtype: str) -> None:
    parameters, records = trained(1, case, dtype)
    for threads in THREADS * REPETITIONS:
        other_parameters, other_records = trained(threads, case, dtype)
        assert other_parameters == parameters, f"{threads} threads: parameters"
        assert other_records == records, f"{threads} threads: records"


# ---- the same bits


# Wide layers are shared out by columns, down to four panels of columns for each thread, narrow ones by rows.
SHAPES: dict[str, dict[str, Any]] = {
    "wide": {"sizes": [40, 300, 5]},
    "wide, no whole vectors": {"sizes": [33, 517, 9], "activation": "tanh"},
    "wide outputs": {"sizes": [7, 20, 530]},
    "narrow": {"sizes": [300, 20, 5]},
    "narrower than a vector": {"sizes": [300, 300, 3, 2], "activation": "relu"},
    "deep": {"sizes": [30, 300, 40, 280, 17, 3], "activation": "tanh"},
    "relu": {"sizes": [40, 300, 30, 5], "activation": "relu", "output_activation": "identity"},
    "softmax": {"sizes": [40, 300, 5], "loss": "cross_entropy", "output_activation": "softmax"},
    "no biases": {"sizes": [40, 300, 20, 5], "bias": False},
    "one layer": {"sizes": [300, 21]},
    "one layer, wide": {"sizes": [5, 300], "loss": "cross_entropy"},
    "one layer, softmax": {"sizes": [300, 20], "loss": "cross_entropy", "output_activation": "softmax"},
}
# Rows of 4 KiB and 8 KiB, which are laid apart.
PADDED = {"float32": (1024, 2048), "float64": (512, 1024)}
WIDE_AND_NARROW = {"sizes": [40, 300, 20, 5], "activation": "tanh"}
DATA: dict[str, dict[str, Any]] = {
    "batches": {"batch_size": 32},
    "the last batch one row": {"batch_size": 33},
    "the last batch short": {"batch_size": 37},
    "batches of few rows": {"batch_size": 7},
    "batches, epochs": {"batch_size": 37, "steps_per_period": 3},
    "shuffled batches": {"batch_size": 37, "shuffle": True},
    "shuffled epochs": {"batch_size": 37, "shuffle": True, "steps_per_period": 3},
    "shuffled rows": {"shuffle": True},
    "recorded now and then": {"batch_size": 37, "record_every": 3},
}
TERMS: dict[str, dict[str, Any]] = {
    "l2": {"l2": 0.1},
    "l1": {"l1": 0.1},
    "clipped": {"clip_norm": 0.01},
    "clipped, norm not reached": {"clip_norm": 1e6},
    "all, shuffled": {"l2": 0.1, "l1": 0.05, "clip_norm": 0.05, "batch_size": 37, "shuffle": True},
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.usefixtures("in_rows")
@in_time
def test_every_shape_gives_the_same_bits(shape: str, dtype: str) -> None:
    assert_same_bits(SHAPES[shape], dtype)


@pytest.mark.parametrize(("dtype", "width"), [(dtype, width) for dtype, widths in PADDED.items() for width in widths])
@pytest.mark.parametrize("terms", [{}, {"l2": 0.1, "clip_norm": 0.05}], ids=["in place", "penalty, clipped"])
@pytest.mark.usefixtures("in_rows")
@in_time
def test_rows_that_are_laid_apart_give_the_same_bits(dtype: str, width: int, terms: dict[str, float]) -> None:
    assert_same_bits({"sizes": [9, width, 20], "batch_size": 60, **terms}, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("data", DATA)
@pytest.mark.usefixtures("in_rows")
@in_time
def test_every_way_through_the_data_gives_the_same_bits(data: str, dtype: str) -> None:
    assert_same_bits(WIDE_AND_NARROW | DATA[data], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.usefixtures("in_rows")
@in_time
def test_penalties_and_clipping_give_the_same_bits(terms: str, dtype: str) -> None:
    assert_same_bits(WIDE_AND_NARROW | TERMS[terms], dtype)


# ---- the right numbers


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.usefixtures("in_rows")
@in_time
def test_a_step_is_exact_up_to_rounding_as_that_of_numpy(threads: int) -> None:
    generator, terms = np.random.default_rng(7), objective(l2=0.5, clip_norm=0.05)
    models = {
        backend: random_network(np.random.default_rng(6), dtype="float64", backend=backend, layer_sizes=[9, 300, 5])
        for backend in ("numba", "numpy")
    }
    models["numba"].threads = threads
    X, Y = random_samples(generator, models["numpy"], N_ROWS)
    expected = exact_step(models["numpy"], X, Y, terms)
    for backend, model in models.items():
        table = model.start_run(X, Y, terms=terms).advance(np.array([RATE]))
        assert_within(table[0, 0], *expected.loss, f"{backend}: loss")
        assert_within(table[0, 2], *expected.gradient_norm, f"{backend}: gradient_norm")
        assert_within(model.parameters, *expected.parameters, f"{backend}: parameters")


@pytest.mark.parametrize("rates", [[0.01, 0.01, *[50.0] * 40], [0.01, 3e38, 3e38]], ids=["loss", "update"])
@pytest.mark.parametrize("l2", [0.0, 1e-3])
@pytest.mark.usefixtures("in_rows")
@in_time
def test_divergence_is_the_same(rates: list[float], l2: float) -> None:
    case = {"sizes": [40, 300, 5], "activation": "identity", "output_activation": "identity", "l2": l2}
    endings: set[tuple[object, ...]] = set()
    for threads in (1, *THREADS):
        model, run = prepared(threads, case, batch_size=37)
        untrained = model.parameters.copy()
        with pytest.raises(DivergenceError) as caught:
            run.advance(np.array(rates))
        assert np.isfinite(model.parameters).all()
        error = caught.value
        endings.add((error.period, str(error.gradient_norm), error.table.tobytes(), model.parameters.tobytes()))
        model.parameters[:] = untrained
        table = run.advance(np.full(3, 1e-3))  # the rows that come next are the same, too
        endings.add((table.tobytes(), model.parameters.tobytes()))
    assert len(endings) == 2


# ---- several callers


@pytest.mark.usefixtures("in_rows")
@in_time
def test_trainings_at_the_same_time_give_the_same_bits_as_alone() -> None:
    cases = [SHAPES[name] | {"batch_size": 37} for name in ("wide", "deep", "narrow", "softmax")]
    alone = [trained(1, case, "float32") for case in cases]
    with ThreadPoolExecutor(len(cases)) as pool:
        for _ in range(5):
            assert list(pool.map(lambda case: trained(2, case, "float32"), cases)) == alone


@pytest.mark.parametrize(("backend", "sizes"), [("numpy", [40, 300, 5]), ("numba", [2, 10, 2])])
def test_one_thread_takes_part_where_work_is_not_shared_out(backend: str, sizes: list[int]) -> None:
    model = MLP(sizes, backend=backend, threads=4, random_state=0)
    X, Y = random_samples(np.random.default_rng(0), model, 5)
    assert model.start_run(X, Y, terms=objective()).threads == 1


# ---- on the command line


@pytest.mark.parametrize("hidden", ["300,300", "10"])  # the work of small networks is not shared out
def test_the_command_line_s_option_changes_nothing_but_the_summary(
    hidden: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    bits = set()
    for threads in (1, 2, 3):
        files = ("--history", "h.json", "--save", "m.safetensors")
        assert call("train", "--hidden", hidden, "--epochs", 20, "--threads", threads, *files) == 0
        out, err = capsys.readouterr()
        team = re.search(r"steps/s(?:, (\d+) threads)?\)", out)
        assert team is not None
        assert team[1] == (str(threads) if threads > 1 and hidden == "300,300" else None)
        assert err == ""
        bits.add((load_predictor("m.safetensors").model.parameters.tobytes(), Path("h.json").read_text()))
    assert len(bits) == 1
