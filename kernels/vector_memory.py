"""Pointers to elements, and what goes between memory and vectors.

Nothing keeps the arrays alive that pointers point into, and no index is checked: both are left to the caller. The
``_first`` forms are for the end of a row: what lies behind the first n elements is neither read nor written.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from kernels.vectors import VecType, first_lanes, in_every_lane, llvm_call, type_suffix, vector_type

# ---------------------------------------------------------------------------------------------------------- pointers


@intrinsic
def address(typingctx: Any, array: Any, offset: Any) -> Any:
    """Return a pointer to element `offset` of the flattened C-contiguous `array`."""
    signature = types.CPointer(array.dtype)(array, types.intp)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        view = context.make_array(sig.args[0])(context, builder, args[0])
        return builder.gep(view.data, [args[1]])

    return signature, codegen


@intrinsic
def advance(typingctx: Any, pointer: Any, n: Any) -> Any:
    """Return the pointer moved by `n` elements."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]])

    return pointer(pointer, types.intp), codegen


@intrinsic
def get(typingctx: Any, pointer: Any, i: Any) -> Any:
    """Return the scalar ``pointer[i]``."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(builder.gep(args[0], [args[1]]))

    return pointer.dtype(pointer, types.intp), codegen


@intrinsic
def put(typingctx: Any, pointer: Any, i: Any, value: Any) -> Any:
    """Write the scalar `value`, rounded to the element type, to ``pointer[i]``."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[2], builder.gep(args[0], [args[1]]))
        return context.get_dummy_value()

    return types.void(pointer, types.intp, pointer.dtype), codegen


# --------------------------------------------------------------------------------------------------- loads and stores


def vector_address(builder: Any, vector: VecType, pointer: Any, index: Any) -> Any:
    """Return ``pointer[index]`` as an address of a vector, in LLVM."""
    return builder.bitcast(builder.gep(pointer, [index]), vector_type(vector).as_pointer())


@intrinsic
def load(typingctx: Any, pointer: Any, index: Any) -> Any:
    """Load the vector that starts at ``pointer[index]``, aligned or not."""
    vector = VecType(pointer.dtype)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(vector_address(builder, vector, *args), align=vector.dtype.bitwidth // 8)

    return vector(pointer, types.intp), codegen


@intrinsic
def store(typingctx: Any, pointer: Any, index: Any, value: Any) -> Any:
    """Store a vector to ``pointer[index ...]``."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        target = vector_address(builder, value, args[0], args[1])
        builder.store(args[2], target, align=value.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(pointer, types.intp, value), codegen


def load_masked(builder: Any, vector: VecType, pointer: Any, index: Any, n: Any, fill: Any) -> Any:
    """Load the first `n` lanes of a vector, `fill` in the others, in LLVM."""
    source = vector_address(builder, vector, pointer, index)
    alignment = ir.Constant(ir.IntType(32), vector.dtype.bitwidth // 8)
    others = in_every_lane(builder, vector.length, fill)
    arguments = [source, alignment, first_lanes(builder, vector, n), others]
    return llvm_call(builder, f"llvm.masked.load.{type_suffix(vector)}.p0", others.type, arguments)


def store_masked(builder: Any, vector: VecType, pointer: Any, index: Any, value: Any, n: Any) -> None:
    """Store the first `n` lanes of a vector, in LLVM."""
    target = vector_address(builder, vector, pointer, index)
    alignment = ir.Constant(ir.IntType(32), vector.dtype.bitwidth // 8)
    arguments = [value, target, alignment, first_lanes(builder, vector, n)]
    llvm_call(builder, f"llvm.masked.store.{type_suffix(vector)}.p0", ir.VoidType(), arguments)


@intrinsic
def load_first(typingctx: Any, pointer: Any, index: Any, n: Any, fill: Any) -> Any:
    """Load the first `n` elements (n <= 0: none, n >= lanes: all); the other lanes are `fill`, their memory unread."""
    vector = VecType(pointer.dtype)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return load_masked(builder, vector, *args)

    return vector(pointer, types.intp, types.intp, vector.dtype), codegen


@intrinsic
def store_first(typingctx: Any, pointer: Any, index: Any, value: Any, n: Any) -> Any:
    """Store the first `n` lanes (n <= 0: none, n >= lanes: all); memory behind them is never touched."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        store_masked(builder, value, *args)
        return context.get_dummy_value()

    return types.void(pointer, types.intp, value, types.intp), codegen


@intrinsic
def broadcast(typingctx: Any, pointer: Any, index: Any) -> Any:
    """Return a vector whose every lane is ``pointer[index]``."""
    vector = VecType(pointer.dtype)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return in_every_lane(builder, vector.length, builder.load(builder.gep(args[0], [args[1]])))

    return vector(pointer, types.intp), codegen


def _prefetch(locality: int) -> Any:
    """Make an intrinsic that asks for a cache line; LLVM's localities 3 and 2 are the first and the second cache."""

    def ask(typingctx: Any, pointer: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            place = builder.bitcast(builder.gep(args[0], [args[1]]), ir.IntType(8).as_pointer())
            to_read, wanted, of_data = (ir.Constant(ir.IntType(32), value) for value in (0, locality, 1))
            llvm_call(builder, "llvm.prefetch.p0", ir.VoidType(), [place, to_read, wanted, of_data])
            return context.get_dummy_value()

        return types.void(pointer, types.intp), codegen

    return intrinsic(ask)


# Ask for the cache line of ``pointer[index]``, which need not exist, to be read and perhaps written: at once, or later.
prefetch = _prefetch(3)
prefetch_for_later = _prefetch(2)
