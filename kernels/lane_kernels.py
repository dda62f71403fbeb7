"""The inner loops of `samples_in_lanes`, on blocks of samples.

A block holds `BLOCK_VECTORS` vectors of samples; in memory a feature of a block is one row, the next feature's row
follows at once. So every address within a block is a base plus a constant. One body serves the products; it is compiled
for how the weights are read, a number of rows, and for whole blocks or single vectors. Another one adds up weight
gradients. A call does a whole layer of a block (a call for each few rows takes 8 % longer at 2-256-2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernels._jit import inlined, kernel, named, out_of_line
from kernels.activations import (
    RELU,
    SIGMOID,
    TANH,
    identity_derivative,
    relu_derivative,
    sigmoid_derivative,
    tanh_derivative,
)
from kernels.blocking import REGISTERS, VECTOR_BYTES
from kernels.elementary import relu
from kernels.micro_kernels import PREVIOUS, from_column, from_row
from kernels.simd import advance, choose_first, fma, lanes, load, store
from kernels.tiles import store_lane_sums, tile

# Blocks of eight vectors, multiplied in halves, gain 7 % at 2-3-2, and lose 2 % at 32-128-1 and 2-256-2.
BLOCK_VECTORS = 4

# Rows of a product that are computed together: with 32 registers 4 x 4 vectors hide the latency of two multiply-adds
# per cycle, with 16 there is room for 2 x 4 (4 x 4, which spills, takes a third longer; 6 x 2 as long).
ROWS = REGISTERS // 8

# Sums that a tile of a weight gradient holds, one vector of partial sums each; `store_lane_sums` adds up as many
# vectors as one has lanes.
GRADIENT_SUMS = max(REGISTERS // 2, VECTOR_BYTES // 4)
# Where weights have no more columns than these, a tile's rows are whole; else it has two rows of `COLUMNS`.
MOST_WHOLE_COLUMNS = 4
COLUMNS = GRADIENT_SUMS // 2


@inlined
def _multiply(
    element: Callable[..., Any], acc: Any, n_rows: int, n_vectors: int, k: int, a: Any, a_stride: int, b: Any, rows: int
) -> None:
    """Add A (rows, k) B (k, samples) to a tile; rows beyond repeat the last one."""
    VL, b_row = lanes(a), tile(a, 1, BLOCK_VECTORS)
    for p in range(k):
        for v in range(n_vectors):
            b_row[0, v] = load(b, (p * BLOCK_VECTORS + v) * VL)
        for i in range(n_rows):
            a_ip = element(a, a_stride, min(i, rows - 1), p)
            for v in range(n_vectors):
                acc[i, v] = fma(a_ip, b_row[0, v], acc[i, v])


@inlined
def _store_times(
    derivative: Callable[..., Any], acc: Any, n_rows: int, n_vectors: int, h: Any, c: Any, rows: int
) -> None:
    VL = lanes(c)
    for i in range(n_rows):
        if i < rows:
            for v in range(n_vectors):
                place = (i * BLOCK_VECTORS + v) * VL
                store(c, place, acc[i, v] * derivative(load(h, place)))


@inlined
def _store_mapped(function: Callable[..., Any], acc: Any, n_rows: int, n_vectors: int, z: Any, rows: int) -> None:
    VL = lanes(z)
    for i in range(n_rows):
        if i < rows:
            for v in range(n_vectors):
                store(z, (i * BLOCK_VECTORS + v) * VL, function(acc[i, v]))


@inlined
def _unchanged(z: Any) -> Any:
    return z


def _make_forward(name: str, n_rows: int, n_vectors: int) -> Callable[..., None]:
    """Compile z (n_out, samples) = weight.T h, `n_rows` outputs after the other; weight is (n_in, n_out).

    Where the layer's activation is relu, it is taken on the way; the others are left to the caller (with sigmoid here a
    step takes 10 % longer).
    """

    @named(name)
    def forward(n_in: int, n_out: int, weight: Any, h: Any, activation: int, z: Any) -> None:
        out_of_line()
        row = BLOCK_VECTORS * lanes(h)
        for i in range(0, n_out, n_rows):
            acc, rows, target = tile(h, n_rows, n_vectors), min(n_rows, n_out - i), advance(z, i * row)
            _multiply(from_column, acc, n_rows, n_vectors, n_in, advance(weight, i), n_out, h, rows)
            if activation == RELU:
                _store_mapped(relu, acc, n_rows, n_vectors, target, rows)
            else:
                _store_mapped(_unchanged, acc, n_rows, n_vectors, target, rows)

    return kernel(forward)


def _make_backward(name: str, n_vectors: int) -> Callable[..., None]:
    """Compile d_h (n_in, samples) = weight delta * derivative(h), `ROWS` inputs after the other."""

    @named(name)
    def backward(n_in: int, n_out: int, weight: Any, delta: Any, activation: int, h: Any, d_h: Any) -> None:
        out_of_line()
        row = BLOCK_VECTORS * lanes(h)
        for i in range(0, n_in, ROWS):
            acc, rows = tile(h, ROWS, n_vectors), min(ROWS, n_in - i)
            outputs, target = advance(h, i * row), advance(d_h, i * row)
            _multiply(from_row, acc, ROWS, n_vectors, n_out, advance(weight, i * n_out), n_out, delta, rows)
            if activation == SIGMOID:
                _store_times(sigmoid_derivative, acc, ROWS, n_vectors, outputs, target, rows)
            elif activation == TANH:
                _store_times(tanh_derivative, acc, ROWS, n_vectors, outputs, target, rows)
            elif activation == RELU:
                _store_times(relu_derivative, acc, ROWS, n_vectors, outputs, target, rows)
            else:
                _store_times(identity_derivative, acc, ROWS, n_vectors, outputs, target, rows)

    return kernel(backward)


forward_block = _make_forward("forward_block", ROWS, BLOCK_VECTORS)
forward_pair = forward_block if ROWS == 2 else _make_forward("forward_pair", 2, BLOCK_VECTORS)
# Of a single vector four times as many rows are no faster.
forward_vector = _make_forward("forward_vector", ROWS, 1)
backward_block = _make_backward("backward_block", BLOCK_VECTORS)
backward_vector = _make_backward("backward_vector", 1)


@inlined
def _store_sums(sums: Any, n: int, most: int, start: int, place: Any) -> None:
    """Write n sums, added to what is there where start is PREVIOUS; a vector holds `most` of them, a constant.

    What lies behind is written as it was. Where a vector has all of its sums LLVM sees which, and makes no masked store
    of it, which delays loads and takes tens of cycles without AVX-512.
    """
    for q in range(0, n, lanes(sums)):
        previous, total = load(place, q), load(sums, q)
        if start == PREVIOUS:
            total = total + previous
        if n - q >= most:
            store(place, q, choose_first(total, previous, most))
        else:
            store(place, q, choose_first(total, previous, n - q))


@inlined
def _add_products(acc: Any, n_rows: int, n_columns: int, features: Any, errors: Any, row: Any) -> None:
    """Add a vector of each of some features, times one of each of some errors, to a tile of sums."""
    VL = lanes(features)
    for t in range(n_columns):
        row[0, t] = load(errors, t * BLOCK_VECTORS * VL)
    for s in range(n_rows):
        feature = load(features, s * BLOCK_VECTORS * VL)
        for t in range(n_columns):
            acc[s * n_columns + t, 0] = fma(feature, row[0, t], acc[s * n_columns + t, 0])


def _make_gradient(name: str, n_columns: int, *, whole: bool) -> Callable[..., None]:
    """Compile the weight gradient for tiles of `n_columns` outputs, by as many inputs as `GRADIENT_SUMS` allows.

    Whole rows have all columns of the weights: a tile's sums are neighbours in memory. Else there are two rows in a
    tile, for 10 loads with 16 multiply-adds, or 6 with 8; a single row needs 17, more than come in a cycle each (a tile
    of one row for the last odd one gained nothing, sums that go to rows without passing through memory 1.5 %).
    """
    n_rows = GRADIENT_SUMS // n_columns

    @named(name)
    def add_gradient(
        h: Any,
        n_in: int,
        h_block: int,
        delta: Any,
        n_out: int,
        delta_block: int,
        n_vectors: int,
        start: int,
        d_weight: Any,
        sums: Any,
    ) -> None:
        VL = lanes(h)
        for j in range(0, n_out, n_columns):
            for i in range(0, n_in, n_rows):
                acc, row = tile(h, GRADIENT_SUMS, 1), tile(h, 1, n_columns)
                features, errors = advance(h, i * BLOCK_VECTORS * VL), advance(delta, j * BLOCK_VECTORS * VL)
                for _ in range(n_vectors // BLOCK_VECTORS):
                    for v in range(BLOCK_VECTORS):
                        _add_products(acc, n_rows, n_columns, advance(features, v * VL), advance(errors, v * VL), row)
                    features, errors = advance(features, h_block), advance(errors, delta_block)
                for v in range(n_vectors % BLOCK_VECTORS):
                    _add_products(acc, n_rows, n_columns, advance(features, v * VL), advance(errors, v * VL), row)
                store_lane_sums(acc, sums)
                if whole:
                    n = min(n_rows, n_in - i) * n_columns
                    _store_sums(sums, n, VL, start, advance(d_weight, i * n_out + j))
                else:
                    for s in range(min(n_rows, n_in - i)):
                        row_sums, place = advance(sums, s * n_columns), advance(d_weight, (i + s) * n_out + j)
                        _store_sums(row_sums, min(n_columns, n_out - j), n_columns, start, place)

    return kernel(add_gradient)


add_gradient_of_1 = _make_gradient("add_gradient_of_1", 1, whole=True)
add_gradient_of_2 = _make_gradient("add_gradient_of_2", 2, whole=True)
add_gradient_of_3 = _make_gradient("add_gradient_of_3", 3, whole=True)
add_gradient_of_4 = _make_gradient("add_gradient_of_4", MOST_WHOLE_COLUMNS, whole=True)
add_gradient_of_more = _make_gradient("add_gradient_of_more", COLUMNS, whole=False)
