"""The matrix product, in the three forms that training needs, on one body of micro-kernel.

``C = A B`` with C in rows; A and B in rows or transposed. Loops around the micro-kernel, outermost first:

5. columns of C in steps of NC: as many copied panels of B are kept,
4. the summed dimension in equal steps of at most KC, so that a panel of B and a block of A fit the caches,
3. rows of C in equal steps of at most MC: the block of A stays in L2,
2. columns of C in steps of NR: a panel of B, used by the whole block,
1. rows of the block in steps of MR: one micro-tile, held in registers.

A and B are read where they lie. A block of A is copied where its rows would compete for the same sets of the caches,
or where it is transposed and deep and registers are few; columns of B where they would compete, or are transposed, or
fill no panel, or where registers are few and rows far apart. The first pass over the summed dimension starts the tile
from zero, from a bias row or from C itself; after the last one a tile is finished, while it is in L1, by an activation
or by a derivative. While a panel is used the micro-kernel asks for the next one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels._jit import called, codes, entry_point, inlined, out_of_line
from kernels.activations import activate_block, multiply_block_by_derivative
from kernels.blocking import CONFLICTING_BYTES, KC, MC, MR, NC, NV, REGISTERS, SHORT_MR, VECTOR_BYTES
from kernels.micro_kernels import (
    BIAS,
    PREVIOUS,
    ZERO,
    columns_narrow,
    columns_narrow_short,
    columns_wide,
    columns_wide_short,
    rows_narrow,
    rows_narrow_short,
    rows_wide,
    rows_wide_short,
)
from kernels.packing import copy_block, pack_panel, pack_strips, strip_size
from kernels.simd import address, advance, lanes

# What is done to a finished tile.
NOTHING, ACTIVATE, TIMES_DERIVATIVE = codes(3)

# The stride of neighbours in memory.
UNIT = codes(2)[1]

# Operands whose rows compete for the same cache sets are copied, where the copy is used by at least this many panels of
# B or tiles of rows; copying others only costs (8 % of 784-512-10).
MIN_PANELS_PER_COPY, MIN_TILES_PER_COPY = 4, 4

# With 16 registers tiles are so low that a panel of B is used by twice as many: columns whose rows are so far apart are
# copied, too (784-512-10 gains 12 %, 784-4096-10 40 %).
FAR_BYTES = 2048

# Likewise such a tile reads a few bytes of each cache line of a transposed A: where the lines of so many rows and of a
# panel of B are more than the first cache holds, A is copied, too (1040 x 1040 x 512: 0.79 -> 0.91 of the peak in
# float32, 0.71 -> 0.90 in float64; at a depth of 128 as fast with and without).
DEEP = 192 if REGISTERS == 16 else 1 << 62

# How far apart the rows of a copied block of A are; its strips take less.
KC_STRIDE = KC + 16

# Where the summed dimension is so short that NC columns of B fit half of L2, one strip of rows of C is done after
# the other, so that C is walked through along its rows. Wide results of few multiplications gain most (delta times
# the transposed weights of 10 outputs: twice as fast at a width of 1024).
STRIP_DEPTH = 128

# What small networks, which need no copies, use the room for copies for.
LEAST_PACKED = 64


def packed_size(batch: int, widths: list[int], itemsize: int) -> int:
    """Return how many elements the copies of operands take at most, for products among these extents.

    A transposed A has at most `batch` rows.
    """
    largest, panel_width = max(batch, *widths), NV * VECTOR_BYTES // itemsize
    n_panels = -(-min(largest, NC) // panel_width)
    depth = min(KC, largest)
    copied = batch >= DEEP or any(extent * itemsize % (CONFLICTING_BYTES // 4) == 0 for extent in widths)
    n_tiles = -(-min(MC, largest) // MR)
    return max(LEAST_PACKED, depth * n_panels * panel_width + (KC_STRIDE * n_tiles * MR if copied else 0))


@inlined
def _tiles(
    full: Any,
    short: Any,
    mc: int,
    kc: int,
    a: Any,
    a_tile: int,
    a_row: int,
    a_stride: int,
    b: Any,
    b_stride: int,
    c: Any,
    c_stride: int,
    columns: int,
    start: int,
    bias: Any,
    finish: int,
    activation: int,
    h: Any,
    ahead: Any,
) -> None:
    """Loop 1: the tiles of one panel, A's being `a_tile` apart and its rows `a_row`; `ahead` is the next panel."""
    whole = mc // MR * MR
    for ir in range(0, whole, MR):
        target, tile = advance(c, ir * c_stride), advance(a, ir // MR * a_tile)
        full(kc, tile, a_stride, b, b_stride, target, c_stride, mc, columns, start, bias, ahead)
        _finish(finish, activation, target, c_stride, MR, columns, advance(h, ir * c_stride))
    for ir in range(whole, mc, SHORT_MR):
        target, rows = advance(c, ir * c_stride), min(SHORT_MR, mc - ir)
        tile = advance(a, whole // MR * a_tile + (ir - whole) * a_row)
        short(kc, tile, a_stride, b, b_stride, target, c_stride, rows, columns, start, bias, ahead)
        _finish(finish, activation, target, c_stride, rows, columns, advance(h, ir * c_stride))


@inlined
def _finish(finish: int, activation: int, c: Any, c_stride: int, rows: int, columns: int, h: Any) -> None:
    if finish == ACTIVATE:
        activate_block(activation, c, c_stride, rows, columns)
    elif finish == TIMES_DERIVATIVE:
        multiply_block_by_derivative(activation, h, c, c_stride, rows, columns)


@called
def gemm(
    m: int,
    n: int,
    k: int,
    a: Any,
    a_row_stride: int,
    a_column_stride: int,
    b: Any,
    b_row_stride: int,
    b_column_stride: int,
    c: Any,
    c_stride: int,
    start: int,
    bias: Any,
    finish: int,
    activation: int,
    h: Any,
    packed: Any,
) -> None:
    """Write start + A (m, k) B (k, n) to C (m, n), finished; extents are at least 1.

    Parameters
    ----------
    a, b, c : pointers
        Of A and of B one stride is 1; C has rows c_stride apart. C overlaps neither A nor B.
    start : {ZERO, BIAS, PREVIOUS}
        What the product is added to: nothing, the row `bias` (n,), or what C holds.
    finish : {NOTHING, ACTIVATE, TIMES_DERIVATIVE}
        ACTIVATE applies `activation` to C; TIMES_DERIVATIVE multiplies C by the derivative of `activation` at the
        outputs `h`, which lie as C does. Softmax, which needs whole rows, is none of the activations here.
    packed : pointer
        Room for `packed_size` elements.
    """
    out_of_line()
    VL = lanes(a)
    NR = NV * VL
    a_stride = max(a_row_stride, a_column_stride)
    itemsize = VECTOR_BYTES // VL
    most_columns = NC * 4 // itemsize
    n_passes, n_blocks = (k + KC - 1) // KC, (m + MC - 1) // MC
    depth = (k + n_passes - 1) // n_passes  # passes of equal depth
    m_step = ((m + n_blocks - 1) // n_blocks + MR - 1) // MR * MR  # blocks of equal height
    if k <= STRIP_DEPTH and n > MIN_PANELS_PER_COPY * NR:
        m_step = MR
    n_slots = 1 if m <= m_step else (min(n, most_columns) + NR - 1) // NR
    conflicting_bytes = CONFLICTING_BYTES if a_column_stride == 1 else CONFLICTING_BYTES // 4
    hard_a = a_stride * itemsize % conflicting_bytes == 0 or (a_column_stride != 1 and k >= DEEP)
    copy_a = n >= MIN_PANELS_PER_COPY * NR and hard_a
    b_bytes = b_row_stride * itemsize
    far_b = b_bytes % CONFLICTING_BYTES == 0 or (REGISTERS == 16 and b_bytes >= FAR_BYTES)
    copy_b = b_column_stride != 1 or (far_b and m >= MIN_TILES_PER_COPY * MR)
    block = advance(packed, n_slots * min(k, KC) * NR)
    for jc in range(0, n, most_columns):  # loop 5
        nc = min(most_columns, n - jc)
        for pc in range(0, k, depth):  # loop 4
            kc = min(depth, k - pc)
            first = start if pc == 0 else PREVIOUS
            last = finish if pc + kc == k else NOTHING
            for ic in range(0, m, m_step):  # loop 3
                mc = min(m_step, m - ic)
                strip, stride = advance(a, ic * a_row_stride + pc * a_column_stride), a_stride
                a_tile = MR * a_row_stride
                if copy_a and a_column_stride == 1:
                    copy_block(strip, stride, mc, kc, block, KC_STRIDE)
                    strip, stride, a_tile = block, KC_STRIDE, MR * KC_STRIDE
                elif copy_a:
                    pack_strips(strip, stride, kc, mc, block)
                    strip, stride, a_tile = block, MR, strip_size(kc)
                for jr in range(jc, jc + nc, NR):  # loop 2
                    columns = min(NR, n - jr)
                    wide = columns > VL
                    panel, b_stride = advance(b, pc * b_row_stride + jr * b_column_stride), b_row_stride
                    # Behind the last panel there may be no memory: asking for that takes a third of the time.
                    to_next = NR if jr + NR < jc + nc else jc - jr
                    if copy_b or columns not in (NR, VL):
                        slot, b_stride = packed if n_slots == 1 else advance(packed, (jr - jc) * kc), NR if wide else VL
                        if ic == 0 or n_slots == 1:
                            pack_panel(panel, b_row_stride, b_column_stride, kc, columns, b_stride, slot)
                        panel, to_next = slot, to_next * kc if copy_b and n_slots > 1 else 0
                    ahead = advance(panel, to_next)
                    target, bias_part = advance(c, ic * c_stride + jr), advance(bias, jr)
                    outputs = advance(h, ic * c_stride + jr)
                    if a_column_stride == 1:
                        if wide:
                            _tiles(
                                rows_wide, rows_wide_short, mc, kc, strip, a_tile, stride, stride, panel, b_stride,
                                target, c_stride, columns, first, bias_part, last, activation, outputs, ahead,
                            )  # fmt: skip
                        else:
                            _tiles(
                                rows_narrow, rows_narrow_short, mc, kc, strip, a_tile, stride, stride, panel, b_stride,
                                target, c_stride, columns, first, bias_part, last, activation, outputs, ahead,
                            )  # fmt: skip
                    elif wide:
                        _tiles(
                            columns_wide, columns_wide_short, mc, kc, strip, a_tile, 1, stride, panel, b_stride,
                            target, c_stride, columns, first, bias_part, last, activation, outputs, ahead,
                        )  # fmt: skip
                    else:
                        _tiles(
                            columns_narrow, columns_narrow_short, mc, kc, strip, a_tile, 1, stride, panel, b_stride,
                            target, c_stride, columns, first, bias_part, last, activation, outputs, ahead,
                        )  # fmt: skip


@entry_point
def _product(
    a: np.ndarray,
    a_strides: tuple[int, int],
    b: np.ndarray,
    b_strides: tuple[int, int],
    bias: np.ndarray,
    out: np.ndarray,
    packed: np.ndarray,
) -> None:
    m, n = out.shape
    c = address(out, 0)
    gemm(
        m,
        n,
        a.size // m,
        address(a, 0),
        a_strides[0],
        a_strides[1],
        address(b, 0),
        b_strides[0],
        b_strides[1],
        c,
        n,
        BIAS if bias.size > 0 else ZERO,
        address(bias, 0),
        NOTHING,
        NOTHING,
        c,
        address(packed, 0),
    )


def _packed(*operands: np.ndarray) -> np.ndarray:
    extents = [extent for operand in operands for extent in operand.shape]
    return np.empty(packed_size(max(extents), extents, operands[0].itemsize), operands[0].dtype)


def matmul(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """Write ``a @ b`` to `out`: a (m, k), b (k, n), out (m, n); none empty, C-contiguous, one dtype, no overlap."""
    _product(a, (a.shape[1], 1), b, (b.shape[1], 1), np.empty(0, a.dtype), out, _packed(a, b))


def matmul_tn(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """Write ``a.T @ b`` to `out`: a (k, m), b (k, n), out (m, n); as `matmul` otherwise."""
    _product(a, (1, a.shape[1]), b, (b.shape[1], 1), np.empty(0, a.dtype), out, _packed(a, b))


def matmul_nt(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """Write ``a @ b.T`` to `out`: a (m, k), b (n, k), out (m, n); as `matmul` otherwise."""
    _product(a, (a.shape[1], 1), b, (1, b.shape[1]), np.empty(0, a.dtype), out, _packed(a, b))


def affine(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, out: np.ndarray) -> None:
    """Write ``x @ weight + bias`` to `out`: x (m, k), weight (k, n), bias (n,) or (0,) for none, out (m, n)."""
    _product(x, (x.shape[1], 1), weight, (weight.shape[1], 1), bias, out, _packed(x, weight))
