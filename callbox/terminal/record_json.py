"""A record of any unsealed topic as JSON, for `callbox tail`.

{topic, partition, offset, timestamp, key, record}: times are milliseconds since 1970, bytes are Base64, the record of
a tombstone is null, and a record that cannot be decoded is {"undecodable": cause}. The payload of `fusion.input.v1` is
decoded too.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from processors.fold.reducer import RECORDS
from schemas.codec import decode
from schemas.errors import DecodeError
from schemas.fusion_log import FusionInput
from schemas.topics import Topic
from streams.kafka.record import LogRecord


def as_line(topic: Topic, record: LogRecord) -> dict[str, Any]:
    """Decode one record.

    Args:
        topic: Its topic, which is not sealed.
        record: The record as it was read.
    """
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp_ms,
        "key": None if record.key is None else record.key.decode(errors="replace"),
        "record": None if record.value is None else _decoded(record.value, topic.record),
    }


def is_of_incident(line: Mapping[str, Any], incident_id: str) -> bool:
    """Whether a decoded record belongs to an incident, by its field or its key."""
    record = line["record"]
    named = record.get("incident_id") if isinstance(record, dict) else None
    return incident_id in (named, line["key"])


def _decoded(value: bytes, kind: type[msgspec.Struct] | None) -> dict[str, Any]:
    if kind is None:
        return {"undecodable": "no schema yet"}
    try:
        record = decode(value, kind)
    except DecodeError as error:
        return {"undecodable": error.cause}
    fields: dict[str, Any] = msgspec.to_builtins(record)
    if isinstance(record, FusionInput) and (inner := RECORDS.get(record.kind)) is not None:
        fields["payload"] = _decoded(record.payload, inner)
    return fields
