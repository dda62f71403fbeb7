"""Processes of their own for what cannot be tried in the one that tests run in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import kernels

TESTS = Path(__file__).parent


def environment(**variables: str) -> dict[str, str]:
    """Return this process's environment, with the same packages on the path and some variables changed."""
    path = os.pathsep.join([str(Path(kernels.__file__).parents[1]), str(TESTS), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, **variables}


def pytest_command(*arguments: str) -> list[str]:
    """Return the command that runs some tests and leaves no trace in the checkout."""
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
