"""What a kernel is told, as named tuples of arrays and numbers: numba passes them to compiled code as they are.

Parameters of all layers lie in one flat array: for each layer its weight (n_in, n_out) in rows, then its bias (n_out,)
if the network has biases. Gradients have the same layout.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

# Columns of a record, in the order of `Recorder.table`.
RECORD_COLUMNS = (
    "loss",
    "mean_abs_error",
    "gradient_norm",
    "eval_loss",
    "eval_accuracy",
    "val_loss",
    "val_accuracy",
)


class Network(NamedTuple):
    """The shape of a network and what it minimises.

    sizes : int64 (n_layers + 1,), from the inputs to the outputs.
    activations : int64 (n_layers,), codes of `activations.ACTIVATIONS`.
    loss : code of `losses.LOSSES`.
    bias : whether layers have biases.
    loss_parameter : d of huber, q of quantile; of no meaning for the other losses.
    """

    sizes: np.ndarray
    activations: np.ndarray
    loss: int
    bias: bool
    loss_parameter: float


def step_flops(network: Network, rows: int) -> float:
    """Return the operations of the matrix products of a training step; two for each multiply-add."""
    products = network.sizes[:-1] * network.sizes[1:]
    return 2.0 * rows * float(3 * products.sum() - products[0])


class Layers(NamedTuple):
    """A `Network` inside compiled code, as pointers: passing an array would count its references at every call.

    padded : whether rows of weights are laid apart by `blocking.padded_width`.
    """

    sizes: Any
    activations: Any
    n_layers: int
    loss: int
    bias: bool
    padded: bool
    loss_parameter: float


class Samples(NamedTuple):
    """Rows to train on or to measure.

    x : (n_samples, n_features)
    y : (n_samples, n_outputs)
    weights : float64 (n_samples,), not negative, what each row counts in losses and gradients; empty where all count 1.
    """

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray = np.empty(0)


class Order(NamedTuple):
    """Where the training stands in the data.

    order : int64 (n_samples,), the rows' order in this epoch; empty where rows are taken as they come.
    random : uint64 (1,), the state of `sampling.shuffle`; empty where the caller gives the orders: `order` then holds
        those of all periods of a call, one behind the other, and a period is an epoch.
    position : int64 (1,), the row of the epoch at which the next batch starts.
    """

    order: np.ndarray
    random: np.ndarray
    position: np.ndarray


class Objective(NamedTuple):
    """What is added to the loss, and what is done to its gradient.

    l2, l1 : coefficients of ``l2/(2N) sum w**2 + l1/N sum |w|``, N being the rows of the batch.
    clip_norm : largest global norm of a gradient; 0 leaves gradients alone.
    article : take the update of the article: the gradient of N times the squared error, plus the scalar
        ``l2 sum(w**2)`` of a weight matrix on each of its entries.
    weight_decay : each step first takes this share, times the learning rate, off every parameter (Loshchilov and
        Hutter, 2019; of biases too, as PyTorch's AdamW does).
    dropout : the share of the hidden units that a training step leaves out; see `dropout`.
    dropout_seed : int64, what the units are chosen by.
    """

    l2: float
    l1: float
    clip_norm: float
    article: bool
    weight_decay: float = 0.0
    dropout: float = 0.0
    dropout_seed: int = 0


class Optimizer(NamedTuple):
    """How a gradient becomes a step, and what is remembered between steps; see `optimizers`.

    rule : code of `optimizers.RULES`.
    beta_1, beta_2, epsilon : constants of the rules.
    first, second : (n,) in the layout of the gradients, changed in place; of no elements where the rule needs none.
    steps : int64 (1,), the number of steps taken, changed in place.
    """

    rule: int
    beta_1: float
    beta_2: float
    epsilon: float
    first: np.ndarray
    second: np.ndarray
    steps: np.ndarray


class Rule(NamedTuple):
    """An `Optimizer` inside compiled code, as pointers; see `Layers`."""

    kind: int
    beta_1: float
    beta_2: float
    epsilon: float
    first: Any
    second: Any


class Dropout(NamedTuple):
    """What one step leaves out: a share of the hidden units, chosen by a key; see `dropout`."""

    share: float
    key: Any


class Span(NamedTuple):
    """Which steps a call of `train` takes. A period is `steps_per_period` steps (an epoch, or one step).

    period, step : where they begin: the number of the period, and how many of its steps have been taken.
    n_steps : how many they are.
    """

    period: int
    step: int
    n_steps: int
    steps_per_period: int


class Recorder(NamedTuple):
    """What is measured on the way.

    table : float64 (n, len(RECORD_COLUMNS)), filled from row 0.
    every : a record is made of each complete period whose number is divisible by this.
    losses : float64 (n_periods,), filled with the mean loss of each complete period, recorded or not.
    sums : float64 (3,), of a period that is not complete: its rows so far, and the sums of their losses and of their
        absolute errors. Read where a call begins within a period, written where one ends within.
    evaluated : n_evaluated rows measured after a recorded period, as `backends.Backend.to_measure` lays them.
    evaluated_loss : whether their loss is told; if not, it is NaN, and classes may be told by the logits.
    validation : n_validation rows measured likewise; may be none.
    copied_after : int64 (n,), ascending numbers of completed periods after which the parameters are copied, of those
        that the call may complete.
    copies : (n, n_parameters), filled from row 0, as the parameters lie.
    """

    table: np.ndarray
    every: int
    losses: np.ndarray
    sums: np.ndarray
    evaluated: Samples
    validation: Samples
    n_evaluated: int
    n_validation: int
    evaluated_loss: bool
    copied_after: np.ndarray
    copies: np.ndarray


class Progress(NamedTuple):
    """How far a call of `train` came.

    records : rows written to `Recorder.table`.
    periods, steps : periods that the call completed, and the steps that are done of the next.
    gradient_norm : the global norm of the gradient (before clipping) that was computed last; NaN if none was.
    """

    records: int
    periods: int
    steps: int
    gradient_norm: float
