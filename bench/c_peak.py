"""The loop of `bench.peak` in C, compiled where there is a gcc: a second opinion on the peak."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from bench.peak import CHAINS, FmaLoop
from kernels.blocking import VECTOR_BYTES

_SOURCE = """
typedef REAL vector __attribute__((vector_size(VECTOR_BYTES)));

double fma_loop(const REAL *numbers, long steps)
{
    enum { LANES = VECTOR_BYTES / sizeof(REAL) };
    const vector zero = {0};
    const vector x = zero + numbers[0], y = zero + numbers[1];
    vector acc[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        acc[i] = zero + numbers[2 + i];
    for (long step = 0; step < steps; step++)
        #pragma GCC unroll 64
        for (int i = 0; i < CHAINS; i++)
            acc[i] = acc[i] * x + y;
    double total = 0;
    for (int i = 0; i < CHAINS; i++)
        for (int lane = 0; lane < LANES; lane++)
            total += acc[i][lane];
    return total;
}
"""


def c_fma_loop(dtype: str) -> FmaLoop | None:
    """Compile the loop for elements of `dtype`; None where there is no gcc.

    Raises
    ------
    subprocess.CalledProcessError
        gcc refused the source.
    """
    gcc = shutil.which("gcc")
    if gcc is None:
        return None
    real = "float" if dtype == "float32" else "double"
    macros = [f"-DREAL={real}", f"-DVECTOR_BYTES={VECTOR_BYTES}", f"-DCHAINS={CHAINS}"]
    flags = ["-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC"]
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "fma_loop.c"), Path(folder, "fma_loop.so")
        source.write_text(_SOURCE)
        command = [gcc, *flags, *macros, str(source), "-o", str(library)]
        subprocess.run(command, check=True, capture_output=True)
        function = ctypes.CDLL(str(library)).fma_loop  # stays loaded when the folder is gone
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_void_p, ctypes.c_long]

    def loop(numbers: np.ndarray, steps: int) -> float:
        return float(function(numbers.ctypes.data, steps))

    return loop
