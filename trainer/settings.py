"""What a training from the command line is set to: the options given, completed by defaults that suit the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainer.architecture import DTYPES, HIDDEN_ACTIVATIONS
from trainer.checks import MAX_COUNT, MAX_LEGACY_SEED, check_choice, check_count, check_real, check_share
from trainer.errors import InputError
from trainer.losses import LOSSES_OF_TASKS, OF_COUNTS, check_loss_parameter, check_task
from trainer.schedules import SCHEDULES
from trainer.terms import SOLVERS
from trainer.threads import check_threads

PRESETS = ("article",)
BACKEND_NAMES = ("numba", "numpy")
LOSS_NAMES = tuple(dict.fromkeys(name for names in LOSSES_OF_TASKS.values() for name in names))
MAX_DEFAULT_RECORDS = 250  # each is measured on all rows; with 1000 the history alone costs 4 % of the default training
MAX_UNITS = 1_000_000
WITH_MOMENTUM = ("momentum", "nesterov")
ADAM_LEARNING_RATE = 1e-3  # its steps are as large as the rate, whatever the gradient


@dataclass(frozen=True)
class Settings:
    """Everything that a training is set to.

    ``hidden`` holds the sizes of the hidden layers. With the article's preset ``l2`` is its penalty coefficient and
    ``batch_size`` the number of leading rows that every step sees. ``early_stopping`` is the number of epochs after
    which training ends if the validation loss has not fallen. None: all rows, no clipping, no validation, as many
    threads as pay, the loss's own parameter if it has one, no early stopping.
    """

    hidden: tuple[int, ...]
    activation: str
    loss: str
    epochs: int
    batch_size: int | None
    shuffle: bool
    learning_rate: float
    log_every: int
    article: bool
    backend: str = "numba"
    solver: str = "sgd"
    momentum: float = 0.9
    weight_decay: float = 0.01
    dropout: float = 0.0
    schedule: str = "constant"
    clip_norm: float | None = None
    l1: float = 0.0
    l2: float = 0.0
    bias: bool = True
    dtype: str = "float32"
    seed: int = 0
    validation: float | None = None
    threads: int | None = None
    loss_parameter: float | None = None
    early_stopping: int | None = None
    keep_best: bool = False


_XOR: dict[str, Any] = {
    "hidden": (10,),
    "activation": "sigmoid",
    "loss": "mse",
    "epochs": 20_000,
    "batch_size": None,
    "shuffle": False,
    "learning_rate": 2.0,
}
_ARTICLE: dict[str, Any] = _XOR | {
    "epochs": 1_000_000,
    "batch_size": 50,
    "learning_rate": 1e-3,
    "l2": 1e-6,
    "bias": False,
    "dtype": "float64",
    "seed": 2017,
}
# What the defaults for tables have in common.
_TABLE: dict[str, Any] = {
    "hidden": (64,),
    "activation": "relu",
    "epochs": 100,
    "batch_size": 32,
    "shuffle": True,
}
_REGRESS: dict[str, Any] = _TABLE | {"loss": "mse", "learning_rate": 0.05, "l2": 0.3}
# Gradients are as large as the counts, which are not standardised: the steps must not be.
_COUNT: dict[str, Any] = _REGRESS | {"solver": "adam", "learning_rate": ADAM_LEARNING_RATE}
# Two layers learn a spiral, which one does not; decay costs them less accuracy than a penalty of the same effect.
_CLASSIFY: dict[str, Any] = _TABLE | {
    "hidden": (128, 64),
    "loss": "cross_entropy",
    "solver": "adamw",
    "learning_rate": 3e-3,
    "weight_decay": 0.5,
    "schedule": "cosine",
}
# With a solver of the user's choice: none has this decay, so there is a penalty.
_CLASSIFY_OTHERWISE: dict[str, Any] = _TABLE | {"loss": "cross_entropy", "learning_rate": 0.1, "l2": 0.3}


def resolve(given: Mapping[str, Any], *, preset: str | None, data: str, task: str) -> Settings:
    """Complete the options given by the defaults for this data, and check everything.

    Parameters
    ----------
    given : mapping
        Fields of `Settings`; None where the user gave nothing.
    preset : "article" or None
    data : name of a data set, or of a file
    task : {"classify", "regress"}

    Raises
    ------
    InputError, TypeError
        A value that is not accepted, or options that contradict each other.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    if preset is not None:
        check_choice("preset", preset, PRESETS)
        _check_article(chosen, data)
        defaults = _ARTICLE
    else:
        defaults = _defaults(chosen, data, task)
    if "batch_size" in chosen and preset is None:
        chosen.setdefault("shuffle", True)  # mini-batches in a fixed order are hardly ever meant
    merged = defaults | chosen
    check_count("epochs", merged["epochs"])
    if chosen.get("solver") in ("adam", "adamw") and chosen["solver"] != defaults.get("solver"):
        merged["learning_rate"] = chosen.get("learning_rate", ADAM_LEARNING_RATE)
    merged.setdefault("log_every", max(1, merged["epochs"] // MAX_DEFAULT_RECORDS))
    settings = Settings(article=preset == "article", **merged)
    _check(settings, task)
    if "momentum" in chosen and settings.solver not in WITH_MOMENTUM:
        raise InputError(f"momentum: given with the solver {settings.solver}, {' and '.join(WITH_MOMENTUM)} have one")
    if "weight_decay" in chosen and settings.solver != "adamw":
        raise InputError(f"weight-decay: given with the solver {settings.solver}, adamw has one; see l2 for a penalty")
    return settings


def _defaults(chosen: Mapping[str, Any], data: str, task: str) -> dict[str, Any]:
    if data == "xor":
        return _XOR
    solver = chosen.get("solver")
    if task == "classify":
        return _CLASSIFY if solver in (None, _CLASSIFY["solver"]) else _CLASSIFY_OTHERWISE
    return _COUNT if chosen.get("loss") in OF_COUNTS and solver in (None, _COUNT["solver"]) else _REGRESS


def _check_article(chosen: Mapping[str, Any], data: str) -> None:
    if data != "xor":
        raise InputError(f"preset: article given with {data}, it is for the xor data only")
    for option in ("shuffle", "validation", "l1", "solver", "dropout", "early_stopping", "keep_best"):
        if chosen.get(option) not in (None, False, 0.0, "sgd"):  # with which a file may say what is so anyway
            name = option.replace("_", "-")
            raise InputError(f"{name}: {chosen[option]} given with the article's preset, which has none")


def _check(settings: Settings, task: str) -> None:
    check_choice("backend", settings.backend, BACKEND_NAMES)
    check_choice("activation", settings.activation, HIDDEN_ACTIVATIONS)
    check_choice("loss", settings.loss, LOSS_NAMES)
    check_choice("solver", settings.solver, SOLVERS)
    check_share("momentum", settings.momentum, below_one=False)
    check_real("weight-decay", settings.weight_decay, positive=False)
    check_share("dropout", settings.dropout)
    check_choice("schedule", settings.schedule, tuple(SCHEDULES))
    check_choice("dtype", settings.dtype, DTYPES)
    check_count("log-every", settings.log_every)
    check_count("seed", settings.seed, least=0, most=MAX_LEGACY_SEED if settings.article else MAX_COUNT)
    check_threads(settings.threads)
    if settings.batch_size is not None:
        check_count("batch-size", settings.batch_size)
    check_real("learning-rate", settings.learning_rate, positive=True)
    check_real("l1", settings.l1, positive=False)
    check_real("l2", settings.l2, positive=False)
    if settings.clip_norm is not None:
        check_real("clip-norm", settings.clip_norm, positive=True)
    _check_watching(settings)
    check_task(settings.loss, task)
    check_loss_parameter(settings.loss, settings.loss_parameter, "loss-parameter")


def _check_watching(settings: Settings) -> None:
    """Raise InputError where the validation loss shall decide, and there is none."""
    if settings.early_stopping is not None:
        check_count("early-stopping", settings.early_stopping)
    if settings.validation is not None:
        return
    for option, value in (("early-stopping", settings.early_stopping), ("keep-best", settings.keep_best)):
        if value:
            raise InputError(f"{option}: {value} given without rows to watch, a share for --validation needed")


def parse_hidden(text: str) -> tuple[int, ...]:
    """Return the hidden layers' sizes from text such as ``50`` or ``32,16``.

    Raises
    ------
    InputError
        Not whole numbers from 1 to `MAX_UNITS` with commas between them.
    """
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 1 or max(sizes) > MAX_UNITS:
        raise InputError(f"hidden: {text!r} given, sizes from 1 to {MAX_UNITS:,} such as 50 or 32,16 accepted")
    return sizes
