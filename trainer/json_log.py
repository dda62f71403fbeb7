"""A training as JSON lines: an object for its start, for each record and for its end. What is not finite is null."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from trainer.model import MLP
from trainer.preparation import Prepared
from trainer.training import Callback, Outcome, Report


def json_lines(stream: IO[str], first: int = 0) -> Callback:
    """Return a callback that writes each record as one line to a stream, and flushes it at each report.

    A line is an object with "event": "record", the columns of the history, and how the training stood when it was told
    of: "seconds" and "steps_per_second". A training that goes on has records already; the first of them that is written
    has the number `first`.

    Examples
    --------
    >>> import sys
    >>> train_epochs(model, samples, epochs=9, learning_rate=1.0, terms=objective(), callbacks=[json_lines(sys.stdout)])
    """
    n_seen = first

    def write(report: Report) -> None:
        nonlocal n_seen
        speed = {"seconds": report.seconds, "steps_per_second": report.steps_per_second}
        for record in report.history.records(n_seen):
            _write_line(stream, {"event": "record", **record, **speed})
        n_seen = report.history.n_records
        stream.flush()

    return write


def write_start(stream: IO[str], configuration: Mapping[str, Any], prepared: Prepared, model: MLP) -> None:
    """Write the first line: the resolved configuration, the numbers of rows and the sizes of the layers."""
    validation = prepared.validation
    start = {
        "event": "start",
        "configuration": configuration,
        "rows": prepared.n_training,
        "validation_rows": 0 if validation is None else validation.X.shape[0],
        "features": [column.name for column in prepared.columns],
        "classes": list(prepared.classes),
        "layer_sizes": list(model.layer_sizes),
    }
    _write_line(stream, start)
    stream.flush()


def write_end(stream: IO[str], outcome: Outcome, written: Sequence[Path]) -> None:
    """Write the last line: how the training ended, what the network reaches, and the files written."""
    end = {
        "event": "end",
        "status": outcome.status,
        "epochs": outcome.epochs_done,
        "steps": outcome.steps_done,
        "seconds": outcome.seconds,
        "steps_per_second": outcome.steps_done / max(outcome.seconds, 1e-9),
        "threads": outcome.threads,
        "stopped_early": outcome.stopped_early,
        "best_epoch": outcome.best_epoch,
        "final": _finite(outcome.final),
        "written": [str(path) for path in written],
    }
    _write_line(stream, end)
    stream.flush()


def _write_line(stream: IO[str], event: Mapping[str, Any]) -> None:
    stream.write(json.dumps(event, allow_nan=False) + "\n")


def _finite(numbers: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}
