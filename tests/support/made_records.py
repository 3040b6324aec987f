"""Records for tests of the codec: those of the golden logs, made-up ones of every type, and damaged bytes of them."""

import types
import typing
from collections import defaultdict
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from random import Random
from typing import Any

import msgspec

from processors.fold.reducer import RECORDS as LOG_RECORDS
from processors.fold.reducer import fold
from processors.state.partition_state import new_state
from schemas.avro_schemas import SCHEMA_FILES
from schemas.codec import decode_by_schema, encode_by_schema
from schemas.errors import DecodeError
from schemas.fusion_log import FusionInput
from schemas.partitioning import partition_of
from tests.support.golden_log import NAMES, PARTITIONS, read_log
from tests.support.log_records import ZONE

Verdict = tuple[str, str]
"""What became of a value or of bytes, in words that tell any two results apart: `True` from 1, and NaN from NaN."""

TEXTS = (
    "",
    "P1",
    "6f96057847dc74aa38196ad55a",
    "位于 30.0N 的求助点被按下。",
    "x" * 63,
    "y" * 64,
    "\0",
    "z" * 9_000,
)
LONGS = (0, 1, -1, 63, 64, -64, -65, 8191, 8192, 1_760_001_985_000, -1_760_001_985_000, 2**63 - 1, -(2**63))
TIMES = (0, 1_700_000_000_000, 2**34 - 1, 2**34, 2**41 - 1, 2**41, -1)
DOUBLES = (0.0, -0.0, 0.5, 1e300, float("inf"), float("nan"))

HOSTILE = (
    b"\0",
    b"\1",
    b"\2",
    b"\3",
    b"\x7e",
    b"\x80",
    b"\xff",
    b"\x80\0",  # zero, in more bytes than it needs
    b"\x80\0\0",
    b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # the largest count or length
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # the smallest one, far below zero
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",  # more than 64 bits
    b"\x80" * 12 + b"\1",
    b"\xed\xa0\x80",  # half of a surrogate pair, which is no UTF-8
    b"\xf7" * 4,
    b"\0\0\0\0\0\0\xf8\x7f",  # not a number
)


def made(kind: Any, chance: Random) -> Any:
    """A value of a field's type, or a record; every value that its schema allows may come."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind(**{name: made(hint, chance) for name, hint in typing.get_type_hints(kind).items()})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return chance.choice(list(kind))
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is tuple:
        return tuple(made(arguments[0], chance) for _ in range(chance.choice((0, 1, 2, 70))))
    if types.NoneType in arguments:
        return made(arguments[0], chance) if chance.random() < 0.7 else None
    return _primitive(kind, chance)


def _primitive(kind: Any, chance: Random) -> Any:
    if kind is bool:
        return chance.random() < 0.5
    if kind is bytes:
        return chance.choice(TEXTS).encode()
    if kind is float:
        return chance.choice(DOUBLES)
    if kind is str:
        return chance.choice(TEXTS)
    if kind is int:
        return chance.choice(LONGS)
    return chance.choice(TIMES)


@cache
def golden_records() -> Mapping[type[msgspec.Struct], list[msgspec.Struct]]:
    """Every record in a golden log and every alert and answer that comes of it, by their types."""
    found: dict[type[msgspec.Struct], list[msgspec.Struct]] = defaultdict(list)
    for name in NAMES:
        state = new_state(partition_of(ZONE, PARTITIONS), PARTITIONS)
        for entry in read_log(name):
            envelope = decode_by_schema(entry.value, FusionInput)
            found[FusionInput].append(envelope)
            inner = LOG_RECORDS[envelope.kind]
            found[inner].append(decode_by_schema(envelope.payload, inner))
            for decision in fold(state, entry)[1]:
                answers = [] if decision.result is None else [decision.result]
                for record in (*decision.alerts, *answers):
                    found[type(record)].append(record)
    return found


def samples(record: type[msgspec.Struct], count: int) -> list[msgspec.Struct]:
    """Some records of a type: golden ones, if there are any, and as many made-up ones."""
    golden = golden_records().get(record, [])
    chance = Random(record.__name__)
    return chance.sample(golden, min(count, len(golden))) + [made(record, chance) for _ in range(count)]


def damaged(payload: bytes, chance: Random) -> bytes:
    """Bytes with one thing wrong, mostly behind the header; by chance they may still be a record."""
    place = chance.randrange(0 if chance.random() < 0.02 else min(10, len(payload)), len(payload) + 1)
    before, after = payload[:place], payload[place:]
    flipped = bytes(byte ^ 1 << chance.randrange(8) for byte in after[:1])
    hostile, some = chance.choice(HOSTILE), chance.randrange(1, 9)
    others = (
        before,
        before + flipped + after[1:],
        before + after[some:],
        before + after[: 3 * some] + after,
        before + hostile + after,
        before + hostile + after[1:],
        payload + chance.randbytes(some),
    )
    return chance.choice(others)


def read_verdict(read: typing.Callable[[bytes], object]) -> typing.Callable[[bytes], Verdict]:
    """The record that a reader finds, or its cause and its words."""

    def verdict(payload: bytes) -> Verdict:
        try:
            return "read", repr(read(payload))
        except DecodeError as error:
            return error.cause.value, str(error)

    return verdict


def write_verdict(write: typing.Callable[[Any], bytes]) -> typing.Callable[[Any], Verdict]:
    """The bytes that a writer makes, or its exception and its words."""

    def verdict(record: msgspec.Struct) -> Verdict:
        try:
            return "written", write(record).hex()
        except Exception as error:  # noqa: BLE001 - its type is part of the verdict
            return type(error).__name__, str(error)

    return verdict


def wrongly_filled(record: msgspec.Struct, wrong: Any) -> Iterator[tuple[str, msgspec.Struct]]:
    """The record with the wrong value in one field after the other, those of inner records too."""
    for name in record.__struct_fields__:
        value = getattr(record, name)
        yield name, msgspec.structs.replace(record, **{name: wrong})
        if isinstance(value, msgspec.Struct):
            for inner, other in wrongly_filled(value, wrong):
                yield f"{name}.{inner}", msgspec.structs.replace(record, **{name: other})
        if isinstance(value, tuple) and value:
            yield f"{name}[0]", msgspec.structs.replace(record, **{name: (wrong, *value[1:])})
            if isinstance(value[0], msgspec.Struct):
                for inner, other in wrongly_filled(value[0], wrong):
                    yield f"{name}[0].{inner}", msgspec.structs.replace(record, **{name: (other, *value[1:])})


RECORD_TYPES = tuple(SCHEMA_FILES)
PAYLOADS = 30
"""Of each type, that are damaged."""


@cache
def payloads(record: type[msgspec.Struct]) -> list[bytes]:
    """Whole records of a type; few of them are long, since damage to those says nothing more."""
    found = [encode_by_schema(sample) for sample in samples(record, PAYLOADS)]
    return [payload for payload in found if len(payload) < 4_000]
