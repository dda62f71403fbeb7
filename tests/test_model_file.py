"""A model file gives back what was saved, bit for bit, and one that is damaged, foreign or newer is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from example_predictors import MIXED, classifier, of_categories, regressor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernels.backends import BACKENDS
from trainer import __version__
from trainer.columns import numeric_columns
from trainer.errors import InputError
from trainer.model import MLP
from trainer.model_file import encode_model, load_model, load_predictor, save_predictor
from trainer.predictor import Predictor
from trainer.tensor_file import encode_tensors, read_tensors

X = np.random.default_rng(0).normal(size=(40, 3))


def saved(tmp_path: Path, predictor: Predictor | None = None, **stored: Any) -> Path:
    path = tmp_path / "model.safetensors"
    save_predictor(predictor or classifier(), path, **stored)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_predictor(path)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.startswith(f"model {path}: ")
    assert len(message) < 600
    return message


def rewritten(path: Path, header: dict[str, Any] | None = None, **arrays: np.ndarray | None) -> Path:
    """Write the file again, its checksum too, with other items and arrays; Ellipsis and None leave one out."""
    items, found = read_tensors(path, "model")
    items |= header or {}
    changed = found | {name.replace("__", "."): array for name, array in arrays.items()}
    left = {name: array for name, array in changed.items() if array is not None}
    path.write_bytes(encode_tensors({name: item for name, item in items.items() if item is not Ellipsis}, left))
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
    for name in ("task", "classes", "columns", "target_name", "target"):
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
    model = MLP([3, 5, 1], loss=loss, loss_parameter=parameter, output_activation=outputs, random_state=1)
    before = Predictor(model, "regress", (), numeric_columns(("x0", "x1", "x2")), "y")
    after = load_predictor(saved(tmp_path, before))
    assert (after.model.loss_name, after.model.loss_parameter) == (loss, parameter)
    Y = np.random.default_rng(1).random((40, 1))
    assert after.predict(X).tobytes() == before.predict(X).tobytes()
    assert after.model.loss(X, Y) == model.loss(X, Y)


def test_a_regressor_predicts_the_same_bits(tmp_path: Path) -> None:
    before = regressor()
    after = load_predictor(saved(tmp_path, before))
    assert after.predict(X[:, :2]).tobytes() == before.predict(X[:, :2]).tobytes()


def test_columns_keep_their_categories_and_what_they_are_filled_with(tmp_path: Path) -> None:
    before = of_categories()
    after = load_predictor(saved(tmp_path, before))
    assert after.columns == MIXED
    rows = np.array([[1.0, 2.0, 30.0], [2.0, np.nan, np.nan]])
    assert after.probabilities(rows).tobytes() == before.probabilities(rows).tobytes()


@pytest.mark.parametrize("classes", [("a", "b"), (3, -1), (False, True)])
def test_labels_keep_their_type(classes: tuple[Any, Any], tmp_path: Path) -> None:
    loaded = load_predictor(saved(tmp_path, replace(classifier(), classes=classes)))
    assert loaded.classes == classes
    assert [type(label) for label in loaded.classes] == [type(label) for label in classes]
    assert set(loaded.predict(X).tolist()) <= set(classes)


def test_what_a_model_was_made_of_comes_with_it(tmp_path: Path) -> None:
    stored = {"configuration": {"hidden": [4], "seed": 3, "data": "é.csv"}, "fingerprint": "sha256:00ff"}
    model = load_model(saved(tmp_path, **stored))
    assert (model.configuration, model.fingerprint) == (stored["configuration"], stored["fingerprint"])
    assert model.program_version == __version__
    without = load_model(saved(tmp_path))
    assert (without.configuration, without.fingerprint) == (None, None)


def test_the_state_of_a_training_is_left_to_who_stored_it(tmp_path: Path) -> None:
    extra = {"training.first": np.arange(3.0)}
    content = encode_model(classifier(), extra_header={"training.epoch": 7}, extra_arrays=extra)
    path = tmp_path / "checkpoint"
    path.write_bytes(content)
    assert load_predictor(path).probabilities(X).tobytes() == classifier().probabilities(X).tobytes()
    header, arrays = read_tensors(path, "checkpoint")
    assert header["training.epoch"] == 7
    assert arrays["training.first"].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match=r"^epoch: "):
        encode_model(classifier(), extra_header={"epoch": 7})


def test_the_same_model_gives_the_same_file(tmp_path: Path) -> None:
    assert saved(tmp_path).read_bytes() == saved(tmp_path).read_bytes()


# ---- damage


@given(st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_is_refused_or_changes_nothing(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(encode_model(of_categories(), configuration={"seed": 1}))
    place = data.draw(st.integers(0, len(content) - 1))
    kind = data.draw(st.sampled_from(["flip", "cut", "noise", "swap"]))
    if kind == "flip":
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    elif kind == "cut":
        del content[place:]
    elif kind == "noise":
        noise = data.draw(st.binary(min_size=1, max_size=40))
        content[place : place + len(noise)] = noise
    else:
        other = data.draw(st.integers(0, len(content) - 1))
        content[place], content[other] = content[other], content[place]
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    try:
        after = load_predictor(path)
    except InputError:
        refusal(path)
    else:  # another spelling of the same header, or the noise was what stood there
        rows = np.array([[1.0, 2.0, 30.0], [2.0, np.nan, np.nan]])
        assert after.probabilities(rows).tobytes() == of_categories().probabilities(rows).tobytes()


@given(st.binary(max_size=400))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_bytes_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    refusal(path)


ARBITRARY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
# Texts and what was stored with the model may say anything.
FREE = {"program_version", "target_name", "configuration", "fingerprint"}


@given(st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_item_that_says_something_else_is_refused(tmp_path: Path, data: st.DataObject) -> None:
    path = saved(tmp_path, of_categories(), configuration={}, fingerprint="f")
    header, _ = read_tensors(path, "model")
    name = data.draw(st.sampled_from(sorted(set(header) - FREE)))
    value = data.draw(ARBITRARY)
    same = value == header[name] and type(value) is type(header[name])
    if not same:
        refusal(rewritten(path, {name: value}))


def test_a_model_as_it_was_stored_before_is_told_what_models_are_now(tmp_path: Path) -> None:
    np.savez(tmp_path / "old.npz", parameters=np.zeros(3))
    assert "models are safetensors files now" in refusal(tmp_path / "old.npz")


def test_tensors_of_another_program_are_called_no_model(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"layers.0.weight": np.zeros((2, 3))}, tmp_path / "other.safetensors", metadata={"format": "pt"})
    assert "not a file of this program" in refusal(tmp_path / "other.safetensors")


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "missing.safetensors")
    assert "cannot be read" in refusal(tmp_path)


def test_a_newer_version_is_told_from_an_older_one(tmp_path: Path) -> None:
    message = refusal(rewritten(saved(tmp_path), {"format_version": 3, "layer_sizes": ...}))
    assert message.endswith("format version 3 given, version 2 accepted; a newer scratch-mlp has written it")
    assert refusal(rewritten(saved(tmp_path), {"format_version": 1})).endswith("version 1 given, version 2 accepted")


COLUMN = {"name": "a", "categories": [], "fill": None}


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"format": "another"}, "not a model"),
        ({"format_version": Ellipsis}, "version None"),
        ({"format_version": 2.0}, "version 2.0"),
        ({"layer_sizes": Ellipsis}, "layer_sizes is missing"),
        ({"training": 1}, "unknown entry 'training'"),
        ({"layer_sizes": [3, 5, 2]}, "the layers want (5,)"),
        ({"layer_sizes": [3, -4, 2]}, "-4"),
        ({"layer_sizes": "3-4-2"}, "3-4-2"),
        ({"layer_sizes": [3, 10**18, 2]}, "the layers want"),
        ({"layer_sizes": [3, 4, 4, 2]}, "is missing"),
        ({"layer_sizes": [3] * 100_000}, "99999 layers"),
        ({"activations": "sigmoid"}, "'sigmoid' given, a list accepted"),
        ({"activations": ["swish"]}, "swish"),
        ({"activations": ["relu", "relu"]}, "activation"),
        ({"loss": None}, "None"),
        ({"loss_parameter": 0.5}, "loss_parameter: 0.5 given with the loss cross_entropy"),
        ({"loss": "poisson"}, "outputs of exp needed"),
        ({"dtype": "float64"}, "the layers want"),
        ({"dtype": "object"}, "object"),
        ({"bias": False}, "layers.0.bias is not of this network"),
        ({"bias": 1}, "true or false"),
        ({"task": "cluster"}, "cluster"),
        ({"task": "regress"}, "given to regress"),
        ({"classes": ["one"]}, "1 classes"),
        ({"classes": ["one", "one"]}, "twice"),
        ({"classes": ["one", 1]}, "all of a kind"),
        ({"classes": [0.5, 1.5]}, "texts, integers or booleans"),
        ({"classes": [1, 2**64]}, "64 bits"),
        ({"classes": 7}, "a list accepted"),
        ({"columns": [COLUMN]}, "1 inputs"),
        ({"columns": [COLUMN] * 3}, "twice"),
        ({"columns": ["a", "b", "c"]}, "needed of each"),
        ({"columns": [COLUMN | {"fill": "0"}]}, "fill"),
        ({"columns": [COLUMN | {"name": 3}]}, "name: 3 given"),
        ({"columns": [COLUMN | {"categories": ["b", "a"]}]}, "sorted"),
        ({"columns": [COLUMN | {"categories": ["a", "b"], "fill": 0.5}]}, "the index of a category"),
        ({"columns": [COLUMN | {"categories": ["a", "b"], "fill": 2}]}, "the index of a category"),
        ({"target_name": 3}, "target_name: 3 given"),
        ({"preprocessing": {"inputs": "as is", "target": "as is"}}, "inputs.mean is not of this network"),
        ({"preprocessing": {"inputs": "standardized", "target": "standardized"}}, "target.mean is missing"),
        ({"preprocessing": {"inputs": "whitened", "target": "as is"}}, "whitened"),
        ({"configuration": [1]}, "configuration"),
        ({"fingerprint": 7}, "fingerprint"),
        ({"program_version": None}, "program_version"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_headers_that_do_not_fit_are_refused(header: dict[str, Any], words: str, tmp_path: Path) -> None:
    assert words in refusal(rewritten(saved(tmp_path), header))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"layers__0__weight": None}, "layers.0.weight is missing"),
        ({"layers__0__weight": np.zeros((4, 3), np.float32)}, "the layers want (3, 4) float32"),
        ({"layers__0__weight": np.zeros((3, 4), np.int32)}, "int32"),
        ({"layers__1__bias": np.full(2, np.nan, np.float32)}, "layers.1.bias is not finite"),
        ({"layers__2__weight": np.zeros((2, 2), np.float32)}, "layers.2.weight is not of this network"),
        ({"inputs__mean": np.zeros(2)}, "inputs.mean"),
        ({"inputs__mean": np.zeros(3, np.float32)}, "inputs.mean"),
        ({"inputs__scale": np.array([1.0, np.inf, 1.0])}, "inputs.scale is not finite"),
        ({"inputs__scale": np.array([1.0, 0.0, 1.0])}, "inputs.scale is not above 0"),
        ({"inputs__scale": None}, "inputs.scale is missing"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_arrays_that_do_not_fit_are_refused(arrays: dict[str, np.ndarray | None], words: str, tmp_path: Path) -> None:
    assert words in refusal(rewritten(saved(tmp_path), **arrays))


# ---- writing


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder.safetensors").mkdir()
    for path in (tmp_path / "missing" / "m.safetensors", tmp_path / "folder.safetensors"):
        with pytest.raises(InputError, match="cannot write"):
            save_predictor(classifier(), path)
    with pytest.raises(InputError, match=r"a name that ends in \.safetensors accepted"):
        save_predictor(classifier(), tmp_path / "m.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.safetensors"]


def test_an_unknown_backend_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^backend: 'cuda'"):
        load_predictor(saved(tmp_path), "cuda")


class Trap:
    """Unpickling calls `_spring`, as it could call anything."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return _spring, ("pickled code ran",)


_SPRUNG: list[str] = []


def _spring(message: str) -> None:
    _SPRUNG.append(message)


def test_pickles_are_refused_and_never_run(tmp_path: Path) -> None:
    import pickle

    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Trap()))
    refusal(path)
    np.savez(tmp_path / "trap.npz", parameters=np.array([Trap()], dtype=object))
    path.write_bytes((tmp_path / "trap.npz").read_bytes())
    refusal(path)
    assert _SPRUNG == []
    pickle.loads(pickle.dumps(Trap()))  # the trap does spring where pickles are trusted
    assert _SPRUNG.pop() == "pickled code ran"
