"""Batches that unpack to many times their size, sent with the credential of a gateway, a dispatch system or a worker.

What is behind them is heard, no worker ends, and of a codec whose size the client limits no more is unpacked than that
(docs/adr/0029). With the other codecs the largest batch of the topic is the limit, as the page says.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from callbox.demo.processes.broker import Broker
from callbox.demo.processes.worker_process import WorkerProcess
from schemas.errors import Cause
from schemas.topics import ACKS, FUSION_INPUT, PILLAR_EVENTS, REGISTRY
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from tests.support.notices import LOG_BROKEN, notices, wait_until_told
from tests.support.presses import EVERY_PARTITION, ack_feed
from tests.support.shipped_workers import metric_total, reached_at
from tests.support.worker_town import WorkerTown, worker_town

pytestmark = [pytest.mark.kafka, pytest.mark.long]

UNPACKED = 300 << 20
"""Ten kilobytes of zstd: what a hostile client sends may unpack to thirty thousand times its size."""

MEMORY_MIB = 256
"""A worker has about 100 MiB, and unpacks 8 MiB at most."""


@pytest.fixture
def town(own_kafka: Broker, tmp_path: Path) -> Iterator[WorkerTown]:
    with worker_town(reached_at(own_kafka.bootstrap), tmp_path) as town:
        yield town


def send_unpacking(
    kafka: KafkaConfig,
    topic: str,
    codec: str,
    sizes: list[int],
    partition: int = 0,
    key: bytes = b"device",
    *,
    linger_ms: int = 2_000,
) -> None:
    """One compressed batch with records of these sizes."""
    failures: list[object] = []
    producer = Producer(
        librdkafka_settings(kafka)
        | {
            "compression.codec": codec,
            "message.max.bytes": 1_000_000_000,
            "batch.size": 1_000_000_000,
            "batch.num.messages": 1_000_000,
            "queue.buffering.max.messages": 1_000_000,
            "queue.buffering.max.kbytes": 2_000_000,
            "linger.ms": linger_ms,
        }
    )
    for size in sizes:
        producer.produce(
            topic, bytes(size), key, partition, on_delivery=lambda error, _: failures.append(error)
        )
    assert producer.flush(60) == 0
    assert failures == [None] * len(sizes)


def most_memory_mib(worker: WorkerProcess) -> int:
    """The most that a worker has had in memory."""
    lines = Path(f"/proc/{worker.pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) >> 10


@pytest.mark.parametrize("sizes", [[UNPACKED], [1 << 16] * (UNPACKED >> 16)], ids=["one record", "many"])
def test_a_press_behind_a_batch_of_a_gateway_that_unpacks_to_too_much_is_heard(
    town: WorkerTown, sizes: list[int]
) -> None:
    worker = town.workers.start("alarms", town.kafka)
    town.presses.send(8)
    send_unpacking(town.kafka, PILLAR_EVENTS, "zstd", sizes)
    town.presses.send(8)
    town.presses.assert_heard()
    wait_until_told(town.kafka, PILLAR_EVENTS, {0})
    assert [(notice.cause, notice.records) for notice in notices(town.kafka, PILLAR_EVENTS)] == [
        (Cause.UNDECODABLE, len(sizes))
    ]
    assert metric_total(worker, "callbox_records_missing_total") == len(sizes)
    assert worker.exit_code is None
    assert most_memory_mib(worker) < MEMORY_MIB


def test_several_in_a_row_and_those_of_before_a_start_are_left_out(town: WorkerTown) -> None:
    for partition in EVERY_PARTITION:
        for _ in range(3):
            send_unpacking(town.kafka, PILLAR_EVENTS, "zstd", [UNPACKED // 8, UNPACKED // 8], partition)
    town.presses.send(12)
    worker = town.workers.start("alarms", town.kafka)
    town.presses.assert_heard()
    wait_until_told(town.kafka, PILLAR_EVENTS, set(EVERY_PARTITION))
    assert most_memory_mib(worker) < MEMORY_MIB


def test_a_gateway_that_sends_one_after_another_keeps_no_press_from_being_heard(town: WorkerTown) -> None:
    worker = town.workers.start("alarms", town.kafka)
    chance = random.Random(1)
    for _ in range(20):
        for _ in range(15):
            sizes = [(1 << 20) + chance.randrange(1_000)] * chance.randrange(9, 40)
            send_unpacking(town.kafka, PILLAR_EVENTS, "zstd", sizes, linger_ms=0)
        town.presses.send(4)
    town.presses.assert_heard()
    assert worker.exit_code is None
    assert most_memory_mib(worker) < MEMORY_MIB


def test_an_acknowledgement_behind_such_a_batch_of_a_dispatch_system_is_heard(town: WorkerTown) -> None:
    worker, acks = town.workers.start("alarms", town.kafka), ack_feed(town.kafka)
    send_unpacking(town.kafka, ACKS, "zstd", [UNPACKED])
    acks.send(8)
    acks.assert_heard()
    wait_until_told(town.kafka, ACKS, {0})
    assert worker.exit_code is None
    assert most_memory_mib(worker) < MEMORY_MIB


def test_an_alert_behind_such_a_batch_of_another_worker_in_the_log_is_raised(town: WorkerTown) -> None:
    town.workers.start("alarms", town.kafka)
    worker = town.workers.start("fusion", town.kafka)
    send_unpacking(town.kafka, FUSION_INPUT, "zstd", [UNPACKED])
    town.presses.send(8)
    town.presses.assert_heard(town.presses.in_alerts)
    wait_until_told(town.kafka, FUSION_INPUT, {0}, LOG_BROKEN)
    assert worker.exit_code is None
    assert most_memory_mib(worker) < MEMORY_MIB


def test_a_registry_with_such_a_batch_is_read_all_the_same(town: WorkerTown) -> None:
    send_unpacking(town.kafka, REGISTRY, "zstd", [UNPACKED])
    worker = town.workers.start("alarms", town.kafka)
    town.presses.send(4)
    town.presses.assert_heard()
    assert most_memory_mib(worker) < MEMORY_MIB


@pytest.mark.long
@pytest.mark.parametrize(
    ("codec", "unpacked", "most_mib"),
    [("snappy", 18 << 20, 300), ("lz4", 200 << 20, 900), ("gzip", 200 << 20, 900)],
)
def test_with_another_codec_the_largest_batch_of_the_topic_is_the_limit(
    town: WorkerTown, codec: str, unpacked: int, most_mib: int
) -> None:
    worker = town.workers.start("alarms", town.kafka)
    send_unpacking(town.kafka, PILLAR_EVENTS, codec, [unpacked])
    town.presses.send(8)
    town.presses.assert_heard()
    assert worker.exit_code is None
    assert most_memory_mib(worker) < most_mib
