"""The topic of incidents on Apache Kafka, compacted: a consumer that joins late is caught up from it."""

import asyncio
import dataclasses

import pytest
from msgspec.structs import replace

from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.enums import Action
from schemas.units import DAY_MS, EpochMs
from streams.clock import SYSTEM_CLOCK, monotonic, now_ms, pause
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import Delivery, ProducerRecord, publish
from streams.kafka.reader import BrokerReader, Follower, latest_by_key, read_all
from streams.state.incident_topic import IncidentKeeper
from tests.conftest import MakeTopic
from tests.support.fakes import World
from tests.support.log_records import fact
from tests.support.timeline import Timeline

pytestmark = pytest.mark.kafka

COMPACTED_WITHIN_S = 90.0
AGO_MS = 8 * DAY_MS


def alert(revision: int, action: Action = Action.UPDATE, *, ago_ms: int = 0) -> Alert:
    (first,) = Timeline().push(fact()).alerts
    return replace(first, revision=revision, action=action, sent=EpochMs(now_ms() - ago_ms))


def write(kafka: KafkaConfig, topic: str, key: bytes, *alerts: Alert) -> None:
    publish(kafka, [ProducerRecord(topic, key, encode(each)) for each in alerts])


def tend(kafka: KafkaConfig, topic: str) -> None:
    """What the owner does in one round."""

    async def scene() -> None:
        delivery = Delivery(librdkafka_settings(kafka))
        context = dataclasses.replace(
            World("fusion").context, reader=BrokerReader(kafka), delivery=delivery, clock=SYSTEM_CLOCK
        )
        with Follower(kafka, topic) as follower:
            await IncidentKeeper(context, follower, topic).tend(asyncio.Event())
        await asyncio.to_thread(delivery.close, 2.0)

    asyncio.run(scene())


def revisions(kafka: KafkaConfig, topic: str) -> dict[bytes, int]:
    """What a consumer that joins now makes of the topic."""
    return {key: decode(record.value, Alert).revision for key, record in latest_by_key(kafka, topic).items()}


@pytest.fixture
def topic(kafka_config: KafkaConfig, make_topic: MakeTopic) -> str:
    """Compacted as soon as the broker's cleaner comes round."""
    return make_topic(
        kafka_config,
        2,
        cleanup_policy="compact",
        segment_ms="100",
        min_cleanable_dirty_ratio="0.01",
        delete_retention_ms="0",
    )


def test_a_consumer_that_joins_late_is_caught_up_from_what_compaction_left(
    kafka_config: KafkaConfig, topic: str
) -> None:
    write(kafka_config, topic, b"open", *(alert(revision) for revision in range(1, 21)))
    write(kafka_config, topic, b"over", alert(1, Action.RAISE), alert(2, Action.CLOSE, ago_ms=AGO_MS))
    write(kafka_config, topic, b"just over", alert(1, Action.RAISE), alert(2, Action.CLOSE))
    tend(kafka_config, topic)
    deadline = monotonic() + COMPACTED_WITHIN_S
    write(kafka_config, topic, b"later", alert(1))
    while len(list(read_all(kafka_config, topic))) > 10 and monotonic() < deadline:
        pause(0.5)  # the segment in use is never compacted: each record here begins another
        write(kafka_config, topic, b"later", alert(1), alert(1))
    assert len(list(read_all(kafka_config, topic))) <= 10, "nothing was compacted"
    assert revisions(kafka_config, topic) == {b"open": 20, b"just over": 2, b"later": 1}


def test_what_a_stopped_worker_overtook_is_put_right(
    kafka_config: KafkaConfig, make_topic: MakeTopic
) -> None:
    topic = make_topic(
        kafka_config, 2, cleanup_policy="compact"
    )  # whose one segment is in use: nothing is taken away
    write(kafka_config, topic, b"i", alert(1), alert(3), alert(2))
    assert revisions(kafka_config, topic) == {b"i": 2}
    tend(kafka_config, topic)
    assert revisions(kafka_config, topic) == {b"i": 3}
    count = len(list(read_all(kafka_config, topic)))
    tend(kafka_config, topic)
    assert len(list(read_all(kafka_config, topic))) == count, "once is enough"
