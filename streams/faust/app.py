"""The app factory: Faust does group membership, fetching, commits and timers, and no more.

Turned off: topic declaration, the leader topic, tables, Faust's web with its tables, graph, stats and router, and
Faust's own producer. Offsets are committed after delivery, by us.
"""

from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from faust.app.base import BootStrategy
from faust.types import TopicT

from streams.faust.batching import (
    CODEC,
    BatchApp,
    BatchConsumer,
    BatchConsumerThread,
    BatchTransport,
    CommitLimit,
    no_limit,
    scheduler_of,
)
from streams.faust.credentials import broker_credentials, broker_urls
from streams.kafka.client_settings import fetch_max_wait_ms
from streams.kafka.config import KafkaConfig

REQUEST_TIMEOUT_S = 90.0  # Faust's default; it must not be below the session time-out
STREAM_BUFFER = 65_536  # events; when the only partition hits it, Faust's fetcher sleeps for a second


class _Boot(BootStrategy):
    """Consumer and agents only."""

    enable_web = False
    enable_kafka_producer = False


def _transport_of(kafka: KafkaConfig, most_in_hand: int, commit_limit: CommitLimit) -> type[BatchTransport]:
    class Thread(BatchConsumerThread):
        fetch_max_wait_ms = fetch_max_wait_ms(kafka)

    class Consumer(BatchConsumer):
        thread_class = Thread

    class Transport(BatchTransport):
        pass

    Consumer.most_in_hand = most_in_hand
    Consumer.commit_limit = staticmethod(commit_limit)
    Transport.Consumer = Consumer
    return Transport


def create_app(
    group: str,
    kafka: KafkaConfig,
    *,
    batch_records: int,
    waiting_batches: int,
    fetch_bytes: int,
    commit_interval_s: float,
    commit_limit: CommitLimit = no_limit,
) -> BatchApp:
    """Make the Faust app of one worker.

    Args:
        group: The consumer group.
        kafka: How to reach the broker.
        batch_records: The most records in one batch.
        waiting_batches: The most full batches that wait in the worker; the rest stays on the broker.
        fetch_bytes: The most bytes that a fetch brings for a partition.
        commit_interval_s: How often offsets are committed.
        commit_limit: Up to where they may be.

    Returns:
        An app that is not started.
    """
    app = BatchApp(
        group,
        broker=broker_urls(kafka),
        broker_credentials=broker_credentials(kafka),
        broker_session_timeout=kafka.session_ms / 1000,
        broker_heartbeat_interval=kafka.heartbeat_ms / 1000,
        broker_request_timeout=max(REQUEST_TIMEOUT_S, kafka.session_ms / 1000),
        broker_commit_interval=commit_interval_s,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=fetch_bytes,
        processing_guarantee="at_least_once",
        ConsumerScheduler=scheduler_of(batch_records),
        stream_buffer_maxsize=STREAM_BUFFER if waiting_batches > 2 else waiting_batches,  # noqa: PLR2004
        stream_wait_empty=True,
        topic_allow_declare=False,
        topic_disable_leader=True,
        reply_create_topic=False,
        store="memory://",
        web_enabled=False,
        autodiscover=False,
    )
    app.transport_class = _transport_of(kafka, waiting_batches * batch_records, commit_limit)
    app.boot_strategy = _Boot(app)
    return app


_ACL_REMOVED = (TopicAuthorizationFailedError, GroupAuthorizationFailedError)


def is_access_denied(error: BaseException | None) -> bool:
    """Whether the consumer has ended because an ACL of ours is missing, and not because of a fault."""
    return isinstance(error, _ACL_REMOVED)


def batched_topic(app: BatchApp, name: str) -> TopicT:
    """The topic as batches of raw records."""
    return app.topic(name, key_serializer="raw", value_serializer=CODEC, acks=True)
