"""Progress, history and snapshots slow training by no more than 5 %.

What is timed is the whole of a training as the command line runs it, against the bare compiled loop over the same
epochs, in processor time of all threads of this process: nothing here waits for anything but the processor, and what
other programs take does not count. Both alternate, so that a processor that slows down slows both, and the median of
the ratios of neighbours is taken. Other programs still spoil an attempt now and then, by emptying the caches, so
a few more are allowed. The training lasts nearly a second: shorter ones would time how long it takes to draw a
bar once. Leave this file out with ``pytest --ignore tests/test_overhead.py`` where all that is not enough.
"""

from __future__ import annotations

import gc
import io
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from rich.console import Console

from trainer.console import training_display
from trainer.datasets import xor
from trainer.model import MLP
from trainer.pictures import frame_epochs
from trainer.schedules import learning_rates
from trainer.settings import Settings, resolve
from trainer.terms import objective
from trainer.training import Samples, train_epochs

ALLOWED = 1.05
ROUNDS = 5
ATTEMPTS = 5
SECONDS = 0.8

X, Y = xor()


def defaults(epochs: int) -> Settings:
    """Return the defaults for XOR, for another number of epochs."""
    return resolve({"epochs": epochs}, preset=None, data="xor", task="classify")


def network(settings: Settings) -> MLP:
    return MLP([2, *settings.hidden, 2], random_state=0)


def train_bare(settings: Settings) -> MLP:
    """Train without a record, a callback or a snapshot: one compiled call."""
    model = network(settings)
    run = model.start_run(X, Y, terms=objective(), record_every=2 * settings.epochs)
    run.advance(learning_rates("constant", settings.learning_rate, np.arange(settings.epochs), settings.epochs))
    return model


def train_watched(settings: Settings, *, terminal: bool) -> MLP:
    """Train with everything that the command line adds: a bar or lines, history, and snapshots for an animation."""
    model = network(settings)
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100)
    with training_display(console, settings.epochs, every_record=False, quiet=False) as show:
        train_epochs(
            model,
            Samples(X, Y),
            epochs=settings.epochs,
            learning_rate=settings.learning_rate,
            terms=objective(),
            record_every=settings.log_every,
            snapshot_epochs=frame_epochs(settings.epochs),
            callbacks=[show],
        )
    return model


def seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


@pytest.fixture(scope="module", autouse=True)
def nothing_of_other_tests() -> Iterator[None]:
    """Keep the garbage collector from going through what other tests have left in this process."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def settings() -> Settings:
    """Return a training whose length in seconds does not depend on the machine."""
    sample = defaults(4000)
    train_bare(sample)  # compiles
    return defaults(round(4000 * SECONDS / min(seconds(lambda: train_bare(sample)) for _ in range(5))))


@pytest.mark.parametrize("terminal", [True, False], ids=["bar", "lines"])
def test_watching_a_training_costs_at_most_5_percent(terminal: bool, settings: Settings) -> None:
    def bare() -> MLP:
        return train_bare(settings)

    def watched() -> MLP:
        return train_watched(settings, terminal=terminal)

    np.testing.assert_array_equal(watched().parameters, bare().parameters)  # the same work
    measured: list[float] = []
    while len(measured) < ATTEMPTS and min(measured, default=np.inf) > ALLOWED:
        measured.append(float(np.median([seconds(watched) / seconds(bare) for _ in range(ROUNDS)])))
    assert min(measured) <= ALLOWED, f"slowdowns {measured}"
