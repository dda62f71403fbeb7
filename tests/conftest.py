"""What every test shares: the hypothesis profile, a mark, and the two backends as a fixture."""

from __future__ import annotations

import pytest
from hypothesis import settings

from kernels.backends import BACKENDS, Backend

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
