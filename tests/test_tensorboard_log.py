"""What TensorBoard is given: every record, the spread of the weights, and the configuration."""

from __future__ import annotations

import struct
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import call, read_records
from refusals import message_of
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import masked_crc32c

from trainer.datasets import xor
from trainer.errors import InputError
from trainer.history import History
from trainer.model import MLP
from trainer.tensorboard_log import MAX_HISTOGRAMS, tensorboard
from trainer.terms import objective
from trainer.training import Report, Samples, train_epochs


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read_events(folder: str) -> Iterator[Any]:
    """Yield the events of the one file in a folder: each a length, its checksum, as many bytes, and their checksum."""
    (path,) = Path(folder).iterdir()
    content = path.read_bytes()
    while content:
        (size,) = struct.unpack("<Q", content[:8])
        event, rest = content[12 : 12 + size], content[12 + size :]
        assert struct.unpack("<II", content[8:12] + rest[:4]) == (masked_crc32c(content[:8]), masked_crc32c(event))
        yield Event.FromString(event)
        content = rest[4:]


def values(folder: str) -> list[tuple[int, Any]]:
    """Return every value of an event file with the step that it belongs to."""
    return [(event.step, value) for event in read_events(folder) for value in event.summary.value]


def test_every_column_of_every_record_is_a_scalar() -> None:
    options = ("--epochs", 40, "--log-every", 3, "--validation", 0.2, "--history", "h.json", "--quiet")
    assert call("train", *options, "--tensorboard", "runs/first") == 0
    records: dict[int, dict[str, float]] = {}
    for step, value in values("runs/first"):
        if value.WhichOneof("value") == "simple_value":
            records.setdefault(step, {})[value.tag] = value.simple_value
    assert "val_accuracy" in records[0]
    assert [{"epoch": step, **record} for step, record in records.items()] == [
        {name: pytest.approx(number, rel=1e-6) for name, number in record.items()}
        for record in read_records(Path("h.json"))
    ]


def test_the_configuration_is_there_as_text() -> None:
    assert call("train", "--epochs", 2, "--tensorboard", "runs", "--quiet", "--seed", 7) == 0
    (text,) = [value.tensor.string_val[0].decode() for _, value in values("runs") if value.tag.startswith("conf")]
    assert "| seed | 7 |" in text
    assert "| hidden | [10] |" in text


def test_weights_and_biases_of_each_layer_are_histograms() -> None:
    model = MLP([2, 3, 2], random_state=0)
    X, Y = xor()
    with tensorboard(Path("runs")) as listen:
        train_epochs(model, Samples(X, Y), epochs=20, learning_rate=0.1, terms=objective(), callbacks=[listen])
    last = {value.tag: value.histo for _, value in values("runs") if value.HasField("histo")}
    assert set(last) == {"layer1/weights", "layer2/weights", "layer1/biases", "layer2/biases"}
    for name, layers in (("weights", model.weights), ("biases", model.biases)):
        for i, layer in enumerate(layers, start=1):
            histogram = last[f"layer{i}/{name}"]
            assert (histogram.num, sum(histogram.bucket)) == (layer.size, layer.size)
            assert (histogram.min, histogram.max) == (float(layer.min()), float(layer.max()))


def test_a_long_training_has_few_histograms() -> None:
    model, history = MLP([2, 3, 2], random_state=0), History(("epoch", "loss"))
    with tensorboard(Path("runs")) as listen:
        for epoch in range(1, 1001):
            history.append(epoch=np.array([epoch - 1]), loss=np.array([0.5]))
            assert not listen(Report(model, epoch, 1000, history, 1.0, 1.0, epoch == 1000))
    kinds = Counter(value.tag for _, value in values("runs"))
    assert kinds["layer1/weights"] == MAX_HISTOGRAMS
    assert kinds["loss"] == 1000


def test_two_trainings_in_one_folder_keep_their_own_files() -> None:
    for _ in range(2):
        assert call("train", "--epochs", 2, "--tensorboard", "runs", "--quiet") == 0
    assert len(list(Path("runs").iterdir())) == 2


def test_events_of_the_default_training_take_less_than_half_a_second() -> None:
    model, history = MLP([2, 10, 2], random_state=0), History(("epoch", *"abcde"))
    history.append(epoch=np.arange(250), **{name: np.linspace(0, 1, 250) for name in "abcde"})
    started = time.process_time()
    with tensorboard(Path("runs")) as listen:
        for done in range(1, 21):
            listen(Report(model, done, 20, history, 1.0, 1.0, done == 20))
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("folder", ["notes.txt", "notes.txt/runs", "locked\0"])
def test_folders_that_cannot_be_written_are_refused_before_training(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("notes.txt").write_text("nothing")
    assert call("train", "--epochs", 2, "--history", "h.json", "--tensorboard", folder) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert [path.name for path in Path().iterdir()] == ["notes.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of the size of files")
def test_a_disk_that_is_full_ends_the_training_with_one_line() -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    history = History(("epoch", "loss"))
    history.append(epoch=np.arange(5000), loss=np.linspace(1, 0, 5000))
    report = Report(MLP([2, 3, 2], random_state=0), 1, 2, history, 1.0, 1.0, False)

    def log() -> None:
        with tensorboard(Path("runs")) as listen:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 15, before[1]))
            listen(report)

    try:
        assert message_of(InputError, log) == "cannot write events to runs: File too large"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_without_the_library_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    assert call("train", "--epochs", 2, "--tensorboard", "runs") == 2
    assert 'pip install "scratch-mlp[tensorboard]"' in capsys.readouterr().err
    assert not list(Path().iterdir())
