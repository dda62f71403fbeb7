"""numba without SciPy, in a process of the command line.

numba looks for SciPy's linear algebra when it loads what it knows of NumPy, where SciPy is installed: a tenth of what a
short training takes. No command computes with it. A program that imports this package gets numba as it is.
"""

from __future__ import annotations

import importlib
import sys


def load_numba_alone() -> None:
    """Let numba find no `scipy.linalg`, unless it is imported already; whoever asks for it later does find it."""
    if "scipy.linalg" in sys.modules:
        return
    sys.modules["scipy.linalg"] = None  # type: ignore[assignment]
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        del sys.modules["scipy.linalg"]
