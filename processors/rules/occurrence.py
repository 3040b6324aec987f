"""Records that could not be used or were never read, and records of the log that are gone: a press may be among them.

    the first of a cause ──────────────► a blue (requirement 8a)
    more of that cause, perhaps presses ► told again with their count, at growing intervals, whatever people have done
    more of that cause, no presses ─────► counted

Each cause of a topic is an incident of its own, so that nothing hides behind something else (docs/requirements.md,
F20); of records that were never read, each cause of a partition (processors/rules/feed_loss.py). A record of a device
that no registry names cannot have been a press, since a press is heard from any device; the device is named.
"""

from typing import NamedTuple

from msgspec.structs import replace

from processors.incident.grading import ASSESSMENTS, CONTROL_ROOM, grade_of
from processors.incident.issue import AlertContext, incident_id_of, issue_alert, with_source
from processors.incident.lifecycle import (
    OVER,
    QUIET,
    Transition,
    advance,
    extend_expiry,
    is_possible,
    opened,
    told_by,
)
from processors.incident.matching import by_name
from processors.incident.merge import MAX_DEVICES
from processors.incident.raising import raise_incident
from processors.state.effect import Effect, PutFeed, PutIncident
from processors.state.entities import Incident
from processors.state.event_ids import EventIdWindow, add_in_order
from processors.state.partition_state import State, unassigned_zone
from processors.state.record_loss import RecordLoss, record_loss, with_notice
from schemas.ack import Actor
from schemas.alert import Source
from schemas.enums import Action, Feed, Hazard, IncidentState, Reason
from schemas.errors import Cause
from schemas.fusion_log import DeadLetterNotice, FeedBrokenNotice, FusionInput, LogBrokenNotice
from schemas.topics import (
    FRAMES,
    FUSION_INPUT,
    PLATE_READS,
    base_of,
    gateway_of,
    organisation_of,
)
from schemas.units import EpochMs

_FAULT = ASSESSMENTS[Hazard.FEED_FAULT]

_REASONS = {
    Hazard.FEED_FAULT: Reason.FEED_FAULT,
    Hazard.LOG_BROKEN: Reason.LOG_BROKEN,
    Hazard.FEED_BROKEN: Reason.FEED_BROKEN,
}

SKIPS = frozenset({Cause.QUARANTINED, Cause.SKIPPED})
"""Causes of records that were passed unread."""


_REASONS_OF_CAUSES = {
    **dict.fromkeys(SKIPS, Reason.SKIPPED),
    Cause.UNEXPECTED_WRITER: Reason.UNEXPECTED_WRITER,
}
"""What is told by its cause; anything else by its hazard."""

UNSIGNED = "without a signature"
"""Who has written a record that bears no signature of a known key."""


def may_hold_presses(topic: str) -> bool:
    """Whether records of a topic may be presses."""
    return topic == FUSION_INPUT or gateway_of(topic) is not None


def _is_consumed(topic: str) -> bool:
    """Whether workers consume a topic, beside the log."""
    return (
        gateway_of(topic) is not None or organisation_of(topic) is not None or topic in {FRAMES, PLATE_READS}
    )


class Occurrence(NamedTuple):
    """An event in a feed or in the log, as opposed to a condition that persists.

    Attributes:
        hazard: What is wrong.
        feed: Who reports it.
        topic: The topic that it is about.
        cause: Why.
        event_id: Equal in every copy.
        name: The name of its incident.
        at: When it happened.
        device_id: The device that the record names, or the place of a record that was passed; empty where there is
            neither.
        actor: Who has asked for it, or None.
        note: Why, in their words, or None.
        notice: The notice of records that were never read; None for another hazard.
    """

    hazard: Hazard
    feed: Feed
    topic: str
    cause: Cause
    event_id: str
    name: str
    at: EpochMs
    device_id: str = ""
    actor: Actor | None = None
    note: str | None = None
    notice: FeedBrokenNotice | None = None

    @property
    def may_be_press(self) -> bool:
        """Whether a press may be among what it is about."""
        return self.cause is not Cause.UNKNOWN_DEVICE and may_hold_presses(self.topic)


def dead_letter(state: State, envelope: FusionInput, notice: DeadLetterNotice) -> Effect:
    """Report a record of the pillar feed that could not be used; one of another feed cannot have been a press.

    A record of which workers died is reported whatever the feed: somebody has to look at it.
    """
    is_quarantined = notice.cause is Cause.QUARANTINED
    if notice.feed is not Feed.PILLARS and not is_quarantined:
        return Effect(Reason.FEED_STATUS)
    if not (_is_consumed(notice.topic) if is_quarantined else gateway_of(notice.topic) is not None):
        return Effect(Reason.NOT_SUPPORTED)
    place = f"{notice.topic}/{notice.partition}/{notice.offset}"
    occurrence = Occurrence(
        hazard=Hazard.FEED_FAULT,
        feed=notice.feed,
        topic=base_of(notice.topic),  # also of a gateway's own topic: one incident for each cause
        cause=notice.cause,
        event_id=f"{notice.topic}:{notice.partition}:{notice.offset}",
        name=f"{base_of(notice.topic)}:{notice.cause}",
        at=state.now if is_quarantined else notice.at,  # it may have waited for days: it is told all the same
        device_id=place if is_quarantined else notice.device_id,
    )
    return report_occurrence(state, envelope.zone, occurrence)


def log_broken(state: State, envelope: FusionInput, notice: LogBrokenNotice) -> Effect:
    """Report that records of the log itself are gone. What they reported is not known; open incidents stay open."""
    if notice.topic != FUSION_INPUT:
        return Effect(Reason.NOT_SUPPORTED)
    occurrence = Occurrence(
        hazard=Hazard.LOG_BROKEN,
        feed=Feed.LOG,
        topic=notice.topic,
        cause=notice.cause,
        event_id=f"{notice.topic}:{notice.partition}:{notice.found}",
        name=f"{notice.topic}:{notice.cause}",
        at=notice.at,
    )
    return report_occurrence(state, envelope.zone, occurrence)


def unexpected_writer(state: State, offset: int, writer: str) -> Effect:
    """Report a record of the log that was not its writer's to write (processors/fold/writers.py).

    Args:
        state: Read only.
        offset: Where the record lies.
        writer: Who has signed it; empty where nobody known has.
    """
    occurrence = Occurrence(
        hazard=Hazard.FEED_FAULT,
        feed=Feed.LOG,
        topic=FUSION_INPUT,
        cause=Cause.UNEXPECTED_WRITER,
        event_id=f"{FUSION_INPUT}:{state.partition}:{offset}",
        name=f"{FUSION_INPUT}:{Cause.UNEXPECTED_WRITER}",
        at=state.now,
        device_id=writer or UNSIGNED,
    )
    return report_occurrence(state, unassigned_zone(state.partition, state.partitions), occurrence)


def never_a_press(incident: Incident) -> bool:
    """Whether no record of an incident can have been a press, so that one that is put away has nothing to tell."""
    if incident.loss is not None:
        return not may_hold_presses(incident.loss.topic)
    return incident.place_key.endswith(f":{Cause.UNKNOWN_DEVICE}")


def tell_more_records(state: State, incident: Incident) -> Effect:
    """Tell again of a cause of which more records have come, and ask for an answer (F20)."""
    more = replace(incident, reminders=incident.reminders + 1)
    if is_possible(more.state, Transition.REALARM):
        reminders = more.reminders
        more = advance(more, Transition.REALARM, state.now, state.policy)
        more = replace(more, reminders=reminders)
    context = AlertContext(
        action=Action.UPDATE,
        reason=Reason.MORE_RECORDS,
        cause=("more", str(incident.source_count)),
        at=state.now,
        policy_version=state.policy_version,
        is_alarm=True,
        is_join=True,
    )
    more, alert = issue_alert(more, context)
    return Effect(Reason.MORE_RECORDS, (alert,), (PutIncident(more),))


def report_occurrence(state: State, zone: str, occurrence: Occurrence) -> Effect:
    """Report an occurrence in its incident, or in a new one where none is open."""
    key = (zone, occurrence.feed.value, occurrence.topic)
    window = state.feeds.get(key, EventIdWindow())
    if occurrence.event_id in window.ids:
        return Effect(Reason.DUPLICATE)
    # In the order of the log, and never by a time: partitions of one feed are read at different speeds and clocks are
    # wrong, and neither they nor a flood of other records may keep one from being told.
    put = PutFeed(key, add_in_order(window, occurrence.event_id, state.now))
    joined = by_name(state, zone, occurrence.name)
    if joined is not None:
        return _joined(state, joined, occurrence).after(put)
    context = AlertContext(
        action=Action.RAISE,
        reason=_REASONS_OF_CAUSES.get(occurrence.cause, _REASONS[occurrence.hazard]),
        cause=(occurrence.feed, occurrence.topic, occurrence.event_id),
        at=state.now,
        policy_version=state.policy_version,
        is_alarm=True,
        actor=occurrence.actor,
        note=occurrence.note,
    )
    return raise_incident(state, _fault_of(state, zone, occurrence), context, None)[1].after(put)


def _joined(state: State, joined: Incident, occurrence: Occurrence) -> Effect:
    """One more record of a cause that has an open incident."""
    is_new_device = _has_room_for(joined, occurrence.device_id)
    incident = _with_occurrence(state, joined, occurrence)
    is_told = occurrence.may_be_press or is_new_device or occurrence.notice is not None
    if not is_told:
        return Effect(Reason.FEED_STATUS, (), (PutIncident(incident),))
    due = more_records_due(state, joined)
    if due <= state.now and occurrence.may_be_press:
        return tell_more_records(state, replace(incident, untold=joined.untold + 1))
    if not occurrence.may_be_press and joined.state in (*QUIET, *OVER):
        return Effect(Reason.FEED_STATUS, (), (PutIncident(replace(incident, untold=0)),))
    return Effect(Reason.FEED_STATUS, (), (PutIncident(told_by(incident, due, state.now)),))


def more_records_due(state: State, incident: Incident) -> EpochMs:
    """When more records are told: twice as long after the latest alert each time, at most a reminder's time."""
    longest = state.policy.notify_ms.of(incident.grade)
    pause_ms = min(longest, state.policy.more_records_ms << min(incident.reminders, 20))
    return EpochMs((incident.told_at or incident.first_at) + pause_ms)


def _has_room_for(incident: Incident, device_id: str) -> bool:
    return bool(device_id) and device_id not in incident.devices and len(incident.devices) < MAX_DEVICES


def _with_occurrence(state: State, incident: Incident, occurrence: Occurrence) -> Incident:
    name = occurrence.device_id
    devices = (*incident.devices, name) if _has_room_for(incident, name) else incident.devices
    joined = replace(
        incident,
        last_at=state.now,
        devices=devices,
        device_name=incident.device_name,
        sources=with_source(incident.sources, _source(occurrence)),
        source_count=incident.source_count + 1,
        loss=_loss_of(state, incident, occurrence),
    )
    return extend_expiry(joined, state.now, state.policy)


def _loss_of(state: State, incident: Incident, occurrence: Occurrence) -> RecordLoss | None:
    notice, known = occurrence.notice, incident.loss
    if notice is None:
        return known
    return record_loss(notice, state.now) if known is None else with_notice(known, notice, state.now)


def _fault_of(state: State, zone: str, occurrence: Occurrence) -> Incident:
    name = occurrence.device_id
    fault = Incident(
        incident_id=incident_id_of(
            state, zone, occurrence.hazard, occurrence.topic, occurrence.event_id, occurrence.at
        ),
        zone=zone,
        family=_FAULT.family,
        hazard=occurrence.hazard,
        grade=grade_of(state.policy, occurrence.hazard),
        state=IncidentState.CANDIDATE,  # until it is opened
        place_key=occurrence.name,
        place=None,
        uncertainty_m=None,
        verification_level=_FAULT.verification_level,
        score_permille=None,
        chain=CONTROL_ROOM,
        onset=occurrence.at,
        first_at=state.now,
        last_at=state.now,
        expires_at=EpochMs(state.now + state.policy.expire_after_ms),
        devices=(name,) if name else (),
        device_name=name,
        sources=(_source(occurrence),),
        source_count=1,
        feeds=(occurrence.feed,),
        active=False,  # an occurrence does not persist
        loss=None if occurrence.notice is None else record_loss(occurrence.notice, state.now),
    )
    return opened(fault, Transition.FACT, state.now, state.policy)


def _source(occurrence: Occurrence) -> Source:
    return Source(
        feed=occurrence.feed,
        device_id=occurrence.device_id or occurrence.topic,
        event_id=occurrence.event_id,
        occurred_at=occurrence.at,
        received_at=occurrence.at,
    )
