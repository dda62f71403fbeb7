"""What the kernels of the matrix product promise, checked call by call: micro-kernels, `gemm`, packing.

Each check takes a kind of `Placement`; sizes are the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from arithmetic import EXACT, assert_within, dot_bound
from bounded import Bounded, activated, exactly, times_slope
from compiled_kernels import (
    MICRO_KERNELS,
    call_copy_block,
    call_gemm,
    call_micro_kernel,
    call_pack_panel,
    call_pack_strips,
)
from memory import CANARY
from placement import Placement, in_rows, written_rows

from kernels.activations import ACTIVATIONS
from kernels.blocking import MR, NV, SHORT_MR, VECTOR_BYTES
from kernels.gemm import ACTIVATE, NOTHING, TIMES_DERIVATIVE, packed_size
from kernels.micro_kernels import BIAS, PREVIOUS, ZERO
from kernels.packing import SPARE_COLUMNS

Place = Callable[[], Placement]
STARTS = {"zero": ZERO, "bias": BIAS, "previous": PREVIOUS}
FINISHES = {"nothing": NOTHING, "activate": ACTIVATE, "times_derivative": TIMES_DERIVATIVE}
FORMS = ("nn", "tn", "nt")


def vector_length(dtype: Any) -> int:
    """Return how many elements a vector holds."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize


def tile_shape(name: str, dtype: Any) -> tuple[int, int]:
    """Return the most rows and columns of a micro-kernel."""
    vectors = NV if "wide" in name else 1
    return SHORT_MR if "short" in name else MR, vectors * vector_length(dtype)


def random_matrix(generator: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return normally distributed numbers of a type."""
    return generator.standard_normal(shape).astype(dtype)


class Product(NamedTuple):
    """Factors a (m, k) and b (k, n), what their product is added to by name, and what comes of it with its bound.

    previous : what C holds; NaN where that must not matter.
    """

    a: np.ndarray
    b: np.ndarray
    bias: np.ndarray
    previous: np.ndarray
    sum: Bounded


def random_product(extents: tuple[int, int, int], dtype: Any, start: str, scale: float = 1.0) -> Product:
    """Draw factors; scale multiplies one of them."""
    m, n, k = extents
    generator = np.random.default_rng(extents)
    a, b = random_matrix(generator, (m, k), dtype), random_matrix(generator, (k, n), dtype)
    a *= np.dtype(dtype).type(scale)
    bias, previous = random_matrix(generator, (n,), dtype), random_matrix(generator, (m, n), dtype)
    added = {"zero": np.zeros((m, n)), "bias": np.tile(bias, (m, 1)), "previous": previous}[start].astype(EXACT)
    exact, magnitudes = a.astype(EXACT) @ b.astype(EXACT), np.abs(a).astype(EXACT) @ np.abs(b).astype(EXACT)
    # Fused from the bias on, each product is rounded k times at most; what is added behind costs one more each time.
    roundings = k + (start == "previous") if k else 0
    bound = dot_bound(roundings, magnitudes + np.abs(added), dtype)
    if start != "previous":
        previous = np.full_like(previous, np.nan)
    return Product(a, b, bias, previous, Bounded(exact + added, bound))


def check_micro_kernel(
    place: Place, name: str, dtype: Any, start: str, depths: Iterable[int], widths: Iterable[int]
) -> None:
    """Call a micro-kernel for these depths and numbers of columns (of which some may be too many), and all rows."""
    mr, width = tile_shape(name, dtype)
    admitted = [columns for columns in widths if columns <= width]
    assert admitted
    for k in depths:
        drawn = random_product((mr, width, k), dtype, start)
        for rows in range(1 if "short" in name else mr, mr + 1):
            for columns in admitted:
                gap = 5 * ((rows + columns + k) % 2)  # rows side by side, or apart
                _call_micro_kernel(place(), name, drawn, rows, columns, gap, start)


def _call_micro_kernel(
    memory: Placement, name: str, drawn: Product, rows: int, columns: int, gap: int, start: str
) -> None:
    dtype, (k, width), shape = drawn.a.dtype, drawn.b.shape, (rows, columns)
    a = drawn.a[:rows] if name.startswith("rows") else drawn.a[:rows].T
    a_stride, b_stride, c_stride = a.shape[1] + gap, width + gap, columns + gap
    b = drawn.b.copy()
    b[:, columns:] = np.nan  # read, and of no consequence
    c = memory.result(in_rows(drawn.previous[:rows, :columns], c_stride, CANARY))
    call_micro_kernel(
        MICRO_KERNELS.index(name),
        k,
        memory.operand(in_rows(a, a_stride)),
        a_stride,
        memory.operand(in_rows(b, b_stride)),
        b_stride,
        c,
        c_stride,
        rows,
        columns,
        STARTS[start],
        memory.operand(drawn.bias[:columns] if start == "bias" else np.empty(0, dtype)),
    )
    value, error = (part[:rows, :columns] for part in drawn.sum)
    what = f"{name} {dtype}, {rows} rows, {columns} columns, k = {k}, from {start}, gap {gap}"
    assert_within(written_rows(c, shape, c_stride), value, error, what)
    memory.assert_kept()


def check_gemm(
    memory: Placement,
    extents: tuple[int, int, int],
    dtype: Any,
    *,
    form: str = "nn",
    start: str = "zero",
    finish: str = "nothing",
    activation: str = "identity",
    gap: int = 0,
) -> bool:
    """Call `gemm` once, rows of all operands being `gap` further apart than they are long; tell whether it copied."""
    m, n, k = extents
    drawn = random_product(extents, dtype, start, k**-0.5)
    a = drawn.a.T if form == "tn" else drawn.a
    b = drawn.b.T if form == "nt" else drawn.b
    a_stride, b_stride, c_stride = a.shape[1] + gap, b.shape[1] + gap, n + gap
    generator = np.random.default_rng(k)
    h = activated(activation, exactly(random_matrix(generator, (m, n), dtype)), dtype).value.astype(dtype)
    room = packed_size(k, [m, n, k, a_stride, b_stride], np.dtype(dtype).itemsize)
    c = memory.result(in_rows(drawn.previous, c_stride, CANARY))
    packed = memory.result(np.full(room, np.nan, dtype))
    call_gemm(
        extents,
        memory.operand(in_rows(a, a_stride)),
        (1, a_stride) if form == "tn" else (a_stride, 1),
        memory.operand(in_rows(b, b_stride)),
        (1, b_stride) if form == "nt" else (b_stride, 1),
        c,
        c_stride,
        STARTS[start],
        memory.operand(drawn.bias if start == "bias" else np.empty(0, dtype)),
        FINISHES[finish],
        ACTIVATIONS[activation],
        memory.operand(in_rows(h, c_stride) if finish == "times_derivative" else np.empty(0, dtype)),
        packed,
    )
    expected = drawn.sum
    if finish == "activate":
        expected = activated(activation, expected, dtype)
    elif finish == "times_derivative":
        expected = times_slope(activation, exactly(h), exactly(h), expected, dtype)
    what = f"{form} {np.dtype(dtype)} m, n, k = {extents}, from {start}, {finish} {activation}, gap {gap}"
    assert_within(written_rows(c, (m, n), c_stride), *expected, what)
    memory.assert_kept()
    return not np.isnan(packed).all()


def check_copy_block(memory: Placement, shape: tuple[int, int], dtype: Any, gap: int) -> None:
    """Copy rows that lie `gap` elements apart to where they lie more apart, and back."""
    block = random_matrix(np.random.default_rng(shape), shape, dtype)
    for stride, out_stride in ((shape[1] + gap, shape[1] + 2 * gap + 1), (shape[1] + gap + 1, shape[1] + gap)):
        out = memory.result(in_rows(np.full_like(block, np.nan), out_stride, CANARY))
        call_copy_block(memory.operand(in_rows(block, stride)), stride, *shape, out, out_stride)
        np.testing.assert_array_equal(written_rows(out, shape, out_stride), block)
    memory.assert_kept()


def check_pack_strips(memory: Placement, shape: tuple[int, int], dtype: Any, gap: int) -> None:
    """Pack a block (rows, depth), which lies in columns `gap` further apart than they are long, into strips."""
    rows, depth = shape
    block = random_matrix(np.random.default_rng(shape), shape, dtype)
    stride, size = rows + gap, (depth + SPARE_COLUMNS) * MR
    out = memory.result(np.full(-(-rows // MR) * size, np.nan, dtype))
    call_pack_strips(memory.operand(in_rows(block.T, stride)), stride, depth, rows, out)
    for first in range(0, rows, MR):
        part = block[first : first + MR]
        packed = out[first // MR * size :][: depth * MR].reshape(depth, MR)
        np.testing.assert_array_equal(packed[:, : len(part)].T, part)
    memory.assert_kept()


def check_pack_panel(
    memory: Placement, shape: tuple[int, int], width: int, dtype: Any, gap: int, transposed: bool
) -> None:
    """Pack b (kc, columns), in rows or transposed, into a panel of `width` columns."""
    b = random_matrix(np.random.default_rng(shape), shape, dtype)
    stored = b.T if transposed else b
    stride = stored.shape[1] + gap
    strides = (1, stride) if transposed else (stride, 1)
    panel = memory.result(np.full(len(b) * width, np.nan, dtype))
    call_pack_panel(memory.operand(in_rows(stored, stride)), strides[0], strides[1], shape[0], shape[1], width, panel)
    expected = np.zeros((len(b), width), dtype)
    expected[:, : b.shape[1]] = b
    np.testing.assert_array_equal(panel.reshape(expected.shape), expected)
    memory.assert_kept()
