"""The share of a loss that is explained: its constants are the best ones, and scikit-learn has the same shares."""

from __future__ import annotations

import numpy as np
import pytest
from arithmetic import gamma
from sklearn.metrics import d2_absolute_error_score, d2_pinball_score, d2_tweedie_score, r2_score

from trainer import MLP
from trainer.explained_loss import explained, loss_of_best_constant, score_of

CASES = [
    ("mse", None),
    ("mean_mse", None),
    ("absolute", None),
    ("huber", 0.01),
    ("huber", 0.7),
    ("huber", 100.0),
    ("quantile", 0.1),
    ("quantile", 0.9),
    ("poisson", None),
]


def losses_of_constants(loss: str, parameter: float | None, y: np.ndarray, constants: np.ndarray) -> np.ndarray:
    """Return the loss of each constant output for one column of targets, by a network that has it for a bias."""
    outputs = "exp" if loss == "poisson" else "identity"
    model = MLP([1, 1], loss=loss, loss_parameter=parameter, output_activation=outputs, dtype="float64")
    model.weights[0][:], x, losses = 0, np.zeros((len(y), 1)), []
    for bias in np.log(constants) if loss == "poisson" else constants:
        model.biases[0][:] = bias
        losses.append(model.loss(x, y[:, np.newaxis]))
    return np.array(losses)


@pytest.mark.parametrize("rows", [1, 2, 7, 100])
@pytest.mark.parametrize(("loss", "parameter"), CASES)
def test_no_other_constant_has_a_smaller_loss(loss: str, parameter: float | None, rows: int) -> None:
    Y, n_outputs = np.random.default_rng(rows).gamma(2.0, 1.0, (rows, 3)), 3
    least, best, resolution = loss_of_best_constant(loss, parameter, Y), 0.0, 0.0
    for y in Y.T:  # the targets are among the constants, for the least absolute errors are at one of them
        constants = np.concatenate([y, np.linspace(y.min(), y.max(), 1001)])
        best += losses_of_constants(loss, parameter, y, constants).min()
        # The mean loss bends by at most 1, that of counts by one over their mean, which is about 2; half a step from
        # the least it is larger by an eighth of the step's square, times that.
        resolution += (np.ptp(y) / 1000) ** 2
    scale = n_outputs if loss == "mean_mse" else 1
    # Of counts, terms cancel that are larger than the loss.
    magnitudes = best + (Y * (2 + 2 * np.abs(np.log(Y)))).mean(axis=0).sum()
    rounding = gamma(3 * rows + 16, np.float64) * magnitudes
    assert least <= best / scale + rounding
    assert least >= best / scale - resolution - rounding


def test_shares_are_those_of_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    y = generator.poisson(3.0, (50, 1)).astype(np.float64)
    h = y + generator.uniform(0.1, 1.0, y.shape)
    for loss, parameter, expected in (
        ("mse", None, r2_score(y, h)),
        ("absolute", None, d2_absolute_error_score(y, h)),
        ("quantile", 0.8, d2_pinball_score(y, h, alpha=0.8)),
        ("poisson", None, d2_tweedie_score(y[:, 0], h[:, 0], power=1)),
    ):
        model = MLP(
            [1, 1],
            loss=loss,
            loss_parameter=parameter,
            output_activation="exp" if loss == "poisson" else "identity",
            dtype="float64",
        )
        model.weights[0][:], model.biases[0] = 1, [0.0]
        x = np.log(h) if loss == "poisson" else h
        share = explained(np.array([model.loss(x, y)]), loss_of_best_constant(loss, parameter, y))
        # Sums of 50 terms.
        assert share == pytest.approx(expected, rel=1e-12)


def test_squared_errors_alone_have_an_r2() -> None:
    assert {loss: score_of(loss) for loss, _ in CASES} == {
        "mse": "r2",
        "mean_mse": "r2",
        "absolute": "d2",
        "huber": "d2",
        "quantile": "d2",
        "poisson": "d2",
    }


def test_targets_that_are_all_the_same_leave_nothing_to_explain() -> None:
    for loss, parameter in CASES:
        of_constant = loss_of_best_constant(loss, parameter, np.zeros((3, 1)))
        assert of_constant == 0
        assert np.isneginf(explained(np.array([0.5]), of_constant))
