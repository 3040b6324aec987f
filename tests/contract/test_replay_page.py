"""The examples of docs/replay.md run as they stand."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import cast

import pytest

from schemas.enums import AckAction
from schemas.topics import ACK_RESULTS, ALERTS
from streams.kafka.config import KafkaConfig
from streams.replay.recording import load_log, write_log
from streams.replay.refold import Log, differences, refold
from tests.support.documents import blocks, text_of
from tests.support.log_records import PARTITIONS, device
from tests.support.paths import ROOT
from tests.support.recorded_log import PARTITION
from tests.support.timeline import Timeline

FOLD_A_FILE, RECORD = [
    content for language, content in blocks(text_of(ROOT / "docs/replay.md")) if language == "python"
]


def recorded() -> Log:
    """A log with alerts and with an answer to an acknowledgement."""
    line = Timeline(device("P1"))
    line.press(0)
    (incident,) = line.state.incidents.values()
    line.acknowledge(AckAction.ACCEPT, incident.incident_id, 5)
    return Log(PARTITIONS, [(PARTITION, entry) for entry in line.entries])


def test_the_example_prints_alerts_and_answers_of_a_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out/demo"
    folder.mkdir(parents=True)
    write_log(folder / "fusion.input.avro", recorded())
    monkeypatch.chdir(tmp_path)
    exec(compile(FOLD_A_FILE, "docs/replay.md", "exec"), {})
    printed = [line.split()[:4] for line in capsys.readouterr().out.splitlines()]
    assert [ALERTS, "red", "raise", "first_fact"] in printed
    assert [ACK_RESULTS, "accepted", "accepted"] in [line[:3] for line in printed]


def test_the_other_example_records_a_log_and_names_what_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "callbox.toml").write_text('[kafka]\nbootstrap = "kafka:9092"\n', "utf-8")
    monkeypatch.chdir(tmp_path)

    def read_log(kafka: KafkaConfig) -> Log:
        assert kafka.bootstrap == "kafka:9092"
        return recorded()

    def read_alerts(_kafka: KafkaConfig) -> dict[str, list[bytes]]:
        log = recorded()
        return refold(log.entries, log.partitions) | {ACK_RESULTS: []}

    with_a_broker = SimpleNamespace(
        differences=differences, read_alerts=read_alerts, read_log=read_log, refold=refold
    )
    monkeypatch.setitem(sys.modules, "streams.replay.refold", cast("ModuleType", with_a_broker))
    exec(compile(RECORD, "docs/replay.md", "exec"), {})
    assert load_log(tmp_path / "log.avro") == recorded()
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["missing"]
