import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from processors.intake.pillar_event import ID_LENGTH, bounded_id, intake, to_input
from schemas.codec import decode
from schemas.enums import InputKind, PillarKind
from schemas.errors import Cause, DecodeError
from schemas.feeds import PillarEvent
from schemas.fusion_log import PillarFact
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


@pytest.mark.parametrize("missing", [None, ""])
def test_a_resend_without_an_id_has_the_id_of_the_original(missing: str | None) -> None:
    sent = intake(event(event_id=missing, sequence=4), NOW)
    resent = intake(event(event_id=missing, sequence=4, received=3_000), EpochMs(NOW + 3_000))
    assert sent.event_id == resent.event_id


def test_events_without_an_id_differ_by_kind_time_and_sequence() -> None:
    told = {
        intake(given, NOW).event_id
        for given in (
            event(event_id=None),
            event(event_id=None, occurred=1),
            event(event_id=None, sequence=0),
            event(event_id=None, kind=PillarKind.CANCEL),
        )
    }
    assert len(told) == 4


def test_presses_of_a_pillar_with_a_dead_clock_and_no_counter_are_not_one_press() -> None:
    first = intake(event(event_id=None, occurred=-NOW, received=0), NOW)
    second = intake(event(event_id=None, occurred=-NOW, received=60_000), EpochMs(NOW + 60_000))
    assert first.event_id != second.event_id


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
