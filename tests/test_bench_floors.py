"""Floors are judged by what was measured, and by all of it; every one names something that a run measures."""

from __future__ import annotations

from typing import Any

import pytest
import test_bench

load = test_bench.load


@pytest.fixture
def judge(load: Any) -> Any:
    """Return a function that judges a floor of two subjects by seconds and shares."""
    floors, reached = load("bench.floors"), load("bench.reached")

    def verdict(quantity: Any, bound: float, **measured: Any) -> tuple[float | None, str, str]:
        found = reached.judge(floors.Floor("work", quantity, ("a", "b"), bound), reached.Readings(**measured))
        return found.worst, found.subject, found.reached

    return verdict


def test_share_of_the_peak_counts_where_it_is_least(load: Any, judge: Any) -> None:
    share = load("bench.floors").Share("ours")
    measured = {("a", "ours"): 0.9, ("b", "ours"): 0.8, ("b", "other"): 0.1}
    assert judge(share, 0.8, shares=measured) == (0.8, "b", "yes")
    assert judge(share, 0.81, shares=measured) == (0.8, "b", "no")


def test_speedup_is_over_the_fastest_rival(load: Any, judge: Any) -> None:
    speedup = load("bench.floors").Speedup("ours", ("slow", "fast"))
    measured = {(subject, name): s for subject in "ab" for name, s in (("ours", 2.0), ("slow", 9.0), ("fast", 3.0))}
    assert judge(speedup, 1.5, seconds=measured) == (1.5, "a", "yes")
    assert judge(speedup, 1.5, seconds=measured | {("b", "ours"): 3.0}) == (1.0, "b", "no")


def test_duration_counts_where_it_is_longest(load: Any, judge: Any) -> None:
    duration = load("bench.floors").Duration("cold")
    measured = {("a", "cold"): 3.0, ("b", "cold"): 5.0}
    assert judge(duration, 5.0, seconds=measured) == (5.0, "b", "yes")
    assert judge(duration, 4.0, seconds=measured) == (5.0, "b", "no")


def test_a_part_of_the_measurements_can_deny_a_floor_but_not_confirm_it(load: Any, judge: Any) -> None:
    floors = load("bench.floors")
    share, speedup = floors.Share("ours"), floors.Speedup("ours", ("slow", "fast"))
    assert judge(share, 0.8) == (None, "", "not measured")
    assert judge(share, 0.8, shares={("a", "ours"): 0.9}) == (None, "", "not measured")
    assert judge(share, 0.8, shares={("a", "ours"): 0.7}) == (0.7, "a", "no")
    without_fast = {(subject, name): s for subject in "ab" for name, s in (("ours", 2.0), ("slow", 9.0))}
    assert judge(speedup, 1.5, seconds=without_fast) == (None, "", "not measured")
    assert judge(speedup, 5.0, seconds=without_fast) == (4.5, "a", "no")


def test_every_floor_is_about_something_that_is_measured(load: Any) -> None:
    floors, shapes, variants = load("bench.floors"), load("bench.shapes"), load("bench.variants")
    default = [variants.NUMBA, variants.Variant("numpy")]
    timed = {(shape.name, v.name) for shape in shapes.TRAINING_SHAPES for v in variants.step_variants(shape, default)}
    timed |= {(p.name, v.name) for p in shapes.PRODUCT_SHAPES for v in variants.product_variants(p, default)}
    peers = load("bench.peers.registry").PEERS
    timed |= {(shape.name, peer.name) for shape in shapes.TRAINING_SHAPES for peer in peers if peer.trains(shape)}
    timed |= {(floors.COMMAND, floors.COLD), (floors.COMMAND, floors.WARM)}
    timed |= {(floors.ARTICLE_RUN, floors.PRESET), (floors.ARTICLE_RUN, floors.ORIGINAL)}
    for floor in floors.FLOORS:
        quantity = floor.quantity
        contenders = [quantity.what] if isinstance(quantity, floors.Duration) else [quantity.contender]
        contenders += getattr(quantity, "rivals", ())
        assert floor.subjects
        assert {(subject, name) for subject in floor.subjects for name in contenders} <= timed, floor.work
    assert len({floor.work for floor in floors.FLOORS}) == len(floors.FLOORS)


def test_table_says_of_each_floor_whether_it_is_reached(load: Any) -> None:
    floors, reached = load("bench.floors"), load("bench.reached")
    readings = reached.Readings({(floors.COMMAND, floors.COLD): 14.0, (floors.COMMAND, floors.WARM): 1.3})
    table = reached.floors_table(floors.FLOORS, readings)
    said = dict(zip(table.columns[0].cells, table.columns[-1].cells, strict=True))
    assert said.pop(f"{floors.COMMAND}: {floors.COLD}") == "yes"
    assert said.pop(f"{floors.COMMAND}: {floors.WARM}") == "no"
    assert set(said.values()) == {"not measured"}
