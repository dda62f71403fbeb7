"""What every test shares: the hypothesis profile, a mark, and the two backends and a writer of files as fixtures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from kernels.backends import BACKENDS, Backend

Write = Callable[..., Path]

# No deadline, because the first call of a kernel compiles it; derandomised, because a failure must come back.
settings.register_profile("scratch-mlp", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("scratch-mlp")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "vector_length: run again by test_vector_lengths at other vector lengths")


# Of the module's scope, so that hypothesis does not wonder whether the fixture is made anew for each example.
@pytest.fixture(params=tuple(BACKENDS), scope="module")
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each backend in turn."""
    return BACKENDS[request.param]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a file of this text and returns its path."""

    def write_csv(text: str | bytes, name: str = "data.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write_csv
