"""Asks the broker where partitions begin and end and which topics they belong to, without waiting for the answers."""

from collections.abc import Iterable
from concurrent.futures import Future  # noqa: TC003 - a NamedTuple reads its annotations
from typing import Any, Final, NamedTuple

import structlog
from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # public, as in topics.py

from streams.clock import SYSTEM_CLOCK, Clock
from streams.kafka.batch import PartitionPlace
from streams.kafka.config import KafkaConfig
from streams.kafka.errors import explain, is_refusal
from streams.kafka.partition_start import Bounds
from streams.kafka.rare_log import RareLogger

log = structlog.get_logger(__name__)

_ANSWER_S: Final = 3.0
"""A broker that is there answers in milliseconds; one that is not is asked again."""


class _Asked(NamedTuple):
    low: "Future[Any]"
    high: "Future[Any]"
    topic: "Future[Any] | None"

    @property
    def is_answered(self) -> bool:
        return all(future.done() for future in self if future is not None)

    @property
    def failure(self) -> BaseException | None:
        return next((error for each in self if each is not None and (error := each.exception())), None)


class BoundsLookup:
    """Bounds of partitions. Used by one thread.

    Args:
        config: The broker.
        admin: A client of it.
        clock: Ours.
    """

    def __init__(self, config: KafkaConfig, admin: AdminClient, clock: Clock = SYSTEM_CLOCK) -> None:
        self._config, self._capabilities, self._admin = config, config.capabilities, admin
        self._rare = RareLogger(log, clock.monotonic)
        self._asked: dict[PartitionPlace, _Asked] = {}

    def ask(self, places: Iterable[PartitionPlace]) -> None:
        """Ask about those that are not asked about already."""
        new = [place for place in places if place not in self._asked]
        if not new or not self._capabilities.exact_high_watermark:
            return
        low, high = (
            self._admin.list_offsets(
                {TopicPartition(*place): spec for place in new}, request_timeout=_ANSWER_S
            )
            for spec in (OffsetSpec.earliest(), OffsetSpec.latest())  # type: ignore[no-untyped-call]  # a stub of theirs
        )
        topics: dict[str, Future[Any]] = {}
        if self._capabilities.knows_topic_ids:
            names = TopicCollection(sorted({place.topic for place in new}))
            topics = self._admin.describe_topics(names, request_timeout=_ANSWER_S)
        for place in new:
            where = TopicPartition(*place)
            self._asked[place] = _Asked(low[where], high[where], topics.get(place.topic))

    def forget(self, places: Iterable[PartitionPlace]) -> None:
        """What was asked about these is of no use any more: the partition was somebody else's since, or is another."""
        for place in places:
            self._asked.pop(place, None)

    def answers(self, places: Iterable[PartitionPlace]) -> dict[PartitionPlace, Bounds]:
        """What has been answered of these; what could not be answered may be asked again.

        Raises:
            AccessDenied: The broker refuses to say.
        """
        if not self._capabilities.exact_high_watermark:  # it keeps everything, and its ends are not exact
            return {place: Bounds("", 0, None) for place in places}
        found = {}
        for place in places:
            asked = self._asked.get(place)
            if asked is None or not asked.is_answered:
                continue
            del self._asked[place]
            if (failure := asked.failure) is not None:
                self._note_failure(place, failure)
                continue
            topic_id = "" if asked.topic is None else str(asked.topic.result().topic_id or "")
            found[place] = Bounds(topic_id, asked.low.result().offset, asked.high.result().offset)
        return found

    def _note_failure(self, place: PartitionPlace, failure: BaseException) -> None:
        if not isinstance(failure, KafkaException):
            raise failure
        if is_refusal(failure.args[0]):
            raise explain(self._config, failure.args[0]) from failure
        self._rare.warning("bounds.unknown", **place._asdict(), cause=failure.args[0].str())
