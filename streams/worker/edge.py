"""The edge of the stream: what a worker consumes with, and what the control room is told of it.

    members of the group ──batches──► hot loops in their own threads, or inboxes of agents over the event loop
    members of the group ──losses───┐
    topic watch ──foreign clients───┼──► told once a second, on the log; then the partition is committed again
    tables that were read anew ─────┘

Threads find what is to be told; the event loop tells it.
"""

import socket
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import structlog

from schemas.errors import Cause
from schemas.topics import FUSION_INPUT
from schemas.units import EpochMs
from streams.clock import monotonic
from streams.faust.app import WorkerApp
from streams.faust.inbox import Inbox
from streams.faust.transport import Transport
from streams.kafka.admin import admin_client
from streams.kafka.batch import Batch, PartitionPlace
from streams.kafka.bounds_lookup import BoundsLookup
from streams.kafka.careful_reading import Turn
from streams.kafka.config import KafkaConfig
from streams.kafka.errors import is_of_surroundings
from streams.kafka.group_consumer import EXCUSE_S, ConsumerLimits, GroupConsumer
from streams.kafka.group_settings import CLIENT_PREFIX
from streams.kafka.group_state import GroupState
from streams.kafka.outbox import Outbox
from streams.kafka.partition_start import LossKind, UnreadRecords
from streams.worker.commit_limits import CommitLimits
from streams.worker.context import Deliverer
from streams.worker.ending import stop_now
from streams.worker.hot_loop import HotLoop
from streams.worker.losses import Loss, count_losses, loss_notices
from streams.worker.metrics import Metrics
from streams.worker.settings import Pace
from streams.worker.topic_watch import ForeignMember, TopicWatch

log = structlog.get_logger(__name__)

_CAUSES: Final[Mapping[LossKind, Cause]] = {
    LossKind.TAKEN: Cause.RECORDS_MISSING,
    LossKind.SHORTER: Cause.LOG_TRUNCATED,
    LossKind.REPLACED: Cause.ANOTHER_LOG,
    LossKind.UNREADABLE: Cause.UNDECODABLE,
}

IN_TURNS_FETCH_BYTES: Final = 64 << 10
"""What is fetched at once of a topic that is read in turns: some 300 acknowledgements, or one batch of its sender."""

IN_TURNS_IN_HAND: Final = 1_000
"""Records of such a topic that are handed over and not done: two seconds of acknowledgements. What the client has of a
topic that has as many is given back to the broker, so that others come."""

_FOUND_BY_RESTORE: Final = frozenset({LossKind.TAKEN, LossKind.REPLACED})
"""Of the log: restoring the state finds these, and knows more of them."""


class Edge:
    """The members of one worker's group, and what there is to tell of them.

    Args:
        kafka: The broker.
        group: The consumer group.
        topics: What is read in it.
        follows: What is read beside it: a topic of these that is made anew is read anew.
        limits: How much at once.
        state: Gets what is known of the partitions.
        commit_limits: Records that no commit may pass yet.
        note_made_anew: Told of a topic that is followed and was made anew; called in another thread.
        in_turns: Groups of `topics` that are one stream each; each of the others is a stream of its own.
    """

    def __init__(
        self,
        kafka: KafkaConfig,
        group: str,
        topics: Sequence[str],
        follows: Sequence[str],
        limits: ConsumerLimits,
        state: GroupState,
        commit_limits: CommitLimits,
        note_made_anew: Callable[[str], None],
        in_turns: Sequence[Sequence[str]] = (),
    ) -> None:
        self._streams = streams_of(topics, in_turns)
        self._state, self._topics, self._note_made_anew = state, tuple(topics), note_made_anew
        self._put: dict[str, Callable[[Sequence[Batch]], None]] = {}
        self._topic_ids: dict[str, str] = {}
        self._losses: deque[tuple[Loss, PartitionPlace | None]] = deque()
        """With the partition whose commits wait until it is told."""
        self._kafka, self._group, self._limits, self._commit_limits = kafka, group, limits, commit_limits
        self._admin = admin_client(kafka, [])
        self._turn = Turn() if kafka.capabilities.keeps_commit_metadata else None
        self.consumers: tuple[GroupConsumer, ...] = ()
        """The members; there are none before `run_hot` or `run_agents`."""
        self._watch = TopicWatch(
            self._admin,
            kafka.capabilities,
            group,
            (*topics, *follows),
            note_topic_id=self._note_topic_id,
            tell=self._note_foreign_member,
        )

    def run_agents(self, app: WorkerApp, add_agent: Callable[[str, Inbox], None]) -> None:
        """Let a Faust app run the members, and over its event loop an agent for each topic."""
        inboxes = {topic: app.inbox(self._state.take) for topic in self._topics}
        for topic, inbox in inboxes.items():
            self._put[topic] = inbox.put_batches
            add_agent(topic, inbox)
        self.consumers = tuple(self._member(_topics_of(share), self._limits) for share in self._shares)
        self._host(app, inboxes.values())

    def run_hot(
        self,
        app: WorkerApp,
        paces: Mapping[str, Pace],
        make_loop: Callable[[str, Outbox], HotLoop],
        make_outbox: Callable[[], Outbox],
    ) -> tuple[Outbox, ...]:
        """Let a Faust app run the members, and in the thread of each the loops of its streams.

        Args:
            app: The app.
            paces: Streams that are not read as fast as they can be, by their first topic.
            make_loop: Makes the loop of a stream, by its first topic.
            make_outbox: Makes what the loops of one thread send by.

        Returns:
            What they send by.
        """
        outboxes: list[Outbox] = []
        loops: dict[str, HotLoop] = {}
        consumers: list[GroupConsumer] = []
        for share in self._shares:
            outboxes.append(make_outbox())
            between = [make_loop(stream[0], outboxes[-1]) for stream in share]
            loops |= {topic: loop for stream, loop in zip(share, between, strict=True) for topic in stream}
            limits = _limits_of(share, paces, self._limits)
            consumers.append(self._member(_topics_of(share), limits, between))
        self._put |= {topic: loop.put for topic, loop in loops.items()}
        self.consumers = tuple(consumers)
        self._host(app, dict.fromkeys(loops.values()))
        return tuple(outboxes)

    @property
    def _shares(self) -> list[Sequence[tuple[str, ...]]]:
        """A stream has a member of its own, so that a backlog of one never stands before a record of another."""
        many = self._kafka.capabilities.many_members
        return [(stream,) for stream in self._streams] if many else [self._streams]

    def _member(
        self, share: Sequence[str], limits: ConsumerLimits, between: Sequence[HotLoop] = ()
    ) -> GroupConsumer:
        return GroupConsumer(
            self._kafka,
            self._group,
            f"{CLIENT_PREFIX}{self._group}-{socket.gethostname()}",
            share,
            limits,
            self._state,
            BoundsLookup(self._kafka, self._admin),
            hand_over=self._hand_over,
            tell_loss=self._note_loss,
            fail=stop_now,
            commit_limit=self._commit_limits.of,
            between=between,
            turn=self._turn,
        )

    def _host(self, app: WorkerApp, fed: Iterable[Inbox | HotLoop]) -> None:
        closing = tuple(fed)

        def close() -> None:
            for each in closing:
                each.close()

        app.transports = (Transport(self.consumers, close, self._state),)

    def excuse(self, error: BaseException | None = None) -> None:
        """The process is about to end; unless it does so of a record, the commits say that nobody has died.

        Args:
            error: Of what it ends; None: somebody has asked it to. For that nothing is waited for.
        """
        if error is not None and not is_of_surroundings(error):
            return
        for consumer in self.consumers:
            consumer.excuse()
        if error is not None:
            deadline = monotonic() + EXCUSE_S
            for consumer in self.consumers:
                consumer.is_excused.wait(max(0.0, deadline - monotonic()))

    def watch(self) -> None:
        """Begin to look at the topics and the group."""
        self._watch.start()

    def watch_no_more(self, *, is_excused: bool) -> None:
        """The worker is stopping.

        Args:
            is_excused: Somebody has asked it to, so the commits say that nobody has died.
        """
        if is_excused:
            self.excuse()
        self._watch.stop()

    def answered_at(self) -> float:
        """When the broker answered last about our topics, beside the members, by the clock for intervals."""
        return self._watch.answered_at

    def note_read_anew(self, topic: str, cause: Cause) -> None:
        """A topic that is followed had to be read anew: nobody knows what was missed meanwhile."""
        self._losses.append((Loss(topic, self._topic_ids.get(topic, ""), 0, cause, 0, 0), None))

    async def tell(self, delivery: Deliverer, metrics: Metrics, worker: str, at: EpochMs) -> None:
        """Tell the control room what nobody will have read, and who takes records of ours.

        Args:
            delivery: Delivers the notices; commits go on after that.
            metrics: Counts what is missing.
            worker: Who has found it.
            at: When, by our clock.

        Raises:
            DeliveryFailed: As `Deliverer.deliver`.
        """
        found = [self._losses.popleft() for _ in range(len(self._losses))]
        if not found:
            return
        losses = [loss for loss, _ in found]
        for loss in losses:
            if loss.cause is Cause.FOREIGN_MEMBER:  # it has a line of its own, and nothing is missing yet
                continue
            log.error("records.missing", **loss._asdict(), records=loss.records)
        await delivery.deliver(loss_notices(losses, worker, at))
        count_losses(metrics, losses)
        untold = {place for _, place in self._losses.copy()}  # found while the others were being told
        for _, place in found:
            if place is not None and place not in untold:
                self._state.release(place)

    def _note_loss(self, found: UnreadRecords) -> None:
        """Runs in a consuming thread."""
        if found.place.topic == FUSION_INPUT and found.kind in _FOUND_BY_RESTORE:
            self._state.release(found.place)
            return
        partition, expected, first = found.place.partition, found.expected, found.found
        if found.kind is LossKind.REPLACED:  # one event for all partitions, and for all workers
            partition = expected = first = 0
        loss = Loss(
            found.place.topic,
            found.topic_id,
            partition,
            _CAUSES[found.kind],
            expected,
            first,
            found.since or None,
        )
        self._losses.append((loss, found.place))

    def _note_foreign_member(self, member: ForeignMember) -> None:
        """Runs in the thread of the topic watch."""
        client = f"{member.client_id} {member.host}"
        ours = [place for place in member.places if place.topic in self._topics]
        for topic, partition in ours or [PartitionPlace(topic, 0) for topic in self._topics]:
            topic_id = self._topic_ids.get(topic, "")
            loss = Loss(topic, topic_id, partition, Cause.FOREIGN_MEMBER, 0, 0, client=client)
            self._losses.append((loss, None))

    def _hand_over(self, batches: Sequence[Batch]) -> None:
        """Runs in a consuming thread."""
        by_topic: dict[str, list[Batch]] = {}
        for batch in batches:
            by_topic.setdefault(batch.topic, []).append(batch)
        for topic, found in by_topic.items():
            self._put[topic](found)

    def _note_topic_id(self, topic: str, topic_id: str) -> None:
        """Runs in the thread of the topic watch."""
        before, self._topic_ids[topic] = self._topic_ids.get(topic, topic_id), topic_id
        if topic not in self._topics and before != topic_id:
            log.error("topic.made_anew", topic=topic)
            self._note_made_anew(topic)
        for consumer in self.consumers:
            consumer.note_topic_id(topic, topic_id)


def streams_of(topics: Sequence[str], in_turns: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """The topics of each stream, in the order of their first topics: those that are read in turns are one together."""
    together = {topic: tuple(group) for group in in_turns for topic in group}
    return tuple(dict.fromkeys(together.get(topic, (topic,)) for topic in topics))


def _topics_of(share: Sequence[Sequence[str]]) -> list[str]:
    return [topic for stream in share for topic in stream]


def _limits_of(
    share: Sequence[Sequence[str]], paces: Mapping[str, Pace], limits: ConsumerLimits
) -> ConsumerLimits:
    """How much a member takes at once.

    Where topics of many senders are read in turns, a turn is of no use to whom a backlog of another lies before in the
    client's own queue: little is fetched of each, and little of each is in hand.
    """
    most = min([limits.batch_records, *(paces[stream[0]].records for stream in share if stream[0] in paces)])
    limits = limits._replace(batch_records=most)
    if max(map(len, share)) == 1:
        return limits
    return limits._replace(
        most_in_hand=min(limits.most_in_hand, IN_TURNS_IN_HAND),
        fetch_bytes=min(limits.fetch_bytes, IN_TURNS_FETCH_BYTES),
    )
