"""Fusion: the fold over the log, and publishing what it decides.

fusion.input.v1 ─► fold ─► dispatch.alert.v1, maintenance.alert.v1, dispatch.test-alert.v1
                     ├───► dispatch.incident.v1: the latest of each incident, of real ones only
                     ├───► dispatch.ack-result.v1
                     └───► fusion.snapshot.v1, and tombstones of incidents (beside the hot path)

Only one call of `process` runs at a time, and it gives way to the loop between two slices. What runs then sees a
state at a whole offset, or one in the middle of a tick. `_midway` names the partition of the latter: no snapshot of it
is begun. What else is looked at meanwhile, the number of the tick and the counts of incidents, is right at any moment.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from typing import Protocol

import structlog

from processors.fold.log_entry import LogEntry
from processors.fold.reducer import Decision, fold_in_steps
from processors.incident.issue import topic_for
from processors.incident.press_latency import first_named_press
from processors.state.partition_state import State
from schemas.codec import encode
from schemas.enums import Grade, Reason, Status
from schemas.errors import Cause
from schemas.topics import ACK_RESULTS, FUSION_INPUT, INCIDENTS
from schemas.units import SECOND_MS, EpochMs
from streams.clock import Clock
from streams.kafka.batch import Batch
from streams.kafka.producer import ProducerRecord
from streams.kafka.reader import BrokerReader
from streams.kafka.record import LogRecord
from streams.state.incident_topic import IncidentTopic
from streams.state.restore import Restored, restore
from streams.state.snapshots import Snapshots
from streams.state.ticks import TickWriter
from streams.worker.agent import Delivered
from streams.worker.broken_feed import broken_log
from streams.worker.context import Context
from streams.worker.slices import Slices

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
        ticks: Writes the ticks.
    """

    def __init__(
        self,
        context: Context,
        restore: Restore = restore,
        incident_topic: IncidentTopic | None = None,
        ticks: TickWriter | None = None,
    ) -> None:
        self._context, self._restore = context, restore
        self._states: dict[int, State] = {}
        self._ticks = ticks or TickWriter(context)
        self._topic_ids: dict[int, str] = {}
        self._restoring = False
        self._midway: int | None = None
        """The partition of which a record is being folded."""
        self._snapshots = Snapshots(context)
        self._incident_topic = incident_topic or IncidentTopic(context)

    async def process(self, batches: Sequence[Batch]) -> Awaitable[object]:
        """Fold, encode, hand over, in slices."""
        work, made = Slices(self._context), [_Slice(self._context.clock)]
        for batch in batches:
            if (state := self._state_in_hand(batch)) is None:
                await made[-1].hand_over(work)
                made.append(_Slice(self._context.clock))
                state = await self._restored(batch)
            for record in batch:
                self._midway = state.partition
                entry = LogEntry(record.offset, record.timestamp_ms, record.key, record.value)
                for decision in fold_in_steps(state, entry):
                    made[-1].add(decision)
                    if decision.reason is Reason.UNDECODABLE:
                        made[-1].urgent.append(self._dead_letter(record, decision))
                    if work.is_over:
                        await made[-1].hand_over(work)
                        made.append(_Slice(self._context.clock))
                        await work.rest()
                self._midway = None
        await made[-1].hand_over(work)
        return Delivered(self._delivered(work, made), work.urgent)

    async def _delivered(self, work: Slices, made: Sequence["_Slice"]) -> None:
        await work.delivered()
        self._count(made)

    async def after_batch(self) -> None:
        """Begin a snapshot that is due."""
        ours = self._context.assignment()
        for partition, state in self._states.items():
            if partition in ours and partition != self._midway and self._snapshots.is_due(partition):
                self._snapshots.begin(state, self._topic_ids[partition])

    async def every_second(self) -> None:
        """Begin one tick to each of our partitions, and forget the states of those we lost."""
        ours = self._context.assignment()
        for lost in self._states.keys() - ours:
            del self._states[lost]
        self._snapshots.show_ages(ours)
        self._show_open_incidents()
        if INCIDENT_KEEPER not in ours:
            self._incident_topic.leave()
        # Restoring goes first: it takes the same executor. With a wrong clock, incidents would look old enough to go.
        elif self.is_ready() and self.clocks_agree():
            self._incident_topic.begin()
        self._ticks.begin(ours, self._states.get)

    def is_ready(self) -> bool:
        """Every partition that is ours has its state."""
        return not self._restoring and self._context.assignment() <= self._states.keys()

    def clocks_agree(self) -> bool:
        """Our clock is the broker's, by the ticks that were delivered last."""
        return self._ticks.clocks_agree()

    def is_restoring(self) -> bool:
        """A state is being read from a snapshot and the rest of the log."""
        return self._restoring

    async def finish(self) -> None:
        """Save every state, so that the next owner starts where we stop."""
        self._incident_topic.leave()
        self._ticks.stop()
        await asyncio.gather(
            *(
                self._snapshots.begin(state, self._topic_ids[partition])
                for partition, state in self._states.items()
            )
        )

    def _state_in_hand(self, batch: Batch) -> State | None:
        """The state at the batch's first offset; None after any jump, which also a lost partition makes."""
        state = self._states.get(batch[0].partition)
        return state if state is not None and state.offset == batch.start else None

    async def _restored(self, batch: Batch) -> State:
        """The state at the batch's first offset, from a snapshot and the rest of the log."""
        partition = batch[0].partition
        self._context.metrics.restores.inc()
        partitions = self._context.partitions[FUSION_INPUT]
        self._restoring = True
        try:
            restored = await self._context.blocking(
                self._restore,
                self._context.reader,
                partition,
                partitions,
                batch.start,
                self._states.get(partition),
            )
        finally:
            self._restoring = False
        self._states[partition] = restored.state
        self._topic_ids[partition] = restored.topic_id
        if restored.broken is not None:
            log.error("log.broken", partition=partition, **restored.broken._asdict())
            self._context.metrics.log_broken.labels(restored.broken.cause).inc()
            cause, expected, found = restored.broken
            at = self._context.clock.now_ms()
            report = broken_log(partition, restored.topic_id, cause, expected, found, at)
            await self._context.delivery.deliver([report])
        return restored.state

    def _dead_letter(self, record: LogRecord, decision: Decision) -> ProducerRecord:
        return self._context.reject(record, Cause.UNDECODABLE, decision.detail)

    def _show_open_incidents(self) -> None:
        """Update the gauges of open incidents: those of which an alert went out."""
        states = self._states.values()
        for grade in (Grade.RED, Grade.YELLOW, Grade.BLUE):
            known = sum(state.open_by_grade.get(grade, 0) for state in states)
            self._context.metrics.open_incidents.labels(grade).set(known)

    def _count(self, made: Sequence["_Slice"]) -> None:
        """Count what has been delivered, once for all of it: a metric takes 2 µs, and a press has four."""
        metrics = self._context.metrics
        decisions = [decision for each in made for decision in each.decisions]
        for reason, times in Counter(decision.reason for decision in decisions).items():
            metrics.decisions.labels(reason).inc(times)
        alerts = Counter((alert.action, alert.grade) for each in decisions for alert in each.alerts)
        for (action, grade), times in alerts.items():
            metrics.alerts.labels(action, grade).inc(times)
        results = [each.result for each in decisions if each.result is not None]
        for (outcome, reason), times in Counter((each.outcome, each.reason) for each in results).items():
            metrics.ack_results.labels(outcome, reason).inc(times)
        for each in made:
            for latency_ms in each.press_to_alert_ms():
                metrics.press_to_alert.observe(latency_ms / SECOND_MS)
        for decision in decisions:
            if decision.reason in FAULTS:
                log.error("fold.refused", reason=decision.reason, detail=decision.detail)


class _Slice:
    """What one slice has decided.

    Args:
        clock: Ours.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._confirmed_at: EpochMs | None = None
        self.decisions: list[Decision] = []
        self.urgent: list[ProducerRecord] = []
        """Alerts, answers and dead letters."""
        self.copies: list[ProducerRecord] = []
        """The latest of each incident: no alert waits for these."""

    def add(self, decision: Decision) -> None:
        """Add what goes out: each alert to its topic, a real one also as the latest of its incident; the answer."""
        self.decisions.append(decision)
        for alert in decision.alerts:
            key, value = alert.incident_id.encode(), encode(alert)
            self.urgent.append(ProducerRecord(topic_for(alert), key, value))
            if alert.status is Status.ACTUAL:
                self.copies.append(ProducerRecord(INCIDENTS, key, value))
        if (result := decision.result) is not None:
            self.urgent.append(ProducerRecord(ACK_RESULTS, result.ack_id.encode(), encode(result)))

    async def hand_over(self, work: Slices) -> None:
        """Send it. The broker confirms alerts earlier than their copies, and that is when they are delivered."""
        if self.urgent:
            (await work.hand_over(self.urgent)).add_done_callback(self._note_confirmed)
        if self.copies:
            await work.hand_over(self.copies, is_urgent=False)

    def press_to_alert_ms(self) -> list[int]:
        """For each press that was named for the first time, how long it took from its receipt; 0 at least."""
        confirmed_at = self._confirmed_at or self._clock.now_ms()  # it was confirmed in this turn of the loop
        alerts = (alert for decision in self.decisions for alert in decision.alerts)
        named = (press for alert in alerts if (press := first_named_press(alert)) is not None)
        return [max(0, confirmed_at - press.received_at) for press in named]

    def _note_confirmed(self, _delivered: object) -> None:
        self._confirmed_at = self._clock.now_ms()
