"""Data sets by their names: each a table with readable classes, and refusals that name the option."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import numpy as np
import pytest
from refusals import message_of
from sklearn import datasets as theirs

from trainer import datasets, sklearn_datasets
from trainer.dataset_tables import DATASET_NAMES, MAX_SAMPLES, Drawing, dataset_table, suggestion
from trainer.errors import InputError

CLASSES = {
    "xor": ("signs equal", "signs differ"),
    "circles": ("inner", "outer"),
    "moons": ("lower", "upper"),
    "gaussians": ("lower left", "upper right"),
    "spiral": ("left arm", "right arm"),
    "plane": (),
    "gaussian": (),
    "digits": tuple(range(10)),
    "iris": ("setosa", "versicolor", "virginica"),
    "wine": ("class_0", "class_1", "class_2"),
    "breast_cancer": ("benign", "malignant"),
    "diabetes": (),
}
OF_SKLEARN = {"digits", "iris", "wine", "breast_cancer", "diabetes"}
DRAWN = [name for name in CLASSES if name not in OF_SKLEARN]


def test_these_are_all() -> None:
    assert set(DATASET_NAMES) == set(CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_a_data_set_is_a_table(name: str) -> None:
    table = dataset_table(name)
    assert table.classes == CLASSES[name]
    assert table.task == ("classify" if table.classes else "regress")
    assert table.features().dtype == np.float64
    assert table.features().flags.c_contiguous
    assert table.features().shape == (len(table.y), len(table.columns))
    assert len(set(table.feature_names)) == len(table.columns)
    assert all(type(label) in (str, int) for label in table.classes)
    if table.classes:
        assert table.y.dtype == np.int64
        assert np.unique(table.y).tolist() == list(range(len(table.classes)))


def test_classes_are_named_by_where_their_points_lie() -> None:
    def means(name: str) -> dict[object, np.ndarray]:
        table = dataset_table(name)
        return {label: table.features()[table.y == i].mean(axis=0) for i, label in enumerate(table.classes)}

    assert means("gaussians")["upper right"].min() > 1
    assert means("moons")["upper"][1] > means("moons")["lower"][1]
    circles, spiral, xor = dataset_table("circles"), dataset_table("spiral"), dataset_table("xor")
    assert np.hypot(*circles.features()[circles.y == 0].T).max() < 2.5
    ends = spiral.features()[np.argsort(np.hypot(*spiral.features().T))[-2:]]
    labels = [spiral.classes[i] for i in spiral.y[np.argsort(np.hypot(*spiral.features().T))[-2:]]]
    assert sorted(zip(np.sign(ends[:, 0]).tolist(), labels, strict=True)) == [(-1, "left arm"), (1, "right arm")]
    np.testing.assert_array_equal(xor.y, np.prod(np.sign(xor.features()), axis=1) < 0)


@pytest.mark.parametrize("name", sorted(OF_SKLEARN))
def test_real_tables_are_scikit_learns(name: str) -> None:
    table, loaded = dataset_table(name), getattr(theirs, f"load_{name}")()
    np.testing.assert_array_equal(table.features(), loaded.data)
    assert table.feature_names == tuple(loaded.feature_names)
    labels = np.array(table.classes)[table.y] if table.classes else table.y
    np.testing.assert_array_equal(labels, loaded.target_names[loaded.target] if table.classes else loaded.target)


def test_what_is_asked_of_a_drawing_reaches_it() -> None:
    table = dataset_table("moons", Drawing(samples=40, noise=0.25, seed=7))
    X, y = datasets.moons(40, 7, noise=0.25)
    np.testing.assert_array_equal(table.features(), X)
    np.testing.assert_array_equal(table.y, 1 - y)  # classes are sorted
    np.testing.assert_array_equal(dataset_table("plane", Drawing(seed=3)).y, datasets.plane(random_state=3)[1])


@pytest.mark.parametrize(
    ("name", "drawing", "message"),
    [
        ("spiral", Drawing(samples=1), "samples: 1 given, an integer of at least 2 accepted"),
        (
            "plane",
            Drawing(samples=MAX_SAMPLES + 1),
            f"samples: {MAX_SAMPLES + 1} given, an integer of at most {MAX_SAMPLES} accepted",
        ),
        ("moons", Drawing(noise=2.0), "noise: 2 given, a number of at least 0 and at most 1 accepted"),
        ("xor", Drawing(seed=2**32), "data-seed: 4294967296 given, an integer of at most 4294967295 accepted"),
        ("xor", Drawing(samples=2, seed=5), "samples: 2 given, all of them with the same signs; more needed"),
        (
            "iris",
            Drawing(noise=0.0),
            "noise: 0.0 given with iris, only for xor, circles, moons, gaussians, spiral, plane, gaussian",
        ),
    ],
)
def test_drawings_that_cannot_be_are_refused(name: str, drawing: Drawing, message: str) -> None:
    assert message_of(InputError, dataset_table, name, drawing) == message


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    assert message_of(InputError, dataset_table, "mnist").startswith("data: 'mnist' given, one of xor, circles, moons")


@pytest.mark.parametrize(
    ("meant", "name"),
    [("spirals", "spiral"), ("Moons", "moons"), ("breast-cancer", "breast_cancer"), ("digit", "digits")],
)
def test_a_near_miss_suggests_the_name(meant: str, name: str) -> None:
    assert suggestion(meant).startswith(f"did you mean {name}? ")


def test_what_is_near_to_nothing_suggests_all() -> None:
    assert suggestion("x" * 1000) == f"Data sets are {', '.join(DATASET_NAMES)}"


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    message = message_of(InputError, dataset_table, "digits")
    assert message == 'digits: needs scikit-learn; pip install "scratch-mlp[sklearn]"'
    for name in DRAWN:
        dataset_table(name)


def test_scikit_learn_is_imported_when_it_is_needed() -> None:
    path = Path(sklearn_datasets.__file__)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    importing = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "sklearn"]
    assert importing
    assert not set(importing) & set(tree.body)
