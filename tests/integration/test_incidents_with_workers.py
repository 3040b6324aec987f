"""A press, from the shipped workers to an operator at a terminal and back."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from callbox.cli import run
from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.embedded_broker import EmbeddedBroker
from callbox.demo.processes.worker_process import WorkerProcess
from schemas.codec import encode
from schemas.enums import PillarKind
from schemas.feeds import PillarEvent
from schemas.topics import PILLAR_EVENTS
from streams.clock import now_ms, pause
from streams.kafka import topics
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord, publish
from tests.support.logs import restored_logs

READY_S = 60.0
TRIES = 200
ME = ("--actor", "Li", "--organisation", "Town")


@pytest.fixture
def pressed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Workers, and a press of a pillar that nobody has registered; the config is in the working folder."""
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "callbox.toml"
    with restored_logs(), EmbeddedBroker(tmp_path / "broker.log") as broker:
        config.write_text(f'[kafka]\nbootstrap = "{broker.bootstrap}"\nkind = "{broker.kind}"\n')
        kafka = KafkaConfig(bootstrap=broker.bootstrap, kind=broker.kind)
        topics.apply(kafka, i_lose_order=False)
        workers = [
            WorkerProcess(name, config, http_port=free_port(), log_file=tmp_path / f"{name}.log")
            for name in ("alarms", "fusion")
        ]
        try:
            for worker in workers:
                worker.wait_until_ready(READY_S)
            at = now_ms()
            press = PillarEvent(device_id="p", kind=PillarKind.PRESS, occurred_at=at, received_at=at)
            publish(kafka, [ProducerRecord(PILLAR_EVENTS, b"p", encode(press))])
            yield
        finally:
            for worker in workers:
                worker.stop()


@pytest.mark.embedded
def test_a_press_is_listed_acknowledged_and_closed(pressed: None, capsys: pytest.CaptureFixture[str]) -> None:
    def call(*arguments: str, code: int = 0) -> str:
        found = run(["incidents", *arguments])
        captured = capsys.readouterr()
        assert found == code, captured.err
        return captured.err if code else captured.out

    for _ in range(TRIES):
        if listed := call("list", "--json"):
            break
        pause(0.1)
    incident_id: str = json.loads(listed)["incident_id"]
    assert "not_possible_now" in call("close", incident_id, *ME, "--disposition", "founded", code=65)
    assert "never_for_grade" in call("shelve", incident_id, *ME, "--reason", "nuisance", code=65)
    assert "the incident is acked" in call("ack", incident_id[-6:], *ME)
    assert "the incident is assigned" in call("ack", incident_id, *ME, "--action", "en_route")
    assert "the incident is closed" in call("close", incident_id, *ME, "--disposition", "founded")
    for _ in range(TRIES):
        if call("list") == "no incident is open\n":
            break
        pause(0.1)
    shown = json.loads(call("show", incident_id, "--json"))
    assert (shown["state"], shown["disposition"], shown["actor"]) == (
        "closed",
        "founded",
        {"name": "Li", "organisation": "Town"},
    )
    assert "incident_over" in call("ack", incident_id, *ME, code=65)
