"""The compiled training loop, as Python calls it: many steps and records, without leaving compiled code.

Two ways to compute them stand behind one function: `samples_in_rows`, and for small networks `samples_in_lanes`. Either
is compiled into the steps of `training_steps`, on the parameters or on a copy whose rows are further apart. Several
threads may run it together, as a team (see `team`), each with a view of the same workspace. `reference_training` holds
the same function in NumPy: its specification.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels import evaluation_in_lanes, evaluation_in_rows
from kernels import samples_in_lanes as in_lanes
from kernels import samples_in_rows as in_rows
from kernels._jit import entry_point, inlined
from kernels.network import copy_parameters, layers_of, memory_of
from kernels.simd import address
from kernels.structs import Network, Objective, Optimizer, Order, Progress, Recorder, Samples, Span
from kernels.team import meet
from kernels.training_steps import take_steps
from kernels.workspace import Workspace


@inlined
def _train_in_copy(
    take_batch: Any,
    to_deltas: Any,
    accumulate: Any,
    absolute_error: Any,
    evaluate: Any,
    network: Network,
    parameters: np.ndarray,
    samples: Samples,
    order: Order,
    workspace: Workspace,
    objective: Objective,
    optimizer: Optimizer,
    learning_rates: np.ndarray,
    span: Span,
    recorder: Recorder,
    careful: bool,
) -> Progress:
    """Do what `train` does by one of the two ways; in a copy of the parameters, if the workspace has room for one."""
    copied, in_lanes = workspace.weights.size > 0, workspace.lanes_x.size > 0
    layers, memory = layers_of(network, copied and not in_lanes), memory_of(workspace)
    given = address(parameters, 0)
    weights = memory.weights if copied else given
    if copied:
        if memory.team.rank == 0:
            copy_parameters(layers, given, True, weights)
        meet(memory.team)
    progress = take_steps(
        take_batch, to_deltas, accumulate, absolute_error, evaluate, layers, weights, samples, order, memory, objective,
        optimizer, learning_rates, span, recorder, careful,
    )  # fmt: skip
    if copied and memory.team.rank == 0:
        copy_parameters(layers, weights, False, given)
    return progress


@entry_point
def _train_in_rows(
    network: Network,
    parameters: np.ndarray,
    samples: Samples,
    order: Order,
    workspace: Workspace,
    objective: Objective,
    optimizer: Optimizer,
    learning_rates: np.ndarray,
    span: Span,
    recorder: Recorder,
    careful: bool,
) -> Progress:
    return _train_in_copy(
        in_rows.take_batch, in_rows.to_deltas, in_rows.accumulate,
        evaluation_in_rows.absolute_error, evaluation_in_rows.evaluate,
        network, parameters, samples, order, workspace, objective, optimizer, learning_rates, span, recorder, careful,
    )  # fmt: skip


@entry_point
def _train_in_lanes(
    network: Network,
    parameters: np.ndarray,
    samples: Samples,
    order: Order,
    workspace: Workspace,
    objective: Objective,
    optimizer: Optimizer,
    learning_rates: np.ndarray,
    span: Span,
    recorder: Recorder,
    careful: bool,
) -> Progress:
    return _train_in_copy(
        in_lanes.take_batch, in_lanes.to_deltas, in_lanes.accumulate,
        evaluation_in_lanes.absolute_error, evaluation_in_lanes.evaluate,
        network, parameters, samples, order, workspace, objective, optimizer, learning_rates, span, recorder, careful,
    )  # fmt: skip


def train(
    network: Network,
    parameters: np.ndarray,
    samples: Samples,
    order: Order,
    workspace: Workspace,
    objective: Objective,
    optimizer: Optimizer,
    learning_rates: np.ndarray,
    span: Span,
    recorder: Recorder,
    careful: bool,
) -> Progress:
    """Take the steps of a span, changing the parameters in place.

    Parameters
    ----------
    network, samples, order, workspace, objective, optimizer, recorder
        See `structs`. A step takes `workspace.batch_size` rows, the last of an epoch what is left.
    parameters : (n,) array
        Layout of `structs`.
    learning_rates : float64 (n_periods,)
        One for each period that the span touches.
    span : Span
        At least one step, if there is a learning rate.
    careful : bool
        Stop before the first update that would leave a parameter not finite, and store each gradient to tell; for a
        team of one.

    Returns
    -------
    Progress
        Without learning rates nothing is trained, and one record is made of what is evaluated. Fewer steps than
        asked for mean that the next step's loss, or in careful training its update, is not finite: that step was not
        taken.
    """
    train_by = _train_in_lanes if workspace.lanes_x.size else _train_in_rows
    return train_by(
        network, parameters, samples, order, workspace, objective, optimizer, learning_rates, span, recorder, careful,
    )  # fmt: skip
