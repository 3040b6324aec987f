"""The Avro schemas of the records: today's in `avro/`, those of earlier releases in `avro/earlier/` (docs/adr/0011).

Each file is read once; `schemas.codec.preload` reads all of them.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, cast

import msgspec
from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form

from schemas.ack import AckFact, Acknowledgement, AckResult
from schemas.alert import Alert
from schemas.avro_binary import MARKER
from schemas.dead_letter import DeadLetter
from schemas.evidence import EvidenceSnapshot
from schemas.feeds import CameraFrame, PillarEvent, PlateRead
from schemas.fusion_log import (
    CameraAlive,
    ClockNotice,
    DeadLetterNotice,
    ExerciseNotice,
    ExpectedFeeds,
    FeedBrokenNotice,
    FeedStatus,
    FeedWatermark,
    FusionInput,
    FusionSnapshot,
    ListAge,
    LogBrokenNotice,
    MaintenanceWindow,
    Observation,
    PillarFact,
    PolicyRecord,
    SkipNotice,
    Tick,
)
from schemas.hotlist import HotlistEntry, VerificationRequest
from schemas.registry import RegistryDevice

SCHEMA_FILES: Mapping[type[msgspec.Struct], str] = {
    AckFact: "ack_fact",
    AckResult: "ack_result",
    Acknowledgement: "acknowledgement",
    Alert: "alert",
    CameraAlive: "camera_alive",
    CameraFrame: "camera_frame",
    ClockNotice: "clock_notice",
    DeadLetter: "dead_letter",
    DeadLetterNotice: "dead_letter_notice",
    EvidenceSnapshot: "evidence_snapshot",
    ExerciseNotice: "exercise_notice",
    ExpectedFeeds: "expected_feeds",
    FeedBrokenNotice: "feed_broken_notice",
    FeedStatus: "feed_status",
    FeedWatermark: "feed_watermark",
    FusionInput: "fusion_input",
    FusionSnapshot: "fusion_snapshot",
    HotlistEntry: "hotlist_entry",
    ListAge: "list_age",
    LogBrokenNotice: "log_broken_notice",
    MaintenanceWindow: "maintenance_window",
    Observation: "observation",
    PillarEvent: "pillar_event",
    PillarFact: "pillar_fact",
    PlateRead: "plate_read",
    PolicyRecord: "policy_record",
    RegistryDevice: "registry_device",
    SkipNotice: "skip_notice",
    Tick: "tick",
    VerificationRequest: "verification_request",
}


class Schema(msgspec.Struct, frozen=True):
    """One record's schema, ready to use.

    Attributes:
        header: The ten bytes with which each of its records begins.
        parsed: The schema in fastavro's form, without logical types, so that a time stays an integer.
    """

    header: bytes
    parsed: dict[str, Any]


def avsc(record: type[msgspec.Struct]) -> dict[str, Any]:
    """The schema file of a record, as JSON.

    Raises:
        KeyError: The record has no schema.
    """
    text = files("schemas").joinpath("avro", f"{SCHEMA_FILES[record]}.avsc").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def fingerprint_of(source: dict[str, Any]) -> str:
    """The id of a schema on the wire: CRC-64-AVRO of its canonical form, 16 hexadecimal digits as in the header."""
    digest: str = fingerprint(to_parsing_canonical_form(source), "CRC-64-AVRO")
    return digest


@cache
def schema_of(record: type[msgspec.Struct]) -> Schema:
    """The schema with which a record is written."""
    return _ready(avsc(record))


@cache
def earlier_schemas_of(record: type[msgspec.Struct]) -> Mapping[bytes, Schema]:
    """The schemas with which earlier releases wrote records of this type, by their headers."""
    kept = files("schemas").joinpath("avro", "earlier")
    name = f"{SCHEMA_FILES[record]}-"
    texts = [file.read_text("utf-8") for file in kept.iterdir() if file.name.startswith(name)]
    schemas = [_ready(json.loads(text)) for text in texts]
    return {schema.header: schema for schema in schemas}


def _ready(source: dict[str, Any]) -> Schema:
    return Schema(
        header=MARKER + bytes.fromhex(fingerprint_of(source)),
        parsed=cast("dict[str, Any]", parse_schema(_without_logical_types(source))),
    )


def _without_logical_types(schema: Any) -> Any:
    """A schema without logical types, since fastavro would turn `timestamp-millis` into datetime objects."""
    if isinstance(schema, list):
        return [_without_logical_types(branch) for branch in schema]
    if isinstance(schema, dict):
        return {
            key: value if key == "default" else _without_logical_types(value)
            for key, value in schema.items()
            if key != "logicalType"
        }
    return schema
