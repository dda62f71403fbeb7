"""The panels that show a trained model: who is taken for whom, residuals, weights. Drawn with matplotlib.

How panels look in general is set in `trainer.panels`; `trainer.model_plots` puts them together and writes the files.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from trainer.panels import INK, MOST_POINTS, TRAINING, WARNING, shorten

MOST_NUMBERED = 20  # classes whose counts can still be read in the cells
MOST_NAMED = 40  # classes whose names can still be read beside the cells
MOST_BINS = 60


def draw_confusion(axes: Axes, confusion: np.ndarray, names: Sequence[str]) -> None:
    """Draw how many rows of each class (down) were taken for which (across), coloured by their share of the class.

    Parameters
    ----------
    axes : Axes
        An empty panel.
    confusion : int64 (n_classes, n_classes)
    names : sequence of str
        Of the classes.
    """
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    colours = LinearSegmentedColormap.from_list("share", ["#FFFFFF", TRAINING])
    axes.imshow(shares, cmap=colours, vmin=0, vmax=1, aspect="equal", interpolation="nearest")
    axes.grid(False)
    axes.spines[["top", "right"]].set_visible(True)
    axes.set(xlabel="predicted", ylabel="true")
    n_classes = len(names)
    if n_classes <= MOST_NUMBERED:
        _write_counts(axes, confusion, shares)
    if n_classes > MOST_NAMED:
        axes.set(xlabel="predicted, by the number of the class", ylabel="true")
        return
    size = 9 if n_classes <= MOST_NUMBERED else 6
    places, shown = np.arange(n_classes), [shorten(name, 14) for name in names]
    upright = max(len(name) for name in shown) <= 3 and n_classes <= MOST_NUMBERED
    for axis, rotation in ((axes.xaxis, 0 if upright else 90), (axes.yaxis, 0)):
        axis.set_ticks(places, shown, rotation=rotation, fontsize=size, parse_math=False)
        axis.set_tick_params(length=0)


def _write_counts(axes: Axes, confusion: np.ndarray, shares: np.ndarray) -> None:
    """Write the counts into their cells, but for those that are 0."""
    width = max(len(f"{confusion.max():,}"), 2)
    size = min(11.0, 400 / len(confusion) / width)  # points
    for (row, column), count in np.ndenumerate(confusion):
        if count:
            colour = "white" if shares[row, column] > 0.55 else INK
            axes.text(column, row, f"{count:,}", ha="center", va="center", fontsize=size, color=colour)


def draw_residuals(axes: Axes, predictions: np.ndarray, residuals: np.ndarray) -> None:
    """Draw target minus prediction against the prediction; of more than `MOST_POINTS` rows a random choice."""
    rows = np.arange(len(predictions))
    if len(rows) > MOST_POINTS:
        rows = np.random.default_rng(0).choice(len(rows), MOST_POINTS, replace=False)
    few = len(rows) <= 500
    axes.plot(
        predictions[rows],
        residuals[rows],
        color=TRAINING,
        marker="o",
        linestyle="none",
        markersize=4.5 if few else 3,
        markeredgewidth=0,
        alpha=0.6 if few else 0.4,
    )
    axes.axhline(0, color=INK, linewidth=1.2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(_round_ticks(6))
    axes.set(xlabel="prediction", ylabel="residual: target − prediction")


def draw_residual_counts(axes: Axes, residuals: np.ndarray, limits: tuple[float, float]) -> None:
    """Draw the distribution of the residuals sideways, over the range of a panel beside it."""
    axes.hist(residuals, bins=40, range=limits, orientation="horizontal", color=TRAINING, alpha=0.75)
    axes.axhline(0, color=INK, linewidth=1.2)
    axes.set(ylim=limits, xlabel="rows")
    axes.yaxis.set_major_locator(_round_ticks(6))
    axes.tick_params(labelleft=False)
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def draw_weights(axes: Axes, weights: np.ndarray, title: str) -> None:
    """Draw the distribution of the weights of one layer."""
    n_bins = int(np.clip(2 * np.sqrt(weights.size), 10, MOST_BINS))
    axes.hist(weights.reshape(-1), bins=n_bins, color=TRAINING, alpha=0.75)
    axes.set_title(title, fontsize=9, color=INK, loc="left", parse_math=False)
    axes.xaxis.set_major_locator(_round_ticks(5))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.axvline(0, color=WARNING, linewidth=0.8, linestyle=":")


def _round_ticks(most: int) -> MaxNLocator:
    return MaxNLocator(most, steps=[1, 2, 2.5, 5, 10])
