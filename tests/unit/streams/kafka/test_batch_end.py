"""Where batches end that unpack to more than a client takes, against a partition in memory."""

import pytest
from confluent_kafka import KafkaError
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.batch import PartitionPlace
from streams.kafka.batch_end import MOST_BATCHES, TOO_LARGE, TooLarge, find_end
from streams.kafka.partition_start import LossKind
from tests.support.fake_consumer import FakeMessage, failure
from tests.support.group_member import PLACE, TOPIC, Member


class FakeProbe:
    """A partition whose batches begin at `starts` and of which some are too large."""

    def __init__(self, starts: list[int], too_large: set[int]) -> None:
        self.starts, self.too_large, self.asked = starts, too_large, 0

    def too_large_at(self, partition: int, offset: int) -> int | None:
        self.asked += 1
        begin = max((start for start in self.starts if start <= offset), default=None)
        return begin if begin in self.too_large else None


@given(
    st.lists(st.tuples(st.integers(1, 2_000_000), st.booleans()), min_size=1, max_size=8), st.integers(0, 99)
)
def test_the_end_is_that_of_the_last_batch_in_a_row_that_is_too_large(
    batches: list[tuple[int, bool]], low: int
) -> None:
    starts = [low]
    for size, _ in batches:
        starts.append(starts[-1] + size)
    too_large = {start for start, (_, is_large) in zip(starts, batches, strict=False) if is_large}
    first_readable = next(start for start in starts if start not in too_large)
    probe = FakeProbe(starts, too_large)
    found = find_end(probe, 0, low)  # type: ignore[arg-type]
    assert found == (first_readable if low in too_large else None)
    assert probe.asked <= 1 + 44 * len(batches)


def test_reading_may_have_begun_in_the_middle_of_such_a_batch() -> None:
    assert find_end(FakeProbe([0, 100], {0}), 0, 40) == 100  # type: ignore[arg-type]


def test_no_search_goes_on_for_ever() -> None:
    starts = list(range(10 * MOST_BATCHES))
    assert find_end(FakeProbe(starts, set(starts)), 0, 0) == MOST_BATCHES  # type: ignore[arg-type]


class FakeEnds:
    """What a search finds, when the test lets it."""

    def __init__(self) -> None:
        self.asked: list[tuple[PartitionPlace, int, int]] = []
        self.found: list[TooLarge] = []

    def ask(self, place: PartitionPlace, epoch: int, offset: int) -> None:
        self.asked.append((place, epoch, offset))

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
