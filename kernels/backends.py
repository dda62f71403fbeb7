"""The two backends behind one interface: compiled loops ("numba") and NumPy operations ("numpy")."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kernels import activations, gemm, network, reference, reference_training, training_loop
from kernels.lane_layout import to_blocks
from kernels.structs import Network, Progress, Samples
from kernels.workspace import Workspace, allocate_for_outputs, allocate_workspace


@dataclass(frozen=True)
class Backend:
    """The functions of one backend; `reference` and `training_loop` document each.

    shares_work : whether the threads of a team may run `train` together.
    pads_rows : whether `train` lays what it remembers like the gradients of a workspace, whose rows may be padded; else
        like the parameters.
    to_measure : lays samples that will be measured as `train` wants them in a `Recorder`, given whether it has
        samples in lanes.
    """

    name: str
    shares_work: bool
    pads_rows: bool
    to_measure: Callable[[bool, Samples], Samples]
    matmul: Callable[[np.ndarray, np.ndarray, np.ndarray], None]
    matmul_tn: Callable[[np.ndarray, np.ndarray, np.ndarray], None]
    matmul_nt: Callable[[np.ndarray, np.ndarray, np.ndarray], None]
    affine: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], None]
    activate_inplace: Callable[[int, np.ndarray], None]
    multiply_by_derivative_inplace: Callable[[int, np.ndarray, np.ndarray], None]
    workspace_of_forward: Callable[[Network, int, np.dtype], Workspace]
    forward: Callable[[Network, np.ndarray, np.ndarray, Workspace, np.ndarray], None]
    loss_and_gradients: Callable[..., float]
    train: Callable[..., Progress]


def _in_blocks_for_lanes(in_lanes: bool, samples: Samples) -> Samples:
    return to_blocks(samples) if in_lanes else samples


BACKENDS = {
    "numba": Backend(
        "numba",
        True,
        True,
        _in_blocks_for_lanes,
        gemm.matmul,
        gemm.matmul_tn,
        gemm.matmul_nt,
        gemm.affine,
        activations.activate_inplace,
        activations.multiply_by_derivative_inplace,
        allocate_for_outputs,
        network.forward,
        network.loss_and_gradients,
        training_loop.train,
    ),
    "numpy": Backend(
        "numpy",
        False,
        False,
        lambda in_lanes, samples: samples,
        reference.matmul,
        reference.matmul_tn,
        reference.matmul_nt,
        reference.affine,
        reference.activate_inplace,
        reference.multiply_by_derivative_inplace,
        allocate_workspace,
        reference.forward,
        reference.loss_and_gradients,
        reference_training.train,
    ),
}
