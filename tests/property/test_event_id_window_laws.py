"""Laws of the windows of event ids: no event is new twice, and no press is ever dropped for a limit of memory."""

from hypothesis import given
from hypothesis import strategies as st

from processors.state.event_ids import (
    WINDOW_SIZE,
    EventIdWindow,
    add_event,
    add_in_order,
    check_event,
    has_event,
)
from schemas.enums import Reason
from schemas.units import EpochMs

told = st.lists(st.tuples(st.integers(0, 90).map(str), st.integers(0, 300).map(EpochMs)), max_size=200)


def after(events: list[tuple[str, EpochMs]]) -> EventIdWindow:
    """The window after some events; as in the fold, an event from before the floor does not change it."""
    memory = EventIdWindow()
    for event_id, received_at in events:
        if check_event(memory, event_id, received_at) is not Reason.BEYOND_MEMORY:
            memory = add_event(memory, event_id, received_at)
    return memory


@given(told)
def test_no_event_is_ever_new_twice_unless_it_came_together_with_what_is_forgotten(
    events: list[tuple[str, EpochMs]],
) -> None:
    memory = after(events)
    for event_id, received_at in events:
        assert check_event(memory, event_id, received_at) is not None or received_at == memory.floor


@given(told)
def test_a_window_is_bounded_and_in_order(events: list[tuple[str, EpochMs]]) -> None:
    memory = after(events)
    assert len(memory.ids) == len(memory.times) <= WINDOW_SIZE
    assert len(set(memory.ids)) == len(memory.ids)
    assert list(memory.times) == sorted(memory.times)


@given(told, st.integers(301, 400).map(EpochMs))
def test_an_event_received_after_the_floor_is_new(
    events: list[tuple[str, EpochMs]], received_at: EpochMs
) -> None:
    assert check_event(after(events), "never said", received_at) is None


@given(st.integers(1, 200))
def test_of_events_with_one_time_none_is_beyond_memory_however_many_they_are(count: int) -> None:
    memory = after([(str(number), EpochMs(100)) for number in range(count)])
    assert check_event(memory, "one more", EpochMs(100)) is None
    assert check_event(memory, "older", EpochMs(99)) is (
        Reason.BEYOND_MEMORY if count > WINDOW_SIZE else None
    )


def test_a_resend_is_kept_from_its_own_time_on() -> None:
    memory = after([("e1", EpochMs(0)), ("e1", EpochMs(100))])
    for number in range(WINDOW_SIZE):
        assert check_event(memory, "e1", EpochMs(100)) is Reason.DUPLICATE
        memory = add_event(memory, f"later {number}", EpochMs(200 + number))
    assert (memory.floor, "e1" in memory.ids) == (100, False)
    assert check_event(memory, "e1", EpochMs(99)) is Reason.BEYOND_MEMORY


def test_a_full_window_still_takes_an_event_between_its_floor_and_its_oldest() -> None:
    memory = EventIdWindow()
    for number in range(WINDOW_SIZE + 1):
        memory = add_event(memory, str(number), EpochMs(number * 10))
    assert check_event(memory, "between", EpochMs(5)) is None
    memory = add_event(memory, "between", EpochMs(5))
    assert (memory.floor, "between" in memory.ids) == (5, False)
    assert check_event(memory, "between", EpochMs(4)) is Reason.BEYOND_MEMORY


presses = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 300).map(EpochMs)), max_size=200)


def pressed(events: list[tuple[str, EpochMs]]) -> EventIdWindow:
    memory = EventIdWindow()
    for event_id, received_at in events:
        memory = add_in_order(memory, event_id, received_at)
    return memory


@given(presses)
def test_the_latest_presses_are_remembered_in_the_order_in_which_they_came(
    events: list[tuple[str, EpochMs]],
) -> None:
    memory = pressed(events)
    assert list(zip(memory.ids, memory.times, strict=True)) == events[-WINDOW_SIZE:]
    assert memory.floor is None


@given(presses, st.sampled_from("abcd"), st.integers(-50, 350).map(EpochMs), st.integers(0, 20))
def test_a_press_is_known_only_by_its_id_and_a_time_that_is_near(
    events: list[tuple[str, EpochMs]], event_id: str, received_at: EpochMs, within_ms: int
) -> None:
    near = [
        at for known, at in events[-WINDOW_SIZE:] if known == event_id and abs(at - received_at) <= within_ms
    ]
    assert has_event(pressed(events), event_id, received_at, within_ms) is bool(near)
