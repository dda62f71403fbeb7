"""The three matrix products and the affine map, for extents around every tile edge, within the bound of a dot product.

Operands lie between NaNs and the result, which begins as NaN, between canaries: what is read too far spoils the result,
and what is written too far shows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest
from arithmetic import EXACT, assert_within, product, product_bound
from memory import Surrounded

from kernels import blocking
from kernels.backends import Backend

pytestmark = pytest.mark.vector_length

PRODUCTS = ("matmul", "matmul_tn", "matmul_nt", "affine")
DTYPES = (np.float32, np.float64)
Extents = tuple[int, int, int]

# All counts that the blocking names, whatever their names are, and the width of a register tile.
_COUNTS = {value for name, value in vars(blocking).items() if name.isupper() and isinstance(value, int)}
_NR = {blocking.NV * blocking.VECTOR_BYTES // np.dtype(dtype).itemsize for dtype in DTYPES}
SMALL_COUNTS = sorted(count for count in _COUNTS | _NR if 12 < count <= 64)
LARGE_COUNTS = sorted(count for count in _COUNTS | _NR if count > 64)


def small_extents() -> Iterable[Extents]:
    """Every m, n, k from 1 to 12."""
    return ((m, n, k) for m in range(1, 13) for n in range(1, 13) for k in range(1, 13))


def tile_extents() -> Iterable[Extents]:
    """Rows and columns beside and on the edges of register tiles, and two tiles and one more; few and many products."""
    edges = sorted({1, *(count + d for count in SMALL_COUNTS for d in (-1, 0, 1)), *(2 * count + 1 for count in _NR)})
    return itertools.product(edges, edges, (1, 5, 33))


def block_extents() -> Iterator[Extents]:
    """Each extent beside and on the edges of blocks, the others within and beyond a register tile."""
    for count, d in itertools.product(LARGE_COUNTS, (-1, 0, 1)):
        edge = count + d
        yield from ((edge, 3, 2), (2, edge, 3), (3, 2, edge), (5, 35, edge), (edge, 5, 35))
    for count in LARGE_COUNTS[:2]:
        yield count + 1, count + 1, 7
        yield 17, count + 1, count + 1


def operands(name: str, extents: Extents, dtype: type, generator: np.random.Generator) -> list[np.ndarray]:
    """Return a (m, k), b (k, n) and, for affine, a bias (n,)."""
    m, n, k = extents
    shapes: list[tuple[int, ...]] = [(m, k), (k, n)] + ([(n,)] if name == "affine" else [])
    return [generator.standard_normal(shape).astype(dtype) for shape in shapes]


def call(backend: Backend, name: str, a: np.ndarray, b: np.ndarray, *bias: np.ndarray) -> np.ndarray:
    """Return a @ b, plus the bias, by a product of the backend, which must write nothing else."""
    laid_out = [a.T if name == "matmul_tn" else a, b.T if name == "matmul_nt" else b, *bias]
    inputs = [Surrounded(operand, a.dtype, around=np.nan) for operand in laid_out]
    out = Surrounded(np.full((a.shape[0], b.shape[1]), np.nan), a.dtype)
    with np.errstate(invalid="ignore"):
        getattr(backend, name)(*(operand.array for operand in inputs), out.array)
    for operand in inputs:
        operand.assert_unchanged()
    out.assert_margins_unchanged()
    return out.array


def assert_exact_up_to_rounding(backend: Backend, name: str, extents: Extents, dtype: type) -> None:
    a, b, *bias = operands(name, extents, dtype, np.random.default_rng(extents))
    exact = product(a, b) + (bias[0] if bias else 0)
    bound = product_bound(a, b, bias=bias[0] if bias else None)
    assert_within(call(backend, name, a, b, *bias), exact, bound, f"{name} {np.dtype(dtype)} m, n, k = {extents}")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("extents", [small_extents, tile_extents, block_extents])
def test_products_are_exact_up_to_rounding(
    backend: Backend, name: str, dtype: type, extents: Callable[[], Iterable[Extents]]
) -> None:
    for m_n_k in extents():
        assert_exact_up_to_rounding(backend, name, m_n_k, dtype)


def test_affine_adds_nothing_where_the_bias_is_empty(backend: Backend) -> None:
    a, b = operands("matmul", (15, 33, 9), np.float32, np.random.default_rng(0))
    without, plain = call(backend, "affine", a, b, np.empty(0, np.float32)), call(backend, "matmul", a, b)
    assert without.tobytes() == plain.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("special", [np.nan, np.inf])
@pytest.mark.parametrize("extents", [(3, 5, 7), (15, 33, 9), (31, 70, 40)])
def test_nan_and_infinity_reach_their_row_or_column_and_nothing_else(
    backend: Backend, name: str, dtype: type, special: float, extents: Extents
) -> None:
    # Padding with zeros must not meet an infinity in a valid result: inf * 0 is NaN.
    m, n, k = extents
    a, b, *bias = operands(name, extents, dtype, np.random.default_rng(extents))
    for row, p, column in ((0, 0, 0), (m - 1, k - 1, n - 1), (m // 2, k // 2, n // 2)):
        in_row, in_column = a.copy(), b.copy()
        in_row[row, p], in_column[p, column] = special, special
        for first, second in ((in_row, b), (a, in_column)):
            out = call(backend, name, first, second, *bias)
            with np.errstate(invalid="ignore"):
                exact = product(first, second)
            affected = ~np.isfinite(exact)
            assert affected.sum() in (n, m)
            np.testing.assert_array_equal(out[affected], exact[affected].astype(dtype))
            assert np.isfinite(out[~affected]).all()


def test_infinity_times_a_zero_of_the_operand_is_nan_in_that_element_only(backend: Backend) -> None:
    a, b = operands("matmul", (15, 33, 9), np.float32, np.random.default_rng(1))
    a[14, 8], b[8, 32] = np.inf, 0.0
    out = call(backend, "matmul", a, b)
    assert np.isnan(out[14, 32])
    assert np.isinf(out[14, :32]).all()
    assert np.isfinite(out[:14]).all()


@pytest.mark.parametrize("special", [np.nan, np.inf])
def test_a_special_bias_reaches_its_column_only(backend: Backend, special: float) -> None:
    a, b, bias = operands("affine", (15, 33, 9), np.float32, np.random.default_rng(2))
    bias[32] = special
    out = call(backend, "affine", a, b, bias)
    np.testing.assert_array_equal(out[:, 32], np.full(15, special, np.float32))
    assert np.isfinite(out[:, :32]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PRODUCTS)
def test_whole_numbers_are_multiplied_without_error(backend: Backend, name: str, dtype: type) -> None:
    # Sums below 2**24 are exact in both types, so that every order of summation gives the same bits.
    generator = np.random.default_rng(4)
    for m, n, k in ((14, 32, 100), (29, 65, 300)):
        a: np.ndarray = generator.integers(-99, 100, (m, k)).astype(dtype)
        b: np.ndarray = generator.integers(-99, 100, (k, n)).astype(dtype)
        bias: np.ndarray = generator.integers(-99, 100, n).astype(dtype)
        added = [bias] if name == "affine" else []
        exact = a.astype(EXACT) @ b.astype(EXACT) + (bias if added else 0)
        np.testing.assert_array_equal(call(backend, name, a, b, *added), exact.astype(dtype))
