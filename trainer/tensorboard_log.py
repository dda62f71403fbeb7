"""A training as TensorBoard shows it: every column of the history against the epoch, and how the weights spread.

Events are written by tensorboardX, through that of its writers which has neither a queue nor a thread: a full disk is
an error of the training then, and not of a thread that nobody hears. It is imported only where it is asked for.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from trainer.errors import InputError
from trainer.model import MLP
from trainer.output_file import require_writable
from trainer.training import Callback, Report

MAX_HISTOGRAMS = 20  # of each layer in one training
SECONDS_BETWEEN_FLUSHES = 5.0  # each waits for the disk
BINS = 64

# Writes a Summary of tensorboardX to the step of this number.
Write = Callable[[int, Any], None]


def check_tensorboard(folder: Path) -> None:
    """Raise InputError where events cannot be written to this folder, which need not be there yet."""
    if find_spec("tensorboardX") is None:
        raise InputError('tensorboard: tensorboardX is not installed, pip install "scratch-mlp[tensorboard]" needed')
    nearest = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    require_writable(nearest / "events")


@contextmanager
def tensorboard(folder: Path, configuration: Mapping[str, Any] | None = None, first: int = 0) -> Iterator[Callback]:
    """Yield a callback that writes event files to a folder, which is made if need be.

    Parameters
    ----------
    folder : Path
    configuration : mapping, optional
        Written as text; values that JSON knows.
    first : int
        Number of the first record that is written; a training that goes on has earlier ones.

    Raises
    ------
    InputError
        tensorboardX is not installed, or the folder cannot be written.
    """
    check_tensorboard(folder)
    from tensorboardX import summary
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event

    with _refusals(folder):
        folder.mkdir(parents=True, exist_ok=True)
        # Absolute, or a name that begins with s3: would be taken for a place in a cloud; with a number, or a second
        # training within the same second would write over the first.
        writer = EventsWriter(str(folder.resolve() / "events"), f".{os.getpid()}.{time.time_ns()}")

    def write(step: int, content: Any) -> None:
        writer.write_event(Event(wall_time=time.time(), step=step, summary=content))

    try:
        if configuration is not None:
            write(0, summary.text("configuration", _as_markdown(configuration)))
        yield _callback(folder, write, writer.flush, first)
    finally:
        with _refusals(folder):
            writer.close()


def _callback(folder: Path, write: Write, flush: Callable[[], object], first: int) -> Callback:
    n_seen, last_part, flushed = first, -1, time.monotonic()

    def listen(report: Report) -> None:
        nonlocal n_seen, last_part, flushed
        with _refusals(folder):
            _write_records(report, n_seen, write)
            n_seen = report.history.n_records
            part = report.epochs_done * (MAX_HISTOGRAMS - 1) // report.n_epochs
            if part > last_part:
                _write_histograms(report.model, report.epochs_done, write)
                last_part = part
            if time.monotonic() - flushed > SECONDS_BETWEEN_FLUSHES:
                flush()
                flushed = time.monotonic()

    return listen


def _write_records(report: Report, first: int, write: Write) -> None:
    """Write all records from `first` on, each as one event that holds every column."""
    from tensorboardX.proto.summary_pb2 import Summary

    columns = {name: values[first:].tolist() for name, values in report.history.items()}
    epochs = columns.pop("epoch")
    for i, epoch in enumerate(epochs):
        scalars = [Summary.Value(tag=name, simple_value=values[i]) for name, values in columns.items()]
        write(int(epoch), Summary(value=scalars))


def _write_histograms(model: MLP, epoch: int, write: Write) -> None:
    from tensorboardX import summary

    for kind, layers in (("weights", model.weights), ("biases", model.biases)):
        for i, values in enumerate(layers, start=1):
            if values.size and np.isfinite(values).all():
                write(epoch, summary.histogram(f"layer{i}/{kind}", values, BINS))


def _as_markdown(configuration: Mapping[str, Any]) -> str:
    lines = [f"| {name} | {json.dumps(value)} |" for name, value in configuration.items()]
    return "\n".join(["| option | value |", "|---|---|", *lines])


@contextmanager
def _refusals(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot write events to {folder}: {error.strerror or error}") from error
