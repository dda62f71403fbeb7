"""What an optimizer remembers between steps: one number for each parameter, as they lie or as a backend pads them.

Backends may keep rows of weights padded to whole vectors; what is handed on from run to run, or written to a file, has
the layout of the parameters. How the numbers are used is left to the kernels.
"""

from __future__ import annotations

from itertools import chain

import numpy as np

from kernels.aligned import aligned_zeros
from kernels.blocking import padded_width
from kernels.optimizers import RULES
from kernels.structs import Network, Optimizer
from trainer.parameters import split_layers


def as_kernels_keep_it(optimizer: Optimizer, network: Network, parameters: np.ndarray, size: int) -> Optimizer:
    """Return the rule with what it remembers, in arrays of its own; zeros where it was given nothing.

    Parameters
    ----------
    optimizer : Optimizer
        With what it remembers in either layout, or nothing.
    network, parameters : whose rule it is
    size : int
        How many numbers a backend keeps for all parameters; more than there are where it pads.
    """
    n_first = 0 if optimizer.rule == RULES["sgd"] else size
    n_second = size if optimizer.rule == RULES["adam"] else 0
    first, second = aligned_zeros(n_first, parameters.dtype), aligned_zeros(n_second, parameters.dtype)
    for own, given in ((first, optimizer.first), (second, optimizer.second)):
        if given.size:
            own[:] = _relaid(given, own.size, network, parameters.size)
    return optimizer._replace(first=first, second=second, steps=optimizer.steps.copy())


def as_parameters_lie(optimizer: Optimizer, network: Network, n_parameters: int) -> Optimizer:
    """Return the rule with what it remembers, in the layout of the parameters."""
    first, second = (
        _relaid(values, n_parameters, network, n_parameters) for values in (optimizer.first, optimizer.second)
    )
    return optimizer._replace(first=first, second=second)


def _relaid(values: np.ndarray, size: int, network: Network, n_parameters: int) -> np.ndarray:
    """Return one number for each parameter, or none, in the layout of the parameters or of padded ones."""
    if values.size in (0, size):
        return values
    relaid = np.zeros(size, values.dtype)
    for source, target in zip(
        _layers(values, network, n_parameters), _layers(relaid, network, n_parameters), strict=True
    ):
        target[...] = source
    return relaid


def _layers(flat: np.ndarray, network: Network, n_parameters: int) -> list[np.ndarray]:
    sizes = [int(size) for size in network.sizes]
    padded = flat.size > n_parameters
    widths = [padded_width(size, flat.itemsize) if padded else size for size in sizes]
    return list(chain(*split_layers(flat, sizes, bias=network.bias, widths=widths)))
