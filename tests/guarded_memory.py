"""A program that calls every kernel on arrays which end, or begin, where memory may not be touched.

Run by test_memory_bounds in a process of its own: an access outside an operand, be it a masked one, kills it. Needs
mmap and mprotect. The micro-kernels and the kernels of blocks of samples are called as in test_kernel_contract and
test_lane_kernels, for fewer sizes.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from compiled_kernels import BACKWARD, FORWARD, GRADIENTS, MICRO_KERNELS, MORE
from lane_cases import check_backward, check_forward, check_gradient, check_load_blocks, check_store_rows
from networks import LOSSES_AND_OUTPUTS
from product_cases import (
    FORMS,
    STARTS,
    check_copy_block,
    check_gemm,
    check_micro_kernel,
    check_pack_panel,
    check_pack_strips,
)

from kernels import blocking
from kernels.activations import ACTIVATIONS
from kernels.backends import BACKENDS
from kernels.lane_blocks import slack
from kernels.lane_kernels import ROWS
from kernels.losses import LOSSES
from kernels.structs import Network, Objective, Samples
from kernels.workspace import Workspace, allocate_for_outputs, allocate_workspace

Guarded = Callable[[Any], np.ndarray]
_mappings: list[mmap.mmap] = []  # kept, because arrays do not own the memory


def _guarded(values: Any, at_end: bool) -> np.ndarray:
    values, page = np.ascontiguousarray(values), mmap.PAGESIZE
    pages = -(-max(values.nbytes, 1) // page)
    mapping = mmap.mmap(-1, (pages + 2) * page)
    _mappings.append(mapping)
    start = ctypes.addressof(ctypes.c_char.from_buffer(mapping))
    for forbidden in (start, start + (pages + 1) * page):
        if ctypes.CDLL(None, use_errno=True).mprotect(ctypes.c_void_p(forbidden), ctypes.c_size_t(page), 0):
            raise OSError(ctypes.get_errno(), "mprotect")
    offset = page + (pages * page - values.nbytes if at_end else 0)
    array = np.frombuffer(mapping, values.dtype, values.size, offset).reshape(values.shape)
    array[...] = values
    return array


def before_forbidden_memory(values: Any) -> np.ndarray:
    """Return a copy whose last element is the last that may be touched."""
    return _guarded(values, at_end=True)


def after_forbidden_memory(values: Any) -> np.ndarray:
    """Return a copy whose first element is the first that may be touched."""
    return _guarded(values, at_end=False)


class GuardPages:
    """Places operands and results next to forbidden memory; a `placement.Placement`."""

    def __init__(self, guarded: Guarded) -> None:
        self._guarded = guarded
        self._read: list[tuple[np.ndarray, bytes]] = []

    def operand(self, values: np.ndarray) -> np.ndarray:
        """Return a copy that is to be read only."""
        array = self._guarded(values)
        self._read.append((array, array.tobytes()))
        return array

    def result(self, values: np.ndarray) -> np.ndarray:
        """Return a copy that is to be written."""
        return self._guarded(values)

    def assert_kept(self) -> None:
        """Fail if an operand has changed; the arrays are given up, as there is room for so many mappings only."""
        for array, before in self._read:
            if array.tobytes() != before:
                raise AssertionError("an operand was written to")
        _mappings.clear()


def call_kernels_of_products(guarded: Guarded, dtype: Any) -> None:
    """Call each micro-kernel, `gemm` with all of its starts and ends, and packing, around the edges of vectors."""
    VL = blocking.VECTOR_BYTES // np.dtype(dtype).itemsize
    nr = blocking.NV * VL
    edges = {1, VL - 1, VL, VL + 1, nr - 1, nr}
    for name in MICRO_KERNELS:
        for start in STARTS:
            check_micro_kernel(lambda: GuardPages(guarded), name, dtype, start, (0, 1, 2, 5), edges)
    for form in FORMS:
        for start in STARTS:
            for m, n, k in ((1, 1, 1), (3, VL + 1, 4), (blocking.MR + 5, nr + VL - 1, VL + 1), (5, 4 * nr, 1024)):
                for finish, gap in (("activate", 0), ("times_derivative", 3)):
                    memory = GuardPages(guarded)
                    check_gemm(
                        memory, (m, n, k), dtype, form=form, start=start, finish=finish, activation="tanh", gap=gap
                    )
    for columns in edges:
        check_copy_block(GuardPages(guarded), (3, columns), dtype, 2)
        check_pack_strips(GuardPages(guarded), (columns, 3), dtype, 2)
        for width, transposed in ((VL, False), (VL, True), (nr, False), (nr, True)):
            for kc in (1, VL - 1, VL, VL + 1):
                check_pack_panel(GuardPages(guarded), (kc, min(columns, width)), width, dtype, 0, transposed)


def call_kernels_of_blocks(guarded: Guarded, dtype: Any) -> None:
    """Call each kernel of `lane_kernels` for whole blocks and single vectors."""
    for k in (0, 1, 2, 3, 7):
        for rows in range(1, ROWS + 2):
            for name in FORWARD:
                check_forward(GuardPages(guarded), name, dtype, k, rows)
            for name in BACKWARD:
                check_backward(GuardPages(guarded), name, dtype, rows, k, "sigmoid")
    VL = blocking.VECTOR_BYTES // np.dtype(dtype).itemsize
    for n in (1, VL, VL + 1):
        for width in (1, 2, VL - 1, VL, VL + 1, 2 * VL):
            for ordered in (False, True):
                check_load_blocks(GuardPages(guarded), n, width, dtype, ordered=ordered, ones=ordered)
            check_store_rows(GuardPages(guarded), n, width, dtype)
    for n_columns in GRADIENTS:
        for n_out in (n_columns,) if n_columns < MORE else (5, 16, 17):
            for n_in in (1, 3, 4, 16, 17):
                for n_vectors in (1, 4, 5):
                    for start in ("zero", "previous"):
                        check_gradient(GuardPages(guarded), n_columns, dtype, n_in, n_out, n_vectors, start)


def call_products(guarded: Guarded, dtype: Any) -> None:
    """Call the products for extents around tile edges."""
    numba = BACKENDS["numba"]
    width = blocking.NV * blocking.VECTOR_BYTES // np.dtype(dtype).itemsize
    for m, n, k in ((1, 1, 1), (3, 2, 50), (blocking.MR + 1, width + 3, 7), (blocking.MR, width, 33), (50, 10, 2)):
        a, b, bias = np.ones((m, k), dtype), np.ones((k, n), dtype), np.ones(n, dtype)
        out = guarded(np.zeros((m, n), dtype))
        numba.matmul(guarded(a), guarded(b), out)
        numba.matmul_tn(guarded(a.T), guarded(b), out)
        numba.matmul_nt(guarded(a), guarded(b.T), out)
        numba.affine(guarded(a), guarded(b), guarded(bias), out)
        if not (out == k + 1).all():
            raise AssertionError("the affine map is wrong")


def call_activations(guarded: Guarded, dtype: Any) -> None:
    """Call activations and their derivatives on rows shorter and longer than a vector, fewer and more than lanes."""
    numba = BACKENDS["numba"]
    for code in ACTIVATIONS.values():
        for shape in ((1, 1), (3, 7), (2, 33), (16, 7), (16, 16), (17, 20)):
            h, delta = guarded(np.ones(shape, dtype)), guarded(np.ones(shape, dtype))
            numba.activate_inplace(code, h)
            numba.multiply_by_derivative_inplace(code, h, delta)


def guarded_workspace(guarded: Guarded, buffers: Workspace) -> Workspace:
    """Return a workspace in guarded memory; arrays of the network's dtype are neighbours with slack behind the last."""
    dtype = buffers.outputs.dtype
    arrays = {name: array for name, array in buffers._asdict().items() if isinstance(array, np.ndarray)}
    others = {name: arrays.pop(name) for name in ("batch_weights", "partial_sums", "counters")}
    begin = min(array.ctypes.data for array in arrays.values())
    end = max(array.ctypes.data + array.nbytes for array in arrays.values())
    memory = guarded(np.zeros((end - begin) // dtype.itemsize + slack(dtype.itemsize), dtype))
    for name, array in arrays.items():
        first = (array.ctypes.data - begin) // dtype.itemsize
        arrays[name] = memory[first : first + array.size].reshape(array.shape)
    return buffers._replace(**arrays, **{name: guarded(array) for name, array in others.items()})


def call_network(guarded: Guarded, dtype: Any) -> None:
    """Run a network forward and backward, every buffer guarded."""
    numba, sizes, rows = BACKENDS["numba"], [3, 19, 5, 2], 19
    n_parameters = sum(n_in * n_out + n_out for n_in, n_out in pairwise(sizes))
    for loss, output in LOSSES_AND_OUTPUTS:
        codes = [ACTIVATIONS[name] for name in ("tanh", "relu", output)]
        network = Network(np.array(sizes, np.int64), np.array(codes, np.int64), LOSSES[loss], True, 0.5)
        buffers = allocate_workspace(network, rows, np.dtype(dtype))
        workspace = guarded_workspace(guarded, buffers)
        parameters, x = guarded(np.full(n_parameters, 0.1, dtype)), guarded(np.ones((rows, 3), dtype))
        y, out = guarded(np.ones((rows, 2), dtype)), guarded(np.ones((rows, 2), dtype))
        exact = allocate_for_outputs(network, rows, out.dtype)
        names = ("lanes_x", "outputs", "packed")
        exact = exact._replace(**{name: guarded(getattr(exact, name)) for name in names})
        numba.forward(network, parameters, x, exact, out)
        numba.loss_and_gradients(network, parameters, Samples(x, y), workspace, Objective(0.1, 0.1, 0.0, False))


if __name__ == "__main__":
    for _guard in (before_forbidden_memory, after_forbidden_memory):
        for _dtype in (np.float32, np.float64):
            call_products(_guard, _dtype)
            call_activations(_guard, _dtype)
            call_network(_guard, _dtype)
            call_kernels_of_products(_guard, _dtype)
            call_kernels_of_blocks(_guard, _dtype)
    print("nothing touched")
