"""Bounds of rounding errors, after Higham, Accuracy and Stability of Numerical Algorithms (2002), chapters 2 and 3.

The model: an operation returns ``(a op b)(1 + e) + f`` with |e| <= u, the unit roundoff, and |f| <= half the least
subnormal number, where f can differ from 0 only in products and quotients that underflow. A fused multiply-add rounds
once, so that bounds for separate operations hold for it as well.

Exact results are computed in `EXACT`, the longest type that NumPy has. Where it is longer than float64 its own errors
are 2000 times below those that are bounded; where it is not, `unit_roundoff` is doubled to make room for them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

EXACT = np.longdouble
EXACT_IS_LONGER = np.finfo(EXACT).nmant >= 63


def unit_roundoff(dtype: Any) -> float:
    """Return u, half the distance from 1 to the next number of the type, plus the same of `EXACT`."""
    return float(np.finfo(dtype).eps) / 2 + float(np.finfo(EXACT).eps) / 2


def least_number(dtype: Any) -> float:
    """Return the least subnormal number: no product that underflows is off by more."""
    return float(np.finfo(dtype).smallest_subnormal)


def gamma(n: int, dtype: Any) -> float:
    """Return ``n u / (1 - n u)``, which bounds ``|(1 + e_1) ... (1 + e_n) - 1|`` (Higham, lemma 3.1)."""
    u = unit_roundoff(dtype)
    return n * u / (1 - n * u)


def dot_bound(n: int, magnitudes: Any, dtype: Any) -> Any:
    """Bound the error of a sum of n products, given the sum of their magnitudes.

    In whatever order the terms are added, each goes through at most n roundings: its product and n - 1 additions, or n
    fused operations (Higham, section 3.1). One more term, a bias, is one more operand with a product by 1.
    """
    return gamma(n, dtype) * magnitudes + n * least_number(dtype)


def sum_bound(n: int, magnitudes: Any, dtype: Any) -> Any:
    """Bound the error of a sum of n terms in any order: n - 1 roundings at most; sums do not underflow."""
    return gamma(max(n - 1, 1), dtype) * magnitudes


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the matrix product in `EXACT`."""
    return a.astype(EXACT) @ b.astype(EXACT)


def product_bound(a: np.ndarray, b: np.ndarray, *, bias: np.ndarray | None = None) -> np.ndarray:
    """Bound the error of each element of ``a @ b`` (plus a bias row), computed in the dtype of `a` in any order."""
    magnitudes = np.abs(a).astype(EXACT) @ np.abs(b).astype(EXACT)
    if bias is None:
        return dot_bound(a.shape[1], magnitudes, a.dtype)
    return dot_bound(a.shape[1] + 1, magnitudes + np.abs(bias), a.dtype)


def unit_in_last_place(exact: Any, dtype: Any) -> Any:
    """Return the distance of the type's neighbours in the binade that holds an exact value, as `EXACT`."""
    info = np.finfo(dtype)
    exponent = np.frexp(np.abs(np.asarray(exact, EXACT)))[1].clip(info.minexp + 1, info.maxexp)
    return np.ldexp(EXACT(1), exponent - info.nmant - 1)


def ulp_errors(computed: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Return errors in units of the last place of the dtype of `computed`; `exact` is in `EXACT`, which must be longer.

    Overflow counts as the power of two behind the largest number, so that a wrong infinity has an error.
    """
    beyond = EXACT(2) ** np.finfo(computed.dtype).maxexp
    bounded = np.clip(exact, -beyond, beyond)
    finite = np.where(np.isinf(computed), np.copysign(beyond, computed), computed.astype(EXACT))
    return np.abs(finite - bounded) / unit_in_last_place(bounded, computed.dtype)


def assert_within(computed: Any, exact: Any, bound: Any, what: str = "") -> None:
    """Fail where a computed value is not a number or farther from the exact one than the bound."""
    error = np.abs(np.asarray(computed).astype(EXACT) - exact)
    failed = ~(error <= bound)
    if np.any(failed):
        ratio = np.nanmax(np.where(failed, error / np.maximum(bound, np.finfo(EXACT).tiny), 0))
        raise AssertionError(
            f"{what}: {np.count_nonzero(failed)} of {np.size(error)} off, at worst {float(ratio):.3g} bounds"
        )
