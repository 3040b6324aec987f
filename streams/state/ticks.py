"""Ticks: one a second for each partition that is ours, numbered; they also compare the broker's clock with ours.

    tick ─► appended by the broker's clock ─► read back: the two clocks differ by so much
    more than a second apart ─► no ticks of ours, not ready; for too long ─► exit 70, another worker takes over

Stream time is the broker's append time. A worker whose clock is wrong does no harm to the fold on Kafka, but what it
measures and logs is wrong, and on a broker that keeps the writer's time so is the fold.
"""

from collections.abc import Sequence
from typing import Any

import structlog

from processors.state.partition_state import State
from schemas.enums import InputKind
from schemas.errors import ClockDiffers
from schemas.fusion_log import Tick
from schemas.units import SECOND_MS, EpochMs
from streams.clock import SYSTEM_CLOCK, Clock
from streams.kafka.producer import ProducerRecord
from streams.worker.log_writer import broadcast
from streams.worker.metrics import Metrics

log = structlog.get_logger(__name__)

WAKE = 0
"""A tick with this number does not advance the fold; it brings the first batch of a partition whose state is not here,
and shows the broker's clock to a worker that may not tick."""

APART_MS = SECOND_MS
"""Clocks that differ by more are wrong: NTP keeps them within milliseconds."""


class Ticker:
    """Writes ticks and reads them back.

    Args:
        metrics: Where the difference of the clocks is shown.
        limit_s: How long the clocks may differ before the worker ends.
        replica: Part of a tick's name: a tick of another replica with the same number says nothing of our clock.
        clock: Ours.
    """

    def __init__(
        self, metrics: Metrics, limit_s: float, replica: str = "", clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._metrics, self._limit_s, self._replica, self._clock = metrics, limit_s, replica, clock
        self._numbers: dict[int, int] = {}
        self._sent: dict[int, tuple[bytes | None, EpochMs]] = {}
        self._apart_since: float | None = None

    @property
    def clocks_agree(self) -> bool:
        """Whether the broker's clock and ours are less than a second apart, as far as is known."""
        return self._apart_since is None

    def tick(self, partition: int, state: State | None) -> ProducerRecord:
        """The next tick of a partition.

        Raises:
            ClockDiffers: The clocks have differed for too long.
        """
        if self._apart_since is not None and self._clock.monotonic() - self._apart_since > self._limit_s:
            raise ClockDiffers(
                f"the broker's clock and this machine's have been more than {APART_MS} ms apart for "
                f"{self._limit_s:g} s"
            )
        number = WAKE
        if state is not None and self.clocks_agree:
            number = max(state.tick, self._numbers.get(partition, 0)) + 1
            self._numbers[partition] = number
        name = f"tick-{partition}-{number}" + (f"-{self._replica}" if self._replica else "")
        (record,) = broadcast(InputKind.TICK, name, Tick(number=number), [partition])
        self._sent[partition] = record.value, self._clock.now_ms()
        return record

    def read_back(self, batch: Sequence[Any]) -> None:
        """Look for our last tick among the records of a partition, and compare its append time with our clock."""
        sent = self._sent.get(batch[0].partition)
        if sent is None:
            return
        value, at = sent
        for record in batch:
            if record.value == value:
                del self._sent[batch[0].partition]
                self._compare(_apart(record.timestamp, at, self._clock.now_ms()))
                return

    def _compare(self, apart_ms: int) -> None:
        self._metrics.clock_difference.set(apart_ms / SECOND_MS)
        are_apart = abs(apart_ms) > APART_MS
        if are_apart and self._apart_since is None:
            self._apart_since = self._clock.monotonic()
            log.error("clock.differs", broker_minus_ours_ms=apart_ms)
        elif not are_apart and self._apart_since is not None:
            self._apart_since = None
            log.info("clock.agrees", broker_minus_ours_ms=apart_ms)


def _apart(appended: int, sent: int, received: int) -> int:
    """How far the append time lies outside of [sent, received]: a slow broker has no wrong clock."""
    if appended < sent:
        return appended - sent
    return max(0, appended - received)
