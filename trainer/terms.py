"""What a training minimises and how it steps, checked and handed to the kernels."""

from __future__ import annotations

import numpy as np

from kernels.optimizers import RULES
from kernels.structs import Objective, Optimizer
from trainer.checks import check_choice, check_real, check_share

SOLVERS = (*RULES, "adamw")


def objective(
    *,
    l2: float = 0.0,
    l1: float = 0.0,
    clip_norm: float | None = None,
    article: bool = False,
    weight_decay: float = 0.0,
    dropout: float = 0.0,
) -> Objective:
    """Check what is added to the loss, what is done to gradients and units; see `kernels.structs.Objective`."""
    return Objective(
        check_real("l2", l2, positive=False),
        check_real("l1", l1, positive=False),
        0.0 if clip_norm is None else check_real("clip_norm", clip_norm, positive=True),
        article,
        check_real("weight_decay", weight_decay, positive=False),
        check_share("dropout", dropout),
    )


def optimizer(
    solver: str = "sgd", *, momentum: float = 0.9, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8
) -> Optimizer:
    """Check how gradients become steps; see `kernels.optimizers` for the rules.

    Parameters
    ----------
    solver : {"sgd", "momentum", "nesterov", "adam", "adamw"}
        adamw is adam; the weight decay that makes the difference is a term of the `objective`.
    momentum : float in [0, 1]
        Of the rules momentum and nesterov.
    beta_1, beta_2 : float in [0, 1)
        Decay of adam's moments.
    epsilon : float
        What adam adds to the root of its second moment.
    """
    rule = check_choice("solver", solver, SOLVERS)
    first = check_share("momentum", momentum, below_one=False)
    if rule == "adamw":
        rule = "adam"
    if rule == "adam":
        first = check_share("beta_1", beta_1)
    nothing = np.empty(0)
    return Optimizer(
        RULES[rule],
        first,
        check_share("beta_2", beta_2),
        check_real("epsilon", epsilon, positive=True),
        nothing,
        nothing,
        np.zeros(1, np.int64),
    )
