"""The codec: what fastavro is asked about, and that no record opens a file after `preload`."""

import os
import subprocess
import sys

import pytest

from schemas.alert import Position
from schemas.avro_schemas import earlier_schemas_of, schema_of
from schemas.codec import decode, encode, preload
from schemas.enums import PillarKind
from schemas.errors import DecodeError
from schemas.feeds import PillarEvent
from schemas.fusion_log import ExpectedFeeds, Tick
from schemas.units import EpochMs
from tests.support.paths import ROOT

PRESS = PillarEvent(
    device_id="P1", kind=PillarKind.PRESS, occurred_at=EpochMs(1_760_000_000_000), received_at=EpochMs(5)
)

WITHOUT_A_DISK = """
import sys
from schemas import codec
from schemas.avro_schemas import earlier_schemas_of, schema_of
from schemas.errors import DecodeError
from tests.support.made_records import RECORD_TYPES, samples

if "preload" in sys.argv:
    codec.preload()
values = [value for record in RECORD_TYPES for value in samples(record, 2)]
opened = []
sys.addaudithook(lambda event, found: opened.append(found) if event in {"open", "os.listdir", "os.scandir"} else None)
for value in values:
    record = type(value)
    payload = codec.encode(value)
    assert repr(codec.decode(payload, record)) == repr(value)
    for other in (payload[:-1], payload + bytes(1), b"poison", b"\\xc3\\x01" + bytes(8)):
        try:
            codec.decode(other, record)
        except DecodeError:
            pass
    codec.encode_by_schema(value)
    for header in (earlier_schemas_of(record) if "preload" in sys.argv else ()):
        try:
            codec.decode(header + payload[10:], record)
        except DecodeError:
            pass
print(len(opened))
"""
"""Writes and reads every record, whole and damaged, of today and of earlier, and counts the files that it opens."""


def opened(*arguments: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_DISK, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def test_after_preload_no_record_whole_damaged_or_of_an_earlier_release_opens_a_file() -> None:
    assert opened("preload") == 0


def test_without_preload_the_first_damaged_record_opens_its_schema() -> None:
    assert opened() > 0


def test_preload_of_some_records_reads_their_schemas_and_no_others() -> None:
    for cached in (schema_of, earlier_schemas_of):
        cached.cache_clear()
    preload([Tick, PillarEvent])
    assert schema_of.cache_info().currsize == earlier_schemas_of.cache_info().currsize == 2


def test_a_refusal_has_no_trace_of_the_reader_that_gave_up() -> None:
    with pytest.raises(DecodeError) as refusal:
        decode(b"poison", Tick)
    assert refusal.value.__cause__ is None
    assert refusal.value.__context__ is None


def test_a_record_with_a_header_of_another_type_is_refused_by_name() -> None:
    with pytest.raises(DecodeError, match=r"PillarEvent: schema .* this reader knows"):
        decode(encode(Tick(number=1)), PillarEvent)


def test_bytes_in_another_kind_of_buffer_are_read_too() -> None:
    assert decode(bytearray(encode(PRESS)), PillarEvent) == PRESS


def test_an_array_in_several_blocks_or_with_a_size_is_read_as_the_specification_allows() -> None:
    value = ExpectedFeeds(revision=1, topics=("a", "b"))
    payload = encode(value)
    one_block = b"\x04\x02a\x02b\x00"
    assert payload.endswith(one_block)
    for other in (b"\x02\x02a\x02\x02b\x00", b"\x03\x08\x02a\x02b\x00"):
        assert decode(payload.removesuffix(one_block) + other, ExpectedFeeds) == value


def test_a_type_without_a_schema_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        encode(Position(lon=1.0, lat=1.0))
    with pytest.raises(KeyError):
        decode(encode(PRESS), Position)
