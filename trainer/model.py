"""The multilayer perceptron: its parameters, and everything that can be asked of them.

Arguments are checked here. What names a network is made of is left to `trainer.architecture`, how it is computed to
`trainer.computation`, and how it is trained to `trainer.run` and `trainer.stepping`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from kernels.activations import ACTIVATIONS
from kernels.aligned import aligned_zeros
from kernels.backends import BACKENDS
from kernels.losses import LOSSES
from kernels.structs import Objective, Optimizer, Samples
from trainer.architecture import DTYPES, dtype_name, hidden_activations, network_of
from trainer.checked_samples import checked_samples
from trainer.checks import check_choice, check_count, check_real, check_rows, check_sizes
from trainer.computation import classes_of, loss_and_gradient_of, outputs_of_layers, outputs_of_rows
from trainer.history import History
from trainer.initialization import INITIALIZATIONS, check_random_state, initial_weights
from trainer.losses import check_loss_parameter, check_outputs
from trainer.parameters import ParameterViews, assign, count_parameters, split_layers
from trainer.run import Run
from trainer.schedules import SCHEDULES, learning_rates
from trainer.stepping import record_interval, take_steps
from trainer.terms import objective
from trainer.terms import optimizer as chosen_optimizer
from trainer.threads import check_threads


class MLP:
    """A multilayer perceptron.

    Parameters
    ----------
    layer_sizes : sequence of int
        Number of inputs, of units in each hidden layer, and of outputs: ``[2, 3, 2]`` has one hidden layer.
    activation : {"sigmoid", "tanh", "relu", "identity"}, or a sequence of them
        Of all hidden layers, or of each.
    output_activation : {"sigmoid", "softmax", "identity", "tanh", "relu", "exp"}
        Of the outputs; exp is for the loss poisson only.
    loss : {"mse", "cross_entropy", "mean_mse", "absolute", "huber", "quantile", "poisson"}
        ``mse`` is ``1/(2N) sum (y - h)**2`` over samples and outputs. ``cross_entropy`` wants sigmoid outputs,
        ``-1/N sum (y log h + (1 - y) log(1 - h))``, or softmax outputs, ``-1/N sum y log h``.

        ``absolute`` is ``1/N sum |y - h|``; ``huber`` is half the square of errors up to d and ``d (|y - h| - d/2)``
        beyond; ``quantile`` is ``1/N sum max(q (y - h), (q - 1) (y - h))``. They take no softmax outputs.

        ``poisson`` wants exp outputs and targets of at least 0: ``1/N sum (y log(y/h) - y + h)``, as scikit-learn's.

        ``mean_mse`` reports mse divided by the number of outputs, and its gradient is that of mse, not divided: the
        convention of scikit-learn's MLPRegressor.
    loss_parameter : float or None
        d > 0 of huber, q in (0, 1) of quantile; None takes 1 and 1/2. Other losses have none.
    bias : bool
        Whether layers add a bias.
    dtype : {"float32", "float64"}
        Of parameters and of all arithmetic.
    backend : {"numba", "numpy"}
        Compiled loops, or NumPy operations with the same results up to rounding.
    random_state : int or None
        Seed of the initial weights and of shuffling; None draws one from the operating system.
    init : {"glorot", "article"}
        Initial weights, see `trainer.initialization`; biases start at zero.
    threads : int or None
        How many threads compute, in the numba backend; None takes as many cores as pay for the size of a step. The
        results are the same, to the bit, for every number.

    Raises
    ------
    TypeError, ValueError
        An argument of the wrong kind, or a value that is not accepted; the message names both.
    """

    def __init__(
        self,
        layer_sizes: Sequence[int],
        *,
        activation: str | Sequence[str] = "sigmoid",
        output_activation: str = "sigmoid",
        loss: str = "mse",
        loss_parameter: float | None = None,
        bias: bool = True,
        dtype: npt.DTypeLike = "float32",
        backend: str = "numba",
        random_state: int | None = None,
        init: str = "glorot",
        threads: int | None = None,
    ) -> None:
        self.layer_sizes = check_sizes("layer_sizes", layer_sizes)
        self.hidden_activations = hidden_activations(activation, len(self.layer_sizes) - 2)
        self.output_activation = check_choice("output_activation", output_activation, tuple(ACTIVATIONS))
        self.loss_name = check_choice("loss", loss, tuple(LOSSES))
        self.bias = bool(bias)
        self.dtype = np.dtype(check_choice("dtype", dtype_name(dtype), DTYPES))
        self.backend = check_choice("backend", backend, tuple(BACKENDS))
        self.init = check_choice("init", init, INITIALIZATIONS)
        self.threads = check_threads(threads)
        check_random_state(random_state, self.init)
        check_outputs(self.loss_name, self.output_activation)
        self.loss_parameter = check_loss_parameter(self.loss_name, loss_parameter)
        names = [*self.hidden_activations, self.output_activation]
        self._network = network_of(self.layer_sizes, names, self.loss_name, self.loss_parameter, bias=self.bias)
        self.parameters = aligned_zeros(count_parameters(self.layer_sizes, bias=self.bias), self.dtype)
        weight_seed, shuffle_seed, dropout_seed, block_seed = np.random.SeedSequence(random_state).spawn(4)
        self.block_seed = int(block_seed.generate_state(1)[0])
        self.dropout_seed = int(dropout_seed.generate_state(1, np.uint64)[0] >> np.uint64(1))
        self._shuffle_state = shuffle_seed.generate_state(1, np.uint64)
        self.weights = initial_weights(self.init, self.layer_sizes, names, random_state, weight_seed)

    # ------------------------------------------------------------------------------------------------- parameters

    @property
    def weights(self) -> list[np.ndarray]:
        """Weights (n_in, n_out), layer by layer; views, so that writing to them changes the network."""
        return ParameterViews(split_layers(self.parameters, self.layer_sizes, bias=self.bias)[0])

    @weights.setter
    def weights(self, values: Iterable[np.ndarray]) -> None:
        assign("weights", self.weights, values)

    @property
    def biases(self) -> list[np.ndarray]:
        """Biases (n_out,), layer by layer, as views; an empty list for a network without."""
        biases = split_layers(self.parameters, self.layer_sizes, bias=self.bias)[1]
        return ParameterViews(biases if self.bias else ())

    @biases.setter
    def biases(self, values: Iterable[np.ndarray]) -> None:
        assign("biases", self.biases, values)

    # ------------------------------------------------------------------------------------------------ computation

    def forward(self, X: np.ndarray) -> np.ndarray:
        """Return the outputs (n_samples, n_outputs) for X (n_samples, n_features)."""
        return self.outputs_of(self._inputs(X))

    def outputs_of(self, x: np.ndarray) -> np.ndarray:
        """Do what `forward` does for rows that need no check: finite, C-contiguous, of the right width and dtype."""
        return outputs_of_rows(BACKENDS[self.backend], self._network, self.parameters, x)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return class indices (n_samples,) for sigmoid and softmax outputs, else the outputs (n_samples, n_outputs).

        A single sigmoid output means class 1 from 1/2 on.
        """
        outputs = self.forward(X)
        return classes_of(outputs) if self.output_activation in ("sigmoid", "softmax") else outputs

    def layer_outputs(self, X: np.ndarray, *, backend: str | None = None) -> list[np.ndarray]:
        """Return the outputs (n_samples, n_units) of every layer, hidden ones first.

        `backend` computes them, by default the network's own.
        """
        name = self.backend if backend is None else check_choice("backend", backend, tuple(BACKENDS))
        return outputs_of_layers(BACKENDS[name], self._network, self.parameters, self._inputs(X))

    def loss(self, X: np.ndarray, Y: np.ndarray, *, l2: float = 0.0, l1: float = 0.0) -> float:
        """Return the loss over all rows plus ``l2/(2N) sum w**2 + l1/N sum |w|``; Y is (n_samples, n_outputs)."""
        return self.loss_function(X, Y, terms=objective(l2=l2, l1=l1))(self.parameters)[0]

    def gradients(
        self, X: np.ndarray, Y: np.ndarray, *, l2: float = 0.0, l1: float = 0.0
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return (d_weight, d_bias) for each layer: the derivative of `loss`; d_bias is empty without biases."""
        flat = self.loss_function(X, Y, terms=objective(l2=l2, l1=l1))(self.parameters)[1]
        return list(zip(*split_layers(flat, self.layer_sizes, bias=self.bias), strict=True))

    def loss_function(
        self, X: np.ndarray, Y: np.ndarray, *, terms: Objective, sample_weight: np.ndarray | None = None
    ) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
        """Return a function of the flat parameters that tells `loss` and its gradient, as optimizers ask for them.

        X is (n_samples, n_features), Y (n_samples, n_outputs), sample_weight (n_samples,) what each row counts. The
        gradient that the function returns is written over by its next call.
        """
        samples = self.samples(X, Y, sample_weight)
        return loss_and_gradient_of(BACKENDS[self.backend], self._network, samples, terms)

    def _inputs(self, X: np.ndarray) -> np.ndarray:
        return check_rows("X", X, self.layer_sizes[0], self.dtype)

    def samples(self, X: np.ndarray, Y: np.ndarray, sample_weight: np.ndarray | None = None) -> Samples:
        """Return rows as kernels take them: checked, of the network's dtype, not copied where they are so already."""
        loss, sizes = self.loss_name, self.layer_sizes
        return checked_samples(X, Y, sample_weight, layer_sizes=sizes, dtype=self.dtype, loss=loss)

    # --------------------------------------------------------------------------------------------------- training

    def start_run(
        self,
        X: np.ndarray,
        Y: np.ndarray,
        *,
        terms: Objective,
        optimizer: Optimizer | None = None,
        batch_size: int | None = None,
        shuffle: bool = False,
        steps_per_period: int = 1,
        record_every: int = 1,
        evaluated: tuple[np.ndarray, np.ndarray] | None = None,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
        evaluated_loss: bool = True,
        sample_weight: np.ndarray | None = None,
        copied_after: Sequence[int] = (),
    ) -> Run:
        """Prepare training on X (n_samples, n_features) and Y (n_samples, n_outputs); see `run.Run`.

        `sample_weight` (n_samples,) is what each row counts in losses and gradients; None counts each as 1.
        """
        samples, n_samples = self.samples(X, Y, sample_weight), len(X)
        self.dropout_seed += 1  # no two runs leave out the same units
        return Run(
            BACKENDS[self.backend],
            self._network,
            self.parameters,
            samples,
            terms._replace(dropout_seed=self.dropout_seed),
            optimizer or chosen_optimizer(),
            batch_size=n_samples if batch_size is None else min(batch_size, n_samples),
            shuffle_state=self._shuffle_state if shuffle else None,
            steps_per_period=steps_per_period,
            record_every=record_every,
            evaluated=self.samples(*evaluated) if evaluated else None,
            validation=self.samples(*validation) if validation else None,
            evaluated_loss=evaluated_loss,
            copied_after=copied_after,
            threads=self.threads,
        )

    def train_steps(
        self,
        X: np.ndarray,
        Y: np.ndarray,
        steps: int,
        *,
        learning_rate: float,
        l2: float = 0.0,
        l1: float = 0.0,
        batch_size: int | None = None,
        shuffle: bool = False,
        clip_norm: float | None = None,
        weight_decay: float = 0.0,
        dropout: float = 0.0,
        schedule: str = "constant",
        optimizer: Optimizer | None = None,
    ) -> History:
        """Take gradient steps on `loss`, in compiled code from the first to the last.

        Parameters
        ----------
        X : (n_samples, n_features)
        Y : (n_samples, n_outputs)
        steps : int
            Number of updates.
        learning_rate : float
            Rate of the first step; `schedule` says how it goes on over the steps, see `trainer.schedules`.
        l2, l1 : float
            Coefficients of the penalties, see `loss`; N is the number of rows in the step.
        batch_size : int or None
            Rows in a step; None takes all. The last step of a pass over the data takes what is left.
        shuffle : bool
            Draw a new order of the rows for each pass.
        clip_norm : float or None
            Scale gradients down to this global norm.
        weight_decay : float
            Each step first takes this share, times the learning rate, off every parameter.
        dropout : float in [0, 1)
            Share of the hidden units that a step leaves out.
        optimizer : Optimizer or None
            How gradients become steps, see `terms.optimizer`; None subtracts the learning rate times the gradient.

        Returns
        -------
        History
            Columns step (from 0), loss, mean_abs_error and gradient_norm (before clipping), each of the step's batch
            before its update, for at most 1,000 steps evenly spread.

        Raises
        ------
        DivergenceError
            A number was not finite; the network keeps the last finite parameters.
        TypeError, ValueError
            An argument is not accepted.
        """
        check_count("steps", steps)
        rate = check_real("learning_rate", learning_rate, positive=True)
        check_choice("schedule", schedule, tuple(SCHEDULES))
        if batch_size is not None:
            check_count("batch_size", batch_size)
        every = record_interval(steps)
        terms = objective(l2=l2, l1=l1, clip_norm=clip_norm, weight_decay=weight_decay, dropout=dropout)
        run = self.start_run(
            X, Y, terms=terms, optimizer=optimizer, batch_size=batch_size, shuffle=shuffle, record_every=every
        )
        return take_steps(run, steps, lambda numbers: learning_rates(schedule, rate, numbers, steps), every)
