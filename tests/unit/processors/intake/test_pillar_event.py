"""Intake of pillar events: the ids that it derives, and the times that it replaces."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from processors.intake.pillar_event import intake, record_place, to_input
from schemas.codec import decode, encode
from schemas.enums import InputKind, PillarKind
from schemas.errors import Cause, DecodeError
from schemas.feeds import PillarEvent
from schemas.fusion_log import PillarFact
from schemas.ids import ID_LENGTH, bounded_id
from schemas.units import DAY_MS, EpochMs

NOW = EpochMs(1_760_000_000_000)


def event(
    *,
    occurred: int = 0,
    received: int = 0,
    event_id: str | None = "e1",
    sequence: int | None = None,
    kind: PillarKind = PillarKind.PRESS,
) -> PillarEvent:
    return PillarEvent(
        device_id="P1",
        kind=kind,
        occurred_at=EpochMs(NOW + occurred),
        received_at=EpochMs(NOW + received),
        event_id=event_id,
        sequence=sequence,
    )


def test_an_event_with_possible_times_keeps_them_and_its_id() -> None:
    fact = intake(event(occurred=-5_000, received=-1_000), NOW)
    assert (fact.event_id, fact.occurred_at, fact.received_at) == ("e1", NOW - 5_000, NOW - 1_000)
    assert not fact.clock_suspect


@pytest.mark.parametrize("received", [-DAY_MS, 20_000])
def test_received_at_the_edge_of_the_possible_is_kept(received: int) -> None:
    assert intake(event(occurred=received, received=received), NOW).received_at == NOW + received


@pytest.mark.parametrize("received", [-DAY_MS - 1, 20_001, -NOW, 2**62])
def test_an_impossible_received_at_becomes_the_append_time(received: int) -> None:
    fact = intake(event(received=received), NOW)
    assert (fact.received_at, fact.clock_suspect) == (NOW, True)


@pytest.mark.parametrize("occurred", [-DAY_MS - 8, 20_001, -NOW])
def test_an_impossible_occurred_at_becomes_received_at(occurred: int) -> None:
    fact = intake(event(occurred=occurred, received=-7), NOW)
    assert (fact.occurred_at, fact.clock_suspect) == (NOW - 7, True)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_a_press_with_any_times_becomes_a_fact_with_possible_ones(occurred: int, received: int) -> None:
    fact = intake(replace(event(), occurred_at=EpochMs(occurred), received_at=EpochMs(received)), NOW)
    assert NOW - DAY_MS <= fact.received_at <= NOW + 20_000
    assert fact.received_at - DAY_MS <= fact.occurred_at <= fact.received_at + 20_000


# --- ids (F1) -----------------------------------------------------------------------------------------------------


HERE, THERE = record_place("topic", 1, 7), record_place("topic", 1, 8)


def nameless(**changes: Any) -> PillarEvent:
    return replace(event(event_id=None, sequence=4, kind=PillarKind.TAMPER), **changes)


@pytest.mark.parametrize("missing", [None, ""])
def test_a_resend_without_an_id_has_the_id_of_the_original(
    missing: str | None,
) -> None:
    given = encode(nameless(event_id=missing))
    sent = intake(decode(given, PillarEvent), NOW, place=HERE)
    resent = intake(decode(given, PillarEvent), EpochMs(NOW + 3_000), place=THERE)
    assert sent.event_id == resent.event_id


@pytest.mark.parametrize(
    "difference",
    [
        {"device_id": "P2"},
        {"kind": PillarKind.BATTERY},
        {"active": False},
        {"exercise": True},
        {"occurred_at": EpochMs(NOW + 1)},
        {"sequence": 5},
        {"sequence": None},
        {"sequence": 0},
        {"received_at": EpochMs(NOW + 1)},
    ],
    ids=lambda difference: next(iter(difference)),
)
def test_each_field_that_differs_makes_another_event(difference: dict[str, Any]) -> None:
    other = nameless(**difference)
    assert intake(nameless(), NOW, place=HERE).event_id != intake(other, NOW, place=HERE).event_id


def test_an_event_without_a_counter_is_not_the_one_with_counter_zero() -> None:
    without, zero = nameless(sequence=None), nameless(sequence=0)
    assert intake(without, NOW).event_id != intake(zero, NOW).event_id


def test_a_fault_that_comes_and_goes_within_one_second_of_the_device_s_clock_is_two_events() -> None:
    begins = nameless(received_at=EpochMs(NOW + 100))
    ends = nameless(received_at=EpochMs(NOW + 700), active=False)
    assert intake(begins, NOW).event_id != intake(ends, NOW).event_id


@pytest.mark.parametrize("sequence", [None, 0, 1])
@pytest.mark.parametrize("occurred", [-NOW, 0, -3_600_000], ids=["dead clock", "right clock", "frozen clock"])
def test_presses_of_a_pillar_with_a_dead_clock_and_no_counter_are_not_one_press(
    occurred: int, sequence: int | None
) -> None:
    first = event(event_id=None, occurred=occurred, sequence=sequence, received=0)
    second = event(event_id=None, occurred=occurred, sequence=sequence, received=60_000)
    assert intake(first, NOW).event_id != intake(second, EpochMs(NOW + 60_000)).event_id


@pytest.mark.parametrize("received", [-NOW, -DAY_MS - 1, 20_001, 100 * DAY_MS])
def test_where_the_gateway_s_time_is_impossible_the_place_tells_two_presses_apart(received: int) -> None:
    given = event(event_id=None, occurred=-NOW, received=received)
    here, again = intake(given, NOW, place=HERE), intake(given, NOW, place=HERE)
    assert here.event_id == again.event_id, "read again, it is the same event"
    assert here.event_id != intake(given, NOW, place=THERE).event_id
    assert here.event_id != intake(given, EpochMs(NOW + 60_000)).event_id, "a caller that knows no place"


def test_a_source_s_own_id_is_kept_whatever_the_clocks_say() -> None:
    given = event(occurred=-NOW, received=-NOW)
    assert intake(given, NOW, place=HERE).event_id == intake(given, NOW, place=THERE).event_id == "e1"


@given(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**63), 2**63 - 1),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
)
def test_reading_a_record_again_never_changes_the_id(
    occurred: int, received: int, sequence: int | None, is_active: bool
) -> None:
    given = nameless(
        occurred_at=EpochMs(occurred), received_at=EpochMs(received), sequence=sequence, active=is_active
    )
    read = [intake(decode(encode(given), PillarEvent), NOW, place=HERE).event_id for _ in range(2)]
    assert read[0] == read[1]


def test_an_overlong_id_is_shortened_and_stays_unique() -> None:
    ids = {bounded_id("x" * 1000 + end) for end in "ab"}
    assert len(ids) == 2
    assert all(len(name) <= ID_LENGTH for name in ids)
    assert bounded_id("x" * ID_LENGTH) == "x" * ID_LENGTH


def test_an_event_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(DecodeError) as caught:
        intake(event(kind=PillarKind.UNKNOWN), NOW)
    assert caught.value.cause is Cause.INVALID_FIELD


def test_the_envelope_carries_the_fact_under_its_zone() -> None:
    fact = intake(event(), NOW)
    envelope = to_input(fact, "east")
    assert (envelope.kind, envelope.zone, envelope.event_id) == (InputKind.PILLAR_EVENT, "east", "e1")
    assert decode(envelope.payload, PillarFact) == fact
