"""Pictures of a trained model, written as PNG files: its confusions, its residuals, its weights.

Inputs are plain arrays. Panels are drawn in `trainer.model_panels`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trainer.errors import InputError
from trainer.model_panels import (
    MOST_NAMED,
    draw_confusion,
    draw_residual_counts,
    draw_residuals,
    draw_weights,
)
from trainer.output_file import require_writable
from trainer.panels import blank_sheet, draw_heading
from trainer.plots import DPI, PathLike, save_png

LAYERS_IN_A_ROW = {1: 1, 2: 2, 4: 2}  # of these numbers of layers; 3 of others
MOST_LAYERS = 12


def check_picture(path: PathLike) -> Path:
    """Return the path of a picture to be written; raise InputError where it cannot be, or is no .png file."""
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise InputError(f"picture: file {path} given, a name that ends in .png accepted")
    return require_writable(path)


def save_confusion(confusion: np.ndarray, class_names: Sequence[str], path: PathLike, title: str | None = None) -> None:
    """Draw how many rows of each class were taken for which.

    Parameters
    ----------
    confusion : int64 (n_classes, n_classes)
        Rows of each class (down) that were predicted to be of each class (across).
    class_names : sequence of str
    path : path-like
        The PNG file to write.
    title : str, optional
        A heading.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    check_picture(path)
    n_classes = len(class_names)
    size = min(4.6 + 0.22 * max(n_classes - 4, 0), 8.0) if n_classes <= MOST_NAMED else 7.0
    sheet = blank_sheet(size + 0.6, size, DPI)
    draw_confusion(sheet.panels[0], confusion, class_names)
    draw_heading(sheet, title)
    save_png(sheet, path)


def save_residuals(predictions: np.ndarray, residuals: np.ndarray, path: PathLike, title: str | None = None) -> None:
    """Draw residuals against predictions, and beside it how they are distributed.

    Parameters
    ----------
    predictions, residuals : float64 (n_samples,)
        What was predicted, and target minus prediction.
    path, title
        As for `save_confusion`.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    check_picture(path)
    sheet = blank_sheet(7.2, 4.2, DPI, panel_widths=(4, 1))
    draw_residuals(sheet.panels[0], predictions, residuals)
    draw_residual_counts(sheet.panels[1], residuals, sheet.panels[0].get_ylim())
    draw_heading(sheet, title)
    save_png(sheet, path)


def save_weights(weights: Sequence[np.ndarray], path: PathLike, title: str | None = None) -> None:
    """Draw the distribution of the weights of each layer, of the first `MOST_LAYERS` if there are more.

    Parameters
    ----------
    weights : sequence of (n_in, n_out) arrays
    path, title
        As for `save_confusion`.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    check_picture(path)
    shown = weights[:MOST_LAYERS]
    columns = LAYERS_IN_A_ROW.get(len(shown), 3)
    n_rows = -(-len(shown) // columns)
    sheet = blank_sheet(max(3.0 * columns, 4.2), 0.4 + 2.4 * n_rows, DPI, (1,) * columns, n_rows)
    for i, axes in enumerate(sheet.panels):
        if i < len(shown):
            draw_weights(axes, shown[i], f"layer {i + 1}: {' × '.join(f'{size:,}' for size in shown[i].shape)}")
            if i % columns == 0:
                axes.set_ylabel("weights")
        else:
            axes.set_visible(False)
    left_out = len(weights) - len(shown)
    draw_heading(sheet, title if not left_out else f"{title or ''} ({left_out} more layers)".strip())
    save_png(sheet, path)
