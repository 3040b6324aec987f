"""The alarms agent: every press goes to the log, and the control room hears of what could not be read."""

import asyncio
from collections.abc import Iterable

import pytest

from processors.intake.ack import ack_input
from processors.intake.pillar_event import intake
from schemas.ack import AckFact, Acknowledgement, Actor
from schemas.codec import decode, encode
from schemas.enums import AckAction, Feed, InputKind, PillarKind
from schemas.errors import Cause, DeliveryFailed
from schemas.feeds import PillarEvent
from schemas.fusion_log import DeadLetterNotice, FeedWatermark, FusionInput, PillarFact
from schemas.registry import UNASSIGNED_ZONE, RegistryDevice
from schemas.topics import ACKS, FUSION_INPUT, PILLAR_EVENTS, REGISTRY
from schemas.units import EpochMs
from streams.workers import alarms
from streams.workers.alarms import ACKS_AT_ONCE, AlarmsAgent
from tests.support.fakes import World, batch, registered, run
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
    run(agent.process([batch(encode(event()), topic=PILLAR_EVENTS)]))
    (sent,) = world.delivery.sent
    (fact,) = facts(world)
    assert (sent.topic, sent.key, sent.partition) == (FUSION_INPUT, ZONE.encode(), None)
    assert (fact.kind, fact.zone, fact.event_id) == (InputKind.PILLAR_EVENT, ZONE, "e1")
    assert decode(fact.payload, PillarFact).kind is PillarKind.PRESS


def test_a_press_of_an_unknown_device_goes_to_the_control_room() -> None:
    agent, world = started()
    run(agent.process([batch(encode(event(device_id="unregistered")), topic=PILLAR_EVENTS)]))
    (fact,) = facts(world)
    assert fact.zone == UNASSIGNED_ZONE
    assert decode(fact.payload, PillarFact).device_id == "unregistered"
    assert world.delivery.dead_letters(PILLAR_EVENTS) == []


@pytest.mark.parametrize(
    "kind", [kind for kind in PillarKind if kind not in {PillarKind.PRESS, PillarKind.UNKNOWN}]
)
def test_anything_else_of_an_unknown_device_is_dead_lettered(kind: PillarKind) -> None:
    agent, world = started()
    run(agent.process([batch(encode(event(kind)), topic=PILLAR_EVENTS)]))
    (letter,) = world.delivery.dead_letters(PILLAR_EVENTS)
    assert letter.cause is Cause.UNKNOWN_DEVICE
    assert [fact.kind for fact in facts(world)] == [InputKind.DEAD_LETTER]


def test_a_dead_letter_on_the_pillar_topic_is_reported_to_the_control_room() -> None:
    agent, world = started()
    run(agent.process([batch(b"poison", topic=PILLAR_EVENTS, partition=2, start=40, at_s=9)]))
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
        run(agent.process([batch(b"poison", topic=PILLAR_EVENTS, start=40)]))
    first, second = world.delivery.lists
    assert first == second


def test_poison_does_not_keep_what_follows_it_back() -> None:
    agent, world = started(device("P1"))
    run(agent.process([batch(b"poison", encode(event()), None, b"", topic=PILLAR_EVENTS)]))
    kinds = [fact.kind for fact in facts(world)]
    assert kinds.count(InputKind.PILLAR_EVENT) == 1
    assert kinds.count(InputKind.DEAD_LETTER) == 3
    assert [letter.offset for letter in world.delivery.dead_letters(PILLAR_EVENTS)] == [0, 2, 3]


def test_a_kind_that_this_release_does_not_know_is_dead_lettered() -> None:
    agent, world = started(device("P1"))
    run(agent.process([batch(encode(event(PillarKind.UNKNOWN)), topic=PILLAR_EVENTS)]))
    assert [letter.cause for letter in world.delivery.dead_letters(PILLAR_EVENTS)] == [Cause.INVALID_FIELD]


def test_a_press_that_our_own_code_fails_on_goes_to_the_log_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agent, world = started(device("P1"))

    def broken(*_: object) -> PillarFact:
        raise ZeroDivisionError

    monkeypatch.setattr(alarms, "intake", broken)
    run(agent.process([batch(encode(event(PillarKind.PRESS)), topic=PILLAR_EVENTS)]))
    assert [(fact.kind, fact.zone) for fact in facts(world)] == [(InputKind.PILLAR_EVENT, UNASSIGNED_ZONE)]
    assert world.delivery.dead_letters(PILLAR_EVENTS) == []


def test_an_exception_in_a_rule_costs_one_record_and_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    agent, world = started(device("P1"), device("P2"))

    def broken(given: PillarEvent, *rest: object) -> PillarFact:
        if given.device_id == "P2":
            raise ZeroDivisionError
        return intake(given, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(alarms, "intake", broken)
    heartbeat = encode(event(PillarKind.HEARTBEAT, device_id="P2"))
    run(agent.process([batch(heartbeat, encode(event()), topic=PILLAR_EVENTS)]))
    assert [letter.cause for letter in world.delivery.dead_letters(PILLAR_EVENTS)] == [
        Cause.PROCESSING_FAILED
    ]
    assert [fact.kind for fact in facts(world)] == [InputKind.DEAD_LETTER, InputKind.PILLAR_EVENT]


def test_order_is_kept_across_batches_and_everything_is_one_delivery() -> None:
    agent, world = started(device("P1"))
    events = [encode(event(event_id=f"e{number}")) for number in range(4)]
    run(agent.process([batch(*events[:2], topic=PILLAR_EVENTS), batch(*events[2:], topic=PILLAR_EVENTS)]))
    assert [fact.event_id for fact in facts(world)] == ["e0", "e1", "e2", "e3"]
    assert len(world.delivery.lists) == 1


def test_a_delivery_that_fails_leaves_the_agent() -> None:
    agent, world = started(device("P1"))
    world.delivery.refused = frozenset({FUSION_INPUT})
    with pytest.raises(DeliveryFailed):
        run(agent.process([batch(encode(event()), topic=PILLAR_EVENTS)]))


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
    run(agent.process([batch(said(), topic=ACKS, at_s=3)]))
    (sent,) = world.delivery.sent
    (fact,) = facts(world)
    assert (sent.topic, sent.key, sent.partition) == (FUSION_INPUT, ZONE.encode(), None)
    assert (fact.kind, fact.zone, fact.event_id) == (InputKind.ACKNOWLEDGEMENT, ZONE, "a1")
    assert decode(fact.payload, AckFact).received_at == ms(3)


def test_an_acknowledgement_of_nothing_that_can_be_goes_to_the_control_room() -> None:
    agent, world = started()
    run(agent.process([batch(said(incident_id="what?"), topic=ACKS)]))
    assert [fact.zone for fact in facts(world)] == [UNASSIGNED_ZONE]


def test_an_acknowledgement_that_cannot_be_read_is_dead_lettered_and_raises_no_blue() -> None:
    agent, world = started()
    run(agent.process([batch(b"poison", said(), None, topic=ACKS, partition=1, start=40)]))
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
    run(agent.process([batch(said(1), said(2), topic=ACKS)]))
    assert [letter.cause for letter in world.delivery.dead_letters(ACKS)] == [Cause.PROCESSING_FAILED]
    assert [fact.event_id for fact in facts(world)] == ["a2"]


def test_a_press_waits_for_a_few_acknowledgements_at_most() -> None:
    agent, world = started(device("P1"))

    async def scene() -> None:
        backlog = asyncio.create_task(
            agent.process([batch(*map(said, range(10 * ACKS_AT_ONCE)), topic=ACKS)])
        )
        await asyncio.sleep(0)
        await agent.process([batch(encode(event()), topic=PILLAR_EVENTS)])
        await backlog

    run(scene())
    kinds = [fact.kind for fact in facts(world)]
    assert kinds.index(InputKind.PILLAR_EVENT) <= 2 * ACKS_AT_ONCE
    assert kinds.count(InputKind.ACKNOWLEDGEMENT) == 10 * ACKS_AT_ONCE
    acks = [fact.event_id for fact in facts(world) if fact.kind is InputKind.ACKNOWLEDGEMENT]
    assert acks == [f"a{number}" for number in range(10 * ACKS_AT_ONCE)], "in order"


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
        feed=Feed.PILLARS, topic=PILLAR_EVENTS, partitions=(1, 3), at=ms(9)
    )


def test_a_feed_that_is_behind_says_nothing() -> None:
    agent, world = started()
    run(agent.every_second())
    assert world.delivery.sent == []
