"""Every picture is opened and looked into: its size, its colours, its frames, and what is refused."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from trainer.animation import save_animation
from trainer.boundary import (
    CLASS_COLOURS,
    UNDEFINED_GREY,
    Grid,
    evaluate_grid,
    two_class_anchors,
)
from trainer.errors import InputError
from trainer.learning_curves import loss_curves, score_curves
from trainer.plots import save_boundary, save_loss, save_score, save_throughput

pytestmark = pytest.mark.filterwarnings("error")

X = np.random.RandomState(0).randn(120, 2)
LABELS = (X[:, 0] * X[:, 1] < 0).astype(np.int64)
NAMES = ["same", "different"]
WARNING = "#B03A00"


def history(n_records: int = 200, validation: bool = True) -> dict[str, np.ndarray]:
    epoch = np.arange(n_records) * 10
    loss = 0.02 + 0.7 * np.exp(-epoch / 300)
    columns = {"epoch": epoch, "loss": loss, "mean_abs_error": loss, "accuracy": 1 - loss / 2}
    return columns | ({"val_loss": loss + 0.01, "val_accuracy": 0.97 - loss / 2} if validation else {})


def exploded() -> dict[str, np.ndarray]:
    columns = history(validation=False)
    columns["loss"][150:] = np.geomspace(0.03, 1e300, 50)
    columns["loss"][-2:] = np.inf, np.nan
    return columns


def xor_probability(points: np.ndarray, steepness: float = 3.0) -> np.ndarray:
    second = 1 / (1 + np.exp(steepness * points[:, 0] * points[:, 1]))
    return np.stack([1 - second, second], axis=1)


def three_probability(points: np.ndarray) -> np.ndarray:
    logits = points @ np.array([[2.0, -1.0, -1.0], [0.0, 2.0, -2.0]])
    exponential = np.exp(logits)
    return exponential / exponential.sum(axis=1, keepdims=True)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def count(picture: np.ndarray, colour: str, tolerance: int = 6) -> int:
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(picture - wanted).max(axis=2) <= tolerance).sum())


def n_colours(picture: np.ndarray) -> int:
    return len(np.unique(picture.reshape(-1, 3), axis=0))


def read_gif(path: Path) -> tuple[list[np.ndarray], list[int], int]:
    with Image.open(path) as gif:
        frames = [(np.asarray(f.convert("RGB")).astype(int), f.info["duration"]) for f in ImageSequence.Iterator(gif)]
        return [f for f, _ in frames], [d for _, d in frames], gif.info["loop"]


@pytest.mark.parametrize("save", [save_loss, save_score])
def test_curves_show_training_and_validation(save: Callable[..., None], tmp_path: Path) -> None:
    save(history(), tmp_path / "both.png", "A title")
    save(history(validation=False), tmp_path / "training.png", "A title")
    both, training = pixels(tmp_path / "both.png"), pixels(tmp_path / "training.png")
    assert both.shape == training.shape == (630, 900, 3)
    assert min(n_colours(both), n_colours(training)) > 50
    # A line 3 pixels thick that crosses more than half of the picture.
    assert count(both, "#1B8A7A") > 900
    assert count(both, "#882255") > 900
    assert count(training, "#1B8A7A") > 900
    assert count(training, "#882255") == 0


def test_a_single_record_is_visible(tmp_path: Path) -> None:
    one = {name: column[:1] for name, column in history(validation=False).items()}
    for save in (save_loss, save_score):
        save(one, tmp_path / "one.png")
        assert count(pixels(tmp_path / "one.png"), "#1B8A7A") > 20


def test_regression_shows_r2(tmp_path: Path) -> None:
    columns = {"epoch": np.arange(100), "loss": np.ones(100), "r2": 1 - 9 * np.exp(-np.arange(100) / 9)}
    save_score(columns, tmp_path / "r2.png")
    assert count(pixels(tmp_path / "r2.png"), "#1B8A7A") > 900
    assert score_curves(columns).note == "R² reaches −8, off the scale"


def test_an_exploding_loss_keeps_the_scale_of_what_came_before(tmp_path: Path) -> None:
    curves = loss_curves(exploded())
    assert curves.limits.high < 10 * 0.72 * 10**0.2  # ten times the first loss, and the margin of the axis
    assert curves.limits.low > 0.01
    assert curves.note == "loss reaches 4.9e+287, off the scale"  # the last finite value, 0.03 * 10**(301.5 * 47/49)
    save_loss(exploded(), tmp_path / "plain.png")
    save_loss(exploded(), tmp_path / "marked.png", diverged_at=1985)
    plain, marked = pixels(tmp_path / "plain.png"), pixels(tmp_path / "marked.png")
    assert count(plain, "#1B8A7A") > 900
    # Below the heading the warning's colour belongs to the line at the epoch of divergence alone.
    assert count(plain[120:], WARNING, 20) == 0
    assert count(marked[120:], WARNING, 20) > 200


def test_boundary_shows_both_regions_both_classes_and_the_line(tmp_path: Path) -> None:
    grid = evaluate_grid(lambda points: xor_probability(points, 30.0), X)
    save_boundary(grid, X, LABELS, tmp_path / "boundary.png", ["$one_", "_a very long name of a class"], "XOR")
    picture = pixels(tmp_path / "boundary.png")
    assert picture.shape == (630, 900, 3)
    # Inside the panel, away from axes and legend, the only ink is the boundary.
    for colour in (*CLASS_COLOURS[:2], "#303030"):
        assert count(picture[100:480, 100:400], colour) > 500
    for anchor in (two_class_anchors()[0], two_class_anchors()[2]):
        region = "#" + "".join(f"{round(255 * part):02X}" for part in anchor)
        assert count(picture, region) > 10_000


@pytest.mark.parametrize("width", [0.3, 1.0, 1.1, 1.5])
def test_boundary_of_points_in_a_window_of_any_width_has_both_names(width: float, tmp_path: Path) -> None:
    points = X * (width, 1.0)
    grid = evaluate_grid(lambda places: xor_probability(places, 3.0), points)
    save_boundary(grid, points, LABELS, tmp_path / "wide.png", NAMES, input_names=("x1", "mmm"))
    dark = pixels(tmp_path / "wide.png").max(axis=2) < 128
    ink = np.flatnonzero(dark.any(axis=0))
    upright = dark[:, ink[0] : ink[0] + 12].sum()  # of the name turned on its side, or of numbers
    assert ink[0] > 3
    save_boundary(grid, points, LABELS, tmp_path / "none.png", NAMES, input_names=("x1", "m"))
    shorter = pixels(tmp_path / "none.png").max(axis=2) < 128
    assert shorter[:, ink[0] : ink[0] + 12].sum() < upright


def test_boundary_of_three_classes_shows_each(tmp_path: Path) -> None:
    labels = three_probability(X).argmax(axis=1)
    grid = evaluate_grid(three_probability, X)
    save_boundary(grid, X, labels, tmp_path / "three.png", ["a", "b", "c"], "Three classes")
    picture = pixels(tmp_path / "three.png")
    for colour in (*CLASS_COLOURS[:3], "#303030"):
        assert count(picture[100:480, 100:400], colour) > 100


def test_undefined_probabilities_are_grey(tmp_path: Path) -> None:
    axis = np.linspace(-3, 3, 20)
    grey = "#" + 3 * f"{round(255 * UNDEFINED_GREY):02X}"
    for n_classes in (2, 3):
        shape = (20, 20) if n_classes == 2 else (20, 20, 3)
        grid = Grid(axis, axis, np.full(shape, np.nan))
        save_boundary(grid, X, LABELS, tmp_path / "nan.png", ["a", "b", "c"][:n_classes])
        assert count(pixels(tmp_path / "nan.png"), grey) > 50_000


def test_many_points_and_many_classes_are_drawn(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    points, labels = rng.normal(size=(20_000, 2)), rng.integers(0, 10, 20_000)
    grid = evaluate_grid(lambda points: np.full((len(points), 10), 0.1), points, n=20)
    save_boundary(grid, points, labels, tmp_path / "ten.png", [str(k) for k in range(10)])
    picture = pixels(tmp_path / "ten.png")
    assert all(count(picture, colour) > 100 for colour in CLASS_COLOURS)


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        (LABELS + 1, NAMES, "labels run from 1 to 2"),
        (LABELS[:-1], NAMES, r"shape \(120,\)"),
        (LABELS.astype(float), NAMES, "labels is float64"),
        (LABELS, ["only"], "class_names has 1"),
        (LABELS, ["a", "b", "c"], "grid.probability has shape"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: np.ndarray, names: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        save_boundary(evaluate_grid(xor_probability, X, n=9), X, labels, tmp_path / "b.png", names)
    assert os.listdir(tmp_path) == []


def animate(path: Path, n_frames: int, columns: dict[str, np.ndarray], **options: object) -> None:
    last = int(columns["epoch"][-1])
    epochs = np.linspace(0, last, n_frames).astype(int)
    frames = [
        (int(epoch), evaluate_grid(lambda points, s=3 * epoch / last: xor_probability(points, s), X, n=60))
        for epoch in epochs
    ]
    save_animation(columns, frames, X, LABELS, path, NAMES, "XOR", **options)  # type: ignore[arg-type]


def test_animation_moves_repeats_and_holds_its_last_frame(tmp_path: Path) -> None:
    animate(tmp_path / "run.gif", 12, history(), fps=20)
    frames, durations, loop = read_gif(tmp_path / "run.gif")
    assert len(frames) == 12
    assert durations == [50] * 11 + [2000]
    assert loop == 0
    assert frames[0].shape == (340, 1000, 3)
    for earlier, later in itertools.pairwise(frames):
        moved = (earlier != later).any(axis=2)
        assert moved[:, :380].any()
        assert moved[:, 400:640].any()
        assert moved[:, 680:].any()
    for frame in frames:
        assert (frame[0, 0] == 255).all()
        assert all(count(frame, colour, 12) > 200 for colour in CLASS_COLOURS[:2])
    # The axes stand still: the labels left of and below the accuracy are the same in all frames.
    assert all((frame[30:, :55] == frames[0][30:, :55]).all() for frame in frames)
    assert all((frame[265:, :] == frames[0][265:, :]).all() for frame in frames)


def test_curves_of_an_animation_grow(tmp_path: Path) -> None:
    animate(tmp_path / "run.gif", 5, history(validation=False))
    frames, _, _ = read_gif(tmp_path / "run.gif")
    drawn = [count(frame, "#1B8A7A", 12) for frame in frames]
    assert drawn == sorted(drawn)
    assert drawn[-1] > 3 * drawn[0]


def test_animation_of_an_exploding_run_says_so_at_its_end(tmp_path: Path) -> None:
    animate(tmp_path / "run.gif", 6, exploded(), diverged_at=1985)
    frames, _, _ = read_gif(tmp_path / "run.gif")
    heading = [count(frame[:28], WARNING, 24) for frame in frames]
    assert heading[:-1] == [0] * 5
    assert heading[-1] > 100


def test_animation_of_one_frame_of_one_record_of_three_classes(tmp_path: Path) -> None:
    one = {name: column[:1] for name, column in history().items()}
    frames = [(0, evaluate_grid(three_probability, X, n=40))]
    save_animation(one, frames, X, three_probability(X).argmax(axis=1), tmp_path / "one.gif", ["a", "b", "c"])
    pictures, _, _ = read_gif(tmp_path / "one.gif")
    assert len(pictures) == 1
    assert all(count(pictures[0], colour, 12) > 100 for colour in CLASS_COLOURS[:3])


def test_unusable_frames_are_refused(tmp_path: Path) -> None:
    grid, other = (evaluate_grid(xor_probability, points, n=9) for points in (X, 2 * X))
    path = tmp_path / "run.gif"
    with pytest.raises(InputError, match="frames is empty"):
        save_animation(history(), [], X, LABELS, path, NAMES)
    with pytest.raises(InputError, match="epoch 5 covers another window"):
        save_animation(history(), [(0, grid), (5, other)], X, LABELS, path, NAMES)
    with pytest.raises(InputError, match="fps = 0"):
        save_animation(history(), [(0, grid)], X, LABELS, path, NAMES, fps=0)
    assert os.listdir(tmp_path) == []


def test_throughput_shows_each_series_and_the_peak(tmp_path: Path) -> None:
    sizes = 2 ** np.arange(4, 13)
    series = {"ours": np.linspace(100, 200, 9), "_peer": np.r_[np.linspace(20, 90, 6), [np.nan] * 3]}
    save_throughput(sizes, series, 227.0, tmp_path / "peak.png", "Training step")
    save_throughput(sizes, series, None, tmp_path / "none.png", "Training step")
    picture, without = pixels(tmp_path / "peak.png"), pixels(tmp_path / "none.png")
    assert picture.shape == (630, 1080, 3)
    assert count(picture, CLASS_COLOURS[0]) > 900
    assert 500 < count(picture, CLASS_COLOURS[1]) < count(picture, CLASS_COLOURS[0])
    # In the upper half only the dashes fill a third of a row with ink; the axis lies in the lower.
    upper = (picture[:315], without[:315])
    inked = [(np.abs(half - 0x30).max(axis=2) < 60).sum(axis=1).max() for half in upper]
    assert inked[0] > 360 > inked[1]


def test_unusable_throughput_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"series a has shape \(2,\)"):
        save_throughput([1, 2, 4], {"a": np.ones(2)}, None, tmp_path / "t.png")
    with pytest.raises(InputError, match="series a holds 0"):
        save_throughput([1, 2], {"a": np.array([1.0, 0.0])}, None, tmp_path / "t.png")
    with pytest.raises(InputError, match="peak holds -1"):
        save_throughput([1, 2], {"a": np.ones(2)}, -1.0, tmp_path / "t.png")
    assert os.listdir(tmp_path) == []


def all_pictures(path: Path) -> list[Callable[[], None]]:
    grid = evaluate_grid(xor_probability, X, n=9)
    return [
        lambda: save_loss(history(), path),
        lambda: save_score(history(), path),
        lambda: save_boundary(grid, X, LABELS, path, NAMES),
        lambda: save_animation(history(), [(0, grid)], X, LABELS, path, NAMES),
        lambda: save_throughput([1, 2], {"a": np.ones(2)}, None, path),
    ]


@pytest.mark.parametrize("which", range(5))
def test_a_path_that_cannot_be_written_is_named_and_leaves_nothing(which: int, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "missing" / "p.png", tmp_path / "file" / "p.png", tmp_path / "folder"):
        with pytest.raises(InputError, match=str(path)):
            all_pictures(path)[which]()
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "kept"
