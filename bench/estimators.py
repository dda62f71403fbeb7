"""``python -m bench.estimators``: fits and predictions of scikit-learn's perceptrons beside this project's.

Both get the same data, parameters, random state, and one thread. Before they are timed the weights of a short fit are
compared. Then they take turns, round after round; a ratio is scikit-learn's time over ours in the same round.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn import datasets, neural_network
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.machine import blas_kernels, pinned_threads, processor_name
from trainer import estimators

WIDTH = 120
ROUNDS = 5
SEEDS = range(10)
# Rows and epochs of the fit that is compared, and how far weights may be apart after it, in units of steps * unit
# roundoff * largest weight. It is short: in float32 adam makes whole steps of what rounding leaves of small gradients.
COMPARED_ROWS, COMPARED_EPOCHS, GROWTH = 2_000, 2, 1000
# A prediction is repeated until a sample takes about this long.
SECONDS_PER_SAMPLE = 0.1
DTYPES = ("float32", "float64")
DISTRIBUTIONS = ("numpy", "numba", "scipy", "scikit-learn")
TABLE_EPOCHS = {1_000: 50, 10_000: 10, 100_000: 2}

Rows = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Case:
    """What is timed: a fit to `rows()`, or, of the fitted, `predict_proba` of so many rows; parameters are for both."""

    name: str
    rows: Callable[[], Rows]
    parameters: dict[str, Any]
    predicted: int | None = None


@dataclass
class Timing:
    """Seconds of both in each round."""

    name: str
    theirs: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        """scikit-learn's time over ours."""
        return [a / b for a, b in zip(self.theirs, self.ours, strict=True)]


def digits(dtype: str) -> Rows:
    """Return the 1797 pictures of 8 x 8 with grey values from 0 to 1."""
    X, y = datasets.load_digits(return_X_y=True)
    return (X / 16).astype(dtype), y


def classes_of_normals(rows: int, features: int, n_classes: int, dtype: str) -> Rows:
    """Return normal inputs and the class of the largest of noisy linear scores."""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((rows, features))
    scores = X @ generator.standard_normal((features, n_classes)) / np.sqrt(features)
    return X.astype(dtype), (scores + generator.standard_normal(scores.shape) / 2).argmax(axis=1)


def smooth_prices(rows: int = 20_000) -> Rows:
    """Return 8 inputs and a smooth nonlinear target with noise, as of a table of house prices."""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((rows, 8))
    smooth = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + np.exp(X[:, 3] / 2) + X[:, 4] ** 2 / 2 + X[:, 5:].sum(axis=1)
    return X, smooth + 0.5 * generator.standard_normal(rows)


def cases() -> Iterator[Case]:
    """Yield everything that is timed."""
    for dtype in DTYPES:
        yield Case(f"digits, defaults, 60 epochs, {dtype}", partial(digits, dtype), {"max_iter": 60})
    for rows, epochs in TABLE_EPOCHS.items():
        for hidden in (50, 100):
            for dtype in DTYPES:
                yield Case(
                    f"{rows:,} x 20, hidden {hidden}, {epochs} epochs, {dtype}",
                    partial(classes_of_normals, rows, 20, 3, dtype),
                    {"hidden_layer_sizes": (hidden,), "max_iter": epochs},
                )
    yield Case(
        "60,000 x 784, hidden 512, 1 epoch, float32",
        partial(classes_of_normals, 60_000, 784, 10, "float32"),
        {"hidden_layer_sizes": (512,), "max_iter": 1},
    )
    for rows in (1, 100_000):
        for dtype in DTYPES:
            yield Case(
                f"predict_proba, {rows:,} x 20, hidden 100, {dtype}",
                partial(classes_of_normals, max(rows, 1_000), 20, 3, dtype),
                {"max_iter": 1},
                predicted=rows,
            )


def fitted(module: Any, parameters: dict[str, Any], X: np.ndarray, y: np.ndarray) -> Any:
    """Return a module's classifier, fitted; ours is held to one thread."""
    own = {"threads": 1} if module is estimators else {}
    # Every fit takes all of its epochs.
    endless = {"random_state": 0, "n_iter_no_change": np.inf}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return module.MLPClassifier(**endless, **parameters, **own).fit(X, y)


def weights_apart(case: Case, X: np.ndarray, y: np.ndarray) -> float:
    """Return how far the weights of a short fit are apart, as a share of what rounding may make of them."""
    short = case.parameters | {"max_iter": COMPARED_EPOCHS}
    pair = [fitted(module, short, X[:COMPARED_ROWS], y[:COMPARED_ROWS]) for module in (estimators, neural_network)]
    steps = pair[0].t_ / min(200, pair[0].t_ // COMPARED_EPOCHS)
    allowed = steps * GROWTH * float(np.finfo(X.dtype).eps) / 2
    return max(
        float(np.abs(one - other).max() / np.abs(other).max()) / allowed
        for one, other in zip(pair[0].coefs_, pair[1].coefs_, strict=True)
    )


def seconds_of_fit(module: Any, case: Case, X: np.ndarray, y: np.ndarray) -> float:
    """Return the seconds of one fit."""
    started = time.perf_counter()
    fitted(module, case.parameters, X, y)
    return time.perf_counter() - started


def seconds_of_prediction(predict: Callable[[np.ndarray], Any], X: np.ndarray) -> float:
    """Return the mean seconds of a call, over as many as take `SECONDS_PER_SAMPLE`."""
    calls, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < SECONDS_PER_SAMPLE:
        predict(X)
        calls += 1
    return passed / calls


def stopwatches(case: Case, X: np.ndarray, y: np.ndarray) -> dict[str, Callable[[], float]]:
    """Return for each side a function that takes one sample of its seconds."""
    modules = {"theirs": neural_network, "ours": estimators}
    if case.predicted is None:
        return {side: partial(seconds_of_fit, module, case, X, y) for side, module in modules.items()}
    trained = {side: fitted(module, case.parameters, X, y) for side, module in modules.items()}
    asked = X[: case.predicted]
    return {side: partial(seconds_of_prediction, net.predict_proba, asked) for side, net in trained.items()}


def time_case(case: Case, rounds: int) -> Timing:
    """Compare the weights of both, then time them in turn.

    Raises
    ------
    ArithmeticError
        The weights differ by more than rounding.
    """
    X, y = case.rows()
    apart = weights_apart(case, X, y)
    if not apart <= 1:
        raise ArithmeticError(f"weights are {apart:.3g} times as far apart as rounding explains")
    timing, samples = Timing(case.name), stopwatches(case, X, y)
    for sample in samples.values():
        sample()  # the first call of each loads its code
    for i in range(rounds):
        for side in ("theirs", "ours") if i % 2 else ("ours", "theirs"):
            getattr(timing, side).append(samples[side]())
    return timing


# ---- accuracy


def scores(module: Any, task: str, X: np.ndarray, y: np.ndarray) -> list[float]:
    """Return the accuracy or R² on a quarter of the rows, held out, with the defaults, for each seed."""
    Estimator = module.MLPClassifier if task == "classify" else module.MLPRegressor
    found = []
    for seed in SEEDS:
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            net = make_pipeline(StandardScaler(), Estimator(random_state=seed)).fit(X_train, y_train)
        found.append(float(net.score(X_test, y_test)))
    return found


def accuracies() -> dict[str, dict[str, list[float]]]:
    """Return the scores of both on each table."""
    tables: dict[str, tuple[str, Callable[[], Rows]]] = {
        "digits": ("classify", partial(datasets.load_digits, return_X_y=True)),
        "breast cancer": ("classify", partial(datasets.load_breast_cancer, return_X_y=True)),
        "wine": ("classify", partial(datasets.load_wine, return_X_y=True)),
        "diabetes": ("regress", partial(datasets.load_diabetes, return_X_y=True)),
        "smooth prices, 20,000 x 8": ("regress", smooth_prices),
    }
    return {
        f"{name}, {'accuracy' if task == 'classify' else 'R²'}": {
            side: scores(module, task, *load()) for side, module in (("theirs", neural_network), ("ours", estimators))
        }
        for name, (task, load) in tables.items()
    }


# ---- the report


def table_of(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return a table whose first column is text and whose others are numbers."""
    table = Table(title=title, title_justify="left")
    for i, name in enumerate(columns):
        table.add_column(name, justify="right" if i else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def spread(values: Sequence[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f}"


def timing_table(timings: Sequence[Timing]) -> Table:
    """Return the medians of both and of the ratios, with their extremes."""
    columns = ("case", "scikit-learn", "ours", "ratio", "least to largest")
    rows = []
    for t in timings:
        medians = (f"{median(t.theirs):.4g}", f"{median(t.ours):.4g}", f"{median(t.ratios):.2f}")
        rows.append((t.name, *medians, spread(t.ratios)))
    return table_of("seconds: medians", columns, rows)


def accuracy_table(found: dict[str, dict[str, list[float]]]) -> Table:
    """Return mean and standard deviation of the scores of both."""
    rows = [
        (name, *(f"{mean(of_side[side]):.4f} ± {stdev(of_side[side]):.4f}" for side in ("theirs", "ours")))
        for name, of_side in found.items()
    ]
    return table_of(f"on held-out rows, {len(SEEDS)} seeds", ("table", "scikit-learn", "ours"), rows)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m bench.estimators", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--accuracy", action="store_true", help="compare accuracy and R² instead of time")
    parser.add_argument("--only", default="", help="cases whose name contains this text")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"samples of each (default: {ROUNDS})")
    parser.add_argument("--json", type=Path, help="(default: results/estimators.json, or estimators_accuracy.json)")
    options = parser.parse_args(arguments)
    options.json = options.json or Path(f"results/estimators{'_accuracy' if options.accuracy else ''}.json")
    return options


def main(arguments: Sequence[str]) -> int:
    """Run the comparison, print its table and write the results; return 1 where the weights of a case differ."""
    options, console = parse(arguments), Console(width=WIDTH)
    results: dict[str, Any] = {"machine": processor_name(), "blas": blas_kernels()}
    results["versions"] = {name: version(name) for name in DISTRIBUTIONS}
    timings, wrong = [], []
    with pinned_threads(1):
        if options.accuracy:
            results["accuracy"] = accuracies()
            console.print(accuracy_table(results["accuracy"]))
        for case in [] if options.accuracy else cases():
            if options.only in case.name:
                try:
                    timings.append(time_case(case, options.rounds))
                except ArithmeticError as error:
                    wrong.append(f"{case.name}: {error}")
                    print(wrong[-1], file=sys.stderr, flush=True)
    if timings:
        results["seconds"] = {t.name: {"theirs": t.theirs, "ours": t.ours, "ratios": t.ratios} for t in timings}
        console.print(f"1 thread, {results['machine']}; {results['blas']}", highlight=False)
        console.print(timing_table(timings))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results | {"wrong": wrong}, indent=1) + "\n", encoding="utf-8")
    print(f"results: {options.json}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
