"""The envelope of the log, in which every record of `fusion.input.v1` is wrapped."""

import msgspec

from schemas.codec import encode
from schemas.enums import InputKind
from schemas.fusion_log import FusionInput


def envelope(kind: InputKind, event_id: str, zone: str, record: msgspec.Struct) -> FusionInput:
    """Wrap a record in the envelope.

    Args:
        kind: The kind of the record.
        event_id: The id of the fact; equal on a repeat.
        zone: The record's key, which decides the partition; empty for a record that is sent to every partition.
        record: The fact for the fold.
    """
    return FusionInput(kind=kind, event_id=event_id, zone=zone, payload=encode(record))
