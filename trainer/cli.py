"""The command line: options and their help. What the commands do is left to the modules they call.

Input that cannot be used ends in one line on standard error and exit status 2; a training that meets NaN or infinity in
status 3; an interrupted one in 130.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from trainer.errors import InputError

app = typer.Typer(
    name="scratch-mlp",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Train multilayer perceptrons with explicit loops that numba compiles to vector code.",
)

# How points are drawn, for the commands that do.
_Samples = Annotated[int | None, typer.Option(help="Rows of a data set that is drawn [default: 300, 500 or 1200].")]
_Noise = Annotated[float | None, typer.Option(help="Of a data set that is drawn, from 0 to 1 [default: 0].")]
_DataSeed = Annotated[int | None, typer.Option(help="Of a data set that is drawn [default: 0].")]

_TRAIN_HELP = """Train a network on a data set or on a table, and say how well it does.

Data sets: xor, circles, moons, gaussians, spiral; to regress, plane and gaussian; and, where scikit-learn is installed,
digits, iris, wine, breast_cancer, diabetes. A file that is called like one of them is ./digits.

Examples:

    scratch-mlp train

    scratch-mlp train xor --hidden 3 --plots plots --gif xor.gif

    scratch-mlp train spiral --noise 0.1 --plots plots

    scratch-mlp train flowers.csv --target species --validation 0.2 --save flowers.npz

    scratch-mlp train --preset article --epochs 20000 --log-every 1000
"""


@app.command(help=_TRAIN_HELP)
def train(
    data: Annotated[
        str, typer.Argument(help="A data set, or a table: .csv, .parquet or .npz.", metavar="[NAME | FILE]")
    ] = "xor",
    samples: _Samples = None,
    noise: _Noise = None,
    data_seed: _DataSeed = None,
    backend: Annotated[str | None, typer.Option(help="numba (compiled loops) or numpy.")] = None,
    hidden: Annotated[str | None, typer.Option(help="Sizes of the hidden layers: 50, or 32,16.")] = None,
    activation: Annotated[str | None, typer.Option(help="sigmoid, tanh, relu or identity.")] = None,
    loss: Annotated[
        str | None,
        typer.Option(help="mse, or cross_entropy for classes, or absolute, huber, quantile or poisson for numbers."),
    ] = None,
    loss_parameter: Annotated[
        float | None,
        typer.Option(
            help="Of huber: where errors begin to count linearly, in standard deviations of the target [default: 1]. "
            "Of quantile: which one [default: 0.5]."
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Rows in a step; with --preset article, the leading rows that are used.")
    ] = None,
    shuffle: Annotated[bool | None, typer.Option("--shuffle/--no-shuffle", help="Reorder the rows each epoch.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Rate of the first epoch.")] = None,
    solver: Annotated[
        str | None,
        typer.Option(help="sgd, momentum, nesterov, adam or adamw [default: adamw for classes of a table, else sgd]."),
    ] = None,
    momentum: Annotated[float | None, typer.Option(help="Of the solvers momentum and nesterov.")] = None,
    weight_decay: Annotated[
        float | None, typer.Option(help="Of adamw: the share of the weights that a step takes off, times its rate.")
    ] = None,
    dropout: Annotated[float | None, typer.Option(help="Share of the hidden units that each step leaves out.")] = None,
    schedule: Annotated[str | None, typer.Option(help="constant, step, exponential, cosine or warmup.")] = None,
    clip_norm: Annotated[float | None, typer.Option(help="Scale gradients down to this global norm.")] = None,
    l1: Annotated[float | None, typer.Option(help="Coefficient of the sum of weights' magnitudes.")] = None,
    l2: Annotated[
        float | None,
        typer.Option(help="Coefficient of the sum of squared weights; with --preset article, of its penalty."),
    ] = None,
    no_bias: Annotated[bool, typer.Option("--no-bias", help="Layers without biases.")] = False,
    dtype: Annotated[str | None, typer.Option(help="float32 or float64.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of weights, shuffling and the choice of validation rows.")] = None,
    threads: Annotated[
        int | None,
        typer.Option(help="Of the numba backend; the results do not depend on it [default: as many as pay]."),
    ] = None,
    preset: Annotated[str | None, typer.Option(help="article: the article's own program.")] = None,
    history: Annotated[Path | None, typer.Option(help="Write the records to this .json or .csv file.")] = None,
    plots: Annotated[
        Path | None, typer.Option(help="Write accuracy, loss and boundary pictures to this folder.")
    ] = None,
    gif: Annotated[Path | None, typer.Option(help="Write an animation of the training to this file.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write the trained model to this .npz file.")] = None,
    validation: Annotated[float | None, typer.Option(help="Share of the rows kept apart, such as 0.2.")] = None,
    target: Annotated[
        str | None, typer.Option(help="Column to predict [default: target, label, class, y or the last].")
    ] = None,
    task: Annotated[str | None, typer.Option(help="classify or regress [default: guessed, and said].")] = None,
    log_every: Annotated[int | None, typer.Option(help="Epochs between two records [default: a 250th of all].")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print warnings and errors only.")] = False,
) -> None:
    """Train a network."""
    from trainer.console import open_console
    from trainer.dataset_tables import Drawing
    from trainer.pictures import Wanted
    from trainer.settings import parse_hidden
    from trainer.train_command import Outputs, run_training

    given: dict[str, Any] = {
        "backend": backend,
        "hidden": None if hidden is None else parse_hidden(hidden),
        "activation": activation,
        "loss": None if loss is None else loss.replace("-", "_"),
        "loss_parameter": loss_parameter,
        "epochs": epochs,
        "batch_size": batch_size,
        "shuffle": shuffle,
        "learning_rate": learning_rate,
        "solver": solver,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "dropout": dropout,
        "schedule": schedule,
        "clip_norm": clip_norm,
        "l1": l1,
        "l2": l2,
        "bias": False if no_bias else None,
        "dtype": dtype,
        "seed": seed,
        "threads": threads,
        "validation": validation,
        "log_every": log_every,
    }
    status = run_training(
        data,
        given,
        preset=preset,
        drawing=Drawing(samples, noise, data_seed),
        target=target,
        task=task,
        outputs=Outputs(history, save, Wanted(plots, gif)),
        quiet=quiet,
        console=open_console(),
        messages=open_console(stderr=True),
    )
    raise typer.Exit(status)


_DATA_HELP = """Write a data set to a file: .csv, .tsv, .parquet or .npz.

The same names as for train.

Examples:

    scratch-mlp data digits digits.csv

    scratch-mlp data moons moons.parquet --samples 1000 --noise 0.2 --data-seed 1
"""


@app.command(help=_DATA_HELP)
def data(
    name: Annotated[str, typer.Argument(help="Data set, such as digits or spiral.", metavar="NAME")],
    file: Annotated[Path, typer.Argument(help="File to write.", metavar="FILE")],
    samples: _Samples = None,
    noise: _Noise = None,
    data_seed: _DataSeed = None,
) -> None:
    """Write a data set to a file."""
    from trainer.console import open_console
    from trainer.data_command import write_dataset
    from trainer.dataset_tables import Drawing

    write_dataset(name, file, Drawing(samples, noise, data_seed), open_console())


_PREDICT_HELP = """Predict the rows of a table with a model that `train --save` has written.

Prints CSV: the prediction and, for classes, the probability of each.

Example:

    scratch-mlp predict flowers.npz new-flowers.csv --output predictions.csv
"""


@app.command(help=_PREDICT_HELP)
def predict(
    model: Annotated[Path, typer.Argument(help="File that train --save has written.", metavar="MODEL")],
    file: Annotated[
        str, typer.Argument(help="Table with the model's features: .csv, .parquet or .npz.", metavar="FILE")
    ],
    output: Annotated[Path | None, typer.Option(help="Write to this .csv file instead of printing.")] = None,
    backend: Annotated[str, typer.Option(help="numba or numpy.")] = "numba",
) -> None:
    """Predict the rows of a table."""
    from trainer.predict_command import run_prediction

    run_prediction(model, file, output, backend)


_EXPLAIN_HELP = """Show one step of backpropagation, every matrix by its name.

Without options: the article's worked example.

Examples:

    scratch-mlp explain

    scratch-mlp explain --sample 0.5,-1 --target 0,1 --hidden 4,3 --learning-rate 0.1

    scratch-mlp explain --json
"""


@app.command(help=_EXPLAIN_HELP)
def explain(
    sample: Annotated[
        str | None, typer.Option(help="The inputs, such as 0.5,-1 [default: the article's sample].")
    ] = None,
    target: Annotated[str, typer.Option(help="The outputs aimed at.")] = "1,0",
    hidden: Annotated[str, typer.Option(help="Sizes of the hidden layers: 3, or 4,3.")] = "3",
    activation: Annotated[str, typer.Option(help="sigmoid, tanh, relu or identity, of the hidden layers.")] = "sigmoid",
    learning_rate: Annotated[float, typer.Option(help="Of the step.")] = 0.001,
    seed: Annotated[int, typer.Option(help="Of the weights, drawn as the article does.")] = 2017,
    backend: Annotated[str, typer.Option(help="numba or numpy.")] = "numba",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
) -> None:
    """Show one step of backpropagation."""
    from trainer.explain_command import run_explanation

    run_explanation(
        sample=sample,
        target=target,
        hidden=hidden,
        activation=activation,
        learning_rate=learning_rate,
        seed=seed,
        backend=backend,
        as_json=json,
    )


_GALLERY_HELP = """Make the article's three animations: 3 neurons, 50 neurons that explode, 50 neurons that do not.

Example:

    scratch-mlp gallery pictures
"""


@app.command(help=_GALLERY_HELP)
def gallery(
    folder: Annotated[Path, typer.Argument(help="Folder for the animations; made if need be.", metavar="DIR")],
    epochs: Annotated[int, typer.Option(help="Of each training.")] = 100_000,
    backend: Annotated[str, typer.Option(help="numba or numpy.")] = "numba",
    quiet: Annotated[bool, typer.Option("--quiet", help="Print warnings and errors only.")] = False,
) -> None:
    """Make the article's animations."""
    from trainer.console import open_console
    from trainer.gallery import make_gallery

    make_gallery(folder, epochs=epochs, backend=backend, quiet=quiet, console=open_console())


_WARMUP_HELP = """Compile everything ahead, so that no later command has to.

Each machine does it once; the code is kept in the user's cache folder, or in that which SCRATCH_MLP_CACHE_DIR names.

Examples:

    scratch-mlp warmup

    scratch-mlp warmup --dtype float32
"""


@app.command(help=_WARMUP_HELP)
def warmup(
    dtype: Annotated[str | None, typer.Option(help="float32 or float64 [default: both].")] = None,
) -> None:
    """Compile everything ahead."""
    from trainer.console import open_console
    from trainer.warmup_command import run_warmup

    run_warmup(dtype, open_console())


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    try:
        status = app(arguments, prog_name="scratch-mlp", standalone_mode=False)
    except InputError as error:
        status = _complain(str(error))
    except MemoryError as error:
        status = _complain(f"not enough memory: {error or 'fewer rows or hidden units are needed'}")
    except _usage_error() as error:
        message = error.format_message()
        status = _complain(message) if message else 2  # no message: the help was printed for want of a command
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except BrokenPipeError:
        sys.stderr.close()
        status = 141
    sys.exit(status if isinstance(status, int) else 0)


def _usage_error() -> Any:
    """Return the class of all usage errors of typer, whose place depends on its version."""
    return next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")


def _complain(message: str) -> int:
    print("scratch-mlp: error: " + " ".join(message.split()), file=sys.stderr)
    return 2
