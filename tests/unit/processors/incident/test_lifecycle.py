"""The table of transitions alone: where each transition leads, and that every state leads to an end."""

import pytest

from processors.incident.lifecycle import (
    OPEN,
    TRANSITIONS,
    Transition,
    is_possible,
    next_state,
    transition_of_device_cancel,
)
from schemas.enums import Grade, IncidentState

TERMINAL = (IncidentState.CLOSED, IncidentState.CANCELLED)

BY_PEOPLE = (
    Transition.ACCEPT,
    Transition.REJECT,
    Transition.EN_ROUTE,
    Transition.ON_SCENE,
    Transition.CLEAR,
    Transition.CLOSE,
    Transition.UNSHELVE,
    Transition.IN_SERVICE,
    Transition.HOLD_OVER,
    Transition.RESOLVE,
)
"""An ordinary end: neither cancelled nor expired, nor ended because its device has left."""


def arrows(
    steps: tuple[Transition, ...] = tuple(Transition),
) -> list[tuple[IncidentState | None, IncidentState]]:
    return [arrow for step in steps for arrow in TRANSITIONS[step].items()]


def reached(
    start: IncidentState | None, steps: tuple[Transition, ...] = tuple(Transition)
) -> set[IncidentState]:
    """Every state that can be reached from the given ones."""
    found: set[IncidentState] = set()
    waiting = [start]
    while waiting:
        at = waiting.pop()
        new = {to for before, to in arrows(steps) if before is at} - found
        found |= new
        waiting += new
    return found


def test_every_step_has_its_arrows_and_leads_to_where_the_table_says() -> None:
    assert set(TRANSITIONS) == set(Transition)
    for step, steps in TRANSITIONS.items():
        assert {before: next_state(before, step) for before in steps} == steps
        assert all(is_possible(before, step) for before in steps)


def test_every_state_of_the_table_is_open_or_terminal_and_is_reached_from_nothing() -> None:
    assert reached(None) == {*OPEN, *TERMINAL}
    assert {before for before, _ in arrows() if before is not None} == set(OPEN)


@pytest.mark.parametrize("state", OPEN)
def test_from_every_open_state_people_and_time_reach_closed(state: IncidentState) -> None:
    assert IncidentState.CLOSED in reached(state, BY_PEOPLE)


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("step", [Transition.CANCEL, Transition.EXPIRY, Transition.REMOVE])
def test_every_open_state_may_be_cancelled_expire_or_be_removed(
    state: IncidentState, step: Transition
) -> None:
    assert next_state(state, step) in TERMINAL


@pytest.mark.parametrize("step", list(Transition))
@pytest.mark.parametrize("state", [*TERMINAL, IncidentState.UNKNOWN])
def test_a_terminal_state_has_no_transition(state: IncidentState, step: Transition) -> None:
    assert not is_possible(state, step)
    with pytest.raises(KeyError):
        next_state(state, step)


@pytest.mark.parametrize("state", OPEN)
def test_no_fact_and_no_higher_grade_ever_ends_an_incident_or_leaves_it_cleared(
    state: IncidentState,
) -> None:
    over = {*TERMINAL, IncidentState.CLEARED, IncidentState.CLEARED_UNACKED}
    assert next_state(state, Transition.FACT) not in over
    assert next_state(state, Transition.REALARM) in {IncidentState.RAISED, IncidentState.ON_SCENE}


def test_a_close_needs_somebody_who_has_answered() -> None:
    assert not any(
        is_possible(state, Transition.CLOSE)
        for state in (
            IncidentState.CANDIDATE,
            IncidentState.RAISED,
            IncidentState.REJECTED,
            IncidentState.CLEARED_UNACKED,
        )
    )


@pytest.mark.parametrize("grade", [Grade.RED, Grade.UNKNOWN])
def test_a_device_ends_neither_a_red_nor_what_may_be_one(grade: Grade) -> None:
    assert transition_of_device_cancel(grade) is Transition.CANCEL_ASKED
    assert all(next_state(state, Transition.CANCEL_ASKED) is state for state in OPEN)


def test_a_device_ends_a_yellow_and_a_blue() -> None:
    assert {transition_of_device_cancel(grade) for grade in (Grade.YELLOW, Grade.BLUE)} == {Transition.CANCEL}
