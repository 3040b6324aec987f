"""The alarms agent: every press goes to the log, and the control room hears of what could not be read."""

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from processors.intake.ack import ack_input
from processors.intake.pillar_event import ID_LENGTH, intake
from schemas.ack import AckFact, Acknowledgement, Actor
from schemas.codec import decode, encode
from schemas.enums import AckAction, Feed, InputKind, PillarKind
from schemas.errors import AccessDenied, BrokerUnavailable, Cause, DeliveryFailed
from schemas.feeds import PillarEvent
from schemas.fusion_log import DeadLetterNotice, FeedWatermark, FusionInput, PillarFact
from schemas.registry import UNASSIGNED_ZONE, RegistryDevice
from schemas.topics import ACKS, FUSION_INPUT, PILLAR_EVENTS, REGISTRY, dead_letter_topic
from schemas.units import EpochMs
from streams.worker.work import SLICE_S
from streams.workers import alarms
from streams.workers.alarms import AlarmsAgent
from streams.workers.unregistered_events import MOST_RECORDS
from tests.support.fakes import World, batch, decided, done, hot_second, kept, registered, run, settled
from tests.support.log_records import ZONE, device, ms


def event(
    kind: PillarKind = PillarKind.PRESS, device_id: str = "P1", event_id: str | None = "e1"
) -> PillarEvent:
    return PillarEvent(
        device_id=device_id, kind=kind, occurred_at=ms(0), received_at=ms(0), event_id=event_id
    )


def started(*devices: RegistryDevice) -> tuple[AlarmsAgent, World]:
    world = World("alarms", {REGISTRY: registered(*devices)})
    agent = AlarmsAgent(world.context)
    run(agent.start())
    return agent, world


def facts(world: World) -> Iterable[FusionInput]:
    return world.delivery.decoded(FUSION_INPUT, FusionInput)


def test_an_event_goes_to_the_log_under_its_devices_zone() -> None:
    agent, world = started(device("P1"))
    done(world, agent, batch(encode(event()), topic=PILLAR_EVENTS))
    (sent,) = world.delivery.sent
    (fact,) = facts(world)
    assert (sent.topic, sent.key, sent.partition) == (FUSION_INPUT, ZONE.encode(), None)
    assert (fact.kind, fact.zone, fact.event_id) == (InputKind.PILLAR_EVENT, ZONE, "e1")
    assert decode(fact.payload, PillarFact).kind is PillarKind.PRESS


def test_a_press_of_an_unknown_device_goes_to_the_control_room() -> None:
    agent, world = started()
    done(world, agent, batch(encode(event(device_id="unregistered")), topic=PILLAR_EVENTS))
    (fact,) = facts(world)
    assert fact.zone == UNASSIGNED_ZONE
    assert decode(fact.payload, PillarFact).device_id == "unregistered"
    assert world.delivery.dead_letters(PILLAR_EVENTS) == []


def test_a_dead_letter_on_the_pillar_topic_is_reported_to_the_control_room() -> None:
    agent, world = started()
    done(world, agent, batch(b"poison", topic=PILLAR_EVENTS, partition=2, start=40, at_s=9))
    (letter,) = world.delivery.dead_letters(PILLAR_EVENTS)
    assert (letter.partition, letter.offset, letter.cause) == (2, 40, Cause.UNDECODABLE)
    assert letter.payload == b"poison"
    (told,) = facts(world)
    assert (told.kind, told.zone) == (InputKind.DEAD_LETTER, UNASSIGNED_ZONE)
    assert decode(told.payload, DeadLetterNotice) == DeadLetterNotice(
        feed=Feed.PILLARS,
        topic=PILLAR_EVENTS,
        partition=2,
        offset=40,
        cause=Cause.UNDECODABLE,
        at=ms(9),
    )


def test_the_report_of_a_dead_letter_is_the_same_on_a_repeat() -> None:
    agent, world = started()
    for _ in range(2):
        done(world, agent, batch(b"poison", topic=PILLAR_EVENTS, start=40))
    first, second = world.delivery.lists
    assert first == second


def test_poison_does_not_keep_what_follows_it_back() -> None:
    agent, world = started(device("P1"))
    done(world, agent, batch(b"poison", encode(event()), None, b"", topic=PILLAR_EVENTS))
    kinds = [fact.kind for fact in facts(world)]
    assert kinds.count(InputKind.PILLAR_EVENT) == 1
    assert kinds.count(InputKind.DEAD_LETTER) == 3
    assert [letter.offset for letter in world.delivery.dead_letters(PILLAR_EVENTS)] == [0, 2, 3]


def test_a_kind_that_this_release_does_not_know_is_dead_lettered() -> None:
    agent, world = started(device("P1"))
    done(world, agent, batch(encode(event(PillarKind.UNKNOWN)), topic=PILLAR_EVENTS))
    assert [letter.cause for letter in world.delivery.dead_letters(PILLAR_EVENTS)] == [Cause.INVALID_FIELD]
    (notice,) = notices(world)
    assert notice.device_id == "P1"


def test_two_presses_through_a_gateway_whose_clock_is_dead_are_two_also_when_they_are_read_again() -> None:
    agent, world = started(device("P1"))
    given = encode(replace(event(event_id=None), occurred_at=EpochMs(0), received_at=EpochMs(0)))
    for _ in range(2):
        done(world, agent, batch(given, given, topic=PILLAR_EVENTS, start=7))
    first, second, first_again, second_again = (fact.event_id for fact in facts(world))
    assert first != second
    assert (first, second) == (first_again, second_again)


def test_a_press_that_our_own_code_fails_on_goes_to_the_log_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agent, world = started(device("P1"))

    def broken(*_: object, **__: object) -> PillarFact:
        raise ZeroDivisionError

    monkeypatch.setattr(alarms, "intake", broken)
    done(world, agent, batch(encode(event(PillarKind.PRESS)), topic=PILLAR_EVENTS))
    assert [(fact.kind, fact.zone) for fact in facts(world)] == [(InputKind.PILLAR_EVENT, UNASSIGNED_ZONE)]
    assert world.delivery.dead_letters(PILLAR_EVENTS) == []


def test_an_exception_in_a_rule_costs_one_record_and_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    agent, world = started(device("P1"), device("P2"))

    def broken(given: PillarEvent, *rest: object, **more: object) -> PillarFact:
        if given.device_id == "P2":
            raise ZeroDivisionError
        return intake(given, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(alarms, "intake", broken)
    heartbeat = encode(event(PillarKind.HEARTBEAT, device_id="P2"))
    done(world, agent, batch(heartbeat, encode(event()), topic=PILLAR_EVENTS))
    assert [letter.cause for letter in world.delivery.dead_letters(PILLAR_EVENTS)] == [
        Cause.PROCESSING_FAILED
    ]
    assert [fact.kind for fact in facts(world)] == [InputKind.DEAD_LETTER, InputKind.PILLAR_EVENT]


def test_order_is_kept_across_batches() -> None:
    agent, world = started(device("P1"))
    events = [encode(event(event_id=f"e{number}")) for number in range(4)]
    done(world, agent, batch(*events[:2], topic=PILLAR_EVENTS), batch(*events[2:], topic=PILLAR_EVENTS))
    assert [fact.event_id for fact in facts(world)] == ["e0", "e1", "e2", "e3"]


def test_a_delivery_that_fails_leaves_the_agent() -> None:
    agent, world = started(device("P1"))
    world.delivery.refused = frozenset({FUSION_INPUT})
    with pytest.raises(DeliveryFailed):
        done(world, agent, batch(encode(event()), topic=PILLAR_EVENTS))


# --- devices that no registry names (F20) -------------------------------------------------------------------------

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


def is_event(fact: FusionInput) -> bool:
    return fact.kind is InputKind.PILLAR_EVENT


def notices(world: World) -> list[DeadLetterNotice]:
    told = [fact for fact in facts(world) if fact.kind is InputKind.DEAD_LETTER]
    return [decode(fact.payload, DeadLetterNotice) for fact in told]


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


# --- acknowledgements ---------------------------------------------------------------------------------------------


def said(number: int = 1, incident_id: str = f"{ZONE}-{'0' * 26}") -> bytes:
    return encode(
        Acknowledgement(
            ack_id=f"a{number}",
            incident_id=incident_id,
            action=AckAction.ACCEPT,
            actor=Actor(name="Operator 4", organisation="County desk"),
            at=ms(0),
        )
    )


def test_an_acknowledgement_goes_to_the_log_under_its_incident_s_zone() -> None:
    agent, world = started()
    done(world, agent, batch(said(), topic=ACKS, at_s=3))
    (sent,) = world.delivery.sent
    (fact,) = facts(world)
    assert (sent.topic, sent.key, sent.partition) == (FUSION_INPUT, ZONE.encode(), None)
    assert (fact.kind, fact.zone, fact.event_id) == (InputKind.ACKNOWLEDGEMENT, ZONE, "a1")
    assert decode(fact.payload, AckFact).received_at == ms(3)


def test_an_acknowledgement_of_nothing_that_can_be_goes_to_the_control_room() -> None:
    agent, world = started()
    done(world, agent, batch(said(incident_id="what?"), topic=ACKS))
    assert [fact.zone for fact in facts(world)] == [UNASSIGNED_ZONE]


def test_an_acknowledgement_that_cannot_be_read_is_dead_lettered_and_raises_no_blue() -> None:
    agent, world = started()
    done(world, agent, batch(b"poison", said(), None, topic=ACKS, partition=1, start=40))
    assert [(letter.partition, letter.offset) for letter in world.delivery.dead_letters(ACKS)] == [
        (1, 40),
        (1, 42),
    ]
    assert [fact.kind for fact in facts(world)] == [InputKind.ACKNOWLEDGEMENT]


def test_an_acknowledgement_that_our_own_code_fails_on_costs_one_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agent, world = started()

    def broken(given: Acknowledgement, at: EpochMs) -> FusionInput:
        if given.ack_id == "a1":
            raise ZeroDivisionError
        return ack_input(given, at)

    monkeypatch.setattr(alarms, "ack_input", broken)
    done(world, agent, batch(said(1), said(2), topic=ACKS))
    assert [letter.cause for letter in world.delivery.dead_letters(ACKS)] == [Cause.PROCESSING_FAILED]
    assert [fact.event_id for fact in facts(world)] == ["a2"]


def test_the_first_press_of_a_large_batch_goes_out_before_the_last_is_decided() -> None:
    agent, world = started(device("P1"))
    world.clock.step = SLICE_S / 5
    events = [encode(event(event_id=f"e{number}")) for number in range(30)]
    done(world, agent, batch(*events, topic=PILLAR_EVENTS))
    assert max(len(each) for each in world.delivery.lists) <= 5
    assert [fact.event_id for fact in facts(world)] == [f"e{number}" for number in range(30)]


def test_nothing_is_decided_after_a_slice_that_was_not_delivered() -> None:
    agent, world = started(device("P1"))
    world.clock.step = SLICE_S / 5
    world.delivery.refused = frozenset({dead_letter_topic(PILLAR_EVENTS)})
    given = [b"poison", *[encode(event(event_id=f"e{number}")) for number in range(30)]]
    with pytest.raises(DeliveryFailed):
        decided(world, agent, batch(*given, topic=PILLAR_EVENTS))
    assert len(world.delivery.lists) <= 1


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
    assert [letter.key for letter in town.world.delivery.dead_letters(REGISTRY)] == [b"P9"]
    assert town.facts == [("P2", "e1", UNASSIGNED_ZONE)]


# --- how far the feed is ------------------------------------------------------------------------------------------


def test_once_a_second_every_partition_of_the_log_hears_how_far_the_feed_is() -> None:
    agent, world = started()
    world.clock.seconds = 9
    world.caught_up = frozenset({3, 1})
    run(agent.every_second())
    assert [sent.partition for sent in world.delivery.to(FUSION_INPUT)] == [0, 1, 2, 3]
    told = {sent.value for sent in world.delivery.to(FUSION_INPUT)}
    (given,) = [decode(value, FusionInput) for value in told]
    assert (given.kind, given.zone) == (InputKind.FEED_WATERMARK, "")
    assert given.event_id == f"alive-pillars-{ms(9)}-1.3"
    assert decode(given.payload, FeedWatermark) == FeedWatermark(
        feed=Feed.PILLARS, topic=PILLAR_EVENTS, partitions=(1, 3), at=ms(9), partition_count=4
    )


def test_a_feed_that_is_behind_says_nothing() -> None:
    agent, world = started()
    run(agent.every_second())
    assert world.delivery.sent == []
