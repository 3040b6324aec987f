"""The topic of incidents: tombstones after seven days, and repairs after a worker that came back."""

import asyncio
from collections.abc import Callable
from dataclasses import replace as replaced

import pytest
import structlog
from msgspec.structs import replace

from processors.incident.incident_compaction import KEPT_MS
from schemas.alert import Alert
from schemas.codec import encode
from schemas.enums import Action
from schemas.errors import BrokerUnavailable
from schemas.topics import INCIDENTS
from schemas.units import EpochMs
from streams.clock import Clock
from streams.kafka.producer import ProducerRecord
from streams.kafka.record import LogRecord
from streams.state.incident_topic import IncidentKeeper, IncidentTopic
from tests.support.fakes import FakeFollower, World, run
from tests.support.log_records import fact, ms
from tests.support.timeline import Timeline


def alert(revision: int, action: Action = Action.UPDATE, *, at_s: float = 0) -> Alert:
    (first,) = Timeline().push(fact()).alerts
    return replace(first, revision=revision, action=action, sent=ms(at_s))


class Topic:
    """The topic as a list of records; what is written to it lies in it."""

    def __init__(self) -> None:
        self.world = World("fusion")
        self.follower = self.world.reader.holds(INCIDENTS, [])
        self.records = self.world.reader.records.setdefault(INCIDENTS, [])
        self.now = ms(0)
        self.keeper = IncidentKeeper(self.world.context, self.follower, INCIDENTS, pause_s=0)  # type: ignore[arg-type]

    @property
    def now(self) -> EpochMs:
        return self.world.context.clock.now_ms()

    @now.setter
    def now(self, at: EpochMs) -> None:
        self.world.clock.seconds = (at - ms(0)) / 1000

    def write(self, value: Alert | bytes | None, key: bytes | None = b"i1") -> None:
        encoded = encode(value) if isinstance(value, Alert) else value
        record = LogRecord(INCIDENTS, 2, len(self.records), ms(0), key, encoded)
        self.records.append(record)
        self.follower.arrive(record)

    def tend(self) -> list[ProducerRecord]:
        """One round; what was written comes back to the topic."""
        before = len(self.world.delivery.sent)
        run(self.keeper.tend(asyncio.Event()))
        written = self.world.delivery.sent[before:]
        for each in written:
            self.write(each.value, each.key)
        return written


@pytest.fixture
def topic() -> Topic:
    return Topic()


def test_seven_days_after_its_end_an_incident_gets_one_tombstone(topic: Topic) -> None:
    topic.write(alert(1, Action.RAISE))
    topic.write(alert(2, Action.CLOSE, at_s=5))
    topic.now = EpochMs(ms(5) + KEPT_MS - 1)
    assert topic.tend() == []
    topic.now = EpochMs(ms(5) + KEPT_MS)
    assert topic.tend() == [ProducerRecord(INCIDENTS, b"i1", None)]
    assert topic.tend() == []


def test_an_incident_that_is_open_stays(topic: Topic) -> None:
    topic.write(alert(1, Action.RAISE))
    topic.now = EpochMs(ms(0) + 10 * KEPT_MS)
    assert topic.tend() == []


def test_what_a_worker_that_came_back_has_overtaken_is_written_again(topic: Topic) -> None:
    topic.write(alert(1))
    topic.write(alert(3))
    topic.write(alert(2))
    assert topic.tend() == [ProducerRecord(INCIDENTS, b"i1", encode(alert(3)))]
    assert topic.tend() == []


def test_a_later_alert_puts_it_right_by_itself(topic: Topic) -> None:
    for revision in (3, 2, 4):
        topic.write(alert(revision))
    assert topic.tend() == []


def test_the_end_that_was_overtaken_still_gets_its_tombstone(topic: Topic) -> None:
    topic.write(alert(3, Action.CANCEL, at_s=0))
    topic.write(alert(2))
    topic.tend()
    topic.now = EpochMs(ms(0) + KEPT_MS)
    assert topic.tend() == [ProducerRecord(INCIDENTS, b"i1", None)]


def test_a_record_that_compaction_took_is_reported_once(topic: Topic) -> None:
    topic.write(alert(3))
    topic.write(alert(2))
    topic.records.pop(0)
    with structlog.testing.capture_logs() as lines:
        assert topic.tend() == []
        assert topic.tend() == []
    assert [line["event"] for line in lines] == ["incidents.record_gone"]


def test_what_is_no_alert_is_passed_over(topic: Topic) -> None:
    topic.write(b"poison")
    topic.write(alert(1), key=None)
    topic.write(None, key=b"unknown")
    with structlog.testing.capture_logs() as lines:
        assert topic.tend() == []
    assert [line["event"] for line in lines] == ["incidents.unreadable"]


def test_nothing_is_decided_before_the_topic_is_read_to_its_end(topic: Topic) -> None:
    topic.write(alert(2, Action.CLOSE))
    topic.now = EpochMs(ms(0) + KEPT_MS)
    topic.follower.caught_up = False

    async def scene() -> None:
        tending = asyncio.create_task(topic.keeper.tend(asyncio.Event()))
        await asyncio.sleep(0.02)
        assert topic.world.delivery.sent == []
        topic.write(alert(3))
        topic.follower.caught_up = True
        await tending

    run(scene())
    assert topic.world.delivery.sent == []


# --- whose turn it is ---------------------------------------------------------------------------------------------


class Broker:
    """Gives followers, or is away."""

    def __init__(self) -> None:
        self.given: list[FakeFollower] = []
        self.is_away = False
        self.world = World("fusion")
        self.topic = IncidentTopic(replaced(self.world.context, reader=self), every_s=0.01, pause_s=0)

    def follow(self, _topic: str) -> FakeFollower:
        if self.is_away:
            raise BrokerUnavailable("away")
        self.given.append(FakeFollower([]))
        return self.given[-1]


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - a test looks from outside
        await asyncio.sleep(0.001)


def test_it_is_followed_while_it_is_ours() -> None:
    broker = Broker()

    async def scene() -> None:
        topic = broker.topic
        topic.leave()
        for _ in range(3):
            topic.begin()
            await until(lambda: [follower.closed for follower in broker.given] == [False])
        topic.leave()
        await until(lambda: [follower.closed for follower in broker.given] == [True])
        while len(broker.given) < 2:  # the one before may be about to end
            topic.begin()
            await asyncio.sleep(0.001)
        topic.leave()
        await until(lambda: [follower.closed for follower in broker.given] == [True, True])

    run(scene())


def test_between_two_rounds_nothing_is_fetched() -> None:
    broker = Broker()

    async def scene() -> None:
        broker.topic.begin()
        await until(lambda: bool(broker.given))
        for is_paused in (True, False, True):
            await until(lambda wanted=is_paused: broker.given[0].paused is wanted)  # type: ignore[misc]
        broker.topic.leave()
        await until(lambda: broker.given[0].closed)

    run(scene())
    assert len(broker.given) == 1


def test_a_broker_that_is_away_is_reported_and_tried_again() -> None:
    broker = Broker()
    broker.is_away = True

    async def scene() -> None:
        topic = broker.topic
        topic.begin()
        await until(lambda: bool(lines))
        broker.is_away = False
        await until(lambda: bool(broker.given))
        topic.leave()
        await until(lambda: broker.given[0].closed)

    with structlog.testing.capture_logs() as lines:
        run(scene())
    assert {line["event"] for line in lines} == {"incidents.interrupted"}
    assert len(broker.given) == 1


def test_a_bug_in_it_stops_no_fold() -> None:
    broker = Broker()

    def broken() -> EpochMs:
        raise ZeroDivisionError

    broker.topic._context = replaced(broker.topic._context, clock=Clock(broken, lambda: 0.0))

    async def scene() -> None:
        topic = broker.topic
        topic.begin()
        await until(lambda: len(lines) > 1)
        topic.leave()
        await until(lambda: all(follower.closed for follower in broker.given))

    with structlog.testing.capture_logs() as lines:
        run(scene())
    assert {line["event"] for line in lines} == {"incidents.failed"}
