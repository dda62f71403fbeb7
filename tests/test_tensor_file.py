"""A file of tensors gives back what was written; what is wrong with one is said in one line, soon, in little memory."""

from __future__ import annotations

import json
import os
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from trainer.errors import InputError
from trainer.output_file import write_whole
from trainer.tensor_file import MAX_HEADER, encode_tensors, read_tensors

HEADER = {"format": "test", "sizes": [2, 3], "names": ["ja, natürlich", "$x$"], "nothing": None, "deep": {"a": [0.1]}}
ARRAYS = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b.c": np.array([1e-300, -np.inf, np.nan]),
    "empty": np.zeros((0, 4), np.float32),
    "one": np.array(2**63, np.uint64),
    "flags": np.array([True, False]),
}
CONTENT = encode_tensors(HEADER, ARRAYS)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
REUSES_A_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)


def refusal(path: Path) -> str:
    """Return why a file is refused, having made sure of one line, within a second, without much memory."""
    tracemalloc.start()
    started = time.perf_counter()
    with pytest.raises(InputError) as caught:
        read_tensors(path, "thing")
    seconds, peak = time.perf_counter() - started, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    message = str(caught.value)
    assert message.startswith(f"thing {path}: ")
    assert len(message.splitlines()) == 1
    assert seconds < 1
    assert peak < 2_000_000
    return message


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    return path


def of_header(header: Any, data: bytes = b"") -> bytes:
    """Return a file with this header, a JSON text or what becomes one."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


# ---- round trip


def test_header_and_arrays_come_back_bit_for_bit(tmp_path: Path) -> None:
    header, arrays = read_tensors(written(tmp_path, CONTENT), "thing")
    assert header == HEADER
    assert sorted(arrays) == sorted(ARRAYS)
    for name, array in arrays.items():
        assert (array.dtype, array.shape) == (ARRAYS[name].dtype, ARRAYS[name].shape)
        assert array.tobytes() == ARRAYS[name].tobytes()


@given(
    st.dictionaries(st.text(max_size=9).filter(lambda name: name != "checksum"), JSON, max_size=4),
    st.dictionaries(
        st.text(max_size=9).filter(lambda name: name != "__metadata__"),
        of_numpy.arrays(
            st.sampled_from(["<f4", "<f8", "<i8", "u1", "?"]), of_numpy.array_shapes(min_dims=0, min_side=0)
        ),
        max_size=3,
    ),
)
@REUSES_A_FOLDER
def test_whatever_is_written_comes_back(tmp_path: Path, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    content = encode_tensors(header, arrays)
    assert content == encode_tensors(dict(reversed(header.items())), dict(reversed(arrays.items())))
    after, found = read_tensors(written(tmp_path, content), "thing")
    assert after == header
    assert {name: array.tobytes() for name, array in found.items()} == {n: a.tobytes() for n, a in arrays.items()}


def test_arrays_are_one_s_own(tmp_path: Path) -> None:
    path = written(tmp_path, encode_tensors({}, {"a": np.asfortranarray(np.ones((2, 3)))[:, ::2]}))
    _, arrays = read_tensors(path, "thing")
    assert arrays["a"].flags.c_contiguous
    assert arrays["a"].flags.aligned
    arrays["a"][:] = 2
    assert (read_tensors(path, "thing")[1]["a"] == 1).all()


def test_the_header_can_be_read_by_eye_and_by_the_library(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    assert b'"format":"\\"test\\""' in CONTENT
    assert "ja, natürlich".encode() in CONTENT
    assert load_file(written(tmp_path, CONTENT))["a"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_header_that_could_not_be_read_again_is_not_written() -> None:
    with pytest.raises(InputError, match="header: "):
        encode_tensors({"names": "x" * MAX_HEADER}, {})


# ---- damage


def test_every_flipped_bit_is_noticed_or_harmless(tmp_path: Path) -> None:
    harmless = 0
    for place in range(len(CONTENT)):
        for bit in range(8):
            damaged = bytearray(CONTENT)
            damaged[place] ^= 1 << bit
            try:
                header, arrays = read_tensors(written(tmp_path, damaged), "thing")
            except InputError:
                pass
            else:  # another spelling of the same, such as white space
                harmless += 1
                assert header == HEADER
                assert {n: a.tobytes() for n, a in arrays.items()} == {n: a.tobytes() for n, a in ARRAYS.items()}
    assert harmless < len(CONTENT) / 100


def test_every_cut_end_and_every_added_one_is_refused(tmp_path: Path) -> None:
    for length in range(len(CONTENT)):
        with pytest.raises(InputError):
            read_tensors(written(tmp_path, CONTENT[:length]), "thing")
    refusal(written(tmp_path, CONTENT + b"\0"))


@given(st.binary(max_size=300), st.sampled_from([b"", CONTENT[:8], CONTENT[:60], of_header({"__metadata__": {}})]))
@REUSES_A_FOLDER
def test_random_bytes_are_refused(tmp_path: Path, noise: bytes, start: bytes) -> None:
    refusal(written(tmp_path, start + noise))


def tensor(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    "content",
    [
        (2**63).to_bytes(8, "little") + b"{}",
        (2**64 - 1).to_bytes(8, "little"),
        (10**9).to_bytes(8, "little") + b"{" + b" " * 100,
        of_header(b"\xff\xfe"),
        of_header(b'{"a\xff": 1}'),
        of_header(b"{" * 1000),
        of_header(b'{"a":' * 100_000),
        of_header(b"[" * 1_000_000 + b"]" * 1_000_000),
        of_header([]),
        of_header({"a": 1}),
        of_header({"__metadata__": {"a": 1}}),
        of_header({"a": tensor("F32", [2], 0, 4)}, b"\0" * 8),
        of_header({"a": tensor("F32", [2], 0, 8), "b": tensor("F32", [2], 4, 12)}, b"\0" * 12),
        of_header({"a": tensor("F32", [2], 0, 8), "b": tensor("F32", [2], 0, 8)}, b"\0" * 8),
        of_header({"a": tensor("F32", [2], 8, 16)}, b"\0" * 16),
        of_header({"a": tensor("F32", [2**62, 2**62], 0, 8)}, b"\0" * 8),
        of_header({"a": tensor("F32", [10**12], 0, 4 * 10**12)}, b"\0" * 8),
        of_header({"a": tensor("F32", [2**62, 0], 0, 0)}),
        of_header({"a": tensor("F32", [-2], 0, 8)}, b"\0" * 8),
        of_header({"a": tensor("F99", [2], 0, 8)}, b"\0" * 8),
        of_header({"a": tensor("BF16", [4], 0, 8)}, b"\0" * 8),
        of_header({"a": tensor("F8_E4M3", [8], 0, 8)}, b"\0" * 8),
        of_header({"a": tensor("C64", [1], 0, 8)}, b"\0" * 8),
        of_header({"a": tensor("F32", [2], 0, 8)}, b"\0" * 8),
        of_header({"__metadata__": {"checksum": '"sha256:0"'}}),
        of_header({f"a{i}": tensor("F32", [0], 0, 0) for i in range(50_000)}),
    ],
    ids=lambda content: repr(content[:40]),
)
def test_hostile_headers_are_refused(content: bytes, tmp_path: Path) -> None:
    path = written(tmp_path, content)
    started = time.perf_counter()
    with pytest.raises(InputError) as caught:
        read_tensors(path, "thing")
    assert time.perf_counter() - started < 1
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, "NaN", "[Infinity]", "9" * 10_000, "{", "'x'", ""])
def test_items_that_are_no_json_are_refused_though_the_checksum_fits(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.tensor_file._checksum", lambda metadata, arrays: "sha256:0")
    path = written(tmp_path, of_header({"__metadata__": {"checksum": '"sha256:0"', "item": text}}))
    assert "its entry 'item' cannot be parsed as JSON" in refusal(path)


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "missing.safetensors")
    assert "cannot be read: Is a directory" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "a pipe given" in refusal(tmp_path / "pipe")


def test_the_content_goes_through_write_whole(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.safetensors", CONTENT)
    assert read_tensors(tmp_path / "a.safetensors", "thing")[0] == HEADER
