"""What may be kept or shown of a record that lies where it does not belong, or cannot be read.

A gateway that sends a plate read to the pillar topic must not leave the plate in a dead letter for 14 days. So of a
record nothing is kept or shown but its place, unless its bytes begin with the header of a schema of ours, of this
release or an earlier one, and nowhere hold the header of a record that only sealed topics carry.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final, NamedTuple

import msgspec

from schemas.avro_binary import HEADER_BYTES
from schemas.avro_schemas import SCHEMA_FILES, Schema, earlier_schemas_of, schema_of
from schemas.codec import decode
from schemas.dead_letter import DeadLetter
from schemas.errors import DecodeError
from schemas.fusion_log import FusionInput
from schemas.topics import BY_NAME, CATALOGUE

SEALED_RECORDS: Final = frozenset(topic.record for topic in CATALOGUE if topic.sealed)
"""Nothing of these records is kept or shown, wherever one is found."""

_ENVELOPES: Final = (FusionInput, DeadLetter)
"""Records whose `payload` is a record again."""


class NamedSchema(NamedTuple):
    """The schema that a header names.

    Attributes:
        record: Of which record it is.
        schema: The schema.
        is_present: Whether this release writes it.
    """

    record: type[msgspec.Struct]
    schema: Schema
    is_present: bool


def named_schema(payload: bytes) -> NamedSchema | None:
    """The schema of ours that the header of a payload names, of this release or an earlier one."""
    return _schemas().get(payload[:HEADER_BYTES])


def holds_sealed(payload: bytes) -> bool:
    """Whether a record of a sealed topic is in a payload, at its beginning or anywhere else, whole or damaged."""
    return any(header in payload for header in _sealed_headers())


def may_be_kept(payload: bytes) -> bool:
    """Whether the bytes of a record, and its key beside them, may lie and be shown where anybody reads them."""
    if named_schema(payload) is None or holds_sealed(payload):
        return False
    return all(may_be_kept(inner) for inner in _inner(payload))


def _inner(payload: bytes) -> Iterator[bytes]:
    """The record inside of an envelope that can be read."""
    named = named_schema(payload)
    if named is None or named.record not in _ENVELOPES:
        return
    try:
        inner = getattr(decode(payload, named.record), "payload")  # noqa: B009 - a field of both envelopes
    except DecodeError:
        return
    if inner:
        yield inner


def may_be_kept_of(topic: str, payload: bytes) -> bool:
    """Whether the bytes of a record of a topic may be kept."""
    known = BY_NAME.get(topic)
    return known is not None and not known.sealed and may_be_kept(payload)


@cache
def _schemas() -> Mapping[bytes, NamedSchema]:
    found = {}
    for record in SCHEMA_FILES:
        for schema in earlier_schemas_of(record).values():
            found[schema.header] = NamedSchema(record, schema, is_present=False)
        found[schema_of(record).header] = NamedSchema(record, schema_of(record), is_present=True)
    return found


@cache
def _sealed_headers() -> tuple[bytes, ...]:
    return tuple(header for header, named in _schemas().items() if named.record in SEALED_RECORDS)
