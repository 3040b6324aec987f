"""A retry has the event id that the original had, so that a copy is known as one."""

import pytest
from msgspec.structs import replace

from callbox.dead_letters.ledger import LocatedDeadLetter, dead_letter_in
from callbox.dead_letters.retry import with_original_id
from processors.intake.pillar_event import intake, record_place
from schemas.codec import decode, encode
from schemas.enums import PillarKind, Reason
from schemas.feeds import PillarEvent
from schemas.fusion_log import FusionInput, PillarFact
from schemas.topics import FUSION_INPUT, PILLAR_EVENTS, REGISTRY, dead_letter_topic
from schemas.units import DAY_MS, HOUR_MS, EpochMs
from streams.kafka.producer import RecordMetadata
from streams.workers.alarms import AlarmsAgent
from streams.workers.unregistered_events import HOLD_S
from tests.support.dead_letters import LATER, dead_letter, decided, event, lying
from tests.support.fakes import World, batch, done, hot_second, registered, run
from tests.support.fakes import kept as record_in
from tests.support.log_records import device, ms
from tests.support.timeline import Timeline

HERE = record_place(PILLAR_EVENTS, 3, 17)
"""Where `dead_letter` says that its record lay."""

NAMELESS = (
    event(event_id=None),
    event(event_id=None, sequence=4),
    event(event_id=None, occurred_at=EpochMs(ms(0) - 9 * DAY_MS)),
    event(event_id=None, received_at=EpochMs(ms(0) + HOUR_MS)),
    event(event_id=None, received_at=EpochMs(0), occurred_at=EpochMs(0)),
)


@pytest.mark.parametrize("now", [EpochMs(ms(0) + 1), EpochMs(ms(0) + 2 * HOUR_MS), LATER])
@pytest.mark.parametrize("given", [event(), *NAMELESS])
def test_a_retry_has_the_id_that_intake_gave_the_original(given: PillarEvent, now: EpochMs) -> None:
    again = with_original_id(encode(given), ms(0), now, place=HERE)
    sent_again = intake(decode(again, PillarEvent), now, place=record_place(PILLAR_EVENTS, 3, 40))
    assert sent_again.event_id == intake(given, ms(0), place=HERE).event_id


def test_bytes_are_left_alone_where_they_lead_to_the_same_id() -> None:
    assert with_original_id(encode(event()), ms(0), LATER, place=HERE) == encode(event())
    for given in (event(event_id=None), event(event_id=None, sequence=4)):
        an_hour_later = EpochMs(ms(0) + HOUR_MS)
        assert with_original_id(encode(given), ms(0), an_hour_later, place=HERE) == encode(given)


def test_of_a_nameless_event_only_its_name_is_added() -> None:
    given = event(event_id=None)
    again = decode(with_original_id(encode(given), ms(0), LATER), PillarEvent)
    assert again != given
    assert replace(again, event_id=None) == given


@pytest.mark.parametrize(
    "given", [event(PillarKind.PRESS), *(replace(e, kind=PillarKind.PRESS) for e in NAMELESS)]
)
def test_the_fold_drops_a_retry_of_what_was_already_in(given: PillarEvent) -> None:
    line = Timeline()
    line.push(intake(given, ms(0), place=HERE))
    before = len(line.alerts)
    outgoing = decided(dead_letter(encode(given))).outgoing
    assert outgoing is not None
    again = intake(decode(outgoing.value, PillarEvent), LATER)
    decision = line.push(again, at_s=(LATER - ms(0)) / 1000)
    assert (decision.reason, decision.alerts) == (Reason.DUPLICATE, ())
    assert before == 1


def test_an_event_of_an_unregistered_device_becomes_a_fact_once_the_registry_names_it() -> None:
    """The worker rejects it, the registry names the device, the same worker accepts the retry."""
    world = World("alarms")
    site = world.reader.holds(REGISTRY, [])
    agent = AlarmsAgent(world.context)
    run(agent.start())
    given = event(event_id=None)
    done(world, agent, batch(encode(given), topic=PILLAR_EVENTS))
    world.clock.seconds += HOLD_S
    hot_second(world, agent)
    (rejected,) = world.delivery.dead_letters(PILLAR_EVENTS)
    rejected = replace(rejected, key=b"P1")

    site.arrive(record_in(REGISTRY, "P1", registered(device("P1"))[0].value))
    world.clock.seconds += 1
    hot_second(world, agent)
    outgoing = decided(rejected).outgoing
    assert outgoing is not None
    days_later = (LATER - ms(0)) / 1000
    done(world, agent, batch(outgoing.value, topic=PILLAR_EVENTS, start=1, at_s=days_later))

    assert len(world.delivery.dead_letters(PILLAR_EVENTS)) == 1
    sent = world.delivery.decoded(FUSION_INPUT, FusionInput)[-1]
    assert sent.event_id == decode(sent.payload, PillarFact).event_id == intake(given, ms(0)).event_id


def test_what_lies_in_the_topic_is_found_as_a_letter() -> None:
    (record,) = lying(dead_letter())
    assert dead_letter_in(record) == LocatedDeadLetter(
        RecordMetadata(dead_letter_topic(PILLAR_EVENTS), 0, 0), ms(0), dead_letter()
    )
