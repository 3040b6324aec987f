"""Events of devices that no registry names: held for a while, in order, bounded, and never committed past."""

import pytest

from processors.intake.pillar_event import intake
from schemas.codec import encode
from schemas.enums import PillarKind
from schemas.feeds import PillarEvent
from schemas.fusion_log import PillarFact
from schemas.topics import PILLAR_EVENTS
from streams.workers import unregistered_events
from streams.workers.unregistered_events import HOLD_S, MOST_RECORDS, HeldEvent, UnregisteredEvents
from tests.support.fakes import World, consumed
from tests.support.log_records import ms


class Held:
    """What is held, with a clock that is moved by hand."""

    def __init__(self) -> None:
        self.world = World("alarms")
        self.events = UnregisteredEvents(self.world.context)

    def hold(self, device_id: str, offset: int, partition: int = 0) -> bool:
        event = PillarEvent(
            device_id=device_id, kind=PillarKind.HEARTBEAT, occurred_at=ms(0), received_at=ms(0), event_id="e"
        )
        record = consumed(encode(event), topic=PILLAR_EVENTS, partition=partition, offset=offset)
        return self.events.hold(device_id, record, self.fact(event))

    @staticmethod
    def fact(event: PillarEvent) -> PillarFact:
        return intake(event, ms(0))

    def limit(self, partition: int = 0) -> int | None:
        return self.world.context.commit_limits.of(PILLAR_EVENTS, partition)


@pytest.fixture
def held() -> Held:
    return Held()


def offsets(events: list[HeldEvent]) -> list[int]:
    return [each.record.offset for each in events]


def test_what_is_held_of_a_device_is_taken_in_its_order(held: Held) -> None:
    for offset, device_id in enumerate(("A", "B", "A", "A")):
        assert held.hold(device_id, offset)
    assert held.events.devices == ["A", "B"]
    assert offsets(held.events.take("A")) == [0, 2, 3]
    assert held.events.devices == ["B"]
    assert held.events.take("A") == []


def test_no_commit_passes_it_before_it_is_settled(held: Held) -> None:
    held.hold("A", 4)
    held.hold("B", 2, partition=1)
    taken = held.events.take("A")
    assert held.limit() == 4, "it is taken, and not delivered yet"
    held.events.settled(taken)
    assert (held.limit(), held.limit(partition=1)) == (None, 2)


def test_after_a_while_it_is_overdue_and_what_came_later_is_not(held: Held) -> None:
    held.hold("A", 0)
    held.world.clock.seconds += HOLD_S - 1
    held.hold("A", 1)
    held.hold("B", 2)
    assert held.events.take_overdue() == []
    held.world.clock.seconds += 1
    overdue = held.events.take_overdue()
    assert [(each.device_id, each.record.offset) for each in overdue] == [("A", 0)]
    assert offsets(held.events.take("A")) == [1]
    assert held.events.devices == ["B"]


def test_a_bounded_number_is_held(held: Held) -> None:
    assert all(held.hold(f"D{number % 7}", number) for number in range(MOST_RECORDS))
    assert not held.hold("E", MOST_RECORDS)
    assert held.limit() == 0
    held.events.settled(held.events.take("D0"))
    assert held.hold("E", MOST_RECORDS)


def test_a_bounded_number_of_bytes_is_held(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    held.hold("A", 0)
    size = len(held.events.take("A")[0].record.value)
    monkeypatch.setattr(unregistered_events, "MOST_BYTES", 2 * size)
    assert [held.hold("A", offset) for offset in (1, 2, 3)] == [True, True, False]


def test_a_record_that_is_read_again_is_held_once(held: Held) -> None:
    """Its partition went to another worker and came back before anything was decided."""
    assert held.hold("A", 4)
    assert held.hold("A", 4)
    assert offsets(held.events.take("A")) == [4]
