"""What ``scratch-mlp predict`` does: a model and a table in, predictions as CSV out."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console

from kernels.backends import BACKENDS
from trainer.checks import check_choice
from trainer.model_file import load_predictor
from trainer.output_file import require_writable, write_whole
from trainer.predictor import Predictor
from trainer.progress import Tell, progress_display, rows_in_blocks, say_nothing
from trainer.tables import read_features


def run_prediction(model: Path, file: str, output: Path | None, backend: str, messages: Console) -> None:
    """Predict each row of a table and print the result, or write it to a file; `messages` shows how far it is.

    Raises
    ------
    InputError
        The model or the table cannot be used, or the output cannot be written.
    """
    check_choice("backend", backend, tuple(BACKENDS))
    if output is not None:
        require_writable(output)
    predictor = load_predictor(model, backend)
    X = read_features(file, predictor.columns, predictor.target_name, predictor.dropped)
    with progress_display(messages, "predicting", quiet=False) as tell:
        text = prediction_table(predictor, X, tell).write_csv()
    if output is None:
        sys.stdout.write(text)
    else:
        write_whole(output, text.encode())
        messages.print(f"written: {output}: {len(X):,} predictions")


def prediction_table(predictor: Predictor, X: np.ndarray, tell: Tell = say_nothing) -> pl.DataFrame:
    """Return a column `prediction` and, for classes, one `probability <class>` for each; `tell` hears of the rows."""
    return pl.concat([_predicted(predictor, X[rows]) for rows in rows_in_blocks(len(X), tell)])


def _predicted(predictor: Predictor, X: np.ndarray) -> pl.DataFrame:
    columns = {"prediction": predictor.predict(X)}
    if predictor.task == "classify":
        probabilities = predictor.probabilities(X)
        for i, label in enumerate(predictor.classes):
            columns[f"probability {label}"] = probabilities[:, i]
    return pl.DataFrame(columns)
