"""What ``scratch-mlp evaluate`` does: a model and rows with answers in, figures and a picture out."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from kernels.backends import BACKENDS
from trainer.checks import check_choice
from trainer.console import print_table
from trainer.evaluation import Classification, Regression, evaluate_classes, evaluate_numbers
from trainer.labelled_rows import read_labelled
from trainer.model_file import load_predictor
from trainer.predictor import Predictor
from trainer.progress import progress_display


def run_evaluation(
    model: Path,
    file: str,
    *,
    target: str | None,
    picture: Path | None,
    as_json: bool,
    backend: str,
    console: Console,
    messages: Console,
) -> None:
    """Measure a model on a table, print what was found and draw it; `messages` shows the progress.

    Raises
    ------
    InputError
        The model or the table cannot be used, or the picture cannot be written.
    """
    check_choice("backend", backend, tuple(BACKENDS))
    if picture is not None:
        from trainer.model_plots import check_picture

        check_picture(picture)
    predictor = load_predictor(model, backend)
    X, y = read_labelled(file, predictor, target)
    with progress_display(messages, "evaluating", quiet=False) as tell:
        measured = (evaluate_classes if predictor.task == "classify" else evaluate_numbers)(predictor, X, y, tell)
    if picture is not None:
        _save_picture(measured, predictor, picture, f"{model.name} on {Path(file).name}")
    if as_json:
        print(json.dumps({"model": str(model), "file": file, **_plain(measured, predictor)}))
        return
    console.print(f"{file}: {measured.rows:,} rows")
    if isinstance(measured, Classification):
        _print_classes(measured, predictor, console)
    else:
        _print_numbers(measured, predictor, console)
    if picture is not None:
        console.print(f"written: {picture}")


def _save_picture(measured: Classification | Regression, predictor: Predictor, picture: Path, title: str) -> None:
    from trainer import model_plots  # imports matplotlib

    if isinstance(measured, Classification):
        names = [str(label) for label in predictor.classes]
        model_plots.save_confusion(measured.confusion, names, picture, title)
    else:
        model_plots.save_residuals(measured.predictions, measured.residuals, picture, title)


def _print_classes(measured: Classification, predictor: Predictor, console: Console) -> None:
    console.print(
        f"accuracy {100 * measured.accuracy:.1f} %, log-loss {measured.log_loss:.4f} "
        f"(probabilities below {measured.floor:.2g} counted as that)\n"
    )
    shares = (measured.precision, measured.recall, measured.f1)
    rows = [
        [str(label), *("-" if math.isnan(share[i]) else f"{share[i]:.3f}" for share in shares), f"{support:,}"]
        for i, (label, support) in enumerate(zip(predictor.classes, measured.support.tolist(), strict=True))
    ]
    print_table(console, [["class", "precision", "recall", "F1", "rows"], *rows])


def _print_numbers(measured: Regression, predictor: Predictor, console: Console) -> None:
    own = "" if measured.d2 is None else f", D² of {predictor.model.loss_name} {measured.d2:.4f}"
    console.print(f"R² {measured.r2:.4f}{own}")
    console.print(f"mean absolute error {measured.mae:.6g}, root mean square error {measured.rmse:.6g}")


def _plain(measured: Classification | Regression, predictor: Predictor) -> dict[str, Any]:
    """Return the figures as JSON knows them; what is not finite is None."""
    if isinstance(measured, Regression):
        figures = {name: _number(getattr(measured, name)) for name in ("r2", "d2", "mae", "rmse")}
        return {"task": "regress", "rows": measured.rows, "loss": predictor.model.loss_name, **figures}
    columns = zip(measured.precision, measured.recall, measured.f1, measured.support.tolist(), strict=True)
    return {
        "task": "classify",
        "rows": measured.rows,
        "accuracy": measured.accuracy,
        "log_loss": measured.log_loss,
        "probability_floor": measured.floor,
        "classes": [
            {"label": label, "precision": _number(p), "recall": _number(r), "f1": _number(f1), "rows": support}
            for label, (p, r, f1, support) in zip(predictor.classes, columns, strict=True)
        ],
        "confusion": measured.confusion.tolist(),
    }


def _number(value: float | np.floating | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
