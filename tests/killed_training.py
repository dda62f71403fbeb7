"""A program that trains with checkpoints and is killed again and again; `test_checkpoints` starts it.

``python killed_training.py FILE KILLS`` forks a child for each kill, which goes on from the checkpoint, and kills it
after a random time. It prints the steps that the checkpoint held after each kill, -1 where there was no file; then, as
hexadecimal digits, the parameters of a training that was never stopped, and of one that goes on from the last file.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from trainer import MLP
from trainer.checkpoint_file import read_checkpoint, write_checkpoint
from trainer.checkpoints import Checkpoints
from trainer.columns import numeric_columns
from trainer.predictor import Predictor
from trainer.standing import Standing
from trainer.terms import objective, optimizer
from trainer.training import Samples, train_epochs

STEPS = 40  # between two checkpoints
ROWS, BATCH = 500, 8
EPOCHS = 60
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(ROWS, 6))
SAMPLES = Samples(X, np.eye(3)[np.abs(X[:, :3]).argmax(axis=1)])


def train(path: Path | None) -> MLP:
    """Train, from the checkpoint on if there is one."""
    model = MLP([6, 20, 3], output_activation="softmax", loss="cross_entropy", random_state=0, threads=1)
    predictor = Predictor(model, "classify", ("a", "b", "c"), numeric_columns("uvwxyz"), "kind")
    checkpoints, standing = None, None
    if path is not None:

        def write(standing: Standing) -> None:
            write_checkpoint(path, predictor, standing, configuration={}, fingerprint=None)

        checkpoints = Checkpoints(write, steps=STEPS)
        standing = read_checkpoint(path).standing if path.exists() else None
    options = {"batch_size": BATCH, "shuffle": True, "learning_rate": 0.01, "schedule": "cosine"}
    train_epochs(
        model, SAMPLES, epochs=EPOCHS, terms=objective(dropout=0.1), optimizer=optimizer("adam"),
        checkpoints=checkpoints, standing=standing, record_every=5, **options,
    )  # fmt: skip
    return model


def steps_in(path: Path) -> int:
    """Return the steps that a checkpoint holds, -1 where there is none; fails where the file cannot be read."""
    if not path.exists():
        return -1
    run = read_checkpoint(path).standing.run
    return int(run["period"][0]) * -(-ROWS // BATCH) + int(run["step"][0])


def main() -> None:
    path, kills = Path(sys.argv[1]), int(sys.argv[2])
    whole = train(None).parameters
    moments = random.Random(0)
    for _ in range(kills):
        child = os.fork()
        if child == 0:
            train(path)
            os._exit(0)
        time.sleep(moments.uniform(0.0, 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        print(steps_in(path))
    print(whole.tobytes().hex())
    print(train(path).parameters.tobytes().hex())


if __name__ == "__main__":
    main()
