"""Batches through Faust: one event for all records that a fetch brought for a partition.

    fetch ─► BatchScheduler ─► conductor ─► stream ─► drain_pending() ─► agent ─► done ─► BatchConsumer ─► commit

This is the one place that touches Faust's internals; faust-streaming, aiokafka and mode-streaming are pinned
exactly for it (docs/adr/0006). A commit is one number a partition: the end of the last batch that is done, which the
agent's loop says by Faust's `event.ack()`. Faust's own lists of acked offsets cost time, and after a seek they can
advance by one offset a commit.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast
from weakref import WeakSet

import faust
from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.serializers import codecs
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP
from faust.types.tuples import ConsumerMessage, Message, ack_lock
from mode.utils.futures import notify

from schemas.units import EpochMs
from streams.faust.leader_refresh import has_leader, refresh_leaders
from streams.kafka.record import LogRecord

CODEC = "callbox-batch"

CommitLimit = Callable[[str, int], int | None]
"""(topic, partition) -> the highest offset that may be committed there; None: as far as batches are done."""

IN_HAND_PAUSE_S = 0.005
PAUSED_WAIT_S = 0.1
"""How long to wait for records while a topic is paused: it may have room again by then."""


class Batch(tuple[Any, ...]):
    """Raw consumer records of one partition, in order, never empty."""

    __slots__ = ()

    @property
    def start(self) -> int:
        """Offset of the first record."""
        first: int = self[0].offset
        return first

    @property
    def end(self) -> int:
        """Offset after the last record: what a commit of this batch says."""
        last: int = self[-1].offset
        return last + 1

    def __repr__(self) -> str:
        """Where it lies and no content: it may come from a sealed topic, and Faust writes events into log lines."""
        return f"Batch({self[0].topic}[{self[0].partition}]@{self.start}-{self.end})"


def as_log_record(record: Any) -> LogRecord:
    """The fetching thread's record (aiokafka.ConsumerRecord) as the rest of callbox knows records."""
    return LogRecord(
        record.topic, record.partition, record.offset, EpochMs(record.timestamp), record.key, record.value
    )


class BatchRecord:
    """Looks like one `aiokafka.ConsumerRecord`; its offset is the last of the batch."""

    __slots__ = (
        "checksum",
        "headers",
        "key",
        "offset",
        "partition",
        "serialized_key_size",
        "serialized_value_size",
        "timestamp",
        "timestamp_type",
        "topic",
        "value",
    )

    def __init__(self, records: Sequence[Any]) -> None:
        last = records[-1]
        self.topic = last.topic
        self.partition = last.partition
        self.offset = last.offset
        self.timestamp = last.timestamp
        self.timestamp_type = last.timestamp_type
        self.headers = ()
        self.key = b""
        self.value = Batch(records)
        self.checksum = None
        self.serialized_key_size = 0
        self.serialized_value_size = sum(record.serialized_value_size for record in records)


class _BatchCodec(codecs.Codec):
    """Passes a batch on: its records are decoded by the agent, one by one, where a failure belongs to one record."""

    def _loads(self, s: Any) -> Any:
        return s

    def _dumps(self, s: Any) -> Any:
        return s


codecs.register(CODEC, _BatchCodec())


def scheduler_of(size: int) -> type[DefaultSchedulingStrategy]:
    """A scheduler that cuts what a fetch brought into batches.

    Args:
        size: The most records in a batch.

    Returns:
        A class for Faust's documented `ConsumerScheduler` setting.
    """

    class BatchScheduler(DefaultSchedulingStrategy):
        def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
            return super().iterate(
                {
                    tp: [BatchRecord(found[at : at + size]) for at in range(0, len(found), size)]
                    for tp, found in records.items()
                }
            )

    return BatchScheduler


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """The fetching thread, with the broker's fetch wait as a setting: Faust hard-codes 1,500 ms."""

    fetch_max_wait_ms = 500
    paused_topics: frozenset[str] = frozenset()
    """Topics of which nothing is fetched now. What a full topic leaves in aiokafka's buffer would keep other topics
    from being fetched for 100 ms, again and again; a pause throws it away, and it is fetched again later."""

    async def on_start(self) -> None:
        """Start the client, and correct what it does when a leader moves."""
        await super().on_start()
        refresh_leaders(self._ensure_consumer())

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = self.fetch_max_wait_ms  # noqa: SLF001 - read when the consumer starts
        return consumer

    async def _fetch_records(
        self,
        consumer: AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 - Faust's signature
        max_records: int | None = None,
    ) -> Any:
        """Pause and resume what the other thread asked for, here in the consumer's own."""
        paused = consumer.paused()
        wanted = {place for place in consumer.assignment() if place.topic in self.paused_topics}
        consumer.pause(*(wanted - paused))
        consumer.resume(*(paused - wanted))
        return await super()._fetch_records(consumer, active_partitions, timeout, max_records)


def no_limit(_topic: str, _partition: int) -> int | None:
    """Everything that is done may be committed."""
    return None


class BatchConsumer(driver.Consumer):
    """Marks whole batches as done and commits their ends; every topic of the app is batched."""

    _thread: BatchConsumerThread
    thread_class: type[BatchConsumerThread] = BatchConsumerThread
    most_in_hand = 64_000
    """Records of a topic that are fetched and not done; more stay on the broker. Faust's own bound counts batches,
    whatever is in them: with a backlog behind it a worker would take all of it into memory."""
    commit_limit: CommitLimit = staticmethod(no_limit)
    """Keeps commits from passing a record that an agent has not decided about yet."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._done: dict[TP, int] = {}
        self._fetched: WeakSet[Message] = WeakSet()

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return self.thread_class(self, loop=self.loop, beacon=self.beacon)

    def ack(self, message: Message) -> bool:
        """Mark one batch as done; one from before a rebalance is never committed."""
        with ack_lock:
            if message.acked:
                return False
            message.acked = True
            self._unacked_messages.discard(message)
            self._fetched.discard(message)
            notify(self._waiting_for_ack)  # a rebalance or a stop waits for the last one
            if message.generation_id != self.app.consumer_generation_id:
                return False
            batch = cast("Batch", message.value)
            self._done[message.tp] = max(self._done.get(message.tp, 0), batch.end)
            return True

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return (tp for tp in list(self._done) if topics is None or tp in topics or tp.topic in topics)

    def _new_offset(self, tp: TP) -> int | None:
        done, limit = self._done.get(tp), self.commit_limit(tp.topic, tp.partition)
        return done if done is None or limit is None else min(done, limit)

    async def _wait_next_records(self, timeout: float) -> tuple[Any, Any]:  # noqa: ASYNC109 - Faust's signature
        """Fetch when there is room."""
        while self._is_full() and self.flow_active and not self.should_stop:  # noqa: ASYNC110 - three ends, not one
            await asyncio.sleep(IN_HAND_PAUSE_S)
        found: tuple[Any, Any] = await super()._wait_next_records(timeout)
        return found

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109 - as above
        """Take what was fetched; of a topic that has enough in hand no more is fetched until half of it is done."""
        before = self._thread.paused_topics
        self._thread.paused_topics = frozenset(
            topic
            for topic, count in self._in_hand().items()
            if count >= (self.most_in_hand // 2 if topic in before else self.most_in_hand)
        )
        wait_s = min(timeout, PAUSED_WAIT_S) if self._thread.paused_topics else timeout
        return await super()._getmany(active_partitions, wait_s)

    def _is_full(self) -> bool:
        """Whether there is no topic left of which more could be taken."""
        in_hand = self._in_hand()
        full = {topic for topic, count in in_hand.items() if count >= self.most_in_hand}
        return bool(full) and full.issuperset(tp.topic for tp in self.assignment())

    def _in_hand(self) -> Counter[str]:
        """Records that are fetched and not done, by topic."""
        found: Counter[str] = Counter()
        for message in list(self._fetched):
            found[message.topic] += len(cast("Batch", message.value))
        return found

    def _to_message(self, tp: TP, record: BatchRecord) -> ConsumerMessage:
        """Remember a batch until it is done, or no longer referenced: the set is weak."""
        message = super()._to_message(tp, record)
        self._fetched.add(message)
        return message

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """A batch's offset is its last: the distance to the one before is no gap."""

    async def perform_seek(self) -> None:
        """Go back to what is committed: what was done since is done again."""
        self._done.clear()
        await super().perform_seek()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Commit what is done, then forget the partitions."""
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self._done.pop(tp, None)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Forget what was done after the last commit of the generation before: its owner may have changed since."""
        self._done.clear()
        await super().on_partitions_assigned(assigned, generation_id)

    def committed(self, tp: TP) -> int | None:
        """The offset that was committed last, or None."""
        offset: int | None = self._committed_offset[tp]
        return offset

    def has_waiting(self, tp: TP) -> bool:
        """Whether anything of a partition is not fetched, not done or not committed yet.

        A comparison of the last commit with the broker's end would not do: what retention took, and the markers of
        transactions, lie between the two for ever.
        """
        return (self._done.get(tp) or 0) > (self._committed_offset[tp] or 0) or self.has_unprocessed(tp)

    def has_unprocessed(self, tp: TP) -> bool:
        """Whether anything of a partition is not fetched or not done yet; also true where that is not known."""
        if any(message.tp == tp for message in list(self._fetched)):
            return True
        state = self._state_of(tp)
        if state.highwater is None or not state.has_valid_position:
            return True  # not fetched from yet: that it goes on so is what a watchdog is for
        ahead: bool = state.highwater > state.position
        return ahead

    def fetched_until(self, tp: TP) -> int:
        """The next offset of a partition that is fetched; 0 before the first fetch."""
        state = self._state_of(tp)
        return int(state.position) if state.has_valid_position else 0

    def answered_at(self, tp: TP) -> int:
        """When the broker last said where a partition ends, milliseconds of our clock; 0 before the first time."""
        return self._state_of(tp).timestamp or 0

    def has_leader(self, tp: TP) -> bool:
        """Whether there is a broker to fetch a partition from."""
        return has_leader(self._thread._ensure_consumer(), TopicPartition(tp.topic, tp.partition))  # noqa: SLF001 - as below

    def _state_of(self, tp: TP) -> Any:
        """What the fetching thread knows of a partition."""
        consumer = self._thread._ensure_consumer()  # noqa: SLF001 - as Faust's own verify_event_path reads it
        place = TopicPartition(tp.topic, tp.partition)
        return consumer._subscription.subscription.assignment.state_value(place)  # noqa: SLF001 - as above


class BatchTransport(driver.Transport):
    """Makes batch consumers."""

    Consumer = BatchConsumer


class BatchApp(faust.App):
    """A Faust app whose consumer works in batches, and that keeps no tables."""

    transport_class: type[BatchTransport] = BatchTransport

    def _new_transport(self) -> driver.Transport:
        return self.transport_class(self.conf.broker_consumer, self, loop=self.loop)

    def _create_directories(self) -> None:
        """Faust makes a data directory for its tables; there are none."""
