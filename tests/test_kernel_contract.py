"""The kernels of the matrix product, called as compiled code calls them, against their contract.

Here memory around the operands is watched from within the process; `guarded_memory` calls the same cases where a stray
access kills it. Sizes and forms of whole products are in `test_gemm`; here are the starts and ends of `gemm` that
only training uses, and the strides for which it copies its operands.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compiled_kernels import MICRO_KERNELS
from placement import AmongCanaries
from product_cases import (
    FORMS,
    STARTS,
    check_copy_block,
    check_gemm,
    check_micro_kernel,
    check_pack_panel,
    check_pack_strips,
    tile_shape,
    vector_length,
)
from test_gemm import PRODUCTS, assert_exact_up_to_rounding

from kernels.backends import BACKENDS
from kernels.blocking import CONFLICTING_BYTES, KC, MC, MR, NC, NV, REGISTERS
from kernels.gemm import FAR_BYTES, MIN_PANELS_PER_COPY, MIN_TILES_PER_COPY, STRIP_DEPTH

pytestmark = pytest.mark.vector_length

DTYPES = ("float32", "float64")
DEPTHS = (*range(13), 33, KC + 1)
FINISHES = [("nothing", "identity")] + [
    (finish, name) for finish in ("activate", "times_derivative") for name in ("identity", "sigmoid", "tanh", "relu")
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("name", MICRO_KERNELS)
def test_a_micro_kernel_fills_its_part_of_a_tile_and_nothing_else(name: str, start: str, dtype: str) -> None:
    check_micro_kernel(AmongCanaries, name, dtype, start, DEPTHS, range(1, tile_shape(name, dtype)[1] + 1))


def finished_extents(dtype: str) -> list[tuple[int, int, int]]:
    """Return (m, n, k): each from 1 to 12 once, then beside the edges of tiles and of blocks."""
    nr = NV * vector_length(dtype)
    small = [(1 + i, 1 + 5 * i % 12, 1 + 7 * i % 12) for i in range(12)]
    tiles = [(MR + d, nr + e, 3) for d in (-1, 0, 1) for e in (-1, 0, 1)]
    return [*small, *tiles, (MR, nr, KC), (MR + 1, nr + 1, KC + 1), (2, 3, 2 * KC + 1), (MC + 1, 5, 2), (3, NC + 1, 2)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("finish", "activation"), FINISHES)
def test_a_product_is_finished_once(finish: str, activation: str, form: str, dtype: str) -> None:
    for i, extents in enumerate(finished_extents(dtype)):
        for start in STARTS:
            check_gemm(
                AmongCanaries(), extents, dtype,
                form=form, start=start, finish=finish, activation=activation, gap=3 * (i % 2),
            )  # fmt: skip


# ---- strides for which operands are copied


def conflicting_extents(dtype: str) -> dict[str, list[tuple[int, int, int]]]:
    """Return, by form, (m, n, k) for which `gemm` copies A or B only because their rows conflict."""
    nr = NV * vector_length(dtype)
    row = CONFLICTING_BYTES // np.dtype(dtype).itemsize
    rows, panels = MIN_TILES_PER_COPY * MR, MIN_PANELS_PER_COPY * nr
    b_in_place = [(rows + 1, row, 9), (rows, 2 * row, 3), (MC + 1, 2 * row, STRIP_DEPTH + 2)]
    return {
        "nn": [*b_in_place, (MR + 1, panels, row), (MC + 1, panels, 2 * row)],
        "tn": [*b_in_place, (row // 4, panels, 20), (2 * row, panels, STRIP_DEPTH + 2)],
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", ["nn", "tn"])
def test_rows_that_conflict_are_copied(form: str, dtype: str) -> None:
    for m, n, k in conflicting_extents(dtype)[form]:
        assert check_gemm(AmongCanaries(), (m, n, k), dtype, form=form, start="previous", finish="activate")
        # The same product with rows further apart is done in place: it is the stride that makes the difference.
        far = REGISTERS == 16 and (n + 1) * np.dtype(dtype).itemsize >= FAR_BYTES
        assert check_gemm(AmongCanaries(), (m, n, k), dtype, form=form, gap=1) == far


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_deep_transposed_operand_is_copied_where_registers_are_few(dtype: str) -> None:
    columns = MIN_PANELS_PER_COPY * NV * vector_length(dtype)
    for m in (1, MR - 1, MR + 1, MC + MR + 1):
        for k, deep in ((191, False), (192, REGISTERS == 16)):
            assert check_gemm(AmongCanaries(), (m, columns, k), dtype, form="tn", start="previous", gap=1) == deep


@pytest.mark.parametrize("dtype", DTYPES)
def test_there_is_room_for_the_largest_copies_of_both_operands(dtype: str) -> None:
    # Of float32 the panels of B and the block of A take all of `packed_size` but the end of a row of the block.
    rows = CONFLICTING_BYTES // 4 // np.dtype(dtype).itemsize
    assert check_gemm(AmongCanaries(), (rows, NC, KC), dtype, form="tn")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", PRODUCTS)
def test_products_with_copied_operands_are_exact_up_to_rounding(name: str, dtype: Any) -> None:
    for extents in conflicting_extents(dtype)["tn" if name == "matmul_tn" else "nn"]:
        assert_exact_up_to_rounding(BACKENDS["numba"], name, extents, dtype)


# ---- copies


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_block_is_copied_as_it_is(dtype: str) -> None:
    VL = vector_length(dtype)
    for rows in (0, 1, 2, 5):
        for columns in (*range(13), VL - 1, VL, VL + 1, 3 * VL, 3 * VL + 1):
            for gap in (0, 7):
                check_copy_block(AmongCanaries(), (rows, columns), dtype, gap)


@pytest.mark.parametrize("dtype", DTYPES)
def test_strips_hold_what_each_tile_reads_in_the_order_of_reading(dtype: str) -> None:
    VL = vector_length(dtype)
    for rows in {*range(13), VL - 1, VL, VL + 1, MR - 1, MR, MR + 1, 2 * MR + 1, 3 * MR}:
        for depth in (0, 1, 2, 9):
            for gap in (0, 7):
                check_pack_strips(AmongCanaries(), (rows, depth), dtype, gap)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("transposed", [False, True])
def test_a_panel_holds_b_and_zeros(transposed: bool, dtype: str) -> None:
    VL = vector_length(dtype)
    for width in (VL, NV * VL):
        for columns in range(1, width + 1):
            for kc in {*range(13), VL - 1, VL, VL + 1, 2 * VL + 1}:
                check_pack_panel(AmongCanaries(), (kc, columns), width, dtype, 5 * (columns % 2), transposed)
