"""A member of a consumer group, in a thread of its own: the only place where a worker consumes its topics.

    assigned ──► where to begin? (streams/kafka/partition_start.py) ──► poll ──► batches ──► the inboxes of the agents
    done by an agent ──► committed once an interval; and at once when a partition is revoked, or at the end
    revoked ──► nothing more is begun, what is begun is waited for, committed, given away
    lost ─────► dropped: somebody else has it already

A librdkafka consumer belongs to one thread, which is this one; everybody else asks `GroupState`. Nothing is waited for
here but the broker's answer to a poll, because a pause here is a pause of every partition.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.errors import AccessDenied, WorkerStalled
from schemas.units import EpochMs
from streams.clock import SYSTEM_CLOCK, Clock, pause
from streams.kafka.batch import Batch, Place
from streams.kafka.bounds_lookup import BoundsLookup
from streams.kafka.broker_answers import Statistics, read_statistics
from streams.kafka.config import KafkaConfig
from streams.kafka.errors import explain, is_refusal
from streams.kafka.group_settings import (
    EMPTY_BATCH_CODES,
    GROUP_REFUSALS,
    GROUP_REFUSED_S,
    READ_AGAIN,
    group_settings,
)
from streams.kafka.group_state import CommitLimit, GroupState
from streams.kafka.partition_start import (
    Bounds,
    Commit,
    Loss,
    Start,
    after_truncation,
    find_start,
    read_commit,
    write_metadata,
)
from streams.kafka.rare_log import RareLog
from streams.kafka.record import LogRecord

log = structlog.get_logger(__name__)

POLL_S: Final = 0.1
"""The longest wait for a record: how soon a request of another thread is seen."""

SERVE_S: Final = 0.05
"""How often it is looked at what is not a record: requests, starts, pauses, commits."""

MOST: Final = 1_000
"""Records that are taken at once: about a millisecond of work."""

ASK_AGAIN_S: Final = 0.5
REVOKE_S: Final = 5.0
"""How long a revocation waits for what is begun: a delivery takes milliseconds, and whoever gets the partition next
waits too. What is not done by then is done again by them."""


class ConsumerLimits(NamedTuple):
    """How much a consumer takes at once.

    Attributes:
        batch_records: The most records in one batch.
        most_in_hand: Records of a topic that are handed over and not done; more stay on the broker.
        fetch_bytes: The most bytes that a fetch brings for a partition.
        commit_interval_s: How often progress is committed.
    """

    batch_records: int
    most_in_hand: int
    fetch_bytes: int
    commit_interval_s: float


class GroupConsumer:
    """One member of the group.

    Args:
        config: The broker.
        group: The consumer group.
        client_id: By which the others of the group know a worker of ours.
        topics: What it reads.
        limits: How much at once.
        state: Gets everything that is known of the partitions.
        lookup: Where partitions begin and end.
        hand_over: Takes batches; called in the consuming thread.
        tell_loss: Takes what nobody will have read; its partition is not committed before it is told.
        fail: Ends the process; called in the consuming thread.
        commit_limit: Up to where commits may go.
        make_consumer: Makes the librdkafka consumer.
        clock: Ours.
    """

    def __init__(
        self,
        config: KafkaConfig,
        group: str,
        client_id: str,
        topics: Sequence[str],
        limits: ConsumerLimits,
        state: GroupState,
        lookup: BoundsLookup,
        *,
        hand_over: Callable[[Sequence[Batch]], None],
        tell_loss: Callable[[Loss], None],
        fail: Callable[[BaseException], None],
        commit_limit: CommitLimit,
        make_consumer: Callable[[dict[str, Any]], Consumer] = Consumer,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._config, self._topics, self._limits = config, tuple(topics), limits
        self._state, self._lookup, self._clock = state, lookup, clock
        self._hand_over, self._tell_loss, self._fail = hand_over, tell_loss, fail
        self._commit_limit = commit_limit
        self._assigned: set[Place] = set()
        self._undecided: dict[Place, int | None] = {}
        """Partitions that are ours and of which it is not known yet where to begin; with the offset that was reached
        where the broker said that it is not there any more."""
        self._topic_ids: dict[str, str] = {}
        self._paused: set[str] = set()
        self._statistics: Statistics | None = None
        self._refused: tuple[float, KafkaError] | None = None
        self._served_at = self._asked_at = self._committed_at = 0.0
        self._rare = RareLog(log, clock.monotonic)
        self._lock = threading.Lock()
        self._restarts: set[str] = set()
        self._stopping, self._stopped = threading.Event(), threading.Event()
        self.alive_at = clock.monotonic()
        """When the thread went round last, by the clock for intervals."""
        self.refusal: KafkaError | None = None
        """Why the broker lets us in no more, as far as is known; None once it answers."""
        self._consumer = make_consumer(
            group_settings(config, group, client_id, limits.fetch_bytes)
            | {"error_cb": self._on_error, "stats_cb": self._on_statistics, "on_commit": self._on_commit}
        )
        self._thread = threading.Thread(target=self._run, name=f"consume {topics[0]}", daemon=True)

    # Called by other threads.

    def start(self) -> None:
        """Join the group."""
        self._thread.start()

    def restart(self, topic: str) -> None:
        """The topic is another one than a moment ago: its partitions begin anew."""
        with self._lock:
            self._restarts.add(topic)

    def stop(self, timeout_s: float) -> bool:
        """Commit what is done and leave the group; False where that was not done in time."""
        self._stopping.set()
        return self._stopped.wait(timeout_s)

    # The consuming thread.

    def _run(self) -> None:
        try:
            self._consumer.subscribe(
                list(self._topics),
                on_assign=self._on_assign,
                on_revoke=self._on_revoke,
                on_lost=self._on_lost,
            )
            while not self._stopping.is_set():
                self._once()
            self._commit(self._assigned, wait=True)
            self._consumer.close()
        except BaseException as error:  # noqa: BLE001 - a thread that has ended would look like an idle topic
            self._fail(error)
        finally:
            self._stopped.set()

    def _once(self) -> None:
        """One round: what is due, then what has come."""
        now = self._clock.monotonic()
        self.alive_at = now
        if now - self._served_at >= SERVE_S:
            self._served_at = now
            self._serve(now)
        first = self._consumer.poll(SERVE_S if self._undecided or self._paused else POLL_S)
        if first is None:
            self._note_answers()
            return
        # A time-out would be waited out in full here. Without one: what the fetcher has, and no more.
        self._take([first, *self._consumer.consume(MOST - 1, 0)])

    def _serve(self, now: float) -> None:
        with self._lock:
            restarts, self._restarts = self._restarts, set()
        if restarts:
            self._begin_anew({place: None for place in self._assigned if place.topic in restarts})
        if self._undecided:
            self._decide(now)
        self._balance()
        if now - self._committed_at >= self._limits.commit_interval_s:
            self._committed_at = now
            self._commit(self._assigned)
        if self._refused is not None and now - self._refused[0] > GROUP_REFUSED_S:
            raise _refusal(self._refused[1])

    def _take(self, messages: Sequence[Message]) -> None:
        """Hand over what has come, as batches of one partition each."""
        found: dict[Place, list[LogRecord]] = {}
        for message in messages:
            error = message.error()
            if error is not None:
                self._judge(message, error)
                continue
            record = _record(message)
            place = Place(record.topic, record.partition)
            if place in found:
                found[place].append(record)
            else:
                found[place] = [record]
        batches: list[Batch] = []
        for place, records in found.items():
            at = self._state.position(place)
            if at is None:  # it begins anew: what was fetched before is read again
                continue
            epoch, start = at
            for cut in range(0, len(records), self._limits.batch_records):
                batch = Batch(records[cut : cut + self._limits.batch_records], start, epoch)
                self._state.fetched(batch)
                batches.append(batch)
                start = batch.end
        if batches:
            self._hand_over(batches)
            self._balance()

    def _judge(self, message: Message, error: KafkaError) -> None:
        """Decide what an error means that came in the place of a record."""
        code = error.code()
        place = Place(message.topic() or "", message.partition() or 0)
        if code == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's public name for it
            self._state.answered(place, self._clock.now_ms(), at_end=True, has_leader=True)
        elif code in READ_AGAIN:
            if place in self._assigned:
                position = self._state.position(place)
                is_cut = code == KafkaError._LOG_TRUNCATION  # noqa: SLF001 - as above
                self._begin_anew({place: position[1] if is_cut and position else None})
        elif error.fatal():
            raise WorkerStalled(f"the consumer cannot go on: {error.str()} ({error.name()})")
        elif is_refusal(error):
            raise explain(self._config, error)
        elif code in GROUP_REFUSALS:
            if self._refused is None:
                self._refused = self._clock.monotonic(), error
            self._show_joined(is_steady=False)
            self._rare.warning("group.refused", cause=error.str(), code=error.name())
        elif code in EMPTY_BATCH_CODES:
            self._rare.error(
                "fetch.unreadable", topic=place.topic, partition=place.partition, code=error.name()
            )
        else:
            self._rare.warning("consumer.interrupted", cause=error.str(), code=error.name())

    # Assignment.

    def _on_assign(self, _consumer: Consumer, given: list[TopicPartition]) -> None:
        self._refused = None
        self._undecided |= {Place(each.topic, each.partition): None for each in given}
        self._consumer.incremental_assign([])  # each is begun when it is known where
        self._asked_at = 0.0
        self._decide(self._clock.monotonic())
        self._show_joined(is_steady=True)

    def _on_revoke(self, _consumer: Consumer, taken: list[TopicPartition]) -> None:
        places = {Place(each.topic, each.partition) for each in taken}
        self._state.leave(places)
        deadline = self._clock.monotonic() + REVOKE_S
        while self._state.has_begun(places) and self._clock.monotonic() < deadline:
            pause(0.002)
        self._commit(places & self._assigned, wait=True)
        self._give_away(places)

    def _on_lost(self, _consumer: Consumer, taken: list[TopicPartition]) -> None:
        log.warning("partitions.lost", partitions=len(taken))
        self._give_away({Place(each.topic, each.partition) for each in taken})

    def _give_away(self, places: set[Place]) -> None:
        self._state.end(places)
        for place in places:
            self._undecided.pop(place, None)
        self._consumer.incremental_unassign([TopicPartition(*place) for place in places & self._assigned])
        self._assigned -= places

    def _begin_anew(self, places: Mapping[Place, int | None]) -> None:
        """Read these partitions from wherever they have to be read; what was fetched of them is dropped."""
        self._state.end(places)
        self._consumer.incremental_unassign([TopicPartition(*place) for place in places])
        self._assigned -= places.keys()
        self._undecided |= places
        self._asked_at = 0.0
        self._show_joined(is_steady=True)

    def _decide(self, now: float) -> None:
        """Begin the partitions of which it is known by now where."""
        if now - self._asked_at >= ASK_AGAIN_S:
            self._asked_at = now
            self._lookup.ask(self._undecided)
        bounds = self._lookup.answers(list(self._undecided))
        if not bounds:
            return
        commits = self._committed(bounds)
        if commits is None:
            return
        begun = []
        for place, there in bounds.items():
            commit = commits.get(place)
            start = self._start(place, there, commit)
            begun.append(self._begin(place, there, commit, start))
        self._consumer.incremental_assign(begun)
        self._show_joined(is_steady=True)

    def _show_joined(self, *, is_steady: bool) -> None:
        """Whether we have our share of the group and read all of it."""
        joined = is_steady and self._refused is None
        self._state.set_joined(self._topics, joined=joined, complete=not self._undecided)

    def _start(self, place: Place, bounds: Bounds, commit: Commit | None) -> Start:
        reached = self._undecided[place]
        if reached is not None:
            return after_truncation(place, bounds, reached)
        return find_start(place, bounds, commit, self._state.remembered(place))

    def _begin(self, place: Place, bounds: Bounds, commit: Commit | None, start: Start) -> TopicPartition:
        self._topic_ids[place.topic] = bounds.topic_id
        self._undecided.pop(place)
        self._assigned.add(place)
        self._state.begin(
            place, start.offset, None if commit is None else commit.offset, is_held=start.loss is not None
        )
        if start.loss is not None:
            self._tell_loss(start.loss)
        epoch = commit.leader_epoch if commit is not None and start.is_as_committed else None
        if epoch is None:
            return TopicPartition(place.topic, place.partition, start.offset)
        return TopicPartition(place.topic, place.partition, start.offset, None, epoch)

    def _committed(self, places: Iterable[Place]) -> dict[Place, Commit | None] | None:
        """What is committed; None where the coordinator does not answer: it is asked again."""
        try:
            found = self._consumer.committed(
                [TopicPartition(*place) for place in places], timeout=ASK_AGAIN_S
            )
        except KafkaException as error:
            self._rare.warning("offsets.unknown", cause=error.args[0].str())
            return None
        if refused := next((each.error for each in found if each.error is not None), None):
            if is_refusal(refused):
                raise explain(self._config, refused)
            return None
        return {
            Place(each.topic, each.partition): (
                None if each.offset < 0 else read_commit(each.offset, each.metadata, each.leader_epoch)
            )
            for each in found
        }

    # Commits and pauses.

    def _commit(self, places: Iterable[Place], *, wait: bool = False) -> None:
        due = self._state.due(places, self._commit_limit)
        if not due:
            return
        offsets = [
            TopicPartition(*place, offset, write_metadata(self._topic_ids.get(place.topic, ""), done_at))
            for place, (offset, done_at) in due.items()
        ]
        try:
            if wait:
                self._consumer.commit(offsets=offsets, asynchronous=False)
            else:
                self._consumer.commit(offsets=offsets)
        except KafkaException as error:  # it is read again from the commit before
            self._rare.warning("commit.failed", cause=error.args[0].str())

    def _on_commit(self, error: KafkaError | None, partitions: Sequence[TopicPartition]) -> None:
        if error is not None:
            self._rare.warning("commit.failed", cause=error.str())
            return
        for each in partitions:
            if each.error is not None:
                self._rare.warning("commit.failed", topic=each.topic, cause=each.error.str())
            else:
                commit = read_commit(each.offset, each.metadata)
                self._state.committed_now(Place(each.topic, each.partition), commit)

    def _balance(self) -> None:
        """Fetch no more of a topic that has enough in hand, until half of it is done."""
        for topic, count in self._state.in_hand(self._topics).items():
            most = self._limits.most_in_hand
            if topic in self._paused:
                if count <= most // 2:
                    self._consumer.resume(self._places_of(topic))
                    self._paused.discard(topic)
            elif count >= most:
                self._consumer.pause(self._places_of(topic))
                self._paused.add(topic)

    def _places_of(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(*place) for place in self._assigned if place.topic == topic]

    # What librdkafka tells.

    def _on_statistics(self, text: str) -> None:
        self._statistics = read_statistics(text, self._clock.now_ms())
        self._show_joined(is_steady=self._statistics.is_steady)
        self._state.heard(self._topics, self._statistics.heard_at)
        for answer in self._statistics.answers:
            is_paused = answer.place.topic in self._paused
            self._state.answered(
                answer.place,
                self._clock.now_ms() if is_paused else answer.at,
                at_end=None,
                has_leader=answer.has_leader,
            )

    def _note_answers(self) -> None:
        """Nothing is queued: whatever the broker had at the last report is handed over."""
        statistics, self._statistics = self._statistics, None
        if statistics is None or not self._config.capabilities.exact_high_watermark:
            return
        for answer in statistics.answers:
            if answer.is_fetched_out and answer.place.topic not in self._paused:
                self.refusal = None
                self._state.answered(answer.place, answer.at, at_end=True, has_leader=answer.has_leader)

    def _on_error(self, error: KafkaError) -> None:
        if is_refusal(error):
            self.refusal = error
        self._rare.warning("broker.away", cause=error.str(), code=error.name())


def _refusal(error: KafkaError) -> AccessDenied:
    return AccessDenied(f"the group refuses us: {GROUP_REFUSALS[error.code()]}{error.str()} ({error.name()})")


def _record(message: Message) -> LogRecord:
    headers = message.headers()
    return LogRecord(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        EpochMs(max(message.timestamp()[1], 0)),
        message.key(),
        message.value(),
        tuple(headers) if headers else (),  # type: ignore[arg-type]  # the stub allows what is only sent
    )
