"""Vector length and tile sizes, derived from the processor at hand.

VECTOR_BYTES
    One SIMD register: 64 with AVX-512, 32 with AVX, else 16 (NEON, SSE). The environment variable
    ``SCRATCH_MLP_VECTOR_BYTES`` overrides it for tests; LLVM splits what the processor has no register for.
REGISTERS
    How many of them code can name: 32 with AVX-512 and NEON, else 16.
MR, NV
    The register tile: MR rows of NV vectors. MR * NV accumulators, NV vectors of B and one broadcast element of A fit
    the register file (32 registers: 14 x 2; 16 registers: 6 x 2).
SHORT_MR
    Rows of the tile for what is left of the rows: 4 x 2 accumulators still hide the latency of two fused
    multiply-adds per cycle.
KC
    Largest depth of a panel of B, KC x NR elements (100 KiB). It is read once per tile of rows and may come from L2:
    two vectors per MR cycles. Fewer, deeper passes spare reading and writing C: a training step of 784-H-10 is 4 to 8 %
    faster with one pass than with two.
MC
    Rows of A between two uses of the same panel; MC x KC elements (450 KiB, of float64 twice that) share L2 with the
    panel, also where small pages lie so that they compete. More rows gain nothing, since panels are asked for ahead;
    less than 10 MR would cut batches of 128 rows in two (10 %).
NC
    Columns of B whose copies are kept for all blocks of rows; of float64 half as many.

After BLIS (Van Zee and van de Geijn, 2015), without packing of A.
"""

from __future__ import annotations

import os
import platform

from llvmlite.binding import get_host_cpu_features

IS_X86 = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686")
HAS_AVX512 = bool(get_host_cpu_features().get("avx512f"))


def _vector_bytes() -> int:
    override = os.environ.get("SCRATCH_MLP_VECTOR_BYTES")
    if override is not None:
        if override not in ("16", "32", "64"):
            raise ValueError(f"SCRATCH_MLP_VECTOR_BYTES: {override!r} given, 16, 32 or 64 accepted")
        return int(override)
    if HAS_AVX512:
        return 64
    return 32 if get_host_cpu_features().get("avx") else 16


def _registers() -> int:
    """Return how many vector registers the instruction set names."""
    has_32 = get_host_cpu_features().get("avx512vl") or platform.machine().lower() in ("arm64", "aarch64")
    return 32 if has_32 else 16


VECTOR_BYTES = _vector_bytes()
REGISTERS = _registers()
NV = 2
MR = (REGISTERS - NV - 1) // NV
SHORT_MR = 4
KC = 800
MC = 10 * MR
NC = 1024

# Rows of a matrix a multiple of so many bytes apart fall into the same few sets of the caches.
CONFLICTING_BYTES = 4096
CACHE_LINE = 64


def padded_width(width: int, itemsize: int) -> int:
    """Return how far apart to lay rows of `width` elements, so that they do not compete for the same cache sets."""
    return width + CACHE_LINE // itemsize if width * itemsize % CONFLICTING_BYTES == 0 else width
