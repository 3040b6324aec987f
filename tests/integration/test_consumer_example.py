"""The consumer of docs/consume.md, run as it stands: 30 lines, nothing of callbox, repeats dropped, order kept."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import pytest

from callbox.demo.processes.embedded_broker import EmbeddedBroker
from processors.incident.issue import topic_for
from schemas.alert import Alert
from schemas.codec import encode
from schemas.enums import PillarKind
from schemas.topics import ALERTS
from streams.kafka import topics
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord, publish
from tests.support.paths import ROOT
from tests.support.timeline import Timeline

EXAMPLE = ROOT / "examples" / "consumer.py"
SCHEMA = ROOT / "schemas" / "avro" / "alert.avsc"
WITHIN_S = 30.0
QUICK = ("session.timeout.ms=2000", "heartbeat.interval.ms=300", "fetch.wait.max.ms=10")


@contextmanager
def consumer(config: KafkaConfig) -> Iterator["SimpleQueue[str]"]:
    """The example at work, and the lines that it prints."""
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLE), config.bootstrap, str(SCHEMA), *QUICK],
        stdout=subprocess.PIPE,
        text=True,
    )
    printed: SimpleQueue[str] = SimpleQueue()
    assert process.stdout is not None
    reading = Thread(target=lambda lines: [printed.put(line) for line in lines], args=(process.stdout,))
    reading.start()
    try:
        yield printed
    finally:
        process.kill()
        process.wait()
        reading.join()


def lines(printed: "SimpleQueue[str]", count: int) -> list[dict[str, Any]]:
    """So many lines of its output; fails when one takes too long."""
    return [json.loads(printed.get(timeout=WITHIN_S)) for _ in range(count)]


def alerts() -> list[Alert]:
    """A press, pressed again, cancelled: three revisions of one incident."""
    timeline = Timeline()
    timeline.press(1)
    timeline.press(10)
    timeline.pillar(PillarKind.CANCEL, 20)
    assert all(topic_for(alert) == ALERTS for alert in timeline.alerts)
    return timeline.alerts


def sent(alert: Alert) -> ProducerRecord:
    return ProducerRecord(ALERTS, alert.incident_id.encode(), encode(alert))


def test_the_example_is_thirty_lines_and_imports_nothing_of_callbox() -> None:
    source = EXAMPLE.read_text("utf-8")
    assert sum(bool(line.strip()) for line in source.splitlines()) <= 30
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    }
    assert imported - set(sys.stdlib_module_names) == {"confluent_kafka", "fastavro"}


def test_the_page_shows_the_very_file() -> None:
    assert EXAMPLE.read_text("utf-8") in (ROOT / "docs" / "consume.md").read_text("utf-8")


@pytest.mark.embedded
def test_the_example_prints_each_alert_once_and_never_an_older_one_after_a_newer(tmp_path: Path) -> None:
    raised, again, cancelled = alerts()
    with EmbeddedBroker(tmp_path / "broker.log") as broker:
        config = KafkaConfig(bootstrap=broker.bootstrap, kind=broker.kind)
        topics.apply(config, i_lose_order=False)
        publish(config, [sent(alert) for alert in (raised, raised, again, raised, cancelled, again)])
        with consumer(config) as printed:
            found = lines(printed, 3)
            publish(config, [sent(again), sent(raised)])
            other = Timeline()
            other.press(30, event_id="another")
            publish(config, [sent(other.alerts[0])])
            found += lines(printed, 1)
    assert [alert["reason"] for alert in found] == [
        "first_fact",
        "pressed_again",
        "cancel_requested",
        "first_fact",
    ]
    assert [alert["alert_id"] for alert in found[:3]] == [a.alert_id for a in (raised, again, cancelled)]
