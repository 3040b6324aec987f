"""Everything a pillar reports: known already, then by kind.

Every event but a heartbeat is remembered, also one that has no effect, also of a stranger: otherwise a copy of it,
later in the log, could have one.
"""

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from processors.alerts import announce
from processors.changes import Change, EndIncident, Heard, Outcome, PutDevice, PutIncident
from processors.decisions import Decision
from processors.entities import Device, DeviceKey
from processors.lifecycle import Step, after, device_cancel
from processors.matching import newest, of_device
from processors.repeats import hear
from processors.rules_press import call_at, occasion_of, press
from processors.state import State
from schemas.enums import Action, Disposition, Feed, PillarKind, Reason, Status
from schemas.log import FusionInput, PillarFact

NO_DISPATCH = 0
"""The verification level of what nobody is sent to (domain.md 12)."""


def pillar_fact(state: State, envelope: FusionInput, fact: PillarFact) -> Outcome:
    """Decide about one report of a pillar."""
    key = (envelope.zone, fact.device_id)
    if fact.kind is PillarKind.HEARTBEAT:
        return _heartbeat(state, key, fact)
    hearing = hear(state, key, Feed.PILLARS, fact.event_id, fact.received_at)
    if hearing.repeat is not None:
        return _silent(fact, hearing.repeat, *hearing.changes)
    return _RULES.get(fact.kind, _fault)(state, hearing.device, fact)


def _silent(fact: PillarFact, reason: Reason, *changes: Change) -> Outcome:
    return Decision(reason=reason, event_id=fact.event_id, received_at=fact.received_at), changes


def _heartbeat(state: State, key: DeviceKey, fact: PillarFact) -> Outcome:
    """Only the latest counts; a stranger's is not even remembered."""
    device = state.devices.get(key)
    if device is None or not device.is_registered:
        return _silent(fact, Reason.UNKNOWN_DEVICE)
    latest = state.heartbeats.get(key)
    if latest is not None and fact.received_at <= latest:
        return _silent(fact, Reason.DUPLICATE)
    return _silent(fact, Reason.HEARTBEAT, Heard(key, fact.received_at))


def _release(_state: State, device: Device, fact: PillarFact) -> Outcome:
    return _silent(fact, Reason.RELEASED, PutDevice(device))


def _fault(_state: State, device: Device, fact: PillarFact) -> Outcome:
    """Tamper, battery, mains, comms, and what no rule knows: remembered, and nothing else until supervision comes."""
    return _silent(fact, Reason.NOT_SUPPORTED, PutDevice(device))


def _cancel(state: State, device: Device, fact: PillarFact) -> Outcome:
    """A caller takes it back: a red stays open and says so, a lesser grade ends (domain.md 6)."""
    incident = newest(of_device(state, device.key))
    is_older = device.press_at is not None and fact.received_at < device.press_at
    if incident is None or is_older:  # sent before the press that is open: it takes back another one
        return _silent(fact, Reason.NOTHING_TO_CANCEL, PutDevice(device))
    if device.device_id in incident.cancel_requested:
        return _silent(fact, Reason.DUPLICATE, PutDevice(device))
    step = device_cancel(incident.grade)
    ends = step is Step.CANCEL
    reason = Reason.CANCELLED_BY_DEVICE if ends else Reason.CANCEL_REQUESTED
    action = Action.CANCEL if ends else Action.UPDATE
    asked = replace(
        incident,
        state=after(incident.state, step),
        cancel_requested=(*incident.cancel_requested, device.device_id),
    )
    asked, alert = announce(asked, occasion_of(state, device, fact, action, reason))
    change = EndIncident(asked.incident_id) if ends else PutIncident(asked)
    decision = Decision(reason=reason, alerts=(alert,), event_id=fact.event_id, received_at=fact.received_at)
    return decision, (PutDevice(device), change)


def _test(state: State, device: Device, fact: PillarFact) -> Outcome:
    """A test says that it works and is over: it never reaches the live topics (domain.md 5)."""
    if not device.is_registered:
        return _silent(fact, Reason.UNKNOWN_DEVICE, PutDevice(device))
    incident = replace(
        call_at(state, device, fact, Step.TEST), expires_at=state.now, verification_level=NO_DISPATCH
    )
    occasion = replace(
        occasion_of(state, device, fact, Action.RAISE, Reason.DEVICE_TEST),
        status=Status.TEST,
        disposition=Disposition.TEST,
    )
    _, alert = announce(incident, occasion)
    decision = Decision(
        reason=Reason.DEVICE_TEST, alerts=(alert,), event_id=fact.event_id, received_at=fact.received_at
    )
    return decision, (PutDevice(device),)


_RULES: Mapping[PillarKind, Callable[[State, Device, PillarFact], Outcome]] = {
    PillarKind.PRESS: press,
    PillarKind.RELEASE: _release,
    PillarKind.CANCEL: _cancel,
    PillarKind.TEST: _test,
}
