"""What can be decoded of a payload in a dead letter: the schema that its header names, and its readable fields."""

import io
from collections.abc import Iterator
from typing import Any, Final

import fastavro
import msgspec

from schemas.avro_binary import HEADER_BYTES, MARKER
from schemas.avro_schemas import SCHEMA_FILES, Schema, earlier_schemas_of, schema_of
from schemas.codec import CONFLUENT_MARKER
from schemas.topics import CATALOGUE

HEX_BYTES: Final = 64
"""How much is shown of what cannot be decoded: enough to recognise a format by its beginning."""

SEALED_RECORDS: Final = frozenset(topic.record for topic in CATALOGUE if topic.sealed)
"""Nothing of these records is shown, even if one is found in another topic."""

_CONFLUENT_BYTES: Final = 5  # a zero and a schema id of four bytes


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a payload.

    Attributes:
        schema: Description of the schema that its header names.
        fields: The fields that can be decoded, from the first on; None if the schema is unknown.
        is_whole: All fields were decoded and no byte is left.
        first_bytes: The beginning in hexadecimal, if not all of it can be decoded.
    """

    schema: str
    fields: dict[str, Any] | None = None
    is_whole: bool = False
    first_bytes: str | None = None


def content(payload: bytes) -> Content | None:
    """Decode a payload; None if it is or contains a record of a sealed topic, of which nothing may be shown."""
    header = payload[:HEADER_BYTES]
    named = [(record, schema, words) for record, schema, words in _schemas() if schema.header == header]
    if not named:
        return Content(schema=_unknown(payload), first_bytes=payload[:HEX_BYTES].hex())
    record, schema, words = named[0]
    if record in SEALED_RECORDS:
        return None
    fields, is_whole = _fields(payload, schema)
    if isinstance(inner := fields.get("payload"), bytes):  # the log's envelope
        inside = content(inner)
        if inside is None:
            return None
        fields["payload"] = msgspec.to_builtins(inside)
        is_whole = is_whole and inside.is_whole
    first_bytes = None if is_whole else payload[:HEX_BYTES].hex()
    return Content(schema=words, fields=fields, is_whole=is_whole, first_bytes=first_bytes)


def _schemas() -> Iterator[tuple[type[msgspec.Struct], Schema, str]]:
    """Every schema that this release knows, with its record and a description."""
    for record in SCHEMA_FILES:
        yield record, schema_of(record), f"{record.__name__}, as this release writes it"
        for earlier in earlier_schemas_of(record).values():
            yield record, earlier, f"{record.__name__}, an earlier schema ({earlier.header[2:].hex()})"


def _unknown(payload: bytes) -> str:
    """Describe a header that names no schema of ours."""
    if payload.startswith(MARKER) and len(payload) >= HEADER_BYTES:
        return f"{payload[2:HEADER_BYTES].hex()}, which this release does not know"
    if payload.startswith(CONFLUENT_MARKER) and len(payload) >= _CONFLUENT_BYTES:
        return f"Confluent framing, schema id {int.from_bytes(payload[1:_CONFLUENT_BYTES])}"
    return "none: it does not begin with c301 (Avro single-object encoding)"


def _fields(payload: bytes, schema: Schema) -> tuple[dict[str, Any], bool]:
    """The fields that can be decoded, and whether they are the whole payload.

    Avro has no marks between fields, so a schema of the first fields alone is tried, with one field less each time.
    """
    declared = schema.parsed["fields"]
    for count in range(len(declared), 0, -1):
        body = io.BytesIO(payload)
        body.seek(HEADER_BYTES)
        try:
            fields = fastavro.schemaless_reader(body, {**schema.parsed, "fields": declared[:count]}, None)
        except Exception:  # noqa: BLE001, S112 - fastavro raises a dozen types on damaged bytes
            continue
        if isinstance(fields, dict):
            return fields, count == len(declared) and body.tell() == len(payload)
    return {}, False
