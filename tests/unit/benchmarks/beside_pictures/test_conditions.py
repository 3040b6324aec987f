"""What a run of the bench goes through."""

import pytest

from benchmarks.beside_pictures.conditions import (
    ALL,
    BY_NAME,
    NOTHING,
    OWN,
    SHIPPED,
    SLICE_S,
    SLICES,
    STARTS,
    Feeder,
    Plan,
    turns,
)

ESCALATES_AFTER_S = 30.0


def test_every_condition_is_measured_and_has_a_name_of_its_own() -> None:
    assert {name for start in STARTS for name in start} == set(BY_NAME)
    assert len(BY_NAME) == len(ALL)


def test_each_condition_is_measured_with_our_workers_and_with_honest_hops_in_turns() -> None:
    assert turns((SHIPPED,), 4) == [(SHIPPED, True), (SHIPPED, False)] * 2
    assert turns((NOTHING, "burners"), 4) == [
        (NOTHING, True),
        (NOTHING, False),
        ("burners", True),
        ("burners", False),
    ]


def test_the_presses_of_a_start_do_not_escalate_while_it_is_measured() -> None:
    assert SLICES * SLICE_S < ESCALATES_AFTER_S


@pytest.mark.parametrize("start", STARTS)
def test_conditions_of_one_start_differ_only_in_what_can_change_beside_running_workers(
    start: tuple[str, ...],
) -> None:
    first, *others = map(BY_NAME.__getitem__, start)
    for other in others:
        for field in ("has_workers", "settings", "broker", "has_listener", "is_background", "quota"):
            assert getattr(other, field) == getattr(first, field)


def test_each_remedy_changes_one_thing_of_pictures_as_shipped() -> None:
    shipped = BY_NAME[SHIPPED]
    for name in (
        "fetch_quota",
        "produce_quota",
        "request_quota",
        "small_fetches",
        "own_listener",
        "own_broker",
    ):
        told_apart = ("name", "what", "needs_cores")
        changed = [
            field
            for field in shipped._fields
            if field not in told_apart and getattr(BY_NAME[name], field) != getattr(shipped, field)
        ]
        assert len(changed) == 1, (name, changed)


def test_a_broker_that_runs_in_the_background_is_one_of_its_own() -> None:
    assert all(condition.broker == OWN for condition in ALL if condition.is_background)


def test_what_is_fed_steadily_comes_after_what_says_how_much() -> None:
    order = [name for start in STARTS for name in start]
    steady = [condition.name for condition in ALL if condition.feeder is Feeder.STEADY]
    assert all(order.index(SHIPPED) < order.index(name) for name in steady)


def test_the_reference_is_measured_whatever_is_wanted() -> None:
    plan = Plan.of(["own_broker"], quick=False, rounds=2)
    assert plan.starts == ((NOTHING,), (NOTHING,), ("own_broker",)) * 2


def test_a_quick_run_is_shorter_in_every_way() -> None:
    quick, whole = (Plan.of(BY_NAME, quick=quick, rounds=1) for quick in (True, False))
    assert len(quick.starts) < len(whole.starts)
    assert quick.slice_s < whole.slice_s
    assert quick.warm_up_s < whole.warm_up_s
