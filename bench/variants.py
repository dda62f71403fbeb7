"""What is timed beside what: a backend, its element type and its threads."""

from __future__ import annotations

from dataclasses import dataclass

from bench.shapes import SQUARE_PRODUCTS, XOR_SHAPES, ProductShape, TrainingShape


@dataclass(frozen=True)
class Variant:
    """One contender of the benchmarks.

    Attributes
    ----------
    backend : {"numba", "numpy", "article"}
        A backend of this project, or the article's program.
    dtype : {"float32", "float64"}
    threads : int
    """

    backend: str
    dtype: str = "float32"
    threads: int = 1

    @property
    def name(self) -> str:
        """The backend and what is neither float32 nor one thread, as ``numba float64``; the article has one type."""
        dtype = f" {self.dtype}" if self.dtype != "float32" and self.backend != "article" else ""
        threads = f" {self.threads} threads" if self.threads != 1 else ""
        return f"{self.backend}{dtype}{threads}"


NUMBA = Variant("numba")
DOUBLE = Variant("numba", dtype="float64")
TWO_THREADS = Variant("numba", threads=2)
ARTICLE = Variant("article", dtype="float64")


def step_variants(shape: TrainingShape, asked: list[Variant]) -> list[Variant]:
    """Return what trains a shape: what was asked for and, where that is the default, what floors compare it to."""
    if not _are_defaults(asked):
        return asked
    return [*asked, DOUBLE, TWO_THREADS, *([ARTICLE] if shape in XOR_SHAPES else [])]


def product_variants(product: ProductShape, asked: list[Variant]) -> list[Variant]:
    """Return what computes a product: what was asked for and, of the default, large products in float64."""
    return [*asked, DOUBLE] if _are_defaults(asked) and product in SQUARE_PRODUCTS else asked


def _are_defaults(asked: list[Variant]) -> bool:
    return asked == [NUMBA, Variant("numpy")]
