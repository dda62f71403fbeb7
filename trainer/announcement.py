"""What is said of a training in words: before it begins, and after it has ended, in figures and in warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from trainer.diagnosis import divergence_message
from trainer.explained_loss import SCORES, score_in
from trainer.predictor import Predictor
from trainer.preparation import Prepared
from trainer.settings import Settings
from trainer.standing import Standing
from trainer.table import Table
from trainer.training import Outcome


def announcement(
    data: str, table: Table, prepared: Prepared, predictor: Predictor, settings: Settings, standing: Standing | None
) -> str:
    """Return the opening lines: the rows, what kind of task they are, the network, and where the training goes on."""
    rows = f"{prepared.n_training:,} rows to train on"
    if prepared.validation is not None:
        rows += f", {prepared.validation.X.shape[0]:,} to validate"
    kind = f"{len(table.classes)} classes" if table.task == "classify" else "regression"
    if table.task_reason != "given":
        kind += f" ({table.task_reason})"
    layers = "-".join(str(size) for size in predictor.model.layer_sizes)
    rule = "the article's rule" if settings.article else settings.loss
    if predictor.model.loss_parameter is not None:
        rule += f" {predictor.model.loss_parameter:g}"
    going_on = f"\ngoing on after {standing.epochs_done:,} of {settings.epochs:,} epochs" if standing else ""
    return (
        f"{data}: {rows}, {kind}\n"
        f"network {layers}, {settings.activation}, {rule}, {settings.dtype}, backend {settings.backend}{going_on}"
    )


def summary(prepared: Prepared, outcome: Outcome) -> str:
    """Return the closing lines: how long it took, and what the final network reaches."""
    rate = outcome.steps_done / max(outcome.seconds, 1e-9)
    team = f", {outcome.threads} threads" if outcome.threads > 1 else ""
    lines = [
        f"{outcome.epochs_done:,} epochs, {outcome.steps_done:,} steps in {outcome.seconds:.2f} s of training "
        f"({rate:,.0f} steps/s{team})",
        f"trained: {_measured(outcome.final, '')}",
    ]
    if outcome.stopped_early:
        lines.insert(1, f"stopped early at epoch {outcome.epochs_done:,}: {_best(outcome)}")
    elif outcome.best_epoch is not None:
        lines.insert(1, _best(outcome))
    if prepared.validation is not None:
        lines.append(f"held out: {_measured(outcome.final, 'val_')}")
    return "\n".join(lines)


def _best(outcome: Outcome) -> str:
    return f"the validation loss was lowest at epoch {outcome.best_epoch:,}"


def title_of(data: str, settings: Settings) -> str:
    """Return the heading of the pictures."""
    hidden = ", ".join(str(size) for size in settings.hidden)
    penalty = f", L2 {settings.l2:g}" if settings.l2 else ""
    name = "XOR" if data == "xor" else Path(data).name
    return f"{name}: {hidden} hidden neurons, learning rate {settings.learning_rate:g}{penalty}"


def divergence_of(outcome: Outcome, settings: Settings) -> str:
    """Return where a training left the finite numbers, and what to change first."""
    assert outcome.divergence is not None
    return divergence_message(
        outcome.divergence,
        outcome.history,
        learning_rate=settings.learning_rate,
        clip_norm=settings.clip_norm,
        n_hidden_layers=len(settings.hidden),
    )


def interruption_of(outcome: Outcome, written: Sequence[Path], left_out: Sequence[str], checkpoint: Path | None) -> str:
    """Return what is left of a training that was interrupted, and how it can go on.

    Parameters
    ----------
    outcome : Outcome
    written : all files and folders that hold something of it
    left_out : the options whose pictures could not be drawn for want of a record
    checkpoint : where it can go on from
    """
    trained = f"what was trained in {outcome.epochs_done:,} epochs"
    if written:
        kept = f"{trained} is in {', '.join(str(path) for path in written)}"
    else:
        kept = f"nothing {'is' if left_out else 'was asked to be'} written of {trained}"
    are = "is" if len(left_out) == 1 else "are"
    missing = f"; without a record {' and '.join(left_out)} {are} left out" if left_out else ""
    going_on = f"; --resume {checkpoint} goes on from there" if checkpoint else ""
    return f"interrupted: {kept}{missing}{going_on}"


def _measured(final: Mapping[str, float], prefix: str) -> str:
    loss, score = f"loss {final[f'{prefix}loss']:.6f}", score_in(final) or ""
    value = final[f"{prefix}{score}"]
    return f"accuracy {100 * value:.1f} %, {loss}" if score == "accuracy" else f"{SCORES[score]} {value:.4f}, {loss}"
