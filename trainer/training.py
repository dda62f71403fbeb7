"""Training by epochs: a network, rows, and everything that says how they are to be trained.

How it goes on from there, call by call, is left to `course`; the steps themselves are `run.Run`'s.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernels.structs import Objective, Optimizer
from trainer.checkpoints import Checkpoints
from trainer.course import Course
from trainer.errors import InputError
from trainer.explained_loss import SCORES
from trainer.feeding import BlockFeed, BlockSource, WholeFeed
from trainer.model import MLP
from trainer.outcome import Callback, Outcome, Report, Samples
from trainer.records import Records
from trainer.schedules import learning_rates
from trainer.standing import Standing

__all__ = ["Callback", "Outcome", "Report", "Samples", "train_epochs"]

# The records tell the score of at most so many of the training rows, for measuring all of them takes a third as long as
# training on them.
MAX_SCORED = 8_192


def train_epochs(
    model: MLP,
    training: Samples | BlockSource,
    *,
    epochs: int,
    learning_rate: float,
    terms: Objective,
    optimizer: Optimizer | None = None,
    schedule: str = "constant",
    batch_size: int | None = None,
    shuffle: bool = False,
    record_every: int = 1,
    evaluated: Samples | None = None,
    validation: Samples | None = None,
    score: str = "accuracy",
    patience: int | None = None,
    keep_best: bool = False,
    snapshot_epochs: Sequence[int] = (),
    callbacks: Sequence[Callback] = (),
    checkpoints: Checkpoints | None = None,
    standing: Standing | None = None,
) -> Outcome:
    """Train a model for a number of passes over the data.

    Parameters
    ----------
    model : MLP
        Changed in place.
    training : Samples, or BlockSource
        Rows in memory, or in blocks that are read one after the other, in another order each epoch if `shuffle`.
    epochs : int
    learning_rate, schedule : see `schedules.learning_rates`; the rate is constant within an epoch.
    terms : penalties and clipping, see `terms.objective`.
    optimizer : how gradients become steps, see `terms.optimizer`; None subtracts the learning rate times the gradient.
    batch_size : rows in a step; None takes all.
    shuffle : whether each epoch has an order of its own.
    record_every : epochs whose number is divisible by this are recorded.
    evaluated : what the score is measured on; None takes the training samples. The records tell that of at most
        `MAX_SCORED` rows spread over them, `Outcome.final` that of all; of a stream both tell that of the first rows.
    validation : measured beside it.
    score : {"accuracy", "r2", "d2"}
    patience : training stops at the first record so many epochs after that with the lowest validation loss; None goes
        on.
    keep_best : whether the parameters of the record with the lowest validation loss are put back at the end.
    snapshot_epochs : numbers of epochs done after which the parameters are copied to `Outcome.snapshots`.
    callbacks : called several times a second, and once at the end; training stops when one returns True.
    checkpoints : when it is written down where the training stands; None never does.
    standing : where to go on from: the same settings and samples lead to the same bits as if it had not been
        interrupted. None starts.

    Returns
    -------
    Outcome

    Raises
    ------
    InputError
        The validation loss shall decide, and there is none.
    StandingError
        The standing is not one of such a training.
    """
    if (keep_best or patience is not None) and validation is None:
        raise InputError("validation: None given, rows to watch accepted where training stops early or keeps the best")
    feed = _feed_of(model, training, batch_size, shuffle=shuffle)
    first = feed.first()
    evaluated = evaluated or _evaluated(first, whole=isinstance(feed, WholeFeed))
    scored = _spread(evaluated)
    snapshot_epochs = sorted({epoch for epoch in snapshot_epochs if epoch <= epochs})
    run = model.start_run(
        first.X,
        first.Y,
        terms=terms,
        optimizer=optimizer,
        batch_size=batch_size,
        shuffle=shuffle,
        steps_per_period=feed.steps_per_epoch,
        record_every=record_every,
        evaluated=(scored.X, scored.Y),
        validation=(validation.X, validation.Y) if validation else None,
        evaluated_loss=score in SCORES,
        copied_after=snapshot_epochs,
    )
    del first  # a run of a stream lets go of it
    targets = {"": evaluated.Y, "val_": validation.Y} if validation else {"": evaluated.Y}
    course = Course(
        model,
        run,
        feed,
        Records(model, score, targets, record_every),
        epochs=epochs,
        rates=lambda numbers: learning_rates(schedule, learning_rate, numbers, epochs),
        record_every=record_every,
        patience=patience,
        watches=keep_best or patience is not None,
        first_snapshot=0 in snapshot_epochs,
    )
    try:
        if standing is not None:
            course.go_on_from(standing)
        course.train(callbacks, checkpoints)
    finally:
        feed.close()
    return course.end(evaluated if scored is not evaluated else None, keep_best=keep_best)


def _feed_of(
    model: MLP, training: Samples | BlockSource, batch_size: int | None, *, shuffle: bool
) -> WholeFeed | BlockFeed:
    if isinstance(training, Samples):
        return WholeFeed(training, batch_size)
    if batch_size is None:
        raise InputError("batch_size: None given, a number of rows accepted where the rows come block by block")
    return BlockFeed(training, model.samples, batch_size, model.block_seed if shuffle else None)


def _evaluated(first: Samples, *, whole: bool) -> Samples:
    """Return the training rows, or copies of the first ones of a block, so that the block can be let go."""
    return first if whole else Samples(first.X[:MAX_SCORED].copy(), first.Y[:MAX_SCORED].copy())


def _spread(samples: Samples) -> Samples:
    """Return the samples, or copies of rows at equal distances where they are too many."""
    step = -(-samples.X.shape[0] // MAX_SCORED)
    return samples if step == 1 else Samples(samples.X[::step].copy(), samples.Y[::step].copy())
