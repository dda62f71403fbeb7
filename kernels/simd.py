"""One SIMD register as a numba type.

numba has no vector type. Here `Vec` is a numba type whose machine representation is an LLVM vector, so that a kernel
written with `load`, `fma` and `store` compiles to exactly those instructions, and reads as plain Python::

    for p in range(k):
        b = load(b_panel, p)
        acc = fma(broadcast(a_panel, p), b, acc)

The pieces, all for use inside compiled functions:

- pointers: `address(array, offset)` gives a pointer to an element, `advance(pointer, n)` moves it, `get` and `put` read
  and write one element, `prefetch` asks for its cache line. A pointer does not keep
  its array alive: the caller of the outermost compiled function does.
- `lanes(pointer)`: how many elements a vector of that pointer's type holds, a compile-time constant.
- vectors: `load`, `load_first`, `store`, `store_first` (the ``_first`` forms touch only the first n elements),
  `broadcast`, `splat`, ``+ - * /``, ``min``, ``max``, `fma`, `absolute`, `round_to_even`, `square_root`,
  `scale_by_power_of_two`, `copy_sign`, `select_less`, `choose_first`, `keep_first`, `turned`, `sum_lanes`, `max_lanes`.

The vector length comes from `blocking.VECTOR_BYTES`. LLVM legalises any width, so a kernel is right at every length.
Blocks of registers are in `tiles`; what a kernel
computes with them is left to the other modules.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

from kernels._jit import inlined, inlined_for, named
from kernels.blocking import HAS_AVX512, VECTOR_BYTES


class VecType(types.Type):
    """A vector of `length` elements of the numba float type `dtype`, in one register or in several."""

    def __init__(self, dtype: types.Float, registers: int = 1) -> None:
        self.dtype = dtype
        self.length = registers * VECTOR_BYTES * 8 // dtype.bitwidth
        super().__init__(name=f"Vec({dtype}x{self.length})")


def _element_type(dtype: types.Float) -> ir.Type:
    return ir.FloatType() if dtype.bitwidth == 32 else ir.DoubleType()


def vector_type(vector: VecType) -> ir.VectorType:
    """Return the LLVM type of a vector."""
    return ir.VectorType(_element_type(vector.dtype), vector.length)


def _integer_vector_type(vector: VecType) -> ir.VectorType:
    return ir.VectorType(ir.IntType(vector.dtype.bitwidth), vector.length)


@register_model(VecType)
class _VecModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: VecType) -> None:
        super().__init__(dmm, fe_type, vector_type(fe_type))


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


@intrinsic
def lanes(typingctx: Any, pointer: Any) -> Any:
    """Return the number of elements in a vector of the pointer's element type."""
    length = VecType(pointer.dtype).length

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.get_constant(types.intp, length)

    return types.intp(pointer), codegen


# --------------------------------------------------------------------------------------------------- loads and stores


def vector_address(builder: Any, vector: VecType, pointer: Any, index: Any) -> Any:
    """Return ``pointer[index]`` as an address of a vector, in LLVM."""
    return builder.bitcast(builder.gep(pointer, [index]), vector_type(vector).as_pointer())


def _first_lanes(builder: Any, vector: VecType, n: Any) -> Any:
    """Return the mask of the lanes numbered below n."""
    numbers = ir.Constant(ir.VectorType(n.type, vector.length), list(range(vector.length)))
    return builder.icmp_signed("<", numbers, _splat(builder, vector.length, n))


def _splat(builder: Any, length: int, scalar: Any) -> Any:
    undefined = ir.Constant(ir.VectorType(scalar.type, length), ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), length), [0] * length)
    return builder.shuffle_vector(first, undefined, zeros)


def _llvm_call(builder: Any, name: str, result: ir.Type, args: list[Any]) -> Any:
    """Call an LLVM intrinsic by its full name (llvmlite's own declaration takes no vector types)."""
    function_type = ir.FunctionType(result, [a.type for a in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), args)


def _suffix(vector: VecType) -> str:
    return f"v{vector.length}f{vector.dtype.bitwidth}"


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


@intrinsic
def load_first(typingctx: Any, pointer: Any, index: Any, n: Any, fill: Any) -> Any:
    """Load the first `n` elements (n <= 0: none, n >= lanes: all); the other lanes are `fill`, their memory unread."""
    vector = VecType(pointer.dtype)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        source = vector_address(builder, vector, args[0], args[1])
        alignment = ir.Constant(ir.IntType(32), vector.dtype.bitwidth // 8)
        mask = _first_lanes(builder, vector, args[2])
        others = _splat(builder, vector.length, args[3])
        name = f"llvm.masked.load.{_suffix(vector)}.p0"
        return _llvm_call(builder, name, others.type, [source, alignment, mask, others])

    return vector(pointer, types.intp, types.intp, vector.dtype), codegen


@intrinsic
def store_first(typingctx: Any, pointer: Any, index: Any, value: Any, n: Any) -> Any:
    """Store the first `n` lanes (n <= 0: none, n >= lanes: all); memory behind them is never touched."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        target = vector_address(builder, value, args[0], args[1])
        alignment = ir.Constant(ir.IntType(32), value.dtype.bitwidth // 8)
        mask = _first_lanes(builder, value, args[3])
        _llvm_call(builder, f"llvm.masked.store.{_suffix(value)}.p0", ir.VoidType(), [args[2], target, alignment, mask])
        return context.get_dummy_value()

    return types.void(pointer, types.intp, value, types.intp), codegen


def _prefetch(locality: int) -> Any:
    """Make an intrinsic that asks for a cache line; LLVM's localities 3 and 2 are the first and the second cache."""

    def ask(typingctx: Any, pointer: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            place = builder.bitcast(builder.gep(args[0], [args[1]]), ir.IntType(8).as_pointer())
            to_read, wanted, of_data = (ir.Constant(ir.IntType(32), value) for value in (0, locality, 1))
            _llvm_call(builder, "llvm.prefetch.p0", ir.VoidType(), [place, to_read, wanted, of_data])
            return context.get_dummy_value()

        return types.void(pointer, types.intp), codegen

    return intrinsic(ask)


# Ask for the cache line of ``pointer[index]``, which need not exist, to be read and perhaps written: at once, or later.
prefetch = _prefetch(3)
prefetch_for_later = _prefetch(2)


@intrinsic
def broadcast(typingctx: Any, pointer: Any, index: Any) -> Any:
    """Return a vector whose every lane is ``pointer[index]``."""
    vector = VecType(pointer.dtype)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _splat(builder, vector.length, builder.load(builder.gep(args[0], [args[1]])))

    return vector(pointer, types.intp), codegen


@intrinsic
def splat(typingctx: Any, like: Any, scalar: Any) -> Any:
    """Return a vector of the type of `like` (a vector or a pointer) whose every lane is `scalar`."""
    vector = like if isinstance(like, VecType) else VecType(like.dtype)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _splat(builder, vector.length, args[1])

    return vector(like, vector.dtype), codegen


# --------------------------------------------------------------------------------------------------------- arithmetic


@intrinsic
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """Return ``a * b + c``, rounded once."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _llvm_call(builder, f"llvm.fma.{_suffix(a)}", args[0].type, list(args))

    return a(a, a, a), codegen


def _binary(instruction: str) -> Any:
    @intrinsic
    def operation(typingctx: Any, a: Any, b: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return getattr(builder, instruction)(*args)

        return a(a, a), codegen

    return operation


def _overload_operator(python_operator: Any, instruction: str) -> None:
    """Give vectors one of ``+ - * /``; a scalar beside a vector is rounded to its element type and splatted."""
    operation = _binary(instruction)

    own_name = named(f"vector_{instruction}")

    @inlined_for(python_operator)
    def vector_operator(a, b):
        if isinstance(a, VecType) and isinstance(b, VecType):
            return own_name(lambda a, b: operation(a, b))
        if isinstance(a, VecType) and isinstance(b, types.Number):
            return own_name(lambda a, b: operation(a, splat(a, b)))
        if isinstance(b, VecType) and isinstance(a, types.Number):
            return own_name(lambda a, b: operation(splat(b, a), b))
        return None


for _operator, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _overload_operator(_operator, _instruction)


@intrinsic
def _negated(typingctx: Any, a: Any) -> Any:
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.fneg(args[0])

    return a(a), codegen


@inlined_for(operator.neg)
def _negative(a):
    """``-a``, which costs nothing before an `fma`."""
    if isinstance(a, VecType):
        return lambda a: _negated(a)
    return None


def _elementwise(llvm_name: str, n_args: int) -> Any:
    """Make an intrinsic of an LLVM function that maps vectors lane by lane."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _llvm_call(builder, f"llvm.{llvm_name}.{_suffix(sig.return_type)}", args[0].type, list(args))

    if n_args == 1:
        return intrinsic(lambda typingctx, a: (a(a), codegen))
    return intrinsic(lambda typingctx, a, b: (a(a, a), codegen))


absolute = _elementwise("fabs", 1)
round_to_even = _elementwise("roundeven", 1)
square_root = _elementwise("sqrt", 1)
copy_sign = _elementwise("copysign", 2)


@intrinsic
def choose_first(typingctx: Any, first: Any, others: Any, n: Any) -> Any:
    """Return the vector with the first `n` lanes (n <= 0: none, n >= lanes: all) of `first`, the rest of `others`."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(_first_lanes(builder, first, args[2]), args[0], args[1])

    return first(first, first, types.intp), codegen


@inlined
def keep_first(value: Any, n: int) -> Any:
    """Return the vector with its first `n` lanes (n >= lanes: all) and zeros in the others."""
    return choose_first(value, splat(value, 0.0), n)


@intrinsic
def select_less(typingctx: Any, a: Any, b: Any, then: Any, otherwise: Any) -> Any:
    """Return, lane by lane, `then` where a < b and `otherwise` elsewhere (also where a or b is not a number)."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[2], args[3])

    return a(a, a, a, a), codegen


@inlined_for(min)
def _minimum(a, b):
    """``min`` of vectors: b where a is not a number, as the processor's instruction has it."""
    if isinstance(a, VecType) and isinstance(b, VecType):
        return lambda a, b: select_less(a, b, a, b)
    return None


@inlined_for(max)
def _maximum(a, b):
    """``max`` of vectors: b where a is not a number."""
    if isinstance(a, VecType) and isinstance(b, VecType):
        return lambda a, b: select_less(b, a, a, b)
    return None


def _times_power_of_two(builder: Any, vector: VecType, value: Any, exponent: Any) -> Any:
    """Multiply by 2**exponent, for whole numbers from the least to the largest normal exponent."""
    # Adding 1.5 * 2**mantissa_bits leaves the whole number in the low bits: no conversion, hence nothing undefined for
    # what is not a number.
    integers = _integer_vector_type(vector)
    mantissa_bits, bias = (23, 127) if vector.dtype.bitwidth == 32 else (52, 1023)
    shifter = ir.Constant(exponent.type, [1.5 * 2.0**mantissa_bits] * vector.length)
    bits = builder.bitcast(builder.fadd(exponent, shifter), integers)
    biased = builder.add(bits, ir.Constant(integers, [bias] * vector.length))
    power = builder.shl(biased, ir.Constant(integers, [mantissa_bits] * vector.length))
    return builder.fmul(value, builder.bitcast(power, value.type))


@intrinsic
def scale_by_power_of_two(typingctx: Any, value: Any, exponent: Any) -> Any:
    """Return ``value * 2**exponent`` for whole numbers `exponent`, also where 2**exponent is not a normal number.

    AVX-512 has an instruction for it; elsewhere it is done in two steps of half the exponent each.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if HAS_AVX512 and VECTOR_BYTES == 64:
            kind, n_bits = ("ps", 16) if value.dtype.bitwidth == 32 else ("pd", 8)
            all_lanes, current_rounding = ir.Constant(ir.IntType(n_bits), -1), ir.Constant(ir.IntType(32), 4)
            operands = [*args, args[0], all_lanes, current_rounding]
            return _llvm_call(builder, f"llvm.x86.avx512.mask.scalef.{kind}.512", args[0].type, operands)
        halved = builder.fmul(args[1], ir.Constant(args[1].type, [0.5] * value.length))
        half = _llvm_call(builder, f"llvm.roundeven.{_suffix(value)}", halved.type, [halved])
        once = _times_power_of_two(builder, value, args[0], half)
        return _times_power_of_two(builder, value, once, builder.fsub(args[1], half))

    return value(value, value), codegen


def _halve(builder: Any, value: Any, combine: Any) -> Any:
    """Combine the lower with the upper half of a vector until one element is left."""
    width = value.type.count
    while width > 1:
        width //= 2
        nothing = ir.Constant(value.type, ir.Undefined)
        low, high = (
            ir.Constant(ir.VectorType(ir.IntType(32), width), list(range(start, start + width))) for start in (0, width)
        )
        value = combine(builder.shuffle_vector(value, nothing, low), builder.shuffle_vector(value, nothing, high))
    return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))


@intrinsic
def sum_lanes(typingctx: Any, value: Any) -> Any:
    """Return the sum of the lanes, added pairwise in a fixed order."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _halve(builder, args[0], builder.fadd)

    return value.dtype(value), codegen


@intrinsic
def turned(typingctx: Any, value: Any, n: Any) -> Any:
    """Return the vector whose lane i is lane i + n of `value`, counted in a circle, for n below the lanes' number."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        once = ir.Constant(ir.VectorType(ir.IntType(32), value.length), [*range(1, value.length), 0])
        result = cgutils.alloca_once_value(builder, args[0])
        with cgutils.for_range(builder, args[1]):
            turn = builder.load(result)
            builder.store(builder.shuffle_vector(turn, turn, once), result)
        return builder.load(result)

    return value(value, types.intp), codegen


@intrinsic
def max_lanes(typingctx: Any, value: Any) -> Any:
    """Return the largest lane (any lane's value where one is not a number)."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _halve(builder, args[0], lambda a, b: builder.select(builder.fcmp_ordered("<", a, b), b, a))

    return value.dtype(value), codegen
