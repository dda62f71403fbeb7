"""The command line: options and their help. What the commands do is left to the modules they call.

`trainer.training_commands` has the command that trains, `trainer.dataset_commands` that which writes data sets, and
`trainer.model_commands` those that take a trained model.

Input that cannot be used ends in one line on standard error and exit status 2; a training that meets NaN or infinity in
status 3; one that is interrupted in 130, or 143 where it was told to terminate.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from trainer import dataset_commands, model_commands, training_commands
from trainer.errors import InputError
from trainer.numba_alone import load_numba_alone

app = typer.Typer(
    name="scratch-mlp",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Train multilayer perceptrons with explicit loops that numba compiles to vector code.",
)

app.command(help=training_commands.TRAIN_HELP)(training_commands.train)
app.command(help=dataset_commands.DATA_HELP)(dataset_commands.data)
app.command(help=model_commands.PREDICT_HELP)(model_commands.predict)
app.command(help=model_commands.EVALUATE_HELP)(model_commands.evaluate)
app.command(help=model_commands.INSPECT_HELP)(model_commands.inspect)
app.command(help=model_commands.EXPORT_HELP)(model_commands.export)


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
    load_numba_alone()
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
