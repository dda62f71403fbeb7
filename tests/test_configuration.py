"""Options in a TOML file are those of the command line, and the resolved configuration resolves to itself."""

from __future__ import annotations

import json
import os
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from command_line import call, read_records
from hypothesis import given as examples
from hypothesis import strategies as st
from refusals import message_of

from trainer.cli import app
from trainer.configuration import MAX_BYTES, configuration_of, given_of, read_configuration, to_toml
from trainer.errors import InputError
from trainer.model_file import load_predictor
from trainer.options import OPTIONS, checked_options, complete_options
from trainer.settings import resolve

# Options of the command that say where options come from, and not what they are.
ABOUT_CONFIGURATIONS = {"config", "show_config"}


@pytest.fixture(autouse=True)
def in_a_folder_with_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [(i, i * i % 7, "xy"[i % 2], i / 3, i % 5) for i in range(40)]
    for name, place in (("kinds.csv", 2), ("numbers.csv", 3), ("counts.csv", 4)):
        text = "".join(f"{row[0]},{row[1]},{row[place]}\n" for row in rows)
        Path(name).write_text(f"a,b,what\n{text}")


def shown(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Return what --show-config prints for these arguments."""
    assert call("train", *arguments, "--show-config") == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_every_option_of_the_command_can_be_in_a_file() -> None:
    command = typer.main.get_command(app).commands["train"]  # type: ignore[attr-defined]
    assert {parameter.name for parameter in command.params} - ABOUT_CONFIGURATIONS == set(OPTIONS)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--hidden", "32,16", "--no-bias", "--seed", 3, "--quiet"),
        ("--batch-size", 30, "--solver", "momentum", "--momentum", 0.5, "--clip-norm", 2),
        ("--solver", "adamw", "--dropout", 0.1, "--validation", 0.2, "--threads", 1, "--log", "json"),
        ("--preset", "article"),
        ("--preset", "article", "--hidden", 3, "--bias", "--batch-size", 300, "--dtype", "float32"),
        (
            "--history",
            "h.json",
            "--plots",
            "plots",
            "--gif",
            "x.gif",
            "--save",
            "m.safetensors",
            "--tensorboard",
            "runs/a",
        ),
        ("kinds.csv", "--validation", 0.2, "--log-every", 7),
        ("kinds.csv", "--validation", 0.2, "--early-stopping", 9, "--keep-best"),
        ("counts.csv", "--target", "a", "--task", "regress"),
        ("numbers.csv", "--loss", "huber", "--schedule", "cosine", "--l1", 0.1),
        ("numbers.csv", "--loss", "quantile", "--loss-parameter", 0.9, "--no-shuffle"),
        ("counts.csv", "--task", "regress", "--loss", "poisson"),
    ],
    ids=lambda arguments: " ".join(map(str, arguments)) or "defaults",
)
def test_the_resolved_configuration_resolves_to_itself(
    arguments: tuple[object, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    first = shown(capsys, *arguments)
    Path("resolved.toml").write_text(first)
    assert shown(capsys, "--config", "resolved.toml") == first
    assert sorted(os.listdir()) == ["counts.csv", "kinds.csv", "numbers.csv", "resolved.toml"]  # nothing was trained
    given = {word[2:] for word in arguments if isinstance(word, str) and word.startswith("--")}
    assert {name.removeprefix("no-") for name in given} <= set(tomllib.loads(first))


def test_defaults_are_shown_as_they_are_resolved(capsys: pytest.CaptureFixture[str]) -> None:
    configuration = tomllib.loads(shown(capsys, "kinds.csv", "--loss", "cross-entropy"))
    assert configuration["target"] == "what"
    assert configuration["task"] == "classify"
    assert configuration["loss"] == "cross_entropy"
    assert (configuration["seed"], configuration["shuffle"], configuration["quiet"]) == (0, True, False)
    assert tomllib.loads(shown(capsys, "numbers.csv", "--loss", "huber"))["loss-parameter"] == 1.0


@pytest.mark.parametrize("arguments", [("--batch-size", 50, "--seed", 4), ("kinds.csv", "--validation", 0.25)])
def test_the_same_configuration_gives_the_same_bits(
    arguments: tuple[object, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("resolved.toml").write_text(
        shown(capsys, *arguments, "--epochs", 30, "--save", "first.safetensors", "--quiet")
    )
    assert call("train", *arguments, "--epochs", 30, "--save", "first.safetensors", "--quiet") == 0
    assert call("train", "--config", "resolved.toml", "--save", "second.safetensors") == 0
    first, second = (load_predictor(f"{name}.safetensors").model.parameters for name in ("first", "second"))
    np.testing.assert_array_equal(first, second)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("data", ["xor", "kinds.csv"])
def test_a_configuration_that_went_through_json_gives_the_same_settings(data: str) -> None:
    options = complete_options({"data": data, "hidden": (8, 4), "solver": "nesterov", "save": Path("m.safetensors")})
    settings = resolve(given_of(options), preset=None, data=data, task="classify")
    stored = json.loads(json.dumps(configuration_of(options, settings, target="what", task="classify")))
    again = complete_options(checked_options(stored, "model m.safetensors: "))
    assert resolve(given_of(again), preset=None, data=data, task="classify") == settings
    assert again["save"] == Path("m.safetensors")


def test_the_command_line_goes_before_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.toml").write_text(
        'bias = false\nquiet = true\nepochs = 5\nhidden = [3]\nshuffle = true\ndata = "kinds.csv"'
    )
    options = ("xor", "--bias", "--no-quiet", "--hidden", "4,5", "--no-shuffle")
    configuration = tomllib.loads(shown(capsys, "--config", "t.toml", *options))
    assert [configuration[name] for name in ("bias", "quiet", "hidden", "shuffle")] == [True, False, [4, 5], False]
    assert configuration["data"] == "xor"
    assert configuration["epochs"] == 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("learning-rate = 2", {"learning_rate": 2.0}),
        ("learning_rate = 0.5", {"learning_rate": 0.5}),
        ("hidden = 50", {"hidden": (50,)}),
        ("hidden = [32, 16]", {"hidden": (32, 16)}),
        ('hidden = "32,16"', {"hidden": (32, 16)}),
        ('loss = "cross-entropy"', {"loss": "cross_entropy"}),
        ("bias = false", {"bias": False}),
        ('save = "m.safetensors"', {"save": Path("m.safetensors")}),
        ("", {}),
    ],
)
def test_values_are_read_as_their_options_take_them(text: str, expected: dict[str, Any]) -> None:
    Path("t.toml").write_text(text)
    read = read_configuration(Path("t.toml"))
    assert read == expected
    assert [type(value) for value in read.values()] == [type(value) for value in expected.values()]


def test_paths_in_a_file_are_relative_to_the_working_directory() -> None:
    Path("folder").mkdir()
    Path("folder/t.toml").write_text('data = "kinds.csv"\nhistory = "h.json"\nepochs = 2\nquiet = true')
    assert call("train", "--config", "folder/t.toml") == 0
    assert len(read_records(Path("h.json"))) == 2


def test_names_are_written_with_dashes_and_none_is_left_out() -> None:
    assert to_toml({"learning_rate": 0.5, "threads": None, "data": 'a "b".csv'}) == (
        'learning-rate = 0.5\ndata = "a \\"b\\".csv"\n'
    )


# ---- files that cannot be used


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learnin-rate = 1", r"option 'learnin-rate' given, did you mean learning-rate\? one of data, .* accepted"),
        ("no-bias = true", r"option 'no-bias' given, did you mean bias\? .*"),
        ("[training]\nepochs = 3", "option 'training' given, .* accepted"),
        ("l1 = 1\nlearning-rate = 1\nlearning_rate = 1", "option learning-rate given twice, .*"),
        ('epochs = "3"', "epochs: '3' given, a whole number accepted"),
        ("epochs = 3.0", "epochs: 3.0 given, a whole number accepted"),
        ("epochs = true", "epochs: True given, a whole number accepted"),
        ("log-every = 1979-05-27", "log-every: datetime.* given, a whole number accepted"),
        (f"epochs = 0x{'f' * 9000}", "epochs: a number of thousands of digits given, a whole number accepted"),
        (f"l2 = 0x{'f' * 9000}", "l2: a number of thousands of digits given, a number accepted"),
        ("learning-rate = true", "learning-rate: True given, a number accepted"),
        ("shuffle = 1", "shuffle: 1 given, true or false accepted"),
        ("hidden = [0]", "hidden: .0. given, sizes from 1 to 1,000,000 such as 50 or 32,16 accepted"),
        ("hidden = []", "hidden: .* given, sizes from .*"),
        ("hidden = [1.5]", "hidden: .1.5. given, sizes from .*"),
        ("loss = 3", "loss: 3 given, the name of a loss accepted"),
        ("save = 3", "save: 3 given, the name of a file or folder accepted"),
        ('history = "a\\u0000.json"', ".* given, the name of a file or folder accepted"),
        (f'data = ["{"long" * 99}"]', r"data: \['long.{50,60}\.\.\. given, a text accepted"),
        ("epochs = ", "not a TOML file: Invalid value .*"),
        ("a = " + "[" * 20_000, "not a TOML file: .*"),
        ("epochs = 1" + "0" * 5000, "not a TOML file: .*"),
        (b"\xff\xfe", "not a TOML file: 'utf-8' codec .*"),
        ("#" * (MAX_BYTES + 1), "larger than 65,536 bytes, .*"),
    ],
    ids=lambda value: repr(value[:24]) if isinstance(value, str | bytes) else "",
)
def test_what_is_wrong_in_a_file_is_named(text: str | bytes, message: str) -> None:
    Path("t.toml").write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(InputError, match=f"^config t.toml: {message}$") as caught:
        read_configuration(Path("t.toml"))
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("name", ["missing.toml", ".", "a\0b"])
def test_files_that_cannot_be_read_are_named(name: str) -> None:
    assert message_of(InputError, read_configuration, Path(name)).startswith(f"config {name}: cannot be read: ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epochs = 0", "epochs: 0 given"),
        ("epochs = 99999999999999999999", "at most"),
        ("learning-rate = nan", "learning-rate: nan given"),
        ('log = "xml"', "log: 'xml' given, one of text, json accepted"),
        ('task = "cluster"', "task: 'cluster'"),
        ('data = "missing.csv"', "missing.csv"),
        ("epochs = 3.5", "config t.toml: epochs: 3.5 given"),
    ],
)
def test_values_that_are_out_of_range_end_with_status_2(
    text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("t.toml").write_text(text)
    assert call("train", "--config", "t.toml") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("scratch-mlp: error: ")
    assert err.count("\n") == 1
    assert words in err


def answer_of(call: Callable[..., dict[str, Any]], *arguments: object) -> dict[str, Any] | str:
    """Return what a function returns, or with which message it refuses."""
    try:
        return call(*arguments)
    except InputError as error:
        return str(error)


@examples(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode())))
def test_any_other_file_is_refused_in_one_line_or_has_no_options(content: bytes) -> None:
    path = Path("hostile.toml")
    path.write_bytes(content)
    started = time.perf_counter()
    answer = answer_of(read_configuration, path)
    assert answer == {} or str(answer).startswith("config hostile.toml: ")
    assert time.perf_counter() - started < 1


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=9),
    st.lists(st.integers(), max_size=3),
)


@examples(st.dictionaries(st.sampled_from(sorted(OPTIONS)), VALUES, max_size=3))
def test_any_values_are_taken_or_refused_by_name(values: dict[str, Any]) -> None:
    answer = answer_of(checked_options, values, "model m: ")
    if isinstance(answer, str):
        assert any(answer.startswith(f"model m: {name.replace('_', '-')}: ") for name in values)
    else:
        assert set(answer) == {name for name, value in values.items() if value is not None}
