"""No kernel reads or writes outside its operands, be it only in lanes that it throws away."""

from __future__ import annotations

import subprocess
import sys

import pytest
from processes import TESTS, environment


@pytest.mark.skipif(sys.platform == "win32", reason="memory is protected with mprotect")
def test_kernels_stay_within_their_operands() -> None:
    command = [sys.executable, "-X", "faulthandler", str(TESTS / "guarded_memory.py")]
    done = subprocess.run(command, cwd=TESTS.parent, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "nothing touched\n"


@pytest.mark.skipif(sys.platform == "win32", reason="memory is protected with mprotect")
@pytest.mark.parametrize(
    "guard", ["before_forbidden_memory(x)[:1].ctypes.data + 4", "after_forbidden_memory(x).ctypes.data - 1"]
)
def test_touching_guarded_memory_is_noticed(guard: str) -> None:
    program = f"""
import ctypes, numpy as np
from guarded_memory import after_forbidden_memory, before_forbidden_memory
x = np.zeros(1, np.float32)
ctypes.c_char.from_address({guard}).value
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=TESTS, env=environment(), capture_output=True, timeout=60
    )
    assert done.returncode != 0
    assert b"Error" not in done.stderr  # killed by a signal, not by a mistake in the program
