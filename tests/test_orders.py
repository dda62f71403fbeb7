"""The orders of the rows are NumPy's, and so is what its generator draws after them."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.mersenne_twister import WORDS
from trainer.estimators import orders as orders_module
from trainer.estimators.orders import FEW, Orders


def orders_of_numpy(generator: np.random.RandomState, n_samples: int, n_epochs: int) -> np.ndarray:
    """Return what scikit-learn's perceptrons draw."""
    order, orders = np.arange(n_samples), []
    for _ in range(n_epochs):
        order = order[generator.permutation(n_samples)]
        orders.append(order)
    return np.array(orders)


def generators(seed: int, drawn: int) -> tuple[np.random.RandomState, np.random.RandomState]:
    """Return two equal generators that have drawn as many numbers of 32 bits."""
    pair = np.random.RandomState(seed), np.random.RandomState(seed)
    for generator in pair:
        generator.tomaxint(drawn // 2)
    return pair


@pytest.mark.parametrize("n_samples", [1, 2, 3, 4, 5, 8, 9, 31, 32, 33, 64, 65, 1000, 5000])
@pytest.mark.parametrize("drawn", [0, 2, WORDS - 2, WORDS, 1000])
def test_orders_and_what_is_drawn_after_them_are_those_of_numpy(
    monkeypatch: pytest.MonkeyPatch, n_samples: int, drawn: int
) -> None:
    monkeypatch.setattr(orders_module, "FEW", 1)
    own, expected = generators(n_samples, drawn)
    orders = Orders(n_samples, own)
    drawn_orders = [orders.draw(n_epochs) for n_epochs in (1, 3)]
    orders.end()
    np.testing.assert_array_equal(np.concatenate(drawn_orders), orders_of_numpy(expected, n_samples, 4))
    np.testing.assert_array_equal(own.standard_normal(3), expected.standard_normal(3))
    assert own.randint(2**31 - 1) == expected.randint(2**31 - 1)


def test_few_rows_and_many_are_drawn_alike_one_after_the_other() -> None:
    own, expected = generators(0, 7)
    orders = Orders(FEW // 3, own)
    drawn_orders = [orders.draw(n_epochs) for n_epochs in (1, 2, 3, 1)]  # from the third on, by compiled code
    orders.end()
    np.testing.assert_array_equal(np.concatenate(drawn_orders), orders_of_numpy(expected, FEW // 3, 7))
    assert own.randint(2**31 - 1) == expected.randint(2**31 - 1)


def test_a_generator_of_other_numbers_is_asked_itself() -> None:
    own, expected = (np.random.RandomState(np.random.PCG64(3)) for _ in range(2))
    orders = Orders(FEW, own)
    drawn_orders = orders.draw(2)
    orders.end()
    np.testing.assert_array_equal(drawn_orders, orders_of_numpy(expected, FEW, 2))
    assert own.randint(2**31 - 1) == expected.randint(2**31 - 1)


def test_without_a_generator_rows_are_taken_as_they_come() -> None:
    orders = Orders(5, None)
    assert orders.draw(3) is None
    orders.end()
