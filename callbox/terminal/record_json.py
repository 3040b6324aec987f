"""A record of any unsealed topic as JSON, for `callbox tail`.

{topic, partition, offset, timestamp, key, record}: times are milliseconds since 1970, bytes are Base64, the record of
a tombstone is null, and a record that cannot be decoded is {"undecodable": cause}, without its key unless it begins
like a record of ours (schemas/strays.py). The payload of `fusion.input.v1` is decoded too.
"""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

import msgspec

from processors.fold.reducer import RECORDS
from schemas.codec import decode
from schemas.dead_letter import DeadLetter
from schemas.errors import Cause, DecodeError
from schemas.fusion_log import FusionInput
from schemas.strays import holds_sealed, may_be_kept, may_be_kept_of
from schemas.topics import Cleanup, Topic
from streams.kafka.record import LogRecord


def as_line(topic: Topic, record: LogRecord) -> dict[str, Any]:
    """Decode one record. Of a sealed one that strayed here, and of what no schema of ours reads, only the place.

    Args:
        topic: Its topic, which is not sealed.
        record: The record as it was read.
    """
    is_tombstone = record.value is None and topic.cleanup is Cleanup.COMPACT
    is_shown = is_tombstone or (record.value is not None and may_be_kept(record.value))
    decoded = None if record.value is None else _decoded(record.value, topic.record)
    if topic.record is DeadLetter and decoded is not None and "undecodable" not in decoded:
        is_shown = _without_strays(decoded) and is_shown
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp_ms,
        "key": record.key.decode(errors="replace") if is_shown and record.key is not None else None,
        "record": decoded,
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
    if holds_sealed(value) and kind is not DeadLetter:
        return {"undecodable": Cause.UNKNOWN_SCHEMA}
    fields: dict[str, Any] = msgspec.to_builtins(record)
    if isinstance(record, FusionInput):
        fields["payload"] = _inside(record)
    return fields


def _inside(envelope: FusionInput) -> dict[str, Any]:
    """The record in the log's envelope; never its bytes, whatever its kind."""
    kind = RECORDS.get(envelope.kind)
    return {"undecodable": Cause.UNKNOWN_SCHEMA} if kind is None else _decoded(envelope.payload, kind)


def _without_strays(fields: dict[str, Any]) -> bool:
    """Take what may not be shown out of a dead letter that an earlier release wrote; whether all may be shown."""
    payload = fields["payload"]
    if payload is not None and may_be_kept_of(fields["topic"], b64decode(payload)):
        return True
    fields.update(key=None, payload=None)
    if fields["cause"] != Cause.UNKNOWN_SCHEMA or payload is not None:
        fields["detail"] = None
    return False
