"""Fusion: the fold over the log, and publishing what it decides.

fusion.input.v1 ─► fold ─► dispatch.alert.v1, maintenance.alert.v1, dispatch.test-alert.v1
                     ├───► dispatch.incident.v1: the latest of each incident, of real ones only
                     ├───► dispatch.ack-result.v1
                     └───► fusion.snapshot.v1, and tombstones of incidents (beside the hot path)
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol

import structlog

from processors.fold.log_entry import LogEntry
from processors.fold.reducer import Decision, fold
from processors.incident.issue import topic_for
from processors.incident.press_latency import first_named_press
from processors.state.partition_state import State
from schemas.codec import encode
from schemas.enums import Grade, Reason, Status
from schemas.errors import Cause
from schemas.topics import ACK_RESULTS, FUSION_INPUT, INCIDENTS
from schemas.units import SECOND_MS
from streams.kafka.batch import Batch
from streams.kafka.producer import ProducerRecord
from streams.kafka.reader import BrokerReader
from streams.kafka.record import LogRecord
from streams.state.incident_topic import IncidentTopic
from streams.state.restore import Restored, broken_log, restore
from streams.state.snapshots import Snapshots
from streams.state.ticks import Ticker
from streams.worker.clock_watch import ClockWatch
from streams.worker.context import Context

log = structlog.get_logger(__name__)

FAULTS = frozenset({Reason.FOLD_ERROR, Reason.POLICY_REFUSED})
"""Reasons that mean a fault of ours or of a policy: they are logged with what was found."""

INCIDENT_KEEPER = 0
"""The worker that owns this partition of the log maintains dispatch.incident.v1."""


class Restore(Protocol):
    """Finds the state of a partition at an offset; `streams.state.restore.restore` does."""

    def __call__(
        self, reader: BrokerReader, partition: int, partitions: int, committed: int, in_hand: State | None, /
    ) -> Restored:
        """Blocks while it reads."""


class FusionAgent:
    """Folds the partitions that are ours.

    Args:
        context: The worker.
        restore: Finds the state of a partition at an offset.
        incident_topic: Maintains dispatch.incident.v1.
    """

    def __init__(
        self,
        context: Context,
        restore: Restore = restore,
        incident_topic: IncidentTopic | None = None,
    ) -> None:
        self._context, self._restore = context, restore
        self._states: dict[int, State] = {}
        self._ticker = Ticker(context.replica, context.clock)
        self._clock_watch = ClockWatch(context)
        self._topic_ids: dict[int, str] = {}
        self._restoring = False
        self._snapshots = Snapshots(context)
        self._incident_topic = incident_topic or IncidentTopic(context)

    async def process(self, batches: Sequence[Batch]) -> None:
        """Fold, encode, deliver."""
        outgoing: list[ProducerRecord] = []
        made: list[Decision] = []
        for batch in batches:
            state = await self._state_at(batch)
            for record in batch:
                entry = LogEntry(record.offset, record.timestamp_ms, record.key, record.value)
                state, decisions = fold(state, entry)
                for decision in decisions:
                    outgoing += _messages(decision)
                    outgoing += self._dead_letter(record, decision)
                made += decisions
            self._states[state.partition] = state
        await self._context.delivery.deliver(outgoing)
        self._count(made)

    async def after_batch(self) -> None:
        """Begin the snapshots that are due, one after another."""
        ours = self._context.assignment()
        for partition, state in self._states.items():
            if partition in ours and self._snapshots.is_due(partition):
                self._snapshots.begin(state, self._topic_ids[partition])

    async def every_second(self) -> None:
        """Write one tick to each of our partitions, and forget the states of those we lost."""
        ours = self._context.assignment()
        self._states = {partition: state for partition, state in self._states.items() if partition in ours}
        self._snapshots.show_ages(ours)
        self._show_open_incidents()
        if INCIDENT_KEEPER not in ours:
            self._incident_topic.leave()
        # Restoring goes first: it takes the same executor. With a wrong clock, incidents would look old enough to go.
        elif self.is_ready() and self.clocks_agree():
            self._incident_topic.begin()
        await self._clock_watch.deliver(
            [self._ticker.tick(partition, self._states.get(partition)) for partition in sorted(ours)]
        )

    def is_ready(self) -> bool:
        """Every partition that is ours has its state."""
        return not self._restoring and self._context.assignment() <= self._states.keys()

    def clocks_agree(self) -> bool:
        """Our clock is the broker's, by the ticks that were delivered last."""
        return self._clock_watch.agrees()

    def is_restoring(self) -> bool:
        """A state is being read from a snapshot and the rest of the log."""
        return self._restoring

    async def finish(self) -> None:
        """Save every state, so that the next owner starts where we stop."""
        self._incident_topic.leave()
        for partition, state in self._states.items():
            await self._snapshots.begin(state, self._topic_ids[partition])

    async def _state_at(self, batch: Batch) -> State:
        """The state at the batch's first offset: the one in hand, or restored after any jump."""
        partition = batch[0].partition
        state = self._states.get(partition)
        if state is not None and state.offset == batch.start:
            return state
        self._context.metrics.restores.inc()
        partitions = self._context.partitions[FUSION_INPUT]
        self._restoring = True
        try:
            restored = await self._context.blocking(
                self._restore, self._context.reader, partition, partitions, batch.start, state
            )
        finally:
            self._restoring = False
        self._topic_ids[partition] = restored.topic_id
        if restored.broken is not None:
            log.error("log.broken", partition=partition, **restored.broken._asdict())
            self._context.metrics.log_broken.labels(restored.broken.cause).inc()
            report = broken_log(partition, restored.topic_id, restored.broken, self._context.clock.now_ms())
            await self._context.delivery.deliver([report])
        return restored.state

    def _dead_letter(self, record: LogRecord, decision: Decision) -> list[ProducerRecord]:
        if decision.reason is not Reason.UNDECODABLE:
            return []
        return [self._context.reject(record, Cause.UNDECODABLE, decision.detail)]

    def _show_open_incidents(self) -> None:
        """Update the gauges of open incidents: those of which an alert went out."""
        known = Counter(
            incident.grade
            for state in self._states.values()
            for incident in state.incidents.values()
            if incident.revision
        )
        for grade in (Grade.RED, Grade.YELLOW, Grade.BLUE):
            self._context.metrics.open_incidents.labels(grade).set(known[grade])

    def _count(self, decisions: Sequence[Decision]) -> None:
        """Count what has been delivered."""
        metrics, now = self._context.metrics, self._context.clock.now_ms()
        for decision in decisions:
            metrics.decisions.labels(decision.reason).inc()
            if decision.reason in FAULTS:
                log.error("fold.refused", reason=decision.reason, detail=decision.detail)
            for alert in decision.alerts:
                metrics.alerts.labels(alert.action, alert.grade).inc()
                if (press := first_named_press(alert)) is not None:
                    metrics.press_to_alert.observe(max(0, now - press.received_at) / SECOND_MS)
            if decision.result is not None:
                metrics.ack_results.labels(decision.result.outcome, decision.result.reason).inc()


def _messages(decision: Decision) -> Iterable[ProducerRecord]:
    """What goes out: each alert to its topic, a real one also as the latest of its incident; then the answer."""
    for alert in decision.alerts:
        key, value = alert.incident_id.encode(), encode(alert)
        yield ProducerRecord(topic_for(alert), key, value)
        if alert.status is Status.ACTUAL:
            yield ProducerRecord(INCIDENTS, key, value)
    if decision.result is not None:
        yield ProducerRecord(ACK_RESULTS, decision.result.ack_id.encode(), encode(decision.result))
