"""An emergency takes in what is told of it: presses, flames, of several devices and feeds, in any order.

    fact ─► is one open here? ─ no ──► a new one: raised, or a candidate while its grade is held
                              └ yes ─► joins: sources, feeds, picture; the grade may rise, two feeds corroborate

A red has no hold. A candidate that a press joins is red, and raised at once.
"""

import msgspec
from msgspec.structs import replace

from processors.incident.deadlines import enter, hold_ms
from processors.incident.flapping import record_grade_change
from processors.incident.grading import chain_of, grade_of, target_response_s, verification_level, worse
from processors.incident.issue import AlertContext, incident_id_of, issue_alert, with_source
from processors.incident.lifecycle import OVER, QUIET, Transition, next_state
from processors.incident.link import link
from processors.incident.matching import Surroundings
from processors.state.effect import Change, PutIncident
from processors.state.entities import Device, Incident
from processors.state.partition_state import State
from schemas.alert import Alert, Source
from schemas.enums import Action, Family, Hazard, IncidentState, Reason, Status
from schemas.fusion_log import Media
from schemas.units import EpochMs

MAX_DEVICES = 50
"""Devices that an incident names: as many as sources (processors/incident/issue.py); the others are counted only."""


class Report(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A fact about an emergency, whatever feed told it.

    Attributes:
        hazard: What is, or may be, wrong.
        source: The fact, as alerts name it.
        first: The reason, if it is the first of an incident.
        again: The reason, if its device has told of the incident before; STILL_BURNING goes out to nobody.
        status: Actual or Exercise.
        is_press: Somebody pressed a button.
        reach_m: How far from the device it may be.
        score_permille: A detector's confidence, or None.
        media: A redacted picture, or None.
        late: It came late.
        clock_suspect: A time of it was replaced.
    """

    hazard: Hazard
    source: Source
    first: Reason
    again: Reason
    status: Status = Status.ACTUAL
    is_press: bool = False
    reach_m: int
    score_permille: int | None = None
    media: Media | None = None
    late: bool = False
    clock_suspect: bool = False


class Taken(msgspec.Struct, frozen=True):
    """What became of a fact.

    Attributes:
        incident: As it is now.
        reason: Why.
        alerts: What goes out, in order.
        changes: What the fold is to change.
    """

    incident: Incident
    reason: Reason
    alerts: tuple[Alert, ...]
    changes: tuple[Change, ...]


def apply_report(state: State, device: Device, news: Report) -> Taken:
    """Decide about a fact that is new, and no bounce."""
    around = Surroundings(state, device.key, device.place)
    joined = around.joined(Family.EMERGENCY, news.status)
    if joined is not None:
        return _join(state, device, joined, news)
    incident = _open(state, device, news)
    if incident.state is IncidentState.CANDIDATE:
        return Taken(incident, Reason.HELD, (), (PutIncident(incident),))
    incident, updates, changes = link(state, incident, around.others(Family.EMERGENCY, news.status))
    incident, alert = issue_alert(
        incident, _occasion(state, device, news, Action.RAISE, news.first, is_alarm=True)
    )
    return Taken(incident, news.first, (alert, *updates), (PutIncident(incident), *changes))


def _join(state: State, device: Device, joined: Incident, news: Report) -> Taken:
    incident = _with(state, device, joined, news)
    rose = incident.grade is not joined.grade
    reason = _reason(joined, incident, news)
    if joined.state is IncidentState.CANDIDATE and not rose:
        return Taken(incident, Reason.HELD, (), (PutIncident(incident),))
    silent = reason is Reason.STILL_BURNING
    if not rose and (silent or joined.state in QUIET):
        return Taken(incident, Reason.STILL_BURNING, (), (PutIncident(incident),))
    to = next_state(joined.state, Transition.REALARM if rose else Transition.FACT)
    if rose or to is not joined.state:
        incident = enter(incident, to, state.now, state.policy)
    is_first = joined.revision == 0
    is_alarm = rose or joined.state in OVER
    changes: tuple[Change, ...] = ()
    updates: tuple[Alert, ...] = ()
    if is_first:
        around = Surroundings(state, device.key, device.place)
        others = around.others(Family.EMERGENCY, news.status)
        incident, updates, changes = link(state, incident, others)
    action = Action.RAISE if is_first else Action.UPDATE
    incident, alert = issue_alert(incident, _occasion(state, device, news, action, reason, is_alarm=is_alarm))
    return Taken(incident, reason, (alert, *updates), (PutIncident(incident), *changes))


def _reason(joined: Incident, incident: Incident, news: Report) -> Reason:
    """What the fact adds, the weightiest first."""
    if incident.verification_level > joined.verification_level:
        return Reason.CORROBORATED
    if news.source.device_id not in joined.devices:
        return Reason.ANOTHER_SOURCE
    if news.media is not None and not joined.media:
        return Reason.PICTURE_ADDED
    if joined.state in OVER and news.again is Reason.STILL_BURNING:
        return Reason.CONDITION_BACK
    return news.again


def _with(state: State, device: Device, incident: Incident, news: Report) -> Incident:
    """The incident with one fact more."""
    name = news.source.device_id
    devices = incident.devices
    if name not in devices and len(devices) < MAX_DEVICES:
        devices = (*devices, name)
    feed = news.source.feed
    feeds = incident.feeds if feed in incident.feeds else (*incident.feeds, feed)
    hazard = news.hazard if incident.hazard is Hazard.EMERGENCY_CALL else incident.hazard
    grade = worse(incident.grade, grade_of(state.policy, news.hazard))
    level = max(incident.verification_level, verification_level(hazard, feeds))
    asked = incident.cancel_requested
    score = news.score_permille
    joined = replace(
        incident,
        hazard=hazard,
        grade=grade,
        verification_level=level,
        last_at=state.now,
        expires_at=EpochMs(state.now + state.policy.expire_after_ms),
        score_permille=incident.score_permille if score is None else max(score, incident.score_permille or 0),
        press_count=incident.press_count + news.is_press,
        devices=devices,
        device_name=incident.device_name or device.name,
        feeds=feeds,
        cancel_requested=tuple(n for n in asked if n != name) if asked and news.is_press else asked,
        sources=with_source(incident.sources, news.source),
        source_count=incident.source_count + 1,
        media=incident.media or (() if news.media is None else (news.media,)),
    )
    return joined if grade is incident.grade else record_grade_change(joined, state.now, state.policy)


def _open(state: State, device: Device, news: Report) -> Incident:
    """A new incident at a device, raised or held."""
    grade = grade_of(state.policy, news.hazard)
    is_held = hold_ms(state.policy, grade) > 0
    to = next_state(None, Transition.HELD if is_held else Transition.FACT)
    return enter(new_emergency(state, device, news, to), to, state.now, state.policy)


def new_emergency(state: State, device: Device, news: Report, to: IncidentState) -> Incident:
    """An emergency by its first fact, without timers."""
    place, source, policy = device.place, news.source, state.policy
    return Incident(
        incident_id=incident_id_of(device.zone, news.hazard, source.device_id, source.event_id),
        zone=device.zone,
        family=Family.EMERGENCY,
        hazard=news.hazard,
        grade=grade_of(policy, news.hazard),
        state=to,
        place_key="" if place is None else place.cell,
        place=place,
        uncertainty_m=None if place is None else news.reach_m,
        verification_level=verification_level(news.hazard, ()),
        score_permille=news.score_permille,
        chain=chain_of(device.site),
        onset=source.occurred_at,
        first_at=state.now,
        last_at=state.now,
        expires_at=EpochMs(state.now + policy.expire_after_ms),
        press_count=int(news.is_press),
        devices=(source.device_id,),
        sources=(source,),
        source_count=1,
        media=() if news.media is None else (news.media,),
        status=news.status,
        device_name=device.name,
        feeds=(source.feed,),
        target_response_s=target_response_s(policy.rings, device.help_mm),
    )


def _occasion(
    state: State, device: Device, news: Report, action: Action, reason: Reason, *, is_alarm: bool
) -> AlertContext:
    source = news.source
    return AlertContext(
        action=action,
        reason=reason,
        cause=(source.feed, source.device_id, source.event_id),
        at=state.now,
        policy_version=state.policy_version,
        device_name=device.name,
        late=news.late,
        clock_suspect=news.clock_suspect,
        is_alarm=is_alarm,
    )
