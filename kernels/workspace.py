"""The memory that every step writes over, allocated once.

In elements of the network's dtype: batch x (sum of the layers' widths) for outputs, 2 x batch x (largest width) for
deltas, one gradient per parameter, the copies of `gemm.packed_size` for each thread, and one batch of rows for shuffled
data. Small networks with samples in lanes take outputs twice, for all deltas, with a row of ones for each layer and
whole blocks of samples, the batch once more in that form, and a copy of the parameters. Widths whose rows would compete
for the same cache sets are padded, and then the weights are trained in a padded copy.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from kernels.aligned import aligned_zeros, neighbouring_zeros
from kernels.blocking import CACHE_LINE, padded_width
from kernels.gemm import packed_size
from kernels.lane_blocks import lanes_size, samples_in_block, slack, suits_lanes
from kernels.structs import Network

# Losses are added up over chunks of so many rows: two tiles of 14 rows and one of 4, whole vectors of any type.
CHUNK_ROWS = 32

# The arrays of a team's counters: each counter has a cache line of its own.
COUNTER_STRIDE = CACHE_LINE // 8


class Workspace(NamedTuple):
    """Flat arrays of one dtype; nothing in them outlives a step, but for the gradients that a caller reads.

    outputs : the layers' outputs, one behind the other: (batch, width) each, or (width + 1, batch) in lanes.
    delta, other_delta : dL/dz of the layer at hand and of the one below, (batch, largest width).
    weights : the parameters while they are trained, with padded rows, or, in lanes, next to all else; empty where
        neither is of use.
    gradients : the layout of the parameters, or of the padded ones.
    packed : copies of operands of a matrix product, a row for each thread.
    batch_x, batch_y : the rows of a shuffled batch.
    batch_weights : float64 (batch,), what they count.
    lanes_x, lanes_y : a batch with samples in lanes, see `samples_in_lanes`.
    partial_sums : float64 (n_chunks,), what chunks of rows contribute to a sum.
    counters : int64 (1 + n_threads, COUNTER_STRIDE), meetings of the team and of each thread, see `team`.
    batch_size : rows of the largest batch.
    rank : which of the threads uses this.
    """

    outputs: np.ndarray
    delta: np.ndarray
    other_delta: np.ndarray
    weights: np.ndarray
    gradients: np.ndarray
    packed: np.ndarray
    batch_x: np.ndarray
    batch_y: np.ndarray
    batch_weights: np.ndarray
    lanes_x: np.ndarray
    lanes_y: np.ndarray
    partial_sums: np.ndarray
    counters: np.ndarray
    batch_size: int
    rank: int


class Memory(NamedTuple):
    """A `Workspace` inside compiled code, as pointers; see `structs.Layers`."""

    outputs: Any
    delta: Any
    other_delta: Any
    weights: Any
    gradients: Any
    packed: Any
    batch_x: Any
    batch_y: Any
    batch_weights: Any
    lanes_x: Any
    lanes_y: Any
    partial_sums: Any
    team: Any
    batch_size: int


def allocate_workspace(
    network: Network, batch_size: int, dtype: np.dtype, n_threads: int = 1, *, in_lanes: bool | None = None
) -> Workspace:
    """Allocate what steps of up to `batch_size` rows need.

    `in_lanes` decides where samples lie, by default as `lane_blocks.suits_lanes` tells; those with weights or
    dropout lie in rows.
    """
    dtype = np.dtype(dtype)
    sizes = [int(size) for size in network.sizes]
    widths = [padded_width(size, dtype.itemsize) for size in sizes]
    n_biases = sum(sizes[1:]) if network.bias else 0
    n_parameters = n_biases + sum(n_in * n_out for n_in, n_out in pairwise(sizes))
    itemsize = dtype.itemsize
    if in_lanes is None:
        in_lanes = suits_lanes(network, batch_size, itemsize)
    row_widths = sizes if in_lanes else widths
    n_trained = n_biases + sum(n_in * width for n_in, width in zip(sizes, row_widths[1:], strict=False))
    blocks = [lanes_size(batch_size, part, itemsize) if in_lanes else 0 for part in (sizes[:1], sizes[-1:], sizes[1:])]
    arrays = {
        "lanes_x": blocks[0],
        "lanes_y": blocks[1],
        "outputs": max(batch_size * sum(widths[1:]), blocks[2]),
        "delta": max(batch_size * max(widths), blocks[2]),
        "weights": n_trained if in_lanes or n_trained > n_parameters else 0,
        "gradients": n_trained,
        "other_delta": batch_size * max(widths),
        "batch_x": batch_size * sizes[0],
        "batch_y": batch_size * sizes[-1],
        "packed": n_threads * packed_size(batch_size, sizes, itemsize),
    }
    memory = dict(zip(arrays, neighbouring_zeros(list(arrays.values()), dtype, slack(itemsize)), strict=True))
    return Workspace(
        **memory | {"packed": memory["packed"].reshape(n_threads, -1)},
        batch_weights=np.zeros(batch_size),
        partial_sums=np.zeros(-(-batch_size // CHUNK_ROWS)),
        counters=aligned_zeros((1 + n_threads) * COUNTER_STRIDE, np.int64).reshape(1 + n_threads, -1),
        batch_size=batch_size,
        rank=0,
    )


def allocate_for_outputs(network: Network, batch_size: int, dtype: np.dtype) -> Workspace:
    """Allocate what compiled code needs for the outputs of up to `batch_size` rows, and nothing for a step."""
    sizes, itemsize = network.sizes.tolist(), dtype.itemsize
    nothing, no_sums, counters = np.empty(0, dtype), np.empty(0), np.empty((2, 0), np.int64)
    if suits_lanes(network, batch_size, itemsize):
        batch_size = samples_in_block(itemsize)
        n_inputs, n_outputs = (lanes_size(batch_size, widths, itemsize) for widths in (sizes[:1], sizes[1:]))
        n_packed = 0
    else:
        n_inputs, n_packed = 0, packed_size(batch_size, sizes, itemsize)
        n_outputs = batch_size * sum(padded_width(size, itemsize) for size in sizes[1:])
    lanes_x, outputs = np.empty(n_inputs, dtype), np.empty(n_outputs, dtype)
    packed = np.empty((1, n_packed), dtype)
    return Workspace(
        outputs, nothing, nothing, nothing, nothing, packed, nothing, nothing, no_sums, lanes_x, nothing, no_sums,
        counters, batch_size, 0,
    )  # fmt: skip


def team_of_all(workspace: Workspace) -> list[Workspace]:
    """Return what the threads of a team are given at the start of a call, in the order of their ranks."""
    workspace.counters.fill(0)
    return [workspace._replace(rank=rank) for rank in range(len(workspace.packed))]


def team_of_one(workspace: Workspace) -> list[Workspace]:
    """Return the view of a workspace for a thread that works alone."""
    return [workspace._replace(packed=workspace.packed[:1])]
