"""The generated writers and readers give what fastavro gives: the same bytes, the same records, the same refusals."""

from enum import StrEnum
from random import Random

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.avro_schemas import SCHEMA_FILES
from schemas.codec import decode, decode_by_schema, encode, encode_by_schema
from schemas.errors import DecodeError
from schemas.generated import READERS, WRITERS
from tests.support.made_records import (
    RECORD_TYPES,
    damaged,
    golden_records,
    made,
    payloads,
    read_verdict,
    samples,
    write_verdict,
    wrongly_filled,
)

EACH = pytest.mark.parametrize("record", RECORD_TYPES, ids=lambda record: record.__name__)
MUTATIONS = 1_100
"""Of each type: about 30,000 in all."""


class Elsewhere(StrEnum):
    """An enum of nobody's, with a symbol that several of ours have and one that none has."""

    TEST = "test"
    ELSEWHERE = "elsewhere"


class Text(str):
    """A string that is more than one."""

    __slots__ = ()


class Number(int):
    """An integer that is more than one."""


class Lookalike:
    """An object with every field of every record."""

    def __getattr__(self, name: str) -> str:
        return name


WRONG = (
    None,
    True,
    7,
    -7,
    1.5,
    "a",
    "\ud800",
    b"a",
    bytearray(b"a"),
    memoryview(b"a"),
    (),
    [],
    ["a"],
    ("a",),
    (None,),
    {},
    2**63,
    -(2**63) - 1,
    2**70,
    np.uint8(200),
    np.int64(5),
    np.float64(0.5),
    np.bool_(True),
    Elsewhere.TEST,
    Elsewhere.ELSEWHERE,
    Text("a"),
    Number(5),
    Lookalike(),
    object(),
)


def test_every_record_has_a_writer_and_a_reader() -> None:
    assert set(SCHEMA_FILES) == set(WRITERS) == set(READERS)


@EACH
def test_golden_records_are_written_and_read_as_fastavro_does(record: type[msgspec.Struct]) -> None:
    for value in golden_records().get(record, []):
        payload = encode_by_schema(value)
        assert WRITERS[record](value) == payload
        assert READERS[record](payload) == decode_by_schema(payload, record) == value


def test_the_golden_logs_hold_most_types_of_record() -> None:
    assert len(golden_records()) >= 12
    assert sum(map(len, golden_records().values())) > 8_000


@EACH
@given(seed=st.integers(0, 2**32))
def test_any_record_is_written_and_read_as_fastavro_does(record: type[msgspec.Struct], seed: int) -> None:
    value = made(record, Random(seed))
    payload = encode_by_schema(value)
    assert WRITERS[record](value) == payload
    assert repr(READERS[record](payload)) == repr(decode_by_schema(payload, record))
    assert encode(decode(payload, record)) == payload


@EACH
def test_a_value_of_another_type_has_the_same_fate(record: type[msgspec.Struct]) -> None:
    value = samples(record, 1)[-1]
    for wrong in WRONG:
        for place, other in wrongly_filled(value, wrong):
            assert write_verdict(encode)(other) == write_verdict(encode_by_schema)(other), (place, wrong)


@EACH
def test_damaged_bytes_have_the_same_fate(record: type[msgspec.Struct]) -> None:
    chance = Random(record.__name__)
    new = read_verdict(lambda payload: decode(payload, record))
    old = read_verdict(lambda payload: decode_by_schema(payload, record))
    found = set()
    for _ in range(MUTATIONS):
        payload = damaged(chance.choice(payloads(record)), chance)
        verdict = new(payload)
        assert verdict == old(payload), payload.hex()
        found.add(verdict[0])
    assert {"read", "undecodable"} <= found


@EACH
def test_what_a_reader_takes_of_damaged_bytes_is_what_fastavro_takes(record: type[msgspec.Struct]) -> None:
    """Not what `decode` makes of it: nothing that the reader itself takes may be refused or read otherwise."""
    chance, taken = Random(f"{record.__name__} again"), 0
    for _ in range(MUTATIONS):
        payload = damaged(chance.choice(payloads(record)), chance)
        try:
            found = READERS[record](payload)
        except Exception:  # noqa: BLE001 - whatever it stumbles over
            continue
        taken += 1
        assert repr(found) == repr(decode_by_schema(payload, record)), payload.hex()
    assert taken


@EACH
@given(tail=st.binary(max_size=80))
def test_any_bytes_behind_a_header_have_the_same_fate(record: type[msgspec.Struct], tail: bytes) -> None:
    payload = payloads(record)[0][:10] + tail
    new = read_verdict(lambda payload: decode(payload, record))
    assert new(payload) == read_verdict(lambda payload: decode_by_schema(payload, record))(payload)


@EACH
def test_every_truncation_and_every_byte_too_many_is_refused(record: type[msgspec.Struct]) -> None:
    payload = min(payloads(record), key=len)
    for other in (*(payload[:size] for size in range(len(payload))), payload + b"\0"):
        with pytest.raises(DecodeError):
            decode(other, record)
