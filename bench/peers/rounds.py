"""The comparison: every peer ready for a shape is timed in turn, one at a time, round after round.

So a processor that slows down slows all of them. All share one processor and leave the others alone.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.peak import fma_peak
from bench.peers.registry import Peer
from bench.peers.worker_process import WorkerError, WorkerProcess
from bench.shapes import TrainingShape


@dataclass
class ShapeTimes:
    """What was measured of one shape.

    Attributes
    ----------
    shape : TrainingShape
    seconds : dict of str to list of float
        Of a step, in each round, for each peer.
    peaks : list of float
        The FMA peak in each round, operations per second.
    failures : dict of str to str
        Why a peer was not timed.
    """

    shape: TrainingShape
    seconds: dict[str, list[float]] = field(default_factory=dict)
    peaks: list[float] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def medians(self) -> dict[str, float]:
        """Seconds of a step for each peer that was timed to the end."""
        return {name: statistics.median(values) for name, values in self.seconds.items()}

    @property
    def wrong(self) -> bool:
        """Whether a peer computed something wrong."""
        return any(reason.startswith("wrong") for reason in self.failures.values())

    @property
    def peak(self) -> float:
        """The median of the peaks."""
        return statistics.median(self.peaks)


def start_workers(peers: Sequence[Peer]) -> tuple[dict[str, WorkerProcess], dict[str, str]]:
    """Start a process for each peer; return those that run, and why the others do not."""
    workers, missing = {}, {}
    for peer in peers:
        try:
            workers[peer.name] = WorkerProcess(peer)
        except WorkerError as error:
            missing[peer.name] = str(error)
    return workers, missing


def compare(
    workers: dict[str, WorkerProcess],
    peers: Sequence[Peer],
    shapes: Sequence[TrainingShape],
    rounds: int,
    say: Callable[[str], None],
) -> list[ShapeTimes]:
    """Time all shapes.

    Parameters
    ----------
    workers : dict of str to WorkerProcess
        By the peers' names; one that fails at a shape is left out for that shape.
    peers : sequence of Peer
    shapes : sequence of TrainingShape
    rounds : int
        Samples of each peer and shape.
    say : callable
        Gets a line about each shape and each failure.
    """
    return [
        time_shape(
            {peer.name: workers[peer.name] for peer in peers if peer.name in workers and peer.trains(shape)},
            shape,
            rounds,
            say,
        )
        for shape in shapes
    ]


def time_shape(
    workers: dict[str, WorkerProcess], shape: TrainingShape, rounds: int, say: Callable[[str], None]
) -> ShapeTimes:
    """Time one shape; a worker that fails is named and left out."""
    times, steps = ShapeTimes(shape), dict[str, int]()
    for name, worker in workers.items():
        try:
            steps[name] = worker.prepare(shape)
        except WorkerError as error:
            times.failures[name] = str(error)
    for _ in range(rounds):
        times.peaks.append(fma_peak("float32"))
        for name in [name for name in steps if name not in times.failures]:
            try:
                seconds = workers[name].seconds(steps[name]) / steps[name]
            except WorkerError as error:
                times.failures[name] = str(error)
                times.seconds.pop(name, None)
            else:
                times.seconds.setdefault(name, []).append(seconds)
    for name, reason in times.failures.items():
        say(f"{shape.name}: {name.upper()} NOT TIMED: {reason}")
    say(f"{shape.name}: {len(times.seconds)} peers timed")
    return times
