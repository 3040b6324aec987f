"""What the log and the control room were told of a feed that has lost records."""

from typing import Any

import msgspec

from processors.fold.reducer import RECORDS
from schemas.alert import Alert
from schemas.codec import decode
from schemas.fusion_log import FusionInput
from schemas.topics import FUSION_INPUT, MAINTENANCE
from streams.kafka.config import KafkaConfig
from streams.kafka.reader import read_all
from tests.support.waiting import wait_until

FEED_BROKEN = "feed_broken"
LOG_BROKEN = "log_broken"
TOLD_S = 30.0


def notices(kafka: KafkaConfig, topic: str, kind: str = FEED_BROKEN) -> list[Any]:
    """The notices about a topic that stand in the log."""
    entries = (decode(record.value, FusionInput) for record in read_all(kafka, FUSION_INPUT))
    found: list[Any] = [decode(entry.payload, RECORDS[entry.kind]) for entry in entries if entry.kind == kind]
    return [notice for notice in found if notice.topic == topic]


def broken_partitions(kafka: KafkaConfig, topic: str, kind: str = FEED_BROKEN) -> set[int]:
    """The partitions of a topic that notices name."""
    return {notice.partition for notice in notices(kafka, topic, kind)}


AS_A_WHOLE = {0}
"""A topic that was made anew is told once, under its first partition."""


def wait_until_told(kafka: KafkaConfig, topic: str, partitions: set[int], kind: str = FEED_BROKEN) -> None:
    """Return once the log has a notice about each of these partitions."""
    wait_until(
        lambda: partitions <= broken_partitions(kafka, topic, kind),
        TOLD_S,
        lambda: (
            f"of {topic} {sorted(partitions)} was to be told, "
            f"and {sorted(broken_partitions(kafka, topic, kind))} was"
        ),
    )


def counts_told(kafka: KafkaConfig, topic: str, partition: int) -> set[int]:
    """Every number that the notices about a partition hold: one of them is how many records are missing."""
    return {
        value
        for notice in notices(kafka, topic)
        if notice.partition == partition
        for value in msgspec.structs.asdict(notice).values()
        if isinstance(value, int)
    }


def blue_hazards(kafka: KafkaConfig) -> set[str]:
    """The hazards of all alerts for technicians."""
    return {str(decode(record.value, Alert).hazard) for record in read_all(kafka, MAINTENANCE)}


def wait_until_blue(kafka: KafkaConfig, hazard: str) -> None:
    """Return once the control room has a blue alert of a hazard."""
    wait_until(
        lambda: hazard in blue_hazards(kafka), TOLD_S, lambda: f"no blue {hazard}, only {blue_hazards(kafka)}"
    )
