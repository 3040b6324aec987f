"""Fusion: the fold over the log, and what follows from it to dispatch.

fusion.input.v1 ─► fold ─► dispatch.alert.v1, maintenance.alert.v1, dispatch.test-alert.v1
                     └───► fusion.snapshot.v1 (beside the hot path)
"""

from collections.abc import Sequence

import structlog

from processors.alerts import topic_for
from processors.entry import LogEntry
from processors.incidents import Decision, fold
from processors.state import State
from schemas.alerts import Alert
from schemas.catalogue import (
    ALERTS,
    FUSION_INPUT,
    FUSION_SNAPSHOT,
    MAINTENANCE,
    TEST_ALERTS,
    dead_letter_topic,
)
from schemas.codec import encode
from schemas.enums import Action, Hazard, InputKind, Reason, Status
from schemas.errors import Cause
from schemas.log import FusionInput, Tick
from schemas.units import EpochMs
from streams.batching import Batch
from streams.clock import now_ms
from streams.context import Context
from streams.dead_letters import as_log_record, bury
from streams.delivery import Outgoing
from streams.snapshots import Snapshots, restore

log = structlog.get_logger(__name__)

OPERATORS_CARE = frozenset({Reason.FOLD_ERROR, Reason.POLICY_REFUSED})
"""Decisions that mean a fault of ours or of a policy: the log says what was found."""

WAKE = 0
"""A tick with this number tells the fold nothing; it brings the first batch of a partition whose state is not here."""


class FusionAgent:
    """Folds the partitions that are ours.

    Args:
        context: The worker.
    """

    topic = FUSION_INPUT
    uses = (FUSION_SNAPSHOT, ALERTS, MAINTENANCE, TEST_ALERTS, dead_letter_topic(FUSION_INPUT))

    def __init__(self, context: Context) -> None:
        self._context = context
        self._states: dict[int, State] = {}
        self._ticked: dict[int, int] = {}
        self._snapshots = Snapshots(context)

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
                    outgoing += [_message(alert) for alert in decision.alerts]
                    outgoing += self._dead_letter(record, decision)
                made += decisions
            self._states[state.partition] = state
        await self._context.delivery.deliver(outgoing)
        self._count(made)

    async def after_ack(self) -> None:
        """Begin the snapshots that are due, one after another."""
        ours = self._context.assignment()
        for partition, state in self._states.items():
            if partition in ours and self._snapshots.is_due(partition):
                self._snapshots.begin(state)

    async def every_second(self) -> None:
        """Write one tick to each of our partitions, and forget the states of those we lost."""
        ours = self._context.assignment()
        self._states = {partition: state for partition, state in self._states.items() if partition in ours}
        self._snapshots.show_ages(ours)
        await self._context.delivery.deliver([self._tick(partition) for partition in sorted(ours)])

    def is_ready(self) -> bool:
        """Every partition that is ours has its state."""
        return self._context.assignment() <= self._states.keys()

    async def finish(self) -> None:
        """Save every state, so that the next owner starts where we stop."""
        for state in self._states.values():
            await self._snapshots.begin(state)

    async def _state_at(self, batch: Batch) -> State:
        """The state at the batch's first offset: the one in hand, or restored after any jump."""
        partition = batch[0].partition
        state = self._states.get(partition)
        if state is None or state.offset != batch.start:
            self._context.metrics.restores.inc()
            state = await self._context.blocking(
                restore,
                self._context.kafka,
                partition,
                self._context.partitions[FUSION_INPUT],
                batch.start,
            )
        return state

    def _tick(self, partition: int) -> Outgoing:
        state = self._states.get(partition)
        number = WAKE if state is None else max(state.tick, self._ticked.get(partition, 0)) + 1
        self._ticked[partition] = number
        record = FusionInput(
            kind=InputKind.TICK,
            event_id=f"tick-{partition}-{number}",
            zone="",
            payload=encode(Tick(number=number)),
        )
        return Outgoing(FUSION_INPUT, b"", encode(record), partition)

    def _dead_letter(self, record: object, decision: Decision) -> list[Outgoing]:
        if decision.reason is not Reason.UNDECODABLE:
            return []
        metrics = self._context.metrics
        return [
            bury(as_log_record(record), Cause.UNDECODABLE, decision.detail, worker="fusion", metrics=metrics)
        ]

    def _count(self, decisions: Sequence[Decision]) -> None:
        """Count what has been delivered."""
        metrics, now = self._context.metrics, now_ms()
        for decision in decisions:
            metrics.decisions.labels(decision.reason).inc()
            if decision.reason in OPERATORS_CARE:
                log.error("fold.refused", reason=decision.reason, detail=decision.detail)
            for alert in decision.alerts:
                metrics.alerts.labels(alert.action, alert.grade).inc()
            if decision.received_at is not None and any(_is_heard_press(alert) for alert in decision.alerts):
                metrics.press_to_alert.observe(max(0, now - decision.received_at) / 1000)


def _message(alert: Alert) -> Outgoing:
    return Outgoing(topic_for(alert), alert.incident_id.encode(), encode(alert))


def _is_heard_press(alert: Alert) -> bool:
    """Whether this alert is the first that dispatch hears of a person who pressed a button."""
    is_call = alert.hazard is Hazard.EMERGENCY_CALL and alert.status is Status.ACTUAL
    return is_call and alert.action is Action.RAISE
