"""The alarms agent: every press goes to the log, and the control room hears of what could not be read."""

import pytest
from msgspec.structs import replace

from processors.intake.ack import AckSender, ack_input
from processors.intake.pillar_event import intake
from schemas.ack import AckFact, Acknowledgement, Actor
from schemas.codec import decode, encode
from schemas.enums import AckAction, Feed, InputKind, PillarKind
from schemas.errors import Cause, DeliveryFailed
from schemas.feeds import PillarEvent
from schemas.fusion_log import DeadLetterNotice, FeedWatermark, FusionInput, PillarFact
from schemas.registry import UNASSIGNED_ZONE, RegistryDevice
from schemas.topics import ACKS, FUSION_INPUT, PILLAR_EVENTS, REGISTRY, ack_topic, dead_letter_topic
from schemas.units import EpochMs
from streams.kafka.batch import Batch
from streams.worker.work import SLICE_S, Work
from streams.workers import alarms
from streams.workers.alarms import AlarmsAgent
from tests.support.alarm_events import event, facts, notices
from tests.support.fakes import World, batch, decided, done, registered, run, settled
from tests.support.log_records import ZONE, device, ms


def started(*devices: RegistryDevice) -> tuple[AlarmsAgent, World]:
    world = World("alarms", {REGISTRY: registered(*devices)})
    agent = AlarmsAgent(world.context)
    run(agent.start())
    return agent, world


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
    assert letter.payload is None
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

    def broken(given: Acknowledgement, at: EpochMs, sender: AckSender) -> FusionInput:
        if given.ack_id == "a1":
            raise ZeroDivisionError
        return ack_input(given, at, sender)

    monkeypatch.setattr(alarms, "ack_input", broken)
    done(world, agent, batch(said(1), said(2), topic=ACKS))
    assert [letter.cause for letter in world.delivery.dead_letters(ACKS)] == [Cause.PROCESSING_FAILED]
    assert [fact.event_id for fact in facts(world)] == ["a2"]


def test_the_first_press_of_a_large_batch_goes_out_before_the_last_is_decided() -> None:
    agent, world = started(device("P1"))
    world.clock.step = SLICE_S / 5
    events = [encode(event(event_id=f"e{number}")) for number in range(30)]
    done(world, agent, batch(*events, topic=PILLAR_EVENTS))
    assert len(world.delivery.lists[0]) <= 5
    assert len(world.delivery.lists) > 2
    assert [fact.event_id for fact in facts(world)] == [f"e{number}" for number in range(30)]


def test_nothing_is_decided_after_a_slice_that_was_not_delivered() -> None:
    agent, world = started(device("P1"))
    world.clock.step = SLICE_S / 5
    world.delivery.refused = frozenset({dead_letter_topic(PILLAR_EVENTS)})
    given = [b"poison", *[encode(event(event_id=f"e{number}")) for number in range(30)]]
    with pytest.raises(DeliveryFailed):
        decided(world, agent, batch(*given, topic=PILLAR_EVENTS))
    assert len(world.delivery.lists) <= 1


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


# --- records of which workers died --------------------------------------------------------------------------------


def deadly(value: bytes, deaths: int, topic: str = PILLAR_EVENTS) -> Batch:
    made = batch(value, topic=topic, partition=2, start=40)
    return Batch(made[:], made.start, deaths=deaths)


def quarantine(agent: AlarmsAgent, world: World, given: Batch) -> None:
    work = Work(world.delivery, world.clock.clock)
    agent.quarantine(given, work)
    work.send()
    settled(work)


def test_a_press_of_which_workers_died_is_told_and_heard_from_what_the_broker_knows_of_it() -> None:
    agent, world = started(device("P1"))
    quarantine(agent, world, deadly(encode(event()), 3))
    (letter,) = world.delivery.dead_letters(PILLAR_EVENTS)
    assert (letter.partition, letter.offset, letter.cause) == (2, 40, Cause.QUARANTINED)
    told, press = facts(world)
    assert decode(told.payload, DeadLetterNotice).cause is Cause.QUARANTINED
    assert decode(press.payload, PillarFact).kind is PillarKind.PRESS
    assert press.zone == UNASSIGNED_ZONE


@pytest.mark.parametrize(
    ("value", "deaths"), [(encode(event()), 4), (encode(event(PillarKind.HEARTBEAT)), 3), (b"poison", 3)]
)
def test_what_may_not_be_looked_at_or_is_no_press_is_told(value: bytes, deaths: int) -> None:
    agent, world = started(device("P1"))
    quarantine(agent, world, deadly(value, deaths))
    assert [each.kind for each in facts(world)] == [InputKind.DEAD_LETTER]
    assert len(world.delivery.dead_letters(PILLAR_EVENTS)) == 1


@pytest.mark.parametrize("topic", [ACKS, ack_topic("Police")])
def test_an_acknowledgement_of_which_workers_died_is_told_as_one_of_the_intake(topic: str) -> None:
    agent, world = started()
    quarantine(agent, world, deadly(b"poison", 3, topic))
    (told,) = facts(world)
    notice = decode(told.payload, DeadLetterNotice)
    assert (notice.feed, notice.topic, notice.cause) == (Feed.INTAKE, topic, Cause.QUARANTINED)
