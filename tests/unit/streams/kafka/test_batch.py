"""Records of one partition that were fetched together."""

from schemas.units import EpochMs
from streams.kafka.batch import Batch, PartitionPlace
from streams.kafka.record import LogRecord


def record(offset: int, value: bytes = b"secret") -> LogRecord:
    return LogRecord("topic", 3, offset, EpochMs(offset), b"key", value)


def test_a_batch_ends_after_its_last_record_whatever_is_missing_in_between() -> None:
    batch = Batch([record(4), record(9)])
    assert (batch.place, batch.start, batch.end) == (PartitionPlace("topic", 3), 4, 10)
    assert (batch.topic, batch.partition) == ("topic", 3)


def test_a_batch_begins_where_the_one_before_ended_and_not_with_its_first_record() -> None:
    assert Batch([record(9)], start=5, epoch=2).start == 5


def test_a_batch_is_a_sequence_of_its_records() -> None:
    batch = Batch(iter([record(1), record(2), record(3)]))  # type: ignore[arg-type]  # any iterable will do
    assert len(batch) == 3
    assert [each.offset for each in batch] == [1, 2, 3]
    assert batch[-1] == record(3)
    assert batch[1:] == (record(2), record(3))


def test_the_text_of_a_batch_says_where_it_lies_and_nothing_of_what_it_holds() -> None:
    assert repr(Batch([record(1), record(2)])) == "Batch(topic[3]@1-3)"
