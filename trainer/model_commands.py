"""The commands that take a trained model: their options and help. What they do is left to the modules they call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PREDICT_HELP = """Predict the rows of a table with a model that `train --save` has written.

Prints CSV: the prediction and, for classes, the probability of each.

Example:

    scratch-mlp predict flowers.safetensors new-flowers.csv --output predictions.csv
"""


def predict(
    model: Annotated[Path, typer.Argument(help="File that train --save has written.", metavar="MODEL")],
    file: Annotated[
        str, typer.Argument(help="Table with the model's features: .csv, .parquet or .npz.", metavar="FILE")
    ],
    output: Annotated[Path | None, typer.Option(help="Write to this .csv file instead of printing.")] = None,
    backend: Annotated[str, typer.Option(help="numba or numpy.")] = "numba",
) -> None:
    """Predict the rows of a table."""
    from trainer.console import open_console
    from trainer.predict_command import run_prediction

    run_prediction(model, file, output, backend, open_console(stderr=True))


EVALUATE_HELP = """Measure a model on a table with the answers.

For classes: accuracy, log-loss, and precision, recall and F1 of each class; the picture is the confusion matrix. For
numbers: R² (and D² for other losses than squares), mean absolute error, root mean square error; the picture shows the
residuals.

Examples:

    scratch-mlp evaluate flowers.safetensors test-flowers.csv --picture confusion.png

    scratch-mlp evaluate flowers.safetensors test-flowers.csv --json
"""


def evaluate(
    model: Annotated[Path, typer.Argument(help="File that train --save has written.", metavar="MODEL")],
    file: Annotated[str, typer.Argument(help="Table with the model's features and the answers.", metavar="FILE")],
    target: Annotated[str | None, typer.Option(help="Where the answers are [default: as in the training].")] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Draw the confusion matrix or the residuals to this .png file.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
    backend: Annotated[str, typer.Option(help="numba or numpy.")] = "numba",
) -> None:
    """Measure a model on a table."""
    from trainer.console import open_console
    from trainer.evaluate_command import run_evaluation

    run_evaluation(
        model,
        file,
        target=target,
        picture=picture,
        as_json=json,
        backend=backend,
        console=open_console(),
        messages=open_console(stderr=True),
    )


INSPECT_HELP = """Say what a model file holds: network, columns, classes, preprocessing, and the numbers of each layer.

An idle unit is a hidden one into which, or out of which, no weight leads that is not 0.

Examples:

    scratch-mlp inspect flowers.safetensors --picture weights.png

    scratch-mlp inspect flowers.safetensors --config
"""


def inspect(
    model: Annotated[Path, typer.Argument(help="File that train --save has written.", metavar="MODEL")],
    picture: Annotated[
        Path | None, typer.Option(help="Draw how the weights of each layer are distributed to this .png file.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
    config: Annotated[
        bool, typer.Option("--config", help="Print what the training was set to, for train --config, instead.")
    ] = False,
) -> None:
    """Say what a model file holds."""
    from trainer.console import open_console
    from trainer.inspect_command import run_inspection

    run_inspection(model, picture=picture, as_json=json, configuration=config, console=open_console())


EXPORT_HELP = """Write a model for other programs, its preprocessing included.

The ONNX graph takes the columns as they are in the table: one input X (rows, columns) of doubles if all are numbers,
else an input (rows, 1) for each column, named as it, doubles or texts. Its outputs are label and probabilities, or
prediction.

Example:

    scratch-mlp export flowers.safetensors --onnx flowers.onnx
"""


def export(
    model: Annotated[Path, typer.Argument(help="File that train --save has written.", metavar="MODEL")],
    onnx: Annotated[Path, typer.Option(help="Write it to this .onnx file.")],
) -> None:
    """Write a model for other programs."""
    from trainer.console import open_console
    from trainer.export_command import run_export

    run_export(model, onnx, open_console())
