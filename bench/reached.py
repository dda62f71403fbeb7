"""Which floors of `bench.floors` a run has reached, and the table that says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.table import Table

from bench.floors import Duration, Floor, Share

YES, NO, NOT_MEASURED = "yes", "no", "not measured"


@dataclass
class Readings:
    """What a run has measured, by subject (a shape's name, ...) and contender.

    Attributes
    ----------
    seconds : dict of (str, str) to float
        Of a step, an epoch, or a whole process.
    shares : dict of (str, str) to float
        Counted operations per second over the FMA peak measured around them.
    """

    seconds: dict[tuple[str, str], float] = field(default_factory=dict)
    shares: dict[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What became of a floor.

    Attributes
    ----------
    floor : Floor
    worst : float or None
        The worst of the subjects measured; None where nothing can be said.
    subject : str
        Which one that is.
    reached : {"yes", "no", "not measured"}
        "no" as soon as one subject is known to fall short, "yes" only where all were measured.
    """

    floor: Floor
    worst: float | None
    subject: str
    reached: str


def judge(floor: Floor, readings: Readings) -> Verdict:
    """Compare a floor with what was measured."""
    read = {subject: _value(floor, subject, readings) for subject in floor.subjects}
    measured = {subject: value for subject, (value, _) in read.items() if value is not None}
    if not measured:
        return Verdict(floor, None, "", NOT_MEASURED)
    if isinstance(floor.quantity, Duration):
        subject = max(measured, key=measured.__getitem__)
        holds = measured[subject] <= floor.bound
    else:
        subject = min(measured, key=measured.__getitem__)
        holds = measured[subject] >= floor.bound
    if not holds:
        return Verdict(floor, measured[subject], subject, NO)
    if not all(is_complete for _, is_complete in read.values()):
        return Verdict(floor, None, "", NOT_MEASURED)
    return Verdict(floor, measured[subject], subject, YES)


def _value(floor: Floor, subject: str, readings: Readings) -> tuple[float | None, bool]:
    """Return a subject's value, None where it was not measured, and whether nothing is missing from it."""
    quantity = floor.quantity
    if isinstance(quantity, Share):
        share = readings.shares.get((subject, quantity.contender))
        return share, share is not None
    if isinstance(quantity, Duration):
        seconds = readings.seconds.get((subject, quantity.what))
        return seconds, seconds is not None
    own = readings.seconds.get((subject, quantity.contender))
    rivals = [readings.seconds.get((subject, rival)) for rival in quantity.rivals]
    measured = [seconds for seconds in rivals if seconds is not None]
    if own is None or not measured:
        return None, False
    return min(measured) / own, len(measured) == len(rivals)


def floors_table(floors: Sequence[Floor], readings: Readings) -> Table:
    """Return the table of floors, with what was measured and whether it is enough."""
    table = Table(title="floors", title_justify="left")
    table.add_column("work", overflow="fold")
    for name in ("at least", "measured"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("at its worst", no_wrap=True)
    table.add_column("reached", no_wrap=True)
    for floor in floors:
        verdict = judge(floor, readings)
        bound = f"at most {floor.bound:g} s" if isinstance(floor.quantity, Duration) else _written(floor, floor.bound)
        measured = "" if verdict.worst is None else _written(floor, verdict.worst)
        subject = verdict.subject if len(floor.subjects) > 1 else ""
        table.add_row(floor.work, bound, measured, subject, verdict.reached)
    return table


def _written(floor: Floor, value: float) -> str:
    if isinstance(floor.quantity, Share):
        return f"{value:.1%} of peak"
    return f"{value:.2f} s" if isinstance(floor.quantity, Duration) else f"{value:,.2f} times"
