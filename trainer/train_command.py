"""What ``scratch-mlp train`` does: data, network, training, and everything that is written afterwards."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any, cast, get_args

from rich.console import Console

from kernels import nothing_is_compiled
from trainer.checks import check_choice
from trainer.console import training_display
from trainer.diagnosis import divergence_message, training_warnings
from trainer.errors import InputError
from trainer.explained_loss import SCORES, score_in, score_of
from trainer.history import check_history_path, write_history
from trainer.losses import OF_COUNTS, check_target_column, outputs_of
from trainer.model import MLP
from trainer.model_file import save_predictor
from trainer.pictures import Wanted, frame_epochs, save_pictures
from trainer.predictor import Predictor
from trainer.preparation import Prepared, prepare, xor_table
from trainer.settings import TASKS, Settings, resolve
from trainer.table import Impute, Table, Task
from trainer.terms import objective, optimizer
from trainer.training import Outcome, Samples, train_epochs

FINISHED, DIVERGED, INTERRUPTED = 0, 3, 130
NOTHING_GIVEN: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Outputs:
    """Files to write after training; None for those not asked for."""

    history: Path | None
    save: Path | None
    pictures: Wanted

    def check(self, prepared: Prepared) -> None:
        """Raise InputError, before anything is trained, where one of them cannot be written."""
        if self.history is not None:
            self.pictures.check_file(check_history_path(self.history))
        if self.save is not None:
            self.pictures.check_file(self.save)
        self.pictures.check(prepared)


def run_training(
    data: str,
    given: Mapping[str, Any],
    *,
    preset: str | None,
    target: str | None,
    task: str | None,
    outputs: Outputs,
    quiet: bool,
    console: Console,
    messages: Console,
    reading: Mapping[str, Any] = NOTHING_GIVEN,
) -> int:
    """Train as the options say, write what was asked for and return the exit status.

    Parameters
    ----------
    data : "xor" or the name of a file
    given : options that fill `settings.Settings`, None where the user gave nothing
    preset, target, task : see the command line
    outputs : files to write
    quiet : print nothing but warnings and errors
    console, messages : where progress and where warnings go
    reading : how a table is read, further arguments of `tables.read_table`

    Returns
    -------
    int
        FINISHED, DIVERGED or INTERRUPTED.
    """
    table = _read(data, target, task, reading)
    settings = resolve(given, preset=preset, data=data, task=table.task)
    if table.y is not None:
        check_target_column(settings.loss, table.target_name, table.y)
    prepared = prepare_rows(table, settings, standardize=data != "xor")
    if prepared.stream is not None:
        raise InputError("stream: a network cannot be trained on a stream yet")
    outputs.check(prepared)
    predictor = build_predictor(prepared, settings)
    outputs.pictures.make_folder()
    if not quiet:
        console.print(_announcement(data, table, prepared, predictor, settings))
        if settings.backend == "numba" and nothing_is_compiled():
            console.print("compiling the kernels; this machine does it once, in about 20 seconds")
    outcome = _train(predictor.model, prepared, settings, given, outputs, quiet, console)
    return _finish(data, predictor, prepared, settings, outcome, outputs, quiet, console, messages)


def _read(data: str, target: str | None, task: str | None, reading: Mapping[str, Any]) -> Table:
    if task is not None:
        check_choice("task", task, TASKS)
    if reading.get("impute") is not None:
        check_choice("impute", reading["impute"], get_args(Impute))
    if data != "xor":
        from trainer.tables import read_table  # imports polars, which takes a tenth of a second

        return read_table(data, target=target, task=cast(Task | None, task), **reading)
    table = xor_table()
    for option, value, own in (("target", target, table.target_name), ("task", task, table.task)):
        if value not in (None, own):
            raise InputError(f"{option}: {value!r} given with the xor data, {own} accepted")
    for option, value in reading.items():
        if value:
            raise InputError(f"{option}: given with the xor data, which is no file")
    return table


def prepare_rows(table: Table, settings: Settings, *, standardize: bool) -> Prepared:
    """Prepare a table; with the article's rule the first `batch_size` rows are trained on and all are measured."""
    prepared = prepare(
        table,
        standardize=standardize,
        standardize_target=settings.loss not in OF_COUNTS,
        validation=settings.validation,
        seed=settings.seed,
        dtype=settings.dtype,
    )
    if not settings.article:
        return prepared
    everything = prepared.training
    rows = settings.batch_size
    return replace(prepared, training=Samples(everything.X[:rows], everything.Y[:rows]), evaluated=everything)


def build_predictor(prepared: Prepared, settings: Settings) -> Predictor:
    """Make the untrained network with its preprocessing."""
    model = MLP(
        [prepared.training.X.shape[1], *settings.hidden, prepared.training.Y.shape[1]],
        activation=settings.activation,
        output_activation=outputs_of(settings.loss, prepared.task),
        loss=settings.loss,
        loss_parameter=settings.loss_parameter,
        bias=settings.bias,
        dtype=settings.dtype,
        backend=settings.backend,
        random_state=settings.seed,
        init="article" if settings.article else "glorot",
        threads=settings.threads,
    )
    return Predictor(
        model=model,
        task=prepared.task,
        classes=prepared.classes,
        columns=prepared.columns,
        target_name=prepared.target_name,
        inputs=prepared.inputs,
        target=prepared.target,
        dropped=prepared.dropped,
    )


def train_prepared(model: MLP, prepared: Prepared, settings: Settings, **listening: Any) -> Outcome:
    """Train a network on prepared rows; `listening` holds the callbacks and the snapshots of `train_epochs`."""
    return train_epochs(
        model,
        prepared.training,
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        terms=objective(
            l2=settings.l2,
            l1=settings.l1,
            clip_norm=settings.clip_norm,
            article=settings.article,
            weight_decay=settings.weight_decay if settings.solver == "adamw" else 0.0,
            dropout=settings.dropout,
        ),
        optimizer=optimizer(settings.solver, momentum=settings.momentum),
        schedule=settings.schedule,
        batch_size=None if settings.article else settings.batch_size,
        shuffle=settings.shuffle,
        record_every=settings.log_every,
        evaluated=prepared.evaluated,
        validation=prepared.validation,
        score="accuracy" if prepared.task == "classify" else score_of(settings.loss),
        **listening,
    )


def _train(
    model: MLP,
    prepared: Prepared,
    settings: Settings,
    given: Mapping[str, Any],
    outputs: Outputs,
    quiet: bool,
    console: Console,
) -> Outcome:
    every_record = given.get("log_every") is not None
    snapshots = frame_epochs(settings.epochs) if outputs.pictures.animation else []
    with (
        _interruption() as interrupted,
        training_display(console, settings.epochs, every_record=every_record, quiet=quiet) as show,
    ):
        callbacks = [show, lambda report: bool(interrupted)]
        return train_prepared(model, prepared, settings, callbacks=callbacks, snapshot_epochs=snapshots)


@contextmanager
def _interruption() -> Iterator[list[int]]:
    """Yield a list that receives the signal of the first Ctrl-C; a second one interrupts at once."""
    received: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        received.append(number)
        signal.signal(signal.SIGINT, previous)

    previous = signal.signal(signal.SIGINT, remember)
    try:
        yield received
    finally:
        signal.signal(signal.SIGINT, previous)


def _finish(
    data: str,
    predictor: Predictor,
    prepared: Prepared,
    settings: Settings,
    outcome: Outcome,
    outputs: Outputs,
    quiet: bool,
    console: Console,
    messages: Console,
) -> int:
    """Write the files, print the summary and the warnings, and return the exit status."""
    written: list[Path] = []
    if outputs.history is not None:
        write_history(outcome.history, outputs.history)
        written.append(outputs.history)
    if outputs.save is not None:
        save_predictor(predictor, outputs.save)
        written.append(outputs.save)
    if outcome.history.n_records:
        written += save_pictures(outputs.pictures, predictor, prepared, outcome, _title(data, settings))
    if not quiet:
        console.print(_summary(prepared, outcome))
        for path in written:
            console.print(f"written: {path}")
    if outcome.divergence is not None:
        messages.print(
            "scratch-mlp: "
            + divergence_message(
                outcome.divergence,
                outcome.history,
                learning_rate=settings.learning_rate,
                clip_norm=settings.clip_norm,
                n_hidden_layers=len(settings.hidden),
            )
        )
        return DIVERGED
    for warning in training_warnings(predictor.model, prepared.training.X, prepared.training.Y, outcome.history):
        messages.print(f"scratch-mlp: warning: {warning}")
    if outcome.interrupted:
        kept = "the history and the model hold" if written else "nothing was asked to be written of"
        messages.print(f"scratch-mlp: interrupted: {kept} what was trained in {outcome.epochs_done:,} epochs")
        return INTERRUPTED
    return FINISHED


def _title(data: str, settings: Settings) -> str:
    hidden = ", ".join(str(size) for size in settings.hidden)
    penalty = f", L2 {settings.l2:g}" if settings.l2 else ""
    name = "XOR" if data == "xor" else Path(data).name
    return f"{name}: {hidden} hidden neurons, learning rate {settings.learning_rate:g}{penalty}"


def _announcement(data: str, table: Table, prepared: Prepared, predictor: Predictor, settings: Settings) -> str:
    rows = f"{prepared.training.X.shape[0]:,} rows to train on"
    if prepared.validation is not None:
        rows += f", {prepared.validation.X.shape[0]:,} to validate"
    kind = f"{len(table.classes)} classes" if table.task == "classify" else "regression"
    if table.task_reason != "given":
        kind += f" ({table.task_reason})"
    layers = "-".join(str(size) for size in predictor.model.layer_sizes)
    rule = "the article's rule" if settings.article else settings.loss
    if predictor.model.loss_parameter is not None:
        rule += f" {predictor.model.loss_parameter:g}"
    return (
        f"{data}: {rows}, {kind}\n"
        f"network {layers}, {settings.activation}, {rule}, {settings.dtype}, backend {settings.backend}"
    )


def _summary(prepared: Prepared, outcome: Outcome) -> str:
    """Return the closing lines: how long it took, and what the final network reaches."""
    rate = outcome.steps_done / max(outcome.seconds, 1e-9)
    team = f", {outcome.threads} threads" if outcome.threads > 1 else ""
    lines = [
        f"{outcome.epochs_done:,} epochs, {outcome.steps_done:,} steps in {outcome.seconds:.2f} s of training "
        f"({rate:,.0f} steps/s{team})",
        f"trained: {_measured(outcome.final, '')}",
    ]
    if prepared.validation is not None:
        lines.append(f"held out: {_measured(outcome.final, 'val_')}")
    return "\n".join(lines)


def _measured(final: Mapping[str, float], prefix: str) -> str:
    loss, score = f"loss {final[f'{prefix}loss']:.6f}", score_in(final) or ""
    value = final[f"{prefix}{score}"]
    return f"accuracy {100 * value:.1f} %, {loss}" if score == "accuracy" else f"{SCORES[score]} {value:.4f}, {loss}"
