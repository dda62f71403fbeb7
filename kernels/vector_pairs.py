"""Vectors side by side in one that takes several registers.

What is done to such a vector is done to each register by instructions of its own, next to each other: as many
independent chains. A processor that looks ahead for less than one chain, as those without AVX-512 do in functions of
`elementary`, is kept busy by them.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from kernels._jit import inlined
from kernels.vector_memory import load, store
from kernels.vectors import VecType, lane_numbers


@intrinsic
def joined(typingctx: Any, a: Any, b: Any) -> Any:
    """Return the lanes of a and behind them those of b, in one vector of as many registers as both have."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.shuffle_vector(*args, lane_numbers(range(2 * a.length)))

    return VecType(a.dtype, 2 * a.registers)(a, a), codegen


@intrinsic
def halves(typingctx: Any, value: Any) -> Any:
    """Return the lower and the upper half of a vector in several registers."""
    half = VecType(value.dtype, value.registers // 2)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        parts = [
            builder.shuffle_vector(args[0], args[0], lane_numbers(range(first, first + half.length)))
            for first in (0, half.length)
        ]
        return context.make_tuple(builder, sig.return_type, parts)

    return types.UniTuple(half, 2)(value), codegen


@inlined
def load_two(pointer: Any, index: int, other: int) -> Any:
    """Load the vectors that start at ``pointer[index]`` and at ``pointer[other]``."""
    return joined(load(pointer, index), load(pointer, other))


@inlined
def store_two(pointer: Any, index: int, other: int, value: Any) -> None:
    """Store the halves of a vector to ``pointer[index ...]`` and ``pointer[other ...]``; of one place, the first."""
    first, second = halves(value)
    store(pointer, other, second)
    store(pointer, index, first)
