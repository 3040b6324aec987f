"""The alarms agent at a site whose gateways have topics of their own: the fact says in whose topic it came."""

import dataclasses

import pytest

from schemas.codec import decode, encode
from schemas.enums import Feed, InputKind, PillarKind
from schemas.errors import Cause
from schemas.fusion_log import DeadLetterNotice, FeedWatermark, FusionInput, PillarFact
from schemas.registry import RegistryDevice
from schemas.topics import PILLAR_EVENTS, REGISTRY, pillar_topic
from streams.kafka.batch import Batch
from streams.kafka.careful_reading import DEATHS
from streams.worker.settings import PillarSettings
from streams.worker.spec import WORKERS
from streams.worker.work import Work
from streams.workers import alarms
from streams.workers.alarms import AlarmsAgent
from tests.support.alarm_events import event, facts, notices
from tests.support.fakes import World, batch, done, registered, run
from tests.support.log_records import device

GATEWAYS = PillarSettings(gateways=("gw-1", "gw-2"))


def started(*devices: RegistryDevice) -> tuple[AlarmsAgent, World]:
    world = World("alarms", {REGISTRY: registered(*devices)})
    spec = WORKERS["alarms"].with_gateways(GATEWAYS)
    world.context = dataclasses.replace(
        world.context,
        spec=spec,
        partitions=dict.fromkeys((*world.context.partitions, *spec.reads), 1),
        caught_up_of=lambda topic: frozenset({0}) if topic == pillar_topic("gw-2") else frozenset(),
    )
    agent = AlarmsAgent(world.context)
    run(agent.start())
    return agent, world


@pytest.mark.parametrize(
    ("topic", "source"), [(PILLAR_EVENTS, ""), (pillar_topic("gw-1"), "gw-1"), (pillar_topic("gw-2"), "gw-2")]
)
@pytest.mark.parametrize("device_id", ["P1", "unregistered"])
def test_a_fact_says_in_whose_topic_its_event_came(topic: str, source: str, device_id: str) -> None:
    agent, world = started(device("P1"))
    done(world, agent, batch(encode(event(device_id=device_id)), topic=topic))
    (fact,) = facts(world)
    assert decode(fact.payload, PillarFact).source == source


def test_a_press_that_our_own_code_fails_on_says_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> PillarFact:
        raise ZeroDivisionError

    monkeypatch.setattr(alarms, "intake", broken)
    agent, world = started(device("P1"))
    done(world, agent, batch(encode(event()), topic=pillar_topic("gw-1")))
    assert decode(facts(world)[0].payload, PillarFact).source == "gw-1"


def test_what_was_held_for_the_registry_keeps_its_source() -> None:
    agent, world = started()
    done(world, agent, batch(encode(event(PillarKind.RELEASE, event_id="r1")), topic=pillar_topic("gw-1")))
    world.reader.followers[REGISTRY].arrive(*registered(device("P1")))
    world.clock.seconds += 1
    done(world, agent, batch(encode(event(event_id="p1")), topic=pillar_topic("gw-2"), start=1))
    sources = [decode(fact.payload, PillarFact).source for fact in facts(world)]
    assert sources == ["gw-1", "gw-2"]


def test_dead_letters_of_all_gateways_lie_in_one_topic_and_name_their_place() -> None:
    agent, world = started(device("P1"))
    done(world, agent, batch(b"poison", topic=pillar_topic("gw-2"), start=40))
    (letter,) = world.delivery.dead_letters(PILLAR_EVENTS)
    assert (letter.topic, letter.offset, letter.cause) == (pillar_topic("gw-2"), 40, Cause.UNDECODABLE)
    (notice,) = notices(world)
    assert isinstance(notice, DeadLetterNotice)
    assert notice.topic == pillar_topic("gw-2")


def test_a_press_of_which_workers_died_is_heard_through_its_own_gateway() -> None:
    agent, world = started(device("P1"))
    made = batch(encode(event()), topic=pillar_topic("gw-1"), start=40)
    work = Work(world.delivery, world.clock.clock)
    agent.quarantine(Batch(made[:], made.start, deaths=DEATHS), work)
    work.send()
    (letter,) = world.delivery.dead_letters(PILLAR_EVENTS)
    assert (letter.topic, letter.offset, letter.cause) == (pillar_topic("gw-1"), 40, Cause.QUARANTINED)
    told, press = facts(world)
    notice = decode(told.payload, DeadLetterNotice)
    assert (notice.feed, notice.topic) == (Feed.PILLARS, pillar_topic("gw-1"))
    assert decode(press.payload, PillarFact).source == "gw-1"


def test_each_gateways_topic_has_a_watermark_of_its_own() -> None:
    agent, world = started(device("P1"))
    world.caught_up = frozenset({1})
    run(agent.every_second())
    sent = [decode(record.value, FusionInput) for record in world.delivery.sent]
    marks = {
        (mark.topic, mark.partitions)
        for each in sent
        if each.kind is InputKind.FEED_WATERMARK
        for mark in [decode(each.payload, FeedWatermark)]
    }
    assert marks == {(PILLAR_EVENTS, (1,)), (pillar_topic("gw-2"), (0,))}
    assert len({each.event_id for each in sent}) == 2
