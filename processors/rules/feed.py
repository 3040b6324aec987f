"""The condition of a feed, reported by the worker that reads it.

    dead letter ─► a blue: the unusable record may have been a press (requirement 8a)
    watermark   ─► these partitions have been read without a gap until now; a silent one has recovered
    list age    ─► a blue while a list is too old to be matched against (requirement 19)
    log broken  ─► a blue: records of the log itself are gone, and what they reported is not known
    no report   ─► a blue: nobody reads the feed, so no device can be found silent

Conditions that belong to no zone are reported in the zone `unassigned`, by the partition that holds it. Until 0.4.0
workers wrote one record for all four, `FeedStatus`; an older log is read as if it held the four.
"""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec.structs import replace

from processors.incident.device_condition import ConditionSignal, on_active, on_cleared
from processors.incident.grading import ASSESSMENTS, CONTROL_ROOM, grade_of
from processors.incident.issue import AlertContext, incident_id_of, with_source
from processors.incident.lifecycle import OVER, Transition, extend_expiry, opened
from processors.incident.matching import by_name, fault_name, is_in_window
from processors.incident.raising import raise_incident
from processors.state.effect import Effect, PutFeed, PutIncident, PutWatermark, SetTimer
from processors.state.entities import Incident, Timer, TimerKind, Watermark, WatermarkKey
from processors.state.event_ids import EventIdWindow, add_event, check_event
from processors.state.partition_state import State
from schemas.alert import Source
from schemas.enums import Action, Feed, FeedState, Hazard, IncidentState, Reason
from schemas.fusion_log import (
    DeadLetterNotice,
    FeedStatus,
    FeedWatermark,
    FusionInput,
    ListAge,
    LogBrokenNotice,
)
from schemas.partitioning import partition_of
from schemas.registry import UNASSIGNED_ZONE
from schemas.units import SECOND_MS, EpochMs

_FAULT = ASSESSMENTS[Hazard.FEED_FAULT]

AHEAD_MS = 20 * SECOND_MS
"""How far a worker's clock may be ahead of the broker's: as far as a device's clock (SIA DC-09)."""

_REASONS: Mapping[Hazard, Reason] = {
    Hazard.FEED_FAULT: Reason.FEED_FAULT,
    Hazard.LOG_BROKEN: Reason.LOG_BROKEN,
}


class _Occurrence(NamedTuple):
    """An event in a feed or in the log, as opposed to a condition that persists."""

    hazard: Hazard
    feed: Feed
    topic: str
    partition: int
    offset: int
    at: EpochMs

    @property
    def event_id(self) -> str:
        """Its topic, partition and offset, which are equal in every copy."""
        return f"{self.topic}:{self.partition}:{self.offset}"


def feed_watermark(state: State, _envelope: FusionInput, mark: FeedWatermark) -> Effect:
    """Decide about partitions that have been read without a gap. A copy is recognised by its time, which rises."""
    if mark.at > state.now + AHEAD_MS:
        return Effect(Reason.FEED_STATUS)  # a wrong clock: later, correct watermarks would look like copies
    effects = [
        _advanced(state, (mark.topic, partition), mark.at)
        for partition in mark.partitions
        if _is_newer(state, (mark.topic, partition), mark.at)
    ]
    is_copy = bool(mark.partitions) and not effects
    return Effect(Reason.DUPLICATE if is_copy else Reason.FEED_STATUS).then(*effects)


def _is_newer(state: State, key: WatermarkKey, at: EpochMs) -> bool:
    known = state.watermarks.get(key)
    return known is None or at > known.at


def _advanced(state: State, key: WatermarkKey, at: EpochMs) -> Effect:
    """Raise the watermark of a partition: it is supervised from now on, and has recovered if it was silent."""
    effect = Effect(None, (), (PutWatermark(key, Watermark(at, state.now)),))
    if key not in state.watermarks:
        timer = Timer(state.now, _subject(key), TimerKind.FEED_SILENCE)
        effect = effect.then(Effect(None, (), (SetTimer(timer),)))
    silent = by_name(state, UNASSIGNED_ZONE, fault_name(Hazard.FEED_SILENT, _subject(key)))
    if silent is not None and silent.active:
        effect = effect.then(on_cleared(state, _silence_signal(state, _subject(key), f"alive:{at}")))
    return effect


def feed_silence_due(state: State, subject: str) -> EpochMs | None:
    """When to check a partition of a feed for silence; None where another partition of the log reports it."""
    mark = state.watermarks.get(_partition(subject))
    if mark is None or partition_of(UNASSIGNED_ZONE, state.partitions) != state.partition:
        return None
    due = EpochMs(mark.reported_at + state.policy.feed_silent_ms)
    known = by_name(state, UNASSIGNED_ZONE, fault_name(Hazard.FEED_SILENT, subject))
    # The silence has been reported. It is checked again, because a person may close the incident.
    if due <= state.now and known is not None and known.active:
        return EpochMs(state.now + state.policy.feed_silent_ms)
    return due


def on_feed_silent(state: State, subject: str) -> Effect:
    """Report that nobody has reported a partition of a feed for too long."""
    return on_active(state, _silence_signal(state, subject, f"silent:{state.now}"))


def _silence_signal(state: State, subject: str, event_id: str) -> ConditionSignal:
    return ConditionSignal(
        hazard=Hazard.FEED_SILENT,
        subject=subject,
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


def list_age(state: State, envelope: FusionInput, age: ListAge) -> Effect:
    """Decide about the age of a list; its newest entry names the report, so that a copy is recognised."""
    signal = ConditionSignal(
        hazard=Hazard.FEED_STALE,
        subject=age.topic,
        zone=envelope.zone,
        event_id=f"{FeedState.STALE if age.stale else FeedState.OK}:{age.newest_at}",
        feed=age.feed,
        occurred_at=age.newest_at,
        received_at=age.newest_at,
        is_sure=True,
    )
    key = (envelope.zone, age.feed.value, age.topic)
    window = state.feeds.get(key, EventIdWindow())
    known = check_event(window, signal.event_id, age.newest_at)
    if known is not None:
        return Effect(known)
    put = PutFeed(key, add_event(window, signal.event_id, age.newest_at))
    return (on_active(state, signal) if age.stale else on_cleared(state, signal)).after(put)


def dead_letter(state: State, envelope: FusionInput, notice: DeadLetterNotice) -> Effect:
    """Report a record of the pillar feed that could not be used; one of another feed cannot have been a press."""
    if notice.feed is not Feed.PILLARS:
        return Effect(Reason.FEED_STATUS)
    place = (notice.topic, notice.partition, notice.offset)
    return _report_occurrence(
        state, envelope.zone, _Occurrence(Hazard.FEED_FAULT, notice.feed, *place, notice.at)
    )


def log_broken(state: State, envelope: FusionInput, notice: LogBrokenNotice) -> Effect:
    """Report that records of the log itself are gone. What they reported is not known; open incidents stay open."""
    place = (notice.topic, notice.partition, notice.found)
    return _report_occurrence(
        state, envelope.zone, _Occurrence(Hazard.LOG_BROKEN, Feed.LOG, *place, notice.at)
    )


def feed_status(state: State, envelope: FusionInput, status: FeedStatus) -> Effect:
    """Decide about a record written before 0.4.0 as about the one that has replaced it."""
    feed, topic, at = status.feed, status.topic, status.at
    place = (topic, status.partition, status.offset)
    match status.state:
        case FeedState.OK if status.partitions:
            mark = FeedWatermark(feed=feed, topic=topic, partitions=status.partitions, at=at)
            return feed_watermark(state, envelope, mark)
        case FeedState.OK | FeedState.STALE:
            is_stale = status.state is FeedState.STALE
            return list_age(state, envelope, ListAge(feed=feed, topic=topic, newest_at=at, stale=is_stale))
        case FeedState.DEAD_LETTER if feed is Feed.PILLARS:
            return _report_occurrence(state, envelope.zone, _Occurrence(Hazard.FEED_FAULT, feed, *place, at))
        case FeedState.BROKEN:
            return _report_occurrence(state, envelope.zone, _Occurrence(Hazard.LOG_BROKEN, feed, *place, at))
    return Effect(Reason.FEED_STATUS)


def _report_occurrence(state: State, zone: str, occurrence: _Occurrence) -> Effect:
    """Raise an incident for the first occurrence; more of the same topic inside blue's window are only counted."""
    key = (zone, occurrence.feed.value, occurrence.topic)
    window = state.feeds.get(key, EventIdWindow())
    known = check_event(window, occurrence.event_id, occurrence.at)
    if known is Reason.BEYOND_MEMORY:
        return Effect(known)
    put = PutFeed(key, add_event(window, occurrence.event_id, occurrence.at))
    if known is not None:
        return Effect(known, (), (put,))
    joined = by_name(state, zone, occurrence.topic)
    if joined is not None and joined.state not in OVER and is_in_window(state, joined):
        return Effect(Reason.FEED_STATUS, (), (put, PutIncident(_with_occurrence(state, joined, occurrence))))
    context = AlertContext(
        action=Action.RAISE,
        reason=_REASONS[occurrence.hazard],
        cause=(occurrence.feed, occurrence.topic, occurrence.event_id),
        at=state.now,
        policy_version=state.policy_version,
        is_alarm=True,
    )
    return raise_incident(state, _fault_of(state, zone, occurrence), context, None)[1].after(put)


def _with_occurrence(state: State, incident: Incident, occurrence: _Occurrence) -> Incident:
    joined = replace(
        incident,
        last_at=state.now,
        sources=with_source(incident.sources, _source(occurrence)),
        source_count=incident.source_count + 1,
    )
    return extend_expiry(joined, state.now, state.policy)


def _fault_of(state: State, zone: str, occurrence: _Occurrence) -> Incident:
    fault = Incident(
        incident_id=incident_id_of(zone, occurrence.hazard, occurrence.topic, occurrence.event_id),
        zone=zone,
        family=_FAULT.family,
        hazard=occurrence.hazard,
        grade=grade_of(state.policy, occurrence.hazard),
        state=IncidentState.CANDIDATE,  # until it is opened
        place_key=occurrence.topic,
        place=None,
        uncertainty_m=None,
        verification_level=_FAULT.verification_level,
        score_permille=None,
        chain=CONTROL_ROOM,
        onset=occurrence.at,
        first_at=state.now,
        last_at=state.now,
        expires_at=EpochMs(state.now + state.policy.expire_after_ms),
        sources=(_source(occurrence),),
        source_count=1,
        feeds=(occurrence.feed,),
        active=False,  # an occurrence does not persist
    )
    return opened(fault, Transition.FACT, state.now, state.policy)


def _source(occurrence: _Occurrence) -> Source:
    return Source(
        feed=occurrence.feed,
        device_id=occurrence.topic,
        event_id=occurrence.event_id,
        occurred_at=occurrence.at,
        received_at=occurrence.at,
    )
