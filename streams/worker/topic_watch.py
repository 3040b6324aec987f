"""Looks at the topics and the group from outside, in a thread of its own.

    the id of each topic ─► the members: a partition that was begun under another one begins anew
    a member of our group is none of us ──────► it takes and commits records that we never see: told

Members are asked for by `list_groups`: librdkafka 2 aborts the process when a request to a group's coordinator is
answered after its broker has gone (confluentinc/librdkafka 4605).
"""

import threading
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import structlog
from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from streams.clock import SYSTEM_CLOCK, Clock
from streams.kafka.batch import PartitionPlace
from streams.kafka.capabilities import Capabilities
from streams.kafka.group_settings import CLIENT_PREFIX
from streams.kafka.member_assignment import read_assignment
from streams.kafka.rare_log import RareLogger

log = structlog.get_logger(__name__)

EVERY_S: Final = 5.0
_FIRST_S: Final = 0.5
_ANSWER_S: Final = 5.0
_AGAIN_S: Final = 60.0
"""A foreign client that stays is told again after so long."""


class ForeignMember(NamedTuple):
    """A member of our group that is none of us.

    Attributes:
        client_id: As it calls itself.
        host: Where it is, as the broker sees it.
        places: The partitions that the group has given to it.
    """

    client_id: str
    host: str
    places: tuple[PartitionPlace, ...] = ()


class TopicWatch:
    """Looks every few seconds.

    Args:
        admin: A client of the broker.
        capabilities: What the broker can be asked.
        group: Our consumer group.
        topics: What we read in it.
        note_topic_id: Told the id of each topic at every look. Whoever reads it compares: what this watch has seen
            before says nothing about the topic that a partition was begun under.
        tell: A foreign client is in our group.
        clock: Ours.
    """

    def __init__(
        self,
        admin: AdminClient,
        capabilities: Capabilities,
        group: str,
        topics: Iterable[str],
        *,
        note_topic_id: Callable[[str, str], None],
        tell: Callable[[ForeignMember], None],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._admin, self._capabilities, self._group = admin, capabilities, group
        self._topics = tuple(topics)
        self._note_topic_id, self._tell, self._clock = note_topic_id, tell, clock
        self._has_looked = False
        self.answered_at = float("-inf")
        """When the broker answered last, by the clock for intervals."""
        self._told_at: dict[ForeignMember, float] = {}
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

    def note_members(self, members: Iterable[ForeignMember]) -> None:
        """Look who is in our group."""
        now = self._clock.monotonic()
        self._told_at = {member: at for member, at in self._told_at.items() if now - at < _AGAIN_S}
        for member in members:
            if member.client_id.startswith(CLIENT_PREFIX) or not member.client_id:
                continue
            if member not in self._told_at:
                self._told_at[member] = now
                log.error(
                    "group.foreign_member", group=self._group, client_id=member.client_id, host=member.host
                )
                self._tell(member)

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_S if self._has_looked else _FIRST_S):
            try:
                self.look()
            except KafkaException as error:
                self._rare.warning("watch.interrupted", cause=error.args[0].str())
            except Exception as error:  # noqa: BLE001 - it is looked at again in a moment
                self._rare.error("watch.failed", error=repr(error))

    def look(self) -> None:
        """Look once.

        Raises:
            KafkaException: The broker does not answer.
        """
        asked = self._admin.describe_topics(TopicCollection(list(self._topics)), request_timeout=_ANSWER_S)
        for topic, future in asked.items():
            try:
                self._note_topic_id(topic, str(future.result().topic_id or ""))
                self._has_looked, self.answered_at = True, self._clock.monotonic()
            except KafkaException as error:  # it is gone, for the moment or for good
                self._rare.warning("topic.unknown", topic=topic, cause=error.args[0].str())
        for group in self._admin.list_groups(self._group, timeout=_ANSWER_S):
            self.note_members(
                ForeignMember(
                    member.client_id or "", member.client_host or "", read_assignment(member.assignment)
                )
                for member in group.members
            )
