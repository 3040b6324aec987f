"""Where batches end that unpack to more than a client takes, against a partition in memory."""

import pytest
import zstandard
from confluent_kafka import KafkaError
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BrokerUnavailable
from streams.clock import monotonic, pause
from streams.kafka.batch import PartitionPlace
from streams.kafka.batch_end import MOST_UNPACKED, TOO_LARGE, BatchEnds, TooLarge, find_end
from streams.kafka.batch_headers import BatchHeader
from streams.kafka.config import KafkaConfig
from streams.kafka.partition_start import LossKind
from tests.support.fake_consumer import FakeMessage, failure
from tests.support.group_member import PLACE, TOPIC, Member

LIMIT = 100


class FakeHeaders:
    """A partition with batches of these ends and sizes, from `low` on."""

    def __init__(self, low: int, batches: list[tuple[int, int | None]]) -> None:
        self.batches: list[BatchHeader] = []
        for size, unpacked in batches:
            packed = None if unpacked is None else memoryview(zstandard.compress(bytes(unpacked)))
            self.batches.append(BatchHeader(low, low + size, packed))
            low += size

    def at(self, partition: int, offset: int) -> list[BatchHeader]:
        return [each for each in self.batches if each.end > offset]


UNPACKED = st.one_of(st.none(), st.integers(0, 2 * LIMIT))


@given(st.lists(st.tuples(st.integers(1, 2_000_000), UNPACKED), min_size=1, max_size=8), st.integers(0, 99))
def test_the_end_is_that_of_the_batch_and_of_those_behind_it_that_say_that_they_are_too_large(
    batches: list[tuple[int, int | None]], low: int
) -> None:
    headers = FakeHeaders(low, batches)
    end = find_end(headers, 0, low, LIMIT)
    left_out = [each for each in headers.batches if each.end <= (end or 0)]
    kept = headers.batches[len(left_out) :]
    assert left_out
    assert all(each.unpacks_to_more_than(LIMIT) for each in left_out[1:])
    assert not kept or not kept[0].unpacks_to_more_than(LIMIT)


def test_a_search_looks_at_so_many_and_goes_on_with_the_next() -> None:
    assert find_end(FakeHeaders(0, [(1, 2 * LIMIT)] * 100), 0, 0, LIMIT) == 1 + MOST_UNPACKED


def test_reading_may_have_begun_in_the_middle_of_such_a_batch() -> None:
    assert find_end(FakeHeaders(0, [(100, None)]), 0, 40, LIMIT) == 100


def test_nothing_is_left_out_where_the_batch_is_gone() -> None:
    assert find_end(FakeHeaders(50, [(10, 2 * LIMIT)]), 0, 40, LIMIT) is None
    assert find_end(FakeHeaders(0, [(10, 2 * LIMIT)]), 0, 10, LIMIT) is None


class BrokenHeaders:
    """A broker, or a client of it, that fails in whatever way."""

    def __init__(self, error: Exception) -> None:
        self.error, self.closed = error, False

    def at(self, partition: int, offset: int) -> list[BatchHeader]:
        raise self.error

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("error", [BrokerUnavailable("away"), KeyError("nodes"), AssertionError()])
def test_whatever_fails_while_an_end_is_searched_is_no_end_and_is_asked_about_again(error: Exception) -> None:
    headers = BrokenHeaders(error)
    ends = BatchEnds(KafkaConfig(bootstrap="127.0.0.1:9"), LIMIT, lambda config, topic: headers)  # type: ignore[arg-type,return-value]
    for _ in range(2):
        ends.ask(PLACE, 1, 40)
        deadline = monotonic() + 10
        while ends.is_searching and monotonic() < deadline:
            assert ends.answers() == []
            pause(0.001)
        assert not ends.is_searching
    ends.close()


class FakeEnds:
    """What a search finds, when the test lets it."""

    def __init__(self) -> None:
        self.asked: list[tuple[PartitionPlace, int, int]] = []
        self.found: list[TooLarge] = []

    def ask(self, place: PartitionPlace, epoch: int, offset: int) -> None:
        self.asked.append((place, epoch, offset))

    @property
    def is_searching(self) -> bool:
        return bool(self.found)

    def answers(self) -> list[TooLarge]:
        found, self.found = self.found, []
        return found

    def close(self) -> None:
        pass


def too_large(offset: int) -> FakeMessage:
    return FakeMessage(TOPIC, 0, offset, failed=failure(TOO_LARGE))


def test_what_lies_behind_such_a_batch_is_read_and_the_batch_is_told() -> None:
    ends = FakeEnds()
    member = Member(batch_ends=ends).began(PLACE)  # type: ignore[arg-type]
    member.broker.append(PLACE, 9)
    member.broker.logs[PLACE].messages = [
        each for each in member.broker.logs[PLACE].messages if each.at_offset in {0, 8}
    ]
    member.consumer.assigned[PLACE] = 9  # it hands over what the test brings
    member.consumer.bring(FakeMessage(TOPIC, 0, 0), too_large(1))
    member.round()
    member.process_all()
    ((place, epoch, offset),) = ends.asked
    ends.found = [TooLarge(place, epoch, offset, 8)]
    member.round()
    member.round()
    assert [(batch.start, batch.end) for batch in member.handed_over] == [(8, 9)]
    assert [(each.kind, each.expected, each.found, each.records) for each in member.losses] == [
        (LossKind.UNREADABLE, 1, 8, 7)
    ]
    member.process_all()
    member.group_consumer._partitions.commit()
    assert member.broker.commits[PLACE][0] == 1
    member.state.release(PLACE)
    member.group_consumer._partitions.commit()
    assert member.broker.commits[PLACE][0] == 9


@pytest.mark.parametrize("epoch", [0, 99])
def test_an_answer_to_another_assignment_changes_nothing(epoch: int) -> None:
    ends = FakeEnds()
    member = Member(batch_ends=ends).began(PLACE)  # type: ignore[arg-type]
    ends.found = [TooLarge(PLACE, epoch, 0, 8), TooLarge(PartitionPlace(TOPIC, 7), 1, 0, 8)]
    member.round()
    assert member.losses == []
    assert member.state.position(PLACE) == (1, 0)


def test_only_a_batch_that_is_too_large_is_searched() -> None:
    ends = FakeEnds()
    member = Member(batch_ends=ends).began(PLACE)  # type: ignore[arg-type]
    member.consumer.bring(FakeMessage(TOPIC, 0, 3, failed=failure(KafkaError._BAD_MSG)))
    member.round()
    assert ends.asked == []
