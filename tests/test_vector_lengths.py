"""Kernels are right at vector lengths that are not this processor's: quick tests, run again in other processes."""

from __future__ import annotations

import re
import subprocess

import pytest
from processes import TESTS, environment, pytest_command

from kernels.blocking import VECTOR_BYTES

# Each process compiles for its own length; what this one has, all other tests use.
OTHER_LENGTHS = [n_bytes for n_bytes in (16, 32, 64) if n_bytes != VECTOR_BYTES]
# Compiling takes most of the time: what is made of vectors is tried in one type, vectors themselves in both.
OF_ONE_TYPE = "test_gemm or test_activations or test_kernel_contract or test_lane_kernels or test_softmax"
QUICK = f"not numpy and not block_extents and not all_exponents and not (float64 and ({OF_ONE_TYPE}))"
FILES = (
    "test_simd.py",
    "test_tiles.py",
    "test_gemm.py",
    "test_elementary.py",
    "test_activations.py",
    "test_softmax.py",
    "test_kernel_contract.py",
    "test_lane_kernels.py",
)


@pytest.mark.parametrize("n_bytes", OTHER_LENGTHS)
def test_kernels_are_right_at_other_vector_lengths(n_bytes: int) -> None:
    command = pytest_command("-m", "vector_length", "-k", QUICK, *(str(TESTS / name) for name in FILES))
    variables = environment(SCRATCH_MLP_VECTOR_BYTES=str(n_bytes))
    done = subprocess.run(command, cwd=TESTS.parent, env=variables, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed, done.stdout
    assert int(passed.group(1)) > 100


def test_a_vector_length_that_no_processor_has_is_refused() -> None:
    variables = environment(SCRATCH_MLP_VECTOR_BYTES="48")
    command = pytest_command("--collect-only", str(TESTS / "test_simd.py"))
    done = subprocess.run(command, cwd=TESTS.parent, env=variables, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "SCRATCH_MLP_VECTOR_BYTES: '48' given, 16, 32 or 64 accepted" in done.stdout + done.stderr
