"""The pictures of a training, opened again: there, of their size, not blank, and with what they promise in them."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import call
from PIL import Image, ImageSequence
from sklearn.datasets import load_diabetes, load_iris

from trainer.gallery import EXHIBITS
from trainer.model_file import load_predictor
from trainer.pictures import N_FRAMES, frame_epochs


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def pixels(path: str | Path) -> np.ndarray:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"))


def frames(path: str | Path) -> list[np.ndarray]:
    with Image.open(path) as picture:
        assert picture.format == "GIF"
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(picture)]


def n_colours(picture: np.ndarray) -> int:
    return len(np.unique(picture.reshape(-1, 3), axis=0))


def assert_drawn(picture: np.ndarray) -> None:
    """Every quarter of the picture holds something other than paper: nothing is blank, nothing cut off."""
    assert n_colours(picture) > 20
    for half in np.array_split(picture, 2, axis=0):
        for quarter in np.array_split(half, 2, axis=1):
            assert (quarter < 200).any()


def test_plots_of_xor_are_accuracy_loss_and_boundary(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "--epochs", 5000, "--plots", "plots") == 0
    assert sorted(os.listdir("plots")) == ["accuracy.png", "boundary.png", "loss.png"]
    out = capsys.readouterr().out
    for name in os.listdir("plots"):
        picture = pixels(Path("plots", name))
        assert picture.shape == (630, 900, 3)
        assert_drawn(picture)
        assert f"written: plots/{name}".replace("/", os.sep) in out
    # Probability is drawn as shades, so the boundary has far more colours than a curve's few and their edges.
    assert n_colours(pixels("plots/boundary.png")) > 2 * n_colours(pixels("plots/loss.png"))


def test_pictures_replace_those_of_an_earlier_training() -> None:
    for seed in (0, 1):
        assert call("train", "--epochs", 300, "--seed", seed, "--plots", "plots", "--quiet") == 0
        os.rename("plots/loss.png", f"loss-{seed}.png")
    assert (pixels("loss-0.png") != pixels("loss-1.png")).any()
    assert sorted(os.listdir("plots")) == ["accuracy.png", "boundary.png"]


def test_the_animation_follows_the_training() -> None:
    assert call("train", "--epochs", 3000, "--gif", "xor.gif", "--quiet") == 0
    assert os.listdir() == ["xor.gif"]
    pictures = frames("xor.gif")
    assert len(pictures) == N_FRAMES + 1
    assert {picture.shape for picture in pictures} == {(340, 1000, 3)}
    assert_drawn(pictures[-1])
    accuracy, boundary, loss = slice(0, 380), slice(400, 640), slice(680, 1000)
    for panel in (accuracy, boundary, loss):
        assert (pictures[0][:, panel] != pictures[-1][:, panel]).any()
    moved = sum((a != b).any() for a, b in itertools.pairwise(pictures))
    assert moved == N_FRAMES


def test_the_animation_shows_the_network_of_each_moment_and_leaves_the_final_one() -> None:
    assert call("train", "--epochs", 2000, "--save", "plain.safetensors", "--quiet") == 0
    assert call("train", "--epochs", 2000, "--save", "filmed.safetensors", "--gif", "xor.gif", "--quiet") == 0
    plain, filmed = (load_predictor(f"{name}.safetensors").model.parameters for name in ("plain", "filmed"))
    assert plain.tobytes() == filmed.tobytes()


@pytest.mark.parametrize(("epochs", "expected"), [(1, [0, 1]), (3, [0, 1, 2, 3]), (200, list(range(0, 201, 2)))])
def test_frames_are_spread_evenly_from_the_start_to_the_end(epochs: int, expected: list[int]) -> None:
    assert frame_epochs(epochs) == expected


def test_shortest_training_has_pictures_too() -> None:
    assert call("train", "--epochs", 1, "--plots", "plots", "--gif", "xor.gif", "--quiet") == 0
    assert len(os.listdir("plots")) == 3
    assert len(frames("xor.gif")) == 2


def test_a_table_without_a_plane_has_curves_only() -> None:
    data = load_iris()
    pl.from_numpy(data.data).with_columns(pl.Series("kind", data.target)).write_csv("iris.csv")
    assert call("train", "iris.csv", "--epochs", 20, "--validation", 0.2, "--plots", "plots", "--quiet") == 0
    assert sorted(os.listdir("plots")) == ["accuracy.png", "loss.png"]
    for name in os.listdir("plots"):
        assert_drawn(pixels(Path("plots", name)))


def test_two_features_of_a_table_have_a_boundary_in_the_units_of_the_table() -> None:
    data = load_iris()
    names = ["setosa", "versicolor", "virginica"]
    table = pl.DataFrame({"petal length": data.data[:, 2], "petal width": data.data[:, 3]})
    table.with_columns(pl.Series("kind", [names[i] for i in data.target])).write_csv("petals.csv")
    assert call("train", "petals.csv", "--epochs", 50, "--plots", "plots", "--gif", "petals.gif", "--quiet") == 0
    picture = pixels("plots/boundary.png")
    assert_drawn(picture)
    assert n_colours(picture) > 100
    assert len(frames("petals.gif")) == 51


def test_a_regression_has_its_r2() -> None:
    data = load_diabetes()
    pl.from_numpy(data.data).with_columns(pl.Series("y", data.target)).write_csv("diabetes.csv")
    assert call("train", "diabetes.csv", "--epochs", 20, "--plots", "plots", "--quiet") == 0
    assert sorted(os.listdir("plots")) == ["loss.png", "r2.png"]
    assert_drawn(pixels("plots/r2.png"))


def test_everything_can_be_written_to_the_folder_of_the_pictures_that_is_made_for_it(tmp_path: Path) -> None:
    names = {"--gif": "training.gif", "--history": "history.json", "--save": "model.safetensors"}
    options = [word for option, name in names.items() for word in (option, tmp_path / "new" / name)]
    assert call("train", "--epochs", 200, "--quiet", "--plots", tmp_path / "new", *options) == 0
    made = {path.name for path in (tmp_path / "new").iterdir()}
    assert made == {"accuracy.png", "loss.png", "boundary.png", *names.values()}


def test_the_gallery_makes_the_three_animations(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("gallery", "pictures", "--epochs", 2000) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert sorted(os.listdir("pictures")) == sorted(exhibit.file_name for exhibit in EXHIBITS)
    last = []
    for exhibit in EXHIBITS:
        pictures = frames(Path("pictures", exhibit.file_name))
        assert len(pictures) == N_FRAMES + 1
        assert_drawn(pictures[-1])
        last.append(pictures[-1])
        assert exhibit.file_name in out
        assert f"{exhibit.hidden} neurons" in out
    assert (last[0] != last[1]).any()
    assert [(exhibit.hidden, exhibit.learning_rate, exhibit.l2) for exhibit in EXHIBITS] == [
        (3, 0.003, 0.0),
        (50, 0.003, 1e-4),
        (50, 0.003, 1e-6),
    ]


def test_a_gallery_that_cannot_be_written_makes_no_folder() -> None:
    assert call("gallery", "pictures", "--epochs", 0) == 2
    assert os.listdir() == []
