"""The command line as a test calls it: in a process of its own as a user does, or in this one where that is enough."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import trainer
from trainer.cli import main

# Where the packages under test lie, for processes that are started in another folder.
PACKAGES = str(Path(trainer.__file__).parents[1])
COMMAND = (sys.executable, "-m", "trainer")
TIMEOUT = 240  # seconds: a cold cache compiles every kernel first


def environment(**changes: str) -> dict[str, str]:
    """Return this process's environment, with the packages under test found first."""
    return {**os.environ, "PYTHONPATH": PACKAGES, "COLUMNS": "80", **changes}


def run(*arguments: object, cwd: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m trainer`` in a folder; `changes` are environment variables."""
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env=environment(**changes), capture_output=True, text=True, timeout=TIMEOUT, check=False
    )


def call(*arguments: object) -> int:
    """Run the command line in this process and return its exit status; output goes to ``sys.stdout``."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def read_records(path: Path) -> list[dict[str, Any]]:
    """Return the records of a .json history; what is not JSON, NaN included, is refused."""

    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is not JSON")

    records = json.loads(path.read_text(), parse_constant=refuse)
    assert isinstance(records, list)
    return records
