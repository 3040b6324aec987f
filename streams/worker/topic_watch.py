"""Looks at the topics and the group from outside, in a thread of its own.

    a topic has another id than a moment ago ─► it was deleted and made anew: its partitions begin anew
    a member of our group is none of us ──────► it takes and commits records that we never see: told

Members are asked for by `list_groups`: librdkafka 2 aborts the process when a request to a group's coordinator is
answered after its broker has gone (confluentinc/librdkafka 4605).
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

import structlog
from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from streams.clock import SYSTEM_CLOCK, Clock
from streams.kafka.capabilities import Capabilities
from streams.kafka.group_settings import CLIENT_PREFIX
from streams.kafka.rare_log import RareLogger

log = structlog.get_logger(__name__)

EVERY_S: Final = 5.0
_ANSWER_S: Final = 5.0
_AGAIN_S: Final = 60.0
"""A stranger that stays is told again after so long."""


class Stranger(NamedTuple):
    """A member of our group that is none of us.

    Attributes:
        client_id: As it calls itself.
        host: Where it is, as the broker sees it.
    """

    client_id: str
    host: str


class TopicWatch:
    """Looks every few seconds.

    Args:
        admin: A client of the broker.
        capabilities: What the broker can be asked.
        group: Our consumer group.
        topics: What we read in it.
        restart: A topic has been made anew.
        tell: A stranger is in our group.
        clock: Ours.
    """

    def __init__(
        self,
        admin: AdminClient,
        capabilities: Capabilities,
        group: str,
        topics: Iterable[str],
        *,
        restart: Callable[[str], None],
        tell: Callable[[Stranger], None],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._admin, self._capabilities, self._group = admin, capabilities, group
        self._topics = tuple(topics)
        self._restart, self._tell, self._clock = restart, tell, clock
        self._ids: dict[str, str] = {}
        self._told_at: dict[Stranger, float] = {}
        self._rare = RareLogger(log, clock.monotonic)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="topic-watch", daemon=True)

    def start(self) -> None:
        """Begin to look, where the broker can be asked at all."""
        if self._capabilities.knows_topic_ids:
            self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()

    def id_of(self, topic: str) -> str:
        """The id of a topic as it was seen last; empty before the first time."""
        return self._ids.get(topic, "")

    def note_ids(self, found: Mapping[str, str]) -> None:
        """Compare the ids of topics with those of a moment ago."""
        for topic, topic_id in found.items():
            before = self._ids.get(topic)
            self._ids[topic] = topic_id
            if before is not None and before != topic_id:
                log.error("topic.made_anew", topic=topic)
                self._restart(topic)

    def note_members(self, members: Iterable[Stranger]) -> None:
        """Look who is in our group."""
        now = self._clock.monotonic()
        for member in members:
            if member.client_id.startswith(CLIENT_PREFIX) or not member.client_id:
                continue
            if now - self._told_at.get(member, -_AGAIN_S) >= _AGAIN_S:
                self._told_at[member] = now
                log.error("group.stranger", group=self._group, client_id=member.client_id, host=member.host)
                self._tell(member)

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_S if self._ids else 0.5):
            try:
                self._look()
            except KafkaException as error:
                self._rare.warning("watch.interrupted", cause=error.args[0].str())
            except Exception as error:  # noqa: BLE001 - it is looked at again in a moment
                self._rare.error("watch.failed", error=repr(error))

    def _look(self) -> None:
        asked = self._admin.describe_topics(TopicCollection(list(self._topics)), request_timeout=_ANSWER_S)
        found = {}
        for topic, future in asked.items():
            try:
                found[topic] = str(future.result().topic_id)
            except KafkaException as error:  # it is gone, for the moment or for good
                self._rare.warning("topic.unknown", topic=topic, cause=error.args[0].str())
        self.note_ids(found)
        for group in self._admin.list_groups(self._group, timeout=_ANSWER_S):
            self.note_members(
                Stranger(member.client_id or "", member.client_host or "") for member in group.members
            )
