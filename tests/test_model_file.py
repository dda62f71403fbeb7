"""A model file gives back what was saved, bit for bit, and a damaged or foreign one is refused without running code."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernels.backends import BACKENDS
from trainer.columns import numeric_columns
from trainer.errors import InputError
from trainer.model import MLP
from trainer.model_file import load_predictor, save_predictor
from trainer.predictor import Predictor
from trainer.preprocessing import Standardizer


def classifier(**options: Any) -> Predictor:
    model = MLP([3, 4, 2], output_activation="softmax", loss="cross_entropy", random_state=0, **options)
    inputs = Standardizer(np.array([1.0, -2.5, 1 / 3]), np.array([0.1, 7.0, 1e-9]))
    return Predictor(model, "classify", ("no", "ja, natürlich"), numeric_columns(("a", "b b", "ç")), "kind", inputs)


def regressor() -> Predictor:
    model = MLP([2, 5, 3, 1], activation="relu", output_activation="identity", bias=False, random_state=1)
    one = Standardizer(np.array([4.0]), np.array([1e3]))
    return Predictor(model, "regress", (), numeric_columns(("x0", "x1")), "y", None, one)


def saved(tmp_path: Path, predictor: Predictor | None = None) -> Path:
    path = tmp_path / "model.npz"
    save_predictor(predictor or classifier(), path)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_predictor(path)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.startswith(f"model {path}: ")
    return message


def rewritten(path: Path, **changes: Any) -> Path:
    """Write the file again with other arrays; None leaves one out, a dict changes entries of the description."""
    with np.load(path) as archive:
        arrays: dict[str, Any] = dict(archive)
    description = changes.pop("description", {})
    if isinstance(description, dict):
        merged = json.loads(str(arrays["description"])) | description
        description = json.dumps({name: value for name, value in merged.items() if value is not Ellipsis})
    arrays |= {"description": np.array(description), **changes}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


# ---- round trip


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
def test_a_classifier_comes_back_bit_for_bit(dtype: str, bias: bool, backend: str, tmp_path: Path) -> None:
    before = classifier(dtype=dtype, bias=bias)
    after = load_predictor(saved(tmp_path, before), backend)
    assert after.model.parameters.tobytes() == before.model.parameters.tobytes()
    assert after.model.dtype == before.model.dtype
    assert after.model.backend == backend
    for name in ("layer_sizes", "hidden_activations", "output_activation", "loss_name", "bias"):
        assert getattr(after.model, name) == getattr(before.model, name)
    for name in ("task", "classes", "feature_names", "target_name", "target"):
        assert getattr(after, name) == getattr(before, name)
    assert before.inputs is not None
    assert after.inputs is not None
    assert after.inputs.mean.tobytes() == before.inputs.mean.tobytes()
    assert after.inputs.scale.tobytes() == before.inputs.scale.tobytes()


@pytest.mark.parametrize(
    ("loss", "parameter", "outputs"),
    [("huber", 1 / 3, "identity"), ("quantile", 0.1, "identity"), ("poisson", None, "exp"), ("mse", None, "identity")],
)
def test_a_loss_comes_back_with_its_parameter(loss: str, parameter: float | None, outputs: str, tmp_path: Path) -> None:
    model = MLP([2, 5, 1], loss=loss, loss_parameter=parameter, output_activation=outputs, random_state=1)
    before = Predictor(model, "regress", (), numeric_columns(("x0", "x1")), "y")
    after = load_predictor(saved(tmp_path, before))
    assert (after.model.loss_name, after.model.loss_parameter) == (loss, parameter)
    X, Y = np.random.default_rng(0).random((40, 2)), np.random.default_rng(1).random((40, 1))
    assert after.predict(X).tobytes() == before.predict(X).tobytes()
    assert after.model.loss(X, Y) == model.loss(X, Y)


def test_files_from_before_losses_had_a_parameter_are_read(tmp_path: Path) -> None:
    path = rewritten(saved(tmp_path), description={"loss_parameter": ...})
    with np.load(path) as archive:
        assert "loss_parameter" not in json.loads(str(archive["description"]))
    assert load_predictor(path).model.loss_parameter is None


def test_a_regressor_predicts_the_same_bits(tmp_path: Path) -> None:
    before = regressor()
    after = load_predictor(saved(tmp_path, before))
    X = np.random.default_rng(0).normal(size=(40, 2))
    assert after.predict(X).tobytes() == before.predict(X).tobytes()


@pytest.mark.parametrize("classes", [("a", "b"), (3, -1), (False, True)])
def test_labels_keep_their_type(classes: tuple[Any, Any], tmp_path: Path) -> None:
    before = classifier()
    path = saved(tmp_path, Predictor(before.model, "classify", classes, before.columns, "kind"))
    loaded = load_predictor(path)
    assert loaded.classes == classes
    assert [type(label) for label in loaded.classes] == [type(label) for label in classes]
    assert set(loaded.predict(np.random.default_rng(0).normal(size=(50, 3))).tolist()) <= set(classes)


def test_the_same_model_gives_the_same_file(tmp_path: Path) -> None:
    assert saved(tmp_path).read_bytes() == saved(tmp_path).read_bytes()


def test_the_file_holds_no_pickle(tmp_path: Path) -> None:
    with np.load(saved(tmp_path), allow_pickle=False) as archive:
        assert all(archive[name].dtype.kind in "Uf" for name in archive.files)


# ---- damage


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path)
    content = path.read_bytes()
    for length in [*range(0, len(content), 37), len(content) - 1]:
        path.write_bytes(content[:length])
        refusal(path)


def test_a_flipped_bit_is_refused_or_changes_nothing(tmp_path: Path) -> None:
    path = saved(tmp_path)
    content, before = path.read_bytes(), classifier()
    X = np.random.default_rng(0).normal(size=(5, 3))
    refused = 0
    for place in range(0, len(content), 5):
        damaged = bytearray(content)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        try:
            after = load_predictor(path)
        except InputError:
            refusal(path)
            refused += 1
        else:  # a date or another note that no reader looks at
            assert after.probabilities(X).tobytes() == before.probabilities(X).tobytes()
    assert refused > len(content) / 5 / 2


def zipped(names: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in names.items():
            archive.writestr(name, data)
    return content.getvalue()


def saved_array(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 100,
        b"a text\nof two lines\n",
        b'{"format": "scratch-mlp model"}',
        saved_array(np.zeros(3)),
        zipped({}),
        zipped({"notes.txt": b"hello"}),
        zipped({"description": b'{"format": "scratch-mlp model", "format_version": 1}', "parameters": b"abc"}),
        zipped({"description.npy": b"\x93NUMPY and no more"}),
        zipped({"description.npy": saved_array(np.array("[]"))}),
        zipped({"description.npy": saved_array(np.array("not JSON"))}),
        zipped({"description.npy": saved_array(np.array('{"format": "scratch-mlp model"}'))}),
    ],
)
def test_files_of_another_kind_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    path.write_bytes(content)
    refusal(path)


def test_a_foreign_archive_is_called_no_model(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, X=np.zeros((3, 2)), y=np.zeros(3))
    assert "not a model of this program" in refusal(path)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "missing.npz")
    assert "cannot be read" in refusal(tmp_path)


class Trap:
    """Unpickling calls `sprung.append`, as it could call anything."""

    sprung: list[str]

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return _spring, ("pickled code ran",)


_SPRUNG: list[str] = []


def _spring(message: str) -> None:
    _SPRUNG.append(message)


@pytest.mark.parametrize("name", ["description", "parameters", "inputs_mean", "extra"])
def test_pickled_objects_are_refused_and_never_run(name: str, tmp_path: Path) -> None:
    path = saved(tmp_path)
    trap = np.array([Trap()], dtype=object)
    with np.load(path) as archive:
        arrays: dict[str, Any] = {**archive, name: trap}
    np.savez(path, **arrays)
    refusal(path)
    path.write_bytes(pickle.dumps(Trap()))
    refusal(path)
    assert _SPRUNG == []
    pickle.loads(pickle.dumps(Trap()))  # the trap does spring where pickles are trusted
    assert _SPRUNG.pop() == "pickled code ran"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"description": {"format": "another"}}, "not a model"),
        ({"description": {"format_version": 2}}, "version 2"),
        ({"description": {"format_version": Ellipsis}}, "version None"),
        ({"description": {"layer_sizes": Ellipsis}}, "layer_sizes is missing"),
        ({"description": {"layer_sizes": [3, 5, 2]}}, "the layers want"),
        ({"description": {"layer_sizes": [3, -4, 2]}}, "-4"),
        ({"description": {"layer_sizes": "3-4-2"}}, "3-4-2"),
        ({"description": {"layer_sizes": [3, 10**18, 2]}}, "damaged"),
        ({"description": {"activation": "swish"}}, "swish"),
        ({"description": {"loss": None}}, "None"),
        ({"description": {"loss_parameter": 0.5}}, "loss_parameter: 0.5 given with the loss cross_entropy"),
        ({"description": {"loss": "poisson"}}, "outputs of exp needed"),
        ({"description": {"dtype": "float64"}}, "the layers want"),
        ({"description": {"dtype": "object"}}, "object"),
        ({"description": {"task": "cluster"}}, "cluster"),
        ({"description": {"classes": ["one"]}}, "1 outputs"),
        ({"description": {"classes": 7}}, "damaged"),
        ({"description": {"feature_names": ["a", "b"]}}, "2 features"),
        ({"description": {"target_name": Ellipsis}}, "target_name is missing"),
        ({"description": "[1, 2"}, "not a model"),
        ({"description": None}, "not a model"),
        ({"parameters": None}, "parameters is missing"),
        ({"parameters": np.zeros(3, np.float32)}, "the layers want"),
        ({"parameters": np.zeros(26, np.int32)}, "int32"),
        ({"parameters": np.full(26, np.nan, np.float32)}, "not finite"),
        ({"inputs_mean": np.zeros(2)}, "standardisation of the inputs"),
        ({"inputs_scale": np.array([1.0, np.inf, 1.0])}, "standardisation of the inputs"),
        ({"inputs_scale": np.array([1.0, 0.0, 1.0])}, "standardisation of the inputs"),
        ({"inputs_scale": None}, "inputs_scale is missing"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_contents_that_do_not_fit_together_are_refused(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    assert words in refusal(rewritten(saved(tmp_path), **changes))


# ---- writing


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    for path in (tmp_path / "missing" / "m.npz", tmp_path):
        with pytest.raises(InputError, match="cannot write"):
            save_predictor(classifier(), path)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_backend_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^backend: 'cuda'"):
        load_predictor(saved(tmp_path), "cuda")
