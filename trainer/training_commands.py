"""The command that trains: its options and their help. `cli` names it.

What it does is left to `trainer.train_command`, and the options of data that is drawn to `trainer.dataset_commands`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainer.dataset_commands import DATA, DataSeed, Noise, Samples

# Under which the help lists the options of train, beside those of the data.
NETWORK, TRAINING = "Network", "Training"
CHECKPOINTS, RESULTS = "Stopping and going on", "Results and configuration"

TRAIN_HELP = """Train a network on a data set or on a table, and say how well it does.

Data sets: xor, circles, moons, gaussians, spiral; to regress, plane and gaussian; and, where scikit-learn is installed,
digits, iris, wine, breast_cancer, diabetes. A file that is called like one of them is ./digits.

Examples:

    scratch-mlp train

    scratch-mlp train xor --hidden 3 --plots plots --gif xor.gif

    scratch-mlp train spiral --noise 0.1 --plots plots

    scratch-mlp train flowers.csv --target species --validation 0.2 --save flowers.safetensors

    scratch-mlp train flowers.csv --checkpoint run.safetensors --every 1000steps

    scratch-mlp train --resume run.safetensors

    scratch-mlp train --preset article --epochs 20000 --log-every 1000
"""


def train(
    context: typer.Context,
    data: Annotated[
        str | None,
        typer.Argument(
            help="A data set, or a table: .csv, .tsv, .parquet, .npz, .npy or IDX [default: xor].",
            metavar="[NAME | FILE]",
        ),
    ] = None,
    samples: Samples = None,
    noise: Noise = None,
    data_seed: DataSeed = None,
    target: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=DATA, help="Column to predict [default: target, label, class, y or the last], or its file."
        ),
    ] = None,
    task: Annotated[
        str | None, typer.Option(rich_help_panel=DATA, help="classify or regress [default: guessed, and said].")
    ] = None,
    categorical: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=DATA, help="Columns that hold categories though they look like numbers: zip,floor."
        ),
    ] = None,
    drop: Annotated[str | None, typer.Option(rich_help_panel=DATA, help="Columns to leave out: id,name.")] = None,
    impute: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=DATA,
            help="mean or median of a column for its missing numbers [default: none may be missing].",
        ),
    ] = None,
    stream: Annotated[
        bool | None,
        typer.Option(
            "--stream/--no-stream", rich_help_panel=DATA, help="Never hold the table in memory: .parquet, .npy or IDX."
        ),
    ] = None,
    validation: Annotated[
        float | None, typer.Option(rich_help_panel=DATA, help="Share of the rows kept apart, such as 0.2.")
    ] = None,
    hidden: Annotated[
        str | None, typer.Option(rich_help_panel=NETWORK, help="Sizes of the hidden layers: 50, or 32,16.")
    ] = None,
    activation: Annotated[
        str | None, typer.Option(rich_help_panel=NETWORK, help="sigmoid, tanh, relu or identity.")
    ] = None,
    bias: Annotated[
        bool | None, typer.Option("--bias/--no-bias", rich_help_panel=NETWORK, help="Layers with or without biases.")
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=NETWORK,
            help="mse, or cross_entropy for classes, or absolute, huber, quantile or poisson for numbers.",
        ),
    ] = None,
    loss_parameter: Annotated[
        float | None,
        typer.Option(
            rich_help_panel=NETWORK,
            help="Of huber: where errors begin to count linearly, in standard deviations of the target [default: 1]. "
            "Of quantile: which one [default: 0.5].",
        ),
    ] = None,
    dtype: Annotated[str | None, typer.Option(rich_help_panel=NETWORK, help="float32 or float64.")] = None,
    epochs: Annotated[int | None, typer.Option(rich_help_panel=TRAINING, help="Passes over the data.")] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            rich_help_panel=TRAINING, help="Rows in a step; with --preset article, the leading rows that are used."
        ),
    ] = None,
    shuffle: Annotated[
        bool | None,
        typer.Option("--shuffle/--no-shuffle", rich_help_panel=TRAINING, help="Reorder the rows each epoch."),
    ] = None,
    solver: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=TRAINING,
            help="sgd, momentum, nesterov, adam or adamw [default: adamw for classes of a table, else sgd].",
        ),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(rich_help_panel=TRAINING, help="Rate of the first epoch.")
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(rich_help_panel=TRAINING, help="constant, step, exponential, cosine or warmup.")
    ] = None,
    momentum: Annotated[
        float | None, typer.Option(rich_help_panel=TRAINING, help="Of the solvers momentum and nesterov.")
    ] = None,
    weight_decay: Annotated[
        float | None,
        typer.Option(
            rich_help_panel=TRAINING, help="Of adamw: the share of the weights that a step takes off, times its rate."
        ),
    ] = None,
    l1: Annotated[
        float | None, typer.Option(rich_help_panel=TRAINING, help="Coefficient of the sum of weights' magnitudes.")
    ] = None,
    l2: Annotated[
        float | None,
        typer.Option(
            rich_help_panel=TRAINING,
            help="Coefficient of the sum of squared weights; with --preset article, of its penalty.",
        ),
    ] = None,
    clip_norm: Annotated[
        float | None, typer.Option(rich_help_panel=TRAINING, help="Scale gradients down to this global norm.")
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(rich_help_panel=TRAINING, help="Share of the hidden units that each step leaves out."),
    ] = None,
    early_stopping: Annotated[
        int | None,
        typer.Option(
            rich_help_panel=TRAINING,
            help="Stop when the validation loss has not fallen for this many epochs.",
            metavar="EPOCHS",
        ),
    ] = None,
    keep_best: Annotated[
        bool | None,
        typer.Option(
            "--keep-best/--no-keep-best",
            rich_help_panel=TRAINING,
            help="End with the weights whose validation loss was lowest.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(rich_help_panel=TRAINING, help="Of weights, shuffling and the choice of validation rows."),
    ] = None,
    backend: Annotated[
        str | None, typer.Option(rich_help_panel=TRAINING, help="numba (compiled loops) or numpy.")
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            rich_help_panel=TRAINING,
            help="Of the numba backend; the results do not depend on it [default: as many as pay].",
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(rich_help_panel=TRAINING, help="article: the article's own program.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=CHECKPOINTS, help="Write now and then to this .safetensors file where the training stands."
        ),
    ] = None,
    every: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=CHECKPOINTS,
            help="Time or steps between two checkpoints: 30s, 5min, 1000steps [default: 30s].",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=CHECKPOINTS,
            help="Go on from a checkpoint, with its options, to the bit.",
            metavar="CHECKPOINT",
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(rich_help_panel=RESULTS, help="Write the trained model to this .safetensors file.")
    ] = None,
    history: Annotated[
        Path | None, typer.Option(rich_help_panel=RESULTS, help="Write the records to this .json or .csv file.")
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(rich_help_panel=RESULTS, help="Write accuracy, loss and boundary pictures to this folder."),
    ] = None,
    gif: Annotated[
        Path | None, typer.Option(rich_help_panel=RESULTS, help="Write an animation of the training to this file.")
    ] = None,
    log_every: Annotated[
        int | None, typer.Option(rich_help_panel=RESULTS, help="Epochs between two records [default: a 250th of all].")
    ] = None,
    log: Annotated[
        str | None,
        typer.Option(rich_help_panel=RESULTS, help="text, or json: a line of JSON for each record [default: text]."),
    ] = None,
    tensorboard: Annotated[
        Path | None,
        typer.Option(rich_help_panel=RESULTS, help="Write event files for TensorBoard to this folder.", metavar="DIR"),
    ] = None,
    quiet: Annotated[
        bool | None, typer.Option("--quiet/--no-quiet", rich_help_panel=RESULTS, help="Print warnings and errors only.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=RESULTS,
            help="TOML file of options, by the same names; those given here go before. Paths in it are relative to the "
            "working directory.",
        ),
    ] = None,
    show_config: Annotated[
        bool,
        typer.Option(
            "--show-config",
            rich_help_panel=RESULTS,
            help="Print all options as they are resolved, as TOML; train nothing.",
        ),
    ] = False,
) -> None:
    """Train a network.

    The parameters declare the options; their values are taken from the context, by the names in `options.OPTIONS`.
    """
    from trainer.configuration import read_configuration
    from trainer.console import open_console
    from trainer.options import OPTIONS, checked_options
    from trainer.train_command import run_training

    given = checked_options({name: context.params[name] for name in OPTIONS})
    in_file = read_configuration(config) if config else {}
    status = run_training(
        in_file | given,
        show_configuration=show_config,
        console=open_console(),
        messages=open_console(stderr=True),
    )
    raise typer.Exit(status)
