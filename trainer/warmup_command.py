"""What ``scratch-mlp warmup`` does: it compiles every function that a command may call, by calling it on a few numbers.

What is compiled, and where it is kept, is left to the kernels: here is only who calls them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from kernels import cache_folder
from trainer.architecture import DTYPES
from trainer.checks import check_choice
from trainer.errors import InputError
from trainer.explain import explain_step
from trainer.model import MLP

# A network for each of the ways in which kernels compute: samples in lanes, and in rows by several threads.
NETWORKS: tuple[tuple[tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 3, 2), {}),
    ((2, 256, 256, 2), {"threads": 2}),
)
# Rows, and rows in a batch, so that the last batch is short.
X = np.linspace(-1.0, 1.0, 10).reshape(5, 2)
Y = np.eye(2)[[0, 1, 1, 0, 1]]
BATCH_SIZE = 2


def run_warmup(dtype: str | None, console: Console) -> None:
    """Compile for one dtype, or for both where it is None, and say where the code is and how long it took.

    Raises
    ------
    InputError
        A dtype that is not accepted, or no folder in which compiled code can be kept.
    """
    dtypes = DTYPES if dtype is None else (check_choice("dtype", dtype, DTYPES),)
    folder = cache_folder()
    if folder is None:
        raise InputError("SCRATCH_MLP_CACHE_DIR: no folder for compiled code can be written, the name of one needed")
    console.print(f"compiled code is kept in {folder}")
    before, started = _compiled(folder), time.perf_counter()
    _call_all([call for name in dtypes for call in _calls(name)], console)
    n_new, seconds = len(_compiled(folder) - before), time.perf_counter() - started
    names = " and ".join(dtypes)
    if n_new:
        console.print(f"compiled {n_new} functions for {names} in {seconds:.1f} s")
    else:
        console.print(f"everything for {names} is there already; looked at in {seconds:.1f} s")


def _compiled(folder: Path) -> set[Path]:
    return set(folder.glob("*.nbc"))


def _call_all(calls: list[tuple[str, Callable[[], object]]], console: Console) -> None:
    columns = TextColumn("compiling"), BarColumn(bar_width=24), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=len(calls))
        for name, call in calls:
            bar.update(task, description=name)
            call()
            bar.advance(task)


def _calls(dtype: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield calls that together need every compiled function, each with the name to show."""
    models = [MLP(sizes, dtype=dtype, random_state=0, **options) for sizes, options in NETWORKS]
    for model in models:
        layers = "-".join(str(size) for size in model.layer_sizes)
        yield f"training {layers}, {dtype}", partial(_train, model)
        yield f"outputs {layers}, {dtype}", partial(model.forward, X)
        yield f"gradients {layers}, {dtype}", partial(model.gradients, X, Y)
    yield f"single layers, {dtype}", partial(models[0].layer_outputs, X)
    yield f"single products, {dtype}", partial(explain_step, models[0], X[0].tolist(), Y[0].tolist(), 1.0)
    with_numpy = MLP(NETWORKS[0][0], dtype=dtype, backend="numpy", random_state=0)
    yield "order of the rows", partial(_train, with_numpy)


def _train(model: MLP) -> None:
    model.train_steps(X, Y, 2, learning_rate=0.1, batch_size=BATCH_SIZE, shuffle=True)
