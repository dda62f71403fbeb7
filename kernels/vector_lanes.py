"""The lanes of a vector: which of them are kept, where they stand, and what they come to together.

A sum over the lanes is taken in an order that depends on the vector length only. What is done in each lane by itself is
left to `vector_arithmetic`; the sums of several vectors at once are in `tiles`.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from kernels._jit import inlined
from kernels.vectors import first_lanes, lane_numbers, splat


@intrinsic
def choose_first(typingctx: Any, first: Any, others: Any, n: Any) -> Any:
    """Return the vector with the first `n` lanes (n <= 0: none, n >= lanes: all) of `first`, the rest of `others`."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(first_lanes(builder, first, args[2]), args[0], args[1])

    return first(first, first, types.intp), codegen


@inlined
def keep_first(value: Any, n: int) -> Any:
    """Return the vector with its first `n` lanes (n >= lanes: all) and zeros in the others."""
    return choose_first(value, splat(value, 0.0), n)


@intrinsic
def turned(typingctx: Any, value: Any, n: Any) -> Any:
    """Return the vector whose lane i is lane i + n of `value`, counted in a circle, for n below the lanes' number."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        once = lane_numbers([*range(1, value.length), 0])
        result = cgutils.alloca_once_value(builder, args[0])
        with cgutils.for_range(builder, args[1]):
            turn = builder.load(result)
            builder.store(builder.shuffle_vector(turn, turn, once), result)
        return builder.load(result)

    return value(value, types.intp), codegen


def _halve(builder: Any, value: Any, combine: Any) -> Any:
    """Combine the lower with the upper half of a vector until one element is left."""
    width = value.type.count
    while width > 1:
        width //= 2
        nothing = ir.Constant(value.type, ir.Undefined)
        low, high = (lane_numbers(range(start, start + width)) for start in (0, width))
        value = combine(builder.shuffle_vector(value, nothing, low), builder.shuffle_vector(value, nothing, high))
    return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))


@intrinsic
def sum_lanes(typingctx: Any, value: Any) -> Any:
    """Return the sum of the lanes, added pairwise in a fixed order."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _halve(builder, args[0], builder.fadd)

    return value.dtype(value), codegen


@intrinsic
def max_lanes(typingctx: Any, value: Any) -> Any:
    """Return the largest lane (any lane's value where one is not a number)."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _halve(builder, args[0], lambda a, b: builder.select(builder.fcmp_ordered("<", a, b), b, a))

    return value.dtype(value), codegen
