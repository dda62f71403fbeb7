"""The vector as a numba type, and what emits LLVM code for it.

`VecType` is a numba type whose machine representation is an LLVM vector of `blocking.VECTOR_BYTES`, or of several times
as much. `lanes` and `splat` are for compiled functions. The other functions run while one is compiled: the operations
in `vector_memory`, `vector_arithmetic` and `vector_lanes` are made with them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

from kernels.blocking import VECTOR_BYTES


class VecType(types.Type):
    """A vector of `length` elements of the numba float type `dtype`, in one register or in several."""

    def __init__(self, dtype: types.Float, registers: int = 1) -> None:
        self.dtype, self.registers = dtype, registers
        self.length = registers * VECTOR_BYTES * 8 // dtype.bitwidth
        super().__init__(name=f"Vec({dtype}x{self.length})")


def _element_type(dtype: types.Float) -> ir.Type:
    return ir.FloatType() if dtype.bitwidth == 32 else ir.DoubleType()


def vector_type(vector: VecType) -> ir.VectorType:
    """Return the LLVM type of a vector."""
    return ir.VectorType(_element_type(vector.dtype), vector.length)


def integer_vector_type(vector: VecType) -> ir.VectorType:
    """Return the LLVM type of as many integers of the same width."""
    return ir.VectorType(ir.IntType(vector.dtype.bitwidth), vector.length)


@register_model(VecType)
class _VecModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: VecType) -> None:
        super().__init__(dmm, fe_type, vector_type(fe_type))


def in_every_lane(builder: Any, length: int, scalar: Any) -> Any:
    """Return the scalar in each of `length` lanes."""
    undefined = ir.Constant(ir.VectorType(scalar.type, length), ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), length), [0] * length)
    return builder.shuffle_vector(first, undefined, zeros)


def first_lanes(builder: Any, vector: VecType, n: Any) -> Any:
    """Return the mask of the lanes numbered below n."""
    numbers = ir.Constant(ir.VectorType(n.type, vector.length), list(range(vector.length)))
    return builder.icmp_signed("<", numbers, in_every_lane(builder, vector.length, n))


def lane_numbers(numbers: Iterable[int]) -> Any:
    """Return the numbers of lanes as an LLVM shuffle takes them."""
    chosen = list(numbers)
    return ir.Constant(ir.VectorType(ir.IntType(32), len(chosen)), chosen)


def llvm_call(builder: Any, name: str, result: ir.Type, args: list[Any]) -> Any:
    """Call an LLVM intrinsic by its full name (llvmlite's own declaration takes no vector types)."""
    function_type = ir.FunctionType(result, [a.type for a in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), args)


def type_suffix(vector: VecType) -> str:
    """Return what the name of an LLVM intrinsic for vectors of this type ends in."""
    return f"v{vector.length}f{vector.dtype.bitwidth}"


@intrinsic
def lanes(typingctx: Any, pointer: Any) -> Any:
    """Return the number of elements in a vector of the pointer's element type."""
    length = VecType(pointer.dtype).length

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.get_constant(types.intp, length)

    return types.intp(pointer), codegen


@intrinsic
def splat(typingctx: Any, like: Any, scalar: Any) -> Any:
    """Return a vector of the type of `like` (a vector or a pointer) whose every lane is `scalar`."""
    vector = like if isinstance(like, VecType) else VecType(like.dtype)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return in_every_lane(builder, vector.length, args[1])

    return vector(like, vector.dtype), codegen
