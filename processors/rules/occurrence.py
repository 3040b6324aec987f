"""Records that could not be used, and records of the log that are gone: a press may have been among them.

    the first of a cause ──────────────► a blue (requirement 8a)
    more of that cause, perhaps presses ► told again with their count, at growing intervals, whatever people have done
    more of that cause, no presses ─────► counted

Each cause of a topic is an incident of its own, so that nothing hides behind something else (docs/requirements.md,
F20). A record of a device that no registry names cannot have been a press, since a press is heard from any device; the
device is named.
"""

from typing import NamedTuple

from msgspec.structs import replace

from processors.incident.grading import ASSESSMENTS, CONTROL_ROOM, grade_of
from processors.incident.issue import AlertContext, incident_id_of, issue_alert, with_source
from processors.incident.lifecycle import OVER, QUIET, Transition, advance, extend_expiry, is_possible, opened
from processors.incident.matching import by_name
from processors.incident.merge import MAX_DEVICES
from processors.incident.raising import raise_incident
from processors.state.effect import Effect, PutFeed, PutIncident
from processors.state.entities import Incident
from processors.state.event_ids import EventIdWindow, add_event, check_event
from processors.state.partition_state import State
from schemas.alert import Source
from schemas.enums import Action, Feed, Hazard, IncidentState, Reason
from schemas.errors import Cause
from schemas.fusion_log import DeadLetterNotice, FusionInput, LogBrokenNotice
from schemas.topics import FUSION_INPUT, PILLAR_EVENTS
from schemas.units import EpochMs

_FAULT = ASSESSMENTS[Hazard.FEED_FAULT]

_REASONS = {Hazard.FEED_FAULT: Reason.FEED_FAULT, Hazard.LOG_BROKEN: Reason.LOG_BROKEN}


class _Occurrence(NamedTuple):
    """An event in a feed or in the log, as opposed to a condition that persists."""

    hazard: Hazard
    feed: Feed
    topic: str
    partition: int
    offset: int
    cause: Cause
    at: EpochMs
    device_id: str = ""

    @property
    def event_id(self) -> str:
        """Its topic, partition and offset, which are equal in every copy."""
        return f"{self.topic}:{self.partition}:{self.offset}"

    @property
    def name(self) -> str:
        """The name of its incident: each cause has one."""
        return f"{self.topic}:{self.cause}"

    @property
    def may_be_press(self) -> bool:
        """Whether the record may have been a press."""
        return self.cause is not Cause.UNKNOWN_DEVICE


def dead_letter(state: State, envelope: FusionInput, notice: DeadLetterNotice) -> Effect:
    """Report a record of the pillar feed that could not be used; one of another feed cannot have been a press."""
    if notice.feed is not Feed.PILLARS:
        return Effect(Reason.FEED_STATUS)
    if notice.topic != PILLAR_EVENTS:
        return Effect(Reason.NOT_SUPPORTED)
    occurrence = _Occurrence(
        Hazard.FEED_FAULT,
        notice.feed,
        notice.topic,
        notice.partition,
        notice.offset,
        notice.cause,
        notice.at,
        notice.device_id,
    )
    return _report(state, envelope.zone, occurrence)


def log_broken(state: State, envelope: FusionInput, notice: LogBrokenNotice) -> Effect:
    """Report that records of the log itself are gone. What they reported is not known; open incidents stay open."""
    if notice.topic != FUSION_INPUT:
        return Effect(Reason.NOT_SUPPORTED)
    place = (notice.topic, notice.partition, notice.found, notice.cause, notice.at)
    return _report(state, envelope.zone, _Occurrence(Hazard.LOG_BROKEN, Feed.LOG, *place))


def never_a_press(incident: Incident) -> bool:
    """Whether no record of an incident can have been a press, so that one that is put away has nothing to tell."""
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


def _report(state: State, zone: str, occurrence: _Occurrence) -> Effect:
    key = (zone, occurrence.feed.value, occurrence.topic)
    window = state.feeds.get(key, EventIdWindow())
    known = check_event(window, occurrence.event_id, occurrence.at)
    if known is Reason.BEYOND_MEMORY:
        return Effect(known)
    put = PutFeed(key, add_event(window, occurrence.event_id, occurrence.at))
    if known is not None:
        return Effect(known, (), (put,))
    joined = by_name(state, zone, occurrence.name)
    if joined is not None:
        return _joined(state, joined, occurrence).after(put)
    context = AlertContext(
        action=Action.RAISE,
        reason=_REASONS[occurrence.hazard],
        cause=(occurrence.feed, occurrence.topic, occurrence.event_id),
        at=state.now,
        policy_version=state.policy_version,
        is_alarm=True,
    )
    return raise_incident(state, _fault_of(state, zone, occurrence), context, None)[1].after(put)


def _joined(state: State, joined: Incident, occurrence: _Occurrence) -> Effect:
    """One more record of a cause that has an open incident."""
    is_new_device = _has_room_for(joined, occurrence.device_id)
    incident = _with_occurrence(state, joined, occurrence)
    is_told = occurrence.may_be_press or is_new_device
    if not is_told:
        return Effect(Reason.FEED_STATUS, (), (PutIncident(incident),))
    due = EpochMs((joined.told_at or joined.first_at) + _pause_ms(state, joined))
    incident = replace(incident, untold=joined.untold + 1)
    if due <= state.now and occurrence.may_be_press:
        return tell_more_records(state, incident)
    if not occurrence.may_be_press and joined.state in (*QUIET, *OVER):
        return Effect(Reason.FEED_STATUS, (), (PutIncident(replace(incident, untold=0)),))
    soonest = due if joined.notify_at is None else min(due, joined.notify_at)
    held = replace(incident, notify_at=EpochMs(max(soonest, state.now)))
    return Effect(Reason.FEED_STATUS, (), (PutIncident(held),))


def _pause_ms(state: State, incident: Incident) -> int:
    """How long after the latest alert more records are told: twice as long each time, at most a reminder's time."""
    longest = state.policy.notify_ms.of(incident.grade)
    return min(longest, state.policy.more_records_ms << min(incident.reminders, 20))


def _has_room_for(incident: Incident, device_id: str) -> bool:
    return bool(device_id) and device_id not in incident.devices and len(incident.devices) < MAX_DEVICES


def _with_occurrence(state: State, incident: Incident, occurrence: _Occurrence) -> Incident:
    name = occurrence.device_id
    devices = (*incident.devices, name) if _has_room_for(incident, name) else incident.devices
    joined = replace(
        incident,
        last_at=state.now,
        devices=devices,
        device_name=incident.device_name,
        sources=with_source(incident.sources, _source(occurrence)),
        source_count=incident.source_count + 1,
    )
    return extend_expiry(joined, state.now, state.policy)


def _fault_of(state: State, zone: str, occurrence: _Occurrence) -> Incident:
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
    )
    return opened(fault, Transition.FACT, state.now, state.policy)


def _source(occurrence: _Occurrence) -> Source:
    return Source(
        feed=occurrence.feed,
        device_id=occurrence.device_id or occurrence.topic,
        event_id=occurrence.event_id,
        occurred_at=occurrence.at,
        received_at=occurrence.at,
    )
