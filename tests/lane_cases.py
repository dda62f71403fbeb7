"""What the kernels of blocks of samples promise, checked call by call; see `kernels.lane_kernels`.

Matrices of samples are (features, samples) here, and laid out in blocks for the kernels; memory that belongs to other
features, blocks or vectors holds NaN, or canaries where it may be written.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from arithmetic import EXACT, assert_within, dot_bound, product, product_bound
from bounded import activated, exactly, perturbed, times_slope
from compiled_kernels import (
    BACKWARD,
    FORWARD,
    MORE,
    call_backward,
    call_forward,
    call_gradient,
    call_load_blocks,
    call_store_rows,
)
from memory import CANARY
from placement import Placement, in_rows, written_rows
from product_cases import STARTS, random_matrix, vector_length

from kernels.activations import ACTIVATIONS
from kernels.lane_kernels import BLOCK_VECTORS, COLUMNS, GRADIENT_SUMS


def check_forward(
    memory: Placement, name: str, dtype: Any, n_in: int, n_out: int, activation: str = "identity"
) -> None:
    """Compute z (n_out, samples) = weight.T h for weights (n_in, n_out).

    The activation is one that the kernel takes: of relu all that is below 0 becomes 0, and no error grows.
    """
    VL = vector_length(dtype)
    samples, block = VL if name == "forward_vector" else BLOCK_VECTORS * VL, BLOCK_VECTORS * VL
    generator = np.random.default_rng((n_in, n_out))
    weight, h = random_matrix(generator, (n_in, n_out), dtype), random_matrix(generator, (n_in, samples), dtype)
    z = memory.result(in_rows(np.full((n_out, samples), np.nan, dtype), block, CANARY))
    call_forward(
        FORWARD.index(name),
        n_in,
        n_out,
        memory.operand(weight.ravel()),
        memory.operand(in_rows(h, block)),
        ACTIVATIONS[activation],
        z,
    )
    written = written_rows(z, (n_out, samples), block)
    expected = product(weight.T, h)
    if activation == "relu":
        expected = np.maximum(expected, 0)
    assert_within(written, expected, product_bound(weight.T, h), f"{name} {dtype} {activation}, {n_in} to {n_out}")
    memory.assert_kept()


def check_backward(memory: Placement, name: str, dtype: Any, n_in: int, n_out: int, activation: str) -> None:
    """Compute d_h (n_in, samples) = weight delta * derivative(h) for weights (n_in, n_out)."""
    VL = vector_length(dtype)
    samples, block = VL if name == "backward_vector" else BLOCK_VECTORS * VL, BLOCK_VECTORS * VL
    generator = np.random.default_rng((n_out, n_in))
    weight, delta = random_matrix(generator, (n_in, n_out), dtype), random_matrix(generator, (n_out, samples), dtype)
    z = exactly(random_matrix(generator, (n_in, samples), dtype))
    h = activated(activation, z, dtype).value.astype(dtype)
    d_h = memory.result(in_rows(np.full((n_in, samples), np.nan, dtype), block, CANARY))
    call_backward(
        BACKWARD.index(name),
        n_in,
        n_out,
        memory.operand(weight.ravel()),
        memory.operand(in_rows(delta, block)),
        ACTIVATIONS[activation],
        memory.operand(in_rows(h, block)),
        d_h,
    )
    incoming = perturbed(product(weight, delta), product_bound(weight, delta))
    expected = times_slope(activation, exactly(h), exactly(h), incoming, dtype)
    what = f"{name} {dtype} {activation}, {n_out} to {n_in}"
    assert_within(written_rows(d_h, (n_in, samples), block), *expected, what)
    memory.assert_kept()


def in_blocks(values: np.ndarray, height: int, rows_read: int) -> np.ndarray:
    """Lay vectors of samples (rows, samples) in blocks of `height` rows; as long as if it had `rows_read` rows."""
    VL = vector_length(values.dtype)
    B, n_vectors = BLOCK_VECTORS * VL, values.shape[1] // VL
    places = [v // BLOCK_VECTORS * height * B + v % BLOCK_VECTORS * VL for v in range(n_vectors)]
    size = max((place + (rows_read - 1) * B + VL for place in places), default=0) if rows_read else 0
    flat = np.full(size, np.nan, values.dtype)
    for v, place in enumerate(places):
        for i, row in enumerate(values):
            flat[place + i * B : place + i * B + VL] = row[v * VL : (v + 1) * VL]
    return flat


def check_load_blocks(memory: Placement, n: int, width: int, dtype: Any, *, ordered: bool, ones: bool) -> None:
    """Bring n rows to blocks, the first ones or those of an order, with a row of ones behind each block or without.

    An order lists three more rows, which are to be copied later.
    """
    VL, generator = vector_length(dtype), np.random.default_rng((n, width))
    rows, order = random_matrix(generator, (n + 3, width), dtype), generator.permutation(n + 3)
    height = width + ones
    padded = np.zeros((width, -(-n // VL) * VL), dtype)
    padded[:, :n] = rows[order[:n] if ordered else slice(n)].T
    expected = in_blocks(np.vstack([padded, np.ones_like(padded[:1])]) if ones else padded, height, height)
    out = memory.result(np.full(-(-n // (BLOCK_VECTORS * VL)) * height * BLOCK_VECTORS * VL, CANARY, dtype))
    source = rows if ordered else rows[:n]
    call_load_blocks(memory.operand(source.ravel()), order, ordered, n, 3 if ordered else 0, width, height, out)
    written = ~np.isnan(expected)
    np.testing.assert_array_equal(out[: expected.size][written], expected[written], f"{n} x {width}, {dtype}")
    memory.assert_kept()


def check_store_rows(memory: Placement, n: int, width: int, dtype: Any) -> None:
    """Bring n samples of one block back to rows."""
    VL, generator = vector_length(dtype), np.random.default_rng((n, width))
    rows = random_matrix(generator, (n, width), dtype)
    padded = np.full((width, -(-n // VL) * VL), np.nan, dtype)
    padded[:, :n] = rows.T
    out = memory.result(np.full(n * width, CANARY, dtype))
    call_store_rows(memory.operand(in_blocks(padded, width, width)), width, n, out)
    np.testing.assert_array_equal(out.reshape(n, width), rows, f"{n} x {width}, {dtype}")
    memory.assert_kept()


def check_gradient(
    memory: Placement, n_columns: int, dtype: Any, n_in: int, n_out: int, n_vectors: int, start: str
) -> None:
    """Compute d_weight (n_in, n_out) = h delta.T of several blocks, or add it to what is there.

    A tile reads whole rows of samples behind the last feature, and d_weight up to one vector, less an element, behind
    the last weight.
    """
    VL = vector_length(dtype)
    B, generator = BLOCK_VECTORS * VL, np.random.default_rng((n_in, n_out, n_vectors))
    h = random_matrix(generator, (n_in, n_vectors * VL), dtype)
    delta = random_matrix(generator, (n_out, n_vectors * VL), dtype)
    width = n_columns if n_columns < MORE else COLUMNS
    h_height, delta_height, n_rows = n_in + 1, n_out + 1, GRADIENT_SUMS // width
    previous = random_matrix(generator, (n_in, n_out), dtype)
    added, terms = (previous.astype(EXACT), n_vectors * VL + 1) if start == "previous" else (0, n_vectors * VL)
    if start != "previous":
        previous = np.full_like(previous, np.nan)
    behind = np.where(np.arange(VL - 1) % 2, np.nan, CANARY).astype(dtype)
    d_weight = memory.result(np.concatenate([previous.ravel(), behind]))
    call_gradient(
        n_columns,
        memory.operand(in_blocks(h, h_height, -(-n_in // n_rows) * n_rows)),
        n_in,
        h_height * B,
        memory.operand(in_blocks(delta, delta_height, -(-n_out // width) * width)),
        n_out,
        delta_height * B,
        n_vectors,
        STARTS[start],
        d_weight,
        memory.result(np.full(GRADIENT_SUMS + VL, np.nan, dtype)),
    )
    what = f"gradient of {n_columns} {dtype}, {n_in} x {n_out}, {n_vectors} vectors, from {start}"
    exact, magnitudes = product(h, delta.T), np.abs(h).astype(EXACT) @ np.abs(delta.T).astype(EXACT)
    bound = dot_bound(terms if n_vectors else 0, magnitudes + np.abs(added), dtype)
    assert_within(d_weight[: previous.size].reshape(previous.shape), exact + added, bound, what)
    assert d_weight[previous.size :].tobytes() == behind.tobytes(), f"{what}: changed behind the last weight"
    memory.assert_kept()
