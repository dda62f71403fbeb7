"""What ``scratch-mlp explain`` does: one step of backpropagation as text to read, or as JSON."""

from __future__ import annotations

import json
import math

import numpy as np

from trainer.checks import MAX_LEGACY_SEED, check_count, check_real
from trainer.datasets import xor
from trainer.errors import InputError
from trainer.explain import Steps, explain_step
from trainer.model import MLP
from trainer.settings import parse_hidden


def run_explanation(
    *,
    sample: str | None,
    target: str,
    hidden: str,
    activation: str,
    learning_rate: float,
    seed: int,
    backend: str,
    as_json: bool,
) -> None:
    """Print the step; the options are those of the command line.

    Raises
    ------
    InputError
        An option that is not accepted.
    """
    x = xor()[0][0].tolist() if sample is None else _numbers("sample", sample)
    y = _numbers("target", target)
    rate = check_real("learning-rate", learning_rate, positive=True)
    check_count("seed", seed, least=0, most=MAX_LEGACY_SEED)
    model = MLP(
        [len(x), *parse_hidden(hidden), len(y)],
        activation=activation,
        bias=False,
        dtype="float64",
        backend=backend,
        random_state=seed,
        init="article",
    )
    steps = explain_step(model, x, y, rate)
    print(json.dumps(_plain(steps), indent=1) if as_json else _text(steps))


def _numbers(name: str, text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(math.isfinite(number) for number in numbers):
        raise InputError(f"{name}: {text!r} given, finite numbers with commas between them accepted")
    return numbers


def _plain(steps: Steps) -> dict[str, object]:
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in steps.items()}


def _text(steps: Steps) -> str:
    blocks, section = [], ""
    outputs = max((name for name in steps if name[0] == "h"), key=lambda name: int(name[1:]))
    for name, value in steps.items():
        title = _section(name)
        if title != section:
            blocks.append(f"{title}\n{'=' * len(title)}")
            section = title
        blocks.append(_named_matrix(name, value, outputs))
    return "\n\n".join(blocks)


def _section(name: str) -> str:
    if name.endswith("_updated"):
        return "Update"
    if name == "loss":
        return "Loss"
    if name.startswith("dL") or "_dz" in name:
        return "Backward step"
    return "Forward step" if name[0] in "zh" else "Sample, target and weights"


def _formula(name: str) -> str:
    """Return how a quantity is computed from the others; nothing for what is given."""
    kind = name.removesuffix("_updated").rstrip("0123456789")
    number = name.removesuffix("_updated").removeprefix(kind)
    if name == "loss":
        return "1/2 sum (y - h)²"
    if name.endswith("_updated"):
        return f"{kind}{number} - learning_rate dL_d{kind}{number}"
    if "_dz" in name:
        return "derivative of the activation, as a function of h"
    below = "x" if number == "1" else f"h{int(number or 1) - 1}"
    above = int(number or 0) + 1
    return {
        "z": f"{below} W{number}",
        "h": f"activation(z{number})",
        "dL_dW": f"{below}ᵀ (dL_dh{number} ∘ dh{number}_dz{number})",
        "dL_dh": f"(dL_dh{above} ∘ dh{above}_dz{above}) W{above}ᵀ",
    }.get(kind, "")


def _named_matrix(name: str, value: np.ndarray | float, outputs: str) -> str:
    if not isinstance(value, np.ndarray):
        formula = _formula(name)
        return f"{name} = {formula} = {value:.8f}" if formula else f"{name} = {value:g}"
    formula = f"{outputs} - y" if name == f"dL_d{outputs}" else _formula(name)
    header = f"{name} = {formula}" if formula else name
    with np.printoptions(precision=8, suppress=True, floatmode="fixed", linewidth=100, sign=" "):
        rows = str(value).splitlines()
    return "\n".join([f"{header}   ({'x'.join(str(extent) for extent in value.shape)})", *(f"  {row}" for row in rows)])
