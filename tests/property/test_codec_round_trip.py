"""A record survives encoding and decoding, and damaged bytes are refused with one type of error."""

import contextlib
import typing

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.avro_schemas import SCHEMA_FILES, schema_of
from schemas.codec import decode, encode
from schemas.errors import Cause, DecodeError
from schemas.feeds import PillarEvent
from schemas.fusion_log import Tick

int64 = st.integers(-(2**63), 2**63 - 1)
text = st.text(st.characters(codec="utf-8"), max_size=30)


def _records(record: type[msgspec.Struct]) -> st.SearchStrategy[msgspec.Struct]:
    return st.from_type(record)


st.register_type_strategy(int, int64)
st.register_type_strategy(str, text)
st.register_type_strategy(float, st.floats(allow_nan=False))
for _record in SCHEMA_FILES:
    st.register_type_strategy(
        _record,
        lambda kind: st.builds(kind, **{name: st.from_type(hint) for name, hint in _hints(kind).items()}),
    )


def _hints(kind: type) -> dict[str, object]:
    hints: dict[str, object] = {}
    for name, hint in typing.get_type_hints(kind).items():
        hints[name] = getattr(hint, "__supertype__", hint)
    return hints


@pytest.mark.parametrize("record", list(SCHEMA_FILES), ids=lambda record: record.__name__)
@given(data=st.data())
def test_a_record_survives_the_wire(record: type[msgspec.Struct], data: st.DataObject) -> None:
    value = data.draw(st.from_type(record))
    assert decode(encode(value), record) == value


@pytest.mark.parametrize("record", list(SCHEMA_FILES), ids=lambda record: record.__name__)
@given(data=st.data())
def test_damaged_bytes_are_refused_or_read_and_nothing_else(
    record: type[msgspec.Struct], data: st.DataObject
) -> None:
    payload = schema_of(record).header + data.draw(st.binary(max_size=80))
    with contextlib.suppress(DecodeError):
        assert isinstance(decode(payload, record), record)


@given(st.binary(max_size=60))
def test_any_other_bytes_are_refused(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(payload, Tick)


def test_each_refusal_has_its_cause() -> None:
    whole = encode(Tick(number=1))
    for payload, cause in [
        (None, Cause.UNDECODABLE),
        (b"", Cause.UNDECODABLE),
        (b"poison", Cause.UNDECODABLE),
        (whole[:5], Cause.UNDECODABLE),
        (whole[:10], Cause.UNDECODABLE),
        (whole + b"\0", Cause.UNDECODABLE),
        (b"\xc3\x01" + bytes(8), Cause.UNKNOWN_SCHEMA),
        (b"\0\0\0\0\1abc", Cause.UNKNOWN_SCHEMA),
        (
            encode(Tick(number=1))[:10].replace(whole[:10], schema_of(PillarEvent).header),
            Cause.UNKNOWN_SCHEMA,
        ),
    ]:
        with pytest.raises(DecodeError) as refusal:
            decode(payload, Tick)
        assert refusal.value.cause is cause


def test_two_records_never_share_a_fingerprint() -> None:
    headers = [schema_of(record).header for record in SCHEMA_FILES]
    assert len(set(headers)) == len(headers)
