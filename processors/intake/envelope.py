"""The envelope of the log: every record of `fusion.input.v1` is put into it here."""

import msgspec

from schemas.codec import encode
from schemas.enums import InputKind
from schemas.fusion_log import FusionInput


def envelope(kind: InputKind, event_id: str, zone: str, record: msgspec.Struct) -> FusionInput:
    """Put a record into the envelope.

    Args:
        kind: What the record is.
        event_id: Names the fact; equal on a repeat.
        zone: Decides the partition; empty for what is sent to every one.
        record: What the fold is told.
    """
    return FusionInput(kind=kind, event_id=event_id, zone=zone, payload=encode(record))
