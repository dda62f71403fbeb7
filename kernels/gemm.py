"""The matrix product, in the three forms that training needs, on one micro-kernel.

``C = A B`` with any strides of A and B (packing takes them up) and C in rows. Five loops around the micro-kernel, after
Goto and van de Geijn (2008), numbered from the outside:

5. columns of C in steps of NC: a panel of B for L3,
4. the summed dimension in steps of KC: packs that panel of B,
3. rows of C in steps of MC: packs a block of A for L2,
2. columns of the panel in steps of NR: a micro-panel of B for L1,
1. rows of the block in steps of MR: one micro-tile, held in registers.

The first pass over the summed dimension starts the tile from zero or from a bias row, later ones from C.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels._jit import called, entry_point, inlined
from kernels.blocking import KC, MC, MR, NC, NV, VECTOR_BYTES
from kernels.packing import pack_a, pack_b
from kernels.simd import address, advance, broadcast, fma, lanes, load, load_first, store, store_first, tile

# What a micro-tile starts from.
ZERO, BIAS, PREVIOUS = 0, 1, 2


def packed_size(batch: int, widths: list[int], itemsize: int) -> int:
    """Return how many elements the packed blocks of A and B need at most, for products among these extents."""
    largest = max(batch, *widths)
    nr = NV * VECTOR_BYTES // itemsize
    depth = min(KC, largest)
    return depth * (_rounded_up(min(MC, largest), MR) + _rounded_up(min(NC, largest), nr))


def _rounded_up(n: int, step: int) -> int:
    return -(-n // step) * step


@called
def micro_kernel(kc: int, a: Any, b: Any, c: Any, row_stride: int, rows: int, columns: int, start: int, bias: Any) -> None:
    """Add the product of two micro-panels to the start value and write the leading rows x columns of the tile to C."""
    VL = lanes(a)
    acc = tile(a, MR, NV)
    if start == BIAS:
        for j in range(NV):
            row = load_first(bias, j * VL, columns - j * VL, 0.0)
            for i in range(MR):
                acc[i, j] = row
    elif start == PREVIOUS:
        for i in range(MR):
            if i < rows:
                for j in range(NV):
                    acc[i, j] = load_first(c, i * row_stride + j * VL, columns - j * VL, 0.0)
    b_row = tile(a, 1, NV)
    for p in range(kc):
        for j in range(NV):
            b_row[0, j] = load(b, (p * NV + j) * VL)
        for i in range(MR):
            element = broadcast(a, p * MR + i)
            for j in range(NV):
                acc[i, j] = fma(element, b_row[0, j], acc[i, j])
    if columns == NV * VL:
        for i in range(MR):
            if i < rows:
                for j in range(NV):
                    store(c, i * row_stride + j * VL, acc[i, j])
    else:
        for i in range(MR):
            if i < rows:
                for j in range(NV):
                    store_first(c, i * row_stride + j * VL, acc[i, j], columns - j * VL)


@inlined
def _macro_kernel(
    mc: int, nc: int, kc: int, a: Any, b: Any, c: Any, row_stride: int, start: int, bias: Any
) -> None:
    NR = NV * lanes(a)
    for jr in range(0, nc, NR):  # loop 2
        for ir in range(0, mc, MR):  # loop 1
            micro_kernel(
                kc,
                advance(a, ir * kc),
                advance(b, jr * kc),
                advance(c, ir * row_stride + jr),
                row_stride,
                min(MR, mc - ir),
                min(NR, nc - jr),
                start,
                advance(bias, jr),
            )


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
    c_out: Any,
    c_row_stride: int,
    start: int,
    bias: Any,
    packed: Any,
) -> None:
    """Write A (m, k) times B (k, n), plus the bias row where `start` is BIAS, to C (m, n); all are pointers, k >= 1.

    `bias` is read only where `start` is BIAS. `packed` holds at least `packed_size` elements.
    """
    NR = NV * lanes(a)
    for jc in range(0, n, NC):  # loop 5
        nc = min(NC, n - jc)
        for pc in range(0, k, KC):  # loop 4
            kc = min(KC, k - pc)
            packed_b = packed
            pack_b(advance(b, pc * b_row_stride + jc * b_column_stride), b_row_stride, b_column_stride, kc, nc, packed_b)
            packed_a = advance(packed, kc * ((nc + NR - 1) // NR * NR))
            for ic in range(0, m, MC):  # loop 3
                mc = min(MC, m - ic)
                pack_a(
                    advance(a, ic * a_row_stride + pc * a_column_stride), a_row_stride, a_column_stride, mc, kc, packed_a
                )
                _macro_kernel(
                    mc,
                    nc,
                    kc,
                    packed_a,
                    packed_b,
                    advance(c_out, ic * c_row_stride + jc),
                    c_row_stride,
                    start if pc == 0 else PREVIOUS,
                    advance(bias, jc),
                )


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
    k = a.size // m
    start = BIAS if bias.size > 0 else ZERO
    gemm(
        m,
        n,
        k,
        address(a, 0),
        a_strides[0],
        a_strides[1],
        address(b, 0),
        b_strides[0],
        b_strides[1],
        address(out, 0),
        n,
        start,
        address(bias, 0),
        address(packed, 0),
    )


def _workspace(*operands: np.ndarray) -> np.ndarray:
    extents = [extent for operand in operands for extent in operand.shape]
    return np.empty(packed_size(1, extents, operands[0].itemsize), operands[0].dtype)


def matmul(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """Write ``a @ b`` to `out`: a (m, k), b (k, n), out (m, n); none empty, C-contiguous, one dtype, no overlap."""
    nothing = np.empty(0, a.dtype)
    _product(a, (a.shape[1], 1), b, (b.shape[1], 1), nothing, out, _workspace(a, b))


def matmul_tn(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """Write ``a.T @ b`` to `out`: a (k, m), b (k, n), out (m, n); as `matmul` otherwise."""
    nothing = np.empty(0, a.dtype)
    _product(a, (1, a.shape[1]), b, (b.shape[1], 1), nothing, out, _workspace(a, b))


def matmul_nt(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """Write ``a @ b.T`` to `out`: a (m, k), b (n, k), out (m, n); as `matmul` otherwise."""
    nothing = np.empty(0, a.dtype)
    _product(a, (a.shape[1], 1), b, (1, b.shape[1]), nothing, out, _workspace(a, b))


def affine(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, out: np.ndarray) -> None:
    """Write ``x @ weight + bias`` to `out`: x (m, k), weight (k, n), bias (n,), out (m, n); as `matmul` otherwise."""
    _product(x, (x.shape[1], 1), weight, (weight.shape[1], 1), bias, out, _workspace(x, weight))
