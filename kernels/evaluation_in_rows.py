"""What is recorded of a network with samples in rows: loss and correct rows of a set, absolute error of a batch.

The passes are those of `samples_in_rows`; shares and means of what is returned here are left to `training_steps`.
"""

from __future__ import annotations

from typing import Any

from kernels._jit import called, inlined
from kernels.dropout import no_dropout
from kernels.losses import sum_of_absolute_errors
from kernels.samples_in_rows import outputs_offset, to_deltas
from kernels.simd import advance, get
from kernels.structs import Layers
from kernels.team import meet
from kernels.workspace import Memory


@called
def absolute_error(network: Layers, y: Any, rows: int, memory: Memory) -> float:
    """Return the sum of |y - h| over the batch whose outputs are in the workspace."""
    h = advance(memory.outputs, outputs_offset(network, y, memory))
    return sum_of_absolute_errors(h, y, rows * get(network.sizes, network.n_layers))


@inlined
def _is_correct(h: Any, y: Any, n: int) -> bool:
    """Tell whether the largest output is the target's largest, or, for a single output, on the target's side of 1/2."""
    if n == 1:
        return (get(h, 0) >= 0.5) == (get(y, 0) >= 0.5)
    best_h, best_y = 0, 0
    for j in range(1, n):
        if get(h, j) > get(h, best_h):
            best_h = j
        if get(y, j) > get(y, best_y):
            best_y = j
    return best_h == best_y


@called
def evaluate(
    network: Layers, parameters: Any, x: Any, y: Any, n: int, with_loss: bool, memory: Memory
) -> tuple[float, float]:
    """Return the loss of n rows, without penalties, and how many are right, both summed over the rows.

    The loss comes with the outputs, whether it is asked for or not.
    """
    n_in, n_out = get(network.sizes, 0), get(network.sizes, network.n_layers)
    total, correct = 0.0, 0.0
    for start in range(0, n, memory.batch_size):
        rows = min(memory.batch_size, n - start)
        rows_x, rows_y = advance(x, start * n_in), advance(y, start * n_out)
        total += to_deltas(
            network, parameters, rows_x, rows_y, memory.batch_weights, False, rows, memory, 1.0, no_dropout()
        )
        h = advance(memory.outputs, outputs_offset(network, x, memory))
        for i in range(rows):
            if _is_correct(advance(h, i * n_out), advance(rows_y, i * n_out), n_out):
                correct += 1.0
        meet(memory.team)  # before the outputs are written over
    return total, correct
