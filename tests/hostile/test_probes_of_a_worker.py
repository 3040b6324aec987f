"""Boundary: the port of the probes of a shipped `alarms`, and its file descriptors. Credential: none; and, for what is
written into the pillar topic, that of a gateway.
"""

import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from callbox.demo.processes.embedded_broker import EmbeddedBroker
from callbox.log_limit import EACH_KIND
from schemas.codec import encode
from schemas.topics import PILLAR_EVENTS
from streams.kafka import topics
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord, publish
from tests.support.alarm_events import event
from tests.support.shipped_workers import ShippedWorkers, lines_of, metric_total, readiness, shipped_workers
from tests.support.waiting import wait_until

pytestmark = pytest.mark.embedded

HALF_OPEN, PRESSES, WITHIN_S = 300, 200, 60.0
MOST_LOG_BYTES = 200_000  # the hundred lines that one event may have, and what a start says


@pytest.fixture
def town(tmp_path: Path) -> Iterator[tuple[KafkaConfig, ShippedWorkers]]:
    """A broker with the topics of the catalogue, and workers that are ended."""
    with EmbeddedBroker(tmp_path / "broker.log") as embedded, shipped_workers(tmp_path) as workers:
        kafka = KafkaConfig(bootstrap=embedded.bootstrap, kind=embedded.kind)
        topics.apply(kafka, i_lose_order=False)
        yield kafka, workers


def write_presses_and_junk(kafka: KafkaConfig) -> None:
    presses = [encode(event(device_id=f"P{number}", event_id=f"e{number}")) for number in range(PRESSES)]
    junk = [b"no record", *(press[:-1] for press in presses[1:])]
    values = [*presses, *junk, *junk]
    publish(kafka, [ProducerRecord(PILLAR_EVENTS, b"P", value) for value in values])


def test_a_worker_whose_probes_are_full_and_who_may_open_nothing_hears_every_press_and_writes_little(
    town: tuple[KafkaConfig, ShippedWorkers],
) -> None:
    kafka, workers = town
    worker = workers.start("alarms", kafka)
    before = resource.prlimit(worker.pid, resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        for _ in range(HALF_OPEN):
            client = stack.enter_context(socket.socket())
            with suppress(ConnectionError):
                client.connect(("127.0.0.1", worker.http_port))
                client.sendall(b"GET /healthz HTTP/1.1\r\nHost: ")
        assert worker.page("/healthz") == "ok\n"
        assert metric_total(worker, "callbox_probe_connections_closed_total") > 0

        # Now not even a connection to the probes: every further file or socket is refused.
        resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, (3, before[1]))
        write_presses_and_junk(kafka)
        with suppress(OSError):
            worker.page("/healthz")
        wait_until(
            lambda: worker.log_file.read_text("utf-8").count("record.dead_lettered") >= EACH_KIND.burst,
            WITHIN_S,
            worker.log_tail,
        )
        resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, before)

        wanted = PRESSES + 2 * PRESSES
        wait_until(
            lambda: metric_total(worker, f'callbox_records_total{{topic="{PILLAR_EVENTS}"') >= wanted,
            WITHIN_S,
            worker.log_tail,
        )
        assert metric_total(worker, "callbox_dead_letters_total") == 2 * PRESSES
        assert readiness(worker) == (200, "ready\n")
    worker.send(signal.SIGTERM)
    assert worker.wait(WITHIN_S) == 0
    lines = lines_of(worker)
    written = sum(line["event"] == "record.dead_lettered" for line in lines)
    told = sum(line["lines"] for line in lines if line.get("suppressed") == "record.dead_lettered")
    assert written + told == 2 * PRESSES
    assert worker.log_file.stat().st_size < MOST_LOG_BYTES
