"""A broker and a librdkafka consumer of it, in memory: the calls written down, and refused where the real one refuses.

    test ──give, take, lose, report, raise_error──► events ──poll──► callbacks of the member
         ──append, truncate, make_anew, retain───► logs ───poll──► records, of what is assigned and not paused
         ──answer_commits────────────────────────► events ──poll──► on_commit

What it refuses, and what it answers, is what librdkafka 2.16 did on Apache Kafka 4.1.1: a partition is assigned once,
only what is assigned can be unassigned, a synchronous commit calls no `on_commit`, and a pause goes on when a
partition is unassigned and assigned again. To pause what is not assigned is refused here and not there, where it would
stay paused once it is assigned.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from schemas.units import EpochMs
from streams.kafka.batch import PartitionPlace
from streams.kafka.partition_start import Bounds
from tests.support.log_records import ms

NOTHING_COMMITTED: Final = -1001  # RD_KAFKA_OFFSET_INVALID


def failure(code: int, reason: str = "", *, fatal: bool = False) -> KafkaError:
    return KafkaError(code, reason or "as the test wants it", fatal)


class FakeMessage(NamedTuple):
    """A record or an error, asked as confluent-kafka's messages are."""

    in_topic: str | None = "topic"
    in_partition: int | None = 0
    at_offset: int | None = 0
    content: bytes | None = b"value"
    by_key: bytes | None = b"key"
    time: tuple[int, int] = (1, ms(0))
    with_headers: list[tuple[str, bytes | None]] | None = None
    failed: KafkaError | None = None

    def error(self) -> KafkaError | None:
        return self.failed

    def topic(self) -> str | None:
        return self.in_topic

    def partition(self) -> int | None:
        return self.in_partition

    def offset(self) -> int | None:
        return self.at_offset

    def value(self) -> bytes | None:
        return self.content

    def key(self) -> bytes | None:
        return self.by_key

    def timestamp(self) -> tuple[int, int]:
        return self.time

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        return self.with_headers


class Answered(NamedTuple):
    """A partition in an answer of the client. A TopicPartition's error cannot be set from Python."""

    topic: str
    partition: int
    offset: int
    metadata: str | None = None
    leader_epoch: int | None = None
    error: KafkaError | None = None


@dataclass
class FakeLog:
    """One partition on the broker."""

    low: int = 0
    messages: list[FakeMessage] = field(default_factory=list)
    high: int = 0

    def append(self, place: PartitionPlace, count: int, at: EpochMs) -> None:
        self.messages += [
            FakeMessage(*place, offset, b"%d" % offset, time=(1, at))
            for offset in range(self.high, self.high + count)
        ]
        self.high += count

    def first_from(self, offset: int) -> FakeMessage | None:
        return next((each for each in self.messages if (each.at_offset or 0) >= offset), None)


class FakeBroker:
    """The partitions of some topics, and what a group has committed of them."""

    def __init__(self, *places: PartitionPlace) -> None:
        self.logs: dict[PartitionPlace, FakeLog] = {}
        self.topic_ids: dict[str, str] = {}
        self.commits: dict[PartitionPlace, tuple[int, str | None]] = {}
        self.leader_epochs: dict[PartitionPlace, int] = {}
        for place in places:
            self.add(place)

    def add(self, place: PartitionPlace) -> None:
        self.logs[place] = FakeLog()
        self.topic_ids.setdefault(place.topic, f"{place.topic}-1")

    def append(self, place: PartitionPlace, count: int, *, at_s: float = 0) -> None:
        self.logs[place].append(place, count, ms(at_s))

    def append_unseen(self, place: PartitionPlace, count: int) -> None:
        """Records that are there and do not come, as on a connection that is slow."""
        self.append(place, count)
        self.logs[place].messages.clear()

    def retain_from(self, place: PartitionPlace, low: int) -> None:
        """Retention takes what lies before."""
        log = self.logs[place]
        log.low = low
        log.messages = [each for each in log.messages if (each.at_offset or 0) >= low]

    def truncate(self, place: PartitionPlace, high: int) -> None:
        """The partition ends before what was there: an unclean election."""
        log = self.logs[place]
        log.high = high
        log.messages = [each for each in log.messages if (each.at_offset or 0) < high]

    def make_anew(self, topic: str) -> None:
        """The topic is deleted and created again."""
        for place in self.logs:
            if place.topic == topic:
                self.logs[place] = FakeLog()
        name, _, number = self.topic_ids[topic].rpartition("-")
        self.topic_ids[topic] = f"{name}-{int(number) + 1}"

    def bounds(self, place: PartitionPlace) -> Bounds:
        log = self.logs[place]
        return Bounds(self.topic_ids[place.topic], log.low, log.high)


class FakeLookup:
    """Where partitions begin and end, as it was when they were asked about; answered when the test lets it."""

    def __init__(self, broker: FakeBroker) -> None:
        self.broker = broker
        self._asked: dict[PartitionPlace, Bounds] = {}
        self.answers_at_once = True
        self.asked: list[list[PartitionPlace]] = []

    def ask(self, places: Iterable[PartitionPlace]) -> None:
        new = [place for place in places if place not in self._asked]
        self.asked.append(new)
        self._asked |= {place: self.broker.bounds(place) for place in new}

    def answers(self, places: Iterable[PartitionPlace]) -> dict[PartitionPlace, Bounds]:
        if not self.answers_at_once:
            return {}
        return {place: self._asked.pop(place) for place in places if place in self._asked}

    def fail(self, *places: PartitionPlace) -> None:
        """What was asked about these gets no answer."""
        for place in places:
            self._asked.pop(place, None)

    def forget(self, places: Iterable[PartitionPlace]) -> None:
        self.fail(*places)


Event = Callable[[], None] | FakeMessage


class FakeConsumer:
    """One member of a group.

    Args:
        broker: Where the records lie.
        settings: As for confluent-kafka's; the callbacks in them are called by `poll`.
    """

    def __init__(self, broker: FakeBroker, settings: Mapping[str, Any] | None = None) -> None:
        self.broker, self.settings = broker, dict(settings or {})
        self.calls: list[tuple[str, Any]] = []
        self.subscribed: list[str] | None = None
        self.owned: set[PartitionPlace] = set()
        """What the group has given, whether it is assigned or not."""
        self.assigned: dict[PartitionPlace, int] = {}
        self.paused: set[PartitionPlace] = set()
        self.in_flight: list[list[Answered]] = []
        """Commits that the broker has and has not answered."""
        self.refuses_commits: KafkaError | None = None
        self.refuses_committed: KafkaError | None = None
        self.errors_of_committed: dict[PartitionPlace, KafkaError] = {}
        self.on_idle: Callable[[], None] = lambda: None
        """Called where a poll would wait."""
        self.is_closed = False
        self._callbacks: dict[str, Callable[..., None]] = {}
        self._events: deque[Event] = deque()
        self._thread: int | None = None

    # What a test makes happen; it happens in the next poll.

    def give(self, *places: PartitionPlace) -> None:
        """The group gives partitions."""
        self._events.append(lambda: self._give(places))

    def take(self, *places: PartitionPlace) -> None:
        """The group revokes partitions."""
        self._events.append(lambda: self._take(places))

    def lose(self, *places: PartitionPlace) -> None:
        """The group has given partitions to somebody else already."""
        self._events.append(lambda: self._lose(places))

    def report(self, statistics: str) -> None:
        self._events.append(lambda: self.settings["stats_cb"](statistics))

    def raise_error(self, error: KafkaError) -> None:
        """An error of the client that belongs to no partition."""
        self._events.append(lambda: self.settings["error_cb"](error))

    def bring(self, *messages: FakeMessage) -> None:
        """Messages as they are, whatever is assigned."""
        self._events.extend(messages)

    def answer_commits(self, error: KafkaError | None = None, **partly: KafkaError) -> None:
        """The broker answers the commits in flight; `partly`: errors by topic."""
        for places in self.in_flight:
            answers = [each._replace(error=partly.get(each.topic)) for each in places]
            self._events.append(partial(self.settings["on_commit"], error, answers))
        self.in_flight = []

    def called(self, name: str) -> list[Any]:
        return [argument for call, argument in self.calls if call == name]

    # What the member calls.

    def subscribe(self, topics: Sequence[str], **callbacks: Callable[..., None]) -> None:
        self._note("subscribe", list(topics))
        self.subscribed, self._callbacks = list(topics), callbacks

    def poll(self, timeout: float) -> FakeMessage | None:
        self._note("poll", timeout)
        message = self._next()
        if message is None:
            self.on_idle()
        return message

    def consume(self, num_messages: int, timeout: float) -> list[FakeMessage]:
        self._note("consume", (num_messages, timeout))
        found: list[FakeMessage] = []
        while len(found) < num_messages and (message := self._next()) is not None:
            found.append(message)
        return found

    def incremental_assign(self, partitions: Sequence[TopicPartition]) -> None:
        self._note(
            "incremental_assign", [(*_place(each), each.offset, each.leader_epoch) for each in partitions]
        )
        for each in partitions:
            place = _place(each)
            if place in self.assigned:
                raise KafkaException(failure(KafkaError._CONFLICT, f"{place} is assigned already"))
            assert place in self.owned, f"{place} is assigned, and the group has not given it"
            self.assigned[place] = each.offset

    def incremental_unassign(self, partitions: Sequence[TopicPartition]) -> None:
        places = [_place(each) for each in partitions]
        self._note("incremental_unassign", sorted(places))
        for place in places:
            if place not in self.assigned:
                raise KafkaException(failure(KafkaError._INVALID_ARG, f"{place} is not assigned"))
            del self.assigned[place]

    def pause(self, partitions: Sequence[TopicPartition]) -> None:
        places = self._assigned_ones("pause", partitions)
        self.paused |= places

    def resume(self, partitions: Sequence[TopicPartition]) -> None:
        places = self._assigned_ones("resume", partitions)
        self.paused -= places

    def seek(self, partition: TopicPartition) -> None:
        (place,) = self._assigned_ones("seek", [partition])
        self.assigned[place] = partition.offset

    def committed(self, partitions: Sequence[TopicPartition], timeout: float) -> list[Answered]:
        places = [_place(each) for each in partitions]
        self._note("committed", places)
        assert timeout > 0
        if self.refuses_committed is not None:
            raise KafkaException(self.refuses_committed)
        found = []
        for place in places:
            offset, metadata = self.broker.commits.get(place, (NOTHING_COMMITTED, None))
            epoch = self.broker.leader_epochs.get(place)
            found.append(Answered(*place, offset, metadata, epoch, self.errors_of_committed.get(place)))
        return found

    def commit(
        self, *, offsets: Sequence[TopicPartition], asynchronous: bool = True
    ) -> list[Answered] | None:
        answers = [Answered(*_place(each), each.offset, each.metadata) for each in offsets]
        self._note("commit", [(each.topic, each.partition, each.offset) for each in answers])
        assert answers, "librdkafka would commit its own positions instead"
        if self.refuses_commits is not None:
            raise KafkaException(self.refuses_commits)
        self.broker.commits |= {_place(each): (each.offset, each.metadata) for each in answers}
        if not asynchronous:
            return answers
        self.in_flight.append(answers)
        return None

    def close(self) -> None:
        self._note("close", None)
        while self._events:
            if not isinstance(event := self._events.popleft(), FakeMessage):
                event()
        if self.owned:
            self._take(tuple(self.owned))
        self.is_closed = True

    # What happens.

    def _next(self) -> FakeMessage | None:
        while self._events:
            event = self._events.popleft()
            if isinstance(event, FakeMessage):
                return event
            event()
        for place, position in sorted(self.assigned.items()):
            if place not in self.paused and (message := self._fetch(place, position)) is not None:
                return message
        return None

    def _fetch(self, place: PartitionPlace, position: int) -> FakeMessage | None:
        log = self.broker.logs[place]
        if not log.low <= position <= log.high:
            self.assigned[place] = log.high  # once, and then it fetches no more
            return FakeMessage(*place, failed=failure(KafkaError._AUTO_OFFSET_RESET))
        message = log.first_from(position)
        if message is not None:
            self.assigned[place] = (message.at_offset or 0) + 1
        return message

    def _give(self, places: Sequence[PartitionPlace]) -> None:
        self.owned |= set(places)
        before = len(self.called("incremental_assign"))
        self._callbacks["on_assign"](self, _partitions(places))
        if not self.is_closed:
            told = len(self.called("incremental_assign")) > before
            assert told, "librdkafka would assign them itself, at the committed offsets"

    def _take(self, places: Sequence[PartitionPlace]) -> None:
        before = len(self.called("incremental_unassign"))
        self._callbacks["on_revoke"](self, _partitions(places))
        self._let_go(places, before)

    def _lose(self, places: Sequence[PartitionPlace]) -> None:
        before = len(self.called("incremental_unassign"))
        self._callbacks["on_lost"](self, _partitions(places))
        self._let_go(places, before)

    def _let_go(self, places: Sequence[PartitionPlace], before: int) -> None:
        assert len(self.called("incremental_unassign")) > before, (
            "librdkafka would unassign everything itself"
        )
        kept = set(places) & self.assigned.keys()
        assert not kept, f"{kept} are fetched, and are somebody else's"
        self.owned -= set(places)

    def _assigned_ones(self, name: str, partitions: Sequence[TopicPartition]) -> set[PartitionPlace]:
        places = {_place(each) for each in partitions}
        self._note(name, sorted(places))
        if missing := places - self.assigned.keys():
            raise KafkaException(failure(KafkaError._UNKNOWN_PARTITION, f"{missing} are not assigned"))
        return places

    def _note(self, name: str, argument: Any) -> None:
        if self.is_closed:
            raise RuntimeError("Consumer closed")
        thread = threading.get_ident()
        assert self._thread in {None, thread}, "a consumer belongs to one thread"
        self._thread = thread
        self.calls.append((name, argument))


def _place(partition: TopicPartition | Answered) -> PartitionPlace:
    return PartitionPlace(partition.topic, partition.partition)


def _partitions(places: Iterable[PartitionPlace]) -> list[TopicPartition]:
    return [TopicPartition(*place) for place in places]
