"""Records of earlier releases are read by this one; the other way round, a reader needs both schema files."""

import contextlib
import io
from collections.abc import Mapping
from typing import Any

import fastavro
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.avro_schemas import SCHEMA_FILES, Schema, earlier_schemas_of, schema_of
from schemas.codec import decode, encode
from schemas.enums import PillarKind
from schemas.errors import Cause, DecodeError
from schemas.fusion_log import PillarFact, Tick
from schemas.units import EpochMs

RECORDS = [record for record in SCHEMA_FILES if earlier_schemas_of(record)]
EARLIER = [(record, schema) for record in RECORDS for schema in earlier_schemas_of(record).values()]
EACH = pytest.mark.parametrize(
    ("record", "earlier"), EARLIER, ids=[f"{record.__name__}-{it.header[2:].hex()}" for record, it in EARLIER]
)

_PRIMITIVES: Mapping[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "long": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(allow_nan=False),
    "string": st.text(st.characters(codec="utf-8"), max_size=20),
    "bytes": st.binary(max_size=20),
}


def values(schema: Any, named: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Any value that may be written with a schema."""
    if isinstance(schema, list):
        return st.one_of([values(branch, named) for branch in schema])
    if isinstance(schema, str):
        return _PRIMITIVES[schema] if schema in _PRIMITIVES else values(named[schema], named)
    if schema["type"] == "array":
        return st.lists(values(schema["items"], named), max_size=2)
    if schema["type"] not in {"enum", "record"}:
        return values(schema["type"], named)
    named[schema["name"]] = schema
    if schema["type"] == "enum":
        return st.sampled_from(schema["symbols"])
    return st.fixed_dictionaries({field["name"]: values(field["type"], named) for field in schema["fields"]})


def written(schema: Schema, value: Any) -> bytes:
    """A record as the release with this schema wrote it."""
    body = io.BytesIO()
    fastavro.schemaless_writer(body, schema.parsed, value)
    return schema.header + body.getvalue()


@EACH
@given(data=st.data())
def test_an_earlier_record_is_read_with_defaults_for_what_is_new(
    record: type[msgspec.Struct], earlier: Schema, data: st.DataObject
) -> None:
    value = data.draw(values(earlier.parsed, {}))
    assert decode(written(earlier, value), record) == msgspec.convert(value, record)


@EACH
@given(data=st.data())
def test_a_present_record_is_readable_with_an_earlier_schema_by_a_reader_that_has_both(
    record: type[msgspec.Struct], earlier: Schema, data: st.DataObject
) -> None:
    today = schema_of(record)
    payload = written(today, data.draw(values(today.parsed, {})))
    body = io.BytesIO(payload[len(today.header) :])
    fields = fastavro.schemaless_reader(body, today.parsed, earlier.parsed)
    assert isinstance(fields, dict)
    assert set(fields) == {field["name"] for field in earlier.parsed["fields"]}
    assert not body.read()


@EACH
@given(data=st.data())
def test_damaged_bytes_of_an_earlier_schema_are_refused_or_read_and_nothing_else(
    record: type[msgspec.Struct], earlier: Schema, data: st.DataObject
) -> None:
    with contextlib.suppress(DecodeError):
        assert isinstance(decode(earlier.header + data.draw(st.binary(max_size=80)), record), record)


@EACH
@given(data=st.data())
def test_an_earlier_record_with_missing_or_surplus_bytes_is_refused(
    record: type[msgspec.Struct], earlier: Schema, data: st.DataObject
) -> None:
    payload = written(earlier, data.draw(values(earlier.parsed, {})))
    for other in (payload[:-1], payload + b"\0"):
        with pytest.raises(DecodeError):
            decode(other, record)


def test_an_enum_value_that_an_earlier_reader_does_not_know_is_unknown_to_it() -> None:
    now = EpochMs(1)
    press = PillarFact(event_id="e", device_id="d", kind=PillarKind.PRESS, occurred_at=now, received_at=now)
    older = msgspec.json.decode(msgspec.json.encode(schema_of(PillarFact).parsed))
    kind = next(field for field in older["fields"] if field["name"] == "kind")
    kind["type"]["symbols"].remove("press")
    body = io.BytesIO(encode(press)[10:])
    fields = fastavro.schemaless_reader(body, schema_of(PillarFact).parsed, fastavro.parse_schema(older))
    assert isinstance(fields, dict)
    assert fields["kind"] == "UNKNOWN"


def test_the_error_for_an_unknown_schema_lists_the_known_ones() -> None:
    with pytest.raises(DecodeError) as refusal:
        decode(b"\xc3\x01" + bytes(8), PillarFact)
    assert refusal.value.cause is Cause.UNKNOWN_SCHEMA
    known = [schema_of(PillarFact).header, *earlier_schemas_of(PillarFact)]
    assert all(header[2:].hex() in str(refusal.value) for header in known)


def test_an_earlier_schema_of_another_record_is_refused() -> None:
    for header in earlier_schemas_of(PillarFact):
        with pytest.raises(DecodeError) as refusal:
            decode(header + b"\2", Tick)
        assert refusal.value.cause is Cause.UNKNOWN_SCHEMA
