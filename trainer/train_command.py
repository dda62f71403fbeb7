"""What ``scratch-mlp train`` does: data, network, training, and everything that is written afterwards.

What is said in words is `trainer.announcement`'s, what is said in JSON `trainer.json_log`'s.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from kernels import nothing_is_compiled
from trainer.announcement import announcement, divergence_of, interruption_of, summary, title_of
from trainer.checks import check_choice
from trainer.configuration import configuration_of, given_of, to_toml
from trainer.console import training_display
from trainer.diagnosis import training_warnings
from trainer.errors import InputError
from trainer.explained_loss import score_of
from trainer.json_log import json_lines, write_end, write_start
from trainer.losses import OF_COUNTS, check_target_column, outputs_of
from trainer.model import MLP
from trainer.outputs import Outputs, wanted_outputs, write_outputs
from trainer.pictures import frame_epochs
from trainer.predictor import Predictor
from trainer.preparation import Prepared, prepare, xor_table
from trainer.progress import progress_display
from trainer.settings import TASKS, Settings, resolve
from trainer.table import Table
from trainer.tensorboard_log import tensorboard
from trainer.terms import objective, optimizer
from trainer.training import Callback, Outcome, Samples, train_epochs

FINISHED, DIVERGED, INTERRUPTED = 0, 3, 130
STATUSES = {FINISHED: "finished", DIVERGED: "diverged", INTERRUPTED: "interrupted"}
LOGS = ("text", "json")


@dataclass(frozen=True)
class _Job:
    """A training that was asked for on the command line, checked and ready to begin.

    ``opening`` is what is said before it begins, ``log`` how it speaks on standard output: text, json, or None for not
    at all.
    """

    data: str
    opening: str
    settings: Settings
    prepared: Prepared
    predictor: Predictor
    outputs: Outputs
    configuration: dict[str, Any]
    every_record: bool
    log: str | None


def run_training(
    options: Mapping[str, Any], *, show_configuration: bool = False, console: Console, messages: Console
) -> int:
    """Train as the options say, write what was asked for and return the exit status.

    Parameters
    ----------
    options : all options, as `options.complete_options` returns them
    show_configuration : print the resolved configuration as TOML, and train nothing
    console, messages : where progress and where warnings go

    Returns
    -------
    int
        FINISHED, DIVERGED or INTERRUPTED.

    Raises
    ------
    InputError
        Options or data that cannot be used; then nothing is written.
    """
    job = _job_of(options)
    if show_configuration:
        console.out(to_toml(job.configuration), end="")
        return FINISHED
    job.outputs.pictures.make_folder()
    _say_start(job, console)
    outcome = _train(job, console)
    return _finish(job, outcome, console, messages)


def _job_of(options: Mapping[str, Any]) -> _Job:
    check_choice("log", options["log"], LOGS)
    data, given, outputs = options["data"], given_of(options), wanted_outputs(options)
    table = _read(data, options["target"], options["task"])
    settings = resolve(given, preset=options["preset"], data=data, task=table.task)
    check_target_column(settings.loss, table.target_name, table.y)
    prepared = prepare_rows(table, settings, standardize=data != "xor")
    outputs.check(prepared)
    predictor = build_predictor(prepared, settings)
    return _Job(
        data=data,
        opening=announcement(data, table, prepared, predictor, settings),
        settings=settings,
        prepared=prepared,
        predictor=predictor,
        outputs=outputs,
        configuration=configuration_of(options, settings, target=table.target_name, task=table.task),
        every_record=given["log_every"] is not None,
        log=None if options["quiet"] else options["log"],
    )


def _read(data: str, target: str | None, task: str | None) -> Table:
    if task is not None:
        check_choice("task", task, TASKS)
    if data != "xor":
        from trainer.tables import read_table  # imports polars, which takes a tenth of a second

        return read_table(data, target=target, task=task)
    table = xor_table()
    for option, value, own in (("target", target, table.target_name), ("task", task, table.task)):
        if value not in (None, own):
            raise InputError(f"{option}: {value!r} given with the xor data, {own} accepted")
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
        patience=settings.early_stopping,
        keep_best=settings.keep_best,
        score="accuracy" if prepared.task == "classify" else score_of(settings.loss),
        **listening,
    )


def _say_start(job: _Job, console: Console) -> None:
    if job.log == "json":
        write_start(console.file, job.configuration, job.prepared, job.predictor.model)
    elif job.log == "text":
        console.print(job.opening)
        if job.settings.backend == "numba" and nothing_is_compiled():
            console.print("compiling the kernels; this machine does it once, in about 20 seconds")


def _train(job: _Job, console: Console) -> Outcome:
    snapshots = frame_epochs(job.settings.epochs) if job.outputs.pictures.animation else []
    with _interruption() as interrupted, _listeners(job, console) as listeners:
        callbacks = [*listeners, lambda report: bool(interrupted)]
        return train_prepared(
            job.predictor.model, job.prepared, job.settings, callbacks=callbacks, snapshot_epochs=snapshots
        )


@contextmanager
def _listeners(job: _Job, console: Console) -> Iterator[list[Callback]]:
    """Yield the callbacks that show and log the training."""
    with ExitStack() as stack:
        display = training_display(console, job.settings.epochs, every_record=job.every_record, quiet=job.log != "text")
        listeners = [json_lines(console.file) if job.log == "json" else stack.enter_context(display)]
        if job.outputs.tensorboard is not None:
            listeners.append(stack.enter_context(tensorboard(job.outputs.tensorboard, job.configuration)))
        yield listeners


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


def _finish(job: _Job, outcome: Outcome, console: Console, messages: Console) -> int:
    """Write the files, say how it ended, and return the exit status."""
    with progress_display(console, "drawing", quiet=job.log != "text") as drawn:
        title = title_of(job.data, job.settings)
        written = write_outputs(job.outputs, job.predictor, job.prepared, outcome, title, drawn)
    status = _status(outcome)
    if job.log == "json":
        write_end(console.file, outcome, STATUSES[status], written)
    elif job.log == "text":
        console.print(summary(job.prepared, outcome))
        for path in written:
            console.print(f"written: {path}")
    _warn(job, outcome, written, messages)
    return status


def _status(outcome: Outcome) -> int:
    if outcome.divergence is not None:
        return DIVERGED
    return INTERRUPTED if outcome.interrupted else FINISHED


def _warn(job: _Job, outcome: Outcome, written: list[Path], messages: Console) -> None:
    if outcome.divergence is not None:
        messages.print(f"scratch-mlp: {divergence_of(outcome, job.settings)}")
        return
    training = job.prepared.training
    for warning in training_warnings(job.predictor.model, training.X, training.Y, outcome.history):
        messages.print(f"scratch-mlp: warning: {warning}")
    if outcome.interrupted:
        messages.print(f"scratch-mlp: {interruption_of(outcome, written)}")
