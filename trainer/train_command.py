"""What ``scratch-mlp train`` does: data, network, training, and everything that is written afterwards.

What is said in words is `trainer.announcement`'s, what is said in JSON `trainer.json_log`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from kernels import nothing_is_compiled
from trainer.announcement import announcement, divergence_of, interruption_of, summary, title_of
from trainer.checkpoint_file import read_checkpoint, write_checkpoint
from trainer.checkpoints import Checkpoints, parse_every
from trainer.checks import check_choice
from trainer.configuration import configuration_of, given_of, to_toml
from trainer.console import training_display
from trainer.data_argument import READING, fingerprint_of, read_data, target_option
from trainer.dataset_tables import DATASET_NAMES, Drawing
from trainer.diagnosis import training_warnings
from trainer.errors import InputError
from trainer.from_settings import build_predictor, prepare_rows, train_prepared
from trainer.interruption import interruption
from trainer.json_log import json_lines, write_end, write_start
from trainer.losses import check_target_column
from trainer.model_file import save_predictor
from trainer.options import complete_options
from trainer.output_file import clear_leftovers
from trainer.outputs import Outputs, wanted_outputs, write_outputs
from trainer.pictures import frame_epochs
from trainer.predictor import Predictor
from trainer.preparation import Prepared
from trainer.progress import loading_display, progress_display
from trainer.resuming import resumed_options
from trainer.settings import Settings, resolve
from trainer.standing import Standing, StandingError
from trainer.tensorboard_log import tensorboard
from trainer.training import Callback, Outcome

FINISHED, DIVERGED, INTERRUPTED = 0, 3, 128  # and the number of the signal
LOGS = ("text", "json")


@dataclass(frozen=True)
class _Job:
    """A training that was asked for on the command line, checked and ready to begin.

    ``opening`` is what is said before it begins, ``interval`` the seconds or the steps between two checkpoints,
    ``standing`` where it goes on from, ``log`` how it speaks on standard output: text, json, or None for not at all.
    """

    data: str
    opening: str
    settings: Settings
    prepared: Prepared
    predictor: Predictor
    outputs: Outputs
    configuration: dict[str, Any]
    fingerprint: str | None
    interval: tuple[float | None, int | None]
    standing: Standing | None
    every_record: bool
    log: str | None


def run_training(
    asked: Mapping[str, Any], *, show_configuration: bool = False, console: Console, messages: Console
) -> int:
    """Train as the options say, write what was asked for and return the exit status.

    Parameters
    ----------
    asked : the options that were given, as `options.checked_options` returns them
    show_configuration : print the resolved configuration as TOML, and train nothing
    console, messages : where progress and where warnings go

    Returns
    -------
    int
        FINISHED, DIVERGED, or INTERRUPTED plus the number of the signal.

    Raises
    ------
    InputError
        Options or data that cannot be used; then nothing is written.
    """
    job = _job_of(asked, console)
    if show_configuration:
        console.out(to_toml(job.configuration), end="")
        return FINISHED
    job.outputs.pictures.make_folder()
    _say_start(job, console)
    outcome, signals = _train(job, console)
    return _finish(job, outcome, signals, console, messages)


def _job_of(asked: Mapping[str, Any], console: Console) -> _Job:
    resumed = read_checkpoint(asked["resume"]) if "resume" in asked else None
    options = complete_options(resumed_options(asked, resumed, asked["resume"]) if resumed else asked)
    check_choice("log", options["log"], LOGS)
    log = None if options["quiet"] else options["log"]
    data, given, outputs = options["data"], given_of(options), wanted_outputs(options)
    interval = parse_every(options["every"])
    drawing = Drawing(options["samples"], options["noise"], options["data_seed"])
    with loading_display(console, quiet=data in DATASET_NAMES or log != "text") as tell:
        table = read_data(data, drawing, {name: options[name] for name in READING}, tell)
        settings = resolve(given, preset=options["preset"], data=data, task=table.task)
        if table.y is not None:
            check_target_column(settings.loss, table.target_name, table.y)
        prepared = prepare_rows(table, settings, standardize=data != "xor")
    outputs.check(prepared)
    fingerprint = fingerprint_of(table) if outputs.hold_a_model or resumed else None
    if resumed is not None and resumed.fingerprint != fingerprint:
        raise InputError(f"{data}: not the data of the checkpoint {asked['resume']}: its fingerprint is {fingerprint}")
    predictor = build_predictor(prepared, settings)
    return _Job(
        data=data,
        opening=announcement(data, table, prepared, predictor, settings, resumed.standing if resumed else None),
        settings=settings,
        prepared=prepared,
        predictor=predictor,
        outputs=outputs,
        configuration=configuration_of(options, settings, target=target_option(table), task=table.task),
        fingerprint=fingerprint,
        interval=interval,
        standing=resumed.standing if resumed else None,
        every_record="log_every" in asked,
        log=log,
    )


def _say_start(job: _Job, console: Console) -> None:
    if job.log == "json":
        write_start(console.file, job.configuration, job.prepared, job.predictor.model)
    elif job.log == "text":
        console.print(job.opening)
        if job.settings.backend == "numba" and nothing_is_compiled():
            console.print("compiling the kernels; this machine does it once, in about 20 seconds")


def _train(job: _Job, console: Console) -> tuple[Outcome, list[int]]:
    """Train, and return how it ended and the signals that came."""
    snapshots = frame_epochs(job.settings.epochs) if job.outputs.pictures.animation else []
    with interruption() as signals, _listeners(job, console) as listeners:
        try:
            outcome = train_prepared(
                job.predictor.model,
                job.prepared,
                job.settings,
                callbacks=[*listeners, lambda report: bool(signals)],
                snapshot_epochs=snapshots,
                checkpoints=_checkpoints(job),
                standing=job.standing,
            )
        except StandingError as error:
            raise InputError(f"resume: the checkpoint is not one of this training: {error}") from None
    return outcome, signals


def _checkpoints(job: _Job) -> Checkpoints | None:
    path = job.outputs.checkpoint
    if path is None:
        return None
    clear_leftovers(path)

    def write(standing: Standing) -> None:
        configuration, fingerprint = job.configuration, job.fingerprint
        try:
            write_checkpoint(path, job.predictor, standing, configuration=configuration, fingerprint=fingerprint)
        except InputError as error:
            raise InputError(f"{error}{_saved_elsewhere(job, path)}") from error

    seconds, steps = job.interval
    return Checkpoints(write, seconds=seconds, steps=steps)


def _saved_elsewhere(job: _Job, checkpoint: Path) -> str:
    """Save the model as it is where a checkpoint cannot be written, and return what is to be said of it."""
    save = job.outputs.save
    if save is None or save.resolve() == checkpoint.resolve():
        return ""
    try:
        save_predictor(job.predictor, save, configuration=job.configuration, fingerprint=job.fingerprint)
    except InputError as error:
        return f"; the model neither: {error}"
    return f"; the model as it was then is saved as {save}"


@contextmanager
def _listeners(job: _Job, console: Console) -> Iterator[list[Callback]]:
    """Yield the callbacks that show and log the training."""
    with ExitStack() as stack:
        first = job.standing.history["epoch"].size if job.standing else 0
        display = training_display(
            console, job.settings.epochs, every_record=job.every_record, quiet=job.log != "text", first=first
        )
        listeners = [json_lines(console.file, first) if job.log == "json" else stack.enter_context(display)]
        if job.outputs.tensorboard is not None:
            listeners.append(stack.enter_context(tensorboard(job.outputs.tensorboard, job.configuration, first)))
        yield listeners


def _finish(job: _Job, outcome: Outcome, signals: list[int], console: Console, messages: Console) -> int:
    """Write the files, say how it ended, and return the exit status."""
    with progress_display(console, "drawing", quiet=job.log != "text") as drawn:
        written = write_outputs(
            job.outputs,
            job.predictor,
            job.prepared,
            outcome,
            configuration=job.configuration,
            fingerprint=job.fingerprint,
            title=title_of(job.data, job.settings),
            drawn=drawn,
        )
    if job.log == "json":
        write_end(console.file, outcome, written)
    elif job.log == "text":
        console.print(summary(job.prepared, outcome))
        for path in written:
            console.print(f"written: {path}")
    _warn(job, outcome, written, messages)
    if outcome.divergence is not None:
        return DIVERGED
    return INTERRUPTED + signals[0] if outcome.interrupted else FINISHED


def _warn(job: _Job, outcome: Outcome, written: list[Path], messages: Console) -> None:
    if outcome.divergence is not None:
        messages.print(f"scratch-mlp: {divergence_of(outcome, job.settings)}")
        return
    training = job.prepared.stream.samples(0) if job.prepared.stream else job.prepared.training
    for warning in training_warnings(job.predictor.model, training.X, training.Y, outcome.history):
        messages.print(f"scratch-mlp: warning: {warning}")
    if outcome.interrupted:
        holding, left_out = [*written, *job.outputs.kept_up], job.outputs.left_out(outcome)
        messages.print(f"scratch-mlp: {interruption_of(outcome, holding, left_out, job.outputs.checkpoint)}")
