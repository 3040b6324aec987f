"""`callbox send` with the shipped workers: what is sent is decided about, and its alert is found."""

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.support.registry_load import pillar, records
from callbox.cli import run
from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.embedded_broker import EmbeddedBroker
from callbox.demo.processes.worker_process import WorkerProcess
from schemas.alert import Alert
from schemas.codec import decode
from schemas.enums import PillarKind, Status
from schemas.feeds import PillarEvent
from schemas.partitioning import partition_of
from schemas.topics import ALERTS, LOG_PARTITIONS, PILLAR_EVENTS, TEST_ALERTS
from streams.kafka import topics
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import publish
from streams.kafka.reader import read_all
from tests.support.logs import restored_logs

pytestmark = pytest.mark.embedded

READY_S = 60.0
WAIT = ("--wait", "60")
"""Found at once where the machine is idle."""

Call = Callable[..., tuple[str, str]]
"""(arguments, code=0, answer="") -> what is on stdout and on stderr."""


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[KafkaConfig, Path]]:
    """Both workers, a registry of some pillars, and the config. Each test has a pillar of its own."""
    folder = tmp_path_factory.mktemp("send")
    config = folder / "callbox.toml"
    with restored_logs(), EmbeddedBroker(folder / "broker.log") as broker:
        config.write_text(f'[kafka]\nbootstrap = "{broker.bootstrap}"\nkind = "{broker.kind}"\n')
        kafka = KafkaConfig(bootstrap=broker.bootstrap, kind=broker.kind)
        topics.apply(kafka, i_lose_order=False)
        publish(kafka, list(records(range(6))))
        workers = [
            WorkerProcess(name, config, http_port=free_port(), log_file=folder / f"{name}.log")
            for name in ("alarms", "fusion")
        ]
        try:
            for worker in workers:
                worker.wait_until_ready(READY_S)
            yield kafka, config
        finally:
            for worker in workers:
                worker.stop()


@pytest.fixture
def call(
    kafka: tuple[KafkaConfig, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Call]:
    def called(*arguments: str, code: int = 0, answer: str = "") -> tuple[str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        found = run(["--config", str(kafka[1]), "send", *arguments])
        captured = capsys.readouterr()
        assert found == code, captured.err
        return captured.out, captured.err

    with restored_logs():
        yield called


def events_of(kafka: KafkaConfig, device_id: str) -> list[tuple[int, PillarEvent]]:
    """Partition and content of all events of a device."""
    found = [
        (record.partition, decode(record.value, PillarEvent)) for record in read_all(kafka, PILLAR_EVENTS)
    ]
    return [(partition, event) for partition, event in found if event.device_id == device_id]


def alert_in(kafka: KafkaConfig, topic: str, shown: str) -> Alert:
    """The first alert of the incident that the command has named."""
    incident_id = re.search(r"^incident (.+)$", shown, re.MULTILINE)[1]  # type: ignore[index]  # None fails as well
    alerts = [decode(record.value, Alert) for record in read_all(kafka, topic)]
    return next(alert for alert in alerts if alert.incident_id == incident_id)


def test_a_press_is_asked_about_and_its_alert_is_found(call: Call, kafka: tuple[KafkaConfig, Path]) -> None:
    device = pillar(0).device_id
    out, err = call("press", device, *WAIT, answer="y\n")
    assert f"This press of {device} is real: the control room gets a red alert" in err
    assert "warning" not in err
    ((partition, event),) = events_of(kafka[0], device)
    assert partition == partition_of(device, LOG_PARTITIONS)
    assert f"sent press of {device} as {event.event_id}: {PILLAR_EVENTS} partition {partition} offset" in out
    assert re.search(rf"^red raise \(first_fact\) on {ALERTS} after \d+\.\d{{3}} s$", out, re.MULTILINE)
    assert alert_in(kafka[0], ALERTS, out).sources[0].event_id == event.event_id


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_a_press_is_not_sent_without_a_yes(call: Call, kafka: tuple[KafkaConfig, Path], answer: str) -> None:
    out, _ = call("press", "nobody", answer=answer, code=130)
    assert "sent" not in out
    assert events_of(kafka[0], "nobody") == []


def test_a_press_of_a_panel_that_counts_is_found_without_an_id(
    call: Call, kafka: tuple[KafkaConfig, Path]
) -> None:
    device = pillar(1).device_id
    out, err = call(
        "press", device, "--yes", "--sequence", "1", "--occurred-at", "1970-01-01T00:00:00Z", *WAIT
    )
    assert "is real" in err
    ((_, event),) = events_of(kafka[0], device)
    assert (event.event_id, event.sequence, event.occurred_at) == (None, 1, 0)
    alert = alert_in(kafka[0], ALERTS, out)
    assert (alert.sources[0].device_id, alert.clock_suspect) == (device, True)


def test_an_exercise_and_a_test_stay_off_the_live_topics_and_nothing_is_asked(
    call: Call, kafka: tuple[KafkaConfig, Path]
) -> None:
    device = pillar(2).device_id
    exercise, err = call("press", device, "--exercise", *WAIT)
    assert err == ""
    assert alert_in(kafka[0], TEST_ALERTS, exercise).status is Status.EXERCISE
    test, _ = call("test", device, *WAIT)
    assert alert_in(kafka[0], TEST_ALERTS, test).status is Status.TEST


def test_without_an_alert_in_time_it_ends_with_75_and_says_where_the_event_lies(call: Call) -> None:
    out, err = call("test", "nobody", "--wait", "0.2", code=75)
    assert "sent test of nobody as callbox-send-" in out
    assert "warning: no registry names nobody" in err
    assert f"{TEST_ALERTS}: no alert names it within 0.2 s" in err


def test_a_press_of_an_unregistered_pillar_is_warned_about_and_raises(
    call: Call, kafka: tuple[KafkaConfig, Path]
) -> None:
    out, err = call("press", "newcomer", "--yes", *WAIT)
    assert "no registry names newcomer: its press raises in the zone unassigned" in err
    assert alert_in(kafka[0], ALERTS, out).zone == "unassigned"


def test_heartbeats_faults_and_releases_are_sent_as_their_options_say(
    call: Call, kafka: tuple[KafkaConfig, Path]
) -> None:
    device = pillar(3).device_id
    out, _ = call("heartbeat", device, "--every", "1s", "--count", "2")
    assert len(out.splitlines()) == 2
    call("tamper", device, "--event-id", "mine")
    call("tamper", device, "--over")
    call("battery", device, "--exercise")
    call("release", device)
    assert call("cancel", device, "--yes")[1].endswith("the caller takes the call back.\n")
    told = [(event.kind, event.active, event.exercise) for _, event in events_of(kafka[0], device)]
    assert told == [
        (PillarKind.HEARTBEAT, True, False),
        (PillarKind.HEARTBEAT, True, False),
        (PillarKind.TAMPER, True, False),
        (PillarKind.TAMPER, False, False),
        (PillarKind.BATTERY, True, True),
        (PillarKind.RELEASE, True, False),
        (PillarKind.CANCEL, True, False),
    ]
    events = [event for _, event in events_of(kafka[0], device)]
    assert events[2].event_id == "mine"
    assert len({event.event_id for event in events}) == len(events)


def test_the_end_of_a_fault_names_it_as_it_was(call: Call) -> None:
    out, _ = call("mains", pillar(4).device_id, "--over")
    assert out.startswith(f"sent end of mains of {pillar(4).device_id} as ")
