"""A wheel built from this project installs, and works outside the checkout from folders that nobody may write in."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

PROJECT = Path(__file__).parents[1]
TIMEOUT = 240  # seconds: the cache is cold, so every kernel is compiled

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("build") is None or importlib.util.find_spec("hatchling") is None,
    reason="build and hatchling are not installed: install the test extra",
)


def checked(command: list[str], cwd: Path, **changes: str) -> str:
    """Run a command that must succeed, away from the checkout, and return what it prints."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | changes
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a read-only folder that the wheel is installed in."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source / name)
    for name in ("kernels", "trainer"):
        shutil.copytree(PROJECT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    checked([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist"], source)
    (wheel,) = (source / "dist").glob("scratch_mlp-*-py3-none-any.whl")
    target = tmp_path_factory.mktemp("installed")
    options = ["--no-deps", "--no-index", "--disable-pip-version-check", "--quiet", "--target", str(target)]
    checked([sys.executable, "-m", "pip", "install", *options, str(wheel)], source)
    shutil.rmtree(source)
    for path in [target, *target.rglob("*")]:
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    return target


def listing(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path.relative_to(folder)), path.stat().st_size) for path in folder.rglob("*"))


def test_both_packages_and_nothing_else_are_installed(installed: Path) -> None:
    names = {path.name for path in installed.iterdir() if path.suffix != ".dist-info"}
    assert names - {"bin", "Scripts"} == {"kernels", "trainer"}
    for package in ("kernels", "trainer"):
        here = {path.name for path in (PROJECT / package).glob("*.py")}
        assert {path.name for path in (installed / package).glob("*.py")} == here


def test_the_modules_come_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    question = "import kernels, trainer; print(kernels.__file__); print(trainer.__file__)"
    for line in checked([sys.executable, "-c", question], tmp_path, PYTHONPATH=str(installed)).splitlines():
        assert Path(line).is_relative_to(installed)


def test_the_command_trains_and_writes_only_its_model_and_its_cache(installed: Path, tmp_path: Path) -> None:
    command = shutil.which("scratch-mlp", path=os.pathsep.join([str(installed / "bin"), str(installed / "Scripts")]))
    assert command is not None
    before, cache, folder = listing(installed), tmp_path / "cache", tmp_path / "work"
    folder.mkdir()
    changes = {"PYTHONPATH": str(installed), "SCRATCH_MLP_CACHE_DIR": str(cache)}
    options = ["train", "--epochs", "200", "--quiet", "--save", "m.safetensors"]
    assert checked([command, *options], folder, **changes) == ""
    assert os.listdir(folder) == ["m.safetensors"]
    assert all(np.isfinite(array).all() for array in load_file(folder / "m.safetensors").values())
    assert any(path.suffix == ".nbc" for path in cache.rglob("*"))
    assert listing(installed) == before
