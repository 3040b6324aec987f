"""What one poll has brought, as batches of one partition each."""

from typing import cast

from confluent_kafka import Message

from schemas.units import EpochMs
from streams.kafka.batch import PartitionPlace
from streams.kafka.fetched_batches import FetchedBatches
from streams.kafka.group_state import GroupState
from streams.kafka.record import LogRecord
from tests.support.fake_consumer import FakeMessage

PLACE, SECOND = PartitionPlace("topic", 0), PartitionPlace("topic", 1)


def state(**offsets: int) -> GroupState:
    found = GroupState(["topic"])
    for place, offset in zip((PLACE, SECOND), offsets.values(), strict=False):
        found.begin(place, offset, None, is_held=False)
    return found


def message(offset: int, place: PartitionPlace = PLACE) -> Message:
    return cast("Message", FakeMessage(*place, offset))


def cut(fetched: FetchedBatches) -> list[tuple[int, int, int, int]]:
    """Partition, start, end and epoch of each batch."""
    return [(each.partition, each.start, each.end, each.epoch) for each in fetched.cut()]


def test_records_of_one_partition_come_together_and_none_of_two() -> None:
    known = state(first=4, second=0)
    fetched = FetchedBatches(known, 100)
    for each in (message(4), message(0, SECOND), message(5), message(6)):
        fetched.add(each)
    assert cut(fetched) == [(0, 4, 7, 1), (1, 0, 1, 2)]
    assert (known.position(PLACE), known.position(SECOND)) == ((1, 7), (2, 1))


def test_a_batch_has_no_more_records_than_allowed_and_the_next_begins_where_it_ends() -> None:
    known = state(first=2)
    fetched = FetchedBatches(known, 2)
    for offset in (4, 7, 8, 9, 12):
        fetched.add(message(offset))
    assert cut(fetched) == [(0, 2, 8, 1), (0, 8, 10, 1), (0, 10, 13, 1)]
    assert known.in_hand(["topic"]) == {"topic": 11}


def test_of_a_partition_that_begins_anew_nothing_is_handed_over() -> None:
    known = state(first=0)
    fetched = FetchedBatches(known, 100)
    fetched.add(message(0))
    fetched.add(message(0, SECOND))
    known.end([PLACE])
    assert cut(fetched) == []


def test_nothing_makes_no_batch() -> None:
    assert FetchedBatches(state(first=0), 100).cut() == []


def test_a_partition_is_at_its_end_when_nothing_came_after_it() -> None:
    fetched = FetchedBatches(state(first=0, second=0), 100)
    fetched.add(message(0))
    fetched.add_end(PLACE)
    fetched.add_end(SECOND)
    assert fetched.ends == {PLACE, SECOND}
    fetched.add(message(0, SECOND))
    assert fetched.ends == {PLACE}
    fetched.add_end(SECOND)
    fetched.add(message(1, SECOND))
    fetched.add(message(1))
    assert fetched.ends == set()


def test_a_record_is_taken_as_it_is() -> None:
    fetched = FetchedBatches(state(first=0), 100)
    fetched.add(
        cast("Message", FakeMessage("topic", 0, 0, None, None, (2, 55), [("name", b"x"), ("empty", None)]))
    )
    fetched.add(cast("Message", FakeMessage("topic", 0, 1, b"", b"", (0, -1), [])))
    (batch,) = fetched.cut()
    assert list(batch) == [
        LogRecord("topic", 0, 0, EpochMs(55), None, None, (("name", b"x"), ("empty", None))),
        LogRecord("topic", 0, 1, EpochMs(0), b"", b"", ()),
    ]
