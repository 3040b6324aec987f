"""The fold: one entry of the log in, decisions out. It is total, reads no clock, and is equal for every reader.

    entry ─► decode ─► writer ─► clock ─► bounds ─► route ─► rule(state) ─► effect ─► apply ─► decision
               │         │                            │         │
               │         │                            │         └─ raises ─► fold_error, state as it was; a press: a
               │         │                            │                      minimal red
               │         │                            └─ another zone's ───► misrouted; a press is decided about
               │         └─ not its writer's ─► unexpected_writer: a blue; a press is decided about
               └─ not readable ───────────────► undecodable: the caller makes a dead letter of it

Stream time is in processors/fold/stream_time.py, the bounds are in processors/fold/bounds.py, and who may write what
is in processors/fold/writers.py. The life cycle of an incident is the table in processors/incident/lifecycle.py. What
an input does is in processors/rules/, one module for each family of inputs.

A press is never dropped for being misrouted: it is decided about in the partition where it lies. A partition knows
nothing of another one's zones, so the press raises like that of an unregistered device, in a zone that belongs to this
partition: an acknowledgement finds an incident by its zone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import heappop, heappush
from typing import Any

import msgspec
from msgspec.structs import replace

from processors.fold.apply import apply, prune_timers
from processors.fold.bounds import Bounded, is_zone, within_bounds
from processors.fold.last_resort import minimal_red
from processors.fold.log_entry import LogEntry, record_hash
from processors.fold.stream_time import advance_time, note_hole
from processors.fold.writers import may_write
from processors.incident.silence import on_recovered
from processors.rules.ack import acknowledgement
from processors.rules.camera import camera_alive, observation
from processors.rules.clock import clock_notice, compare_tick
from processors.rules.device_event import pillar_fact
from processors.rules.feed import feed_expectation, feed_status, feed_watermark, list_age
from processors.rules.feed_loss import feed_broken
from processors.rules.occurrence import dead_letter, log_broken, unexpected_writer
from processors.rules.planned_work import exercise_change, maintenance_window
from processors.rules.registry import device_update, policy_update
from processors.rules.skip import skip_notice
from processors.rules.timers import due_of, fire
from processors.state.effect import CountTick, Decision, Effect, RecordReport
from processors.state.entities import DeviceKey, Timer
from processors.state.partition_state import State, unassigned_zone
from schemas.ack import AckFact
from schemas.codec import decode
from schemas.enums import Grade, InputKind, PillarKind, Reason
from schemas.errors import DecodeError
from schemas.fusion_log import (
    CameraAlive,
    ClockNotice,
    DeadLetterNotice,
    ExerciseNotice,
    ExpectedFeeds,
    FeedBrokenNotice,
    FeedStatus,
    FeedWatermark,
    FusionInput,
    ListAge,
    LogBrokenNotice,
    MaintenanceWindow,
    Observation,
    PillarFact,
    PolicyRecord,
    SkipNotice,
    Tick,
)
from schemas.ids import bounded_id
from schemas.partitioning import partition_of
from schemas.registry import RegistryDevice
from schemas.units import MINUTE_MS, EpochMs

__all__ = ["Decision", "fold", "fold_decoded", "fold_in_steps", "read_entry"]

Rule = Callable[[State, FusionInput, Any], Effect]

RECORDS: Mapping[InputKind, type[msgspec.Struct]] = {
    InputKind.PILLAR_EVENT: PillarFact,
    InputKind.OBSERVATION: Observation,
    InputKind.CAMERA_ALIVE: CameraAlive,
    InputKind.ACKNOWLEDGEMENT: AckFact,
    InputKind.SHELVING: AckFact,
    InputKind.DEVICE: RegistryDevice,
    InputKind.POLICY: PolicyRecord,
    InputKind.FEED_STATUS: FeedStatus,
    InputKind.TICK: Tick,
    InputKind.FEED_WATERMARK: FeedWatermark,
    InputKind.DEAD_LETTER: DeadLetterNotice,
    InputKind.LIST_AGE: ListAge,
    InputKind.LOG_BROKEN: LogBrokenNotice,
    InputKind.MAINTENANCE: MaintenanceWindow,
    InputKind.EXERCISE: ExerciseNotice,
    InputKind.CLOCK: ClockNotice,
    InputKind.EXPECTED_FEEDS: ExpectedFeeds,
    InputKind.FEED_BROKEN: FeedBrokenNotice,
    InputKind.SKIP: SkipNotice,
}
"""The record that an envelope of a kind carries. A kind that is missing here is not supported."""

RULES: dict[InputKind, Rule] = {
    InputKind.PILLAR_EVENT: pillar_fact,
    InputKind.OBSERVATION: observation,
    InputKind.CAMERA_ALIVE: camera_alive,
    InputKind.ACKNOWLEDGEMENT: acknowledgement,
    InputKind.SHELVING: acknowledgement,
    InputKind.DEVICE: device_update,
    InputKind.POLICY: policy_update,
    InputKind.FEED_STATUS: feed_status,
    InputKind.FEED_WATERMARK: feed_watermark,
    InputKind.DEAD_LETTER: dead_letter,
    InputKind.LIST_AGE: list_age,
    InputKind.LOG_BROKEN: log_broken,
    InputKind.MAINTENANCE: maintenance_window,
    InputKind.EXERCISE: exercise_change,
    InputKind.CLOCK: clock_notice,
    InputKind.EXPECTED_FEEDS: feed_expectation,
    InputKind.FEED_BROKEN: feed_broken,
    InputKind.SKIP: skip_notice,
}
"""The rule of each kind. Ticks have none: the fold handles them, because each timer is decided about by itself."""

BROADCAST = (
    InputKind.TICK,
    InputKind.POLICY,
    InputKind.FEED_WATERMARK,
    InputKind.EXPECTED_FEEDS,
    InputKind.SKIP,
)
"""Kinds without a zone, of which each partition gets its own. So was a FEED_STATUS that carried a watermark."""

OF_A_WORKER = frozenset(
    {
        InputKind.FEED_STATUS,
        InputKind.DEAD_LETTER,
        InputKind.LIST_AGE,
        InputKind.LOG_BROKEN,
        InputKind.FEED_BROKEN,
    }
)
"""What workers say of feeds, lists and the log, which belong to no zone. Each zone would have incidents of its own, so
one that has no device in this partition stands for what is unassigned: nobody can make up zones to have more."""

REFUSED = {
    InputKind.POLICY: Reason.POLICY_REFUSED,
    InputKind.MAINTENANCE: Reason.MAINTENANCE_REFUSED,
}
"""The reason where a record of a kind must have no effect (processors/fold/bounds.py); others are NOT_SUPPORTED."""

MAX_FIRED = 200
"""Timers of anything but a red that fire in one tick; the others fire in the next ones, a second apart. A press may
wait behind a tick, and a timer takes about 0.1 ms."""

RETRY_MS = MINUTE_MS
"""How long after a failure a timer is tried again, so that a fault does not keep an incident for ever."""


def fold(state: State, entry: LogEntry) -> tuple[State, tuple[Decision, ...]]:
    """Fold one entry of the log into the state.

    Args:
        state: The state of the entry's partition; changed in place.
        entry: The entry at or after `state.offset`.

    Returns:
        The same state, and one decision. There is one more for a silent device that has recovered, and for a tick one
        more for each timer that had something to report.
    """
    return state, tuple(fold_in_steps(state, entry))


def fold_in_steps(state: State, entry: LogEntry) -> Iterable[Decision]:
    """Fold one entry as `fold` does, and give each decision as soon as it is made: a tick may fire hundreds of timers.

    Until the last decision is taken the state is folded in part: it must be neither saved nor folded on.
    """
    state.last_hash = record_hash(entry)
    try:
        envelope, record = read_entry(entry)
    except Exception as error:  # noqa: BLE001 — nor must one on which the codec itself fails
        state.offset = entry.offset + 1
        advance_time(state, entry, None)
        detail = str(error) if isinstance(error, DecodeError) else type(error).__name__
        return (Decision(reason=Reason.UNDECODABLE, detail=detail),)
    return _decisions(state, entry, envelope, record)


def read_entry(entry: LogEntry) -> tuple[FusionInput, msgspec.Struct | None]:
    """Decode the envelope of an entry and the record that it carries; None for a kind that is not supported.

    Raises:
        DecodeError: The envelope or the record is not readable.
    """
    envelope = decode(entry.value, FusionInput)
    wanted = RECORDS.get(envelope.kind)
    return envelope, None if wanted is None else decode(envelope.payload, wanted)


def fold_decoded(
    state: State, entry: LogEntry, envelope: FusionInput, record: Any
) -> tuple[State, tuple[Decision, ...]]:
    """Fold an entry that has been decoded. It does what `fold` does, except for decoding and `last_hash`."""
    return state, tuple(_decisions(state, entry, envelope, record))


def _decisions(state: State, entry: LogEntry, envelope: FusionInput, record: Any) -> Iterable[Decision]:
    state.offset = entry.offset + 1
    is_its_own = may_write(state, entry, envelope.kind, record)
    advance_time(state, entry, record if is_its_own else None)
    if not is_its_own and not _is_press(record):
        return (_unexpected_writer(state, entry, envelope),)
    try:
        made = within_bounds(state, entry, envelope, record)
    except Exception as error:  # noqa: BLE001 — as for a rule: one record must not stop a partition
        return (_failed(state, envelope, record, error),)
    decisions = _decided(state, entry, made) if is_its_own else _press_of_nobody(state, entry, made)
    return _bounded(decisions, made.changed) if made.changed else decisions


def _unexpected_writer(state: State, entry: LogEntry, envelope: FusionInput) -> Decision:
    """A record that is not its writer's to write has no effect but a blue."""
    try:
        effect = unexpected_writer(state, entry.offset, entry.writer or "")
    except Exception as error:  # noqa: BLE001 — as for a rule
        return _failed(state, envelope, None, error)
    apply(state, effect.changes)
    return replace(
        _decision(effect, bounded_id(envelope.event_id)),
        reason=Reason.UNEXPECTED_WRITER,
        detail=f"{envelope.kind} of {entry.writer or 'nobody known'} at {state.partition}/{entry.offset}",
    )


def _press_of_nobody(state: State, entry: LogEntry, made: Bounded) -> Iterator[Decision]:
    """A press that alarms has not written is heard as that of an unregistered device, and told like the others.

    Nobody can know that no one is in need. It changes nothing of the device that it names.
    """
    zone = unassigned_zone(state.partition, state.partitions)
    envelope = replace(made.envelope, zone=zone)
    yield from _ruled(state, envelope, made.record)
    yield _unexpected_writer(state, entry, envelope)


def _bounded(decisions: Iterable[Decision], changed: tuple[str, ...]) -> Iterator[Decision]:
    """The decisions about a record that was not within its bounds; the first one says so."""
    for number, decision in enumerate(decisions):
        yield decision if number else replace(decision, bounded=changed)


def _decided(state: State, entry: LogEntry, made: Bounded) -> Iterable[Decision]:
    envelope, record = made.envelope, made.record
    if envelope.kind is InputKind.TICK:
        return _tick(state, entry, envelope, record)
    if made.refused:
        reason = REFUSED.get(envelope.kind, Reason.NOT_SUPPORTED)
        return (Decision(reason=reason, event_id=envelope.event_id, detail=made.refused),)
    if envelope.kind not in RULES:
        return (Decision(reason=Reason.NOT_SUPPORTED, event_id=envelope.event_id),)
    if _is_misrouted(state, entry, envelope):
        if not _is_press(record):
            return (Decision(reason=Reason.MISROUTED, event_id=envelope.event_id),)
        is_ours = partition_of(envelope.zone, state.partitions) == state.partition
        if not (is_ours and is_zone(envelope.zone)):
            zone = unassigned_zone(state.partition, state.partitions)
            envelope = replace(envelope, zone=zone)
    if envelope.kind in OF_A_WORKER and envelope.zone and not state.zone_sizes.get(envelope.zone):
        envelope = replace(envelope, zone=unassigned_zone(state.partition, state.partitions))
    return _ruled(state, envelope, record)


def _ruled(state: State, envelope: FusionInput, record: Any) -> tuple[Decision, ...]:
    try:
        effect = RULES[envelope.kind](state, envelope, record)
    except Exception as error:  # noqa: BLE001 — one record must not stop a partition and all its replicas
        return (_failed(state, envelope, record, error),)
    apply(state, effect.changes)
    decision = _decision(effect, envelope.event_id)
    last = effect.changes[-1] if effect.changes else None
    if type(last) is RecordReport and not last.report.doubtful:
        device = state.devices[last.key]
        if device.silent_since is not None or device.settles_at is not None:
            return decision, _recover(state, envelope, last.key)
    return (decision,)


def _decision(effect: Effect, event_id: str) -> Decision:
    return Decision(
        reason=effect.reason or Reason.UNKNOWN,
        alerts=effect.alerts,
        result=effect.result,
        event_id=event_id,
        detail=effect.detail,
    )


def _recover(state: State, envelope: FusionInput, key: DeviceKey) -> Decision:
    """Decide about the recovery of a silent device, separately from and after the record that it sent."""
    try:
        effect = on_recovered(state, state.devices[key])
    except Exception as error:  # noqa: BLE001 — the decision about its record has been made and stays
        return _failed(state, envelope, None, error)
    apply(state, effect.changes)
    return _decision(effect, envelope.event_id)


def _is_misrouted(state: State, entry: LogEntry, envelope: FusionInput) -> bool:
    if envelope.kind in BROADCAST or (envelope.kind is InputKind.FEED_STATUS and not envelope.zone):
        return False
    return (
        entry.key != envelope.zone.encode()
        or partition_of(envelope.zone, state.partitions) != state.partition
        or not is_zone(envelope.zone)
    )


def _is_press(record: object) -> bool:
    return isinstance(record, PillarFact) and record.kind is PillarKind.PRESS


def _failed(state: State, envelope: FusionInput, record: object, error: Exception) -> Decision:
    """The decision when a rule fails: FOLD_ERROR, and for a press a minimal red made from the record alone."""
    detail = f"{type(error).__name__}: {error}"
    if not isinstance(record, PillarFact) or record.kind is not PillarKind.PRESS:
        return Decision(reason=Reason.FOLD_ERROR, event_id=envelope.event_id, detail=detail)
    return Decision(
        reason=Reason.FOLD_ERROR,
        alerts=(minimal_red(envelope.zone, record, state.now),),
        event_id=record.event_id,
        detail=detail,
    )


def _tick(state: State, entry: LogEntry, envelope: FusionInput, tick: Tick) -> Iterator[Decision]:
    """Fire the timers that are due, in the order of the heap, each one separately."""
    if tick.number <= state.tick:
        yield Decision(reason=Reason.DUPLICATE, event_id=envelope.event_id)
        return
    note_hole(state)
    apply(state, (CountTick(tick.number, entry.append_ms),))
    yield from _compared(state, entry, envelope, tick)
    fired, later = 0, []
    while state.timers and state.timers[0].due <= state.now:
        timer = heappop(state.timers)
        while state.timers and state.timers[0] == timer:
            heappop(state.timers)  # equal timers fire once
        if fired >= MAX_FIRED and not _is_of_red(state, timer):
            later.append(timer)
            continue
        decision = _fire_if_due(state, envelope, timer)
        if decision is not None:
            fired += 1
            yield decision
    for timer in later:
        heappush(state.timers, timer)
    prune_timers(state)
    yield Decision(reason=Reason.TICK, event_id=envelope.event_id)


def _compared(state: State, entry: LogEntry, envelope: FusionInput, tick: Tick) -> list[Decision]:
    """The decision about the clock of the tick's writer, where there is something to tell."""
    try:
        effect = compare_tick(state, tick, entry.append_ms)
    except Exception as error:  # noqa: BLE001 — a clock must not keep timers from firing
        return [_failed(state, envelope, None, error)]
    apply(state, effect.changes)
    return [_decision(effect, "clock")] if effect.reason is not None else []


def _is_of_red(state: State, timer: Timer) -> bool:
    incident = state.incidents.get(timer.subject)
    return incident is not None and incident.grade is Grade.RED


def _fire_if_due(state: State, envelope: FusionInput, timer: Timer) -> Decision | None:
    """Fire a timer if its actual due time has come, and set it again for its next due time."""
    decision = None
    try:
        due = due_of(state, timer)
        if due is not None and due <= state.now:
            effect = fire(state, timer)
            apply(state, effect.changes)
            if effect.reason is not None:
                decision = _decision(effect, f"timer:{timer.kind}")
            due = due_of(state, timer)
            if due is not None:
                due = EpochMs(max(due, state.now + 1))  # at most once a tick, whatever the rule sets
    except Exception as error:  # noqa: BLE001 — one incident must not keep the others' timers from firing
        decision = _failed(state, envelope, None, error)
        due = EpochMs(state.now + RETRY_MS)
    if due is not None:
        heappush(state.timers, Timer(due, timer.subject, timer.kind))
    return decision
