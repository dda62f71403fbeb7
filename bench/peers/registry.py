"""The table of peers: what each is called, where it lives, and what its process is told by environment variables."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.peers.interface import Start
from bench.shapes import XOR_SHAPES, TrainingShape

# Before any library loads: one thread each.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
# An OpenBLAS may, on its own or because the environment says so, take AVX2 kernels where there is AVX-512; XLA prefers
# vectors of half the width.
AVX512_BLAS = {"OPENBLAS_CORETYPE": "SkylakeX"}
AVX512_XLA = {"XLA_FLAGS": f"{ONE_THREAD['XLA_FLAGS']} --xla_cpu_prefer_vector_width=512"}


@dataclass(frozen=True)
class Peer:
    """A contender.

    Attributes
    ----------
    name : str
        As tables have it.
    library : str
        Whose it is.
    module, start : str
        The module and, in it, the `interface.Start`.
    environment : mapping of str to str
        Beside `ONE_THREAD`.
    dtype : {"float32", "float64"}
    output_activation : {"sigmoid", "identity"}
    only : tuple of TrainingShape
        The shapes that it can train; none means all.
    """

    name: str
    library: str
    module: str
    start: str
    environment: Mapping[str, str] = field(default_factory=dict)
    dtype: str = "float32"
    output_activation: str = "sigmoid"
    only: tuple[TrainingShape, ...] = ()

    def trains(self, shape: TrainingShape) -> bool:
        """Tell whether the peer can train a shape."""
        return not self.only or shape in self.only

    def load(self) -> Start:
        """Import the peer.

        Raises
        ------
        ImportError
            The library is not installed.
        """
        start: Start = getattr(importlib.import_module(f"bench.peers.{self.module}"), self.start)
        return start


OWN = Peer("numba", "scratch-mlp", "own", "start_numba")
ARTICLE = Peer("article", "the article", "article", "ArticleTraining", dtype="float64", only=XOR_SHAPES)
RIVALS = (
    Peer("numpy", "NumPy", "own", "start_numpy"),
    Peer("numpy avx-512", "NumPy", "own", "start_numpy", AVX512_BLAS),
    Peer("torch eager", "PyTorch", "torch_eager", "EagerTraining"),
    Peer("torch manual", "PyTorch", "torch_manual", "ManualTraining"),
    Peer("torch compiled", "PyTorch", "torch_manual", "CompiledTraining"),
    Peer("torch onednn", "PyTorch", "torch_onednn", "OneDnnTraining"),
    Peer("jax step", "JAX", "jax_jit", "start_stepwise"),
    Peer("jax loop", "JAX", "jax_jit", "start_loop"),
    Peer("jax step 512", "JAX", "jax_jit", "start_stepwise", AVX512_XLA),
    Peer("jax loop 512", "JAX", "jax_jit", "start_loop", AVX512_XLA),
    Peer("sklearn", "scikit-learn", "scikit_learn", "ScikitLearnTraining", output_activation="identity"),
)
PEERS = (OWN, ARTICLE, *RIVALS)
PEER_BY_NAME = {peer.name: peer for peer in PEERS}
