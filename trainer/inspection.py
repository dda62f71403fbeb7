"""What can be said of a trained network without data: its size, and the numbers of each layer.

Printing is left to `trainer.inspect_command`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.model import MLP

MAX_PRODUCTS = 2e10  # of a spectral norm: narrower side squared times the wider one; more takes many seconds


@dataclass(frozen=True)
class LayerFigures:
    """The numbers of one layer.

    Attributes
    ----------
    n_in, n_out, parameters : int
    activation : str
    frobenius : float
        Root of the sum of the squared weights.
    spectral : float or None
        The largest factor by which the weights lengthen an input; None where it would take too long.
    mean, deviation, least, most : float
        Of the weights.
    zeros : float
        Share of the weights that are exactly 0.
    bias_norm : float or None
        Root of the sum of the squared biases; None without biases.
    idle : int or None
        Hidden units that do nothing: no weight leads into them, or none out of them, that is not 0. None of outputs.
    """

    n_in: int
    n_out: int
    parameters: int
    activation: str
    frobenius: float
    spectral: float | None
    mean: float
    deviation: float
    least: float
    most: float
    zeros: float
    bias_norm: float | None
    idle: int | None


def inspect_layers(model: MLP) -> list[LayerFigures]:
    """Return the figures of each layer, from the inputs to the outputs."""
    weights = [weight.astype(np.float64) for weight in model.weights]
    biases = [bias.astype(np.float64) for bias in model.biases] if model.bias else [None] * len(weights)
    activations = [*model.hidden_activations, model.output_activation]
    following = [*weights[1:], None]
    return [_figures(*layer) for layer in zip(weights, biases, activations, following, strict=True)]


def _figures(
    weight: np.ndarray, bias: np.ndarray | None, activation: str, following: np.ndarray | None
) -> LayerFigures:
    largest = float(np.abs(weight).max()) or 1.0  # taken out, else squares could overflow, or vanish
    scaled = weight / largest
    spectral, idle = _spectral_norm(scaled), None
    if following is not None:
        idle = int((~weight.any(axis=0) | ~following.any(axis=1)).sum())
    return LayerFigures(
        n_in=weight.shape[0],
        n_out=weight.shape[1],
        parameters=weight.size + (0 if bias is None else bias.size),
        activation=activation,
        frobenius=float(largest * np.linalg.norm(scaled)),
        spectral=None if spectral is None else largest * spectral,
        mean=float(weight.mean()),
        deviation=float(largest * scaled.std()),
        least=float(weight.min()),
        most=float(weight.max()),
        zeros=float((weight == 0).mean()),
        bias_norm=None if bias is None else float(np.linalg.norm(bias)),
        idle=idle,
    )


def _spectral_norm(weight: np.ndarray) -> float | None:
    """Return the root of the largest eigenvalue of the smaller of WᵀW and WWᵀ, ten times as fast as singular values."""
    tall = weight if weight.shape[0] >= weight.shape[1] else weight.T
    if tall.shape[0] * tall.shape[1] ** 2 > MAX_PRODUCTS:
        return None
    return float(np.sqrt(np.linalg.eigvalsh(tall.T @ tall)[-1]))
