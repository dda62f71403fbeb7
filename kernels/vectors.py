"""The vector as a numba type, and what emits LLVM code for it.

`VecType` is a numba type whose machine representation is an LLVM vector of `blocking.VECTOR_BYTES`, or of several times
as much. `lanes` and `splat` are for compiled functions. The other functions run while one is compiled: the operations
in `vector_memory`, `vector_arithmetic`, `vector_lanes` and `vector_fours` are made with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, register_model

from kernels.blocking import VECTOR_BYTES


class VecType(types.Type):
    """A vector of `length` elements of the numba float type `dtype`, in one register or in several."""

    def __init__(self, dtype: types.Float, registers: int = 1) -> None:
        self.dtype, self.registers = dtype, registers
        self.length = registers * VECTOR_BYTES * 8 // dtype.bitwidth
        super().__init__(name=f"Vec({dtype}x{self.length})")


def in_llvm(function: Any, signature_for: Callable[..., Any]) -> Callable[..., Any]:
    """Give what a Python function means for arguments of some types as LLVM code, which takes numba no compilation.

    Parameters
    ----------
    function : callable
        Such as ``operator.add``.
    signature_for : callable
        Takes the types of the arguments and returns the signature, or None where others are to answer.

    Returns
    -------
    decorator
        Of a code generator, for the types of arguments that it is given.
    """

    class Template(AbstractTemplate):
        key = function

        def generic(self, args: Any, kws: Any) -> Any:
            return signature_for(*args)

    infer_global(function)(Template)

    def decorator(*argument_types: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        return lower_builtin(function, *argument_types)

    return decorator


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


def in_registers(builder: Any, vector: VecType, value: Any) -> list[Any]:
    """Return the parts of a vector that are a register each."""
    length = vector.length // vector.registers
    return [
        builder.shuffle_vector(value, value, lane_numbers(range(first, first + length)))
        for first in range(0, vector.length, length)
    ]


def in_one(builder: Any, parts: list[Any]) -> Any:
    """Return the vector that the parts make, one behind the other; their number is a power of two."""
    while len(parts) > 1:
        chosen = lane_numbers(range(2 * parts[0].type.count))
        parts = [builder.shuffle_vector(*pair, chosen) for pair in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


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
