"""Collect what a run left in the topics: read from their beginning, decoded, without repeats as for any consumer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.ack import AckResult
from schemas.alert import Alert
from schemas.codec import decode
from schemas.dead_letter import DeadLetter
from schemas.evidence import EvidenceSnapshot
from schemas.fusion_log import Media
from schemas.hotlist import VerificationRequest
from schemas.topics import (
    ACK_RESULTS,
    ALERTS,
    CATALOGUE,
    EVIDENCE,
    FUSION_INPUT,
    MAINTENANCE,
    TEST_ALERTS,
    VERIFICATION_REQUESTS,
)
from streams.kafka.config import KafkaConfig
from streams.kafka.reader import read_all
from streams.kafka.record import LogRecord
from streams.kafka.topics import partition_count
from streams.replay.refold import OUTPUTS, Log, log_entry

DEAD_LETTER_SUFFIX = ".dlq"

ALERT_TOPICS = (ALERTS, MAINTENANCE, TEST_ALERTS)
"""The topics that carry alerts."""


@dataclass(frozen=True)
class PlacedAlert:
    """An alert and its topic."""

    topic: str
    alert: Alert


@dataclass(frozen=True)
class Collected:
    """Everything that a run left on the broker.

    Attributes:
        partitions: Number of partitions of the log.
        records: All records as they are, by topic.
        alerts: Without repeats, in the order of their time and revision.
        dead_letters: Without repeats.
        requests: Without repeats.
        answers: Answers to acknowledgements, without repeats.
        evidence: Redacted pictures, by partition and offset.
        repeats: Number of records that were dropped as repeats.
    """

    partitions: int
    records: Mapping[str, Sequence[LogRecord]]
    alerts: Sequence[PlacedAlert]
    dead_letters: Sequence[DeadLetter]
    requests: Sequence[VerificationRequest]
    answers: Sequence[AckResult]
    evidence: Mapping[tuple[int, int], EvidenceSnapshot]
    repeats: int

    def log(self) -> Log:
        """The log, in the form of a recording."""
        entries = [(record.partition, log_entry(record)) for record in self.records[FUSION_INPUT]]
        return Log(self.partitions, entries)

    def live(self) -> dict[str, list[bytes]]:
        """The encoded alerts by topic, repeats included."""
        return {topic: [record.value or b"" for record in self.records[topic]] for topic in OUTPUTS}

    def picture(self, media: Media) -> EvidenceSnapshot | None:
        """The picture that an alert names; None if it is not there or is another one."""
        found = self.evidence.get((media.partition, media.offset))
        if found is None or (found.snapshot_id, found.sha256) != (media.snapshot_id, media.sha256):
            return None
        return found


def collect(kafka: KafkaConfig) -> Collected:
    """Read all topics of the catalogue.

    Raises:
        BrokerUnavailable: No broker answers.
        DecodeError: A worker wrote something that cannot be read.
    """
    records = {topic.name: list(read_all(kafka, topic.name)) for topic in CATALOGUE if not topic.planned}
    alerts = {
        alert.alert_id: PlacedAlert(topic, alert)
        for topic in ALERT_TOPICS
        for alert in (decode(record.value, Alert) for record in reversed(records[topic]))
    }
    dead_letters = [
        decode(record.value, DeadLetter)
        for topic, found in records.items()
        if topic.endswith(DEAD_LETTER_SUFFIX)
        for record in found
    ]
    places = {
        (
            dead_letter.topic,
            dead_letter.partition,
            dead_letter.offset,
            dead_letter.cause,
            dead_letter.worker,
        ): dead_letter
        for dead_letter in dead_letters
    }
    requests = [decode(record.value, VerificationRequest) for record in records[VERIFICATION_REQUESTS]]
    questions = {request.request_id: request for request in reversed(requests)}
    results = [decode(record.value, AckResult) for record in records[ACK_RESULTS]]
    answers = {(result.ack_id, result.incident_id): result for result in reversed(results)}
    alerts_written = sum(len(records[topic]) for topic in ALERT_TOPICS)
    written = alerts_written + len(dead_letters) + len(requests) + len(results)
    return Collected(
        partitions=partition_count(kafka, FUSION_INPUT),
        records=records,
        alerts=sorted(alerts.values(), key=lambda placed: (placed.alert.sent, placed.alert.revision)),
        dead_letters=sorted(
            places.values(), key=lambda dead_letter: (dead_letter.appended_at, dead_letter.worker)
        ),
        requests=list(questions.values()),
        answers=list(answers.values()),
        evidence={
            (record.partition, record.offset): decode(record.value, EvidenceSnapshot)
            for record in records[EVIDENCE]
        },
        repeats=written - len(alerts) - len(places) - len(questions) - len(answers),
    )
