"""A file appears whole, or nothing changes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from trainer.errors import InputError
from trainer.output_file import clear_leftovers, require_writable, write_whole


def test_a_written_file_holds_its_content_and_nothing_else_remains(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.bin", b"first")
    write_whole(tmp_path / "a.bin", b"second")
    assert (tmp_path / "a.bin").read_bytes() == b"second"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_failed_write_keeps_the_file_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"before")

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InputError, match="No space left"):
        write_whole(path, b"after")
    assert os.listdir(tmp_path) == ["picture.png"]
    assert path.read_bytes() == b"before"


def test_the_content_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    sync, replace = os.fsync, os.replace

    def noted_sync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        done.append("folder" if stat.S_ISDIR(status.st_mode) else f"file of {status.st_size}")
        sync(descriptor)

    def noted_replace(source: Path, target: Path) -> None:
        done.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "replace", noted_replace)
    write_whole(tmp_path / "a.bin", b"12345")
    assert done == ["file of 5", "rename", "folder"]


def test_a_disk_that_fills_up_keeps_the_file_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole(tmp_path / "model", b"before")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left"):
        write_whole(tmp_path / "model", b"after")
    assert os.listdir(tmp_path) == ["model"]
    assert (tmp_path / "model").read_bytes() == b"before"


def test_a_folder_without_permission_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The superuser may write everywhere, so the answer of the system is replaced.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match="no permission"):
        require_writable(tmp_path / "a.bin")


def test_what_a_killed_process_left_of_a_file_is_removed_and_nothing_else(tmp_path: Path) -> None:
    kept = ["a.bin", "b.bin", ".b.bin.0123.part", ".a.bin.notes", "a.bin.part"]
    for name in (*kept, ".a.bin.0123.part", ".a.bin.4567.part"):
        (tmp_path / name).write_bytes(b"half")
    clear_leftovers(tmp_path / "a.bin")
    assert sorted(os.listdir(tmp_path)) == sorted(kept)
    clear_leftovers(tmp_path / "no folder" / "a.bin")


def test_the_longest_name_that_a_file_system_takes_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".bin")
    write_whole(path, b"content")
    assert path.read_bytes() == b"content"
