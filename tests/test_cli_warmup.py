"""`scratch-mlp warmup` leaves nothing for later commands to compile, and says where the code is.

It compiles into a folder of this module's own, for one of the dtypes, which takes half of the time of both.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import TIMEOUT, call, environment, run

from trainer import MLP, warmup_command
from trainer.terms import objective
from trainer.warmup_command import NETWORKS

DTYPE = "float32"
DIVERGING = 1e30  # a rate of learning
TABLE = "a,b,kind\n" + "".join(f"{i},{i * i % 7},{'xyz'[i % 3]}\n" for i in range(30))
NUMBERS = "a,b,y\n" + "".join(f"{i},{i * i % 7},{i / 3}\n" for i in range(30))

# `explain` computes in float64: the same step on a network of the other dtype.
EXPLAIN = f"""
import numpy as np
from trainer import MLP
from trainer.explain import explain_step

for options in ({{"bias": False, "init": "article"}}, {{"activation": "tanh"}}):
    explain_step(MLP([2, 3, 2], dtype="{DTYPE}", random_state=0, **options), [0.5, -1.0], [1.0, 0.0], 0.1)
"""


def compiled(cache: Path) -> dict[str, tuple[int, int]]:
    """Return the files of the cache, with times and sizes: what is compiled makes a file, and changes an index."""
    files = [path for path in cache.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in files}


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a cache folder after a warmup, and what the warmup printed."""
    cache = tmp_path_factory.mktemp("cache")
    done = run("warmup", "--dtype", DTYPE, cwd=cache.parent, SCRATCH_MLP_CACHE_DIR=str(cache))
    assert (done.returncode, done.stderr) == (0, "")
    return cache, done.stdout


def test_it_says_where_the_code_is_and_how_long_it_took(warm: tuple[Path, str]) -> None:
    cache, said = warm
    found = re.fullmatch(rf"compiled code is kept in (.+)\ncompiled (\d+) functions for {DTYPE} in ([\d.]+) s\n", said)
    assert found is not None
    folder = Path(found[1])
    assert folder.parent == cache
    assert 0 < int(found[2]) <= len(list(folder.glob("*.nbc")))
    assert 0 < float(found[3]) < TIMEOUT


def test_a_second_call_finds_everything_and_is_quick(warm: tuple[Path, str]) -> None:
    cache, said = warm
    before = compiled(cache)
    done = run("warmup", "--dtype", DTYPE, cwd=cache.parent, SCRATCH_MLP_CACHE_DIR=str(cache))
    assert (done.returncode, done.stderr) == (0, "")
    found = re.search(rf"\neverything for {DTYPE} is there already; looked at in ([\d.]+) s\n$", done.stdout)
    assert found is not None
    took = re.search(r"in ([\d.]+) s\n$", said)
    assert took is not None
    assert float(found[1]) < float(took[1]) / 4
    assert compiled(cache) == before


def test_no_later_command_compiles(warm: tuple[Path, str], tmp_path: Path) -> None:
    cache, _ = warm
    before = compiled(cache)
    (tmp_path / "table.csv").write_text(TABLE)
    (tmp_path / "numbers.csv").write_text(NUMBERS)
    (tmp_path / "new.csv").write_text("a,b\n1,2\n3,4\n")
    every_output = ("--history", "h.json", "--plots", "plots", "--gif", "x.gif", "--save", "m.safetensors")
    of_article = ("--preset", "article", "--dtype", DTYPE, "--gif", "article.gif")
    for command in (
        ("train", "--epochs", 3, *every_output),
        ("train", "--epochs", 3, "--hidden", "300", "--threads", 2, "--batch-size", 37, "--l2", 0.1, "--clip-norm", 1),
        ("train", "--epochs", 3, "--hidden", "1024", "--activation", "tanh", "--no-bias"),
        ("train", "--epochs", 3, "--backend", "numpy", "--batch-size", 50),
        ("train", "table.csv", "--epochs", 3, "--validation", 0.2, "--save", "table.safetensors"),
        ("train", "numbers.csv", "--epochs", 3, "--save", "numbers.safetensors"),
        ("train", "--epochs", 30, "--learning-rate", DIVERGING, "--loss", "cross_entropy", "--activation", "relu"),
        ("train", "--epochs", 3, *of_article),
        ("predict", "table.safetensors", "new.csv"),
        ("predict", "numbers.safetensors", "new.csv"),
        ("evaluate", "table.safetensors", "table.csv"),
    ):
        done = run(*command, cwd=tmp_path, SCRATCH_MLP_CACHE_DIR=str(cache))
        assert done.returncode == (3 if DIVERGING in command else 0), done.stderr
        assert "compiling" not in done.stdout
        assert compiled(cache) == before, command
    variables = environment(SCRATCH_MLP_CACHE_DIR=str(cache))
    subprocess.run([sys.executable, "-c", EXPLAIN], cwd=tmp_path, env=variables, timeout=TIMEOUT, check=True)
    assert compiled(cache) == before


def test_what_is_compiled_would_show(warm: tuple[Path, str]) -> None:
    cache, _ = warm
    before = compiled(cache)
    of_other_dtype = "import numpy as np, kernels; kernels.BACKENDS['numba'].activate_inplace(0, np.zeros((1, 1)))"
    variables = environment(SCRATCH_MLP_CACHE_DIR=str(cache))
    subprocess.run([sys.executable, "-c", of_other_dtype], cwd=cache, env=variables, timeout=TIMEOUT, check=True)
    assert compiled(cache) != before


def test_every_kind_of_network_is_among_those_tried() -> None:
    models = [MLP(sizes, random_state=0, **options) for sizes, options in NETWORKS]
    X, Y = np.zeros((5, 2)), np.zeros((5, 2))
    kinds = set()
    for model in models:
        run_of_model = model.start_run(X, Y, terms=objective())
        kinds.add((run_of_model._workspace.lanes_x.size > 0, run_of_model.threads))
    assert kinds == {(True, 1), (False, 2)}


def test_without_a_folder_for_the_code_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(warmup_command, "cache_folder", lambda: None)
    assert call("warmup") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("scratch-mlp: error: SCRATCH_MLP_CACHE_DIR: ")
    assert err.count("\n") == 1
