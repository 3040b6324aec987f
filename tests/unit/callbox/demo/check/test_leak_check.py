"""The search for plates finds them wherever they are, and the hotlist file lists what it should."""

from pathlib import Path

import pytest
import zstandard

from callbox.demo.check.leak_check import in_files, in_topics, secrets_of
from callbox.demo.fixtures import Vehicle
from callbox.demo.hotlist import hotlist_file, listed_text
from callbox.demo.scenario import ListedAs
from callbox.hotlist.hotlist_file import read_hotlist
from schemas.codec import encode
from schemas.enums import Purpose
from schemas.fusion_log import FusionSnapshot
from schemas.topics import ALERTS, FUSION_SNAPSHOT, HOTLIST, PLATE_READS
from schemas.units import EpochMs
from streams.kafka.record import LogRecord

NOW = EpochMs(1_760_000_000_000)
CROP = bytes(range(256)) * 4


def entry(other_character: int | None = None, expires_in_s: int = 60) -> ListedAs:
    return ListedAs(
        entry_id="H-1",
        purpose=Purpose.STOLEN_VEHICLE,
        expires_in_s=expires_in_s,
        other_character=other_character,
    )


def car(listed: ListedAs | None = None, plate: str = "沪B70Y26") -> Vehicle:
    return Vehicle("car", plate, CROP, listed)


def record(topic: str, value: bytes | None, key: bytes | None = None) -> LogRecord:
    return LogRecord(topic, 0, 3, NOW, key, value)


def found_in(topic: str, value: bytes | None, key: bytes | None = None) -> list[str]:
    return in_topics(secrets_of([car()]), {topic: [record(topic, value, key)]})


@pytest.mark.parametrize(
    "value",
    [
        "x沪B70Y26y".encode(),
        b'{"plate": "\\u6caaB70Y26"}',
        b"x" + CROP[len(CROP) // 2 :] + b"y",
    ],
)
def test_a_plate_or_a_crop_in_a_record_is_found_and_not_shown(value: bytes) -> None:
    findings = found_in(ALERTS, value)
    assert findings
    assert all("vehicle 'car' " in line and "B70Y26" not in line for line in findings)


def test_a_plate_as_a_key_is_found() -> None:
    assert found_in(ALERTS, None, "沪B70Y26".encode())


def test_a_plate_in_a_packed_state_is_found() -> None:
    state = zstandard.compress((" ".join(map(str, range(2_000))) + "沪B70Y26").encode())
    snapshot = FusionSnapshot(
        format_version=1, fold_version=1, partition=0, next_offset=1, last_hash="", state=state
    )
    assert b"B70Y26" not in encode(snapshot)
    assert found_in(FUSION_SNAPSHOT, encode(snapshot))


def test_the_topics_that_may_hold_a_plate_are_not_searched() -> None:
    for topic in (PLATE_READS, HOTLIST):
        assert found_in(topic, "沪B70Y26".encode()) == []


def test_another_plate_is_no_finding() -> None:
    assert found_in(ALERTS, "沪B70Y27".encode()) == []


def test_a_plate_in_a_file_is_found(tmp_path: Path) -> None:
    clean, careless = tmp_path / "clean.log", tmp_path / "careless.log"
    clean.write_text("nothing")
    careless.write_text("沪B70Y26", encoding="utf-8")
    assert {line.split(" in ")[1] for line in in_files(secrets_of([car()]), [clean, careless])} == {
        "careless.log"
    }


def test_the_text_of_a_vehicle_does_not_show_its_plate() -> None:
    assert "B70Y26" not in f"{car(entry())!r} {car(entry())}"


def test_the_hotlist_file_is_one_that_callbox_takes() -> None:
    (listed,) = read_hotlist(hotlist_file([car(entry()), car()], NOW), "hotlist.toml", NOW)
    assert (listed.plate_text, listed.expires_at) == ("沪B70Y26", NOW + 60_000)


def test_an_expired_entry_can_be_loaded_and_is_past_its_time() -> None:
    (listed,) = read_hotlist(hotlist_file([car(entry(expires_in_s=0))], NOW), "hotlist.toml", NOW)
    assert listed.expires_at <= NOW


@pytest.mark.parametrize("at", range(2, 7))
def test_another_listed_plate_differs_in_exactly_the_character_named(at: int) -> None:
    plate, listed = "沪B70Y26", listed_text(car(entry(at)))
    assert [index for index in range(7) if plate[index] != listed[index]] == [at]
    (taken,) = read_hotlist(hotlist_file([car(entry(at))], NOW), "hotlist.toml", NOW)
    assert taken.plate_text == listed
