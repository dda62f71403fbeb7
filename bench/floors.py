"""The floors: what this project is to reach, in numbers that a run of the benchmarks can confirm or deny.

Names are those of `bench.shapes`, of `bench.variants` and of `bench.peers.registry`. Whether a floor is reached is
found in `bench.reached`.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.peers.registry import RIVALS
from bench.shapes import (
    SMALL_SHAPES,
    SQUARE_PRODUCTS,
    SQUARE_SHAPE,
    SQUARE_SIZES,
    TRAINING_SHAPES,
    WIDE_SHAPES,
    XOR_SHAPES,
    TrainingShape,
)
from bench.variants import ARTICLE, DOUBLE, NUMBA, TWO_THREADS

# What is timed once: a command, and the article's program as it is run.
COMMAND = "scratch-mlp train xor"
COLD, WARM = "whole process, cold cache", "whole process, warm cache, less the training"
ARTICLE_RUN = "the article's program"
PRESET, ORIGINAL = "scratch-mlp train --preset article", "its own code"

JAX_LOOP = ("jax loop", "jax loop 512")


@dataclass(frozen=True)
class Share:
    """Counted operations per second of a contender over the FMA peak measured around it."""

    contender: str


@dataclass(frozen=True)
class Speedup:
    """How many times as fast as the fastest of its rivals a contender is."""

    contender: str
    rivals: tuple[str, ...]


@dataclass(frozen=True)
class Duration:
    """Seconds that something takes."""

    what: str


@dataclass(frozen=True)
class Floor:
    """A bound for the worst of several measurements.

    Attributes
    ----------
    work : str
        What the row of the table says.
    quantity : Share, Speedup or Duration
    subjects : tuple of str
        Names of shapes, of products, or of what is run.
    bound : float
        At least; at most for a `Duration`.
    """

    work: str
    quantity: Share | Speedup | Duration
    subjects: tuple[str, ...]
    bound: float


def _names(shapes: tuple[TrainingShape, ...]) -> tuple[str, ...]:
    return tuple(shape.name for shape in shapes)


def _products(size: int) -> tuple[str, ...]:
    return tuple(product.name for product in SQUARE_PRODUCTS if product.m == size)


def _described(shape: TrainingShape) -> str:
    return f"{'-'.join(map(str, shape.layer_sizes))}, N = {shape.batch}"


_LARGE = tuple(shape for shape in WIDE_SHAPES if shape.hidden >= 1024)
# In the order of `XOR_SHAPES` and `SMALL_SHAPES`: 50 rows, then 300; 3 to 256 hidden units.
_ARTICLE_TIMES = (130.0, 65.0, 20.0, 7.5, 60.0, 30.0, 11.0, 7.5)
_JAX_TIMES = (1.5, 1.4, 1.3)
_AGAINST_ARTICLE = Speedup(NUMBA.name, (ARTICLE.name,))
_AGAINST_JAX = Speedup(NUMBA.name, JAX_LOOP)
_AGAINST_ALL = Speedup(NUMBA.name, tuple(peer.name for peer in RIVALS))
_TWO_THREADS = Speedup(TWO_THREADS.name, (NUMBA.name,))

PRODUCT_FLOORS = tuple(
    Floor(f"products {size} x {size} x {size}, {dtype}", Share(contender), _products(size), bound)
    for dtype, contender, bound in (("float32", NUMBA.name, 0.90), ("float64", DOUBLE.name, 0.88))
    for size in SQUARE_SIZES
)
PEAK_FLOORS = (
    *(
        Floor(_described(shape), Share(NUMBA.name), (shape.name,), 0.75 if shape.hidden in (16, 4096) else 0.85)
        for shape in WIDE_SHAPES
    ),
    Floor(_described(SQUARE_SHAPE), Share(NUMBA.name), (SQUARE_SHAPE.name,), 0.88),
)
ARTICLE_FLOORS = tuple(
    Floor(f"{_described(shape)}: against the article's program", _AGAINST_ARTICLE, (shape.name,), bound)
    for shape, bound in zip(XOR_SHAPES, _ARTICLE_TIMES, strict=True)
)
OWN_FLOORS = (
    Floor("two threads against one, 784-1024-10 and above", _TWO_THREADS, _names(_LARGE), 1.8),
    Floor("two threads against one, any shape", _TWO_THREADS, _names(TRAINING_SHAPES), 1 / 1.05),
    Floor("float64 against float32, any shape", Speedup(DOUBLE.name, (NUMBA.name,)), _names(TRAINING_SHAPES), 0.45),
)
COMMAND_FLOORS = (
    Floor(f"{COMMAND}: {COLD}", Duration(COLD), (COMMAND,), 15.0),
    Floor(f"{COMMAND}: {WARM}", Duration(WARM), (COMMAND,), 1.2),
    Floor(f"{PRESET}: 1,000,000 epochs against {ORIGINAL}", Speedup(PRESET, (ORIGINAL,)), (ARTICLE_RUN,), 25.0),
)
JAX_FLOORS = tuple(
    Floor(f"{_described(shape)}: against JAX, whole loop jitted", _AGAINST_JAX, (shape.name,), bound)
    for shape, bound in zip(SMALL_SHAPES, _JAX_TIMES, strict=True)
)
RIVAL_FLOORS = (Floor("any shape: against the fastest peer", _AGAINST_ALL, _names(TRAINING_SHAPES), 1.0),)
FLOORS = (
    *PRODUCT_FLOORS,
    *PEAK_FLOORS,
    *JAX_FLOORS,
    *ARTICLE_FLOORS,
    *RIVAL_FLOORS,
    *OWN_FLOORS,
    *COMMAND_FLOORS,
)
# Those that a comparison with the peers can tell.
PEER_FLOORS = (*JAX_FLOORS, *ARTICLE_FLOORS, *RIVAL_FLOORS)
