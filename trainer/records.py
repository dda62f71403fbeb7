"""The history of a training, made of the tables of numbers that the kernels return."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kernels.structs import RECORD_COLUMNS
from trainer.explained_loss import SCORES, explained, loss_of_best_constant
from trainer.history import History
from trainer.model import MLP


class Records:
    """What is known of the recorded epochs.

    Parameters
    ----------
    model : MLP
    score : {"accuracy", "r2", "d2"}
    targets : Y (n_samples, n_outputs) of the evaluated rows by the prefix "", and of the validation rows, if there are
        any, by the prefix "val_".
    every : the number of each recorded epoch is divisible by this.

    Attributes
    ----------
    history : History
        See `training.Outcome`.
    """

    def __init__(self, model: MLP, score: str, targets: Mapping[str, np.ndarray], every: int) -> None:
        self._score, self._every, self._prefixes = score, every, tuple(targets)
        self._of_constant: dict[str, float] = {}
        if score in SCORES:
            for prefix, Y in targets.items():
                self._of_constant[prefix] = loss_of_best_constant(model.loss_name, model.loss_parameter, Y)
        columns = ["epoch", "loss", "mean_abs_error", score]
        if "val_" in targets:
            columns += ["val_loss", f"val_{score}"]
        self.history = History((*columns, "gradient_norm"))

    def append(self, first_epoch: int, end_epoch: int, table: np.ndarray) -> None:
        """Add the records that were made of epochs from the first to before the end."""
        first_recorded = -(-first_epoch // self._every) * self._every
        columns = dict(zip(RECORD_COLUMNS, table.T, strict=True)) | self.measured(table)
        self.history.append(
            **columns | {"epoch": np.arange(first_recorded, end_epoch, self._every), "loss": table[:, 0]}
        )

    def restore(self, columns: Mapping[str, np.ndarray]) -> None:
        """Take over the records of a training that goes on; raise ValueError where they are not such ones."""
        shapes = {columns[name].shape for name in self.history}
        if set(columns) != set(self.history) or len(shapes) != 1 or len(next(iter(shapes))) != 1:
            raise ValueError(f"records {', '.join(columns)} are not {', '.join(self.history)} of one length")
        self.history.append(**columns)

    def measured(self, table: np.ndarray) -> dict[str, np.ndarray]:
        """Return loss and score after the updates, and with the prefix ``val_`` those of the validation rows."""
        columns = dict(zip(RECORD_COLUMNS, table.T, strict=True))
        found = {}
        for prefix in self._prefixes:
            loss, accuracy = (columns[f"{prefix or 'eval_'}{name}"] for name in ("loss", "accuracy"))
            of_constant = self._of_constant.get(prefix)
            found[f"{prefix}loss"] = loss
            found[f"{prefix}{self._score}"] = accuracy if of_constant is None else explained(loss, of_constant)
        return found
