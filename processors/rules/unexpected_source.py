"""Events of a device that come through another gateway than the registry binds it to (docs/adr/0030).

    a press ─────────► heard as any press, marked `unexpected_source`, and a blue
    anything else ───► the blue, and nothing else: no release, cancel, test, restore or sign of life of the device

The topic that an event came in is all that the broker vouches for. Nobody who may write the topic of one gateway can
silence a pillar of another one: their events have a window of their own, and no press of theirs makes one of the
device's own a copy, a bounce or a part of an exercise. Somebody may be in need all the same, since a device may have
been moved to another gateway and the registry not yet changed.

The blue is one for each zone and foreign gateway. It is raised at once, and told again when further devices join it.
"""

from msgspec.structs import replace

from processors.incident.grading import ASSESSMENTS, chain_of, grade_of
from processors.incident.issue import AlertContext, incident_id_of, with_source
from processors.incident.lifecycle import OVER, QUIET, Transition, extend_expiry, opened, told_by
from processors.incident.matching import by_name, fault_name, of_device
from processors.incident.merge import apply_report
from processors.incident.raising import raise_incident
from processors.rules.dedup import check_other_source
from processors.rules.occurrence import more_records_due
from processors.rules.planned_work import is_exercised
from processors.rules.press import report_of, source_of, status_of
from processors.state.effect import Effect, PutDevice, PutIncident
from processors.state.entities import Device, Incident
from processors.state.partition_state import State
from schemas.enums import Action, Family, Feed, Hazard, IncidentState, PillarKind, Reason
from schemas.fusion_log import PillarFact
from schemas.units import EpochMs

_ASSESSMENT = ASSESSMENTS[Hazard.UNEXPECTED_SOURCE]

SHARED_TOPIC = "the topic of all gateways"
"""How the source is called of an event that came in no gateway's own topic."""

MAX_OPEN = 200
"""Blues of foreign sources that are open at a time; a county has tens of gateways. Further sources are one blue."""

OTHERS = "*"
"""Stands for those in its name; no gateway has such a name."""


def is_unexpected(device: Device | None, source: str) -> bool:
    """Whether the registry binds a device to a source, and this is another one."""
    if device is None or device.site is None or device.site.removed or device.site.source is None:
        return False
    return source != device.site.source


def unexpected_event(state: State, device: Device, fact: PillarFact) -> Effect:
    """Decide about an event of a device that is bound to another source.

    Args:
        state: Read only.
        device: The device, as the registry binds it.
        fact: The event.
    """
    known = check_other_source(state, device, fact)
    if known.repeat is not None:
        return Effect(known.repeat)
    told = _told(state, device, fact)
    put = PutDevice(known.device)
    if fact.kind is not PillarKind.PRESS:
        return Effect(Reason.UNEXPECTED_SOURCE, (), (put,)).then(told)
    if fact.exercise and not is_exercised(state, device.key):
        fact = replace(fact, exercise=False)
    if _is_bounce(state, device, fact):
        return Effect(Reason.BOUNCE, (), (put,)).then(told)
    marked = Reason.UNEXPECTED_SOURCE
    report = replace(report_of(state, device, fact), first_reason=marked, repeat_reason=marked)
    _, effect = apply_report(state, device, report)
    return effect.after(put).then(told)


def _is_bounce(state: State, device: Device, fact: PillarFact) -> bool:
    """Whether a press of another source was received in the same moment, and is told of in an open incident."""
    before = device.other_source_ids
    is_near = any(
        name.startswith(f"{PillarKind.PRESS}:") and abs(at - fact.received_at) <= state.policy.bounce_ms
        for name, at in zip(before.ids, before.times, strict=True)
    )
    return is_near and any(
        incident.family is Family.EMERGENCY
        and incident.status is status_of(fact)
        and incident.state not in OVER
        and device.device_id not in incident.cancel_requested
        for incident in of_device(state, device.key)
    )


def _told(state: State, device: Device, fact: PillarFact) -> Effect:
    """Raise the blue of a foreign source, or count one more event of it; a further device is told after a pause."""
    name = fault_name(Hazard.UNEXPECTED_SOURCE, fact.source)
    known = by_name(state, device.zone, name)
    if known is None and _are_many(state):
        name = fault_name(Hazard.UNEXPECTED_SOURCE, OTHERS)
        known = by_name(state, device.zone, name)
    if known is None:
        context = AlertContext(
            action=Action.RAISE,
            reason=Reason.UNEXPECTED_SOURCE,
            cause=(Feed.PILLARS, fact.device_id, fact.event_id, fact.source),
            at=state.now,
            policy_version=state.policy_version,
            is_alarm=True,
        )
        return raise_incident(state, _incident(state, device, fact, name), context, None)[1]
    is_new = all(source.device_id != fact.device_id for source in known.sources)
    counted = replace(
        known,
        last_at=state.now,
        source_count=known.source_count + 1,
        sources=with_source(known.sources, source_of(fact)) if is_new else known.sources,
    )
    counted = extend_expiry(counted, state.now, state.policy)
    if known.state not in QUIET and (is_new or known.state in OVER):
        counted = told_by(counted, more_records_due(state, known), state.now)
    return Effect(Reason.UNEXPECTED_SOURCE, (), (PutIncident(counted),))


def _are_many(state: State) -> bool:
    return sum(each.hazard is Hazard.UNEXPECTED_SOURCE for each in state.incidents.values()) >= MAX_OPEN


def _incident(state: State, device: Device, fact: PillarFact, name: str) -> Incident:
    """The blue of a source. It lists its devices as sources only: a press is not linked with it."""
    incident = Incident(
        incident_id=incident_id_of(
            state, device.zone, Hazard.UNEXPECTED_SOURCE, fact.source, fact.event_id, fact.received_at
        ),
        zone=device.zone,
        family=_ASSESSMENT.family,
        hazard=Hazard.UNEXPECTED_SOURCE,
        grade=grade_of(state.policy, Hazard.UNEXPECTED_SOURCE),
        state=IncidentState.CANDIDATE,  # until it is opened
        place_key=name,
        place=None,
        uncertainty_m=None,
        verification_level=_ASSESSMENT.verification_level,
        score_permille=None,
        chain=chain_of(device.site),
        onset=fact.occurred_at,
        first_at=state.now,
        last_at=state.now,
        expires_at=EpochMs(state.now + state.policy.expire_after_ms),
        sources=(source_of(fact),),
        source_count=1,
        device_name=f"{device.name} ({fact.source or SHARED_TOPIC})",
        feeds=(Feed.PILLARS,),
        active=False,  # an event does not persist
    )
    return opened(incident, Transition.FACT, state.now, state.policy)
