"""Data made on the spot: points of the plane, with their classes or with a number to learn.

All but `xor` and `moons` are those of TensorFlow Playground
(https://github.com/tensorflow/playground/blob/master/src/dataset.ts): its geometry, ranges and meaning of noise, drawn
by NumPy's PCG64. What they are called on the command line, and their class names, are in `dataset_tables`.
"""

from __future__ import annotations

import numpy as np

from trainer.checks import MAX_LEGACY_SEED, check_count, check_share

RADIUS = 5.0  # of the circles and of the spiral
HALF_WIDTH = 6.0  # of the square that the regressions draw points from
# Centres and heights of the cones of `gaussian`.
CONES = ((-4, 2.5, 1), (0, 2.5, -1), (4, 2.5, 1), (-4, -2.5, -1), (0, -2.5, 1), (4, -2.5, -1))


def xor(n: int = 300, random_state: int = 0, *, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return the article's data: points of a normal distribution, labelled by whether their signs differ.

    Parameters
    ----------
    n : int
        Number of samples.
    random_state : int
        Seed of NumPy's legacy generator; the article has 0.
    noise : float
        From 0 to 1, the article has 0: labels are those of points that are moved, distributed like the points, this
        many times as far.

    Returns
    -------
    X : float64 (n, 2)
        ``RandomState(random_state).randn(n, 2)``.
    Y : float64 (n, 2)
        One-hot: [1, 0] where both coordinates have the same sign, [0, 1] where the signs differ.
    """
    check_count("n", n)
    check_count("random_state", random_state, least=0, most=MAX_LEGACY_SEED)
    check_share("noise", noise, below_one=False)
    generator = np.random.RandomState(random_state)
    X = generator.randn(n, 2)
    labelled = X + noise * generator.randn(n, 2)
    differ = (labelled[:, 0] > 0) != (labelled[:, 1] > 0)
    return X, np.stack([~differ, differ], axis=1).astype(np.float64)


def circles(n: int = 500, random_state: int = 0, *, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return a disc and the ring around it, Playground's ``classifyCircleData``.

    Half of the points have a radius uniform in [0, 2.5), the others in [3.5, 5), and an angle uniform in [0, 2 pi).

    Parameters
    ----------
    n : int
        Number of samples.
    random_state : int
        Seed.
    noise : float
        From 0 to 1: classes are those of points moved by ``noise * uniform(-5, 5)`` in each coordinate.

    Returns
    -------
    X : float64 (n, 2)
        In shuffled order.
    y : int64 (n,)
        1 where the moved point is less than 2.5 from the origin, else 0.
    """
    generator = _generator(n, random_state, noise)
    inner = (n + 1) // 2
    radius = np.concatenate(
        [generator.uniform(0, RADIUS / 2, inner), generator.uniform(0.7 * RADIUS, RADIUS, n - inner)]
    )
    X = _polar(radius, generator.uniform(0, 2 * np.pi, n))
    moved = X + noise * generator.uniform(-RADIUS, RADIUS, (n, 2))
    return _shuffled(X, np.hypot(*moved.T) < RADIUS / 2, generator)


def moons(n: int = 500, random_state: int = 0, *, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return two half circles that reach into each other, as scikit-learn's ``make_moons`` does.

    With t at equal distances from 0 to pi: ``(cos t, sin t)``, and ``(1 - cos t, 1/2 - sin t)``.

    Parameters
    ----------
    n : int
        Number of samples.
    random_state : int
        Seed.
    noise : float
        From 0 to 1: the standard deviation of what is added to each coordinate.

    Returns
    -------
    X : float64 (n, 2)
        In shuffled order.
    y : int64 (n,)
        0 for the first of them, which is the upper one, else 1.
    """
    generator = _generator(n, random_state, noise)
    upper = n // 2
    first, second = np.linspace(0, np.pi, upper), np.linspace(0, np.pi, n - upper)
    X = np.concatenate(
        [np.stack([np.cos(first), np.sin(first)], 1), np.stack([1 - np.cos(second), 0.5 - np.sin(second)], 1)]
    )
    return _shuffled(X + noise * generator.standard_normal((n, 2)), np.arange(n) >= upper, generator)


def gaussians(n: int = 500, random_state: int = 0, *, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return two normal distributions, around (2, 2) and around (-2, -2), Playground's ``classifyTwoGaussData``.

    Parameters
    ----------
    n : int
        Number of samples.
    random_state : int
        Seed.
    noise : float
        From 0 to 1: the variance of each coordinate is ``1/2 + 7 * noise``.

    Returns
    -------
    X : float64 (n, 2)
        In shuffled order.
    y : int64 (n,)
        1 for points of the first distribution, else 0.
    """
    generator = _generator(n, random_state, noise)
    of_first = np.arange(n) < (n + 1) // 2
    centres = np.where(of_first, 2.0, -2.0)[:, np.newaxis]
    X = centres + np.sqrt(0.5 + 7 * noise) * generator.standard_normal((n, 2))
    return _shuffled(X, of_first, generator)


def spiral(n: int = 500, random_state: int = 0, *, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return two arms that wind around each other, Playground's ``classifySpiralData``.

    Point i of an arm has the radius ``r = 5 s`` and the angle ``t = 3.5 pi s`` with ``s = i / (n/2)``, and lies at
    ``(r sin t, r cos t)``; the second arm is turned by pi.

    Parameters
    ----------
    n : int
        Number of samples.
    random_state : int
        Seed.
    noise : float
        From 0 to 1: ``noise * uniform(-1, 1)`` is added to each coordinate.

    Returns
    -------
    X : float64 (n, 2)
        In shuffled order.
    y : int64 (n,)
        1 for the first arm, which ends at the left, 0 for the other.
    """
    generator = _generator(n, random_state, noise)
    first = (n + 1) // 2
    share = np.concatenate([np.arange(first), np.arange(n - first)]) / (n / 2)
    of_first = np.arange(n) < first
    X = _polar(RADIUS * share, 3.5 * np.pi * share + np.where(of_first, 0.0, np.pi))
    return _shuffled(X + noise * generator.uniform(-1, 1, (n, 2)), of_first, generator)


def plane(n: int = 1200, random_state: int = 0, *, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return points of a square and a linear function of them, Playground's ``regressPlane``.

    Parameters
    ----------
    n : int
        Number of samples.
    random_state : int
        Seed.
    noise : float
        From 0 to 1: y is that of points moved by ``noise * uniform(-6, 6)`` in each coordinate.

    Returns
    -------
    X : float64 (n, 2)
        Uniform in [-6, 6).
    y : float64 (n,)
        ``(x1 + x2) / 10``.
    """
    X, moved = _in_square(n, random_state, noise)
    return X, moved.sum(axis=1) / 10


def gaussian(n: int = 1200, random_state: int = 0, *, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return points of a square and the height of six bumps and hollows there, Playground's ``regressGaussian``.

    They are called Gaussians and are cones of radius 2 and height 1 or -1, at ``CONES``; their feet do not overlap.

    Parameters
    ----------
    n : int
        Number of samples.
    random_state : int
        Seed.
    noise : float
        From 0 to 1: y is that of points moved by ``noise * uniform(-6, 6)`` in each coordinate.

    Returns
    -------
    X : float64 (n, 2)
        Uniform in [-6, 6).
    y : float64 (n,)
        ``sum of sign * max(0, 1 - distance / 2)`` over the centres, of which at most one is not 0.
    """
    X, moved = _in_square(n, random_state, noise)
    y = np.zeros(n)
    for x1, x2, sign in CONES:
        y += sign * np.maximum(0.0, 1 - np.hypot(moved[:, 0] - x1, moved[:, 1] - x2) / 2)
    return X, y


def _generator(n: int, random_state: int, noise: float) -> np.random.Generator:
    """Check what every data set is made from, and return its generator."""
    check_count("n", n)
    check_count("random_state", random_state, least=0)
    check_share("noise", noise, below_one=False)
    return np.random.default_rng(random_state)


def _polar(radius: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Return points (n, 2) by radius and angle, counted clockwise from above as Playground does."""
    return np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)


def _in_square(n: int, random_state: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Return points of a square, and where noise moves them."""
    generator = _generator(n, random_state, noise)
    X = generator.uniform(-HALF_WIDTH, HALF_WIDTH, (n, 2))
    return X, X + noise * generator.uniform(-HALF_WIDTH, HALF_WIDTH, (n, 2))


def _shuffled(X: np.ndarray, positive: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows in an order that mixes the classes, and 1 where `positive`, else 0."""
    order = generator.permutation(len(X))
    return X[order], positive[order].astype(np.int64)
