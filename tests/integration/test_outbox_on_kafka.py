"""The outbox on real brokers: what is handed over in one list lies there as it was, each partition in order."""

from collections.abc import Callable

from schemas.partitioning import partition_of
from streams.clock import SYSTEM_CLOCK, pause
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from streams.kafka.outbox import Outbox, PendingDelivery
from streams.kafka.producer import ProducerRecord
from streams.kafka.reader import read

PARTITIONS = 3
ANSWER_S = 20.0


def answered(outbox: Outbox, sending: PendingDelivery) -> bool:
    until = SYSTEM_CLOCK.monotonic() + ANSWER_S
    while not sending.is_answered and SYSTEM_CLOCK.monotonic() < until:
        outbox.serve(0.1)
        pause(0.001)
    outbox.raise_failure()
    return sending.is_answered


def test_a_list_lies_there_as_it_was_handed_over(
    any_config: KafkaConfig, make_topic: Callable[..., str]
) -> None:
    topic = make_topic(any_config, partitions=PARTITIONS)
    keyed = [ProducerRecord(topic, f"k{each % 7}".encode(), str(each).encode()) for each in range(500)]
    named = [ProducerRecord(topic, b"", b"tick", partition) for partition in range(PARTITIONS)]
    gone = [ProducerRecord(topic, b"k0", None)]
    outbox = Outbox(librdkafka_settings(any_config))
    outbox.warm_up(topic, ANSWER_S)
    assert answered(outbox, outbox.send([*keyed, *named, *gone]))
    assert outbox.close(ANSWER_S) == 0
    for partition in range(PARTITIONS):
        found = [(each.key, each.value) for each in read(any_config, topic, partition, 0)]
        expected = [
            (each.key, each.value)
            for each in (*keyed, *named, *gone)
            if (
                partition_of((each.key or b"").decode(), PARTITIONS)
                if each.partition is None
                else each.partition
            )
            == partition
        ]
        assert found == expected
