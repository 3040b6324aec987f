from hypothesis import given
from hypothesis import strategies as st

from processors.state.event_ids import WINDOW_SIZE, EventIdWindow, add_event, check_event
from schemas.enums import Reason
from schemas.units import EpochMs

told = st.lists(st.tuples(st.integers(0, 90).map(str), st.integers(0, 300).map(EpochMs)), max_size=200)


def after(events: list[tuple[str, EpochMs]]) -> EventIdWindow:
    """The window after some events; as in the fold, an event at or before the floor does not change it."""
    memory = EventIdWindow()
    for event_id, received_at in events:
        if check_event(memory, event_id, received_at) is not Reason.BEYOND_MEMORY:
            memory = add_event(memory, event_id, received_at)
    return memory


@given(told)
def test_no_event_is_ever_new_twice(events: list[tuple[str, EpochMs]]) -> None:
    memory = after(events)
    for event_id, received_at in events:
        assert check_event(memory, event_id, received_at) is not None


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


def test_a_resend_is_kept_from_its_own_time_on() -> None:
    memory = after([("e1", EpochMs(0)), ("e1", EpochMs(100))])
    for number in range(WINDOW_SIZE):
        memory = add_event(memory, f"later {number}", EpochMs(200 + number))
    assert check_event(memory, "e1", EpochMs(100)) is Reason.BEYOND_MEMORY


def test_a_full_window_still_takes_an_event_between_its_floor_and_its_oldest() -> None:
    memory = EventIdWindow()
    for number in range(WINDOW_SIZE + 1):
        memory = add_event(memory, str(number), EpochMs(number * 10))
    assert check_event(memory, "between", EpochMs(5)) is None
    assert (
        check_event(add_event(memory, "between", EpochMs(5)), "between", EpochMs(5)) is Reason.BEYOND_MEMORY
    )
