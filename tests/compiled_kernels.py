"""Entry points to kernels that only compiled code can call, for tests.

Arrays are C-contiguous and one-dimensional; a kernel gets a pointer to the first element. Each entry point takes as
numbers what the kernels take, so that it is compiled once for each type of element, and finds its code in the cache.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np

from kernels import lane_kernels as lane
from kernels import micro_kernels as micro
from kernels._jit import entry_point
from kernels.gemm import gemm
from kernels.gradient_terms import add_penalty_gradient, scale_inplace, sum_of_magnitudes, sum_of_squares
from kernels.lane_layout import load_blocks, store_rows
from kernels.optimizers import update
from kernels.packing import copy_block, pack_panel, pack_strips
from kernels.simd import address
from kernels.structs import Rule

MICRO_KERNELS = (
    "rows_wide",
    "rows_wide_short",
    "rows_narrow",
    "rows_narrow_short",
    "columns_wide",
    "columns_wide_short",
    "columns_narrow",
    "columns_narrow_short",
)
FORWARD = ("forward_block", "forward_pair", "forward_vector")
BACKWARD = ("backward_block", "backward_vector")
# Columns of the weights that a gradient is for, up to those that are whole rows of a tile.
MORE = lane.MOST_WHOLE_COLUMNS + 1
GRADIENTS = (1, 2, 3, 4, MORE)


@entry_point
@no_type_check  # the bodies are numba's, which unpacks tuples of known types only
def call_micro_kernel(
    which: int,
    kc: int,
    a: np.ndarray,
    a_stride: int,
    b: np.ndarray,
    b_stride: int,
    c: np.ndarray,
    c_stride: int,
    rows: int,
    columns: int,
    start: int,
    bias: np.ndarray,
) -> None:
    """Call the micro-kernel at place `which` of MICRO_KERNELS."""
    factors = kc, address(a, 0), a_stride, address(b, 0), b_stride
    target = address(c, 0), c_stride, rows, columns, start, address(bias, 0), factors[3]
    if which == 0:
        micro.rows_wide(*factors, *target)
    elif which == 1:
        micro.rows_wide_short(*factors, *target)
    elif which == 2:
        micro.rows_narrow(*factors, *target)
    elif which == 3:
        micro.rows_narrow_short(*factors, *target)
    elif which == 4:
        micro.columns_wide(*factors, *target)
    elif which == 5:
        micro.columns_wide_short(*factors, *target)
    elif which == 6:
        micro.columns_narrow(*factors, *target)
    elif which == 7:
        micro.columns_narrow_short(*factors, *target)


@entry_point
@no_type_check
def call_gemm(
    extents: tuple[int, int, int],
    a: np.ndarray,
    a_strides: tuple[int, int],
    b: np.ndarray,
    b_strides: tuple[int, int],
    c: np.ndarray,
    c_stride: int,
    start: int,
    bias: np.ndarray,
    finish: int,
    activation: int,
    h: np.ndarray,
    packed: np.ndarray,
) -> None:
    """Call `gemm` for extents (m, n, k) and strides (of rows, of columns)."""
    m, n, k = extents
    gemm(
        m, n, k, address(a, 0), a_strides[0], a_strides[1], address(b, 0), b_strides[0], b_strides[1],
        address(c, 0), c_stride, start, address(bias, 0), finish, activation, address(h, 0), address(packed, 0),
    )  # fmt: skip


@entry_point
def call_copy_block(source: np.ndarray, stride: int, rows: int, columns: int, out: np.ndarray, out_stride: int) -> None:
    """Call `copy_block`."""
    copy_block(address(source, 0), stride, rows, columns, address(out, 0), out_stride)


@entry_point
def call_pack_strips(source: np.ndarray, stride: int, depth: int, rows: int, out: np.ndarray) -> None:
    """Call `pack_strips`."""
    pack_strips(address(source, 0), stride, depth, rows, address(out, 0))


@entry_point
def call_load_blocks(
    rows: np.ndarray, order: np.ndarray, ordered: bool, n: int, n_next: int, width: int, height: int, out: np.ndarray
) -> None:
    """Call `load_blocks`."""
    load_blocks(address(rows, 0), address(order, 0), ordered, n, n_next, width, height, address(out, 0))


@entry_point
def call_store_rows(block: np.ndarray, width: int, n: int, out: np.ndarray) -> None:
    """Call `store_rows`."""
    store_rows(address(block, 0), width, n, address(out, 0))


@entry_point
def call_pack_panel(
    b: np.ndarray, row_stride: int, column_stride: int, kc: int, columns: int, width: int, out: np.ndarray
) -> None:
    """Call `pack_panel`."""
    pack_panel(address(b, 0), row_stride, column_stride, kc, columns, width, address(out, 0))


@entry_point
def call_forward(
    which: int, n_in: int, n_out: int, weight: np.ndarray, h: np.ndarray, activation: int, z: np.ndarray
) -> None:
    """Call the kernel at place `which` of FORWARD."""
    if which == 0:
        lane.forward_block(n_in, n_out, address(weight, 0), address(h, 0), activation, address(z, 0))
    elif which == 1:
        lane.forward_pair(n_in, n_out, address(weight, 0), address(h, 0), activation, address(z, 0))
    elif which == 2:
        lane.forward_vector(n_in, n_out, address(weight, 0), address(h, 0), activation, address(z, 0))


@entry_point
def call_backward(
    which: int,
    n_in: int,
    n_out: int,
    weight: np.ndarray,
    delta: np.ndarray,
    activation: int,
    h: np.ndarray,
    d_h: np.ndarray,
) -> None:
    """Call the kernel at place `which` of BACKWARD."""
    w, d, x, out = address(weight, 0), address(delta, 0), address(h, 0), address(d_h, 0)
    if which == 0:
        lane.backward_block(n_in, n_out, w, d, activation, x, out)
    elif which == 1:
        lane.backward_vector(n_in, n_out, w, d, activation, x, out)


@entry_point
@no_type_check
def call_gradient(
    n_columns: int,
    h: np.ndarray,
    n_in: int,
    h_block: int,
    delta: np.ndarray,
    n_out: int,
    delta_block: int,
    n_vectors: int,
    start: int,
    d_weight: np.ndarray,
    sums: np.ndarray,
) -> None:
    """Call `add_gradient_of_` so many columns, and for `MORE` the one whose tiles hold no whole rows."""
    operands = address(h, 0), n_in, h_block, address(delta, 0), n_out, delta_block
    target = n_vectors, start, address(d_weight, 0), address(sums, 0)
    if n_columns == 1:
        lane.add_gradient_of_1(*operands, *target)
    elif n_columns == 2:
        lane.add_gradient_of_2(*operands, *target)
    elif n_columns == 3:
        lane.add_gradient_of_3(*operands, *target)
    elif n_columns == 4:
        lane.add_gradient_of_4(*operands, *target)
    else:
        lane.add_gradient_of_more(*operands, *target)


@entry_point
@no_type_check
def call_update(
    rule: int,
    parameters: np.ndarray,
    gradients: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    """Take a step with all parameters."""
    chosen = Rule(rule, beta_1, beta_2, epsilon, address(first, 0), address(second, 0))
    update(chosen, address(parameters, 0), address(gradients, 0), 0, parameters.size, rate)


@entry_point
def call_sums(values: np.ndarray) -> tuple[float, float]:
    """Call `sum_of_squares` and `sum_of_magnitudes`."""
    return sum_of_squares(address(values, 0), values.size), sum_of_magnitudes(address(values, 0), values.size)


@entry_point
def call_add_penalty_gradient(
    weight: np.ndarray, d_weight: np.ndarray, l2: float, l1: float, constant: float, factor: float
) -> None:
    """Call `add_penalty_gradient`, and `scale_inplace` with the result."""
    add_penalty_gradient(address(weight, 0), address(d_weight, 0), weight.size, l2, l1, constant)
    scale_inplace(address(d_weight, 0), d_weight.size, factor)
