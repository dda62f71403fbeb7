"""Four vectors as one, in four registers.

What is done to it is done to each register by instructions of its own, next to each other: four independent chains. A
function of `elementary` is one long chain, and a processor may look ahead for less than the next one: by single vectors
sigmoid takes 1.4 times as long with AVX2.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from kernels._jit import inlined
from kernels.vector_memory import load_masked, store_masked, vector_address
from kernels.vectors import VecType, in_one, in_registers


@inlined
def places(n: int, apart: int) -> tuple[int, int, int, int]:
    """Return where n vectors, up to four, begin that are so far apart; for missing ones, where the last does."""
    last = n - 1
    return 0, min(1, last) * apart, min(2, last) * apart, min(3, last) * apart


def _addresses(builder: Any, vector: VecType, pointer: Any, index: Any, where: Any) -> list[Any]:
    indices = [builder.add(index, builder.extract_value(where, i)) for i in range(4)]
    return [vector_address(builder, vector, pointer, i) for i in indices]


@intrinsic
def load_four(typingctx: Any, pointer: Any, index: Any, where: Any) -> Any:
    """Load the vectors that start at ``pointer[index + place]`` for each place."""
    vector = VecType(pointer.dtype)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        alignment = vector.dtype.bitwidth // 8
        return in_one(builder, [builder.load(place, align=alignment) for place in _addresses(builder, vector, *args)])

    return VecType(pointer.dtype, 4)(pointer, types.intp, types.UniTuple(types.intp, 4)), codegen


@intrinsic
def store_four(typingctx: Any, pointer: Any, index: Any, where: Any, value: Any) -> Any:
    """Store a quarter each to ``pointer[index + place ...]``; where places are the same, the first one stays."""
    vector = VecType(pointer.dtype)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        parts = zip(in_registers(builder, value, args[3]), _addresses(builder, vector, *args[:3]), strict=True)
        for part, place in reversed(list(parts)):
            builder.store(part, place, align=vector.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(pointer, types.intp, types.UniTuple(types.intp, 4), value), codegen


@intrinsic
def load_first_of_four(typingctx: Any, pointer: Any, index: Any, n: Any, fill: Any) -> Any:
    """Load n elements from ``pointer[index]`` on (n <= 0: none, n >= 4 lanes: all); the other lanes are `fill`."""
    vector = VecType(pointer.dtype)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        source, index, n, fill = args
        firsts = [ir.Constant(n.type, i * vector.length) for i in range(4)]
        parts = [
            load_masked(builder, vector, source, builder.add(index, first), builder.sub(n, first), fill)
            for first in firsts
        ]
        return in_one(builder, parts)

    return VecType(pointer.dtype, 4)(pointer, types.intp, types.intp, vector.dtype), codegen


@intrinsic
def store_first_of_four(typingctx: Any, pointer: Any, index: Any, value: Any, n: Any) -> Any:
    """Store the first n lanes (n <= 0: none, n >= 4 lanes: all); memory behind them is never touched.

    Vectors that have none of them are jumped over: a masked store takes long without AVX-512.
    """
    vector = VecType(pointer.dtype)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        target, index, four, n = args
        for i, part in enumerate(in_registers(builder, value, four)):
            first = ir.Constant(n.type, i * vector.length)
            with builder.if_then(builder.icmp_signed(">", n, first)):
                store_masked(builder, vector, target, builder.add(index, first), part, builder.sub(n, first))
        return context.get_dummy_value()

    return types.void(pointer, types.intp, value, types.intp), codegen
