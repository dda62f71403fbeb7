"""The arrows between modules: who may import whom, what kernels leave to others, where code is compiled."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kernels
import trainer

KERNELS = sorted(Path(kernels.__path__[0]).glob("*.py"))
TRAINER = sorted(Path(trainer.__path__[0]).rglob("*.py"))
# Layers from the bottom: a module of the trainer named here imports none that comes later.
LAYERS = ("model", "training", "cli")


def module_name(path: Path) -> str:
    """Return a module's dotted name."""
    root = KERNELS[0].parent if path in KERNELS else TRAINER[0].parent
    return ".".join([root.name, *path.relative_to(root).with_suffix("").parts]).removesuffix(".__init__")


def tree(path: Path) -> ast.Module:
    """Return a module's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path: Path) -> Iterator[str]:
    """Return the dotted names that a module imports, anywhere in it: modules, and what may be modules of a package."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno}: a relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages(path: Path) -> set[str]:
    """Return the top-level packages that a module imports."""
    return {name.partition(".")[0] for name in imports(path)}


def reaches(start: str) -> set[str]:
    """Return every module of the trainer that a module imports, directly or through others of the trainer."""
    by_name = {module_name(path): path for path in TRAINER}
    found, waiting = set(), [start]
    while waiting:
        for name in imports(by_name[waiting.pop()]):
            if name in by_name and name not in found and name != "trainer":
                found.add(name)
                waiting.append(name)
    return found


def test_there_is_something_to_look_at() -> None:
    assert {"kernels.simd", "kernels.gemm", "kernels.network"} <= {module_name(path) for path in KERNELS}
    assert {"trainer.model", "trainer.run"} <= reaches("trainer.model") | {"trainer.model"}


@pytest.mark.parametrize("path", KERNELS, ids=module_name)
def test_kernels_import_numpy_and_numba_only(path: Path) -> None:
    allowed = {"numpy", "numba", "llvmlite", "kernels", *sys.stdlib_module_names}
    assert packages(path) <= allowed


@pytest.mark.parametrize("path", KERNELS, ids=module_name)
def test_kernels_neither_print_nor_open_files(path: Path) -> None:
    called = {
        (node.func.id if isinstance(node.func, ast.Name) else "", node.lineno)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
    }
    assert not [(name, line) for name, line in called if name in ("print", "open", "input")]


def test_two_modules_import_matplotlib() -> None:
    importing = {module_name(path) for path in TRAINER if "matplotlib" in packages(path)}
    assert importing == {"trainer.panels", "trainer.model_panels"}


def test_only_the_estimators_need_scikit_learn() -> None:
    needing = {module_name(path) for path in TRAINER if packages(path) & {"sklearn", "scipy"}}
    estimators = {module_name(path) for path in TRAINER if module_name(path).startswith("trainer.estimators")}
    assert needing
    assert needing - {"trainer.sklearn_datasets"} <= estimators
    for name in {module_name(path) for path in TRAINER} - estimators:
        assert not reaches(name) & estimators, name


@pytest.mark.parametrize("layer", LAYERS[:-1])
def test_imports_of_the_trainer_point_one_way(layer: str) -> None:
    if f"trainer.{layer}" not in {module_name(path) for path in TRAINER}:
        pytest.fail(f"trainer.{layer} is gone: LAYERS names the layers of the trainer")
    above = {f"trainer.{name}" for name in LAYERS[LAYERS.index(layer) + 1 :]}
    assert not reaches(f"trainer.{layer}") & above


def test_the_model_draws_and_prints_nothing() -> None:
    paths = {module_name(path): path for path in TRAINER}
    for name in {"trainer.model", *reaches("trainer.model")}:
        assert not packages(paths[name]) & {"matplotlib", "rich", "typer", "polars"}, name


@pytest.mark.parametrize("path", KERNELS + TRAINER, ids=module_name)
def test_numba_s_compiling_decorators_are_named_in_one_module_only(path: Path) -> None:
    if module_name(path) == "kernels._jit":
        return
    decorators = {"jit", "njit", "vectorize", "guvectorize", "cfunc", "stencil", "jitclass", "generated_jit"}
    named = {node.attr for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}
    named |= {name.rpartition(".")[2] for name in imports(path)}
    assert not named & decorators
    # Extending the compiler is another matter: intrinsics and overloads.
    if module_name(path) not in (
        "kernels.vectors",
        "kernels.vector_memory",
        "kernels.vector_arithmetic",
        "kernels.vector_fours",
        "kernels.vector_lanes",
        "kernels.tiles",
        "kernels.elementary",
        "kernels.blocking",
        "kernels.atomics",
    ):
        assert not {name for name in imports(path) if name.startswith(("numba.extending", "llvmlite"))}
