"""What a person says reaches the fold through the log, and is answered: the shipped workers on each broker."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from benchmarks.support.registry_load import pillar, records
from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.embedded_broker import EmbeddedBroker
from callbox.demo.processes.worker_process import WorkerProcess
from schemas.ack import Acknowledgement, AckResult, Actor
from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter
from schemas.enums import AckAction, AckOutcome, IncidentState, PillarKind, Reason
from schemas.feeds import PillarEvent
from schemas.topics import (
    ACK_RESULTS,
    ACKS,
    ALERTS,
    INCIDENTS,
    LOG_PARTITIONS,
    PILLAR_EVENTS,
    dead_letter_topic,
)
from streams.clock import monotonic, now_ms, pause
from streams.kafka import topics
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord, publish
from streams.kafka.reader import latest_by_key, read_all
from tests.support.wiped_kafka import wiped

PILLARS = 12
"""One more is there, for the test that presses one."""
PATIENCE_S = 60.0

RecordT = TypeVar("RecordT", bound=msgspec.Struct)
Found = TypeVar("Found")


class AckHarness:
    """An alarms and a fusion worker on a broker of their own, and a desk that answers."""

    def __init__(self, kafka: KafkaConfig, folder: Path) -> None:
        self.kafka, self._folder = kafka, folder
        self.workers: list[WorkerProcess] = []
        self._config = folder / "callbox.toml"
        self._config.write_text(
            f'[kafka]\nbootstrap = "{kafka.bootstrap}"\nkind = "{kafka.kind}"\n', encoding="utf-8"
        )
        topics.apply(kafka, i_lose_order=False)
        publish(kafka, list(records(range(PILLARS + 1))))

    def start(self, name: str) -> WorkerProcess:
        port = free_port()
        log_file = self._folder / f"{name}-{port}.log"
        worker = WorkerProcess(name, self._config, http_port=port, log_file=log_file)
        self.workers.append(worker)
        worker.wait_until_ready(PATIENCE_S)
        return worker

    def press(self, number: int) -> None:
        event = PillarEvent(
            device_id=pillar(number).device_id,
            kind=PillarKind.PRESS,
            occurred_at=now_ms(),
            received_at=now_ms(),
            event_id=f"press-{number}",
        )
        publish(self.kafka, [ProducerRecord(PILLAR_EVENTS, event.device_id.encode(), encode(event))])

    def say(self, incident_id: str, ack_id: str, action: AckAction = AckAction.ACCEPT) -> None:
        ack = Acknowledgement(
            ack_id=ack_id,
            incident_id=incident_id,
            action=action,
            actor=Actor(name="Operator 4", organisation="County desk"),
            at=now_ms(),
            revision=self.shown(incident_id),
        )
        publish(self.kafka, [ProducerRecord(ACKS, incident_id.encode(), encode(ack))])

    def shown(self, incident_id: str) -> int:
        """The latest revision of an incident that is out; 1 where there is none."""
        alerts = self.all_of(ALERTS, Alert)
        return max((alert.revision for alert in alerts if alert.incident_id == incident_id), default=1)

    def all_of(self, topic: str, kind: type[RecordT]) -> list[RecordT]:
        return [decode(record.value, kind) for record in read_all(self.kafka, topic)]

    def wait_for(self, find: Callable[[], Found | None]) -> Found:
        deadline = monotonic() + PATIENCE_S
        while monotonic() < deadline:
            if (found := find()) is not None:
                return found
            pause(0.2)
        pytest.fail("\n".join(worker.log_tail() for worker in self.workers))

    def alert_of(self, number: int) -> Alert:
        """The raise of a pillar's press."""
        device_id = pillar(number).device_id

        def find() -> Alert | None:
            alerts = self.all_of(ALERTS, Alert)
            return next((each for each in alerts if each.sources[0].device_id == device_id), None)

        return self.wait_for(find)

    def answer_to(self, ack_id: str) -> AckResult:
        def find() -> AckResult | None:
            results = self.all_of(ACK_RESULTS, AckResult)
            return next((each for each in results if each.ack_id == ack_id), None)

        return self.wait_for(find)

    def close(self) -> None:
        for worker in self.workers:
            if worker.exit_code is None:
                worker.stop(5)


def shared(*workers: WorkerProcess) -> bool:
    """Whether each partition is one worker's, and each worker has the same partitions of both topics."""
    ours = [
        {topic: partitions_of(worker.page("/metrics"), topic) for topic in (PILLAR_EVENTS, ACKS)}
        for worker in workers
    ]
    numbers = sorted(number for each in ours for number in each[ACKS])
    return all(each[ACKS] == each[PILLAR_EVENTS] for each in ours) and numbers == list(range(LOG_PARTITIONS))


def partitions_of(metrics: str, topic: str) -> set[int]:
    found = re.findall(rf'^callbox_lag_seconds{{partition="(\d+)",topic="{topic}"}}', metrics, re.MULTILINE)
    return set(map(int, found))


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("embedded", marks=pytest.mark.embedded),
        pytest.param("kafka", marks=pytest.mark.kafka),
    ],
)
def harness(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AckHarness]:
    """A broker with both workers, and nothing of callbox on it before. Each test has pillars and ids of its own."""
    folder = tmp_path_factory.mktemp("harness")
    with ExitStack() as stack:
        if request.param == "embedded":
            broker = stack.enter_context(EmbeddedBroker(folder / "broker.log"))
            kafka = KafkaConfig(bootstrap=broker.bootstrap, kind=broker.kind)
        else:
            broker = request.getfixturevalue("own_kafka")
            kafka = stack.enter_context(wiped(KafkaConfig(bootstrap=broker.bootstrap)))
        made = AckHarness(kafka, folder)
        stack.callback(made.close)
        made.start("alarms")
        made.start("fusion")
        yield made


def test_an_acknowledgement_is_answered_and_the_incident_moves(harness: AckHarness) -> None:
    harness.press(PILLARS)
    incident_id = harness.alert_of(PILLARS).incident_id
    harness.say(incident_id, "first")
    answer = harness.answer_to("first")
    assert (answer.outcome, answer.reason) == (AckOutcome.ACCEPTED, Reason.ACCEPTED)
    assert (answer.incident_id, answer.state) == (incident_id, IncidentState.ACKED)
    latest = decode(latest_by_key(harness.kafka, INCIDENTS)[incident_id.encode()].value, Alert)
    assert (latest.state, latest.ack_id, latest.revision) == (IncidentState.ACKED, "first", 2)
    assert latest in harness.all_of(ALERTS, Alert)


def test_a_wrong_one_is_answered_a_repeat_is_not_and_poison_is_kept(harness: AckHarness) -> None:
    actor = Actor(name="Operator 4", organisation="County desk")
    damaged = Acknowledgement(ack_id="p", incident_id="p", action=AckAction.NOTE, actor=actor, at=now_ms())
    poison = encode(damaged)[:-3]
    publish(harness.kafka, [ProducerRecord(ACKS, b"x", poison)])
    harness.say("nowhere", "wrong")
    harness.say("nowhere", "wrong")
    harness.say("nowhere", "later")
    assert harness.answer_to("wrong").reason is Reason.UNKNOWN_INCIDENT
    assert harness.answer_to("later").outcome is AckOutcome.REJECTED
    assert [each.ack_id for each in harness.all_of(ACK_RESULTS, AckResult)].count("wrong") == 1
    (letter,) = harness.all_of(dead_letter_topic(ACKS), DeadLetter)
    assert (letter.topic, letter.payload) == (ACKS, poison)


@pytest.mark.parametrize("harness", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)
def test_two_workers_share_both_topics_and_the_one_that_is_left_takes_all(harness: AckHarness) -> None:
    first, second = harness.workers[0], harness.start("alarms")
    harness.wait_for(lambda: shared(first, second) or None)
    half = PILLARS // 2
    for number in range(half):
        harness.press(number)
        harness.say(harness.alert_of(number).incident_id, f"a{number}")
    second.stop(30)
    for number in range(half, PILLARS):
        harness.press(number)
        harness.say(harness.alert_of(number).incident_id, f"a{number}")
    outcomes = {harness.answer_to(f"a{number}").outcome for number in range(PILLARS)}
    assert outcomes == {AckOutcome.ACCEPTED}
