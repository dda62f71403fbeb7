"""The command that writes a data set, and the options of data that is drawn, which training has too.

What the command does is left to `trainer.data_command`; `cli` names it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DATA = "Data"  # under which the help lists options of the data

Samples = Annotated[
    int | None, typer.Option(rich_help_panel=DATA, help="Rows of a data set that is drawn [default: 300, 500 or 1200].")
]
Noise = Annotated[
    float | None, typer.Option(rich_help_panel=DATA, help="Of a data set that is drawn, from 0 to 1 [default: 0].")
]
DataSeed = Annotated[int | None, typer.Option(rich_help_panel=DATA, help="Of a data set that is drawn [default: 0].")]

DATA_HELP = """Write a data set to a file: .csv, .tsv, .parquet or .npz.

The same names as for train.

Examples:

    scratch-mlp data digits digits.csv

    scratch-mlp data moons moons.parquet --samples 1000 --noise 0.2 --data-seed 1
"""


def data(
    name: Annotated[str, typer.Argument(help="Data set, such as digits or spiral.", metavar="NAME")],
    file: Annotated[Path, typer.Argument(help="File to write.", metavar="FILE")],
    samples: Samples = None,
    noise: Noise = None,
    data_seed: DataSeed = None,
) -> None:
    """Write a data set to a file."""
    from trainer.console import open_console
    from trainer.data_command import write_dataset
    from trainer.dataset_tables import Drawing

    write_dataset(name, file, Drawing(samples, noise, data_seed), open_console())
