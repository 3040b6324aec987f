"""How reports join an emergency: presses and flames, from several devices and feeds, in any order.

    report ─► is one open here? ─ no ──► a new one: raised, or a candidate while its grade is held
                                └ yes ─► joins: sources, feeds, picture; the grade may rise, two feeds corroborate

A red is never held. A candidate that a press joins becomes red and is raised at once.

A caller who presses while others are looked after asks for an answer of their own (docs/requirements.md, F5): the
time to acknowledge runs for them, and so does escalation, whatever the state of the unit that was sent.
"""

import msgspec
from msgspec.structs import replace

from processors.incident.flapping import record_grade_change
from processors.incident.grading import chain_of, grade_of, target_response_s, verification_level, worse
from processors.incident.issue import AlertContext, incident_id_of, issue_alert, with_source
from processors.incident.lifecycle import (
    ATTENDED,
    OVER,
    QUIET,
    Transition,
    advance,
    ask_again,
    has_next_tier,
    hold_ms,
    opened,
)
from processors.incident.matching import Surroundings
from processors.incident.raising import raise_incident
from processors.state.effect import Effect, PutIncident
from processors.state.entities import Device, Incident
from processors.state.partition_state import State
from schemas.alert import Source
from schemas.enums import Action, Family, Hazard, IncidentState, Reason, Status
from schemas.fusion_log import Media
from schemas.units import EpochMs

MAX_DEVICES = 50
"""Devices that an incident lists, as many as sources (processors/incident/issue.py). Further ones are only counted."""


class Report(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A fact about an emergency, from any feed.

    Attributes:
        hazard: What is, or may be, wrong.
        source: The fact, as alerts list it.
        first_reason: The reason of the alert where the fact opens an incident.
        repeat_reason: The reason where its device has reported the incident before; STILL_BURNING issues no alert.
        status: Actual or Exercise.
        is_press: Somebody pressed a button.
        reach_m: How far from the device the emergency may be, metres.
        score_permille: A detector's confidence, 0 to 1000, or None.
        media: A redacted picture, or None.
        late: It was received late.
        clock_suspect: A time of it was impossible and has been replaced.
    """

    hazard: Hazard
    source: Source
    first_reason: Reason
    repeat_reason: Reason
    status: Status = Status.ACTUAL
    is_press: bool = False
    reach_m: int
    score_permille: int | None = None
    media: Media | None = None
    late: bool = False
    clock_suspect: bool = False


def apply_report(state: State, device: Device, report: Report) -> tuple[Incident, Effect]:
    """Decide about a fact that is neither a duplicate nor a bounce.

    Args:
        state: Read only.
        device: The device that reported it.
        report: The fact.

    Returns:
        The incident that it opened or joined, as it is now, and the effect.
    """
    around = Surroundings(state, (device.zone, device.device_id), device.place)
    joined = around.joined(Family.EMERGENCY, report.status)
    if joined is not None:
        return _join(state, device, joined, report)
    incident = _open(state, device, report)
    if incident.state is IncidentState.CANDIDATE:
        return incident, Effect(Reason.HELD, (), (PutIncident(incident),))
    # Who reported first names the incident: its alert needs no other name.
    context = _context(state, "", report, Action.RAISE, report.first_reason, is_alarm=True)
    return raise_incident(state, incident, context, around)


def _join(state: State, device: Device, joined: Incident, report: Report) -> tuple[Incident, Effect]:
    incident = _with(state, device, joined, report)
    rose = incident.grade is not joined.grade
    reason = _reason(joined, incident, report)
    if joined.state is IncidentState.CANDIDATE and not rose:
        return incident, Effect(Reason.HELD, (), (PutIncident(incident),))
    if not rose and (reason is Reason.STILL_BURNING or (joined.state in QUIET and not report.is_press)):
        return incident, Effect(Reason.STILL_BURNING, (), (PutIncident(incident),))
    # Every unit that could be asked has refused, so a further press asks them again.
    is_refused = joined.state is IncidentState.REJECTED and report.is_press and not has_next_tier(joined)
    is_back = rose or is_refused or (joined.state in QUIET and report.is_press)
    transition = Transition.REALARM if is_back else Transition.FACT
    incident = advance(incident, transition, state.now, state.policy, restart=rose or is_refused)
    if joined.revision == 0:
        context = _context(state, device.name, report, Action.RAISE, reason, is_alarm=True)
        return raise_incident(state, incident, context, Surroundings(state, device.key, device.place))
    is_call = report.is_press and (rose or _asks_for_an_answer(joined, report))
    if is_call and incident.state in ATTENDED:
        incident = ask_again(incident, state.now, state.policy)
    is_alarm = is_back or is_call or joined.state in OVER
    context = replace(
        _context(state, device.name, report, Action.UPDATE, reason, is_alarm=is_alarm),
        is_join=reason in _JOINS,
        is_call=is_call,
    )
    incident, alert = issue_alert(incident, context)
    return incident, Effect(reason, (alert,), (PutIncident(incident),))


_JOINS = frozenset(
    {Reason.CORROBORATED, Reason.ANOTHER_SOURCE, Reason.PRESSED_AGAIN, Reason.UNEXPECTED_SOURCE}
)
"""Reasons that mean that a device, a feed or a press has joined."""


def _asks_for_an_answer(joined: Incident, report: Report) -> bool:
    """Whether a press is that of another caller, or of one who waits although somebody is on the way or there."""
    is_another = report.source.device_id not in joined.devices
    return is_another or joined.state in {IncidentState.ASSIGNED, IncidentState.ON_SCENE}


def _reason(joined: Incident, incident: Incident, report: Report) -> Reason:
    """The reason of the alert: the most important of what the fact adds."""
    if report.first_reason is Reason.UNEXPECTED_SOURCE:
        return Reason.UNEXPECTED_SOURCE
    if incident.verification_level > joined.verification_level:
        return Reason.CORROBORATED
    if report.source.device_id not in joined.devices:
        return Reason.ANOTHER_SOURCE
    if report.media is not None and not joined.media:
        return Reason.PICTURE_ADDED
    return _of_a_repeat(joined, incident, report)


def _of_a_repeat(joined: Incident, incident: Incident, report: Report) -> Reason:
    """The reason where a device reports once more what it has reported; a policy may have changed the grade since."""
    if report.repeat_reason is not Reason.STILL_BURNING:
        return report.repeat_reason
    has_risen = incident.grade is not joined.grade
    if has_risen and joined.revision == 0:
        return report.first_reason
    return Reason.CONDITION_BACK if has_risen or joined.state in OVER else Reason.STILL_BURNING


def _with(state: State, device: Device, incident: Incident, report: Report) -> Incident:
    """The incident with one more fact."""
    name = report.source.device_id
    devices = incident.devices
    if name not in devices and len(devices) < MAX_DEVICES:
        devices = (*devices, name)
    feed = report.source.feed
    feeds = incident.feeds if feed in incident.feeds else (*incident.feeds, feed)
    hazard = report.hazard if incident.hazard is Hazard.EMERGENCY_CALL else incident.hazard
    grade = worse(incident.grade, grade_of(state.policy, report.hazard))
    level = max(incident.verification_level, verification_level(hazard, feeds))
    requested = incident.cancel_requested
    is_nearer = report.is_press and device.place is not None and _is_less_certain(incident, report)
    score = report.score_permille
    joined = replace(
        incident,
        hazard=hazard,
        grade=grade,
        verification_level=level,
        last_at=state.now,
        expires_at=EpochMs(state.now + state.policy.expire_after_ms),
        score_permille=incident.score_permille if score is None else max(score, incident.score_permille or 0),
        press_count=incident.press_count + report.is_press,
        devices=devices,
        device_name=incident.device_name or device.name,
        feeds=feeds,
        cancel_requested=tuple(n for n in requested if n != name)
        if requested and report.is_press
        else requested,
        sources=with_source(incident.sources, report.source),
        source_count=incident.source_count + 1,
        media=incident.media or (() if report.media is None else (report.media,)),
        cleared_by_person=False,
    )
    if is_nearer:
        joined = placed_at(state, joined, device, report.reach_m)
    return joined if grade is incident.grade else record_grade_change(joined, state.now, state.policy)


def _is_less_certain(incident: Incident, report: Report) -> bool:
    """Whether the place of an incident is less certain than that of a report."""
    return incident.uncertainty_m is None or incident.uncertainty_m > report.reach_m


def placed_at(state: State, incident: Incident, device: Device, reach_m: int) -> Incident:
    """The incident at the place of one of its devices: the most certain place wins (docs/requirements.md, F14)."""
    place = device.place
    return replace(
        incident,
        place=place,
        place_key="" if place is None else place.cell,
        uncertainty_m=None if place is None else reach_m,
        target_response_s=target_response_s(state.policy.rings, device.help_mm),
        place_device=device.device_id,
        device_name=device.name or incident.device_name,
    )


def _open(state: State, device: Device, report: Report) -> Incident:
    """A new incident at a device, raised or held."""
    incident = new_emergency(state, device, report)
    is_held = hold_ms(state.policy, incident.grade) > 0
    return opened(incident, Transition.HELD if is_held else Transition.FACT, state.now, state.policy)


def new_emergency(state: State, device: Device, report: Report) -> Incident:
    """An emergency made from its first fact, without timers."""
    place, source, policy = device.place, report.source, state.policy
    return Incident(
        incident_id=incident_id_of(
            state, device.zone, report.hazard, source.device_id, source.event_id, source.received_at
        ),
        zone=device.zone,
        family=Family.EMERGENCY,
        hazard=report.hazard,
        grade=grade_of(policy, report.hazard),
        verification_level=verification_level(report.hazard, ()),
        chain=chain_of(device.site),
        target_response_s=target_response_s(policy.rings, device.help_mm),
        state=IncidentState.CANDIDATE,  # until it is opened
        place_key="" if place is None else place.cell,
        place=place,
        uncertainty_m=None if place is None else report.reach_m,
        score_permille=report.score_permille,
        onset=source.occurred_at,
        first_at=state.now,
        last_at=state.now,
        expires_at=EpochMs(state.now + policy.expire_after_ms),
        press_count=int(report.is_press),
        devices=(source.device_id,),
        sources=(source,),
        source_count=1,
        media=() if report.media is None else (report.media,),
        status=report.status,
        device_name=device.name,
        feeds=(source.feed,),
        place_device="" if place is None else source.device_id,
    )


def _context(
    state: State, device_name: str, report: Report, action: Action, reason: Reason, *, is_alarm: bool
) -> AlertContext:
    source = report.source
    return AlertContext(
        action=action,
        reason=reason,
        cause=(source.feed, source.device_id, source.event_id),
        at=state.now,
        policy_version=state.policy_version,
        device_name=device_name,
        late=report.late,
        clock_suspect=report.clock_suspect,
        is_alarm=is_alarm,
    )
