"""The axes of a learning curve show every value of a healthy run, and the healthy part of an exploded one."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.errors import InputError
from trainer.learning_curves import accuracy_limits, loss_curves, loss_limits, r2_limits, score_curves


def test_limits_of_healthy_runs_hold_every_value() -> None:
    loss = np.array([1000.0, 10.0, 0.5])
    limits = loss_limits([loss])
    assert limits.log
    assert limits.low < 0.5 < 1000.0 < limits.high
    assert limits.extreme is None
    assert not loss_limits([np.array([0.26, 0.24])]).log
    assert not loss_limits([np.array([5.0, 0.0])]).log
    constant = loss_limits([np.full(9, 0.25)])
    assert constant.low < 0.25 < constant.high
    assert loss_limits([np.array([np.nan, np.inf])]).extreme is None
    assert accuracy_limits([np.array([47.0, 100.0])]).low < 40.0
    assert r2_limits([np.array([-0.5, 0.9])]).extreme is None
    assert r2_limits([np.array([-7.0, 0.9])]).extreme == -7.0


def test_an_explosion_is_left_out_of_the_limits_and_reported() -> None:
    limits = loss_limits([np.array([0.5, 0.4, 0.3, 0.35, 4.9, 5.1, 1e30, np.inf])])
    # The median of the finite values, 0.5, is also the first: ten times that is the most that is shown.
    assert 4.9 < limits.high < 6.0
    assert limits.extreme == 1e30
    assert limits.drawable[0] < limits.low < limits.high < limits.drawable[1]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"epoch": np.arange(3)}, "loss is needed"),
        ({"loss": np.ones(3)}, "epoch is needed"),
        ({"epoch": np.arange(3), "loss": np.ones(4)}, r"loss has shape \(4,\)"),
        ({"epoch": np.arange(0), "loss": np.ones(0)}, "no records"),
    ],
)
def test_unusable_history_is_refused(columns: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(InputError, match=message):
        loss_curves(columns)


def test_a_history_without_a_score_is_refused() -> None:
    with pytest.raises(InputError, match="accuracy, r2 or d2 is needed"):
        score_curves({"epoch": np.arange(3), "loss": np.ones(3)})
