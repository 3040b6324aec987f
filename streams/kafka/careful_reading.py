"""Finding the record of which workers die, without a disk: by marks in the commits of their group.

    assigned ─► no mark, or nothing was in hand ─► "running" is committed ─► read as fast as it comes
             └► a mark: its last owner died ─► a few records at a time, each marked before it is begun
                                                 │ dies ─► those one by one ─► dies ─► quarantined, and read on
                                                 └ none of them kills ─► "running" is committed ─► as ever

The first death leaves the mark "running", the second one that of a few records, the third one that of one record:
three deaths in all (docs/adr/0031). What cannot be caught counts like anything else: a segfault, the OOM killer,
`os._exit`. Whoever ends in good order, or gives a partition away, says so in its last commit; nothing is counted then.

At most one chunk is under way in a process, so that a death is that of the chunk which is marked. A commit that nobody
answers holds no press back for long: after `PATIENCE_S` the records are begun without their mark.
"""

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import structlog

from streams.kafka.batch import Batch, PartitionPlace
from streams.kafka.commit_mark import RUNNING, Mark
from streams.kafka.group_state import GroupState

log = structlog.get_logger(__name__)

DEATHS: Final = 3
"""Workers that die of one record before it is passed."""

FIRST_CHUNK, LARGEST_CHUNK = 32, 512
"""Records that are begun together in a careful reading: twice as many each time, so that a long backlog costs little.
A chunk takes a commit and a delivery, about 8 ms; 2,000 records that waited for a new owner take a quarter of a second
more. After a death in the largest one its records take 4 s one by one."""

PATIENCE_S: Final = 2.0
"""How long records wait for the commit of their mark. The broker's answer takes milliseconds; a loss that has to be
told before a commit takes up to a second."""

CommitMarks = Callable[[Mapping[PartitionPlace, Mark]], Collection[PartitionPlace]]
"""Begins to commit partitions as far as they are done, with these marks; returns those that can be committed now."""


class Turn:
    """At most one member of a process has a chunk under way; each member has a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: object | None = None
        self._waiting: set[object] = set()

    def take(self, who: object) -> bool:
        """Whether it is this one's turn now; else it waits for it."""
        with self._lock:
            if self._holder is None:
                self._holder = who
                self._waiting.discard(who)
            if self._holder is not who:
                self._waiting.add(who)
            return self._holder is who

    def is_wanted(self) -> bool:
        """Whether another one waits for it."""
        return bool(self._waiting)

    def release(self, who: object) -> None:
        """This one needs no turn any more."""
        with self._lock:
            self._waiting.discard(who)
            if self._holder is who:
                self._holder = None


class _Suspect(NamedTuple):
    """Records of which workers have died: `left` of them from offset `first` on."""

    first: int
    left: int
    deaths: int


@dataclass(slots=True)
class _Reading:
    """One partition that is not read as fast as it comes.

    Attributes:
        until: Where it is careful no more.
        suspect: Records that are read one by one; None where nobody knows which.
        deaths: How many have died of a record that nobody can name.
        next: The offset after the last chunk that was done.
        size: The most records of the next chunk.
        waiting: What is fetched and not handed over.
        is_opening: Whether nothing but the mark "running" is waited for.
        is_asked: Whether the commit of that is under way.
        opened_at: Since when it is waited for.
    """

    until: int
    suspect: _Suspect | None
    deaths: int
    next: int
    size: int = FIRST_CHUNK
    waiting: deque[Batch] = field(default_factory=deque)
    is_opening: bool = False
    is_asked: bool = False
    opened_at: float | None = None

    @property
    def is_over(self) -> bool:
        return self.next >= self.until

    @property
    def idle_mark(self) -> Mark:
        """Of a partition of which no chunk is under way."""
        suspect = self.suspect
        if suspect is not None and suspect.left > 0:
            return Mark(False, suspect.first, suspect.left, suspect.deaths)
        return Mark(False, self.next, 0, self.deaths)


@dataclass(slots=True)
class _Chunk:
    """What is begun next, once its mark is committed, or is under way."""

    place: PartitionPlace
    batch: Batch
    mark: Mark
    asked_at: float
    is_begun: bool = False


class CarefulReading:
    """The partitions of one member that are not read as fast as they come, and the marks of all of them.

    Everything here runs in the consuming thread.

    Args:
        state: Knows what is done.
        most_in_hand: Records of a topic that a worker has in hand at most.
        turn: Shared by the members of a process.
        commit: Begins to commit with marks.
        monotonic: The clock for intervals.
    """

    def __init__(
        self,
        state: GroupState,
        most_in_hand: int,
        turn: Turn,
        commit: CommitMarks,
        monotonic: Callable[[], float],
    ) -> None:
        self._state, self._turn, self._commit, self._monotonic = state, turn, commit, monotonic
        self._stretch = 2 * most_in_hand
        """Records behind a commit that may have been in hand: as many again are done and not committed at most."""
        self._readings: dict[PartitionPlace, _Reading] = {}
        self._marks: dict[PartitionPlace, Mark] = {}
        self._committed: dict[PartitionPlace, Mark | None] = {}
        self._chunk: _Chunk | None = None
        self._owed: set[PartitionPlace] = set()
        """Partitions whose chunk is done and whose commit does not say so yet."""
        self._handing_on_at: float | None = None
        """Since when the commit is waited for that says it of all of them; then it is another member's turn."""

    def __contains__(self, place: PartitionPlace) -> bool:
        return place in self._readings

    @property
    def is_active(self) -> bool:
        """Whether any partition is not read as fast as it comes."""
        return bool(self._readings or self._chunk or self._owed)

    # What becomes of partitions.

    def begin(self, place: PartitionPlace, start: int, high: int | None, mark: Mark | None) -> None:
        """A partition is ours.

        Args:
            place: The partition.
            start: Where reading begins.
            high: Where it ends now; None where nobody knows.
            mark: That of the commit from which it is read on; None where it has none.
        """
        self.end([place])
        deaths = 0 if mark is None else mark.deaths_now
        limit = start + self._stretch
        until = limit if high is None else min(high, limit)
        suspect = None
        if deaths and mark is not None and mark.records and (high is None or start <= mark.first < high):
            suspect = _Suspect(mark.first, mark.records, deaths)
            deaths, until = 1, max(until, mark.first + 1)
        is_careful = deaths > 0 and start < until
        self._committed[place] = mark
        self._marks[place] = mark if is_careful and mark is not None else RUNNING
        self._readings[place] = _Reading(until, suspect, max(deaths, 1), start, is_opening=not is_careful)
        if is_careful:
            log.warning(
                "partition.read_carefully",
                topic=place.topic,
                partition=place.partition,
                offset=start if suspect is None else suspect.first,
                until=until,
                deaths=deaths if suspect is None else suspect.deaths,
            )

    def end(self, places: Iterable[PartitionPlace]) -> None:
        """Partitions are not ours any more, or are about to begin anew elsewhere."""
        for place in places:
            self._readings.pop(place, None)
            self._marks.pop(place, None)
            self._committed.pop(place, None)
            self._owed.discard(place)
            if self._chunk is not None and self._chunk.place == place:
                self._chunk = None
        if not self.is_active:  # no step follows that would do it
            self._handing_on_at = None
            self._turn.release(self)

    # What commits say.

    def mark_of(self, place: PartitionPlace) -> Mark | None:
        """What a commit of a partition says while it is read."""
        return self._marks.get(place)

    def last_mark_of(self, place: PartitionPlace) -> Mark | None:
        """What the last commit says, of who ends in good order: None unless somebody else has to go on carefully."""
        chunk, reading = self._chunk, self._readings.get(place)
        if chunk is not None and chunk.place == place and self._state.done_until(place) < chunk.batch.end:
            return chunk.mark._replace(is_under_way=False)
        return None if reading is None or reading.is_opening else reading.idle_mark

    def is_told(self, place: PartitionPlace, mark: Mark | None) -> bool:
        """Whether the commit of a partition, as far as it is answered, says this already."""
        return place in self._committed and self._committed[place] == mark

    def note_committed(self, place: PartitionPlace, mark: Mark | None) -> None:
        """The broker has taken a commit."""
        if place in self._marks:
            self._committed[place] = mark

    # What is handed over.

    def admit(self, batches: Collection[Batch]) -> list[Batch]:
        """Of what is fetched: what may be handed over at once; the rest waits here."""
        free = []
        for batch in batches:
            reading = self._readings.get(batch.place)
            if reading is None:
                free.append(batch)
            else:
                reading.waiting.append(batch)
        return free

    def step(self) -> list[Batch]:
        """What may be handed over now of what waits."""
        now = self._monotonic()
        opened = [batch for place in list(self._readings) for batch in self._opened(place, now)]
        return [*opened, *self._step_chunk(now)]

    def _opened(self, place: PartitionPlace, now: float) -> Iterable[Batch]:
        """The records of a partition of which "running" is committed."""
        reading = self._readings[place]
        if not reading.is_opening:
            return ()
        if reading.opened_at is None:
            reading.opened_at = now
        if not self.is_told(place, RUNNING):
            if not reading.is_asked:
                reading.is_asked = place in self._commit({place: RUNNING})
            if now - reading.opened_at < PATIENCE_S:
                return ()
        del self._readings[place]
        return reading.waiting

    def _step_chunk(self, now: float) -> list[Batch]:
        """What is begun now of the partitions that are read carefully."""
        chunk = self._chunk
        if chunk is not None:
            if not chunk.is_begun:
                if not self.is_told(chunk.place, chunk.mark) and now - chunk.asked_at < PATIENCE_S:
                    return []
                chunk.is_begun = True
                return [chunk.batch]
            if self._state.done_until(chunk.place) < chunk.batch.end:
                return []
            self._note_done(chunk)
        if self._handing_on_at is not None:
            self._hand_on(now, self._handing_on_at)
        else:
            self._begin_next(now)
        return []

    def _begin_next(self, now: float) -> None:
        """Mark the next chunk, or say that none is under way and let another member have its turn."""
        place = None if self._owed and self._turn.is_wanted() else self._next_place()
        marks = {each: self._marks[each] for each in self._owed}
        if place is None:
            if marks:
                self._commit(marks)
                self._handing_on_at = now
            else:
                self._turn.release(self)
        elif self._turn.take(self):
            self._owed.clear()
            self._chunk = chunk = self._chunk_of(place, self._readings[place], now)
            self._marks[place] = chunk.mark
            # In one request: the chunk before is done, and this one is under way.
            if not self.is_told(place, chunk.mark):
                marks[place] = chunk.mark
            if marks:
                self._commit(marks)

    def _hand_on(self, now: float, since: float) -> None:
        """Let another member have its turn once every commit says that nothing of ours is under way."""
        self._owed = {place for place in self._owed if not self.is_told(place, self._marks[place])}
        if not self._owed or now - since >= PATIENCE_S:
            self._owed.clear()
            self._handing_on_at = None
            self._turn.release(self)

    def _note_done(self, chunk: _Chunk) -> None:
        self._chunk = None
        reading = self._readings.get(chunk.place)
        if reading is None:
            return
        reading.next = chunk.batch.end
        suspect = reading.suspect
        if suspect is None:
            reading.size = min(2 * reading.size, LARGEST_CHUNK)
        elif chunk.batch.end > suspect.first:
            left = suspect.left - 1
            reading.suspect = suspect._replace(first=chunk.batch.end, left=left) if left > 0 else None
        if reading.is_over and reading.suspect is None:
            reading.is_opening = reading.is_asked = True
            self._marks[chunk.place] = RUNNING
        else:
            self._marks[chunk.place] = reading.idle_mark
        self._owed.add(chunk.place)

    def _next_place(self) -> PartitionPlace | None:
        return next(
            (place for place, each in self._readings.items() if each.waiting and not each.is_opening), None
        )

    def _chunk_of(self, place: PartitionPlace, reading: _Reading, now: float) -> _Chunk:
        fetched = reading.waiting.popleft()
        first = fetched[0].offset
        suspect = reading.suspect
        if suspect is not None and suspect.left == 1 and first > suspect.first:  # retention took it
            suspect = reading.suspect = None
        if suspect is None:
            batch = self._cut(reading, fetched, reading.size)
            return _Chunk(place, batch, Mark(True, first, len(batch), reading.deaths), now)
        if first < suspect.first:  # these were processed before: only what lies behind them was marked
            before = sum(record.offset < suspect.first for record in fetched)
            return _Chunk(
                place, self._cut(reading, fetched, min(before, reading.size)), self._marks[place], now
            )
        batch = self._cut(reading, fetched, 1)
        if suspect.left == 1 and suspect.deaths >= DEATHS:
            batch = Batch(batch[:], batch.start, batch.epoch, deaths=suspect.deaths)
        return _Chunk(place, batch, Mark(True, first, 1, suspect.deaths), now)

    @staticmethod
    def _cut(reading: _Reading, fetched: Batch, count: int) -> Batch:
        """The first records of a batch; the others wait on."""
        if len(fetched) <= count:
            return fetched
        head = Batch(fetched[:count], fetched.start, fetched.epoch)
        reading.waiting.appendleft(Batch(fetched[count:], head.end, fetched.epoch))
        return head
