"""The learning rate of each epoch: scikit-learn's rules for its solver sgd."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trainer.checks import check_choice, check_real
from trainer.schedules import SCHEDULES, learning_rates

# Below this rate the rule adaptive stops the training instead of dividing the rate once more.
LEAST_ADAPTIVE_RATE = 1e-6
ADAPTIVE_DIVISOR = 5.0


@dataclass
class Rates:
    """The learning rate, and how it goes on from epoch to epoch.

    Parameters
    ----------
    rule : {"constant", "invscaling", "adaptive"}
        invscaling takes ``first / (t + 1)**power_t`` after t samples; adaptive divides by 5 where training stagnates.
    first : float
        The rate of the first epoch.
    power_t : float

    Attributes
    ----------
    current : float
        The rate of the next epoch.
    """

    rule: str
    first: float
    power_t: float

    def __post_init__(self) -> None:
        self.current = float(self.first)

    def take(self, n_epochs: int, samples_seen: int, n_samples: int) -> np.ndarray:
        """Return the rates of the next epochs of `n_samples` rows, after `samples_seen`; float64 (n_epochs,)."""
        rates = np.full(n_epochs, self.current)
        if self.rule == "invscaling":
            seen = samples_seen + n_samples * np.arange(1, n_epochs + 1)
            following = self.first / (seen + 1.0) ** self.power_t
            rates[1:], self.current = following[:-1], float(following[-1])
        return rates

    @property
    def reduces(self) -> bool:
        """Whether the rate is divided where training stagnates."""
        return self.rule == "adaptive"

    def reduce(self) -> bool:
        """Divide the rate where training stagnates; return False where it must end instead."""
        if not self.reduces or self.current <= LEAST_ADAPTIVE_RATE:
            return False
        self.current /= ADAPTIVE_DIVISOR
        return True


def check_schedule(schedule: object) -> None:
    """Check what `scheduled_factors` is to be given."""
    if schedule is not None and not callable(schedule):
        check_choice("lr_schedule", schedule, tuple(SCHEDULES))


def scheduled_factors(
    schedule: str | Callable[[int], float] | None, epochs: np.ndarray, n_epochs: int
) -> np.ndarray | float:
    """Return what the learning rates of some epochs of `n_epochs` are multiplied by.

    `schedule` is one of `trainer.schedules`, or a function of the epoch's number from 0; None stands for 1.
    """
    if schedule is None:
        return 1.0
    if callable(schedule):
        return np.array([check_real("lr_schedule", schedule(int(epoch)), positive=False) for epoch in epochs])
    return learning_rates(schedule, 1.0, epochs, n_epochs)
