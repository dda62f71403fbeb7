"""Where a training stands: all that its further course depends on, as named arrays that a file can hold.

When it is written down is left to `checkpoints`, how a file is made of it to `checkpoint_file`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from trainer.errors import InputError


class StandingError(InputError):
    """A standing is not one of the training that shall go on from it."""


@dataclass(frozen=True)
class Standing:
    """Where a training stands, beside its data and what it is set to.

    Attributes
    ----------
    parameters : (n_parameters,) array
    run : dict of arrays
        See `run.Run.state`.
    history : dict of arrays
        The columns of the records.
    best_epoch, best_loss, best_parameters : see `early_stopping.Best`
    snapshots : list of (epochs done, parameters)
    seconds : float
        Spent in training.
    """

    parameters: np.ndarray
    run: dict[str, np.ndarray]
    history: dict[str, np.ndarray]
    seconds: float
    best_loss: float = np.inf
    best_epoch: int = -1
    best_parameters: np.ndarray | None = None
    snapshots: list[tuple[int, np.ndarray]] = field(default_factory=list)

    @property
    def epochs_done(self) -> int:
        """The number of complete epochs."""
        return int(self.run["period"][0])


def arrays_of(standing: Standing) -> dict[str, np.ndarray]:
    """Return all but the parameters as arrays by name; `standing_of` makes a standing of them again."""
    arrays = {f"run.{name}": array for name, array in standing.run.items()}
    arrays |= {f"history.{name}": array for name, array in standing.history.items()}
    arrays["seconds"] = np.array([standing.seconds])
    if standing.best_parameters is not None:
        arrays["best.loss"] = np.array([standing.best_loss])
        arrays["best.epoch"] = np.array([standing.best_epoch])
        arrays["best.parameters"] = standing.best_parameters
    if standing.snapshots:
        arrays["snapshots.epochs"] = np.array([epoch for epoch, _ in standing.snapshots])
        arrays["snapshots.parameters"] = np.stack([parameters for _, parameters in standing.snapshots])
    return arrays


def standing_of(parameters: np.ndarray, arrays: Mapping[str, np.ndarray]) -> Standing:
    """Make a standing of parameters and what `arrays_of` returned.

    Raises
    ------
    StandingError
        The arrays are not such ones.
    """
    try:
        return _standing_of(parameters, arrays)
    except KeyError as error:
        raise StandingError(f"{error} is missing or unknown") from None
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise StandingError(str(error)) from None


def _standing_of(parameters: np.ndarray, arrays: Mapping[str, np.ndarray]) -> Standing:
    groups: dict[str, dict[str, np.ndarray]] = {"run": {}, "history": {}, "best": {}, "snapshots": {}}
    for name, array in arrays.items():
        group, dot, rest = name.partition(".")
        if dot:
            groups[group][rest] = array
    epoch, step = (int(groups["run"][name][0]) for name in ("period", "step"))
    if epoch < 0 or step < 0:
        raise ValueError(f"epoch {epoch}, step {step} are not of a training")
    best, snapshots = groups["best"], groups["snapshots"]
    kept = [best["parameters"]] if best else []
    frames = list(zip(snapshots["epochs"].tolist(), snapshots["parameters"], strict=True)) if snapshots else []
    for values in (*kept, *(frame for _, frame in frames)):
        if values.shape != parameters.shape or values.dtype != parameters.dtype:
            raise ValueError(f"parameters {values.dtype} {values.shape} are not those of the network")
    return Standing(
        parameters=parameters,
        run=groups["run"],
        history=groups["history"],
        seconds=float(arrays["seconds"][0]),
        best_loss=float(best["loss"][0]) if best else np.inf,
        best_epoch=int(best["epoch"][0]) if best else -1,
        best_parameters=kept[0] if kept else None,
        snapshots=frames,
    )
