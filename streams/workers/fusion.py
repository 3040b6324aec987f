"""Fusion: the fold over the log, and what follows from it to dispatch.

fusion.input.v1 ─► fold ─► dispatch.alert.v1, maintenance.alert.v1, dispatch.test-alert.v1
                     ├───► dispatch.incident.v1: the latest of each incident, of real ones only
                     ├───► dispatch.ack-result.v1
                     └───► fusion.snapshot.v1, and tombstones (beside the hot path)
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from secrets import token_hex

import msgspec
import structlog

from processors.fold.log_entry import LogEntry
from processors.fold.reducer import Decision, fold
from processors.incident.issue import topic_for
from processors.incident.press_latency import first_named_press
from processors.state.partition_state import State, new_state
from schemas.alert import Alert
from schemas.codec import encode
from schemas.enums import Grade, Reason, Status
from schemas.errors import Cause
from schemas.topics import (
    ACK_RESULTS,
    ALERTS,
    FUSION_INPUT,
    FUSION_SNAPSHOT,
    INCIDENTS,
    MAINTENANCE,
    TEST_ALERTS,
    dead_letter_topic,
)
from schemas.units import SECOND_MS, EpochMs
from streams.clock import now_ms
from streams.faust.batching import Batch
from streams.kafka.dead_letters import as_log_record, bury
from streams.kafka.producer import Outgoing
from streams.sabotage import SABOTAGE, Sabotage
from streams.state.incident_topic import IncidentTopic
from streams.state.restore import broken_log, restore
from streams.state.snapshots import Snapshots
from streams.state.ticks import Ticker
from streams.worker.context import Context

log = structlog.get_logger(__name__)

OPERATORS_CARE = frozenset({Reason.FOLD_ERROR, Reason.POLICY_REFUSED})
"""Decisions that mean a fault of ours or of a policy: the log says what was found."""

WAKE = 0
"""A tick with this number tells the fold nothing; it brings the first batch of a partition whose state is not here."""

INCIDENT_KEEPER = 0
"""Whoever owns this partition of the log keeps dispatch.incident.v1 in order."""


class FusionAgent:
    """Folds the partitions that are ours.

    Args:
        context: The worker.
    """

    topics = (FUSION_INPUT,)
    uses = (
        FUSION_SNAPSHOT,
        ALERTS,
        MAINTENANCE,
        TEST_ALERTS,
        INCIDENTS,
        ACK_RESULTS,
        dead_letter_topic(FUSION_INPUT),
    )

    def __init__(self, context: Context) -> None:
        self._context = context
        self._states: dict[int, State] = {}
        self._ticker = Ticker(context.metrics, context.runtime.give_up_s, context.replica)
        self._topic_ids: dict[int, str] = {}
        self._restoring = False
        self._snapshots = Snapshots(context)
        self._incident_topic = IncidentTopic(context)

    async def start(self) -> None:
        """A partition's state is restored when its first batch comes."""

    async def process(self, batches: Sequence[Batch]) -> None:
        """Fold, encode, deliver."""
        outgoing: list[Outgoing] = []
        made: list[Decision] = []
        for batch in batches:
            state = await self._state_at(batch)
            for record in batch:
                entry = LogEntry(record.offset, EpochMs(record.timestamp), record.key, record.value)
                state, decisions = fold(state, entry)
                for decision in decisions:
                    outgoing += _messages(decision)
                    outgoing += self._dead_letter(record, decision)
                made += decisions
            self._states[state.partition] = state
            self._ticker.read_back(batch)
        await self._context.delivery.deliver(outgoing)
        self._count(made)

    async def after_ack(self) -> None:
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
        elif self.is_ready():  # restoring goes first: it takes the same executor
            self._incident_topic.begin()
        await self._context.delivery.deliver(
            [self._ticker.tick(partition, self._states.get(partition)) for partition in sorted(ours)]
        )

    def is_ready(self) -> bool:
        """Every partition that is ours has its state, and our clock is the broker's."""
        has_all = not self._restoring and self._context.assignment() <= self._states.keys()
        return has_all and self._ticker.clocks_agree

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
        if SABOTAGE is Sabotage.SKIP_RESTORE:
            self._topic_ids[partition] = ""
            empty = new_state(partition, partitions)
            empty.offset = batch.start
            return empty
        self._restoring = True
        try:
            restored = await self._context.blocking(
                restore, self._context.kafka, partition, partitions, batch.start, state
            )
        finally:
            self._restoring = False
        self._topic_ids[partition] = restored.topic_id
        if restored.broken is not None:
            log.error("log.broken", partition=partition, **restored.broken._asdict())
            self._context.metrics.log_broken.labels(restored.broken.cause).inc()
            told = broken_log(partition, restored.topic_id, restored.broken, now_ms())
            await self._context.delivery.deliver([told])
        return restored.state

    def _dead_letter(self, record: object, decision: Decision) -> list[Outgoing]:
        if decision.reason is not Reason.UNDECODABLE:
            return []
        metrics = self._context.metrics
        return [
            bury(as_log_record(record), Cause.UNDECODABLE, decision.detail, worker="fusion", metrics=metrics)
        ]

    def _show_open_incidents(self) -> None:
        """Tell Prometheus of the incidents that somebody has heard of."""
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
        metrics, now = self._context.metrics, now_ms()
        for decision in decisions:
            metrics.decisions.labels(decision.reason).inc()
            if decision.reason in OPERATORS_CARE:
                log.error("fold.refused", reason=decision.reason, detail=decision.detail)
            for alert in decision.alerts:
                metrics.alerts.labels(alert.action, alert.grade).inc()
                if (press := first_named_press(alert)) is not None:
                    metrics.press_to_alert.observe(max(0, now - press.received_at) / SECOND_MS)
            if decision.result is not None:
                metrics.ack_results.labels(decision.result.outcome, decision.result.reason).inc()


def _messages(decision: Decision) -> Iterable[Outgoing]:
    """What goes out: each alert to its topic, a real one also as the latest of its incident; then the answer."""
    for alert in decision.alerts if SABOTAGE is not Sabotage.RANDOM_IDS else map(_renamed, decision.alerts):
        key, value = alert.incident_id.encode(), encode(alert)
        yield Outgoing(topic_for(alert), key, value)
        if alert.status is Status.ACTUAL:
            yield Outgoing(INCIDENTS, key, value)
    if decision.result is not None:
        yield Outgoing(ACK_RESULTS, decision.result.ack_id.encode(), encode(decision.result))


def _renamed(alert: Alert) -> Alert:
    """With ids that no replay can find again (streams/sabotage.py)."""
    incident_id = f"{alert.zone}-{token_hex(13)}"
    return msgspec.structs.replace(alert, alert_id=token_hex(13), incident_id=incident_id)
