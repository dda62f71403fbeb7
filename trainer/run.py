"""A training run that can be advanced piece by piece: the one way by which parameters are trained.

It owns where the training stands in the data and what a step writes over. It notices when training has left the finite
numbers and then goes back to the last finite parameters. How long to train, what to show and when to stop is decided
by its callers.
"""

from __future__ import annotations

from functools import partial
from itertools import chain

import numpy as np

from kernels.aligned import aligned_zeros
from kernels.backends import Backend
from kernels.blocking import padded_width
from kernels.lane_blocks import suits_lanes
from kernels.optimizers import RULES
from kernels.structs import (
    RECORD_COLUMNS,
    Network,
    Objective,
    Optimizer,
    Order,
    Progress,
    Recorder,
    Samples,
    step_flops,
)
from kernels.workspace import Workspace, allocate_workspace, team_of_all, team_of_one
from trainer.parameters import split_layers
from trainer.threads import run_together, threads_that_pay


class DivergenceError(ArithmeticError):
    """Training met a number that is not finite and was stopped before it.

    Attributes
    ----------
    period : int
        Number of the epoch (of the step, where steps are counted) that could not be completed.
    gradient_norm : float
        Global norm of the last gradient, which may be infinite or not a number.
    table : float64 (n, len(RECORD_COLUMNS))
        Records made since the last call that succeeded.
    """

    def __init__(self, period: int, gradient_norm: float, table: np.ndarray) -> None:
        super().__init__(f"training left the finite numbers at {period}: the gradient norm is {gradient_norm:.3g}")
        self.period = period
        self.gradient_norm = gradient_norm
        self.table = table


class Run:
    """Training of one network on one set of samples.

    Parameters
    ----------
    backend, network : what computes, and what is computed.
    parameters : (n_parameters,) array
        Changed in place.
    samples : Samples
        x (n_samples, n_features) and y (n_samples, n_outputs), C-contiguous, the dtype of the parameters; weights.
    objective : Objective
    optimizer : Optimizer
        The rule and its constants. What it remembers between steps begins at zero, unless it is given with it, as
        another run's `memory` tells.
    batch_size : int
        Rows in a step, at most n_samples; the last step of an epoch takes what is left.
    shuffle_state : uint64 (1,), or None
        State of the shuffling generator, changed in place; None takes the rows as they come, or as `advance` is told.
    steps_per_period : int
        What is recorded and scheduled as a unit: an epoch's steps, or 1.
    record_every : int
        Periods whose number is divisible by this are recorded.
    evaluated, validation : Samples or None
        Measured after each recorded period.
    threads : int or None
        How many threads take part; None for as many as pay. The results do not depend on it.

    Attributes
    ----------
    period : int
        Periods completed.
    losses : float64 (n_periods,)
        The mean loss of each period of the last `advance`, before its updates.
    """

    def __init__(
        self,
        backend: Backend,
        network: Network,
        parameters: np.ndarray,
        samples: Samples,
        objective: Objective,
        optimizer: Optimizer,
        *,
        batch_size: int,
        shuffle_state: np.ndarray | None,
        steps_per_period: int,
        record_every: int,
        evaluated: Samples | None = None,
        validation: Samples | None = None,
        threads: int | None = None,
    ) -> None:
        nothing = Samples(samples.x[:0], samples.y[:0])
        shuffled = np.arange(samples.x.shape[0]) if shuffle_state is not None else np.empty(0, np.int64)
        self._backend, self._network, self._parameters, self._samples = backend, network, parameters, samples
        self._objective, self._steps_per_period, self._record_every = objective, steps_per_period, record_every
        plain = not samples.weights.size and objective.dropout == 0.0
        in_lanes = plain and suits_lanes(network, batch_size, parameters.itemsize)
        evaluated, validation = evaluated or nothing, validation or nothing
        self._evaluated = backend.to_measure(in_lanes, evaluated)
        self._validation = backend.to_measure(in_lanes, validation)
        self._n_evaluated, self._n_validation = len(evaluated.x), len(validation.x)
        random = shuffle_state if shuffle_state is not None else np.empty(0, np.uint64)
        self._order = Order(shuffled, random, np.zeros(1, np.int64))
        if not backend.shares_work or in_lanes:
            threads = 1
        elif threads is None:
            threads = threads_that_pay(step_flops(network, batch_size))
        self._workspace = allocate_workspace(network, batch_size, parameters.dtype, threads, in_lanes=in_lanes)
        self._optimizer = self._with_memory(optimizer)
        self.period = 0
        self.measure()  # compiles, or loads what was compiled, before anything is timed

    @property
    def threads(self) -> int:
        """How many threads take part."""
        return len(self._workspace.packed)

    @property
    def memory(self) -> Optimizer:
        """The rule with what it remembers, in the layout of the parameters: for a run that goes on from here."""
        first, second = (
            self._relaid(values, self._parameters.size) for values in (self._optimizer.first, self._optimizer.second)
        )
        return self._optimizer._replace(first=first, second=second)

    def _with_memory(self, optimizer: Optimizer) -> Optimizer:
        """Return the rule with what it remembers, in the layout of the gradients; zeros where it was given nothing."""
        n_gradients, dtype = self._workspace.gradients.size, self._parameters.dtype
        n_first = 0 if optimizer.rule == RULES["sgd"] else n_gradients
        n_second = n_gradients if optimizer.rule == RULES["adam"] else 0
        first, second = aligned_zeros(n_first, dtype), aligned_zeros(n_second, dtype)
        for own, given in ((first, optimizer.first), (second, optimizer.second)):
            if given.size:
                own[:] = self._relaid(given, own.size)
        return optimizer._replace(first=first, second=second, steps=optimizer.steps.copy())

    def _relaid(self, values: np.ndarray, size: int) -> np.ndarray:
        """Return one number for each parameter, or none, in the layout of the parameters or of padded ones."""
        if values.size in (0, size):
            return values
        relaid = np.zeros(size, values.dtype)
        for source, target in zip(self._layers(values), self._layers(relaid), strict=True):
            target[...] = source
        return relaid

    def _layers(self, flat: np.ndarray) -> list[np.ndarray]:
        sizes = [int(size) for size in self._network.sizes]
        padded = flat.size > self._parameters.size
        widths = [padded_width(size, flat.itemsize) if padded else size for size in sizes]
        return list(chain(*split_layers(flat, sizes, bias=self._network.bias, widths=widths)))

    def _train(
        self, learning_rates: np.ndarray, orders: np.ndarray | None, *, careful: bool
    ) -> tuple[Progress, np.ndarray]:
        rows = learning_rates.size // self._record_every + 1
        table = np.empty((rows, len(RECORD_COLUMNS)))
        self.losses = np.empty(learning_rates.size)
        recorder = Recorder(
            table, self._record_every, self.losses, self._evaluated, self._validation, self._n_evaluated,
            self._n_validation,
        )  # fmt: skip
        order = self._order if orders is None else self._order._replace(order=orders.reshape(-1))

        def train(workspace: Workspace) -> Progress:
            return self._backend.train(
                self._network,
                self._parameters,
                self._samples,
                order,
                workspace,
                self._objective,
                self._optimizer,
                learning_rates,
                self.period,
                self._steps_per_period,
                recorder,
                careful,
            )

        alone = careful or not learning_rates.size
        team = team_of_one(self._workspace) if alone else team_of_all(self._workspace)
        progress = run_together([partial(train, workspace) for workspace in team])[0]
        return progress, table[: progress.records]

    def advance(self, learning_rates: np.ndarray, orders: np.ndarray | None = None) -> np.ndarray:
        """Train as many periods as there are learning rates; return the records made, in the order of RECORD_COLUMNS.

        Parameters
        ----------
        learning_rates : float64 (n_periods,)
        orders : int64 (n_periods, n_samples), or None
            The order of the rows in each period, where periods are epochs and the run does not shuffle itself.

        Raises
        ------
        DivergenceError
            A loss or an updated parameter was not finite. The parameters are those after the last step that left
            them finite.
        """
        if not learning_rates.size:
            return np.empty((0, len(RECORD_COLUMNS)))
        before = [array.copy() for array in self._state()]
        progress, table = self._train(learning_rates, orders, careful=False)
        if progress.periods < learning_rates.size or not np.isfinite(self._parameters).all():
            for array, values in zip(self._state(), before, strict=True):
                np.copyto(array, values)
            progress, table = self._train(learning_rates, orders, careful=True)
            if progress.periods < learning_rates.size:
                raise DivergenceError(self.period + progress.periods, progress.gradient_norm, table)
        self.period += learning_rates.size
        return table

    def measure(self) -> np.ndarray:
        """Return a record (1, len(RECORD_COLUMNS)) of the parameters as they are; what only a step has is NaN."""
        return self._train(np.empty(0), None, careful=False)[1]

    def _state(self) -> tuple[np.ndarray, ...]:
        """Return all arrays that training changes and later steps depend on."""
        return self._parameters, *self._order, self._optimizer.first, self._optimizer.second, self._optimizer.steps
