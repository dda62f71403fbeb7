"""Learning rates that change over training, as functions of the epoch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Schedule = Callable[[np.ndarray], np.ndarray]

STEPS = 4
STEP_FACTOR = 0.5
FINAL_SHARE = 0.01
WARMUP_SHARE = 0.1
WARMUP_START = 0.01


def _constant(progress: np.ndarray) -> np.ndarray:
    return np.ones_like(progress)


def _step(progress: np.ndarray) -> np.ndarray:
    return STEP_FACTOR ** np.floor(STEPS * progress)


def _exponential(progress: np.ndarray) -> np.ndarray:
    return FINAL_SHARE**progress


def _cosine(progress: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.cos(np.pi * progress))


def _warmup(progress: np.ndarray) -> np.ndarray:
    rising = WARMUP_START + (1 - WARMUP_START) * progress / WARMUP_SHARE
    return np.where(progress < WARMUP_SHARE, rising, _cosine((progress - WARMUP_SHARE) / (1 - WARMUP_SHARE)))


SCHEDULES: dict[str, Schedule] = {
    "constant": _constant,
    "step": _step,
    "exponential": _exponential,
    "cosine": _cosine,
    "warmup": _warmup,
}


def learning_rates(schedule: str, base_rate: float, epochs: np.ndarray, n_epochs: int) -> np.ndarray:
    """Return the learning rate of each epoch.

    Parameters
    ----------
    schedule : {"constant", "step", "exponential", "cosine", "warmup"}
        With t = epoch / n_epochs in [0, 1): constant keeps the base rate; step halves it after each quarter of the
        epochs; exponential falls to a hundredth, ``0.01**t``; cosine falls to zero, ``(1 + cos(pi t)) / 2``
        (Loshchilov and Hutter, 2017, without restarts); warmup rises linearly from a hundredth over the first tenth
        (Goyal et al., 2017), then falls like cosine.
    base_rate : float
        The rate at epoch 0.
    epochs : (n,) array
        Numbers of the epochs asked for, counted from 0.
    n_epochs : int
        The whole training's.

    Returns
    -------
    float64 (n,)
    """
    return base_rate * SCHEDULES[schedule](np.asarray(epochs, dtype=np.float64) / n_epochs)
