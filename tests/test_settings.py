"""Options given are completed by defaults that suit the data, and contradictions are refused."""

from __future__ import annotations

from typing import Any

import pytest

from trainer.checks import MAX_COUNT, MAX_LEGACY_SEED
from trainer.errors import InputError
from trainer.settings import MAX_UNITS, Settings, parse_hidden, resolve
from trainer.threads import MAX_THREADS


def settings(preset: str | None = None, data: str = "xor", task: str = "classify", **given: Any) -> Settings:
    return resolve(given, preset=preset, data=data, task=task)


def test_the_article_preset_is_the_articles_program() -> None:
    chosen = settings("article")
    assert (chosen.hidden, chosen.activation, chosen.loss) == ((10,), "sigmoid", "mse")
    assert (chosen.epochs, chosen.batch_size, chosen.shuffle) == (1_000_000, 50, False)
    assert (chosen.learning_rate, chosen.l2, chosen.l1, chosen.clip_norm) == (1e-3, 1e-6, 0.0, None)
    assert (chosen.bias, chosen.dtype, chosen.seed, chosen.schedule) == (False, "float64", 2017, "constant")
    assert chosen.article
    assert chosen.backend == "numba"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden", (50,)),
        ("learning_rate", 0.003),
        ("l2", 1e-4),
        ("epochs", 7),
        ("batch_size", 300),
        ("dtype", "float32"),
        ("seed", 3),
        ("bias", True),
        ("backend", "numpy"),
        ("activation", "tanh"),
        ("clip_norm", 2.0),
        ("schedule", "cosine"),
    ],
)
def test_everything_about_the_article_preset_can_be_overridden(name: str, value: object) -> None:
    chosen = settings("article", **{name: value})
    assert getattr(chosen, name) == value
    assert chosen.article
    assert not chosen.shuffle


def test_adam_has_a_learning_rate_of_its_own() -> None:
    assert settings(solver="adam").learning_rate == 1e-3
    assert settings(solver="adam", learning_rate=0.5).learning_rate == 0.5
    assert settings(solver="nesterov").learning_rate == settings().learning_rate


@pytest.mark.parametrize(
    ("preset", "given", "message"),
    [
        (None, {"momentum": 0.5}, "^momentum: given with the solver sgd, momentum and nesterov have one$"),
        (None, {"momentum": 0.9}, "^momentum: given with the solver sgd, momentum and nesterov have one$"),
        (None, {"solver": "adam", "momentum": 0.5}, "^momentum: given with the solver adam"),
        (None, {"solver": "lbfgs"}, "^solver: 'lbfgs' given, one of sgd, momentum, nesterov, adam, adamw accepted$"),
        ("article", {"solver": "adam"}, "^solver: adam given with the article's preset, which has none$"),
    ],
)
def test_solvers_that_do_not_fit_are_refused(preset: str | None, given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        settings(preset, **given)


def test_defaults_depend_on_data_and_task() -> None:
    plain, classes, numbers = settings(), settings(data="t.csv"), settings(data="t.csv", task="regress")
    assert not plain.article
    assert (plain.batch_size, plain.shuffle, plain.loss, plain.bias) == (None, False, "mse", True)
    assert (classes.loss, classes.shuffle) == ("cross_entropy", True)
    assert (numbers.loss, numbers.shuffle) == ("mse", True)
    assert {chosen.dtype for chosen in (plain, classes, numbers)} == {"float32"}


def test_classes_of_a_table_are_trained_by_adamw_unless_another_solver_is_asked_for() -> None:
    chosen = settings(data="t.csv")
    assert (chosen.hidden, chosen.solver, chosen.schedule) == ((128, 64), "adamw", "cosine")
    assert (chosen.learning_rate, chosen.weight_decay, chosen.l2) == (3e-3, 0.5, 0.0)
    assert settings(data="t.csv", solver="adamw") == chosen
    assert settings(data="t.csv", weight_decay=0.1).weight_decay == 0.1
    for solver, rate in (("sgd", 0.1), ("nesterov", 0.1), ("adam", 1e-3)):
        other = settings(data="t.csv", solver=solver)
        assert (other.hidden, other.schedule, other.learning_rate, other.l2) == ((64,), "constant", rate, 0.3)
    assert settings(solver="adamw").weight_decay == Settings.weight_decay


def test_counts_are_trained_by_adam_whose_steps_do_not_grow_with_them() -> None:
    counts = settings(data="t.csv", task="regress", loss="poisson")
    assert (counts.solver, counts.learning_rate) == ("adam", 1e-3)
    plain = settings(data="t.csv", task="regress", loss="poisson", solver="sgd")
    assert (plain.solver, plain.learning_rate) == ("sgd", settings(data="t.csv", task="regress").learning_rate)


@pytest.mark.parametrize("loss", ["mse", "absolute", "huber", "quantile", "poisson"])
def test_losses_of_regressions_are_refused_for_classes(loss: str) -> None:
    assert settings(data="t.csv", task="regress", loss=loss).loss == loss
    for data in ("xor", "t.csv"):
        if loss == "mse":
            assert settings(data=data, loss=loss).loss == loss
        else:
            message = f"^loss: {loss} given for a classification, mse or cross_entropy accepted$"
            with pytest.raises(InputError, match=message):
                settings(data=data, loss=loss)


def test_a_loss_parameter_is_checked_and_kept() -> None:
    for loss, value in (("huber", 2.5), ("quantile", 0.9)):
        assert settings(data="t.csv", task="regress", loss=loss, loss_parameter=value).loss_parameter == value
        assert settings(data="t.csv", task="regress", loss=loss).loss_parameter is None


@pytest.mark.parametrize(
    ("loss", "value", "message"),
    [
        (None, 0.5, "^loss-parameter: 0.5 given with the loss mse, huber and quantile have one$"),
        ("poisson", 0.5, "^loss-parameter: 0.5 given with the loss poisson, huber and quantile have one$"),
        ("huber", 0.0, "^loss-parameter: 0 given, a finite number above 0 accepted$"),
        ("huber", float("nan"), "^loss-parameter: nan given, a finite number above 0 accepted$"),
        ("quantile", 1.0, "^loss-parameter: 1 given, a number above 0 and below 1 accepted$"),
    ],
)
def test_loss_parameters_that_cannot_be_are_refused(loss: str | None, value: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        settings(data="t.csv", task="regress", loss=loss, loss_parameter=value)


def test_none_means_not_given() -> None:
    assert settings(epochs=None, hidden=None, l1=None) == settings()
    assert settings(l2=0.0, data="t.csv").l2 == 0.0


def test_batches_are_shuffled_unless_told_otherwise() -> None:
    assert settings(batch_size=10).shuffle
    assert not settings(batch_size=10, shuffle=False).shuffle
    assert not settings("article", batch_size=10).shuffle


@pytest.mark.parametrize(("epochs", "every"), [(1, 1), (249, 1), (250, 1), (20_000, 80), (1_000_000, 4000)])
def test_about_250_records_are_made(epochs: int, every: int) -> None:
    assert settings(epochs=epochs).log_every == every
    assert settings(epochs=epochs, log_every=7).log_every == 7


@pytest.mark.parametrize(
    "given",
    [
        {"epochs": 0},
        {"epochs": MAX_COUNT + 1},
        {"log_every": 0},
        {"log_every": MAX_COUNT + 1},
        {"batch_size": 0},
        {"batch_size": MAX_COUNT + 1},
        {"early_stopping": 0},
        {"early_stopping": MAX_COUNT + 1},
        {"seed": -1},
        {"threads": 0},
        {"threads": MAX_THREADS + 1},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"clip_norm": 0.0},
        {"l1": -1.0},
        {"l2": float("inf")},
        {"backend": "cuda"},
        {"activation": "softmax"},
        {"loss": "mae"},
        {"schedule": "linear"},
        {"dtype": "float16"},
    ],
    ids=str,
)
def test_values_out_of_range_are_named(given: dict[str, Any]) -> None:
    ((name, value),) = given.items()
    with pytest.raises(InputError, match=f"^{name.replace('_', '-')}: ") as caught:
        settings(**given)
    assert (repr(value) if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)) in str(
        caught.value
    )


def test_contradictions_are_refused() -> None:
    for given in ({"shuffle": True}, {"validation": 0.2}, {"l1": 0.1}, {"seed": MAX_LEGACY_SEED + 1}):
        with pytest.raises(InputError, match=f"^{next(iter(given))}: "):
            settings("article", **given)
    with pytest.raises(InputError, match=r"^preset: .*t\.csv"):
        settings("article", data="t.csv")
    with pytest.raises(InputError, match=r"^preset: 'book'"):
        settings("book")
    with pytest.raises(InputError, match=r"^loss: cross_entropy"):
        settings(data="t.csv", task="regress", loss="cross_entropy")
    assert settings(seed=MAX_LEGACY_SEED + 1).seed == MAX_LEGACY_SEED + 1


@pytest.mark.parametrize(
    ("preset", "given", "message"),
    [
        (
            None,
            {"early_stopping": 5},
            "^early-stopping: 5 given without rows to watch, a share for --validation ",
        ),
        (None, {"keep_best": True}, "^keep-best: True given without rows to watch, a share for --validation "),
        ("article", {"early_stopping": 5}, "^early-stopping: 5 given with the article's preset, which has none$"),
        ("article", {"keep_best": True}, "^keep-best: True given with the article's preset, which has none$"),
    ],
)
def test_what_watches_the_validation_loss_needs_validation(
    preset: str | None, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        settings(preset, **given)


def test_with_validation_its_loss_may_decide() -> None:
    chosen = settings(validation=0.2, early_stopping=5, keep_best=True)
    assert (chosen.early_stopping, chosen.keep_best) == (5, True)
    assert not settings(keep_best=False).keep_best


@pytest.mark.parametrize(
    ("text", "sizes"), [("50", (50,)), ("32,16", (32, 16)), (" 4 , 3,2 ", (4, 3, 2)), (str(MAX_UNITS), (MAX_UNITS,))]
)
def test_hidden_sizes_are_read(text: str, sizes: tuple[int, ...]) -> None:
    assert parse_hidden(text) == sizes


@pytest.mark.parametrize("text", ["", ",", "5,", "0", "-1", "4,0", "a", "1.5", "4;3", str(MAX_UNITS + 1), "9" * 40])
def test_hidden_sizes_that_cannot_be_are_quoted(text: str) -> None:
    with pytest.raises(InputError, match=r"^hidden: ") as caught:
        parse_hidden(text)
    assert repr(text) in str(caught.value)
