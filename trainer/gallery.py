"""The article's three animations, made by its own program: its data, its weights, its rule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from trainer.console import training_display
from trainer.dataset_tables import dataset_table
from trainer.diagnosis import divergence_message
from trainer.from_settings import build_predictor, prepare_rows, train_prepared
from trainer.pictures import N_FRAMES, Wanted, frame_epochs, save_training_animation
from trainer.progress import Tell, part_of, progress_display
from trainer.settings import resolve
from trainer.training import Callback, Report

EPOCHS_LIKE_A_FRAME = 5_000  # that take about as long to train as one frame to draw


@dataclass(frozen=True)
class Exhibit:
    """One animation of the article: its file and what its training is set to."""

    file_name: str
    hidden: int
    learning_rate: float
    l2: float


EXHIBITS = (
    Exhibit("xor_3_neurons_lr_0.003_reg_0.gif", 3, 0.003, 0.0),
    Exhibit("xor_50_neurons_lr_0.003_reg_0.0001.gif", 50, 0.003, 1e-4),
    Exhibit("xor_50_neurons_lr_0.003_reg_0.000001.gif", 50, 0.003, 1e-6),
)


def make_gallery(folder: Path, *, epochs: int, backend: str, quiet: bool, console: Console) -> list[Path]:
    """Train the three networks and write an animation of each; return the files.

    Raises
    ------
    InputError
        The folder cannot be written, or an option is not accepted.
    """
    with progress_display(console, "gallery", quiet=quiet) as tell:
        parts = [part_of(tell, i, 1, len(EXHIBITS)) for i in range(len(EXHIBITS))]
        return [
            _make(exhibit, folder, epochs, backend, quiet, console, part)
            for exhibit, part in zip(EXHIBITS, parts, strict=True)
        ]


def _make(exhibit: Exhibit, folder: Path, epochs: int, backend: str, quiet: bool, console: Console, tell: Tell) -> Path:
    given = {
        "hidden": (exhibit.hidden,),
        "learning_rate": exhibit.learning_rate,
        "l2": exhibit.l2,
        "epochs": epochs,
        "backend": backend,
    }
    settings = resolve(given, preset="article", data="xor", task="classify")
    prepared = prepare_rows(dataset_table("xor"), settings, standardize=False)
    path = folder / exhibit.file_name
    wanted = Wanted(folder, path)
    wanted.check(prepared)
    wanted.make_folder()
    predictor = build_predictor(prepared, settings)
    title = f"{exhibit.hidden} neurons, learning rate {exhibit.learning_rate:g}, penalty {exhibit.l2:g}"
    if not quiet:
        console.print(title)
    drawing = N_FRAMES * EPOCHS_LIKE_A_FRAME
    trained, drawn = part_of(tell, 0, epochs, epochs + drawing), part_of(tell, epochs, drawing, epochs + drawing)
    with _watching(console, epochs, quiet, trained) as show:
        outcome = train_prepared(
            predictor.model, prepared, settings, callbacks=[show], snapshot_epochs=frame_epochs(epochs)
        )
    if outcome.divergence is not None and not quiet:
        message = divergence_message(
            outcome.divergence,
            outcome.history,
            learning_rate=settings.learning_rate,
            clip_norm=settings.clip_norm,
            n_hidden_layers=1,
        )
        console.print(message)
    save_training_animation(path, predictor, prepared, outcome, title, drawn)
    if not quiet:
        console.print(f"written: {path}")
    return path


@contextmanager
def _watching(console: Console, epochs: int, quiet: bool, tell: Tell) -> Iterator[Callback]:
    """Yield a callback that moves the bar of the whole gallery on a terminal, and prints lines elsewhere."""
    if not console.is_terminal:
        with training_display(console, epochs, every_record=False, quiet=quiet) as show:
            yield show
        return

    def move(report: Report) -> None:
        tell(report.epochs_done, epochs)

    yield move
