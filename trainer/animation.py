"""The moving picture of a training run as a GIF file: accuracy, decision boundary and loss side by side.

The layout and all that stands still are drawn once; a frame redraws only what moves. The panels come from
`trainer.panels`, and nothing here trains.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image

from trainer.boundary import Grid, region_shades, require_classes
from trainer.errors import InputError
from trainer.learning_curves import Curves, History, loss_curves, score_curves
from trainer.output_file import require_writable, write_whole
from trainer.panels import (
    INK,
    WARNING,
    Artist,
    Line2D,
    Sheet,
    blank_sheet,
    boundary_key,
    draw_boundary,
    draw_curves,
    draw_heading,
    draw_legend,
    shorten,
)
from trainer.progress import Tell, say_nothing

LAST_FRAME_MS = 2000
# A shared palette is derived from this many frames, spread over the run.
PALETTE_FRAMES = 10
FREQUENT_COLOURS = 48
REGION_SHADES = 96


def save_animation(
    history: History,
    frames: Sequence[tuple[int, Grid]],
    X: np.ndarray,
    labels: np.ndarray,
    path: str | os.PathLike[str],
    class_names: Sequence[str],
    title: str | None = None,
    *,
    fps: float = 12.0,
    diverged_at: int | None = None,
    input_names: tuple[str, str] = ("x₁", "x₂"),
    drawn: Tell = say_nothing,
) -> None:
    """Draw accuracy, decision boundary and loss side by side, growing with the epochs.

    The axes stay fixed over the whole animation. It repeats forever; the last frame stands for two seconds
    and says whether the run diverged. A frame takes about 0.03 seconds and 25 kilobytes.

    Parameters
    ----------
    history : mapping of str to ndarray, shape (n_records,)
        The whole run: `epoch`, `loss`, `accuracy`, perhaps `val_loss` and `val_accuracy`; epochs increasing.
    frames : sequence of (int, Grid)
        The epoch of each frame, increasing, and the probabilities at that epoch, all over the same window.
    X : ndarray, shape (n_samples, 2)
        The data.
    labels : ndarray of int, shape (n_samples,)
        The class of each sample, as an index into class_names.
    path : path-like
        The GIF file to write, 1000 x 340 pixels.
    class_names : sequence of str
        The name of each class.
    title : str, optional
        A heading of one line.
    fps : float
        Frames per second, 0.1 to 50; a GIF counts in hundredths of a second.
    diverged_at : int, optional
        The epoch at which training met NaN or inf; it is marked.
    input_names : tuple of two str
        What is written on the axes of the boundary.
    drawn : callable
        Told how many frames are drawn, of how many.

    Raises
    ------
    InputError
        If the arguments do not fit together, or the file cannot be written.
    """
    require_writable(path)
    if not 0.1 <= fps <= 50:
        raise InputError(f"fps = {fps}: 0.1 to 50 is accepted")
    _require_one_window(frames)
    for _, grid in frames:
        require_classes(grid, X, labels, len(class_names))
    curves = (score_curves(history), loss_curves(history))
    diverged = "" if diverged_at is None else f"diverged at epoch {diverged_at:,}"
    ending = "; ".join(filter(None, [diverged, *(curve.note for curve in curves)]))

    sheet = blank_sheet(10.0, 3.4, 100, (1.3, 1.0, 1.3))
    left, centre, right = sheet.panels
    lines = [draw_curves(axes, c, diverged_at, 4) for axes, c in zip((left, right), curves, strict=True)]
    panel = draw_boundary(centre, frames[0][1], np.asarray(X), np.asarray(labels), len(class_names), input_names, 4.0)
    draw_heading(sheet, shorten(title or " ", 62))
    clock = sheet.figure.text(0.985, 0.983, "", ha="right", va="top", fontsize=12, color=INK)
    validation = ["training", "validation"] if len(lines[0]) == 2 else []
    handles = [*panel.points, boundary_key(), *(lines[0] if validation else [])]
    draw_legend(sheet, handles, [*class_names, "boundary", *validation], below=True)

    def advance(index: int) -> list[Artist]:
        epoch, grid = frames[index]
        panel.show(grid)
        for curve, curve_lines in zip(curves, lines, strict=True):
            _grow(curve, curve_lines, epoch)
        clock.set_text(f"epoch {epoch:,}")
        if index == len(frames) - 1 and ending:
            clock.set(text=ending, color=WARNING, fontsize=10)
        spines = centre.spines.values()  # the image covers half of their width
        return [panel.image, *panel.contours, *panel.points, *spines, *lines[0], *lines[1], clock]

    pictures = (Image.fromarray(pixels) for pixels in _render(sheet, advance, len(frames), drawn))
    write_whole(path, _encode_gif(list(pictures), region_shades(len(class_names), REGION_SHADES), fps))


def _grow(curves: Curves, lines: Sequence[Line2D], epoch: int) -> None:
    """Show the records up to an epoch, and the newest of them as a dot."""
    n_shown = max(1, int(np.searchsorted(curves.epoch, epoch, side="right")))
    for line, values in zip(lines, curves.values, strict=True):
        line.set_data(curves.epoch[:n_shown], np.clip(values[:n_shown], *curves.limits.drawable))
        line.set(marker="o", markevery=[n_shown - 1])


def _render(sheet: Sheet, advance: Callable[[int], list[Artist]], n_frames: int, drawn: Tell) -> Iterator[np.ndarray]:
    """Draw what stands still once and, for each frame, only what `advance` says has moved; RGB, uint8."""
    for artist in advance(0):
        artist.set_animated(True)
    sheet.canvas.draw()
    still = sheet.canvas.copy_from_bbox(sheet.figure.bbox)
    for index in range(n_frames):
        sheet.canvas.restore_region(still)
        for artist in advance(index):
            sheet.figure.draw_artist(artist)
        yield np.asarray(sheet.canvas.buffer_rgba())[:, :, :3].copy()
        drawn(index + 1, n_frames)


def _encode_gif(pictures: Sequence[Image.Image], shades: np.ndarray, fps: float) -> bytes:
    """Encode with one palette for all frames; without dithering, which would move from frame to frame."""
    palette = _shared_palette(pictures, shades)
    indexed = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    durations = [10 * round(100 / fps)] * (len(pictures) - 1) + [LAST_FRAME_MS]
    gif = io.BytesIO()
    indexed[0].save(
        gif,
        format="GIF",
        save_all=True,
        append_images=indexed[1:],
        duration=durations,
        loop=0,
        optimize=False,
    )
    return gif.getvalue()


def _shared_palette(pictures: Sequence[Image.Image], shades: np.ndarray) -> Image.Image:
    """Choose 256 colours for all pictures: given shades, the most frequent, and the others by median cut."""
    rows = np.unique(np.linspace(0, len(pictures) - 1, PALETTE_FRAMES).astype(int))
    samples = np.concatenate([np.asarray(pictures[row], dtype=np.uint32).reshape(-1, 3) for row in rows])
    packed, counts = np.unique(samples @ np.array([65536, 256, 1], dtype=np.uint32), return_counts=True)
    distinct = np.stack([packed >> 16, packed >> 8, packed], axis=1).astype(np.uint8)
    frequent = distinct[np.argsort(-counts, kind="stable")[:FREQUENT_COLOURS]]
    # Square roots, or the median cut would spend itself on paper and leave nothing to small points.
    weighted = np.repeat(distinct, np.sqrt(counts).astype(int), axis=0)
    cut = Image.fromarray(weighted[None]).quantize(256 - len(shades) - FREQUENT_COLOURS, Image.Quantize.MEDIANCUT)
    given = np.round(255 * shades).astype(np.uint8)
    colours = np.vstack([given, frequent, np.array(cut.getpalette(), dtype=np.uint8).reshape(-1, 3)])[:256]
    # Colours are looked up by six bits of each channel, so a pale grey could pass for the white of the paper.
    colours[colours.min(axis=1) >= 248] = 255
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours.tobytes())
    return palette


def _require_one_window(frames: Sequence[tuple[int, Grid]]) -> None:
    if not frames:
        raise InputError("frames is empty: at least 1 is needed")
    first = frames[0][1]
    for epoch, grid in frames:
        if not (np.array_equal(grid.x, first.x) and np.array_equal(grid.y, first.y)):
            raise InputError(f"the grid of epoch {epoch} covers another window than the first: one is needed")
