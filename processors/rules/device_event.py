"""Everything that a pillar or gateway reports by itself: first the check for duplicates, then one rule for each kind.

What comes from another source than the registry binds the device to is decided about in unexpected_source.py.

Every event but a heartbeat goes into the device's window, even if it has no effect and even if the device is not
registered. Otherwise a copy of it, later in the log, could have an effect.
"""

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from processors.incident.area import on_device_fault, on_device_fault_over
from processors.incident.device_condition import ConditionSignal
from processors.incident.grading import chain_of
from processors.incident.issue import AlertContext, issue_alert
from processors.incident.lifecycle import Transition, advance, opened, transition_of_device_cancel
from processors.incident.matching import latest_of, of_device
from processors.incident.merge import MAX_DEVICES, new_emergency
from processors.incident.sign_of_life import heartbeat, heartbeat_ms, in_order, is_older, sign_of_life
from processors.incident.supervision import on_released, on_tested, tested
from processors.rules.dedup import check_duplicate, check_press, event_name
from processors.rules.planned_work import under_exercise
from processors.rules.press import is_late, press, report_of, status_of
from processors.rules.unexpected_source import is_unexpected, unexpected_event
from processors.state.effect import (
    Change,
    Effect,
    EndIncident,
    PutDevice,
    PutIncident,
    RecordReport,
)
from processors.state.entities import Device, DeviceKey, FaultReport, Incident
from processors.state.partition_state import State
from schemas.enums import Action, Disposition, Family, Feed, Hazard, PillarKind, Reason, Status
from schemas.fusion_log import FusionInput, PillarFact

NO_DISPATCH = 0
"""The verification level of an incident to which nobody is sent (requirement 12)."""

FAULTS: Mapping[PillarKind, Hazard] = {
    PillarKind.TAMPER: Hazard.TAMPER,
    PillarKind.BATTERY: Hazard.BATTERY,
    PillarKind.MAINS: Hazard.MAINS,
    PillarKind.COMMS: Hazard.COMMS,
}
"""Faults that a device reports about itself; they are for a technician (requirement 4)."""


def pillar_fact(state: State, envelope: FusionInput, fact: PillarFact) -> Effect:
    """Decide about one report of a device."""
    key = (envelope.zone, fact.device_id)
    bound = state.devices.get(key)
    if bound is not None and is_unexpected(bound, fact.source):
        return unexpected_event(state, bound, fact)
    # The mark as it was sent names the event, since a copy may come when the exercise is over.
    name = event_name(fact.event_id, is_exercise=fact.exercise)
    noted: tuple[Change, ...] = ()
    if fact.exercise or state.exercises:
        fact, noted = under_exercise(state, key, fact)
    if fact.kind is PillarKind.HEARTBEAT:
        beat = _heartbeat(state, key, fact)
        return beat.after(*noted) if noted and beat.reason is Reason.HEARTBEAT else beat
    if fact.kind is PillarKind.PRESS:
        known = check_press(state, key, fact, name, status_of(fact))
    else:
        kind = f"{fact.kind}:{'on' if fact.active else 'off'}"
        known = check_duplicate(state, key, Feed.PILLARS, f"{kind}:{name}", fact.received_at)
    device = known.device
    if known.repeat is not None:
        if not known.changes:  # a copy: it neither begins nor ends an exercise
            return Effect(known.repeat)
        # It was sent again at another time, so its device is alive.
        alive = (_alive(state, device, fact),) if device.is_registered else ()
        return Effect(known.repeat, (), (*noted, *known.changes, *alive))
    effect = _RULES.get(fact.kind, _unknown)(state, device, fact).after(*noted)
    if not device.is_registered:
        return effect
    return replace(effect, changes=(*effect.changes, _alive(state, device, fact)))


def _alive(state: State, device: Device, fact: PillarFact) -> RecordReport:
    return RecordReport(device.key, sign_of_life(state, device.key, fact.received_at, heartbeat_ms(device)))


def _heartbeat(state: State, key: DeviceKey, fact: PillarFact) -> Effect:
    """Record a heartbeat that is no copy; that of an unregistered device leaves no trace in the state."""
    device = state.devices.get(key)
    if device is None or not device.is_registered:
        return Effect(Reason.UNKNOWN_DEVICE)
    report = heartbeat(state, key, fact.event_id, fact.received_at, heartbeat_ms(device))
    if report is None:
        return Effect(Reason.DUPLICATE)
    return Effect(Reason.HEARTBEAT, (), (RecordReport(key, report),))


def _release(state: State, device: Device, fact: PillarFact) -> Effect:
    """Record that the contact has opened, unless the release came a little too late behind a newer press."""
    if _is_overtaken(state, device, fact):
        return Effect(Reason.RELEASED, (), (PutDevice(device),))
    opened = replace(device, closed_at=None, is_stuck=False)
    if not device.is_stuck:
        return Effect(Reason.RELEASED, (), (PutDevice(opened),))
    return on_released(state, device, fact.event_id).after(PutDevice(opened))


def _is_overtaken(state: State, device: Device, fact: PillarFact) -> bool:
    """Whether the last press of the device was received after this report, although it came before it.

    Reports of one device overtake each other by seconds. One that seems to be from long before the press comes from a
    gateway whose clock has been set back (F9), so it counts.
    """
    if device.press_at is None:
        return False
    received_at = in_order(state, device.key, fact.received_at)
    return (
        is_older(state, received_at, device.press_at)
        and state.now - received_at <= state.policy.late_after_ms
    )


def _fault(state: State, device: Device, fact: PillarFact) -> Effect:
    """Decide about tamper, battery, mains or comms, active or cleared. One in an exercise sends no technician."""
    if not device.is_registered:
        return Effect(Reason.UNKNOWN_DEVICE, (), (PutDevice(device),))
    if fact.exercise:
        return Effect(Reason.NOT_SUPPORTED, (), (PutDevice(device),))
    hazard = FAULTS[fact.kind]
    received_at = in_order(state, device.key, fact.received_at)
    before = next((report for report in device.faults if report.hazard is hazard), None)
    if before is not None and is_older(state, received_at, before.received_at):
        # Its end, or a later report of it, has overtaken this one.
        return Effect(Reason.STILL_ACTIVE if before.active else Reason.NOT_ACTIVE, (), (PutDevice(device),))
    others = tuple(report for report in device.faults if report.hazard is not hazard)
    device = replace(device, faults=(*others, FaultReport(hazard, received_at, fact.active)))
    signal = ConditionSignal(
        hazard=hazard,
        subject=fact.device_id,
        zone=device.zone,
        event_id=fact.event_id,
        feed=Feed.PILLARS,
        occurred_at=fact.occurred_at,
        received_at=fact.received_at,
        name=device.name,
        place=device.place,
        chain=chain_of(device.site),
    )
    was_active = before is not None and before.active
    if fact.active:
        return on_device_fault(state, signal, was_active=was_active).after(PutDevice(device))
    return on_device_fault_over(state, signal, was_active=was_active).after(PutDevice(device))


def _unknown(_state: State, device: Device, _fact: PillarFact) -> Effect:
    """A kind that this release does not know goes into the window and has no other effect."""
    return Effect(Reason.NOT_SUPPORTED, (), (PutDevice(device),))


def _cancel(state: State, device: Device, fact: PillarFact) -> Effect:
    """Decide about a device's cancel: a red stays open and reports it, a lesser grade ends (requirement 6)."""
    status = status_of(fact)
    incident = latest_of(
        found
        for found in of_device(state, device.key)
        if found.family is Family.EMERGENCY and found.status is status
    )
    if incident is None or _is_overtaken(state, device, fact):  # it cancels an earlier press
        return Effect(Reason.NOTHING_TO_CANCEL, (), (PutDevice(device),))
    if device.device_id in incident.cancel_requested:
        return Effect(Reason.DUPLICATE, (), (PutDevice(device),))
    asked_by = (*incident.cancel_requested, device.device_id)
    # The cancel of one device does not end what other devices have reported too.
    is_everybody = len(incident.devices) < MAX_DEVICES and set(incident.devices) <= set(asked_by)
    transition = transition_of_device_cancel(incident.grade) if is_everybody else Transition.CANCEL_ASKED
    ends_it = transition is Transition.CANCEL
    reason = Reason.CANCELLED_BY_DEVICE if ends_it else Reason.CANCEL_REQUESTED
    requested = replace(incident, cancel_requested=asked_by)
    requested = advance(requested, transition, state.now, state.policy, restart=False)
    if not incident.revision:  # a candidate: no alert has been issued for it
        reason = Reason.NEVER_RAISED if ends_it else reason
        return Effect(reason, (), (PutDevice(device), _put_or_end(requested, ends_it=ends_it)))
    context = _context(state, device, fact, Action.CANCEL if ends_it else Action.UPDATE, reason)
    requested, alert = issue_alert(requested, context)
    return Effect(reason, (alert,), (PutDevice(device), _put_or_end(requested, ends_it=ends_it)))


def _put_or_end(incident: Incident, *, ends_it: bool) -> Change:
    return EndIncident(incident) if ends_it else PutIncident(incident)


def _test(state: State, device: Device, fact: PillarFact) -> Effect:
    """Issue a test's alert as an incident that is closed at once; it never reaches the live topics (requirement 5)."""
    if not device.is_registered:
        return Effect(Reason.UNKNOWN_DEVICE, (), (PutDevice(device),))
    report = replace(report_of(state, device, fact), status=Status.TEST, first_reason=Reason.DEVICE_TEST)
    incident = replace(
        opened(new_emergency(state, device, report), Transition.TEST, state.now, state.policy),
        expires_at=state.now,
        verification_level=NO_DISPATCH,
    )
    context = replace(
        _context(state, device, fact, Action.RAISE, Reason.DEVICE_TEST), disposition=Disposition.TEST
    )
    _, alert = issue_alert(incident, context)
    effect = Effect(Reason.DEVICE_TEST, (alert,), (PutDevice(tested(state, device)),))
    return effect.then(on_tested(state, device, fact.event_id))


def _context(state: State, device: Device, fact: PillarFact, action: Action, reason: Reason) -> AlertContext:
    """Why an alert about a device's own fact is issued."""
    return AlertContext(
        action=action,
        reason=reason,
        cause=(Feed.PILLARS, fact.device_id, fact.event_id),
        at=state.now,
        policy_version=state.policy_version,
        device_name=device.name,
        late=is_late(state, fact),
        clock_suspect=fact.clock_suspect,
    )


_RULES: Mapping[PillarKind, Callable[[State, Device, PillarFact], Effect]] = {
    PillarKind.PRESS: press,
    PillarKind.RELEASE: _release,
    PillarKind.CANCEL: _cancel,
    PillarKind.TEST: _test,
    **dict.fromkeys(FAULTS, _fault),
}
