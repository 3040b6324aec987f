"""Records in a row that nobody can read: a wrong schema, and not a poisoned record.

    rejected for its schema ──► counted ──► `dead_letter_limit` in a row, and nothing readable for 10 s ──► told
    read ────────────────────► 0                        frames, plates ──► the worker stops, the rest waits
                                                        alarms, fusion ──► it goes on: a press may be behind them

In a row means: over all partitions of the topic that are ours. So whoever may write to a topic stops nobody with
garbage, as long as anybody else is heard in ten seconds; and of the workers that a press depends on it stops none.
Whatever was rejected lies at its place, and can be sent again when workers are there that read it.
"""

from collections.abc import Callable, Iterable
from typing import Final

import structlog

from schemas.errors import Cause, WrongSchema
from streams.kafka.rare_log import RareLogger

log = structlog.get_logger(__name__)

QUIET_S: Final = 10.0
"""How long nothing of the topic could be read. One camera that works sends several pictures in it."""

_OF_SCHEMAS: Final = frozenset({Cause.UNDECODABLE, Cause.UNKNOWN_SCHEMA, Cause.INVALID_FIELD})
"""Causes that a wrong schema has; whatever else is rejected was read."""


class UnreadableRuns:
    """Counts of one worker, by topic. Any thread may tell what it has found.

    Args:
        topics: What it reads in its group.
        limit: How many in a row are told; 0: none.
        stops: Whether the worker stops then.
        monotonic: The clock for intervals.
    """

    def __init__(
        self, topics: Iterable[str], limit: int, *, stops: bool, monotonic: Callable[[], float]
    ) -> None:
        self._limit, self._stops, self._monotonic = limit, stops, monotonic
        self._counts = dict.fromkeys(topics, 0)
        self._read_at = dict.fromkeys(self._counts, monotonic())
        self._rare = RareLogger(log, monotonic)

    @property
    def counts(self) -> dict[str, int]:
        """How many of each topic were rejected since one was read."""
        return dict(self._counts)

    def note_read(self, topic: str) -> None:
        """A record of the topic could be read."""
        if self._counts.get(topic):
            self._counts[topic] = 0
        self._read_at[topic] = self._monotonic()

    def note_rejected(self, topic: str, cause: Cause) -> None:
        """A record was rejected."""
        if (
            topic not in self._counts
        ):  # a list that is followed: an old record of it is rejected at each start
            return
        if cause in _OF_SCHEMAS:
            self._counts[topic] += 1
        else:
            self.note_read(topic)

    def look(self) -> None:
        """Tell what there is to tell; called once a second.

        Raises:
            WrongSchema: The worker stops.
        """
        if not self._limit:
            return
        now = self._monotonic()
        for topic, count in self._counts.items():
            if count < self._limit or now - self._read_at[topic] < QUIET_S:
                continue
            if self._stops:
                raise WrongSchema(
                    f"{topic}: {count} records in a row cannot be read, and none for {QUIET_S:.0f} s: their writer "
                    "has another schema than this release. They are dead letters, those behind them wait. Upgrade the "
                    "workers, or lock the writer out ([runtime] dead_letter_limit)"
                )
            self._rare.error("topic.wrong_schema", topic=topic, records=count)
