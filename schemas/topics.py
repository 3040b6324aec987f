"""The catalogue of all topics: name, key, record, partitions, retention, clean-up, sealed or not.

Producers, consumers, the topics command and the documents all read this list.
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from schemas.ack import Acknowledgement, AckResult
from schemas.alert import Alert
from schemas.dead_letter import DeadLetter
from schemas.evidence import EvidenceSnapshot
from schemas.feeds import CameraFrame, PillarEvent, PlateRead
from schemas.fusion_log import FusionInput, FusionSnapshot, MaintenanceWindow
from schemas.hotlist import HotlistEntry, VerificationRequest
from schemas.registry import RegistryDevice
from schemas.topic_family import member_of, member_topic
from schemas.units import DAY_MS, MINUTE_MS

PILLAR_EVENTS = "alarm.pillar-event.v1"
FRAMES = "camera.frame.v1"
PLATE_READS = "checkpoint.plate-read.v1"
REGISTRY = "site.registry.v1"
MAINTENANCE_WINDOWS = "site.maintenance.v1"
HOTLIST = "vehicle.hotlist.v1"
FUSION_INPUT = "fusion.input.v1"
FUSION_SNAPSHOT = "fusion.snapshot.v1"
VERIFICATION_REQUESTS = "vehicle.verification-request.v1"
EVIDENCE = "evidence.snapshot.v1"
ALERTS = "dispatch.alert.v1"
MAINTENANCE = "maintenance.alert.v1"
TEST_ALERTS = "dispatch.test-alert.v1"
INCIDENTS = "dispatch.incident.v1"
ACKS = "dispatch.ack.v1"
ACK_RESULTS = "dispatch.ack-result.v1"

LOG_PARTITIONS = 4
"""Partitions of the log, its snapshots and the pillar feed; never changed in place. One worker handles over 1,000
presses a second (benchmarks/latency) and a county has 630 pillars, so four is about the number of workers, not the
load. Eight double the latency at 1,000 presses a second: each partition is a request of its own (docs/adr/0009)."""

SEALED_RETENTION_MS = 10 * MINUTE_MS
"""The longest that a sealed topic keeps records until sealing exists (docs/privacy.md)."""

SNAPSHOT_SLOTS = 4
"""Number of keys that rotate in the snapshot topic, so that compaction keeps four snapshots of each partition."""

PICTURE_BYTES = (8 << 20) + (64 << 10)
"""A picture of 8 MiB, more than a 40-megapixel JPEG of a busy scene needs, and its envelope."""


DEAD_LETTER_BYTES = 1 << 30
"""What the dead letters of a topic may take of a disk: ten million of garbage, or a thousand of the largest damaged
events. A flood takes the oldest away, and fills no disk on which presses wait."""


class Cleanup(StrEnum):
    """How a broker removes old records."""

    DELETE = "delete"
    COMPACT = "compact"


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One topic.

    Attributes:
        name: The topic's name on the broker.
        key: What the key of its records is.
        record: The type of its records; None for a planned topic whose schema has no producer yet.
        partitions: The number of partitions.
        retention_ms: How long records stay, milliseconds; None for a compacted topic.
        cleanup: Delete or compact.
        sealed: Few may see its payload: no dead letter, log line or `tail` shows it.
        planned: It has no producer yet and is not created.
        max_message_bytes: The size of the largest record, bytes.
        settings: Further topic settings, with Kafka's names.
    """

    name: str
    key: str
    record: type[msgspec.Struct] | None
    partitions: int
    retention_ms: int | None
    cleanup: Cleanup = Cleanup.DELETE
    sealed: bool = False
    planned: bool = False
    max_message_bytes: int = 1 << 20
    settings: dict[str, str] = {}


_APPEND_TIME = {"message.timestamp.type": "LogAppendTime"}

_FLOW = (
    Topic(
        name=REGISTRY,
        key="device id",
        record=RegistryDevice,
        partitions=1,
        retention_ms=None,
        cleanup=Cleanup.COMPACT,
    ),
    # Only the command line reads it: the fold is told of each window by the log.
    Topic(
        name=MAINTENANCE_WINDOWS,
        key="window id",
        record=MaintenanceWindow,
        partitions=1,
        retention_ms=None,
        cleanup=Cleanup.COMPACT,
    ),
    Topic(
        name=PILLAR_EVENTS,
        key="device id",
        record=PillarEvent,
        partitions=LOG_PARTITIONS,
        retention_ms=7 * DAY_MS,
        settings=_APPEND_TIME,
    ),
    Topic(
        name=FRAMES,
        key="camera id",
        record=CameraFrame,
        partitions=12,
        retention_ms=SEALED_RETENTION_MS,
        sealed=True,
        max_message_bytes=PICTURE_BYTES,
        settings=_APPEND_TIME,
    ),
    Topic(
        name=PLATE_READS,
        key="checkpoint id",
        record=PlateRead,
        partitions=8,
        retention_ms=SEALED_RETENTION_MS,
        sealed=True,
        max_message_bytes=PICTURE_BYTES,
        settings=_APPEND_TIME,
    ),
    Topic(
        name=HOTLIST,
        key="entry id",
        record=HotlistEntry,
        partitions=1,
        retention_ms=None,
        cleanup=Cleanup.COMPACT,
        sealed=True,
        settings=_APPEND_TIME,  # the writer must not determine the list's age
    ),
    Topic(
        name=FUSION_INPUT,
        key="zone",
        record=FusionInput,
        partitions=LOG_PARTITIONS,
        retention_ms=14 * DAY_MS,
        settings=_APPEND_TIME,
    ),
    Topic(
        name=FUSION_SNAPSHOT,
        key="slot",
        record=FusionSnapshot,
        partitions=LOG_PARTITIONS,
        retention_ms=None,
        cleanup=Cleanup.COMPACT,
        max_message_bytes=8 << 20,
        settings={"segment.ms": str(10 * MINUTE_MS)},
    ),
    Topic(
        name=VERIFICATION_REQUESTS,
        key="request id",
        record=VerificationRequest,
        partitions=4,
        retention_ms=SEALED_RETENTION_MS,
        sealed=True,
        max_message_bytes=PICTURE_BYTES,
        settings=_APPEND_TIME,
    ),
    Topic(
        name=EVIDENCE,
        key="observation id",
        record=EvidenceSnapshot,
        partitions=8,
        retention_ms=7 * DAY_MS,
        max_message_bytes=PICTURE_BYTES,
    ),
    Topic(name=ALERTS, key="incident id", record=Alert, partitions=4, retention_ms=30 * DAY_MS),
    Topic(name=MAINTENANCE, key="incident id", record=Alert, partitions=4, retention_ms=30 * DAY_MS),
    Topic(name=TEST_ALERTS, key="incident id", record=Alert, partitions=4, retention_ms=7 * DAY_MS),
    Topic(
        name=INCIDENTS,
        key="incident id",
        record=Alert,
        partitions=4,
        retention_ms=None,
        cleanup=Cleanup.COMPACT,
    ),
    Topic(
        name=ACKS,
        key="incident id",
        record=Acknowledgement,
        partitions=LOG_PARTITIONS,
        retention_ms=30 * DAY_MS,
        settings=_APPEND_TIME,
    ),
    Topic(name=ACK_RESULTS, key="ack id", record=AckResult, partitions=4, retention_ms=7 * DAY_MS),
)

_PLANNED = (
    Topic(
        name="vehicle.verification.v1",
        key="request id",
        record=None,
        partitions=4,
        retention_ms=7 * DAY_MS,
        planned=True,
    ),
    Topic(
        name="audit.event.v1",
        key="organisation",
        record=None,
        partitions=4,
        retention_ms=30 * DAY_MS,
        planned=True,
    ),
    Topic(
        name="audit.entry.v1",
        key="organisation",
        record=None,
        partitions=4,
        retention_ms=365 * DAY_MS,
        planned=True,
    ),
)


def pillar_topic(gateway: str) -> str:
    """The topic of the pillar events that a gateway writes; that of all gateways for none.

    Raises:
        ValueError: No gateway with a topic of its own may be called this.
    """
    return member_topic(PILLAR_EVENTS, gateway)


def gateway_of(topic: str) -> str | None:
    """The gateway whose pillar events a topic holds; empty for that of all gateways, None for any other topic."""
    return member_of(PILLAR_EVENTS, topic)


def ack_topic(organisation: str) -> str:
    """The topic of an organisation's acknowledgements; the plain one for none.

    Raises:
        ValueError: No organisation may be called this.
    """
    return member_topic(ACKS, organisation)


def organisation_of(topic: str) -> str | None:
    """The organisation whose acknowledgements a topic holds; empty for the plain one, None for any other topic."""
    return member_of(ACKS, topic)


def dead_letter_topic(topic: str) -> str:
    """The topic for the dead letters of `topic`; all topics of one family have one."""
    return f"{base_of(topic)}.dlq"


def base_of(topic: str) -> str:
    """The topic of the catalogue whose records a topic holds: its own name, but for that of one sender."""
    return next((base for base in (PILLAR_EVENTS, ACKS) if member_of(base, topic)), topic)


_DEAD_LETTERS = tuple(
    Topic(
        name=dead_letter_topic(name),
        key="as its topic",
        record=DeadLetter,
        partitions=1,
        retention_ms=14 * DAY_MS,
        max_message_bytes=2 << 20,
        settings={"retention.bytes": str(DEAD_LETTER_BYTES)},
    )
    for name in (REGISTRY, PILLAR_EVENTS, FRAMES, PLATE_READS, HOTLIST, FUSION_INPUT, ACKS)
)

CATALOGUE: tuple[Topic, ...] = _FLOW + _DEAD_LETTERS + _PLANNED

BY_NAME = {topic.name: topic for topic in CATALOGUE}


def gateway_topic(gateway: str) -> Topic:
    """The topic of a gateway's own pillar events. One partition: a gateway has tens of pillars.

    Raises:
        ValueError: No gateway with a topic of its own may be called this.
    """
    return msgspec.structs.replace(BY_NAME[PILLAR_EVENTS], name=pillar_topic(gateway), partitions=1)


def organisation_topic(organisation: str) -> Topic:
    """The topic of an organisation's acknowledgements. One partition: they are few, and each partition is a share.

    Raises:
        ValueError: No organisation may be called this.
    """
    return msgspec.structs.replace(BY_NAME[ACKS], name=ack_topic(organisation), partitions=1)


def catalogue_with(organisations: Iterable[str], gateways: Iterable[str] = ()) -> tuple[Topic, ...]:
    """The catalogue of a site with these organisations, and with gateways that have a topic of their own.

    Raises:
        ValueError: As `organisation_topic` and `gateway_topic`.
    """
    return (*CATALOGUE, *map(organisation_topic, organisations), *map(gateway_topic, gateways))


def topic_named(name: str) -> Topic | None:
    """The topic of this name, in the catalogue or of one sender; None for any other name."""
    if organisation := organisation_of(name):
        return organisation_topic(organisation)
    gateway = gateway_of(name)
    return gateway_topic(gateway) if gateway else BY_NAME.get(name)


def is_sealed_topic(name: str) -> bool:
    """Whether few may see the payload of a topic's records: also of a topic that nobody knows."""
    topic = topic_named(name)
    return topic is None or topic.sealed
