"""A member of a consumer group, in a thread of its own: the only place where a worker consumes its topics.

    assigned ──► where to begin? ──► poll ──► batches ──► the agents
    done by an agent ──► committed once an interval; and at once when a partition is revoked, or at the end

A librdkafka consumer belongs to one thread, which is this one; everybody else asks `GroupState`. Agents whose work is
light decide here, between two polls (`BetweenPolls`). Nothing is waited for but the broker's answers, and for some
milliseconds what comes next (streams/worker/hot_loop.py): a pause here is a pause of every partition. What becomes of
each partition is in streams/kafka/member_partitions.py.
"""

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol

import structlog
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from schemas.errors import AccessDenied, WorkerStalled
from schemas.units import EpochMs
from streams.clock import SYSTEM_CLOCK, Clock, pause
from streams.kafka.batch import Batch, PartitionPlace
from streams.kafka.batch_end import TOO_LARGE, BatchEnds
from streams.kafka.bounds_lookup import BoundsLookup
from streams.kafka.broker_answers import Statistics, read_statistics
from streams.kafka.careful_reading import Turn
from streams.kafka.config import KafkaConfig
from streams.kafka.errors import explain, is_of_surroundings, is_refusal
from streams.kafka.fetch_limits import UNPACKED_SETTING
from streams.kafka.fetched_batches import FetchedBatches
from streams.kafka.group_settings import (
    EMPTY_BATCH_CODES,
    GROUP_REFUSALS,
    GROUP_REFUSED_S,
    READ_AGAIN,
    group_settings,
)
from streams.kafka.group_state import CommitLimit, GroupState
from streams.kafka.member_partitions import MemberPartitions
from streams.kafka.partition_start import UnreadRecords
from streams.kafka.rare_log import RareLogger

log = structlog.get_logger(__name__)

POLL_S: Final = 0.1
"""The longest wait for a record: how soon a request of another thread is seen."""

SEARCH_S: Final = 0.002
"""How soon it is seen where a batch ends that cannot be unpacked; to find it takes 2 to 5 ms."""

SERVE_S: Final = 0.05
"""How often it is looked at what is not a record: requests, starts, pauses, commits."""

MOST: Final = 1_000
"""Records that are taken at once: about a millisecond of work."""

BALANCE_PARTS: Final = 4
"""A quarter of what may be in hand is handed over at most before it is looked at; that costs as much as a record."""

CAREFUL_S: Final = 0.001
"""The same while a partition is read carefully: each chunk waits for the answer to a commit, and for the agent."""

EXCUSE_S: Final = 1.0
"""How long a process that ends for want of a broker waits for the commit that says so."""

FINISH_S: Final = 1.0
"""How long the end waits for what is not of a batch."""

_LONG_AGO: Final = float("-inf")
_EOF: Final = KafkaError._PARTITION_EOF  # noqa: SLF001 - librdkafka's public names begin so
_TRUNCATION: Final = KafkaError._LOG_TRUNCATION  # noqa: SLF001 - as above


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


class BetweenPolls(Protocol):
    """What runs in the consuming thread between two polls (streams/worker/hot_loop.py)."""

    @property
    def has_under_way(self) -> bool:
        """Whether anything is decided about and not done."""

    def step(self, wait_s: float, /) -> float:
        """Do what is due; how long the next poll may wait, at most as long as given."""

    def serve(self, wait_s: float = 0.0, /) -> None:
        """Take the answers to what is under way, and begin nothing."""


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
        between: What runs between two polls.
        make_consumer: Makes the librdkafka consumer.
        batch_ends: Where batches end that unpack to too much.
        turn: Shared by the members of a process that counts deaths; None: none are counted.
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
        tell_loss: Callable[[UnreadRecords], None],
        fail: Callable[[BaseException], object],
        commit_limit: CommitLimit,
        between: Sequence[BetweenPolls] = (),
        make_consumer: Callable[[dict[str, Any]], Consumer] = Consumer,
        batch_ends: BatchEnds | None = None,
        turn: Turn | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._config, self._group, self._topics, self._limits = config, group, tuple(topics), limits
        self._state, self._clock = state, clock
        self._hand_over, self._fail, self._between = hand_over, fail, tuple(between)
        self._full: set[str] = set()
        self._unbalanced = 0
        """Records that were handed over since it was looked at how many are in hand."""
        self._paused: set[PartitionPlace] = set()
        self._statistics: Statistics | None = None
        self._refused: tuple[float, KafkaError] | None = None
        self._is_steady = self._is_deciding = False
        self._served_at = self._committed_at = _LONG_AGO
        self._rare = RareLogger(log, clock.monotonic)
        self._lock = threading.Lock()
        self._topic_ids: dict[str, str] = {}
        self._stopping, self._stopped = threading.Event(), threading.Event()
        self._excused, self.is_excused = threading.Event(), threading.Event()
        self.alive_at = clock.monotonic()
        """When the thread went round last, by the clock for intervals."""
        self.refusal: KafkaError | None = None
        """Why the broker lets us in no more, as far as is known; None once everybody answers that we ask."""
        self._refusal_at = EpochMs(0)
        settings = group_settings(config, group, client_id, limits.fetch_bytes, topics)
        self._batch_ends = batch_ends or BatchEnds(config, settings[UNPACKED_SETTING])
        self._consumer = make_consumer(
            settings
            | {"error_cb": self._on_error, "stats_cb": self._on_statistics, "on_commit": self._on_commit}
        )
        self._partitions = MemberPartitions(
            config,
            self._consumer,
            state,
            lookup,
            tell_loss=tell_loss,
            commit_limit=commit_limit,
            wait=self._wait if self._between else pause,
            go_on=self._go_on if self._between else None,
            most_in_hand=limits.most_in_hand,
            turn=turn,
            clock=clock,
        )
        self._thread = threading.Thread(target=self._run, name=f"consume {topics[0]}", daemon=True)

    # Called by other threads.

    def start(self) -> None:
        """Join the group."""
        self._thread.start()

    def note_topic_id(self, topic: str, topic_id: str) -> None:
        """The broker's id of a topic now: partitions that were begun under another one begin anew."""
        with self._lock:
            self._topic_ids[topic] = topic_id

    def excuse(self) -> None:
        """The process is about to end, and not of a record: no commit from now on says that it has died of one."""
        self._excused.set()

    def stop(self, timeout_s: float) -> bool:
        """Commit what is done and leave the group; False where that was not done in time."""
        self._stopping.set()
        return self._thread.ident is None or self._stopped.wait(timeout_s)

    # The consuming thread.

    def _run(self) -> None:
        try:
            self.subscribe()
            while not self._stopping.is_set():
                self.run_once()
            self._finish()
            self._partitions.commit_last(wait=True)
            self._batch_ends.close()
            self._consumer.close()
        except BaseException as error:  # noqa: BLE001 - a thread that has ended would look like an idle topic
            if is_of_surroundings(error):
                self._end_excused()
            is_nameless = isinstance(error, AccessDenied) and self._group not in str(error)
            is_of_group = is_nameless and not self._is_deciding
            self._fail(AccessDenied(f"group {self._group}: {error}") if is_of_group else error)
        finally:
            self._stopped.set()

    def _end_excused(self) -> None:
        """Say in a last commit that nobody has died of a record; the broker may be away, so that nobody waits long."""
        with contextlib.suppress(Exception):
            self._partitions.commit_last(wait=False)
            deadline = self._clock.monotonic() + EXCUSE_S
            while not self._partitions.is_all_answered and self._clock.monotonic() < deadline:
                self._consumer.poll(SERVE_S)
        self.is_excused.set()

    def subscribe(self) -> None:
        """Ask the group for our share."""
        self._consumer.subscribe(
            list(self._topics),
            on_assign=self._on_assign,
            on_revoke=lambda _consumer, taken: self._partitions.revoked(taken),
            on_lost=lambda _consumer, taken: self._partitions.lost(taken),
        )

    def run_once(self) -> None:
        """One round: what is due, then what has come.

        Raises:
            AccessDenied: The broker or the group refuses us.
            DeliveryFailed: What was decided between two polls was not delivered.
            WorkerStalled: The client cannot go on.
        """
        now = self._clock.monotonic()
        self.alive_at = now
        if now - self._served_at >= SERVE_S:
            self._served_at = now
            self._serve(now)
        for found in self._batch_ends.answers():
            self._paused.discard(found.place)
            self._partitions.leave_out(found)
        is_waited_for = self._full or not self._partitions.is_complete
        wait_s = SERVE_S if is_waited_for else POLL_S
        if self._batch_ends.is_searching:  # presses wait behind it
            wait_s = min(wait_s, SEARCH_S)
        if self._step_carefully():
            wait_s = CAREFUL_S
        self._is_deciding = True
        for each in self._between:
            wait_s = each.step(wait_s)
        self._is_deciding = False
        first = self._consumer.poll(wait_s)
        if first is None:
            self._note_answers()
            return
        # A time-out would be waited out in full here. Without one: what the fetcher has, and no more.
        self._take([first, *self._consumer.consume(min(MOST, self._limits.most_in_hand) - 1, 0)])

    def _step_carefully(self) -> bool:
        """Hand over what may be begun by now of partitions that are read carefully; whether there are any."""
        careful = self._partitions.careful
        if careful is None or not careful.is_active or self._excused.is_set():
            return False
        if batches := careful.step():
            self._hand_over(batches)
        return True

    def _wait(self, wait_s: float) -> None:
        """Wait a moment for what is under way."""
        for each in self._between:
            each.serve(wait_s / len(self._between))

    def _go_on(self, wait_s: float) -> None:
        """Let what is fetched be decided about, and wait a moment for what is under way."""
        self._step_carefully()
        for each in self._between:
            each.step(0.0)
        self._wait(wait_s)

    def _finish(self) -> None:
        """Wait until nothing is under way: batches are done by now, and what is not of a batch takes a moment."""
        deadline = self._clock.monotonic() + FINISH_S
        while any(each.has_under_way for each in self._between) and self._clock.monotonic() < deadline:
            self._wait(SERVE_S)

    def _serve(self, now: float) -> None:
        with self._lock:
            topic_ids, self._topic_ids = self._topic_ids, {}
        for topic, topic_id in topic_ids.items():
            self._partitions.note_topic_id(topic, topic_id)
        if not self._partitions.is_complete:
            self._paused = {place for place in self._paused if place in self._partitions}
            if self._partitions.decide():
                self._statistics = None  # of before: what it says of these is not about what is fetched now
            self._show_joined()
        self._balance()
        if self._excused.is_set() and not self.is_excused.is_set():
            self._partitions.commit_last(wait=False)
            self.is_excused.set()
        if now - self._committed_at >= self._limits.commit_interval_s:
            self._committed_at = now
            self._partitions.commit()
        patience_s = self._config.session_ms / 1000 + GROUP_REFUSED_S
        if self._refused is not None and now - self._refused[0] > patience_s:
            raise _refusal(self._refused[1], self._config)

    def _take(self, messages: Sequence[Message]) -> None:
        """Hand over what has come, as batches of one partition each."""
        fetched = FetchedBatches(self._state, self._limits.batch_records)
        failed: list[tuple[PartitionPlace, int, KafkaError]] = []
        cut_off: set[PartitionPlace] = set()
        for message in messages:
            error = message.error()
            if error is None:
                if not cut_off or _place(message) not in cut_off:  # it is read again
                    fetched.add(message)
            elif error.code() == _EOF:
                fetched.add_end(_place(message))
            else:
                failed.append((_place(message), message.offset() or 0, error))
                if error.code() in READ_AGAIN:
                    cut_off.add(_place(message))
        if batches := self._partitions.admit(fetched.cut()):
            self._hand_over(batches)
            self._unbalanced += len(messages)
            if self._unbalanced >= self._limits.most_in_hand // BALANCE_PARTS:
                self._balance()
        for place, offset, error in failed:  # what came before is handed over by now
            self._judge(place, error)
            self._look_for_end(place, offset, error)
        for place in fetched.ends:
            self._state.answered(place, self._clock.now_ms(), at_end=True, has_leader=True)

    def _judge(self, place: PartitionPlace, error: KafkaError) -> None:
        """Decide what an error means that came in the place of a record."""
        code = error.code()
        if code in READ_AGAIN:
            self._partitions.begin_anew(place, is_cut=code == _TRUNCATION)
        elif error.fatal():
            raise WorkerStalled(f"the consumer cannot go on: {error.str()} ({error.name()})")
        elif is_refusal(error):
            raise explain(self._config, error)
        elif code in GROUP_REFUSALS:
            if self._refused is None:
                self._refused = self._clock.monotonic(), error
            self._is_steady = False
            self._show_joined()
            self._rare.warning("group.refused", cause=error.str(), code=error.name())
        elif code in EMPTY_BATCH_CODES:
            self._rare.error(
                "fetch.unreadable", topic=place.topic, partition=place.partition, code=error.name()
            )
        else:
            self._rare.warning("consumer.interrupted", cause=error.str(), code=error.name())

    def _look_for_end(self, place: PartitionPlace, offset: int, error: KafkaError) -> None:
        """Find where a batch ends that unpacks to too much: the client itself never gets past it."""
        position = self._state.position(place)
        if error.code() == TOO_LARGE and position is not None:
            self._batch_ends.ask(place, position[0], offset)

    def _on_assign(self, _consumer: Consumer, given: list[TopicPartition]) -> None:
        self._refused, self._is_steady = None, True
        self._partitions.given(given)
        self._show_joined()

    def _show_joined(self) -> None:
        """Whether we have our share of the group and read all of it."""
        complete = self._partitions.is_complete
        self._state.set_joined(self._topics, joined=self._is_steady, complete=complete)

    def _balance(self) -> None:
        """Fetch no more of a topic that has enough in hand, until half of it is done."""
        self._unbalanced = 0
        most = self._limits.most_in_hand
        for topic, count in self._state.in_hand(self._topics).items():
            if topic in self._full and count <= most // 2:
                self._full.discard(topic)
            elif count >= most:
                self._full.add(topic)
        if not self._full and not self._paused:
            return
        wanted = {place for place in self._partitions if place.topic in self._full}
        if pausing := wanted - self._paused:
            self._consumer.pause([TopicPartition(*place) for place in pausing])
        if resuming := {place for place in self._paused - wanted if place in self._partitions}:
            self._consumer.resume([TopicPartition(*place) for place in resuming])
        self._paused = wanted

    # What librdkafka tells.

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        self._partitions.on_commit(error, partitions)

    def _on_statistics(self, text: str) -> None:
        self._statistics = statistics = read_statistics(text, self._clock.now_ms())
        self._is_steady = statistics.is_steady
        if statistics.is_steady:  # what was refused was something else, or it was let in since
            self._refused = None
        self._show_joined()
        self._state.heard(self._topics, statistics.heard_at)
        if min([statistics.heard_at, *(answer.at for answer in statistics.answers)]) > self._refusal_at:
            self.refusal = None
        for answer in statistics.answers:
            at = self._clock.now_ms() if answer.place in self._paused else answer.at
            self._state.answered(answer.place, at, at_end=None, has_leader=answer.has_leader)

    def _note_answers(self) -> None:
        """Nothing is queued: whatever the broker had at the last report is handed over."""
        statistics, self._statistics = self._statistics, None
        if statistics is None or not self._config.capabilities.exact_high_watermark:
            return
        for answer in statistics.answers:
            is_at_end = self._partitions.is_at_end(answer.place, answer.next_offset)
            if answer.is_fetched_out and is_at_end and answer.place not in self._paused:
                self._state.answered(answer.place, answer.at, at_end=True, has_leader=answer.has_leader)

    def _on_error(self, error: KafkaError) -> None:
        if is_refusal(error):
            self.refusal, self._refusal_at = error, self._clock.now_ms()
        self._rare.warning("broker.away", cause=error.str(), code=error.name())


def _refusal(error: KafkaError, config: KafkaConfig) -> AccessDenied:
    why = GROUP_REFUSALS[error.code()].format(session_ms=config.session_ms)
    return AccessDenied(f"the group refuses us: {why}{error.str()} ({error.name()})")


def _place(message: Message) -> PartitionPlace:
    return PartitionPlace(message.topic() or "", message.partition() or 0)
