"""A block of SIMD registers as a numba type, for use inside compiled functions.

`tile(pointer, rows, columns)` is a block of rows x columns zeroed vectors, read and written as ``t[i, j]``. Where both
indices come from loops with constant bounds, LLVM unrolls the loops and keeps the block in registers. `square_tile` and
`transpose_inplace` turn rows into columns, `store_lane_sums` adds up the lanes of each vector of a tile.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

from kernels._jit import inlined_for
from kernels.vector_memory import vector_address
from kernels.vectors import VecType, in_llvm, lane_numbers, vector_type


class TileType(types.Type):
    """A stack block of ``rows x columns`` vectors."""

    def __init__(self, vector: VecType, rows: int, columns: int) -> None:
        self.vector, self.rows, self.columns = vector, rows, columns
        super().__init__(name=f"Tile({vector}, {rows}, {columns})")


@register_model(TileType)
class _TileModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: TileType) -> None:
        block = ir.ArrayType(vector_type(fe_type.vector), fe_type.rows * fe_type.columns)
        super().__init__(dmm, fe_type, block.as_pointer())


@intrinsic(prefer_literal=True)
def tile(typingctx: Any, pointer: Any, rows: Any, columns: Any) -> Any:
    """Return a block of ``rows x columns`` zeroed vectors of the pointer's element type; both counts are constants."""
    if not (isinstance(rows, types.IntegerLiteral) and isinstance(columns, types.IntegerLiteral)):
        return None
    block = TileType(VecType(pointer.dtype), rows.literal_value, columns.literal_value)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return cgutils.alloca_once_value(builder, ir.Constant(context.get_value_type(block).pointee, None))

    return block(pointer, rows, columns), codegen


@intrinsic
def square_tile(typingctx: Any, pointer: Any) -> Any:
    """Return a tile of as many vectors, one below the other, as a vector of the pointer's element type has lanes."""
    vector = VecType(pointer.dtype)
    block = TileType(vector, vector.length, 1)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return cgutils.alloca_once_value(builder, ir.Constant(context.get_value_type(block).pointee, None))

    return block(pointer), codegen


@intrinsic
def transpose_inplace(typingctx: Any, block: Any) -> Any:
    """Transpose a square tile, by exchanging ever larger off-diagonal blocks of pairs of vectors."""
    length = block.rows

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        def place(i: int) -> Any:
            return builder.gep(args[0], [ir.Constant(ir.IntType(32), 0), ir.Constant(ir.IntType(32), i)])

        rows = [builder.load(place(i)) for i in range(length)]
        distance = 1
        while distance < length:
            upper = [lane if not lane & distance else length + lane - distance for lane in range(length)]
            lower = [lane + distance if not lane & distance else length + lane for lane in range(length)]
            masks = [lane_numbers(chosen) for chosen in (upper, lower)]
            for i in range(length):
                if not i & distance:
                    pair = rows[i], rows[i + distance]
                    rows[i], rows[i + distance] = (builder.shuffle_vector(*pair, mask) for mask in masks)
            distance *= 2
        for i in range(length):
            builder.store(rows[i], place(i))
        return context.get_dummy_value()

    return types.void(block), codegen


@intrinsic
def store_lane_sums(typingctx: Any, block: Any, pointer: Any) -> Any:
    """Write the sum of the lanes of each vector of a tile, in rows, to neighbouring elements from the pointer on.

    As many vectors as one has lanes are added up together: where two meet, each lane of the result keeps the half of
    one of them (vectors that are interleaved instead are no faster). A tile holds a multiple of that number of vectors.
    """
    vector, n_vectors = block.vector, block.rows * block.columns
    length = vector.length

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        storage, target = args
        index = ir.IntType(32)
        for first in range(0, n_vectors, length):
            places = [
                builder.gep(storage, [ir.Constant(index, 0), ir.Constant(index, first + i)]) for i in range(length)
            ]
            sums, distance = [builder.load(place) for place in places], 1
            while distance < length:
                near = [lane if not lane & distance else length + lane - distance for lane in range(length)]
                far = [lane + distance if not lane & distance else length + lane for lane in range(length)]
                masks = [lane_numbers(chosen) for chosen in (near, far)]
                pairs = zip(sums[::2], sums[1::2], strict=True)
                sums = [builder.fadd(*(builder.shuffle_vector(a, b, mask) for mask in masks)) for a, b in pairs]
                distance *= 2
            place = vector_address(builder, vector, target, ir.Constant(ir.IntType(64), first))
            builder.store(sums[0], place, align=vector.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(block, pointer), codegen


def _tile_element(builder: Any, block: TileType, storage: Any, i: Any, j: Any) -> Any:
    position = builder.add(builder.mul(i, ir.Constant(i.type, block.columns)), j)
    return builder.gep(storage, [ir.Constant(ir.IntType(32), 0), position])


@intrinsic
def _tile_get(typingctx: Any, block: Any, i: Any, j: Any) -> Any:
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(_tile_element(builder, block, *args))

    return block.vector(block, types.intp, types.intp), codegen


@inlined_for(operator.getitem)
def _tile_getitem(block, index):
    # Made by `in_llvm`, the loads of a product's tile cost a register more.
    if isinstance(block, TileType):
        return lambda block, index: _tile_get(block, index[0], index[1])
    return None


def _signature_of_set(block: Any, index: Any, value: Any) -> Any:
    place = types.UniTuple(types.intp, 2)
    return types.none(block, place, block.vector) if isinstance(block, TileType) else None


@in_llvm(operator.setitem, _signature_of_set)(TileType, types.BaseTuple, VecType)
def _tile_set(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    block, place, value = args
    i, j = (builder.extract_value(place, k) for k in (0, 1))
    builder.store(value, _tile_element(builder, sig.args[0], block, i, j))
    return context.get_dummy_value()
