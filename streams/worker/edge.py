"""The edge of the stream: what a worker consumes with, and what the control room is told of it.

members of the group ──batches──► inboxes of the agents
                     ──losses───┐
topic watch ─────────strangers──┴──► told once a second, on the log; then the partition is committed again
"""

import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import structlog

from streams.faust.app import WorkerApp
from streams.faust.inbox import Inbox
from streams.faust.transport import Transport
from streams.kafka.admin import admin_client
from streams.kafka.batch import Batch
from streams.kafka.bounds_lookup import BoundsLookup
from streams.kafka.config import KafkaConfig
from streams.kafka.group_consumer import ConsumerLimits, GroupConsumer
from streams.kafka.group_settings import CLIENT_PREFIX
from streams.kafka.group_state import GroupState
from streams.worker.commit_limits import CommitLimits
from streams.worker.context import Deliverer
from streams.worker.ending import stop_now
from streams.worker.topic_watch import Stranger, TopicWatch

if TYPE_CHECKING:
    from streams.kafka.partition_start import Loss

log = structlog.get_logger(__name__)

_MOST_UNTOLD: Final = 10_000


class Edge:
    """The members of one worker's group, and what there is to tell of them.

    Args:
        kafka: The broker.
        group: The consumer group.
        topics: What is read in it.
        limits: How much at once.
        state: Gets what is known of the partitions.
        commit_limits: Records that no commit may pass yet.
    """

    def __init__(
        self,
        kafka: KafkaConfig,
        group: str,
        topics: Sequence[str],
        limits: ConsumerLimits,
        state: GroupState,
        commit_limits: CommitLimits,
    ) -> None:
        self._state, self._topics = state, tuple(topics)
        self._inboxes: dict[str, Inbox] = {}
        self._losses: deque[Loss] = deque(maxlen=_MOST_UNTOLD)
        self._strangers: deque[Stranger] = deque(maxlen=_MOST_UNTOLD)
        admin = admin_client(kafka, [])
        # A topic has a member of its own, so that a backlog of one never stands before a record of another.
        shares = [[topic] for topic in topics] if kafka.capabilities.many_members else [list(topics)]
        self.consumers = tuple(
            GroupConsumer(
                kafka,
                group,
                f"{CLIENT_PREFIX}{group}-{socket.gethostname()}",
                share,
                limits,
                state,
                BoundsLookup(kafka, admin),
                hand_over=self._hand_over,
                tell_loss=self._losses.append,
                fail=stop_now,
                commit_limit=commit_limits.of,
            )
            for share in shares
        )
        self._watch = TopicWatch(
            admin,
            kafka.capabilities,
            group,
            topics,
            note_topic_id=self._note_topic_id,
            tell=self._strangers.append,
        )

    def host(self, app: WorkerApp, add_agent: Callable[[str, Inbox], None]) -> None:
        """Let a Faust app run the members, and an agent for each topic."""
        for topic in self._topics:
            self._inboxes[topic] = inbox = app.inbox(self._state.take)
            add_agent(topic, inbox)
        app.transports = (Transport(self.consumers, list(self._inboxes.values()), self._state),)

    def watch(self) -> None:
        """Begin to look at the topics and the group."""
        self._watch.start()

    def watch_no_more(self) -> None:
        """The worker is stopping."""
        self._watch.stop()

    async def tell(self, delivery: Deliverer, worker: str) -> None:
        """Tell the control room what nobody will have read, and who takes records of ours."""
        while self._losses:
            loss = self._losses.popleft()
            log.error("records.missing", **loss._asdict())
            self._state.release(loss.place)
        self._strangers.clear()

    def _hand_over(self, batches: Sequence[Batch]) -> None:
        """Runs in a consuming thread."""
        by_topic: dict[str, list[Batch]] = {}
        for batch in batches:
            by_topic.setdefault(batch.topic, []).append(batch)
        for topic, found in by_topic.items():
            self._inboxes[topic].put_batches(found)

    def _note_topic_id(self, topic: str, topic_id: str) -> None:
        for consumer in self.consumers:
            consumer.note_topic_id(topic, topic_id)
