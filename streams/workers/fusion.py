"""Fusion: the fold over the log, and publishing what it decides.

fusion.input.v1 ─► fold ─► dispatch.alert.v1, maintenance.alert.v1, dispatch.test-alert.v1
                     ├───► dispatch.incident.v1: the latest of each incident, of real ones only
                     ├───► dispatch.ack-result.v1
                     └───► fusion.snapshot.v1, and tombstones of incidents (beside the hot path)

States belong to the consuming thread, which folds, copies them for snapshots and shows their counts, each at a whole
offset. The event loop writes ticks, snapshots and tombstones; of a state it reads the last tick's number, and all of
it at the end.
"""

from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Protocol

import structlog

from processors.fold.log_entry import LogEntry
from processors.fold.output import encode_alert
from processors.fold.reducer import Decision
from processors.fold.skipping import fold_or_skip, may_be_skip
from processors.incident.issue import topic_for
from processors.incident.press_latency import first_named_press
from processors.state.partition_state import State
from schemas.codec import encode
from schemas.enums import AckOutcome, Action, Grade, Reason, Status
from schemas.errors import Cause
from schemas.topics import ACK_RESULTS, FUSION_INPUT, INCIDENTS
from schemas.units import SECOND_MS
from streams.kafka.batch import Batch
from streams.kafka.producer import ProducerRecord
from streams.kafka.reader import BrokerReader
from streams.state.incident_topic import IncidentTopic
from streams.state.restore import Restored
from streams.state.restore import restore as restore_state
from streams.state.snapshots import Snapshots
from streams.state.ticks import TickWriter
from streams.worker.broken_feed import broken_log
from streams.worker.context import Context
from streams.worker.work import Work, WorkSlice
from streams.workers.log_skips import LogSkips

if TYPE_CHECKING:
    from concurrent.futures import Future

log = structlog.get_logger(__name__)

FAULTS = frozenset({Reason.FOLD_ERROR, Reason.POLICY_REFUSED, Reason.UNEXPECTED_WRITER})
"""Reasons that mean a fault of ours, of a policy, or of a writer of the log: they are logged with what was found."""

MOST_FAULTS = 20
"""Faults that are logged a second; the metrics count all of them."""

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
        restore: Restore | None = None,
        incident_topic: IncidentTopic | None = None,
        ticks: TickWriter | None = None,
    ) -> None:
        self._context, self._writer_of = context, context.writer_of
        self._restore = restore or partial(restore_state, writer_of=context.writer_of)
        self._states: dict[int, State] = {}
        self._ticks = ticks or TickWriter(context)
        self._topic_ids: dict[int, str] = {}
        self._restoring: Future[Restored] | None = None
        self._restored_partition = 0
        self._counted = _Counted()
        self._snapshots = Snapshots(context)
        self._incident_topic = incident_topic or IncidentTopic(context)
        self._skips = LogSkips(context)

    def prepare(self, batch: Batch, work: Work) -> bool:
        """Whether the state at the batch's first offset is in hand; else it is being restored, beside all this.

        What is to be skipped of the batch is written into the log first.
        """
        if self._state_in_hand(batch) is None:
            self._take_restored(work)
        if self._state_in_hand(batch) is not None:
            return self._skips.is_settled(batch, work)
        if self._restoring is None:
            self._begin_to_restore(batch)
        return False

    def process(self, batch: Batch, work: Work) -> None:
        """Fold, encode, hand over, in slices."""
        state, made = self._states[batch.partition], [_Decided(work.slice)]
        skips = self._skips.of(batch.partition)
        is_any_read = False
        for record in batch:
            writer = None if self._writer_of is None else self._writer_of(record)
            entry = LogEntry(record.offset, record.timestamp_ms, record.key, record.value, writer)
            for decision in fold_or_skip(state, entry, skips):
                made[-1].add(decision, work)
                if decision.reason is Reason.UNDECODABLE:
                    work.hand_over([self._context.reject(record, Cause.UNDECODABLE, decision.detail)])
                elif decision.reason is Reason.SKIPPED and record.offset in skips:
                    cause = skips[record.offset].cause
                    work.hand_over([self._context.reject(record, cause, decision.detail)])
                else:
                    is_any_read = True
                if work.slice_is_over:
                    work.assert_not_failed()
                    work.send()
                    made.append(_Decided(work.slice))
            if may_be_skip(entry):
                work.hand_over(self._skips.note(entry, batch.partition))
        if is_any_read:
            self._context.unreadable.note_read(batch.topic)
        work.when_delivered(partial(self._note_delivered, made))

    def quarantine(self, batch: Batch, work: Work) -> None:
        """Pass the record of which workers have died: the log says by now that it is skipped."""
        self.process(batch, work)

    def after_batch(self) -> None:
        """Begin a snapshot that is due."""
        for partition, state in self._states.items():
            if self._snapshots.is_due(partition) and partition in self._context.assignment():
                self._snapshots.begin(state, self._topic_ids[partition])

    def punctuate(self, work: Work) -> None:
        """Forget the states of the partitions that we lost, and show what there is to see of the others."""
        self._take_restored(work)  # its partition may be gone, and nobody asks for it any more
        for lost in self._states.keys() - self._context.assignment():
            del self._states[lost]
        self._count()
        self._show_open_incidents()

    async def every_second(self) -> None:
        """Begin one tick to each of our partitions."""
        ours = self._context.assignment()
        self._snapshots.show_ages(ours)
        if INCIDENT_KEEPER not in ours:
            self._incident_topic.leave()
        # Restoring goes first: it takes the same executor. With a wrong clock, incidents would look old enough to go.
        elif self.is_ready() and self.clocks_agree():
            self._incident_topic.begin()
        self._ticks.begin(ours, self._states.get)

    def is_ready(self) -> bool:
        """Every partition that is ours has its state."""
        return not self.is_restoring() and self._context.assignment() <= self._states.keys()

    def clocks_agree(self) -> bool:
        """Our clock is the broker's, by the ticks that were delivered last."""
        return self._ticks.clocks_agree()

    def keeps_snapshots(self) -> bool:
        """The states can be saved: not where several attempts in a row have failed."""
        return self._snapshots.are_kept(self._context.assignment())

    def is_restoring(self) -> bool:
        """A state is being read from a snapshot and the rest of the log."""
        return (restoring := self._restoring) is not None and not restoring.done()

    async def finish(self) -> None:
        """Save every state, so that the next owner starts where we stop."""
        self._count()
        self._incident_topic.leave()
        self._ticks.stop()
        self._snapshots.is_awaited = True
        for partition, state in self._states.items():
            self._snapshots.begin(state, self._topic_ids[partition])
        await self._snapshots.written()

    def _state_in_hand(self, batch: Batch) -> State | None:
        """The state at the batch's first offset; None after any jump, which also a lost partition makes."""
        state = self._states.get(batch[0].partition)
        return state if state is not None and state.offset == batch.start else None

    def _begin_to_restore(self, batch: Batch) -> None:
        """Find the state at the batch's first offset, from a snapshot and the rest of the log.

        A state in hand is given away for that: it is folded on, and nobody else may look at it meanwhile.
        """
        self._context.metrics.restores.inc()
        self._snapshots.is_awaited = True  # both are done by the same thread
        self._restored_partition = batch.partition
        self._restoring = self._context.executor.submit(
            self._restore,
            self._context.reader,
            batch.partition,
            self._context.partitions[FUSION_INPUT],
            batch.start,
            self._states.pop(batch.partition, None),
        )

    def _take_restored(self, work: Work) -> None:
        """Go on with a state that is restored by now; what is wrong with the log is told first."""
        if self._restoring is None or not self._restoring.done():
            return
        done, self._restoring = self._restoring, None
        self._snapshots.is_awaited = False
        partition = self._restored_partition
        if partition not in self._context.assignment():
            log.info("state.unwanted", partition=partition, error=repr(done.exception()))
            return
        restored = done.result()
        self._skips.restored(partition, restored.skips)
        self._states[partition], self._topic_ids[partition] = restored.state, restored.topic_id
        if restored.broken is not None:
            log.error("log.broken", partition=partition, **restored.broken._asdict())
            self._context.metrics.log_broken.labels(restored.broken.cause).inc()
            cause, expected, found = restored.broken
            at = self._context.clock.now_ms()
            work.hand_over([broken_log(partition, restored.topic_id, cause, expected, found, at)])

    def _note_delivered(self, made: Iterable["_Decided"]) -> None:
        for each in made:
            self._counted.add(each)
            for latency_ms in each.press_to_alert_ms():
                self._context.metrics.press_to_alert.observe(latency_ms / SECOND_MS)

    def _show_open_incidents(self) -> None:
        """Update the gauges of open incidents: those of which an alert went out. Not while a state is missing."""
        if not self.is_ready():
            return
        states = self._states.values()
        for grade in (Grade.RED, Grade.YELLOW, Grade.BLUE):
            known = sum(state.open_by_grade.get(grade, 0) for state in states)
            self._context.metrics.open_incidents.labels(grade).set(known)

    def _count(self) -> None:
        """Show what has been delivered, once a second: finding the counter of a label costs as much as an alert."""
        counted, self._counted = self._counted, _Counted()
        metrics = self._context.metrics
        for reason, times in counted.reasons.items():
            metrics.decisions.labels(reason).inc(times)
        for (action, grade), times in counted.alerts.items():
            metrics.alerts.labels(action, grade).inc(times)
        for (outcome, reason), times in counted.results.items():
            metrics.ack_results.labels(outcome, reason).inc(times)
        for field, times in counted.bounded.items():
            metrics.fold_bounded.labels(field).inc(times)
        for fault in counted.faults[:MOST_FAULTS]:
            log.error("fold.refused", reason=fault.reason, detail=fault.detail, bounded=fault.bounded)


class _Counted:
    """What was delivered since it was last shown. Each batch adds its own: together they would hold up a press."""

    def __init__(self) -> None:
        self.reasons: Counter[Reason] = Counter()
        self.alerts: Counter[tuple[Action, Grade]] = Counter()
        self.results: Counter[tuple[AckOutcome, Reason]] = Counter()
        self.bounded: Counter[str] = Counter()
        self.faults: list[Decision] = []

    def add(self, decided: "_Decided") -> None:
        """Add what one slice has decided about a batch."""
        for decision in decided.decisions:
            self.reasons[decision.reason] += 1
            for alert in decision.alerts:
                self.alerts[alert.action, alert.grade] += 1
            if (result := decision.result) is not None:
                self.results[result.outcome, result.reason] += 1
            self.bounded.update(decision.bounded)
            if decision.reason in FAULTS or decision.bounded:
                self.faults.append(decision)


class _Decided:
    """What was decided about a batch in one slice.

    Args:
        within: The slice.
    """

    def __init__(self, within: WorkSlice) -> None:
        self._slice = within
        self.decisions: list[Decision] = []

    def add(self, decision: Decision, work: Work) -> None:
        """Hand over what goes out: each alert to its topic, a real one also as the latest of its incident; the answer.

        Nobody waits for copies: the broker confirms alerts earlier, and that is when they are delivered.
        """
        self.decisions.append(decision)
        for alert in decision.alerts:
            try:
                key, value = alert.incident_id.encode(), encode_alert(alert)
            except ValueError as error:  # of one alert nobody is told; of every other one they are
                detail = f"{alert.alert_id}: {error}"
                self.decisions.append(Decision(reason=Reason.FOLD_ERROR, detail=detail))
                continue
            work.hand_over([ProducerRecord(topic_for(alert), key, value)])
            if alert.status is Status.ACTUAL:
                work.hand_over([ProducerRecord(INCIDENTS, key, value)])
        if (result := decision.result) is not None:
            work.hand_over([ProducerRecord(ACK_RESULTS, result.ack_id.encode(), encode(result))])

    def press_to_alert_ms(self) -> list[int]:
        """For each press that was named for the first time, how long it took from its receipt; 0 at least."""
        if (sent := self._slice.sent) is None:
            return []
        confirmed_at = sent.confirmed_at
        alerts = (alert for decision in self.decisions for alert in decision.alerts)
        named = (press for alert in alerts if (press := first_named_press(alert)) is not None)
        return [max(0, confirmed_at - press.received_at) for press in named]
