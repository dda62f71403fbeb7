"""A checkpoint: a model file that also holds where its training stands, so that the training can go on from there.

The names of what is added begin with ``training.``. What is done with it is left to the commands; as a model the file
serves like any other.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.errors import InputError
from trainer.model_file import decode_model, encode_model
from trainer.model_header import TRAINING
from trainer.output_file import write_whole
from trainer.predictor import Predictor
from trainer.standing import Standing, StandingError, arrays_of, standing_of
from trainer.tensor_file import read_tensors


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds.

    Attributes
    ----------
    standing : Standing
    configuration : dict
        Everything the training is set to.
    fingerprint : str or None
        Of the data.
    """

    standing: Standing
    configuration: dict[str, Any]
    fingerprint: str | None


def write_checkpoint(
    path: str | os.PathLike[str],
    predictor: Predictor,
    standing: Standing,
    *,
    configuration: Mapping[str, Any],
    fingerprint: str | None,
) -> None:
    """Write where a training stands; the file is there whole, or as it was before.

    Parameters
    ----------
    predictor : Predictor
        Whose network has the parameters of the standing.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    arrays = {f"{TRAINING}{name}": array for name, array in arrays_of(standing).items()}
    content = encode_model(predictor, configuration=configuration, fingerprint=fingerprint, extra_arrays=arrays)
    write_whole(path, content)


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    InputError
        The file is missing, cannot be read, is damaged, or is not a checkpoint.
    """
    what = f"checkpoint {Path(path)}"
    header, arrays = read_tensors(path, "checkpoint")
    file = decode_model(header, arrays, what, "numpy")
    of_training = {name.removeprefix(TRAINING): array for name, array in arrays.items() if name.startswith(TRAINING)}
    if not of_training or file.configuration is None:
        raise InputError(f"{what}: a model without the course of its training, a file of train --checkpoint accepted")
    try:
        standing = standing_of(file.predictor.model.parameters, of_training)
    except StandingError as error:
        raise InputError(f"{what}: damaged, {error}") from None
    return Checkpoint(standing, file.configuration, file.fingerprint)
