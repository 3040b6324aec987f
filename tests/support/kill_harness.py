"""For tests that kill workers: a Kafka without other workers, presses that keep coming, the log folded again."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from benchmarks.support.registry_load import pillar, records
from callbox.demo.processes.broker import Broker, MissingBroker
from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.worker_process import COMMAND, WorkerProcess
from callbox_testkit import fail_points
from callbox_testkit import worker as wrapper
from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.enums import PillarKind
from schemas.feeds import PillarEvent
from schemas.topics import ALERTS, FUSION_INPUT, FUSION_SNAPSHOT, PILLAR_EVENTS
from streams.clock import now_ms
from streams.kafka import topics
from streams.kafka.acls import group_of
from streams.kafka.admin import admin_client
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import publish
from streams.kafka.reader import bounds, read_all
from streams.kafka.topics import partition_count
from streams.replay.refold import Difference, differences, read_alerts, read_log, refold, repeats
from streams.worker.settings import RuntimeSettings
from streams.worker.spec import WORKERS
from tests.support.wiped_kafka import wiped

SESSION_MS = 2_000
ASK_S = 5.0
MOMENT = 6
"""Ticks and watermarks of a partition that may have come since the last commit."""

READY_S = 40.0
ARRIVED_S = 60.0

CONFIG = """
[kafka]
bootstrap = "{bootstrap}"
session_timeout_ms = {session_ms}
heartbeat_interval_ms = 300

[runtime]
commit_interval_s = 0.5
snapshot_interval_s = 1.0
"""


@contextmanager
def kafka_or_skip() -> Iterator[None]:
    """Skip what needs Apache Kafka where it cannot be started; with CALLBOX_REQUIRE_KAFKA=1 that is a failure."""
    try:
        yield
    except MissingBroker as error:
        if os.environ.get("CALLBOX_REQUIRE_KAFKA") == "1":
            raise
        pytest.skip(str(error))


class KillHarness:
    """Workers, presses, and the account of what came out."""

    def __init__(self, bootstrap: str, folder: Path, pillars: int) -> None:
        self.kafka = KafkaConfig(bootstrap=bootstrap)
        self._folder = folder
        self.config = folder / "callbox.toml"
        self.config.write_text(CONFIG.format(bootstrap=bootstrap, session_ms=SESSION_MS))
        self._workers: list[WorkerProcess] = []
        self.confirmed: set[str] = set()
        topics.apply(self.kafka, i_lose_order=False)
        publish(self.kafka, list(records(range(pillars))))

    def start(self, name: str, fail_point: str | None = None, replica: str = "") -> WorkerProcess:
        """Start a worker, with a fail point by the wrapper program, and wait until it is ready."""
        worker = self.spawn(name, fail_point, replica)
        worker.wait_until_ready(READY_S)
        return worker

    def spawn(self, name: str, fail_point: str | None = None, replica: str = "") -> WorkerProcess:
        """Start a worker as `start`, and wait for nothing: it may end before it is ready."""
        port = free_port()
        worker = WorkerProcess(
            name,
            self.config,
            http_port=port,
            log_file=self._folder / f"{name}-{port}.log",
            environment={fail_points.VARIABLE: fail_point} if fail_point else {},
            replica=replica,
            program=wrapper.PROGRAM if fail_point else COMMAND,
        )
        self._workers.append(worker)
        return worker

    def runs_until_it_stays(
        self, name: str, fail_point: str, most: int = 8
    ) -> tuple[list[int], WorkerProcess]:
        """Start a worker again whenever it has ended, as a service manager does.

        Returns:
            The exit codes of those that ended, and the one that has committed all that there is.
        """
        ended: list[int] = []
        while len(ended) <= most:
            worker = self.spawn(name, fail_point)
            while (code := worker.exit_code) is None:
                if worker.is_ready() and self.is_read(name):
                    return ended, worker
                time.sleep(0.2)
            ended.append(code)
        raise AssertionError(f"{name} ends again and again: {ended}")

    def is_read(self, name: str) -> bool:
        """Whether the group of a worker has committed everything but what came in the last moment."""
        topic = WORKERS[name].reads[0]
        group = group_of(name, RuntimeSettings().group_prefix)
        places = [TopicPartition(topic, number) for number in range(partition_count(self.kafka, topic))]
        client = admin_client(self.kafka, [])  # its futures never end once it is gone
        try:
            asked = client.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(group, places)], request_timeout=ASK_S
            )
            found = asked[group].result(2 * ASK_S).topic_partitions or ()
        except (KafkaException, TimeoutError):  # the group has no coordinator yet
            return False
        committed = {each.partition: each.offset for each in found}
        ends = {place.partition: bounds(self.kafka, topic, place.partition)[1] or 0 for place in places}
        ahead = MOMENT if topic == FUSION_INPUT else 0  # ticks and watermarks go on
        return all(max(0, committed.get(number, 0)) + ahead >= end for number, end in ends.items())

    @contextmanager
    def presses(self, count: int, rate: int, first: int = 0) -> Iterator[None]:
        """Press `count` pillars from number `first` once each while the test goes on; wait for the last at the end."""
        thread = threading.Thread(target=self._press, args=(range(first, first + count), rate))
        thread.start()
        try:
            yield
        finally:
            thread.join()

    def _press(self, numbers: range, rate: int) -> None:
        producer = Producer(
            {"bootstrap.servers": self.kafka.bootstrap, "partitioner": "murmur2_random", "linger.ms": 0}
        )
        for number in numbers:
            at, device = now_ms(), pillar(number).device_id
            event = PillarEvent(
                device_id=device,
                kind=PillarKind.PRESS,
                occurred_at=at,
                received_at=at,
                event_id=f"press-{number}",
            )
            producer.produce(
                PILLAR_EVENTS,
                encode(event),
                device,
                on_delivery=partial(self._confirm, f"press-{number}"),
            )
            producer.poll(1 / rate)
            time.sleep(1 / rate)
        producer.flush(30)

    def _confirm(self, event_id: str, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.confirmed.add(event_id)

    def raised(self) -> set[str]:
        """The presses that an alert names."""
        return {
            source.event_id
            for record in read_all(self.kafka, ALERTS)
            for source in decode(record.value, Alert).sources
        }

    def wait_for_snapshot(self) -> None:
        """Wait until a fold has saved what it knows."""
        deadline = time.monotonic() + ARRIVED_S
        while not any(True for _ in read_all(self.kafka, FUSION_SNAPSHOT)):
            assert time.monotonic() < deadline, "no snapshot was written"
            time.sleep(0.2)

    def lost(self) -> set[str]:
        """Presses that the broker confirmed and that no alert names, after some patience."""
        deadline = time.monotonic() + ARRIVED_S
        while (missing := self.confirmed - self.raised()) and time.monotonic() < deadline:
            time.sleep(0.5)
        return missing

    def account(self) -> tuple[list[Difference], int]:
        """Stop the workers; where a replay differs from what went out, and how many alerts went out again."""
        for worker in self._workers:
            if worker.exit_code is None:
                worker.stop()
        log, live = read_log(self.kafka), read_alerts(self.kafka)
        return differences(refold(log.entries, log.partitions), live), repeats(live)

    def close(self) -> None:
        """End what still runs."""
        for worker in self._workers:
            if worker.exit_code is None:
                worker.stop(5)


@contextmanager
def kill_harness(broker: Broker, folder: Path, pillars: int) -> Iterator[KillHarness]:
    """One on an Apache Kafka that is wiped before and after it: the fixture `own_kafka`."""
    with wiped(KafkaConfig(bootstrap=broker.bootstrap)):
        running = KillHarness(broker.bootstrap, folder, pillars)
        try:
            yield running
        finally:
            running.close()
