"""Compiled functions have names of their own, so that code from several caches can meet in one process."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from numba.core.dispatcher import Dispatcher
from processes import environment

import kernels

MODULES = [importlib.import_module(f"kernels.{module.name}") for module in pkgutil.iter_modules(kernels.__path__)]

# Compiles two entry points that share the micro-kernels, in the order given.
COMPILE = """
import sys
import numpy as np
from trainer import MLP
from kernels.backends import BACKENDS

def product():
    a, b, out = np.ones((18, 40), "float32"), np.ones((40, 7), "float32"), np.empty((18, 7), "float32")
    BACKENDS["numba"].matmul(a, b, out)
    return out

def forward():
    return MLP([300, 7, 3], random_state=0).forward(np.ones((18, 300)))

for name in sys.argv[1:]:
    print(name, globals()[name]().tobytes().hex())
"""


def test_no_two_compiled_functions_share_a_name() -> None:
    functions = {
        id(value): f"{value.py_func.__module__}.{value.py_func.__qualname__}"
        for module in MODULES
        for value in vars(module).values()
        if isinstance(value, Dispatcher)
    }
    assert len(functions) > 50
    assert [name for name, count in Counter(functions.values()).items() if count > 1] == []


def test_code_compiled_in_two_processes_works_together_in_a_third(tmp_path: Path) -> None:
    lines = []
    for names in (["product"], ["forward"], ["forward", "product"], ["product", "forward"]):
        command = [sys.executable, "-c", COMPILE, *names]
        output = subprocess.check_output(command, env=environment(SCRATCH_MLP_CACHE_DIR=str(tmp_path)), text=True)
        lines.append(set(output.splitlines()))
    assert len(lines[0] | lines[1]) == 2
    assert lines[2] == lines[3] == lines[0] | lines[1]
