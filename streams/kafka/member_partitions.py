"""The partitions of one member: where each begins, what is committed, and how they are given away.

    given ──► where to begin? (streams/kafka/partition_start.py) ──► read
    revoked ──► nothing more is begun, what is begun is waited for, committed, given away
    lost ─────► dropped: somebody else has it already
    the topic is another one, or what comes next is not there ──► begun anew

While a partition is read its commits carry a mark; the last one of a partition that is given away has none, so that
only who dies leaves one (streams/kafka/careful_reading.py).

Everything here runs in the consuming thread. A partition is never begun in a callback of the client: a poll that calls
one may return records of before, which would pass for records of the new assignment.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.units import EpochMs
from streams.clock import Clock, pause
from streams.kafka.batch import Batch, PartitionPlace
from streams.kafka.batch_end import TooLarge
from streams.kafka.bounds_lookup import BoundsLookup
from streams.kafka.careful_reading import CarefulReading, Turn
from streams.kafka.commit_mark import Mark
from streams.kafka.config import KafkaConfig
from streams.kafka.errors import explain, is_refusal
from streams.kafka.group_state import CommitLimit, GroupState
from streams.kafka.partition_start import (
    Bounds,
    Commit,
    LossKind,
    StartPoint,
    UnreadRecords,
    after_truncation,
    find_start,
    is_another,
    read_commit,
    write_metadata,
)
from streams.kafka.rare_log import RareLogger

log = structlog.get_logger(__name__)

ASK_AGAIN_S: Final = 0.5
"""How often the broker is asked where a partition begins, and how long the group's coordinator has to answer."""

SHORT_ASK_S: Final = 0.1
"""How long it has while there are partitions that are read: nothing is decided about them meanwhile."""

REVOKE_S: Final = 5.0
"""How long a revocation waits for what is begun: a delivery takes milliseconds, and whoever gets the partition next
waits too. What is not done by then is done again by them."""

_WAIT_S: Final = 0.002

_LONG_AGO: Final = float("-inf")


class MemberPartitions:
    """The partitions of one member.

    Args:
        config: The broker.
        consumer: The member.
        state: Gets everything that is known of the partitions.
        lookup: Where partitions begin and end.
        tell_loss: Takes what nobody will have read; its partition is not committed before it is told.
        commit_limit: Up to where commits may go.
        wait: Waits this many seconds for what is begun.
        go_on: The same, while more of what is fetched is begun; None: nothing here can begin it.
        most_in_hand: Records of a topic that the worker has in hand at most.
        turn: Shared by the members of a process; None: the broker does not keep what a commit says beside its offset,
            so that no deaths are counted.
        clock: Ours.
    """

    def __init__(
        self,
        config: KafkaConfig,
        consumer: Consumer,
        state: GroupState,
        lookup: BoundsLookup,
        *,
        tell_loss: Callable[[UnreadRecords], None],
        commit_limit: CommitLimit,
        wait: Callable[[float], None] = pause,
        go_on: Callable[[float], None] | None = None,
        most_in_hand: int = 0,
        turn: Turn | None = None,
        clock: Clock,
    ) -> None:
        self._config, self._consumer, self._state, self._lookup = config, consumer, state, lookup
        self._tell_loss, self._commit_limit, self._clock = tell_loss, commit_limit, clock
        self._wait, self._go_on = wait, go_on
        self._assigned: set[PartitionPlace] = set()
        self._undecided: dict[PartitionPlace, int | None] = {}
        """Partitions that are ours and of which it is not known yet where to begin; with the offset that was reached
        where the broker said that it is not there any more."""
        self._topic_ids: dict[PartitionPlace, str] = {}
        """Under which each was begun. With one a topic, what was done of the topic that is gone would be committed as
        done of the new one."""
        self._ends: dict[PartitionPlace, int] = {}
        self._in_flight: dict[PartitionPlace, list[tuple[int, Mark | None]]] = {}
        """Commits of this assignment that are not answered. One of an earlier assignment may have been for another
        topic, or be followed by somebody else's: its answer says nothing about what is committed now."""
        self._asked_at = _LONG_AGO
        self._rare = RareLogger(log, clock.monotonic)
        self.careful = (
            None
            if turn is None
            else CarefulReading(state, most_in_hand, turn, self._commit_marks, clock.monotonic)
        )
        self._is_ending = False

    def __contains__(self, place: PartitionPlace) -> bool:
        return place in self._assigned

    def __iter__(self) -> Iterator[PartitionPlace]:
        return iter(self._assigned)

    @property
    def is_complete(self) -> bool:
        """Whether of each partition it is known where to begin."""
        return not self._undecided

    def given(self, partitions: Iterable[TopicPartition]) -> None:
        """The group gives us partitions."""
        places = {PartitionPlace(each.topic, each.partition) for each in partitions}
        new = places - self._assigned - self._undecided.keys()
        self._undecided |= dict.fromkeys(new)
        self._lookup.forget(new)  # an answer to what was asked when they were ours before
        self._consumer.incremental_assign([])  # each is begun when it is known where
        self._ask()

    def revoked(self, partitions: Iterable[TopicPartition]) -> None:
        """The group takes partitions away, and waits until we have let go of them."""
        places = {PartitionPlace(each.topic, each.partition) for each in partitions}
        self._state.leave(places)
        deadline = self._clock.monotonic() + REVOKE_S
        while self._state.has_begun(places) and self._clock.monotonic() < deadline:
            self._wait(_WAIT_S)
        self._commit_last(places & self._assigned, wait=True)
        self._give_away(places)

    def lost(self, partitions: Sequence[TopicPartition]) -> None:
        """The group has given our partitions to somebody else already."""
        log.warning("partitions.lost", partitions=len(partitions))
        self._give_away({PartitionPlace(each.topic, each.partition) for each in partitions})

    def note_topic_id(self, topic: str, topic_id: str) -> None:
        """The broker's id of a topic now: what was begun under another one begins anew."""
        self._lookup.forget([place for place in self._undecided if place.topic == topic])
        anew = [
            place
            for place in sorted(self._assigned)
            if place.topic == topic and is_another(self._topic_ids.get(place, ""), topic_id)
        ]
        if anew:
            log.error("topic.made_anew", topic=topic, partitions=len(anew))
            self._begin_anew(dict.fromkeys(anew))

    def begin_anew(self, place: PartitionPlace, *, is_cut: bool) -> None:
        """What was to be read next of a partition is not there; `is_cut`: what was read last is not there either."""
        if place in self._assigned:
            position = self._state.position(place)
            if not is_cut:  # what was fetched is not missing, and neither is what is done
                self._finish_fetched(place)
                self._commit({place}, wait=True)
            self._begin_anew({place: position[1] if is_cut and position else None})

    def leave_out(self, found: TooLarge) -> None:
        """Read on behind batches that unpack to more than we take; what was fetched before them is done first.

        It is told like whatever nobody will have read, and nothing is committed before that.
        """
        place, position = found.place, self._state.position(found.place)
        if place not in self._assigned or position is None or position[0] != found.epoch:
            return  # somebody else's, or begun anew since it was found
        self._finish_fetched(place)
        self._commit({place}, wait=True)
        committed = self._state.committed(place)
        first = max(found.offset, position[1])
        where = TopicPartition(place.topic, place.partition, found.end)
        self._consumer.incremental_unassign([where])
        self._state.begin(place, found.end, committed, is_held=True)
        self._consumer.incremental_assign([where])
        self._consumer.resume([where])
        topic_id, records = self._topic_ids.get(place, ""), found.end - first
        self._tell_loss(UnreadRecords(place, LossKind.UNREADABLE, topic_id, first, found.end, records, None))

    def _finish_fetched(self, place: PartitionPlace) -> None:
        """Wait until what is fetched of a partition is done: it would be dropped, and told as missing."""
        deadline = self._clock.monotonic() + REVOKE_S
        while self._go_on and self._state.has_unfinished(place) and self._clock.monotonic() < deadline:
            self._go_on(_WAIT_S)

    def is_at_end(self, place: PartitionPlace, next_offset: int) -> bool:
        """Whether a partition can end where it is fetched next: not before the end that it had when it was begun."""
        return place in self._assigned and next_offset >= self._ends.get(place, 0)

    def decide(self) -> bool:
        """Begin the partitions of which it is known by now where; whether there were any.

        Raises:
            AccessDenied: The broker refuses to say where.
        """
        if not self._undecided:
            return False
        if self._clock.monotonic() - self._asked_at >= ASK_AGAIN_S:
            self._ask()
        bounds = self._lookup.answers(list(self._undecided))
        commits = self._committed(bounds) if bounds else {}
        begun = [self._begin(place, bounds[place], commit) for place, commit in commits.items()]
        if begun:
            self._consumer.incremental_assign(begun)
            self._consumer.resume(begun)  # a pause of an earlier assignment would go on
        return bool(begun)

    def admit(self, batches: list[Batch]) -> list[Batch]:
        """Of what is fetched: what may be handed over at once. The rest comes from `careful`."""
        return batches if self.careful is None else self.careful.admit(batches)

    def commit(self, *, wait: bool = False) -> None:
        """Commit what is done; what is read carefully is committed as its chunks are begun."""
        careful = self.careful
        if self._is_ending:
            self._commit_last(self._assigned, wait=wait)
        else:
            self._commit(
                {place for place in self._assigned if careful is None or place not in careful}, wait=wait
            )

    def commit_last(self, *, wait: bool) -> None:
        """Commit what is done, and that whoever is at work here has not died, whatever happens from now on."""
        self._is_ending = True
        self._commit_last(self._assigned, wait=wait)

    @property
    def is_all_answered(self) -> bool:
        """Whether the broker has answered every commit."""
        return not any(self._in_flight.get(place) for place in self._assigned)

    def on_commit(self, error: KafkaError | None, partitions: Sequence[TopicPartition]) -> None:
        """The broker has answered a commit."""
        if error is not None:
            self._rare.warning("commit.failed", cause=error.str())
            return
        for each in partitions:
            if each.error is not None:
                self._rare.warning("commit.failed", topic=each.topic, cause=each.error.str())
            else:
                self._note_committed(PartitionPlace(each.topic, each.partition), each)

    def _note_committed(self, place: PartitionPlace, answer: TopicPartition) -> None:
        in_flight, commit = self._in_flight.get(place, []), read_commit(answer.offset, answer.metadata)
        if (made := (commit.offset, commit.mark)) in in_flight:
            in_flight.remove(made)
            self._state.committed_now(place, commit)
            if self.careful is not None:
                self.careful.note_committed(place, commit.mark)

    def _ask(self) -> None:
        self._asked_at = self._clock.monotonic()
        self._lookup.ask(self._undecided)

    def _give_away(self, places: set[PartitionPlace]) -> None:
        self._state.end(places)
        if self.careful is not None:
            self.careful.end(places)
        for place in places:
            self._undecided.pop(place, None)
        self._consumer.incremental_unassign([TopicPartition(*place) for place in places & self._assigned])
        self._assigned -= places

    def _begin_anew(self, places: Mapping[PartitionPlace, int | None]) -> None:
        """Read these partitions from wherever they have to be read; what was fetched of them is dropped."""
        self._state.end(places)
        if self.careful is not None:
            self.careful.end(places)
        self._consumer.incremental_unassign([TopicPartition(*place) for place in places])
        self._assigned -= places.keys()
        self._undecided |= places
        self._asked_at = _LONG_AGO

    def _begin(self, place: PartitionPlace, bounds: Bounds, commit: Commit | None) -> TopicPartition:
        reached = self._undecided.pop(place)
        start = (
            find_start(place, bounds, commit, self._state.remembered(place))
            if reached is None
            else after_truncation(place, bounds, reached)
        )
        self._topic_ids[place], self._ends[place] = bounds.topic_id, bounds.high or 0
        self._in_flight[place] = []
        self._assigned.add(place)
        is_kept = commit is not None and commit.is_ours and not is_another(commit.topic_id, bounds.topic_id)
        self._state.begin(
            place,
            start.offset,
            commit.offset if commit is not None and is_kept else None,
            is_held=start.loss is not None,
            comes_down=start.loss is not None and start.loss.kind is LossKind.SHORTER,
            done_before=(start.is_as_committed and commit is not None and commit.done_at) or EpochMs(0),
        )
        if self.careful is not None:
            mark = commit.mark if commit is not None and start.is_as_committed else None
            ours = self._state.remembered(place)
            if mark is not None and ours is not None and (ours.offset, ours.mark) == (start.offset, mark):
                mark = mark._replace(is_under_way=False)  # of this process, which is alive
            self.careful.begin(place, start.offset, bounds.high, mark)
        if start.loss is not None:
            self._tell_loss(start.loss)
        return _at(place, start, commit)

    def _committed(self, places: Iterable[PartitionPlace]) -> dict[PartitionPlace, Commit | None]:
        """What is committed of those for which the coordinator answers; the others are asked about again."""
        asked = [TopicPartition(*place) for place in places]
        try:
            patience_s = SHORT_ASK_S if self._assigned else ASK_AGAIN_S
            found = self._consumer.committed(asked, timeout=patience_s)
        except KafkaException as error:
            self._note_unknown(error.args[0])
            return {}
        for each in found:
            if each.error is not None:
                self._note_unknown(each.error)
        return {
            PartitionPlace(each.topic, each.partition): (
                None if each.offset < 0 else read_commit(each.offset, _metadata(each), each.leader_epoch)
            )
            for each in found
            if each.error is None
        }

    def _note_unknown(self, error: KafkaError) -> None:
        if is_refusal(error):
            raise explain(self._config, error)
        self._rare.warning("offsets.unknown", cause=error.str())

    def _commit(self, places: Iterable[PartitionPlace], *, wait: bool) -> None:
        due = self._state.due(places, self._commit_limit)
        careful = self.careful
        marks = {place: None if careful is None else careful.mark_of(place) for place in due}
        self._send_commit(due, marks, wait=wait)

    def _commit_marks(self, marks: Mapping[PartitionPlace, Mark]) -> Collection[PartitionPlace]:
        """Commit with these marks, whether anything is done since the last commit or not."""
        found = {place: self._state.committable(place, self._commit_limit) for place in marks}
        due = {place: each for place, each in found.items() if each is not None and place in self._assigned}
        self._send_commit(due, {place: marks[place] for place in due}, wait=False)
        return due.keys()

    def _commit_last(self, places: Iterable[PartitionPlace], *, wait: bool) -> None:
        """Commit what is done without a mark, or with one that says that nobody has died of what is in hand."""
        due = self._state.due(places, self._commit_limit)
        careful = self.careful
        marks = (
            dict.fromkeys(due, None)
            if careful is None
            else {each: careful.last_mark_of(each) for each in places}
        )
        for place, mark in marks.items():
            if place in due or careful is None or careful.is_told(place, mark):
                continue
            if (now := self._state.committable(place, self._commit_limit)) is not None:
                due[place] = now
        self._send_commit(due, marks, wait=wait)

    def _send_commit(
        self,
        due: Mapping[PartitionPlace, tuple[int, EpochMs]],
        marks: Mapping[PartitionPlace, Mark | None],
        *,
        wait: bool,
    ) -> None:
        if not due:
            return
        offsets = [
            TopicPartition(*place, offset, write_metadata(self._topic_ids[place], done_at, marks[place]))
            for place, (offset, done_at) in due.items()
        ]
        for place, (offset, _) in due.items():
            self._in_flight[place].append((offset, marks[place]))
        try:
            if wait:
                self.on_commit(None, self._consumer.commit(offsets=offsets, asynchronous=False))
            else:
                self._consumer.commit(offsets=offsets)
        except KafkaException as error:  # it is read again from the commit before
            self._rare.warning("commit.failed", cause=error.args[0].str())


def _at(place: PartitionPlace, start: StartPoint, commit: Commit | None) -> TopicPartition:
    """Where to read from; with the leader epoch of a commit, the broker says when what was read last is gone."""
    epoch = commit.leader_epoch if commit is not None and start.is_as_committed else None
    if epoch is None:
        return TopicPartition(place.topic, place.partition, start.offset)
    return TopicPartition(place.topic, place.partition, start.offset, leader_epoch=epoch)


def _metadata(partition: TopicPartition) -> str | None:
    """The metadata of a commit; None where it is no text.

    librdkafka hands it over without its end, so that what lies behind it in memory follows. Ours ends with a zero
    byte, which confluent-kafka adds; what others write may be followed by anything.
    """
    try:
        return partition.metadata
    except UnicodeDecodeError:
        return None
