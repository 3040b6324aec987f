"""Records to bytes and back: Avro single-object encoding.

    C3 01 | CRC-64-AVRO fingerprint of the writer's schema, little endian | body

Every record names its schema, so a reader needs no schema registry. A record of an earlier release names a schema in
`avro/earlier/`; when it is read, fields that are new since then have their defaults (docs/adr/0011). Source: Avro 1.12
specification, "Single-object encoding" and "Schema Resolution".
"""

import io
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar, cast

import fastavro
import msgspec
from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form

from schemas.ack import AckFact, Acknowledgement, AckResult
from schemas.alert import Alert
from schemas.dead_letter import DeadLetter
from schemas.errors import Cause, DecodeError
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
    Tick,
)
from schemas.hotlist import HotlistEntry, VerificationRequest
from schemas.registry import RegistryDevice

MARKER = b"\xc3\x01"
HEADER_BYTES = 10
CONFLUENT_MARKER = b"\x00"

RecordT = TypeVar("RecordT", bound=msgspec.Struct)

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


def encode(record: msgspec.Struct) -> bytes:
    """Encode a record.

    Raises:
        ValueError: A field holds a value that its schema does not allow.
    """
    schema = schema_of(type(record))
    body = io.BytesIO()
    body.write(schema.header)
    fastavro.schemaless_writer(body, schema.parsed, msgspec.to_builtins(record, builtin_types=(bytes,)))
    return body.getvalue()


def decode(payload: bytes | None, record: type[RecordT]) -> RecordT:
    """Decode a record of a known type, written with its present schema or with an earlier one.

    Args:
        payload: The bytes on the wire; None is a tombstone.
        record: The type of record that the topic carries.

    Raises:
        DecodeError: The bytes are not exactly one record of that type. The message names the schema and the byte, and
            may quote a value, so for a sealed topic only the cause is kept.
    """
    name = record.__name__
    schema = schema_of(record)
    if not payload:
        raise DecodeError(f"{name}: no bytes")
    writer, reader = schema, None  # fastavro resolves nothing where there is no reader's schema
    if payload[:HEADER_BYTES] != schema.header:
        writer, reader = _earlier_writer(payload, record), schema.parsed
    body = io.BytesIO(payload)
    body.seek(HEADER_BYTES)
    try:
        fields = fastavro.schemaless_reader(body, writer.parsed, reader)
    except Exception as error:  # fastavro raises a dozen types on damaged bytes
        raise DecodeError(f"{name}: damaged at byte {body.tell()} of {len(payload)}") from error
    if body.tell() != len(payload):
        raise DecodeError(f"{name}: {len(payload) - body.tell()} bytes too many")
    try:
        return msgspec.convert(fields, record)
    except msgspec.ValidationError as error:
        raise DecodeError(f"{name}: {error}", Cause.INVALID_FIELD) from error


def _earlier_writer(payload: bytes, record: type[msgspec.Struct]) -> Schema:
    """The earlier schema with which a record was written.

    Raises:
        DecodeError: This reader does not know its header.
    """
    earlier = earlier_schemas_of(record)
    header = payload[:HEADER_BYTES]
    if header in earlier:
        return earlier[header]
    name = record.__name__
    if header[:1] == CONFLUENT_MARKER:
        raise DecodeError(
            f"{name}: Confluent framing, but no schema registry is configured", Cause.UNKNOWN_SCHEMA
        )
    if header[:2] == MARKER and len(header) == HEADER_BYTES:
        raise DecodeError(
            f"{name}: schema {header[2:].hex()}, this reader knows {_known(record)}", Cause.UNKNOWN_SCHEMA
        )
    raise DecodeError(f"{name}: does not begin with c301 (Avro single-object encoding)")


def _known(record: type[msgspec.Struct]) -> str:
    """The schemas that this reader knows, for an error message: the present one first."""
    today = schema_of(record).header[2:].hex()
    earlier = sorted(header[2:].hex() for header in earlier_schemas_of(record))
    return f"{today} and the earlier {', '.join(earlier)}" if earlier else today


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
