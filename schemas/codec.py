"""Records to bytes and back: Avro single-object encoding.

    C3 01 | CRC-64-AVRO fingerprint of the writer's schema, little endian | body

Every record names its schema, so a reader needs no schema registry. A record of an earlier release names a schema in
`avro/earlier/`; when it is read, fields that are new since then have their defaults (docs/adr/0011). Source: Avro 1.12
specification, "Single-object encoding" and "Schema Resolution".

    encode ─► generated writer ─────────────────────────► bytes
                └ it knows no such value ─► fastavro ───► bytes, or the error
    decode ─► generated reader ─────────────────────────► record
                └ it knows no such bytes ─► fastavro ───► record, or DecodeError

The code in `generated/` knows the common form of today's records; what is of another form is left to fastavro, and so
is every record of an earlier release (docs/adr/0022).
"""

import io
from collections.abc import Iterable
from typing import TypeVar

import fastavro
import msgspec

from schemas.avro_binary import HEADER_BYTES, MARKER
from schemas.avro_schemas import SCHEMA_FILES, Schema, earlier_schemas_of, schema_of
from schemas.errors import Cause, DecodeError
from schemas.generated import READERS, WRITERS

CONFLUENT_MARKER = b"\x00"

RecordT = TypeVar("RecordT", bound=msgspec.Struct)


def preload(records: Iterable[type[msgspec.Struct]] = SCHEMA_FILES) -> None:
    """Read every schema of some records, today's and earlier ones, so that no record that comes reads it from disk.

    A worker calls it at its start: where the disk hangs or is gone later, records are written and read all the same.
    """
    for record in records:
        schema_of(record)
        earlier_schemas_of(record)


def encode(record: msgspec.Struct) -> bytes:
    """Encode a record.

    Raises:
        ValueError: A field holds a value that its schema does not allow.
    """
    write = WRITERS.get(type(record))
    if write is not None:
        try:
            return write(record)
        except Exception:  # noqa: BLE001, S110 - whatever it is about, fastavro decides
            pass
    return encode_by_schema(record)


def encode_by_schema(record: msgspec.Struct) -> bytes:
    """Encode a record by walking through its schema: what the generated writers are held against.

    Raises:
        ValueError: A field holds a value that its schema does not allow.
    """
    schema = schema_of(type(record))
    body = io.BytesIO()
    body.write(schema.header)
    try:
        fastavro.schemaless_writer(body, schema.parsed, msgspec.to_builtins(record, builtin_types=(bytes,)))
    except (
        OverflowError,
        TypeError,
        AttributeError,
    ) as error:  # as fastavro has it, by the type of the field
        raise ValueError(f"{type(record).__name__}: {error}") from error
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
    read = READERS.get(record)
    if read is not None:
        try:
            found: RecordT = read(payload)
        except Exception:  # noqa: BLE001, S110 - whatever it is about, fastavro decides
            pass
        else:
            return found
    return decode_by_schema(payload, record)


def decode_by_schema(payload: bytes | None, record: type[RecordT]) -> RecordT:
    """Decode a record by walking through the schema that it names: what the generated readers are held against.

    Raises:
        DecodeError: As `decode` does.
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
