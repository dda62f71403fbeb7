"""A training run that can be advanced piece by piece: the one way by which parameters are trained.

It owns where the training stands in the data and what a step writes over. It notices when training has left the finite
numbers and then goes back to the last finite parameters. How what the optimizer remembers is laid out is left to
`trainer.optimizer_memory`; how long to train, what to show and when to stop is decided by its callers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from kernels.backends import Backend
from kernels.lane_blocks import suits_lanes
from kernels.structs import (
    RECORD_COLUMNS,
    Network,
    Objective,
    Optimizer,
    Order,
    Progress,
    Recorder,
    Samples,
    Span,
    step_flops,
)
from kernels.workspace import Workspace, allocate_workspace, team_of_all, team_of_one
from trainer.errors import DivergenceError
from trainer.optimizer_memory import as_kernels_keep_it, as_parameters_lie
from trainer.threads import run_together, threads_that_pay

ROWS_MEASURED_AT_ONCE = 8_192
OF_EVALUATED = [RECORD_COLUMNS.index("eval_loss"), RECORD_COLUMNS.index("eval_accuracy")]


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
    evaluated_loss : bool
        Whether records tell the loss of the evaluated, too; without it they take less time. `measure` tells it anyway.
    copied_after : ascending numbers of completed periods after which the parameters are copied to `copies`.
    threads : int or None
        How many threads take part; None for as many as pay. The results do not depend on it.

    Attributes
    ----------
    period, step : int
        Periods completed, and steps taken of the next.
    losses : float64 (n_periods,)
        The mean loss of each period of the last `advance`, before its updates.
    copies : list of (periods completed, parameters)
        Made by the last `advance`, also where it diverged.
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
        evaluated_loss: bool = True,
        copied_after: Sequence[int] = (),
        threads: int | None = None,
    ) -> None:
        nothing = Samples(samples.x[:0], samples.y[:0])
        shuffled = np.arange(samples.x.shape[0]) if shuffle_state is not None else np.empty(0, np.int64)
        self._backend, self._network, self._parameters, self._samples = backend, network, parameters, samples
        self._objective, self._steps_per_period, self._record_every = objective, steps_per_period, record_every
        self._copied_after, self._evaluated_loss = copied_after, evaluated_loss
        plain = not samples.weights.size and objective.dropout == 0.0
        in_lanes = plain and suits_lanes(network, batch_size, parameters.itemsize)
        evaluated, validation = evaluated or nothing, validation or nothing
        self._in_lanes = in_lanes
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
        self.period = self.step = 0
        self._sums = np.zeros(3)
        self._compiled = False
        self.measure()  # compiles, or loads what was compiled, in one thread and before anything is timed
        self._compiled = True

    @property
    def threads(self) -> int:
        """How many threads take part."""
        return len(self._workspace.packed)

    @property
    def memory(self) -> Optimizer:
        """The rule with what it remembers, in the layout of the parameters: for a run that goes on from here."""
        return as_parameters_lie(self._optimizer, self._network, self._parameters.size)

    def _with_memory(self, optimizer: Optimizer) -> Optimizer:
        """Return the rule with what it remembers, in the backend's layout; zeros where it was given nothing."""
        like = self._workspace.gradients if self._backend.pads_rows else self._parameters
        return as_kernels_keep_it(optimizer, self._network, self._parameters, like.size)

    def _train(
        self, learning_rates: np.ndarray, n_steps: int, orders: np.ndarray | None, *, careful: bool
    ) -> tuple[Progress, np.ndarray]:
        rows = learning_rates.size // self._record_every + 1
        due = self._copies_due(learning_rates.size)
        table = np.empty((rows, len(RECORD_COLUMNS)))
        self.losses = np.empty(learning_rates.size)
        recorder = Recorder(
            table, self._record_every, self.losses, self._sums, self._evaluated, self._validation, self._n_evaluated,
            self._n_validation, self._evaluated_loss or not learning_rates.size, due,
            np.empty((due.size, self._parameters.size), self._parameters.dtype),
        )  # fmt: skip
        span = Span(self.period, self.step, n_steps, self._steps_per_period)
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
                span,
                recorder,
                careful,
            )

        alone = careful or (not learning_rates.size and not self._compiled)
        team = team_of_one(self._workspace) if alone else team_of_all(self._workspace)
        progress = run_together([partial(train, workspace) for workspace in team])[0]
        self.copies = [
            (after, copy)
            for after, copy in zip(due.tolist(), recorder.copies, strict=True)
            if after <= self.period + progress.periods
        ]
        return progress, table[: progress.records]

    def _copies_due(self, n_periods: int) -> np.ndarray:
        first, last = (bisect_right(self._copied_after, self.period + n) for n in (0, n_periods))
        return np.array(self._copied_after[first:last], np.int64)

    def advance(self, learning_rates: np.ndarray, orders: np.ndarray | None = None) -> np.ndarray:
        """Train as many periods as there are learning rates; return the records made, in the order of RECORD_COLUMNS.

        A period of which some steps are taken counts as the first.

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
        n_steps = learning_rates.size * self._steps_per_period - self.step
        return self._advance(learning_rates, n_steps, orders)

    def advance_within(self, learning_rate: float, n_steps: int) -> np.ndarray:
        """Take steps of one period, at most those that are left of it, and do otherwise what `advance` does."""
        n_left = self._steps_per_period - self.step
        return self._advance(np.array([learning_rate]), min(n_steps, n_left), None)

    def _advance(self, learning_rates: np.ndarray, n_steps: int, orders: np.ndarray | None) -> np.ndarray:
        if not learning_rates.size:
            return np.empty((0, len(RECORD_COLUMNS)))
        end = self.step + n_steps
        before = [array.copy() for array in self._changing()]
        progress, table = self._train(learning_rates, n_steps, orders, careful=False)
        if self._steps_of(progress) < end or not np.isfinite(self._parameters).all():
            for array, values in zip(self._changing(), before, strict=True):
                np.copyto(array, values)
            progress, table = self._train(learning_rates, n_steps, orders, careful=True)
            if self._steps_of(progress) < end:
                raise DivergenceError(self.period + progress.periods, progress.gradient_norm, table)
        self.period, self.step = self.period + progress.periods, progress.steps
        return table

    def _steps_of(self, progress: Progress) -> int:
        return progress.periods * self._steps_per_period + progress.steps

    def feed(self, samples: Samples) -> None:
        """Take the next steps on other rows, of the same kind: where a pass over those that are there has ended."""
        if self._order.position[0]:
            raise ValueError(f"the run is at row {self._order.position[0]} of its rows, other rows cannot follow there")
        self._samples = samples
        if self._order.order.size:
            self._order = self._order._replace(order=np.arange(samples.x.shape[0]))

    def state(self) -> dict[str, np.ndarray]:
        """Return copies of all that later steps depend on, beside the parameters and the samples: see `restore`."""
        memory = self.memory
        arrays = {"first": memory.first, "second": memory.second, "optimizer_steps": memory.steps, "sums": self._sums}
        place = {"period": np.array([self.period]), "step": np.array([self.step])}
        return {name: np.array(array) for name, array in (arrays | place | self._order._asdict()).items()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from where a run of the same settings and samples stood, to the bit.

        Parameters
        ----------
        state : what `state` returned

        Raises
        ------
        ValueError
            The state is not one of such a run.
        """
        here = self.state()
        for name, array in here.items():
            if name not in state or state[name].shape != array.shape or state[name].dtype != array.dtype:
                raise ValueError(f"{name} of the state is not {array.dtype} {array.shape}")
        self._set_order(state)
        period, step = int(state["period"][0]), int(state["step"][0])
        if period < 0 or not 0 <= step < self._steps_per_period:
            raise ValueError(f"period {period} and step {step} of the state are not of this run")
        self.period, self.step = period, step
        self._optimizer = self._with_memory(
            self._optimizer._replace(first=state["first"], second=state["second"], steps=state["optimizer_steps"])
        )
        self._sums[:] = state["sums"]

    def _set_order(self, state: Mapping[str, np.ndarray]) -> None:
        n_rows, position = self._samples.x.shape[0], int(state["position"][0])
        if state["order"].size and not np.array_equal(np.sort(state["order"]), np.arange(n_rows)):
            raise ValueError("the order of the state is not one of the rows")
        if not 0 <= position < n_rows:
            raise ValueError(f"position {position} of the state is not one of {n_rows} rows")
        for array, name in zip(self._order, Order._fields, strict=True):
            np.copyto(array, state[name])

    def measure(self) -> np.ndarray:
        """Return a record (1, len(RECORD_COLUMNS)) of the parameters as they are; what only a step has is NaN."""
        return self._train(np.empty(0), 0, None, careful=False)[1]

    def measure_rows(self, samples: Samples) -> tuple[float, float]:
        """Return the loss and the accuracy of any rows, a part of them at a time so that little room is taken."""
        own = self._evaluated, self._n_evaluated, self._validation, self._n_validation
        self._validation, self._n_validation = Samples(samples.x[:0], samples.y[:0]), 0
        n, totals = samples.x.shape[0], np.zeros(2)
        for start in range(0, n, ROWS_MEASURED_AT_ONCE):
            part = Samples(*(array[start : start + ROWS_MEASURED_AT_ONCE] for array in samples[:2]))
            self._evaluated, self._n_evaluated = self._backend.to_measure(self._in_lanes, part), part.x.shape[0]
            totals += part.x.shape[0] * self.measure()[0, OF_EVALUATED]
        self._evaluated, self._n_evaluated, self._validation, self._n_validation = own
        loss, accuracy = (totals / n).tolist()
        return loss, accuracy

    def _changing(self) -> tuple[np.ndarray, ...]:
        """Return all arrays that training changes and later steps depend on."""
        memory = self._optimizer.first, self._optimizer.second, self._optimizer.steps
        return self._parameters, *self._order, *memory, self._sums
