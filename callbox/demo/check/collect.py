"""What lies in the topics after a run, from their beginning, decoded; repeats are dropped as a consumer must."""

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
"""Where alerts come out."""


@dataclass(frozen=True)
class Placed:
    """An alert and the topic that it lies in."""

    topic: str
    alert: Alert


@dataclass(frozen=True)
class Harvest:
    """Everything that a run left on the broker.

    Attributes:
        partitions: How many the log has.
        records: All records as they lie, by topic.
        alerts: Without repeats, in the order of their time and revision.
        letters: Without repeats.
        requests: Without repeats.
        answers: To acknowledgements, without repeats.
        evidence: Redacted pictures by the place where they lie.
        repeats: How many records were dropped as repeats.
    """

    partitions: int
    records: Mapping[str, Sequence[LogRecord]]
    alerts: Sequence[Placed]
    letters: Sequence[DeadLetter]
    requests: Sequence[VerificationRequest]
    answers: Sequence[AckResult]
    evidence: Mapping[tuple[int, int], EvidenceSnapshot]
    repeats: int

    def log(self) -> Log:
        """The log, as a recording has it."""
        entries = [(record.partition, log_entry(record)) for record in self.records[FUSION_INPUT]]
        return Log(self.partitions, entries)

    def live(self) -> dict[str, list[bytes]]:
        """The encoded alerts by topic, with their repeats."""
        return {topic: [record.value or b"" for record in self.records[topic]] for topic in OUTPUTS}

    def picture(self, media: Media) -> EvidenceSnapshot | None:
        """The picture that an alert names, if it is there and is the one that was named."""
        found = self.evidence.get((media.partition, media.offset))
        if found is None or (found.snapshot_id, found.sha256) != (media.snapshot_id, media.sha256):
            return None
        return found


def harvest(kafka: KafkaConfig) -> Harvest:
    """Read all topics of the catalogue.

    Raises:
        BrokerUnavailable: No broker answers.
        DecodeError: A worker wrote something that cannot be read.
    """
    records = {topic.name: list(read_all(kafka, topic.name)) for topic in CATALOGUE if not topic.planned}
    alerts = {
        alert.alert_id: Placed(topic, alert)
        for topic in ALERT_TOPICS
        for alert in (decode(record.value, Alert) for record in reversed(records[topic]))
    }
    letters = [
        decode(record.value, DeadLetter)
        for topic, found in records.items()
        if topic.endswith(DEAD_LETTER_SUFFIX)
        for record in found
    ]
    places = {
        (letter.topic, letter.partition, letter.offset, letter.cause, letter.worker): letter
        for letter in letters
    }
    requests = [decode(record.value, VerificationRequest) for record in records[VERIFICATION_REQUESTS]]
    questions = {request.request_id: request for request in reversed(requests)}
    results = [decode(record.value, AckResult) for record in records[ACK_RESULTS]]
    answers = {(result.ack_id, result.incident_id): result for result in reversed(results)}
    alerts_written = sum(len(records[topic]) for topic in ALERT_TOPICS)
    written = alerts_written + len(letters) + len(requests) + len(results)
    return Harvest(
        partitions=partition_count(kafka, FUSION_INPUT),
        records=records,
        alerts=sorted(alerts.values(), key=lambda placed: (placed.alert.sent, placed.alert.revision)),
        letters=sorted(places.values(), key=lambda letter: (letter.appended_at, letter.worker)),
        requests=list(questions.values()),
        answers=list(answers.values()),
        evidence={
            (record.partition, record.offset): decode(record.value, EvidenceSnapshot)
            for record in records[EVIDENCE]
        },
        repeats=written - len(alerts) - len(places) - len(questions) - len(answers),
    )
