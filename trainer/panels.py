"""The panels that pictures are made of, drawn with matplotlib; only this module and `trainer.model_panels` import it.

Everything is drawn on the Agg canvas without pyplot, so that nothing global is touched. What the panels show
is decided in `trainer.learning_curves` and `trainer.boundary`; `trainer.plots` and `trainer.animation` put
them together and write the files.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    StrMethodFormatter,
)

from trainer.boundary import (
    CLASS_COLOURS,
    UNDEFINED_GREY,
    Grid,
    class_leads,
    paint_winners,
    two_class_anchors,
)
from trainer.learning_curves import Curves

# Unlike any class, since both stand in the animation; lightness tells them apart in every colour vision.
TRAINING, VALIDATION = "#1B8A7A", "#882255"
WARNING = "#B03A00"
INK = "#303030"
# Eight shapes beside seven colours: a pair repeats only after 56 classes.
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "p")
# More points than this cover the boundary instead of explaining it.
MOST_POINTS = 2000


@dataclass(frozen=True)
class Sheet:
    """A figure, its canvas, and its panels from left to right, row by row."""

    figure: Figure
    canvas: FigureCanvasAgg
    panels: list[Axes]


@dataclass
class BoundaryPanel:
    """The drawn parts of a decision boundary."""

    axes: Axes
    image: AxesImage
    contours: list[Artist]
    points: list[Line2D]

    def show(self, grid: Grid) -> None:
        """Replace what is shown by another grid over the same window."""
        self.image.set_data(grid.probability if grid.probability.ndim == 2 else paint_winners(grid))
        for contour in self.contours:
            contour.remove()
        # matplotlib warns of a level that nothing crosses; a one-sided or undefined model has no boundary.
        leads = [np.ma.masked_invalid(lead) for lead in class_leads(grid)]
        self.contours = [
            self.axes.contour(grid.x, grid.y, lead, levels=[0.0], colors=INK, linewidths=1.4)
            for lead in leads
            if lead.count() and lead.min() < 0 < lead.max()
        ]


def blank_sheet(width: float, height: float, dpi: int, panel_widths: Sequence[float] = (1,), n_rows: int = 1) -> Sheet:
    """Make a figure with rows of empty panels: thin axes, a light grid behind.

    Parameters
    ----------
    width, height : float
        In inches.
    dpi : int
        Pixels per inch.
    panel_widths : sequence of float
        The share of the width of each panel, from left to right.
    n_rows : int
        How many rows there are of such panels.

    Returns
    -------
    Sheet
    """
    figure = Figure((width, height), dpi, layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.06))
    canvas = FigureCanvasAgg(figure)
    panels = list(figure.subplots(n_rows, len(panel_widths), squeeze=False, width_ratios=panel_widths).flat)
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[:].set(linewidth=0.6, color=INK)
        axes.tick_params(which="both", width=0.6, labelsize=9, colors=INK)
        axes.xaxis.label.set_color(INK)
        axes.yaxis.label.set_color(INK)
        axes.grid(True, color="#E4E4E4", linewidth=0.6)
        axes.set_axisbelow(True)
    return Sheet(figure, canvas, panels)


def draw_heading(sheet: Sheet, title: str | None, note: str = "") -> None:
    """Write a title, broken into lines, and below it a warning above the first panel."""
    if title:
        lines = textwrap.fill(title, int(11.5 * sheet.figure.get_figwidth()))
        heading = sheet.figure.suptitle(lines, x=0.02, ha="left", fontsize=12, color=INK)
        heading.set_parse_math(False)
    if note:
        sheet.panels[0].set_title(note, loc="left", fontsize=9, color=WARNING)


def draw_curves(axes: Axes, curves: Curves, diverged_at: int | None = None, most_ticks: int = 6) -> list[Line2D]:
    """Draw curves over their whole range.

    Parameters
    ----------
    axes : Axes
        An empty panel.
    curves : Curves
        Of training and perhaps of validation.
    diverged_at : int, optional
        An epoch to mark.
    most_ticks : int
        Into how many steps the horizontal axis may be divided.

    Returns
    -------
    list of Line2D
        One line for each curve.
    """
    limits = curves.limits
    axes.set(xlabel="epoch", ylabel=curves.name, yscale="log" if limits.log else "linear")
    axes.set_ylim(limits.low, limits.high)
    if limits.log:
        plain_log_ticks(axes)
    last = max(int(curves.epoch[-1]), diverged_at or 0, 1)
    axes.set_xlim(-0.02 * last, 1.02 * last)
    axes.xaxis.set_major_locator(MaxNLocator(most_ticks, steps=[1, 2, 2.5, 5, 10], integer=True))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    if diverged_at is not None:
        axes.axvline(diverged_at, color=WARNING, linestyle=":", linewidth=1.4)
    # Few records are shown as what they are, points; a single one would be invisible as a line.
    marker = "o" if len(curves.epoch) <= 40 else ""
    lines: list[Line2D] = []
    for values, colour in zip(curves.values, (TRAINING, VALIDATION), strict=False):
        shown = np.clip(values, *limits.drawable)
        lines += axes.plot(curves.epoch, shown, color=colour, linewidth=1.6, marker=marker, markersize=4)
    return lines


def draw_boundary(
    axes: Axes,
    grid: Grid,
    X: np.ndarray,
    labels: np.ndarray,
    n_classes: int,
    input_names: tuple[str, str],
    point_size: float = 5.5,
) -> BoundaryPanel:
    """Draw a decision boundary as probability with the data on it.

    Parameters
    ----------
    axes : Axes
        An empty panel.
    grid : Grid
        The probabilities.
    X : ndarray, shape (n_samples, 2)
        The data.
    labels : ndarray of int, shape (n_samples,)
        The class of each sample, 0 to n_classes - 1.
    n_classes : int
        At least 2.
    input_names : tuple of two str
        What is written on the axes.
    point_size : float
        Of up to 500 points; more points are smaller.

    Returns
    -------
    BoundaryPanel
    """
    dx, dy = (grid.x[1] - grid.x[0]) / 2, (grid.y[1] - grid.y[0]) / 2
    window = (grid.x[0] - dx, grid.x[-1] + dx, grid.y[0] - dy, grid.y[-1] + dy)
    scale = probability_scale(n_classes)
    image = axes.imshow(
        np.zeros((2, 2)),
        extent=window,
        origin="lower",
        aspect="equal",
        cmap=scale.cmap,
        clim=scale.get_clim(),
        interpolation="bilinear",
    )
    axes.grid(False)
    axes.set_xlabel(input_names[0], parse_math=False)
    axes.set_ylabel(input_names[1], parse_math=False)
    panel = BoundaryPanel(axes, image, [], _draw_points(axes, X, labels, n_classes, point_size))
    panel.show(grid)
    axes.set(xlim=window[:2], ylim=window[2:])
    return panel


def probability_scale(n_classes: int) -> ScalarMappable:
    """Return the colours of a probability: of the second of two classes, or of the winner in grey."""
    if n_classes == 2:
        colours, low = LinearSegmentedColormap.from_list("two classes", two_class_anchors()), 0.0
    else:
        colours, low = LinearSegmentedColormap.from_list("winner", ["#FFFFFF", "#606060"]), 1 / n_classes
    return ScalarMappable(Normalize(low, 1.0), colours.with_extremes(bad=(UNDEFINED_GREY,) * 3))


def draw_colour_bar(sheet: Sheet, n_classes: int, name: str) -> None:
    """Draw the colour scale of a boundary beside the last panel."""
    place = sheet.panels[-1].inset_axes((1.04, 0.0, 0.05, 1.0))
    bar = sheet.figure.colorbar(probability_scale(n_classes), cax=place)
    bar.set_label(name, color=INK, parse_math=False)
    bar.ax.tick_params(width=0.6, labelsize=9, colors=INK)
    bar.ax.spines[:].set(linewidth=0.6, color=INK)


def draw_legend(sheet: Sheet, handles: Sequence[Artist], names: Sequence[str], below: bool = False) -> None:
    """Draw a legend right of the panels or below; names are shown as they are, also `$` and a leading `_`."""
    names = [shorten(name) for name in names]
    # An entry takes about 0.6 inches and 0.065 for each letter.
    n_rows = np.ceil(sum(0.6 + 0.065 * len(name) for name in names) / sheet.figure.get_figwidth())
    legend = sheet.figure.legend(
        handles,
        [str(k) for k in range(len(names))],
        loc="outside lower center" if below else "outside right upper",
        ncols=int(np.ceil(len(names) / n_rows)) if below else 1,
        fontsize=9,
        frameon=False,
        labelcolor=INK,
        borderaxespad=0.2,
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(name)


def boundary_key() -> Line2D:
    """Return the legend's sample of the boundary line."""
    return Line2D([], [], color=INK, linewidth=1.4)


def shorten(name: str, most: int = 22) -> str:
    """Cut a long name so that it cannot push the panel out of the picture."""
    return name if len(name) <= most else name[: most - 1] + "…"


def plain_log_ticks(axes: Axes) -> None:
    """Label a logarithmic vertical axis with plain numbers: 1, 2, 5 where it spans few decades."""
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 1e3 else (1.0,), numticks=8))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _draw_points(axes: Axes, X: np.ndarray, labels: np.ndarray, n_classes: int, point_size: float) -> list[Line2D]:
    rows = np.arange(len(X))
    if len(X) > MOST_POINTS:
        rows = np.random.default_rng(0).choice(len(X), MOST_POINTS, replace=False)
    size = point_size if len(rows) <= 500 else 0.65 * point_size
    points: list[Line2D] = []
    for k in range(n_classes):
        of_class = X[rows[labels[rows] == k]]
        points += axes.plot(
            *of_class.T,
            color=CLASS_COLOURS[k % len(CLASS_COLOURS)],
            marker=MARKERS[k % len(MARKERS)],
            linestyle="none",
            markersize=size,
            markeredgecolor="white",
            markeredgewidth=size / 9,
        )
    return points
