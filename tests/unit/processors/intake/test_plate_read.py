"""What of a plate read may go out: its id, its times and its confidence."""

import math

import pytest
from msgspec.structs import replace

from processors.intake.pillar_event import AHEAD_MS, BEHIND_MS
from processors.intake.plate_read import bounded_read, read_id
from schemas.feeds import PlateRead
from schemas.ids import ID_LENGTH
from schemas.units import EpochMs
from tests.support.log_records import ms

READ = PlateRead(
    checkpoint_id="K1",
    occurred_at=ms(1),
    received_at=ms(2),
    event_id="r1",
    plate_text="ABC1234",
    confidence=0.9,
)


def test_a_read_without_an_id_is_named_by_place_and_times_and_never_by_its_plate() -> None:
    nameless = replace(READ, event_id=None)
    assert read_id(nameless) == read_id(replace(nameless, plate_text="XYZ9876", confidence=None))
    assert read_id(nameless) != read_id(replace(nameless, received_at=EpochMs(nameless.received_at + 1)))
    assert read_id(READ) == "r1"


def test_where_the_gateway_s_time_is_impossible_the_place_tells_two_reads_apart() -> None:
    nameless = replace(READ, event_id=None)
    assert read_id(nameless, ("topic/1/7",)) == read_id(nameless, ("topic/1/7",))
    assert len({read_id(nameless), read_id(nameless, ("topic/1/7",)), read_id(nameless, ("topic/1/8",))}) == 3
    dead = replace(nameless, received_at=EpochMs(0))
    assert bounded_read(dead, ms(3), place="topic/1/7") != bounded_read(dead, ms(3), place="topic/1/8")


def test_possible_values_stay_as_they_are() -> None:
    assert bounded_read(READ, ms(3)) == READ


@pytest.mark.parametrize("at", [-(2**63), 2**63 - 1, 0, ms(3) - BEHIND_MS - 1, ms(3) + AHEAD_MS + 1])
def test_an_impossible_time_is_that_of_the_append(at: int) -> None:
    bounded = bounded_read(replace(READ, occurred_at=EpochMs(at), received_at=EpochMs(at)), ms(3))
    assert (bounded.occurred_at, bounded.received_at) == (ms(3), ms(3))


@pytest.mark.parametrize("event_id", ["x" * 1_000, "a\x1b[2J", "a\nb", "a\u202eb"])
def test_an_id_is_short_and_printable(event_id: str) -> None:
    name = bounded_read(replace(READ, event_id=event_id), ms(3)).event_id or ""
    assert name.isprintable()
    assert 0 < len(name) <= ID_LENGTH
    assert name != bounded_read(replace(READ, event_id=event_id + "1"), ms(3)).event_id


@pytest.mark.parametrize("confidence", [math.nan, math.inf, -math.inf, -0.1, 1.01, 97.0, 1e308])
def test_what_is_no_confidence_is_unknown(confidence: float) -> None:
    assert bounded_read(replace(READ, confidence=confidence), ms(3)).confidence is None


def test_bounding_twice_changes_nothing() -> None:
    wild = replace(READ, event_id=None, occurred_at=EpochMs(-(2**63)), received_at=EpochMs(2**63 - 1))
    once = bounded_read(wild, ms(3), place="topic/1/7")
    assert bounded_read(once, ms(3), place="topic/1/9") == once
