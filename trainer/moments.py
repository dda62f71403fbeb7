"""Mean and standard deviation of each column of numbers that come in blocks of rows.

Nothing is kept of a block but its moments; what they are used for is left to `trainer.preprocessing`.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

# Squares of numbers within 2^-300 and 2^300 neither overflow nor vanish: only larger and smaller ones are scaled.
MODERATE = 300
ROWS_OF_BYTES = 2**24 // 255**2  # whole numbers up to 2^24 are exact in float32
OF_ZERO = -1100  # below the exponent of any other number

Vector = npt.NDArray[np.float64]


class Moments:
    """The moments of the rows added so far.

    Numbers are taken relative to the first row, so an offset that is large against the spread does not cancel digits.
    The variance of a block is the corrected two-pass sum, and blocks are merged one by one (Chan, Golub & LeVeque 1983,
    "Algorithms for computing the sample variance"). Powers of two are taken out where a number is very large or very
    small, so no finite value up to 8e307 overflows.

    Parameters
    ----------
    first_row : float64 array, shape (n_columns,)
    """

    def __init__(self, first_row: npt.NDArray[np.float64]) -> None:
        self._origin: Vector = np.array(first_row, dtype=np.float64)
        self._largest = float(np.abs(self._origin).max(initial=0.0))
        self._exponent = np.full(len(first_row), OF_ZERO)  # all that follows is scaled by 2^-exponent
        self._mean: Vector = np.zeros(len(first_row))  # less the origin
        self._squares: Vector = np.zeros(len(first_row))  # summed, about the mean
        self._constant = np.ones(len(first_row), dtype=bool)
        self._n = 0
        # One for all blocks: memory that is taken anew for each costs as much as the arithmetic.
        self._differences = np.empty((0, len(first_row)))

    def add(self, block: npt.NDArray[np.float64]) -> None:
        """Take in further rows, finite; not changed."""
        if not len(block):
            return
        if max(-float(block.min()), float(block.max()), self._largest) >= 2.0**MODERATE:
            self._add_scaled(block)
            return
        if self._differences.shape[0] < len(block):
            self._differences = np.empty(block.shape)
        differences = np.subtract(block, self._origin, out=self._differences[: len(block)])
        mean, squares = _about_the_mean(differences)
        vanishing = np.flatnonzero(squares < 2.0 ** (-2 * MODERATE))
        steady, shifts = block[:, vanishing], np.abs(mean[vanishing])
        if (steady == steady[0]).all() and ((shifts == 0) | (shifts > 2.0**-MODERATE)).all():
            varies = np.ones(len(mean), dtype=bool)
            varies[vanishing] = shifts != 0
            self._constant[varies] = False
            self._merge(len(block), np.where(varies, 0, OF_ZERO), mean, squares)
        else:
            self._add_scaled(block)

    @property
    def is_constant(self) -> bool:
        """Whether all columns hold one number each."""
        return bool(self._constant.all())

    def _add_scaled(self, block: npt.NDArray[np.float64]) -> None:
        """Do the same for rows of which some squares may overflow or vanish."""
        magnitude = np.maximum(np.abs(block).max(axis=0), np.abs(self._origin))
        exponent = _exponents(magnitude)
        mean, squares = _about_the_mean(np.ldexp(block, -exponent) - np.ldexp(self._origin, -exponent))
        self._constant &= (block == self._origin).all(axis=0)
        self._merge(len(block), np.where((mean == 0) & (squares == 0), OF_ZERO, exponent), mean, squares)

    def mean(self) -> Vector:
        """Return the mean of each column."""
        exponent = np.maximum(self._exponent, _exponents(np.abs(self._origin)))
        scaled = np.ldexp(self._origin, -exponent) + np.ldexp(self._mean, self._exponent - exponent)
        return np.ldexp(scaled, exponent)

    def deviation(self) -> Vector:
        """Return the standard deviation of each column (divisor n); 0 exactly where it is constant."""
        deviation = np.ldexp(np.sqrt(self._squares / self._n), self._exponent)
        return np.where(self._constant, 0.0, deviation)

    def _merge(self, n: int, exponent: npt.NDArray[np.int_], mean: Vector, squares: Vector) -> None:
        common = np.maximum(self._exponent, exponent)
        mine, theirs = self._exponent - common, exponent - common
        own_mean = np.ldexp(self._mean, mine)
        difference = np.ldexp(mean, theirs) - own_mean
        total = self._n + n
        self._mean = own_mean + difference * (n / total)
        between = difference**2 * (self._n * n / total)
        self._squares = np.ldexp(self._squares, 2 * mine) + np.ldexp(squares, 2 * theirs) + between
        self._exponent, self._n = common, total


class ByteMoments:
    """The moments of rows of whole numbers from -128 to 255, as those of pictures are.

    Their sums, and those of their squares, are exact in float64 up to 10^11 rows: no block needs a mean of its own.
    `ROWS_OF_BYTES` of them are exact in float32, too.

    Parameters
    ----------
    n_columns : int
    """

    def __init__(self, n_columns: int) -> None:
        self._sums: Vector = np.zeros(n_columns)
        self._squares: Vector = np.zeros(n_columns)
        self._n = 0

    def add(self, block: npt.NDArray[np.number]) -> None:
        """Take in further rows, of any type; not changed."""
        for start in range(0, len(block), ROWS_OF_BYTES):
            numbers = block[start : start + ROWS_OF_BYTES].astype(np.float32)
            self._sums += numbers.sum(axis=0)
            self._squares += np.einsum("ij,ij->j", numbers, numbers)
        self._n += len(block)

    def mean(self) -> Vector:
        """Return the mean of each column."""
        return self._sums / self._n

    def deviation(self) -> Vector:
        """Return the standard deviation of each column (divisor n); 0 exactly where it is constant."""
        n, sums = self._n, zip(self._sums, self._squares, strict=True)
        # Python's integers do not overflow, so that nothing is lost where the squares nearly cancel.
        return np.array([math.sqrt(n * int(squares) - int(total) ** 2) / n for total, squares in sums])


def _about_the_mean(differences: npt.NDArray[np.float64]) -> tuple[Vector, Vector]:
    """Return the means, and the sums of squares about them, of an array that is overwritten."""
    n = len(differences)
    mean = differences.sum(axis=0) / n
    differences -= mean
    rest = differences.sum(axis=0) / n  # what rounding left of the mean
    squares = np.einsum("ij,ij->j", differences, differences)
    return mean + rest, np.maximum(squares - n * rest**2, 0.0)


def _exponents(magnitudes: Vector) -> npt.NDArray[np.int_]:
    """Return 0 for numbers of moderate size, else the exponent that brings them below 1."""
    exponent = np.frexp(magnitudes)[1].astype(np.int_)
    return np.where(np.abs(exponent) <= MODERATE, 0, exponent)
