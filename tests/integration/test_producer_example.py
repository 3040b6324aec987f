"""The gateway of docs/guides/feeds.md, run as it stands: what it writes on a broker goes through intake."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from callbox.demo.processes.embedded_broker import EmbeddedBroker
from schemas.codec import decode
from schemas.enums import InputKind, PillarKind
from schemas.fusion_log import FusionInput, PillarFact
from schemas.partitioning import partition_of
from schemas.topics import FUSION_INPUT, LOG_PARTITIONS, PILLAR_EVENTS, REGISTRY
from streams.kafka import topics
from streams.kafka.batch import Batch
from streams.kafka.config import KafkaConfig
from streams.kafka.reader import read_all
from streams.kafka.record import LogRecord
from streams.workers.alarms import AlarmsAgent
from tests.support.fakes import World, done, registered, run
from tests.support.log_records import device
from tests.support.paths import ROOT

EXAMPLE = ROOT / "examples" / "producer.py"
SCHEMA = ROOT / "schemas" / "avro" / "pillar_event.avsc"
WITHIN_S = 60.0

REPORTS = (
    {"device_id": "P1", "kind": "press", "event_id": "e1", "occurred_at": 1_700_000_000_000},
    {"device_id": "P1", "kind": "release", "sequence": 8},
    {"device_id": "P2", "kind": "press"},
    {"device_id": "P2", "kind": "heartbeat"},
    {"device_id": "P1", "kind": "tamper", "active": False},
)


def run_gateway(bootstrap: str, folder: Path, program: Path = EXAMPLE) -> None:
    """Let the example write the reports."""
    text = "".join(f"{json.dumps(report)}\n" for report in REPORTS)
    command = [sys.executable, str(program), bootstrap, str(SCHEMA), str(folder / "spool")]
    subprocess.run(command, input=text, text=True, check=True, timeout=WITHIN_S)


def after_intake(records: list[LogRecord]) -> list[PillarFact]:
    """What the agent of `alarms` makes of the records; fails where one of them becomes a dead letter."""
    world = World("alarms", {REGISTRY: registered(device("P1"), device("P2"))})
    agent = AlarmsAgent(world.context)
    batch = Batch([record._replace(topic=PILLAR_EVENTS) for record in records])

    async def work() -> None:
        await agent.start()
        done(world, agent, batch)

    run(work())
    assert world.delivery.dead_letters(PILLAR_EVENTS) == []
    inputs = world.delivery.decoded(FUSION_INPUT, FusionInput)
    assert {made.kind for made in inputs} == {InputKind.PILLAR_EVENT}
    return [decode(made.payload, PillarFact) for made in inputs]


@pytest.mark.embedded
def test_what_the_example_writes_lies_in_its_device_s_partition_and_goes_through_intake(
    tmp_path: Path,
) -> None:
    with EmbeddedBroker(tmp_path / "broker.log") as broker:
        config = KafkaConfig(bootstrap=broker.bootstrap, kind=broker.kind)
        topics.apply(config, i_lose_order=False)
        run_gateway(config.bootstrap, tmp_path)
        records = list(read_all(config, PILLAR_EVENTS))
    assert all(
        record.partition == partition_of((record.key or b"").decode(), LOG_PARTITIONS) for record in records
    )
    facts = after_intake(records)
    told = {
        device_id: [fact.kind for fact in facts if fact.device_id == device_id] for device_id in ("P1", "P2")
    }
    assert told == {
        "P1": [PillarKind.PRESS, PillarKind.RELEASE, PillarKind.TAMPER],
        "P2": [PillarKind.PRESS, PillarKind.HEARTBEAT],
    }
    by_kind = {(fact.device_id, fact.kind): fact for fact in facts}
    first = by_kind["P1", PillarKind.PRESS]
    assert (first.event_id, first.clock_suspect) == ("e1", True), "its clock is years behind"
    assert not by_kind["P2", PillarKind.PRESS].clock_suspect, "a panel without a clock has the gateway's"
    assert by_kind["P1", PillarKind.TAMPER].active is False
    assert len({fact.event_id for fact in facts}) == len(REPORTS)


@pytest.mark.kafka
def test_the_idempotent_producer_of_the_example_is_taken_by_apache_kafka(
    kafka_config: KafkaConfig, make_topic: Callable[..., str], tmp_path: Path
) -> None:
    topic = make_topic(kafka_config, LOG_PARTITIONS)
    copy = tmp_path / "producer.py"
    copy.write_text(EXAMPLE.read_text("utf-8").replace(PILLAR_EVENTS, topic), "utf-8")
    run_gateway(kafka_config.bootstrap, tmp_path, copy)
    records = list(read_all(kafka_config, topic))
    assert len(records) == len(REPORTS)
    assert {record.partition for record in records} == {
        partition_of(report["device_id"], LOG_PARTITIONS) for report in REPORTS
    }
