"""Learning curves as arrays: which columns of a history are shown, in what unit, and over what range.

The range is chosen so that a run that exploded stays legible. Nothing here draws; that is `trainer.panels`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trainer.errors import InputError
from trainer.explained_loss import SCORES, score_in

History = Mapping[str, np.ndarray]

# A loss this many times above both where it began and its median has left the range worth showing.
EXPLODED_RATIO = 10.0
# More than one decade between the smallest and the largest loss asks for a logarithmic axis.
LOG_RATIO = 10.0
MARGIN = 0.05


@dataclass(frozen=True)
class AxisLimits:
    """The range of an axis, its scale, and what lies beyond it.

    Attributes
    ----------
    low, high : float
        The ends of the axis, low < high.
    log : bool
        Whether the axis is logarithmic; then low > 0.
    extreme : float or None
        The value furthest outside the axis, None if all finite values lie inside.
    """

    low: float
    high: float
    log: bool
    extreme: float | None

    @property
    def drawable(self) -> tuple[float, float]:
        """Bounds well outside the axis, to clip values that would overflow in a renderer."""
        if self.log:
            return self.low * 1e-6, self.high * 1e6
        span = self.high - self.low
        return self.low - 100 * span, self.high + 100 * span


@dataclass(frozen=True)
class Curves:
    """One quantity of a run against the epoch.

    Attributes
    ----------
    epoch : ndarray of int, shape (n_records,)
        Epochs, increasing.
    values : list of ndarray, each float64 (n_records,)
        Of training and, where there is one, of validation.
    name : str
        What the vertical axis is called, with its unit.
    limits : AxisLimits
        The range of the vertical axis.
    """

    epoch: np.ndarray
    values: list[np.ndarray]
    name: str
    limits: AxisLimits

    @property
    def note(self) -> str:
        """What the axis cannot show, in words; empty if it shows everything."""
        if self.limits.extreme is None:
            return ""
        extreme = f"{self.limits.extreme:.2g}".replace("-", "−")
        return f"{self.name} reaches {extreme}, off the scale"


def loss_curves(history: History) -> Curves:
    """Read the loss of a history.

    Parameters
    ----------
    history : mapping of str to ndarray, shape (n_records,)
        Columns `epoch` and `loss`, perhaps `val_loss`.

    Returns
    -------
    Curves

    Raises
    ------
    InputError
        If a column is missing, the columns differ in length, or there is no record.
    """
    values = _columns(history, "loss")
    return Curves(np.asarray(history["epoch"]), values, "loss", loss_limits(values))


def score_curves(history: History) -> Curves:
    """Read the score of a history: accuracy in per cent, R² or D².

    Parameters
    ----------
    history : mapping of str to ndarray, shape (n_records,)
        Columns `epoch` and `accuracy` (0 to 1), `r2` or `d2`, perhaps `val_accuracy`, `val_r2` or `val_d2`.

    Returns
    -------
    Curves

    Raises
    ------
    InputError
        As for `loss_curves`, and if there is neither score.
    """
    score = score_in(history)
    if score is None:
        raise InputError(f"history has the columns {', '.join(history)}: accuracy, r2 or d2 is needed")
    if score == "accuracy":
        values = [100.0 * accuracy for accuracy in _columns(history, "accuracy")]
        return Curves(np.asarray(history["epoch"]), values, "accuracy (%)", accuracy_limits(values))
    values = _columns(history, score)
    return Curves(np.asarray(history["epoch"]), values, SCORES[score], r2_limits(values))


def loss_limits(losses: Sequence[np.ndarray]) -> AxisLimits:
    """Limits for losses: from the values that did not explode, logarithmic where these span over a decade.

    Parameters
    ----------
    losses : sequence of ndarray, shape (n_records,)
        Training and perhaps validation loss; NaN and inf are left out.

    Returns
    -------
    AxisLimits
    """
    series = [loss[np.isfinite(loss)] for loss in losses]
    series = [loss for loss in series if loss.size]
    if not series:
        return AxisLimits(0.0, 1.0, False, None)
    values = np.concatenate(series)
    usual = max(max(float(loss[0]) for loss in series), float(np.median(values)))
    inside = values[values <= EXPLODED_RATIO * usual] if usual > 0 else values
    low, high = float(inside.min()), float(inside.max())
    extreme = float(values.max()) if values.max() > high else None
    if low > 0 and high / LOG_RATIO > low:
        factor = (high / low) ** MARGIN
        return AxisLimits(low / factor, high * factor, True, extreme)
    pad = MARGIN * (high - low)
    if high - low <= 1e-6 * abs(high):  # constant up to rounding, which should not look like a landscape
        pad = 0.05 * abs(high) or 0.05
    return AxisLimits(low - pad, high + pad, False, extreme)


def accuracy_limits(accuracies: Sequence[np.ndarray]) -> AxisLimits:
    """Limits for accuracies in per cent: up to 100, down to the multiple of ten below the lowest value.

    Parameters
    ----------
    accuracies : sequence of ndarray, shape (n_records,)
        In per cent, 0 to 100.

    Returns
    -------
    AxisLimits
    """
    values = np.concatenate(accuracies)
    values = values[np.isfinite(values)]
    lowest = float(values.min()) if values.size else 0.0
    low = min(90.0, 10.0 * np.floor(lowest / 10.0))
    pad = 0.03 * (100.0 - low)
    return AxisLimits(low - pad, 100.0 + pad, False, None)


def r2_limits(scores: Sequence[np.ndarray]) -> AxisLimits:
    """Limits for R² and D²: up to 1, down to the lowest value, but no further than -1.

    Parameters
    ----------
    scores : sequence of ndarray, shape (n_records,)
        At most 1; below 0 a model is worse than a constant, and how much worse tells nothing.

    Returns
    -------
    AxisLimits
    """
    values = np.concatenate(scores)
    values = values[np.isfinite(values)]
    lowest = float(values.min()) if values.size else 0.0
    low = min(0.9, max(-1.0, lowest))
    pad = MARGIN * (1.0 - low)
    return AxisLimits(low - pad, 1.0 + pad, False, lowest if lowest < -1.0 else None)


def _columns(history: History, column: str) -> list[np.ndarray]:
    for needed in ("epoch", column):
        if needed not in history:
            raise InputError(f"history has the columns {', '.join(history)}: {needed} is needed")
    n_records = len(history["epoch"])
    if n_records == 0:
        raise InputError("history holds no records: at least 1 is needed")
    columns = [name for name in (column, f"val_{column}") if name in history]
    for name in columns:
        if np.shape(history[name]) != (n_records,):
            raise InputError(f"history column {name} has shape {np.shape(history[name])}: ({n_records},) is needed")
    return [np.asarray(history[name], dtype=np.float64) for name in columns]
