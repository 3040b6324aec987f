"""How a feed is doing, told by the worker that reads it.

    dead_letter ─► a blue: a press may be in it (domain.md 8a)
    ok          ─► these partitions have told everything until now; a silent one speaks again
    stale       ─► a blue: a list is too old to be matched against (domain.md 19)
    broken      ─► a blue: records of the log itself are gone, and what they told is not known
    nothing     ─► a blue: nobody reads the feed, and no device can be told to be silent

What is no zone's own is told in the zone `unassigned`, by the partition that holds it.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from processors.incident.deadlines import enter
from processors.incident.device_condition import ConditionSignal, Shown, on_active, on_cleared
from processors.incident.grading import ASSESSMENTS, CONTROL_ROOM, grade_of
from processors.incident.issue import AlertContext, incident_id_of, issue_alert, with_source
from processors.incident.lifecycle import OVER, Transition, next_state
from processors.incident.matching import by_name, fault_name, is_in_window
from processors.state.effect import Change, Decision, Outcome, PutFeed, PutIncident, PutWatermark, SetTimer
from processors.state.entities import Incident, Timer, TimerKind, Watermark, WatermarkKey
from processors.state.event_ids import EventIdWindow, add_event, check_event
from processors.state.partition_state import State
from schemas.alert import Alert, Source
from schemas.enums import Action, Feed, FeedState, Hazard, Reason
from schemas.fusion_log import FeedStatus, FusionInput
from schemas.partitioning import partition_of
from schemas.registry import UNASSIGNED_ZONE
from schemas.units import SECOND_MS, EpochMs

_FAULT = ASSESSMENTS[Hazard.FEED_FAULT]

AHEAD_MS = 20 * SECOND_MS
"""A worker's clock may be so far ahead of the broker's, as a device's may (SIA DC-09)."""

_REASONS: Mapping[Hazard, Reason] = {
    Hazard.FEED_FAULT: Reason.FEED_FAULT,
    Hazard.LOG_BROKEN: Reason.LOG_BROKEN,
}


def feed_status(state: State, envelope: FusionInput, status: FeedStatus) -> Outcome:
    """Decide about what a worker tells of its feed."""
    match status.state:
        case FeedState.OK if status.partitions:
            return _alive(state, envelope, status)
        case FeedState.OK | FeedState.STALE:
            return _freshness(state, envelope, status)
        case FeedState.DEAD_LETTER if status.feed is Feed.PILLARS:
            return _has_happened(state, envelope, status, Hazard.FEED_FAULT)
        case FeedState.BROKEN:
            return _has_happened(state, envelope, status, Hazard.LOG_BROKEN)
    return _silent(envelope, Reason.FEED_STATUS)


def _alive(state: State, envelope: FusionInput, status: FeedStatus) -> Outcome:
    """Everything of these partitions has been told. A copy is known by its time, which rises."""
    changes: list[Change] = []
    alerts: list[Alert] = []
    if (
        status.at > state.now + AHEAD_MS
    ):  # a clock that is wrong: what it says would keep others from being believed
        return _silent(envelope, Reason.FEED_STATUS)
    for partition in status.partitions:
        key = (status.topic, partition)
        known = state.watermarks.get(key)
        if known is not None and status.at <= known.at:
            continue
        changes.append(PutWatermark(key, Watermark(status.at, state.now)))
        if known is None:
            changes.append(SetTimer(Timer(state.now, _subject(key), TimerKind.FEED_SILENCE)))
        name = fault_name(Hazard.FEED_SILENT, _subject(key))
        silent = by_name(state, UNASSIGNED_ZONE, name)
        if silent is not None and silent.active:
            shown = on_cleared(state, _silence_sign(state, _subject(key), f"alive:{status.at}"))
            alerts += shown.alerts
            changes += shown.changes
    reason = Reason.FEED_STATUS if changes else Reason.DUPLICATE
    return Decision(reason=reason, alerts=tuple(alerts), event_id=envelope.event_id), tuple(changes)


def feed_silence_due(state: State, subject: str) -> EpochMs | None:
    """When a partition of a feed must have been told of; None where that is another partition's to tell."""
    mark = state.watermarks.get(_partition(subject))
    if mark is None or partition_of(UNASSIGNED_ZONE, state.partitions) != state.partition:
        return None
    due = EpochMs(mark.reported_at + state.policy.feed_silent_ms)
    known = by_name(state, UNASSIGNED_ZONE, fault_name(Hazard.FEED_SILENT, subject))
    if due <= state.now and known is not None and known.active:
        return EpochMs(
            state.now + state.policy.feed_silent_ms
        )  # it is told; a person may close it, so look again
    return due


def on_feed_silent(state: State, subject: str) -> Shown:
    """Nobody has told of a partition of a feed for too long."""
    return on_active(state, _silence_sign(state, subject, f"silent:{state.now}"))


def _silence_sign(state: State, subject: str, event_id: str) -> ConditionSignal:
    return ConditionSignal(
        hazard=Hazard.FEED_SILENT,
        who=subject,
        zone=UNASSIGNED_ZONE,
        event_id=event_id,
        feed=Feed.INTAKE,
        occurred_at=state.now,
        received_at=state.now,
        is_sure=True,
    )


def _subject(key: WatermarkKey) -> str:
    return f"{key[0]}/{key[1]}"


def _partition(subject: str) -> WatermarkKey:
    topic, _, partition = subject.rpartition("/")
    return topic, int(partition)


def _freshness(state: State, envelope: FusionInput, status: FeedStatus) -> Outcome:
    """A list is too old, or fresh again; each is named by the age of the list, so that copies say nothing new."""
    sign = ConditionSignal(
        hazard=Hazard.FEED_STALE,
        who=status.topic,
        zone=envelope.zone,
        event_id=f"{status.state}:{status.at}",
        feed=status.feed,
        occurred_at=status.at,
        received_at=status.at,
        is_sure=True,
    )
    key = (envelope.zone, status.feed.value, status.topic)
    memory = state.feeds.get(key, EventIdWindow())
    known = check_event(memory, sign.event_id, status.at)
    if known is not None:
        return _silent(envelope, known)
    shown = on_active(state, sign) if status.state is FeedState.STALE else on_cleared(state, sign)
    decision = Decision(reason=shown.reason, alerts=shown.alerts, event_id=envelope.event_id)
    return decision, (PutFeed(key, add_event(memory, sign.event_id, status.at)), *shown.changes)


def _has_happened(state: State, envelope: FusionInput, status: FeedStatus, hazard: Hazard) -> Outcome:
    """The first of its kind raises; more of the same topic inside blue's window are counted in silence."""
    key = (envelope.zone, status.feed.value, status.topic)
    memory = state.feeds.get(key, EventIdWindow())
    letter = _letter_id(status)
    known = check_event(memory, letter, status.at)
    if known is Reason.BEYOND_MEMORY:
        return _silent(envelope, known)
    seen = PutFeed(key, add_event(memory, letter, status.at))
    if known is not None:
        return _silent(envelope, known, seen)
    joined = by_name(state, envelope.zone, status.topic)
    if joined is not None and joined.state not in OVER and is_in_window(state, joined):
        return _silent(envelope, Reason.FEED_STATUS, seen, PutIncident(_one_more(state, joined, status)))
    occasion = AlertContext(
        action=Action.RAISE,
        reason=_REASONS[hazard],
        cause=(status.feed, status.topic, letter),
        at=state.now,
        policy_version=state.policy_version,
        is_alarm=True,
    )
    incident, alert = issue_alert(_fault_of(state, envelope.zone, status, hazard), occasion)
    decision = Decision(reason=_REASONS[hazard], alerts=(alert,), event_id=envelope.event_id)
    return decision, (seen, PutIncident(incident))


def _one_more(state: State, incident: Incident, status: FeedStatus) -> Incident:
    return replace(
        incident,
        last_at=state.now,
        expires_at=EpochMs(state.now + state.policy.expire_after_ms),
        sources=with_source(incident.sources, _source(status)),
        source_count=incident.source_count + 1,
    )


def _fault_of(state: State, zone: str, status: FeedStatus, hazard: Hazard) -> Incident:
    fault = Incident(
        incident_id=incident_id_of(zone, hazard, status.topic, _letter_id(status)),
        zone=zone,
        family=_FAULT.family,
        hazard=hazard,
        grade=grade_of(state.policy, hazard),
        state=next_state(None, Transition.FACT),
        place_key=status.topic,
        place=None,
        uncertainty_m=None,
        verification_level=_FAULT.verification_level,
        score_permille=None,
        chain=CONTROL_ROOM,
        onset=status.at,
        first_at=state.now,
        last_at=state.now,
        expires_at=EpochMs(state.now + state.policy.expire_after_ms),
        sources=(_source(status),),
        source_count=1,
        feeds=(status.feed,),
        active=False,  # it has happened, and does not go on
    )
    return enter(fault, fault.state, state.now, state.policy)


def _source(status: FeedStatus) -> Source:
    return Source(
        feed=status.feed,
        device_id=status.topic,
        event_id=_letter_id(status),
        occurred_at=status.at,
        received_at=status.at,
    )


def _letter_id(status: FeedStatus) -> str:
    """Where the record lay that became a dead letter: equal in every copy."""
    return f"{status.topic}:{status.partition}:{status.offset}"


def _silent(envelope: FusionInput, reason: Reason, *changes: Change) -> Outcome:
    return Decision(reason=reason, event_id=envelope.event_id), changes
