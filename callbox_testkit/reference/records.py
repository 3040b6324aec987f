"""docs/reference/records.md: every other record that somebody outside of callbox writes or reads, by topic."""

from typing import Final

import msgspec

from callbox_testkit.reference.markdown import described, page
from callbox_testkit.reference.record_tables import enumerations_table, enums_in, record_table, records_in
from schemas.ack import Acknowledgement, AckResult
from schemas.avro_schemas import SCHEMA_FILES
from schemas.evidence import EvidenceSnapshot
from schemas.feeds import CameraFrame, PillarEvent, PlateRead
from schemas.hotlist import HotlistEntry, VerificationRequest
from schemas.registry import RegistryDevice
from schemas.topics import CATALOGUE

PUBLIC: Final[dict[type[msgspec.Struct], str]] = {
    PillarEvent: "a feed writes it",
    CameraFrame: "a feed writes it",
    PlateRead: "a feed writes it",
    Acknowledgement: "a dispatch system writes it",
    AckResult: "a dispatch system reads it",
    EvidenceSnapshot: "whoever shows pictures reads it",
    VerificationRequest: "the service with which a person verifies hits reads it",
    HotlistEntry: "`callbox hotlist apply` writes it",
    RegistryDevice: "`callbox registry apply` writes it",
}
"""The records that this page explains. What the log and its snapshots hold is callbox's own."""


def records_page() -> str:
    """Each record with its fields, then the records inside them, then the enumerations."""
    blocks = [
        (
            "What a feed writes: [feeds](../guides/feeds.md). What a consumer reads: [consume](../consume.md); the "
            "alert is [a page of its own](alert.md).\nNull means that it is not known, or that there is none."
        )
    ]
    topics = {topic.record: topic for topic in CATALOGUE}
    for record, use in PUBLIC.items():
        words, _ = described(record)
        topic, file = topics[record], f"schemas/avro/{SCHEMA_FILES[record]}.avsc"
        head = f"`{topic.name}`, key: {topic.key}; {use}; `{file}`."
        blocks += [f"## {record.__name__}", f"{head}\n{words}", record_table(record)]
    for record in records_in(*PUBLIC):
        words, _ = described(record)
        blocks += [f"### {record.__name__}", words, record_table(record)]
    blocks += [
        "## Enumerations",
        (
            "Each has a default `UNKNOWN`, which a reader sees in place of a value that its schema does not know. "
            "`Reason` of an answer is in [alert](alert.md#enumerations)."
        ),
        enumerations_table(kind for kind in enums_in(*PUBLIC) if kind.__name__ != "Reason"),
    ]
    return page("Records", *blocks)
