"""The alarms agent and devices that no registry names yet (F20): held, forwarded or given up, and no press waits."""

import pytest

from schemas.codec import decode, encode
from schemas.enums import PillarKind
from schemas.errors import AccessDenied, BrokerUnavailable, Cause, DeliveryFailed
from schemas.feeds import PillarEvent
from schemas.fusion_log import PillarFact
from schemas.ids import ID_LENGTH
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import FUSION_INPUT, PILLAR_EVENTS, REGISTRY
from streams.workers.alarms import AlarmsAgent
from streams.workers.unregistered_events import MOST_RECORDS
from tests.support.alarm_events import event, facts, is_event, notices
from tests.support.fakes import World, batch, decided, done, hot_second, kept, registered, run, settled
from tests.support.log_records import ZONE, device

NO_PRESS = [kind for kind in PillarKind if kind not in {PillarKind.PRESS, PillarKind.UNKNOWN}]


class Unregistered:
    """An alarms worker whose registry names P1 alone, until it is told of more."""

    def __init__(self) -> None:
        self.world = World("alarms")
        self.site = self.world.reader.holds(REGISTRY, registered(device("P1")))
        self.agent = AlarmsAgent(self.world.context)
        self._offset = 0
        run(self.agent.start())

    def sends(self, *events: PillarEvent) -> None:
        done(self.world, self.agent, batch(*map(encode, events), topic=PILLAR_EVENTS, start=self._offset))
        self._offset += len(events)

    def registers(self, device_id: str) -> None:
        self.site.arrive(*registered(device(device_id)))

    def second(self, count: int = 1) -> None:
        for _ in range(count):
            self.world.clock.seconds += 1
            hot_second(self.world, self.agent)

    @property
    def facts(self) -> list[tuple[str, str, str]]:
        """(device, event id, zone) of every pillar event in the log."""
        found = [
            (fact.zone, decode(fact.payload, PillarFact)) for fact in facts(self.world) if is_event(fact)
        ]
        return [(made.device_id, made.event_id, zone) for zone, made in found]

    @property
    def causes(self) -> list[Cause]:
        return [letter.cause for letter in self.world.delivery.dead_letters(PILLAR_EVENTS)]

    @property
    def limit(self) -> int | None:
        return self.world.context.commit_limits.of(PILLAR_EVENTS, 0)


def heartbeat(device_id: str = "P2", event_id: str = "h1") -> PillarEvent:
    return event(PillarKind.HEARTBEAT, device_id, event_id)


@pytest.fixture
def town() -> Unregistered:
    return Unregistered()


@pytest.mark.parametrize("kind", NO_PRESS)
def test_what_nobody_registers_in_five_seconds_is_dead_lettered_and_names_its_device(
    town: Unregistered, kind: PillarKind
) -> None:
    town.sends(event(kind, "P2"))
    town.second(4)
    assert town.causes == []
    town.second()
    assert town.causes == [Cause.UNKNOWN_DEVICE]
    (notice,) = notices(town.world)
    assert (notice.cause, notice.device_id, notice.offset) == (Cause.UNKNOWN_DEVICE, "P2", 0)
    assert town.facts == []
    town.second(10)
    assert town.causes == [Cause.UNKNOWN_DEVICE], "once"


@pytest.mark.parametrize("after_s", [1, 4])
def test_an_event_whose_registry_is_on_its_way_is_forwarded_when_it_comes(
    town: Unregistered, after_s: int
) -> None:
    town.sends(heartbeat())
    town.second(after_s - 1)
    town.registers("P2")
    town.second()
    assert town.facts == [("P2", "h1", ZONE)]
    town.second(10)
    assert (town.causes, notices(town.world)) == ([], [])


def test_the_registry_is_looked_at_as_soon_as_an_event_names_a_device_that_it_does_not(
    town: Unregistered,
) -> None:
    town.registers("P2")
    town.sends(heartbeat(), event(device_id="P2", event_id="e1"))
    assert town.facts == [("P2", "h1", ZONE), ("P2", "e1", ZONE)]


def test_a_press_of_a_device_that_was_just_registered_is_in_its_zone(town: Unregistered) -> None:
    town.registers("P2")
    town.sends(event(device_id="P2"))
    assert town.facts == [("P2", "e1", ZONE)]


def test_no_press_waits_for_a_registry(town: Unregistered) -> None:
    town.sends(heartbeat(), event(), event(device_id="P3", event_id="e3"))
    assert town.facts == [("P1", "e1", ZONE), ("P3", "e3", UNASSIGNED_ZONE)]
    assert [record.topic for record in town.world.delivery.lists[0]] == [FUSION_INPUT, FUSION_INPUT]


def test_the_events_of_a_device_keep_their_order(town: Unregistered) -> None:
    begins, ends = event(PillarKind.TAMPER, "P2", "t1"), event(PillarKind.TAMPER, "P2", "t2")
    town.sends(begins)
    town.registers("P2")
    town.world.clock.seconds += 1
    town.sends(ends, event(device_id="P2", event_id="e1"))
    assert [event_id for _, event_id, _ in town.facts] == ["t1", "t2", "e1"]
    town.second(10)
    assert len(town.facts) == 3


def test_no_commit_passes_what_is_held_before_it_is_delivered(town: Unregistered) -> None:
    town.sends(event(), heartbeat(), event(event_id="e2"))
    assert town.limit == 1
    town.registers("P2")
    town.world.delivery.refused = frozenset({FUSION_INPUT})
    with pytest.raises(DeliveryFailed):
        town.second()
    assert town.limit == 1
    town.world.delivery.refused = frozenset()


@pytest.mark.parametrize("is_named", [True, False])
def test_commits_go_on_once_it_is_decided_about(town: Unregistered, is_named: bool) -> None:
    town.sends(heartbeat())
    if is_named:
        town.registers("P2")
    town.second(5)
    assert town.limit is None


def test_commits_go_on_when_a_later_event_brings_a_held_one_with_it(town: Unregistered) -> None:
    town.sends(heartbeat())
    town.registers("P2")
    town.world.clock.seconds += 1
    town.sends(heartbeat(event_id="h2"))
    assert (town.limit, town.causes) == (None, [])


def test_what_is_read_again_after_a_crash_leads_to_the_same_records() -> None:
    first, second = Unregistered(), Unregistered()
    for town in (first, second):
        town.sends(event(), heartbeat())
    first.second(5)
    second.second(3)  # and then it is killed: the heartbeat is not committed
    third = Unregistered()
    third.sends(event(), heartbeat())
    third.second(5)
    assert second.world.delivery.sent == first.world.delivery.sent[:1]
    assert third.world.delivery.sent == first.world.delivery.sent


def test_beyond_a_bounded_number_an_event_is_dead_lettered_at_once(town: Unregistered) -> None:
    town.sends(*(heartbeat(f"X{number}") for number in range(MOST_RECORDS + 3)), event())
    assert town.causes == [Cause.UNKNOWN_DEVICE] * 3
    assert town.facts == [("P1", "e1", ZONE)]
    town.second(5)
    assert len(town.causes) == MOST_RECORDS + 3


def test_an_unknown_device_s_id_of_any_length_fits_into_a_report(town: Unregistered) -> None:
    town.sends(heartbeat("x" * 10_000))
    town.second(5)
    (notice,) = notices(town.world)
    assert len(notice.device_id) <= ID_LENGTH


def test_a_record_that_cannot_be_read_names_no_device(town: Unregistered) -> None:
    done(town.world, town.agent, batch(b"poison", topic=PILLAR_EVENTS))
    assert [notice.device_id for notice in notices(town.world)] == [""]


def test_a_registry_that_we_may_not_read_ends_the_worker_and_rejects_nothing(town: Unregistered) -> None:
    town.site.failure = AccessDenied("not for you")
    with pytest.raises(AccessDenied):
        town.sends(heartbeat())
    assert town.causes == []


def test_a_registry_that_cannot_be_read_for_a_while_delays_no_press(town: Unregistered) -> None:
    town.site.failure = BrokerUnavailable("nobody answers")
    town.sends(event(device_id="P2"), heartbeat(), event())
    assert town.facts == [("P2", "e1", UNASSIGNED_ZONE), ("P1", "e1", ZONE)]


def test_the_next_events_go_out_while_the_last_are_on_their_way(town: Unregistered) -> None:
    town.sends(heartbeat())
    town.registers("P2")
    town.world.clock.seconds += 1
    town.world.delivery.held = frozenset({FUSION_INPUT})
    later = batch(encode(heartbeat(event_id="h2")), topic=PILLAR_EVENTS, start=1)
    first = decided(town.world, town.agent, later)
    second = decided(town.world, town.agent, batch(encode(event()), topic=PILLAR_EVENTS, start=2))
    assert [event_id for _, event_id, _ in town.facts] == ["h1", "h2", "e1"]
    assert town.limit == 0, "what was held is not delivered yet"
    town.world.delivery.confirm()
    settled(first)
    assert town.limit is None
    settled(second)


def test_a_registry_record_that_cannot_be_read_is_dead_lettered_while_presses_go_on(
    town: Unregistered,
) -> None:
    town.site.arrive(kept(REGISTRY, "P9", b"poison"))
    town.sends(event(device_id="P2"))
    assert [letter.topic for letter in town.world.delivery.dead_letters(REGISTRY)] == [REGISTRY]
    assert town.facts == [("P2", "e1", UNASSIGNED_ZONE)]
