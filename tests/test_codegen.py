"""What hot loops are compiled to on this processor: packed fused multiply-adds on whole registers, and nothing spilled.

A loop that spills, calls or falls back to halves of registers is still right, and several times slower.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from llvmlite.binding import get_host_cpu_features
from machine_code import Loop, innermost_loops
from numba import njit, typeof
from processes import TESTS

from kernels import micro_kernels
from kernels.activations import activate_block
from kernels.blocking import IS_X86, MR, NV, REGISTERS, VECTOR_BYTES
from kernels.lane_kernels import BLOCK_VECTORS, ROWS, forward_block
from kernels.micro_kernels import columns_wide, rows_wide
from kernels.simd import address

DTYPES = ("float32", "float64")
REGISTER_OF = {16: "xmm", 32: "ymm", 64: "zmm"}
REGISTER = REGISTER_OF[VECTOR_BYTES]
PACKED = {"float32": "ps", "float64": "pd"}


def _reason_to_skip() -> str:
    features, needed = get_host_cpu_features(), {16: "avx2", 32: "avx2", 64: "avx512f"}[VECTOR_BYTES]
    if not IS_X86:
        return "not an x86-64 processor: the parser reads no other assembly"
    missing = [name for name in (needed, "fma") if not features.get(name)]
    return f"no {' and no '.join(missing)} on this processor, for vectors of {VECTOR_BYTES} bytes" if missing else ""


REASON = _reason_to_skip()
needs_the_instructions = pytest.mark.skipif(bool(REASON), reason=REASON)


# Not from the cache of the kernels, which holds no assembly.
@njit(error_model="numpy")
def _rows_wide(a: Any, b: Any, c: Any, kc: int, stride: int, columns: int, start: int) -> None:
    p, q, r = address(a, 0), address(b, 0), address(c, 0)
    rows_wide(kc, p, stride, q, stride, r, stride, MR, columns, start, r, q)


@njit(error_model="numpy")
def _columns_wide(a: Any, b: Any, c: Any, kc: int, stride: int, columns: int, start: int) -> None:
    p, q, r = address(a, 0), address(b, 0), address(c, 0)
    columns_wide(kc, p, stride, q, stride, r, stride, MR, columns, start, r, q)


# More accumulators than any processor has registers.
TOO_TALL = 40
_tall = micro_kernels._make("tall", TOO_TALL, NV, micro_kernels.from_row, short=False)


@njit(error_model="numpy")
def _too_tall(a: Any, b: Any, c: Any, kc: int, stride: int, columns: int, start: int) -> None:
    p, q, r = address(a, 0), address(b, 0), address(c, 0)
    _tall(kc, p, stride, q, stride, r, stride, TOO_TALL, columns, start, r, q)


@njit(error_model="numpy")
def _forward_block(weight: Any, h: Any, z: Any, n_in: int, n_out: int, activation: int) -> None:
    forward_block(n_in, n_out, address(weight, 0), address(h, 0), activation, address(z, 0))


@njit(error_model="numpy")
def _activate(h: Any, activation: int, rows: int, columns: int) -> None:
    activate_block(activation, address(h, 0), columns, rows, columns)


def loops_of(function: Any, name: str, dtype: str, n_arrays: int, n_integers: int) -> list[Loop]:
    """Compile a function for arrays and integers; return what multiplies and adds in the one called `name`."""
    arrays, integers = [np.empty(0, dtype)] * n_arrays, [0] * n_integers
    signature = tuple(typeof(argument) for argument in (*arrays, *integers))
    function.compile(signature)
    return innermost_loops(function.inspect_asm(signature), name)


def assert_packed(loop: Loop, dtype: str) -> None:
    """Fail unless all multiply-adds are packed, on whole registers, with nothing called."""
    assert loop.fused_otherwise(PACKED[dtype], REGISTER) == []
    assert loop.calls == []


def assert_in_registers(loop: Loop, dtype: str) -> None:
    """Fail unless all multiply-adds are packed, on whole registers, with nothing spilled and nothing called."""
    assert_packed(loop, dtype)
    assert loop.on_the_stack == []


def assert_tile(loop: Loop, dtype: str, rows: int, vectors: int) -> None:
    """Fail unless each step of the loop, which may be unrolled, is one multiply-add for each vector of a tile."""
    assert_in_registers(loop, dtype)
    steps = len(loop.loads(REGISTER)) / vectors  # each step loads one row of B
    assert steps in (1, 2, 4), loop.instructions
    assert len(loop.fused) == rows * vectors * steps


@needs_the_instructions
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("function", "name"), [(_rows_wide, "rows_wide"), (_columns_wide, "columns_wide")])
def test_a_step_of_the_product_is_one_multiply_add_for_each_vector_of_the_tile(
    function: Any, name: str, dtype: str
) -> None:
    loops = loops_of(function, f"micro_kernels{len(name)}{name}", dtype, 3, 4)
    assert len(loops) >= 2  # the one that also asks for the tile of C, and the other
    for loop in loops:
        assert_tile(loop, dtype, MR, NV)


@needs_the_instructions
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_step_of_a_block_in_lanes_is_one_multiply_add_for_each_vector(dtype: str) -> None:
    loops = loops_of(_forward_block, "forward_block", dtype, 3, 3)
    assert loops
    for loop in loops:
        assert_tile(loop, dtype, ROWS, BLOCK_VECTORS)


@needs_the_instructions
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_step_of_the_peak_loop_is_one_multiply_add_for_each_chain_and_no_memory(
    dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(TESTS.parent)
    peak = importlib.import_module("bench.peak")
    (loop,) = loops_of(njit(error_model="numpy")(peak.fma_loop.py_func), "fma_loop", dtype, 1, 1)
    assert_in_registers(loop, dtype)
    assert loop.touching_memory == []
    assert len(loop.fused) in (peak.CHAINS, 2 * peak.CHAINS, 4 * peak.CHAINS)


@needs_the_instructions
@pytest.mark.parametrize("dtype", DTYPES)
def test_sigmoid_and_tanh_are_loops_without_a_call(dtype: str) -> None:
    loops = loops_of(_activate, "activate_block", dtype, 1, 3)
    along_rows = [loop for loop in loops if not loop.masked]
    assert len(along_rows) >= 2  # other loops may be for what is left of a row
    for loop in loops:
        # Of vectors shorter than the registers LLVM puts two or four into one.
        assert any(loop.fused_otherwise(PACKED[dtype], register) == [] for register in REGISTER_OF.values())
        assert loop.calls == []
    for loop in along_rows:
        if REGISTERS == 32:
            assert loop.on_the_stack == []
        else:  # of each of four vectors the logits, a whole number and a power may wait: still faster than one alone
            assert len(loop.written_to_the_stack) <= 4 * 3


# ---- the tests above fail when they should


@needs_the_instructions
def test_a_tile_beyond_the_registers_is_noticed() -> None:
    loops = loops_of(_too_tall, "tall", "float32", 3, 4)
    assert loops
    for loop in loops:
        assert loop.on_the_stack
        with pytest.raises(AssertionError):
            assert_tile(loop, "float32", TOO_TALL, NV)


NESTED = """
outer:
	movq	%rsp, %rbp  # the frame
.L1:
	vmovups	(%rdi), %zmm1
.L2:
	.p2align	4
	vmovups	64(%rsi,%rax), %zmm2
	vbroadcastss	(%rsi), %zmm3
	vfmadd231ps	%zmm2, %zmm3, %zmm1
	vfmadd231ss	%xmm2, %xmm3, %xmm1
	vfnmadd213pd	(%rcx){1to4}, %ymm3, %ymm1
	jne	.L2
	vfmadd231ps	%zmm2, %zmm3, %zmm1
	jne	.L1
	jmp	.L3
.L3:
	retq
"""
LOOP = "f:\n.L1:\n\tvfmadd231ps\t%zmm2, %zmm3, %zmm1\n\t{}\n\tjne\t.L1\n"


def test_the_parser_finds_the_inner_loop_only_and_counts_what_is_in_it() -> None:
    (loop,) = innermost_loops(NESTED, "outer")
    assert innermost_loops(NESTED, "another") == []
    assert len(loop.fused) == 3
    assert len(loop.loads("zmm")) == 1
    assert loop.fused_otherwise("ps", "zmm") == [line for line in loop.fused if "zmm" not in line]
    assert len(loop.touching_memory) == 3
    assert loop.on_the_stack == loop.calls == []


@pytest.mark.parametrize(
    ("line", "spills"),
    [
        ("vmovups 64(%rsp), %zmm1", True),
        ("vfmadd231ps -8(%rsp,%rax,4), %zmm2, %zmm1", True),
        ("pushq %rax", True),
        ("vmovups (%rbp), %zmm1", False),
        ("vbroadcastss (%rbx,%rbp), %zmm1", False),
    ],
)
def test_the_parser_tells_the_stack_from_other_memory(line: str, spills: bool) -> None:
    (loop,) = innermost_loops(LOOP.format(line), "f")
    assert bool(loop.on_the_stack) == spills
    (framed,) = innermost_loops(LOOP.format(line).replace("f:", "f:\n\tmovq\t%rsp, %rbp"), "f")
    assert bool(framed.on_the_stack) == (spills or "(%rbp" in line)


def test_the_parser_finds_calls() -> None:
    for call in ("callq *%rax", "callq expf"):
        (loop,) = innermost_loops(LOOP.format(call), "f")
        assert loop.calls == [call]
