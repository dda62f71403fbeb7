"""The memory that every step writes over, allocated once.

In elements of the network's dtype, with the batch rounded up to whole vectors: batch x (sum of the layers' widths, and
one for each layer) for outputs, 2 x batch x (largest width) for deltas, one gradient per parameter, the copies of
`gemm.packed_size`, one batch of rows for shuffled data, and one more for small networks with samples in lanes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from kernels.gemm import packed_size
from kernels.samples_in_lanes import padded_batch, suits_lanes
from kernels.structs import Network


class Workspace(NamedTuple):
    """Flat arrays of one dtype; nothing in them outlives a step, but for the gradients that a caller reads.

    outputs : the layers' outputs, one behind the other: (batch, width) each, or (width + 1, batch) in lanes.
    delta, other_delta : dL/dz of the layer at hand and of the one below, (batch, largest width).
    gradients : the layout of the parameters.
    packed : copies of operands of a matrix product.
    batch_x, batch_y : the rows of a shuffled batch.
    lanes_x, lanes_y : a batch with samples in lanes, see `samples_in_lanes`.
    batch_size : rows of the largest batch.
    """

    outputs: np.ndarray
    delta: np.ndarray
    other_delta: np.ndarray
    gradients: np.ndarray
    packed: np.ndarray
    batch_x: np.ndarray
    batch_y: np.ndarray
    lanes_x: np.ndarray
    lanes_y: np.ndarray
    batch_size: int


class Memory(NamedTuple):
    """A `Workspace` inside compiled code, as pointers; see `structs.Layers`."""

    outputs: Any
    delta: Any
    other_delta: Any
    gradients: Any
    packed: Any
    batch_x: Any
    batch_y: Any
    lanes_x: Any
    lanes_y: Any
    in_lanes: bool
    batch_size: int


def allocate_workspace(network: Network, n_parameters: int, batch_size: int, dtype: np.dtype) -> Workspace:
    """Allocate what steps of up to `batch_size` rows need."""
    sizes = [int(size) for size in network.sizes]
    widest, itemsize = max(sizes), np.dtype(dtype).itemsize
    padded = padded_batch(batch_size, itemsize)
    in_lanes = suits_lanes(network)
    return Workspace(
        outputs=np.empty(padded * (sum(sizes[1:]) + len(sizes)), dtype),
        delta=np.zeros(padded * widest, dtype),
        other_delta=np.zeros(padded * widest, dtype),
        gradients=np.empty(n_parameters, dtype),
        packed=np.empty(packed_size(batch_size, sizes, itemsize), dtype),
        batch_x=np.empty(batch_size * sizes[0], dtype),
        batch_y=np.empty(batch_size * sizes[-1], dtype),
        lanes_x=np.empty(padded * (sizes[0] + 1) if in_lanes else 0, dtype),
        lanes_y=np.empty(padded * sizes[-1] if in_lanes else 0, dtype),
        batch_size=batch_size,
    )
