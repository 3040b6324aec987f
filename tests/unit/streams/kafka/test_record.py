"""What a compacted topic means, and what a record shows of itself."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.units import EpochMs
from streams.kafka.record import LogRecord, latest


def record(key: bytes | None, value: bytes | None, offset: int = 0) -> LogRecord:
    return LogRecord("a.topic.v1", 0, offset, EpochMs(0), key, value)


def test_the_newest_value_of_a_key_counts() -> None:
    found = latest([record(b"a", b"1"), record(b"b", b"2"), record(b"a", b"3")])
    assert {key: entry.value for key, entry in found.items()} == {b"a": b"3", b"b": b"2"}


def test_a_tombstone_removes_and_a_later_value_brings_back() -> None:
    records = [record(b"a", b"1"), record(b"a", None), record(b"b", None), record(b"b", b"2")]
    assert set(latest(records)) == {b"b"}


def test_a_record_without_a_key_is_left_out() -> None:
    assert latest([record(None, b"1")]) == {}


def test_a_record_shows_where_it_lies_and_nothing_of_its_content() -> None:
    assert repr(record(b"A12345", b"A12345", offset=7)) == "LogRecord(a.topic.v1[0]@7, 6 B)"
    assert repr(record(b"A12345", None)) == "LogRecord(a.topic.v1[0]@0, tombstone)"
    assert "A12345" not in f"{[record(b'A12345', b'A12345')]}"


keys = st.sampled_from([b"a", b"b", b"c"])
records = st.lists(st.builds(record, keys, st.none() | st.binary(max_size=2)))


@given(records)
def test_compaction_changes_nothing(log: list[LogRecord]) -> None:
    last = {entry.key: at for at, entry in enumerate(log)}
    compacted = [entry for at, entry in enumerate(log) if last[entry.key] == at]
    assert latest(compacted) == latest(log)


@given(records, records)
def test_reading_on_is_reading_all(before: list[LogRecord], after: list[LogRecord]) -> None:
    assert latest([*latest(before).values(), *after]) == latest([*before, *after])
