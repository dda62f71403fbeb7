"""Multilayer perceptrons trained by compiled loops: the model, its data, its training, its pictures, its command line.

from trainer import MLP
from trainer.datasets import xor

X, Y = xor()
model = MLP([2, 10, 2], random_state=0)
history = model.train_steps(X, Y, 20_000, learning_rate=2.0)
"""

from __future__ import annotations

from trainer.errors import DivergenceError, InputError
from trainer.history import History
from trainer.model import MLP

__all__ = ["MLP", "DivergenceError", "History", "InputError"]
__version__ = "0.1.0"
