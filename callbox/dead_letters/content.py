"""What can be decoded of a payload in a dead letter: the schema that its header names, and its readable fields."""

import io
from typing import Any, Final

import fastavro
import msgspec

from schemas.avro_binary import HEADER_BYTES
from schemas.avro_schemas import Schema
from schemas.strays import NamedSchema, may_be_kept, named_schema

HEX_BYTES: Final = 64
"""How much is shown of what cannot be decoded: enough to recognise a format by its beginning."""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a payload.

    Attributes:
        schema: Description of the schema that its header names.
        fields: The fields that can be decoded, from the first on.
        is_whole: All fields were decoded and no byte is left.
        first_bytes: The beginning in hexadecimal, if not all of it can be decoded.
    """

    schema: str
    fields: dict[str, Any]
    is_whole: bool = False
    first_bytes: str | None = None


def content(payload: bytes) -> Content | None:
    """Decode a payload; None if nothing of it may be shown (schemas/strays.py)."""
    named = named_schema(payload)
    if named is None or not may_be_kept(payload):
        return None
    fields, is_whole = _fields(payload, named.schema)
    if isinstance(inner := fields.get("payload"), bytes):  # the log's envelope
        inside = content(inner)
        if inside is None:
            return None
        fields["payload"] = msgspec.to_builtins(inside)
        is_whole = is_whole and inside.is_whole
    first_bytes = None if is_whole else payload[:HEX_BYTES].hex()
    return Content(schema=_words(named), fields=fields, is_whole=is_whole, first_bytes=first_bytes)


def _words(named: NamedSchema) -> str:
    if named.is_present:
        return f"{named.record.__name__}, as this release writes it"
    return f"{named.record.__name__}, an earlier schema ({named.schema.header[2:].hex()})"


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
