"""Arithmetic of vectors, lane by lane: operators, functions, the lesser and the larger of two.

Each is an instruction or a few, and `fma` comes of nothing but a call of it. What chooses, moves or combines the lanes
of a vector is in `vector_lanes`; exponentials and logarithms are in `elementary`.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from kernels.blocking import HAS_AVX512, VECTOR_BYTES
from kernels.vectors import (
    VecType,
    in_every_lane,
    in_llvm,
    in_one,
    in_registers,
    integer_vector_type,
    llvm_call,
    type_suffix,
)

HAS_SCALE = HAS_AVX512 and VECTOR_BYTES == 64


@intrinsic
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """Return ``a * b + c``, rounded once."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return llvm_call(builder, f"llvm.fma.{type_suffix(a)}", args[0].type, list(args))

    return a(a, a, a), codegen


def _signature_of_two(a: Any, b: Any) -> Any:
    """Return the signature of an operator of vectors; a scalar beside a vector is rounded to its element type."""
    if isinstance(a, VecType):
        if a == b:
            return a(a, a)
        return a(a, a.dtype) if isinstance(b, types.Number) else None
    return b(b.dtype, b) if isinstance(b, VecType) and isinstance(a, types.Number) else None


def _overload_operator(python_operator: Any, instruction: str) -> None:
    """Give vectors one of ``+ - * /``."""
    overloaded = in_llvm(python_operator, _signature_of_two)

    @overloaded(VecType, VecType)
    @overloaded(VecType, types.Float)
    @overloaded(types.Float, VecType)
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vectors = [
            value if isinstance(kind, VecType) else in_every_lane(builder, sig.return_type.length, value)
            for kind, value in zip(sig.args, args, strict=True)
        ]
        return getattr(builder, instruction)(*vectors)


for _operator, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _overload_operator(_operator, _instruction)


def _signature_of_vectors(*args: Any) -> Any:
    vector = args[0] if args else None
    return vector(*args) if isinstance(vector, VecType) and all(kind == vector for kind in args) else None


@in_llvm(operator.neg, _signature_of_vectors)(VecType)
def _negative(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """``-a``, which costs nothing before an `fma`."""
    return builder.fneg(args[0])


@in_llvm(min, _signature_of_vectors)(VecType, VecType)
def _minimum(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """``min`` of vectors: b where a is not a number, as the processor's instruction has it."""
    a, b = args
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


@in_llvm(max, _signature_of_vectors)(VecType, VecType)
def _maximum(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """``max`` of vectors: b where a is not a number."""
    a, b = args
    return builder.select(builder.fcmp_ordered("<", b, a), a, b)


def _elementwise(llvm_name: str, n_args: int) -> Any:
    """Make an intrinsic of an LLVM function that maps vectors lane by lane."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return llvm_call(builder, f"llvm.{llvm_name}.{type_suffix(sig.return_type)}", args[0].type, list(args))

    if n_args == 1:
        return intrinsic(lambda typingctx, a: (a(a), codegen))
    return intrinsic(lambda typingctx, a, b: (a(a, a), codegen))


absolute = _elementwise("fabs", 1)
round_to_even = _elementwise("roundeven", 1)
square_root = _elementwise("sqrt", 1)
copy_sign = _elementwise("copysign", 2)


@intrinsic
def select_less(typingctx: Any, a: Any, b: Any, then: Any, otherwise: Any) -> Any:
    """Return, lane by lane, `then` where a < b and `otherwise` elsewhere (also where a or b is not a number)."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[2], args[3])

    return a(a, a, a, a), codegen


def _times_power_of_two(builder: Any, vector: VecType, value: Any, exponent: Any, raised: int = 0) -> Any:
    """Multiply by 2**(exponent + raised), for whole numbers from the least to the largest normal exponent."""
    # Adding 1.5 * 2**mantissa_bits leaves the whole number in the low bits: no conversion, hence nothing undefined for
    # what is not a number.
    integers = integer_vector_type(vector)
    mantissa_bits, bias = (23, 127) if vector.dtype.bitwidth == 32 else (52, 1023)
    shifter = ir.Constant(exponent.type, [1.5 * 2.0**mantissa_bits + bias + raised] * vector.length)
    biased = builder.bitcast(builder.fadd(exponent, shifter), integers)
    power = builder.shl(biased, ir.Constant(integers, [mantissa_bits] * vector.length))
    return builder.fmul(value, builder.bitcast(power, value.type))


def _scaled_by_instruction(builder: Any, vector: VecType, args: Any) -> Any:
    """Scale by the instruction that AVX-512 has for it, register by register."""
    kind, n_bits = ("ps", 16) if vector.dtype.bitwidth == 32 else ("pd", 8)
    all_lanes, current_rounding = ir.Constant(ir.IntType(n_bits), -1), ir.Constant(ir.IntType(32), 4)
    values, exponents = (in_registers(builder, vector, arg) for arg in args)
    return in_one(
        builder,
        [
            llvm_call(
                builder,
                f"llvm.x86.avx512.mask.scalef.{kind}.512",
                value.type,
                [value, exponent, value, all_lanes, current_rounding],
            )
            for value, exponent in zip(values, exponents, strict=True)
        ],
    )


@intrinsic
def scale_by_power_of_two(typingctx: Any, value: Any, exponent: Any) -> Any:
    """Return ``value * 2**exponent`` for whole numbers `exponent`, also where 2**exponent is not a normal number.

    AVX-512 has an instruction for it; elsewhere it is done in two steps of half the exponent each.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if HAS_SCALE:
            return _scaled_by_instruction(builder, value, args)
        halved = builder.fmul(args[1], ir.Constant(args[1].type, [0.5] * value.length))
        half = llvm_call(builder, f"llvm.roundeven.{type_suffix(value)}", halved.type, [halved])
        once = _times_power_of_two(builder, value, args[0], half)
        return _times_power_of_two(builder, value, once, builder.fsub(args[1], half))

    return value(value, value), codegen


def _raised_by(vector: VecType) -> int:
    """Return how much is added to exponents from -150 (of float64 -1075) to 0 that powers are normal numbers."""
    return 64 if vector.dtype.bitwidth == 32 else 512


def _lowered(builder: Any, vector: VecType, value: Any) -> Any:
    return builder.fmul(value, ir.Constant(value.type, [2.0 ** -_raised_by(vector)] * vector.length))


@intrinsic
def scale_raised(typingctx: Any, value: Any, exponent: Any) -> Any:
    """Return ``value * 2**(exponent + r)`` for an `exponent` from -150 to 0, with r = 64; of float64 -1075 and 512."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        raised = _raised_by(value)
        if HAS_SCALE:
            exponents = builder.fadd(args[1], ir.Constant(args[1].type, [float(raised)] * value.length))
            return _scaled_by_instruction(builder, value, [args[0], exponents])
        return _times_power_of_two(builder, value, args[0], args[1], raised)

    return value(value, value), codegen


@intrinsic
def lowered(typingctx: Any, value: Any) -> Any:
    """Return ``value * 2**-r``, with the r of `scale_raised`."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _lowered(builder, value, args[0])

    return value(value), codegen


@intrinsic
def scale_down_by_power_of_two(typingctx: Any, value: Any, exponent: Any) -> Any:
    """Return ``value * 2**exponent`` for an `exponent` from -150 (of float64 -1075) to 0.

    That takes fewer instructions without AVX-512: the power is raised to be a normal number, and the product, which
    then is one as well, is lowered by as much. It is rounded once, where it becomes subnormal.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if HAS_SCALE:
            return _scaled_by_instruction(builder, value, args)
        raised = _times_power_of_two(builder, value, args[0], args[1], _raised_by(value))
        return _lowered(builder, value, raised)

    return value(value, value), codegen
