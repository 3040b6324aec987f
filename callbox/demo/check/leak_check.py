"""The leak check: plates and crops that were sent are searched for wherever they must not be.

A plate may be in the feed that brought it, in the hotlist, and, for a hit, in the verification request. It may be in
no other topic, no snapshot of the fold's state, no log, no page of metrics and no file (docs/privacy.md).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from callbox.demo.fixtures import Vehicle
from callbox.demo.hotlist import listed_text
from schemas.codec import decode
from schemas.fusion_log import FusionSnapshot
from schemas.topics import FUSION_SNAPSHOT, HOTLIST, PLATE_READS, VERIFICATION_REQUESTS
from streams.kafka.record import LogRecord
from streams.state.snapshot_bytes import unpack_state

ALLOWED: Final = frozenset({PLATE_READS, HOTLIST, VERIFICATION_REQUESTS})
"""Sealed topics that carry plates by purpose."""

_SAMPLE: Final = 48  # bytes from the middle of a picture: no other picture has them by chance


class Secret(NamedTuple):
    """What is searched for.

    Attributes:
        name: Its name in findings; never the plate.
        content: The bytes.
    """

    name: str
    content: bytes


def secrets_of(vehicles: Iterable[Vehicle]) -> list[Secret]:
    """What to search for: each plate, also without its province (JSON escapes that character), and each picture."""
    return [secret for vehicle in vehicles for secret in _secrets(vehicle)]


def _secrets(vehicle: Vehicle) -> Iterator[Secret]:
    name = vehicle.name
    for plate in {vehicle.plate, listed_text(vehicle)}:
        yield Secret(f"the plate of vehicle {name!r}", plate.encode())
        yield Secret(f"the plate of vehicle {name!r} without its province", plate[1:].encode())
    middle = len(vehicle.picture) // 2
    yield Secret(f"the picture of vehicle {name!r}", vehicle.picture[middle : middle + _SAMPLE])


def in_topics(wanted: Sequence[Secret], records: Mapping[str, Sequence[LogRecord]]) -> list[str]:
    """Findings in topics that must not have them, a line each."""
    return [
        f"{secret.name} is in {record!r}"
        for topic, found in records.items()
        if topic not in ALLOWED
        for record in found
        for secret in wanted
        if secret.content in _content(record)
    ]


def in_files(wanted: Sequence[Secret], files: Iterable[Path]) -> list[str]:
    """Findings in files, a line each."""
    return [
        f"{secret.name} is in {path.name}"
        for path in files
        for content in [path.read_bytes()]
        for secret in wanted
        if secret.content in content
    ]


def _content(record: LogRecord) -> bytes:
    """Key, value and headers of a record; the state of a snapshot is unpacked."""
    value = record.value or b""
    if record.topic == FUSION_SNAPSHOT and value:
        value += unpack_state(decode(value, FusionSnapshot).state)
    headers = b"".join(name.encode() + (content or b"") for name, content in record.headers)
    return (record.key or b"") + value + headers
