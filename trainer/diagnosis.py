"""What went wrong in a training, and what to change first.

The thresholds are for telling, not for stopping: a healthy run, also a finished one whose units are rightly
saturated, gets no warning, because nothing is said where the loss has fallen by half.
"""

from __future__ import annotations

import numpy as np

from kernels.activations import ACTIVATIONS
from kernels.backends import BACKENDS
from kernels.losses import LOSSES
from kernels.reference_losses import errors_to_slopes, is_of_logits
from trainer.errors import DivergenceError
from trainer.history import History
from trainer.model import MLP

# The error that arrives at the first layer is below this share of the outputs' error: its weights hardly move.
VANISHING_RATIO = 1e-3
# A sigmoid or tanh unit is saturated where its derivative is below this share of its maximum.
SATURATED_DERIVATIVE = 0.02
# A layer is reported where more than this share of its (sample, unit) pairs is saturated, or of its units dead.
REPORTED_SHARE = 0.9
DEAD_SHARE = 0.5
LEARNED_SHARE = 0.5
MAX_ROWS = 1000
# Whatever has trained: for one look at so few rows, compiling takes longer than computing.
BACKEND = "numpy"

_MAX_DERIVATIVE = {"sigmoid": 0.25, "tanh": 1.0}


def divergence_message(
    error: DivergenceError, history: History, *, learning_rate: float, clip_norm: float | None, n_hidden_layers: int
) -> str:
    """Say at which epoch training left the finite numbers, what the gradient norm did, and what to change first."""
    norms = history["gradient_norm"]
    norms = norms[np.isfinite(norms)]
    course = f"the gradient norm is {error.gradient_norm:.3g}"
    if norms.size:
        last = history["epoch"][-1]
        course = (
            f"the gradient norm went from {norms[0]:.3g} at the start (median {np.median(norms):.3g}) "
            f"over {norms[-1]:.3g} at epoch {last:,} to {error.gradient_norm:.3g}"
        )
    remedies = [f"a smaller learning rate (--learning-rate {learning_rate / 10:g} instead of {learning_rate:g})"]
    if clip_norm is None:
        remedies.append("gradient clipping (--clip-norm 1)")
    else:
        remedies.append(f"a smaller clipping norm (--clip-norm {clip_norm / 10:g} instead of {clip_norm:g})")
    if n_hidden_layers > 1:
        remedies.append(f"fewer hidden layers than {n_hidden_layers}")
    else:
        remedies.append("fewer hidden units, or a smaller penalty if there is one")
    return (
        f"training diverged at epoch {error.period:,}: {course}. The last finite weights are kept. "
        f"What to change first: {', then '.join(remedies)}."
    )


def training_warnings(model: MLP, X: np.ndarray, Y: np.ndarray, history: History) -> list[str]:
    """Return a line for each sign of vanishing gradients or saturated units, with its remedy; none for healthy runs."""
    losses = history["loss"]
    if losses.size < 2 or losses[-1] <= LEARNED_SHARE * losses[0]:
        return []
    X, Y = X[:MAX_ROWS], Y[:MAX_ROWS]
    return _saturation_warnings(model, X) or _vanishing_warnings(model, X, Y)  # flat units explain vanishing gradients


def _vanishing_warnings(model: MLP, X: np.ndarray, Y: np.ndarray) -> list[str]:
    sizes = error_sizes(model, X, Y)
    if sizes[0] >= VANISHING_RATIO * sizes[-1]:
        return []
    return [
        f"vanishing gradients: the error (root mean square of dL/dz) is {sizes[-1]:.2g} at the outputs and "
        f"{sizes[0]:.2g} when it arrives at layer 1; try --activation relu, fewer hidden layers, or standardised inputs"
    ]


def error_sizes(model: MLP, X: np.ndarray, Y: np.ndarray) -> list[float]:
    """Return the root mean square over samples and units of dL/dz for each layer, the first layer first.

    Samples are not summed, as they are in a gradient: where a network has settled on the mean of its targets their
    errors cancel in every layer, and the ratio of two layers' gradients says nothing.
    """
    backend, outputs, delta_sizes = BACKENDS[BACKEND], model.layer_outputs(X, backend=BACKEND), []
    delta, loss = outputs[-1] - np.asarray(Y, dtype=model.dtype), LOSSES[model.loss_name]
    if not is_of_logits(loss):
        errors_to_slopes(loss, model.loss_parameter or 0.0, delta)
        backend.multiply_by_derivative_inplace(ACTIVATIONS[model.output_activation], outputs[-1], delta)
    hidden = zip(outputs[-2::-1], model.weights[:0:-1], model.hidden_activations[::-1], strict=True)
    for h, weight, activation in hidden:
        delta_sizes.append(_root_mean_square(delta))
        delta = delta @ weight.T
        backend.multiply_by_derivative_inplace(ACTIVATIONS[activation], h, delta)
    return [*reversed([*delta_sizes, _root_mean_square(delta)])]


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def _saturation_warnings(model: MLP, X: np.ndarray) -> list[str]:
    found = []
    outputs = model.layer_outputs(X, backend=BACKEND)[:-1]
    for number, (h, activation) in enumerate(zip(outputs, model.hidden_activations, strict=True), start=1):
        if activation == "relu":
            dead = float(np.mean(np.all(h <= 0, axis=0)))
            if dead > DEAD_SHARE:
                found.append(
                    f"dead units: {dead:.0%} of the relu units of layer {number} are zero for every sample; "
                    "try a smaller learning rate or --activation tanh"
                )
        elif activation in _MAX_DERIVATIVE:
            derivative = h * (1 - h) if activation == "sigmoid" else (1 - h) * (1 + h)
            share = float(np.mean(derivative < SATURATED_DERIVATIVE * _MAX_DERIVATIVE[activation]))
            if share > REPORTED_SHARE:
                found.append(
                    f"saturated units: {share:.0%} of the activations of layer {number} are at the flat ends of "
                    f"{activation}; try smaller inputs or initial weights, a smaller learning rate, "
                    "or --activation relu"
                )
    return found
