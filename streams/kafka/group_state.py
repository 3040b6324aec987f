"""What is known of the partitions that a worker's group has assigned to it.

The consuming threads write it; the event loop, the watchdog and the probes read it.

    assigned ──► fetched ──► handed over ──► done ──► committed
        └ each assignment of a partition is an epoch: what was fetched under an earlier one is never committed
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from schemas.units import EpochMs
from streams.clock import SYSTEM_CLOCK, Clock
from streams.kafka.batch import Batch, PartitionPlace
from streams.kafka.partition_start import Commit

CommitLimit = Callable[[str, int], int | None]
"""(topic, partition) -> the highest offset that may be committed there; None: as far as batches are done."""

_NEVER: Final = EpochMs(0)


@dataclass(slots=True)
class _Partition:
    """One assigned partition.

    Attributes:
        epoch: Of this assignment.
        start: Where reading began.
        fetched: The next offset that is handed over.
        done: The offset up to which everything is done.
        done_at: Append time of the last record that is done.
        done_before: That of the last record before `start`, as the commit said; 0 where it did not.
        committed: The offset that was committed last; None before the first commit.
        at_end: Whether nothing was left to fetch when the broker answered last.
        answered_at: When its leader answered last, milliseconds of our clock.
        heard_at: The same by the clock for intervals, which nobody sets; at first when it was assigned.
        has_leader: Whether there is a broker to fetch it from.
        is_held: Whether no commit is made, because a loss is still to be told.
        comes_down: Whether the commit comes down to `start` although a loss is still to be told.
        begun: Batches that an agent has taken and has not done.
        is_leaving: Whether nothing more may be begun: the partition is about to go to somebody else.
    """

    epoch: int
    start: int
    fetched: int
    done: int
    committed: int | None
    heard_at: float
    done_at: EpochMs = _NEVER
    done_before: EpochMs = _NEVER
    at_end: bool = False
    answered_at: EpochMs = _NEVER
    has_leader: bool = True
    is_held: bool = False
    comes_down: bool = False
    begun: int = 0
    is_leaving: bool = False


class GroupState:
    """The partitions of one worker, in all of its topics.

    Args:
        topics: What the worker reads in its group.
        clock: Ours.
    """

    def __init__(self, topics: Iterable[str], clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._partitions: dict[PartitionPlace, _Partition] = {}
        self._remembered: dict[PartitionPlace, Commit] = {}
        self._joined: dict[str, bool] = dict.fromkeys(topics, False)
        self._complete: dict[str, bool] = dict(self._joined)
        self._heard_at: dict[str, float] = dict.fromkeys(self._joined, clock.monotonic())
        self._epoch = 0

    # The consuming thread writes.

    def begin(
        self,
        place: PartitionPlace,
        offset: int,
        committed: int | None,
        *,
        is_held: bool,
        comes_down: bool = False,
        done_before: EpochMs = _NEVER,
    ) -> int:
        """A partition is ours and is read from this offset on.

        Args:
            place: The partition.
            offset: The first that is handed over.
            committed: The offset that is committed; None where there is none, or none that names this topic: what is
                done is committed then even if the offset is the same.
            is_held: Whether a loss is to be told before anything is committed.
            comes_down: Whether a commit above `offset` is replaced by it at once, loss told or not: as the partition
                grows, that commit would come to look right, and what lies before it would be skipped after a crash.
            done_before: Append time of the last record before `offset`, as its commit said; 0 where it did not.

        Returns:
            The epoch of what is fetched from now on.
        """
        with self._lock:
            self._epoch += 1
            self._partitions[place] = _Partition(
                self._epoch,
                offset,
                offset,
                offset,
                committed,
                self._clock.monotonic(),
                answered_at=self._clock.now_ms(),
                is_held=is_held,
                comes_down=comes_down,
                done_before=done_before,
            )
            return self._epoch

    def end(self, places: Iterable[PartitionPlace]) -> None:
        """Partitions are not ours any more, or are about to begin anew elsewhere."""
        with self._lock:
            for place in places:
                self._partitions.pop(place, None)

    def set_joined(self, topics: Iterable[str], *, joined: bool, complete: bool) -> None:
        """How the member stands that reads these topics.

        Args:
            topics: What it reads.
            joined: Whether it has its share of the group, which may be nothing, and does not rebalance.
            complete: Whether it reads all of that: of each partition it is known where to begin.
        """
        with self._lock:
            self._joined.update(dict.fromkeys(topics, joined))
            self._complete.update(dict.fromkeys(topics, complete))

    def heard(self, topics: Iterable[str], at: EpochMs) -> None:
        """Some broker has answered the member that reads these topics."""
        heard_at = self._by_interval_clock(at)
        with self._lock:
            for topic in topics:
                self._heard_at[topic] = max(self._heard_at[topic], heard_at)

    def fetched(self, batch: Batch) -> None:
        """A batch is handed over."""
        with self._lock:
            if (known := self._current(batch)) is not None:
                known.fetched, known.at_end = batch.end, False

    def position(self, place: PartitionPlace) -> tuple[int, int] | None:
        """(epoch, next offset) of a partition; None where it is not ours."""
        known = self._partitions.get(place)
        return None if known is None else (known.epoch, known.fetched)

    def answered(self, place: PartitionPlace, at: EpochMs, *, at_end: bool | None, has_leader: bool) -> None:
        """The leader of a partition has answered at this time, 0: never; `at_end` None: not known."""
        heard_at = self._by_interval_clock(at)
        with self._lock:
            if (known := self._partitions.get(place)) is None:
                return
            known.heard_at, known.has_leader = max(known.heard_at, heard_at), has_leader
            if at:  # not the later of both: a clock that was set back would make an old answer a new one
                known.answered_at = at
            if at_end is not None:
                known.at_end = at_end

    def due(
        self, places: Iterable[PartitionPlace], limit: CommitLimit
    ) -> dict[PartitionPlace, tuple[int, EpochMs]]:
        """What may be committed now and is not yet: (offset, append time of the last record that is done, 0: none)."""
        found = {}
        with self._lock:
            for place in places:
                known = self._partitions.get(place)
                if known is not None and (offset := self._due(known, limit(*place))) is not None:
                    found[place] = offset, self._done_at(known, offset)
        return found

    def committable(self, place: PartitionPlace, limit: CommitLimit) -> tuple[int, EpochMs] | None:
        """What a commit may say now, as `due`, also where it is nothing new; None while a loss is to be told first."""
        with self._lock:
            known = self._partitions.get(place)
            if known is None or known.is_held:
                return None
            most = limit(*place)
            offset = known.done if most is None else min(known.done, most)
            return offset, self._done_at(known, offset)

    def committed_now(self, place: PartitionPlace, commit: Commit) -> None:
        """The broker has taken a commit."""
        with self._lock:
            self._remembered[place] = commit
            if (known := self._partitions.get(place)) is not None:
                known.committed = commit.offset

    def remembered(self, place: PartitionPlace) -> Commit | None:
        """The last commit of a partition that this process made."""
        with self._lock:
            return self._remembered.get(place)

    def release(self, place: PartitionPlace) -> None:
        """The loss is told: commits go on."""
        with self._lock:
            if (known := self._partitions.get(place)) is not None:
                known.is_held = False

    def leave(self, places: Iterable[PartitionPlace]) -> None:
        """Let nothing more be begun of these partitions."""
        with self._lock:
            for place in places:
                if (known := self._partitions.get(place)) is not None:
                    known.is_leaving = True

    def has_begun(self, places: Iterable[PartitionPlace]) -> bool:
        """Whether an agent has taken anything of these partitions that it has not done."""
        with self._lock:
            return any(known.begun for place in places if (known := self._partitions.get(place)) is not None)

    def has_begun_any(self) -> bool:
        """Whether an agent has taken anything that it has not done."""
        with self._lock:
            return any(known.begun for known in self._partitions.values())

    # What decides writes: the event loop, or the consuming thread itself.

    def may_begin(self, batch: Batch) -> bool:
        """Whether a batch may still be begun: its partition may have gone since it was fetched."""
        with self._lock:
            known = self._current(batch)
            return known is not None and not known.is_leaving

    def take(self, batch: Batch) -> bool:
        """An agent is about to begin a batch; False where it must not: its partition is not ours as it was."""
        with self._lock:
            known = self._current(batch)
            if known is None or known.is_leaving:
                return False
            known.begun += 1
            return True

    def done(self, batch: Batch) -> bool:
        """A batch is done; False where its partition has been assigned anew or lost since: it is never committed."""
        with self._lock:
            known = self._current(batch)
            if known is None:
                return False
            known.begun -= 1
            known.done, known.done_at = max(known.done, batch.end), batch[-1].timestamp_ms
            return True

    # Everybody reads.

    def in_hand(self, topics: Iterable[str]) -> Mapping[str, int]:
        """About how many records of each topic are handed over and not done."""
        found = dict.fromkeys(topics, 0)
        with self._lock:
            for place, known in self._partitions.items():
                if place.topic in found:
                    found[place.topic] += max(0, known.fetched - known.done)
        return found

    @property
    def is_settled(self) -> bool:
        """Whether the group has given us our share of every topic, all of it is read, and nothing rebalances."""
        with self._lock:
            return all(self._joined.values()) and all(self._complete.values())

    @property
    def is_joined(self) -> bool:
        """Whether the group has given us our share of every topic, be it readable or not."""
        with self._lock:
            return all(self._joined.values())

    def unanswered_for_ms(self, *, of_leaders: bool = False) -> int:
        """How long the broker has not answered, milliseconds: of the partition or member that has waited longest.

        A partition without a leader counts like any other, since nobody reads it; but not with `of_leaders`.
        """
        now = self._clock.monotonic()
        with self._lock:
            waiting = [each for each in self._partitions.values() if each.has_leader or not of_leaders]
            heard = [*self._heard_at.values(), *(known.heard_at for known in waiting)]
        return round(1000 * max((now - at for at in heard), default=0))

    def leaderless(self) -> list[PartitionPlace]:
        """Our partitions that no broker leads now: no restart of ours would help them."""
        with self._lock:
            return [place for place, known in self._partitions.items() if not known.has_leader]

    def of(self, topics: Iterable[str]) -> list[PartitionPlace]:
        """Our partitions of these topics now, in order."""
        wanted = frozenset(topics)
        with self._lock:
            return sorted(place for place in self._partitions if place.topic in wanted)

    def committed(self, place: PartitionPlace) -> int | None:
        """The offset that was committed last; None before the first commit."""
        known = self._partitions.get(place)
        return None if known is None else known.committed

    def has_waiting(self, place: PartitionPlace) -> bool | None:
        """Whether anything is not fetched, not done or not committed yet."""
        with self._lock:
            known = self._partitions.get(place)
            if known is None:
                return None
            return self._is_unprocessed(known) or known.done > (known.committed or 0)

    def has_unprocessed(self, place: PartitionPlace) -> bool | None:
        """Whether anything is not fetched or not done yet."""
        with self._lock:
            known = self._partitions.get(place)
            return None if known is None else self._is_unprocessed(known)

    def done_until(self, place: PartitionPlace) -> int:
        """The offset up to which everything is done; 0 where the partition is not ours."""
        known = self._partitions.get(place)
        return 0 if known is None else known.done

    def has_unfinished(self, place: PartitionPlace) -> bool:
        """Whether anything is handed over and not done yet."""
        known = self._partitions.get(place)
        return known is not None and known.done < known.fetched

    def fetched_until(self, place: PartitionPlace) -> int | None:
        """The next offset that is handed over."""
        known = self._partitions.get(place)
        return None if known is None else known.fetched

    def answered_at(self, place: PartitionPlace) -> int | None:
        """When the partition's leader answered last, milliseconds of our clock."""
        known = self._partitions.get(place)
        return None if known is None else known.answered_at

    def has_leader(self, place: PartitionPlace) -> bool | None:
        """Whether there is a broker to fetch the partition from."""
        known = self._partitions.get(place)
        return None if known is None else known.has_leader

    def _current(self, batch: Batch) -> _Partition | None:
        known = self._partitions.get(batch.place)
        return known if known is not None and known.epoch == batch.epoch else None

    @staticmethod
    def _is_unprocessed(known: _Partition) -> bool:
        return known.done < known.fetched or not known.at_end

    @staticmethod
    def _done_at(known: _Partition, offset: int) -> EpochMs:
        """Append time of the last record before an offset, as far as it is known; 0: it is not."""
        if offset > known.start:
            return known.done_at
        return known.done_before if offset == known.start else _NEVER

    @staticmethod
    def _due(known: _Partition, most: int | None) -> int | None:
        if known.committed is None:
            is_back, committed = False, -1
        else:  # reading began below what is committed: the commit itself has to come down
            is_back, committed = known.start < known.committed, known.committed
        if known.is_held:
            return known.start if known.comes_down and (is_back or known.committed is None) else None
        offset = known.done if most is None else min(known.done, most)
        return offset if offset > committed or (is_back and offset < committed) else None

    def _by_interval_clock(self, at: EpochMs) -> float:
        """A time of the wall clock, until now, by the clock that nobody sets."""
        return self._clock.monotonic() - max(0, self._clock.now_ms() - at) / 1000
