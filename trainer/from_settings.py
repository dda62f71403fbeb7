"""From settings to what they mean: prepared rows, an untrained network, a training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from trainer.explained_loss import score_of
from trainer.losses import OF_COUNTS, outputs_of
from trainer.model import MLP
from trainer.predictor import Predictor
from trainer.preparation import Prepared, prepare
from trainer.settings import Settings
from trainer.table import Table
from trainer.terms import objective, optimizer
from trainer.training import Outcome, Samples, train_epochs


def prepare_rows(table: Table, settings: Settings, *, standardize: bool) -> Prepared:
    """Prepare a table; with the article's rule the first `batch_size` rows are trained on and all are measured."""
    prepared = prepare(
        table,
        standardize=standardize,
        standardize_target=settings.loss not in OF_COUNTS,
        validation=settings.validation,
        seed=settings.seed,
        dtype=settings.dtype,
    )
    if not settings.article:
        return prepared
    everything = prepared.training
    rows = settings.batch_size
    return replace(prepared, training=Samples(everything.X[:rows], everything.Y[:rows]), evaluated=everything)


def build_predictor(prepared: Prepared, settings: Settings) -> Predictor:
    """Make the untrained network with its preprocessing."""
    model = MLP(
        [prepared.training.X.shape[1], *settings.hidden, prepared.training.Y.shape[1]],
        activation=settings.activation,
        output_activation=outputs_of(settings.loss, prepared.task),
        loss=settings.loss,
        loss_parameter=settings.loss_parameter,
        bias=settings.bias,
        dtype=settings.dtype,
        backend=settings.backend,
        random_state=settings.seed,
        init="article" if settings.article else "glorot",
        threads=settings.threads,
    )
    return Predictor(
        model=model,
        task=prepared.task,
        classes=prepared.classes,
        columns=prepared.columns,
        target_name=prepared.target_name,
        inputs=prepared.inputs,
        target=prepared.target,
        dropped=prepared.dropped,
    )


def train_prepared(model: MLP, prepared: Prepared, settings: Settings, **listening: Any) -> Outcome:
    """Train a network on prepared rows; `listening` holds the callbacks and the snapshots of `train_epochs`."""
    return train_epochs(
        model,
        prepared.stream or prepared.training,
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        terms=objective(
            l2=settings.l2,
            l1=settings.l1,
            clip_norm=settings.clip_norm,
            article=settings.article,
            weight_decay=settings.weight_decay if settings.solver == "adamw" else 0.0,
            dropout=settings.dropout,
        ),
        optimizer=optimizer(settings.solver, momentum=settings.momentum),
        schedule=settings.schedule,
        batch_size=None if settings.article else settings.batch_size,
        shuffle=settings.shuffle,
        record_every=settings.log_every,
        evaluated=None if prepared.stream else prepared.evaluated,
        validation=prepared.validation,
        patience=settings.early_stopping,
        keep_best=settings.keep_best,
        score="accuracy" if prepared.task == "classify" else score_of(settings.loss),
        **listening,
    )
