"""Pictures of a training run and of the benchmark, written as PNG files.

Inputs are plain arrays. Panels are drawn in `trainer.panels`, the moving picture in `trainer.animation`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence

import numpy as np

from trainer.boundary import Grid, require_classes
from trainer.errors import InputError
from trainer.learning_curves import Curves, History, loss_curves, score_curves
from trainer.output_file import require_writable, write_whole
from trainer.panels import (
    CLASS_COLOURS,
    INK,
    MARKERS,
    Axes,
    Line2D,
    Sheet,
    blank_sheet,
    boundary_key,
    draw_boundary,
    draw_colour_bar,
    draw_curves,
    draw_heading,
    draw_legend,
    plain_log_ticks,
    shorten,
)

DPI = 150
PathLike = str | os.PathLike[str]


def save_loss(history: History, path: PathLike, title: str | None = None, *, diverged_at: int | None = None) -> None:
    """Draw the loss against the epoch, of training and, where there is one, of validation.

    Values over ten times the larger of the first and the median loss lie off the scale; a note says how far.

    Parameters
    ----------
    history : mapping of str to ndarray, shape (n_records,)
        Columns `epoch` and `loss`, perhaps `val_loss`.
    path : path-like
        The PNG file to write, 900 x 630 pixels.
    title : str, optional
        A heading.
    diverged_at : int, optional
        The epoch at which training met NaN or inf; it is marked.

    Raises
    ------
    InputError
        If a column is missing, the history is empty, or the file cannot be written.
    """
    require_writable(path)
    _save_curves(loss_curves(history), path, title, diverged_at)


def save_score(history: History, path: PathLike, title: str | None = None, *, diverged_at: int | None = None) -> None:
    """Draw the accuracy in per cent, or R² or D² for a regression, against the epoch.

    Parameters
    ----------
    history : mapping of str to ndarray, shape (n_records,)
        Columns `epoch` and `accuracy` (0 to 1), `r2` or `d2`, perhaps `val_accuracy`, `val_r2` or `val_d2`.
    path, title, diverged_at
        As for `save_loss`.

    Raises
    ------
    InputError
        As for `save_loss`.
    """
    require_writable(path)
    _save_curves(score_curves(history), path, title, diverged_at)


def save_boundary(
    grid: Grid,
    X: np.ndarray,
    labels: np.ndarray,
    path: PathLike,
    class_names: Sequence[str],
    title: str | None = None,
    *,
    input_names: tuple[str, str] = ("x₁", "x₂"),
) -> None:
    """Draw the decision boundary of a classifier with two inputs, as probability, with the data on it.

    Two classes are shown by the probability of the second, with a line at 1/2; more classes by the colour of
    the winning class, the paler the lower its probability. Of over 2,000 points a random 2,000 are shown.

    Parameters
    ----------
    grid : Grid
        The probabilities, from `trainer.boundary.evaluate_grid`.
    X : ndarray, shape (n_samples, 2)
        The data.
    labels : ndarray of int, shape (n_samples,)
        The class of each sample, as an index into class_names.
    path : path-like
        The PNG file to write, 900 x 630 pixels.
    class_names : sequence of str
        The name of each class.
    title : str, optional
        A heading.
    input_names : tuple of two str
        What is written on the axes.

    Raises
    ------
    InputError
        If shapes, labels and class names do not fit together, or the file cannot be written.
    """
    require_writable(path)
    require_classes(grid, X, labels, len(class_names))
    winner = "the winning class" if len(class_names) > 2 else shorten(class_names[1])
    sheet = blank_sheet(6.0, 4.2, DPI)
    panel = draw_boundary(sheet.panels[0], grid, np.asarray(X), np.asarray(labels), len(class_names), input_names)
    draw_colour_bar(sheet, len(class_names), f"probability of {winner}")
    draw_legend(sheet, [*panel.points, boundary_key()], [*class_names, "boundary"])
    draw_heading(sheet, title)
    save_png(sheet, path)


def save_throughput(
    sizes: Sequence[int] | np.ndarray,
    series: Mapping[str, np.ndarray],
    peak: float | None,
    path: PathLike,
    title: str | None = None,
    *,
    size_name: str = "hidden size",
    peak_name: str = "FMA peak",
) -> None:
    """Draw throughput against size on logarithmic axes, a line for each contender, and the processor's peak.

    Parameters
    ----------
    sizes : sequence of int, shape (n_sizes,)
        Positive sizes; each gets a tick.
    series : mapping of str to ndarray, shape (n_sizes,)
        GFLOP/s of each contender, NaN where it was not measured.
    peak : float or None
        The processor's peak in GFLOP/s; None leaves it out.
    path : path-like
        The PNG file to write, 1080 x 630 pixels.
    title : str, optional
        A heading.
    size_name, peak_name : str
        What the horizontal axis and the line of the peak are called.

    Raises
    ------
    InputError
        If a series has another length than sizes, a number is not positive, or the file cannot be written.
    """
    require_writable(path)
    _require_positive("sizes", np.asarray(sizes), (len(sizes),))
    for name, values in series.items():
        _require_positive(f"series {name}", np.asarray(values), (len(sizes),))
    if peak is not None:
        _require_positive("peak", np.asarray(peak), ())
    sheet = blank_sheet(7.2, 4.2, DPI)
    (axes,) = sheet.panels
    lines = _draw_throughput(axes, np.asarray(sizes), series)
    if peak is not None:
        _draw_peak(axes, peak, f"{peak_name}: {peak:,.4g} GFLOP/s")
    plain_log_ticks(axes)
    axes.set(xlabel=size_name, ylabel="throughput (GFLOP/s)")
    draw_legend(sheet, lines, list(series))
    draw_heading(sheet, title)
    save_png(sheet, path)


def _save_curves(curves: Curves, path: PathLike, title: str | None, diverged_at: int | None) -> None:
    sheet = blank_sheet(6.0, 4.2, DPI)
    lines = draw_curves(sheet.panels[0], curves, diverged_at)
    if len(lines) == 2:
        draw_legend(sheet, lines, ["training", "validation"])
    diverged = "" if diverged_at is None else f"diverged at epoch {diverged_at:,}"
    draw_heading(sheet, title, "; ".join(filter(None, [diverged, curves.note])))
    save_png(sheet, path)


def _draw_throughput(axes: Axes, sizes: np.ndarray, series: Mapping[str, np.ndarray]) -> list[Line2D]:
    axes.set(xscale="log", yscale="log")
    lines: list[Line2D] = []
    for k, values in enumerate(series.values()):
        colour, marker = CLASS_COLOURS[k % len(CLASS_COLOURS)], MARKERS[k % len(MARKERS)]
        style = "-" if k < len(CLASS_COLOURS) else ":"  # a colour's second line crosses the first
        lines += axes.plot(sizes, values, color=colour, marker=marker, linestyle=style, markersize=5, linewidth=1.6)
    axes.set_xticks([], minor=True)
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.margins(y=0.1)
    return lines


def _draw_peak(axes: Axes, peak: float, name: str) -> None:
    axes.axhline(peak, color=INK, linestyle="--", linewidth=1.2)
    # The empty second line lifts the name above the dashes by its own height.
    label = axes.text(0.01, peak, f"{name}\n", transform=axes.get_yaxis_transform(), va="center")
    label.set(parse_math=False, fontsize=9, color=INK)


def save_png(sheet: Sheet, path: PathLike) -> None:
    """Write a finished figure."""
    picture = io.BytesIO()
    sheet.figure.draw_without_rendering()  # once is not enough where equal scales make a panel narrower than its place
    sheet.figure.savefig(picture, format="png")
    write_whole(path, picture.getvalue())


def _require_positive(name: str, values: np.ndarray, shape: tuple[int, ...]) -> None:
    """Raise `InputError` unless values has this shape and holds positive numbers or NaN."""
    if values.shape != shape:
        raise InputError(f"{name} has shape {values.shape}: {shape} is needed")
    wrong = values[(values <= 0) | np.isinf(values)]
    if wrong.size:
        raise InputError(f"{name} holds {wrong.flat[0]}: positive finite numbers are needed")
