"""Single kernels, called from Python: the three matrix products and the sigmoid.

A call costs a microsecond or two of its own, which shows in the smallest shapes, for both backends.
"""

from __future__ import annotations

import numpy as np

from bench.conftest import Measure
from bench.reference_step import ELEMENTWISE, UNIT_ROUNDOFF, Bounded, gamma, require_close
from bench.report import Workload
from bench.shapes import ActivationShape, ProductShape
from bench.variants import Variant
from kernels.activations import SIGMOID
from kernels.backends import BACKENDS


def check_product(a: np.ndarray, b: np.ndarray, computed: np.ndarray, dtype: str) -> None:
    """Raise ArithmeticError unless `computed` is a (m, k) times b (k, n), up to rounding.

    The sum of the magnitudes of an element's products is at most |row of a| |column of b|, by Cauchy and Schwarz.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    u = UNIT_ROUNDOFF[dtype] + UNIT_ROUNDOFF["float64"]
    magnitude = np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=0))
    require_close("product", computed, Bounded(a @ b, gamma(a.shape[1], u) * magnitude))


def test_product(product: ProductShape, variant: Variant, measure: Measure) -> None:
    generator = np.random.default_rng(0)
    a, b = (generator.standard_normal(extents).astype(variant.dtype) for extents in product.operand_shapes)
    out = np.full((product.m, product.n), np.nan, variant.dtype)
    multiply = getattr(BACKENDS[variant.backend], product.kernel)
    multiply(a, b, out)
    left = a.T if product.kernel == "matmul_tn" else a
    right = b.T if product.kernel == "matmul_nt" else b
    check_product(left, right, out, variant.dtype)
    measure(Workload("kernel", product.name, variant, product.m, product.flops), multiply, a, b, out)


def test_sigmoid(matrix: ActivationShape, variant: Variant, measure: Measure) -> None:
    """Repeated in place the sigmoid settles near 0.66: ordinary numbers, for which neither backend has a short cut."""
    h = np.random.default_rng(0).normal(0, 3, (matrix.rows, matrix.columns)).astype(variant.dtype)
    expected = 1 / (1 + np.exp(-h.astype(np.float64)))
    activate_inplace = BACKENDS[variant.backend].activate_inplace
    activate_inplace(SIGMOID, h)
    u = UNIT_ROUNDOFF[variant.dtype] + UNIT_ROUNDOFF["float64"]
    require_close("sigmoid", h, Bounded(expected, ELEMENTWISE * u * expected))
    measure(Workload("kernel", matrix.name, variant, matrix.rows, None), activate_inplace, SIGMOID, h)
