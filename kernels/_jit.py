"""The jit flags and the cache location: the only place where they are decided.

Flags, each with its reason:

- no ``fastmath``: vector code asks for fused multiply-add explicitly, and NaN and infinity must survive to be detected.
- ``error_model="numpy"``: no division check, hence no branch and no exception path in the loops.
- ``boundscheck=False``: whatever ``NUMBA_BOUNDSCHECK`` says, pointers are used that numba cannot check.
- ``nogil=True``: kernels touch no Python object.

Cache: numba's own index does not see a change in a callee of another file, in a constant or in a flag. So compiled code
lives in the user's cache folder, in a subfolder named by a digest of every source of this package, the versions of
numba, llvmlite and Python, and the vector length. A stale kernel can never be loaded. Only the entry points are cached;
what they call is compiled into them. The cache settings of other packages in the process are left alone.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, ParamSpec, TypeVar

import llvmlite
import numba
import numpy as np
from numba.core import caching
from numba.core.codegen import CPUCodeLibrary, JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.types.misc import unliteral
from numba.extending import intrinsic, overload
from numba.misc.appdirs import user_cache_dir

P = ParamSpec("P")
R = TypeVar("R")

_FLAGS: dict[str, Any] = {"error_model": "numpy", "boundscheck": False, "nogil": True}
_BARE: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def named(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Give a function that a factory makes a name of its own, before it is compiled.

    The symbols of compiled code hold a function's qualified name and a number that counts compilations in one process.
    Code from the caches of two processes can meet in a third, and there one name must not mean two functions.
    """

    def rename(function: Callable[P, R]) -> Callable[P, R]:
        function.__qualname__ = function.__name__ = name
        return function

    return rename


def codes(n: int) -> list[Any]:
    """Return 0 ... n-1 as constants to call compiled functions with.

    They are NumPy integers, because numba compiles an inlined function anew for each literal that it is called with.
    """
    return list(np.arange(n, dtype=np.int64))


class _NoEnvironment:
    """Stands for the code generator where numba tells it which Python objects a function refers to: to none."""

    def set_env(self, name: str, environment: Any) -> None:
        """Do nothing."""


class _LinkedLibrary(JITCodeLibrary):
    """Code that is only linked into its callers: no machine code is made of it, which takes a third of the time."""

    codegen = _NoEnvironment()

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0


class _RawLibrary(_LinkedLibrary):
    """The same, not optimised on its own: a chain of calls would be optimised anew with each of its links."""

    def _optimize_final_module(self) -> None:
        pass


class _Linked(Compiler):
    """numba's compiler for code that is linked into its callers, after it was optimised on its own."""

    library: ClassVar[type[CPUCodeLibrary]] = _LinkedLibrary

    def define_pipelines(self) -> Any:
        self.state.library = self.library(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        return super().define_pipelines()


class _Raw(_Linked):
    library = _RawLibrary


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function into each of its callers (a few vector operations, no call left)."""
    return numba.njit(forceinline=True, pipeline_class=_Raw, **_BARE, **_FLAGS)(function)


def inlined_for(function: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make what a function of types returns the compiled form of `function` for arguments of these types, inlined."""
    return overload(function, jit_options={"forceinline": True, "pipeline_class": _Raw, **_BARE, **_FLAGS})


def _for_all_integers(dispatcher: Any) -> Any:
    """Let compiled callers share one compilation, which numba repeats for each literal among the arguments."""
    template_for = dispatcher.get_call_template

    def template_for_any(args: Any, kws: Any) -> Any:
        return template_for([unliteral(a) for a in args], {name: unliteral(a) for name, a in kws.items()})

    dispatcher.get_call_template = template_for_any
    return dispatcher


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a loop to be called from other compiled code, and optimise it on its own.

    Nested loops over a register tile want that: what they need to be unrolled shows only after a first pass.
    """
    return _for_all_integers(numba.njit(forceinline=False, pipeline_class=_Linked, **_BARE, **_FLAGS)(function))


def called(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function once, to be called from other compiled code.

    A function whose options do not say otherwise would inherit ``forceinline`` from the caller it is compiled for.
    """
    return _for_all_integers(numba.njit(forceinline=False, pipeline_class=_Raw, **_BARE, **_FLAGS)(function))


@intrinsic
def out_of_line(typingctx: Any) -> Any:
    """Keep the function that says this from being inlined: one copy of large code, however often it is called."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return numba.types.void(), codegen


def entry_point(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that Python calls, lazily at its first call, and keep the machine code on disk."""
    dispatcher = numba.njit(no_cfunc_wrapper=True, **_FLAGS)(function)
    if cache_folder() is not None:
        dispatcher._cache = _Cache(function)
    return dispatcher


@functools.cache
def cache_folder() -> Path | None:
    """Return the folder of the compiled code, made if need be, or None where no folder can be written.

    ``SCRATCH_MLP_CACHE_DIR`` overrides the user's cache folder.
    """
    base = os.environ.get("SCRATCH_MLP_CACHE_DIR") or user_cache_dir("scratch-mlp", appauthor=False)
    for root in (Path(base), Path(tempfile.gettempdir()) / f"scratch-mlp-{_user()}"):
        folder = root / _digest()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return None


def nothing_is_compiled() -> bool:
    """Tell whether the cache holds no code yet, so that the first call of a kernel will take a while."""
    folder = cache_folder()
    return folder is None or next(folder.glob("*.nbi"), None) is None


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")


@functools.cache
def _digest() -> str:
    """Name everything that the compiled code depends on and numba's own cache index does not hold."""
    digest = hashlib.sha256()
    versions = (numba.__version__, llvmlite.__version__, sys.version, os.environ.get("SCRATCH_MLP_VECTOR_BYTES", ""))
    digest.update(repr(versions).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()[:16]


class _Locator(caching._CacheLocator):
    """Tell numba's cache where the files of one function go."""

    def __init__(self, function: Callable[..., Any], source: str) -> None:
        self._function, self._source = function, source

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> _Locator:
        return cls(py_func, py_file)

    def get_cache_path(self) -> str:
        return str(cache_folder())

    def get_source_stamp(self) -> str:
        own = hashlib.sha256(Path(self._source).read_bytes()).hexdigest()  # of an entry point outside this package
        return _digest() + own

    def get_disambiguator(self) -> str:
        return str(self._function.__module__)


class _CacheImplementation(caching.CompileResultCacheImpl):
    _locator_classes: ClassVar[list[type]] = [_Locator]


class _Cache(caching.FunctionCache):
    _impl_class = _CacheImplementation
