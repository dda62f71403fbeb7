"""The command line trains without SciPy's linear algebra, and leaves SciPy to those who ask for it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from processes import environment

pytest.importorskip("scipy")

TRAINED = """
import sys
from trainer.cli import main
try:
    main(["train", "xor", "--samples", "20", "--epochs", "5"])
except SystemExit as end:
    assert not end.code
assert "scipy.linalg" not in sys.modules
import scipy.linalg
assert scipy.linalg.norm([3.0, 4.0]) == 5.0
"""

USED_BEFORE = """
import scipy.linalg
from trainer.numba_alone import load_numba_alone
load_numba_alone()
import numba, numpy as np
assert numba.njit(lambda a: np.dot(a, a))(np.array([3.0, 4.0])) == 25.0
"""


@pytest.mark.parametrize("script", [TRAINED, USED_BEFORE], ids=["a training", "SciPy before"])
def test_scipy_is_where_it_is_asked_for(script: str) -> None:
    ended = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
