"""``python -m bench.peers``: compare this project with its peers in one run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.machine import pinned_threads, processor_name
from bench.peers.peer_report import Comparison, report_text, save_figure, save_results
from bench.peers.registry import PEERS
from bench.peers.rounds import compare, start_workers
from bench.shapes import SMALL_SHAPES, SQUARE_SHAPE, TRAINING_SHAPES, WIDE_SHAPES, XOR_SHAPES
from trainer.errors import InputError

SHAPES = {"xor": XOR_SHAPES, "small": SMALL_SHAPES, "wide": (*WIDE_SHAPES, SQUARE_SHAPE), "all": TRAINING_SHAPES}
ROUNDS = 7


def positive(text: str) -> int:
    """Return a positive integer, for `argparse`."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} given, an integer of at least 1 accepted")
    return int(text)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.peers",
        description="Time whole training steps of this project and of its peers, in turn, on one processor.",
    )
    parser.add_argument("--shapes", choices=list(SHAPES), default="all", help="of bench/shapes.py (default: all)")
    parser.add_argument("--rounds", type=positive, default=ROUNDS, help=f"samples of each (default: {ROUNDS})")
    parser.add_argument("--figure", type=Path, default=Path("results/peers.png"), help="(default: results/peers.png)")
    parser.add_argument("--json", type=Path, default=Path("results/peers.json"), help="(default: results/peers.json)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Run the comparison; return 0, or 1 where a peer computed something wrong or a file could not be written."""
    options = parse(arguments)
    with pinned_threads(1):
        workers, missing = start_workers(PEERS)
        for name, reason in missing.items():
            tell(f"{name.upper()} IS MISSING: {reason}")
        try:
            times = compare(workers, PEERS, SHAPES[options.shapes], options.rounds, tell)
        finally:
            for worker in workers.values():
                worker.close()
    comparison = Comparison(processor_name(), times, missing)
    print(report_text(comparison))
    try:
        save_results(comparison, options.json)
        drawn = save_figure(comparison, options.figure)
    except (InputError, OSError) as error:
        tell(f"results not written: {error}")
        return 1
    print(f"results: {options.json}")
    print(f"figure: {options.figure}" if drawn else "no figure: 784-H-10 was not timed")
    return int(any(times.wrong for times in comparison.times))


def tell(line: str) -> None:
    """Print a line about progress, at once."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
