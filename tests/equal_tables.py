"""Comparing tables, field by field."""

from __future__ import annotations

import numpy as np

from trainer.table import Table


def assert_equal(first: Table, second: Table) -> None:
    """Assert that two tables hold the same, to the bit and of the same type."""
    np.testing.assert_array_equal(first.features(), second.features())
    np.testing.assert_array_equal(first.y, second.y)
    assert first.y.dtype == second.y.dtype
    for field in ("task", "classes", "feature_names", "target_name", "task_reason"):
        assert getattr(first, field) == getattr(second, field)
