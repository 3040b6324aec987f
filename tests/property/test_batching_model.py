"""The bookkeeping of processed and committed offsets against a simple model, in any order of fetches and rebalances.

    fetch ─► in flight (in order, per partition) ─► ack ─► commit
              │                                      ▲
              └── revoked: batches that no agent has taken are dropped, the others are acked whenever they are done

The laws: everything before a committed offset has been processed; a commit is of an assigned partition; offsets never
go back.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from faust.types import TP
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.faust.batching import Batch, BatchConsumer
from tests.support.batch_consumer import FakeThread, make_consumer, message
from tests.support.fakes import run

if TYPE_CHECKING:
    from faust.types.tuples import ConsumerMessage

PLACES = tuple(TP("topic", partition) for partition in range(3))


class Fetch(NamedTuple):
    """Records arrive of one of our partitions."""

    place: int
    size: int


class Ack(NamedTuple):
    """The oldest batch in flight of a partition is processed."""

    place: int


class Commit(NamedTuple):
    """The commit timer fires."""


class SeekBack(NamedTuple):
    """Faust goes back to what is committed, as it does when a fetch returns while the flow is stopped."""


class Elsewhere(NamedTuple):
    """The owner of a partition that is not assigned to us commits."""

    place: int
    size: int


class Rebalance(NamedTuple):
    """Everything is revoked; `kept` batches of each partition are in an agent's hands; then the assignment.

    `late` of them are acked after the revocation and before the assignment.
    """

    assigned: frozenset[int]
    kept: int
    late: int
    went_on: int


sizes = st.integers(1, 4)
numbers = st.integers(0, len(PLACES) - 1)
steps = st.lists(
    st.one_of(  # mostly fetches and acks: without records in flight a rebalance has nothing to show
        st.builds(Fetch, numbers, sizes),
        st.builds(Fetch, numbers, sizes),
        st.builds(Fetch, numbers, sizes),
        st.builds(Ack, numbers),
        st.builds(Ack, numbers),
        st.just(Commit()),
        st.just(SeekBack()),
        st.builds(Elsewhere, numbers, sizes),
        st.builds(Rebalance, st.frozensets(numbers), st.integers(0, 2), st.integers(0, 2), st.integers(0, 3)),
    ),
    min_size=5,
    max_size=60,
)


class Group:
    """A consumer, the group's offsets on the broker, and what was really processed."""

    def __init__(self) -> None:
        self.consumer: BatchConsumer
        self.consumer, self._thread = make_consumer(*PLACES)
        self._thread.commit = self._commit  # type: ignore[method-assign]
        self.consumer._on_partitions_revoked = self._revoked
        self.flight: dict[TP, list[ConsumerMessage]] = defaultdict(list)
        self._position: dict[TP, int] = defaultdict(int)
        self._processed: dict[TP, set[int]] = defaultdict(set)

    @property
    def thread(self) -> FakeThread:
        return self._thread

    async def play(self, step: object) -> None:
        match step:
            case Fetch(place, size):
                self._fetch(PLACES[place], size)
            case Ack(place):
                self._ack(PLACES[place])
            case Commit():
                await self.consumer.commit()
            case SeekBack():
                await self._seek_back()
            case Elsewhere(place, size):
                self._elsewhere(PLACES[place], size)
            case Rebalance():
                await self._rebalance(step)

    def _fetch(self, tp: TP, size: int) -> None:
        if tp in self._thread.assigned:
            start = self._position[tp]
            fetched = message(tp, start, start + size, self.consumer.app.consumer_generation_id)
            self.consumer.track_message(fetched)
            self.flight[tp].append(fetched)
            self._position[tp] = start + size

    def _ack(self, tp: TP) -> None:
        if self.flight[tp]:
            done = self.flight[tp].pop(0)
            found = done.value
            assert isinstance(found, Batch)
            self._processed[tp].update(range(found.start, found.end))
            self.consumer.ack(done)

    async def _seek_back(self) -> None:
        await self.consumer.perform_seek()
        for tp in self._thread.assigned:
            self._position[tp] = self._thread.at_broker.get(tp, 0)

    def _elsewhere(self, tp: TP, size: int) -> None:
        if tp not in self._thread.assigned:
            start = self._thread.at_broker.get(tp, 0)
            self._processed[tp].update(range(start, start + size))
            self._thread.at_broker[tp] = start + size

    async def _revoked(self, _revoked: set[TP]) -> None:
        await self.consumer.commit()

    async def _rebalance(self, step: Rebalance) -> None:
        for tp in PLACES:
            del self.flight[tp][step.kept :]
        before = set(self._thread.assigned)
        await self.consumer.on_partitions_revoked(before)
        self._thread.assigned = set()
        for tp in before:
            for _ in range(step.late):
                self._ack(tp)
            if step.went_on:
                self._elsewhere(tp, step.went_on)
        self._thread.assigned = {PLACES[number] for number in step.assigned}
        self.consumer.app.consumer_generation_id += 1
        await self.consumer.on_partitions_assigned(
            self._thread.assigned, self.consumer.app.consumer_generation_id
        )
        await self.consumer.commit()  # the timer may fire before Faust has sought
        await self._seek_back()

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        for tp, offset in offsets.items():
            assert tp in self._thread.assigned, "a revoked partition"
            # Equal at a revocation: Faust forgets what is committed, and then commits for the last time.
            assert offset >= self._thread.at_broker.get(tp, 0), "a commit that goes back"
            assert self._processed[tp] >= set(range(offset)), "a commit past a record that was not processed"
            self._thread.at_broker[tp] = offset
        return True


@settings(deadline=None, max_examples=300)
@given(steps)
def test_a_commit_never_passes_an_unprocessed_record_and_never_touches_a_revoked_partition(
    played: list[object],
) -> None:
    async def scene() -> None:
        group = Group()
        for step in played:
            await group.play(step)

    run(scene())


@settings(deadline=None, max_examples=50)
@given(steps)
def test_after_everything_is_processed_a_commit_covers_all_of_it(played: list[object]) -> None:
    async def scene() -> None:
        group = Group()
        for step in played:
            await group.play(step)
        await group.play(Rebalance(frozenset({0, 1, 2}), kept=0, late=0, went_on=0))
        for number, tp in enumerate(PLACES):
            await group.play(Fetch(number, 3))
            end = group.thread.at_broker.get(tp, 0) + 3
            while group.flight[tp]:
                await group.play(Ack(number))
            await group.play(Commit())
            assert group.consumer.committed(tp) == end
        assert not group.consumer.unacked

    run(scene())
