"""Silent sites: many silent devices behind one gateway, or the silent gateway itself (requirement 3).

    gateway or several of its devices silent ─► a site, held for one interval ─► one incident; those of its devices end
    gateway back, or few devices left silent ─► one interval to come back ─► over; who is still silent is told

A site has a hold of one interval in both directions (docs/requirements.md, F18): no child is told before its site, and
none while it recovers.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from processors.incident.area import join_area
from processors.incident.device_condition import (
    ConditionSignal,
    close_incident,
    on_active,
    on_cleared,
    signal_of,
)
from processors.incident.grading import chain_of
from processors.incident.lifecycle import QUIET
from processors.incident.listening import feed_of, proof_due
from processors.incident.matching import by_name, fault_name
from processors.incident.planned import planned_until
from processors.incident.sign_of_life import heartbeat_ms, last_report, test_slack_ms
from processors.state.effect import Effect, EndIncident, PutDevice, SetTimer
from processors.state.entities import Device, DeviceKey, Incident, Timer, TimerKind, device_subject
from processors.state.partition_state import State
from schemas.enums import DeviceKind, Disposition, Hazard, IncidentState, Reason
from schemas.units import MINUTE_MS, EpochMs

SETTLE_MS = MINUTE_MS
"""The hold of a site where neither the gateway nor the device behind it has an interval."""


def settle_due(state: State, key: DeviceKey) -> EpochMs | None:
    """When a site that recovers is judged; None where it does not."""
    device = state.devices.get(key)
    return None if device is None or not device.is_registered else device.settles_at


def on_gateway_back(state: State, gateway: Device) -> Effect:
    """A gateway reports again: its site is over when the devices behind it report too, or have had time to."""
    still_silent = state.by_gateway.get(gateway.key, [])
    if not still_silent:
        return clear_site(state, gateway.key)
    return _settle(state, gateway, site_hold_ms(gateway, gateway))


def _settle(state: State, gateway: Device, for_ms: int) -> Effect:
    """Give a site time to come back before it, or a device behind it, is told."""
    if gateway.settles_at is not None:
        return Effect(Reason.INHIBITED)
    at = EpochMs(state.now + for_ms)
    timer = SetTimer(Timer(at, device_subject(gateway.key), TimerKind.SETTLE))
    return Effect(Reason.INHIBITED, (), (PutDevice(replace(gateway, settles_at=at)), timer))


def on_settled(state: State, gateway: Device) -> Effect:
    """Judge a site that has had time to come back: those that are still silent are a site, or are told one by one.

    After a hole in the feed gateway and devices are first found silent anew, and then they have the hold of a site.
    """
    later = proof_due(state, feed_of(gateway), 2 * site_hold_ms(gateway, gateway))
    if later is not None:
        return Effect(None, (), (PutDevice(replace(gateway, settles_at=later)),))
    settled = PutDevice(replace(gateway, settles_at=None))
    still_silent = state.by_gateway.get(gateway.key, [])
    if gateway.silent_since is not None or len(still_silent) >= state.policy.site_misses:
        site = Effect(Reason.INHIBITED)
        if open_site(state, gateway.key) is None:
            site = on_site_silent(state, gateway, f"settled:{state.now}", 0)
        return site.after(settled)
    over = clear_site(state, gateway.key)
    children = [state.devices[gateway.zone, name] for name in still_silent]
    return over.then(tell_silent(state, children, Reason.CONDITION_ACTIVE)).after(settled)


def tell_silent(state: State, devices: Iterable[Device], reason: Reason) -> Effect:
    """Raise an incident for each device that is silent after its site or its area has recovered; sites go first.

    Where nobody could have heard one of them, its incident is held until its silence is proven.
    """
    known = list(devices)
    effects, sites = [], set()
    for gateway in known:
        if is_gateway(gateway):
            sites.add(gateway.key)
            held_ms = _unproven_ms(state, Hazard.SITE_COMM_FAIL, gateway)
            effects.append(on_site_silent(state, gateway, f"after-area:{state.now}", held_ms))
    for device in known:
        own = by_name(state, device.zone, fault_name(Hazard.COMM_FAIL, device.device_id))
        if is_gateway(device) or device.gateway in sites or (own is not None and own.active):
            continue
        signal = comm_fail(state, device, is_alone=True, event_id=f"after-site:{state.now}")
        held_ms = _unproven_ms(state, Hazard.COMM_FAIL, device)
        effects.append(on_active(state, replace(signal, reason=reason, hold_ms=held_ms)))
    return Effect(None).then(*effects)


def _unproven_ms(state: State, hazard: Hazard, device: Device) -> int:
    until = unproven_until(state, hazard, device)
    return 0 if until is None else until - state.now


def on_site_silent(state: State, gateway: Device, event_id: str, for_ms: int) -> Effect:
    """Open one incident for the site. It takes over those of its devices, since they have the same cause."""
    if planned_until(state, gateway.zone, gateway.device_id) is None:
        signal = replace(_site_signal(state, gateway, event_id), hold_ms=for_ms)
    else:
        signal = _site_signal(state, gateway, event_id)
    site = on_active(state, signal)
    inhibited = inhibit_children(state, gateway.key, event_id, only_held=not site.alerts)
    return Effect(Reason.SITE_SILENT if site.alerts else site.reason).then(site, inhibited)


def inhibit_children(state: State, gateway: DeviceKey, event_id: str, *, only_held: bool) -> Effect:
    """End the incidents of the silent devices behind a gateway, but for those that a person has put away.

    Args:
        state: Read only.
        gateway: The gateway.
        event_id: Names the cause.
        only_held: Only those that have not been told yet.
    """
    children = (
        by_name(state, gateway[0], fault_name(Hazard.COMM_FAIL, name))
        for name in state.by_gateway.get(gateway, ())
    )
    ended = [
        EndIncident(replace(child, state=IncidentState.CLOSED))
        if child.state is IncidentState.CANDIDATE
        else close_incident(state, child, Reason.INHIBITED, event_id, Disposition.DUPLICATE)
        for child in children
        if child is not None
        and child.state not in QUIET
        and not child.is_planned
        and (child.state is IncidentState.CANDIDATE or not only_held)
    ]
    effects = [each if isinstance(each, Effect) else Effect(None, (), (each,)) for each in ended]
    return Effect(None).then(*effects)


def clear_site(state: State, gateway: DeviceKey) -> Effect:
    """Clear the incident of a site that has recovered."""
    owner = state.devices[gateway]
    over = on_cleared(state, _site_signal(state, owner, f"over:{state.now}"))
    settled = () if owner.settles_at is None else (PutDevice(replace(owner, settles_at=None)),)
    reason = Reason.CONDITION_OVER if over.alerts else Reason.HEARTBEAT
    return replace(over, reason=reason).after(*settled)


def on_gateway_removed(state: State, gateway: Device) -> Effect:
    """Report the silent devices of a removed gateway, since no incident of a site covers them any more.

    Where they are many, they are an area (F17); else they are told one by one.
    """
    children = (state.devices.get((gateway.zone, name)) for name in state.by_gateway.get(gateway.key, ()))
    silent = [child for child in children if child is not None]
    names = [child.device_id for child in silent if not stands_alone(state, child)]
    joined = join_area(state, (gateway.zone, Hazard.COMM_FAIL), dict.fromkeys(names, 1), names)
    if joined.reason is not None:
        alone = [child for child in silent if child.device_id not in names]
        return joined.then(tell_silent(state, alone, Reason.CONDITION_ACTIVE))
    told = tell_silent(state, silent, Reason.CONDITION_ACTIVE)
    return Effect(Reason.CONDITION_ACTIVE).then(told).after(*joined.changes)


def on_device_left_site(state: State, device: Device) -> Effect:
    """A silent device has left its site or reports again: the site is over if too few are left for one."""
    gateway = device.gateway
    if gateway is None or device.silent_since is None:
        return Effect(Reason.DEVICE_UPDATED)
    still_silent = [name for name in state.by_gateway.get(gateway, ()) if name != device.device_id]
    owner = state.devices.get(gateway)
    if owner is None or owner.silent_since is not None or len(still_silent) >= state.policy.site_misses:
        return Effect(Reason.INHIBITED)
    if open_site(state, gateway) is None and owner.settles_at is None:
        return Effect(Reason.HEARTBEAT)
    if not still_silent:
        return clear_site(state, gateway)
    return _settle(state, owner, site_hold_ms(owner, device))


def open_site(state: State, gateway: DeviceKey | None) -> Incident | None:
    """The incident of a site that is silent now, held or told; None where there is none."""
    if gateway is None:
        return None
    known = by_name(state, gateway[0], fault_name(Hazard.SITE_COMM_FAIL, gateway[1]))
    return known if known is not None and known.active else None


def stands_alone(state: State, device: Device) -> bool:
    """Whether the silence of a device has an incident already, had one that a person closed, or is planned."""
    return _is_taken(state, device, Hazard.COMM_FAIL)


def stands_alone_as_site(state: State, device: Device) -> bool:
    """Whether the silence of a site has an incident already, had one that a person closed, or is planned."""
    return _is_taken(state, device, Hazard.SITE_COMM_FAIL)


def _is_taken(state: State, device: Device, hazard: Hazard) -> bool:
    name = fault_name(hazard, device.device_id)
    return (
        by_name(state, device.zone, name) is not None
        or (device.zone, name) in state.closed_faults
        or planned_until(state, device.zone, device.device_id) is not None
    )


def site_hold_ms(gateway: Device | None, device: Device) -> int:
    """The hold of a site, milliseconds: one interval of the gateway, or of a device behind it."""
    return (0 if gateway is None else heartbeat_ms(gateway)) or heartbeat_ms(device) or SETTLE_MS


def is_gateway(device: Device) -> bool:
    """Whether a device is the gateway of a site."""
    return device.site is not None and device.site.kind is DeviceKind.GATEWAY


def _site_signal(state: State, gateway: Device, event_id: str) -> ConditionSignal:
    return signal_of(
        gateway.key,
        Hazard.SITE_COMM_FAIL,
        event_id,
        at=state.now,
        name=gateway.device_id,
        place=gateway.place,
        chain=chain_of(gateway.site),
        is_alone=True,
        reason=Reason.SITE_SILENT,
    )


def comm_fail(state: State, device: Device, *, is_alone: bool, event_id: str = "") -> ConditionSignal:
    """The signal that a device is silent; its event id is made from the last report unless another is given."""
    last = last_report(state, device) if device.silent_since is None else device.silent_since
    return signal_of(
        device.key,
        Hazard.COMM_FAIL,
        event_id or f"silent:{last}",
        at=state.now if event_id else last,
        name=device.name,
        place=device.place,
        chain=chain_of(device.site),
        is_alone=is_alone,
    )


def count_children(state: State, gateway: DeviceKey) -> int:
    """How many supervised devices report through a gateway."""
    return sum(
        1
        for device in state.devices.values()
        if device.gateway == gateway and device.is_registered and heartbeat_ms(device)
    )


def is_of_site(state: State, device: Device) -> bool:
    """Whether the site of a device is silent, or is coming back: the site is told, or the device when that is over."""
    owner = None if device.gateway is None else state.devices.get(device.gateway)
    is_settling = owner is not None and owner.settles_at is not None
    return is_settling or open_site(state, device.gateway) is not None


def held_for(state: State, incident: Incident) -> EpochMs | None:
    """Until when an incident must be held although its own hold is over, or None: its site is coming back, or F7."""
    device = state.devices.get((incident.zone, incident.devices[0] if incident.devices else ""))
    if device is None:
        return None
    if incident.hazard in {Hazard.COMM_FAIL, Hazard.SITE_COMM_FAIL}:
        owner = device if device.gateway is None else state.devices.get(device.gateway, device)
        if owner.settles_at is not None:
            return EpochMs(max(owner.settles_at, state.now) + 1)
    return unproven_until(state, incident.hazard, device)


def unproven_until(state: State, hazard: Hazard, device: Device) -> EpochMs | None:
    """Until when it is not proven that a device has said nothing; None where it is, or where it need not be.

    What was not listened to was not silent: after a hole in the feed a device has its interval anew, a contact its
    time to open, and a test a tenth of its interval (F7). One behind a gateway has the hold of its site too, since
    gateway and neighbours are found silent at the same time as it (F18).
    """
    if hazard is Hazard.STUCK_BUTTON:
        return proof_due(state, feed_of(device), state.policy.stuck_ms)
    if hazard is Hazard.TEST_MISSED:
        return proof_due(state, feed_of(device), test_slack_ms(device))
    if hazard not in {Hazard.COMM_FAIL, Hazard.SITE_COMM_FAIL}:
        return None
    interval_ms = heartbeat_ms(device) or SETTLE_MS
    if device.gateway is not None:
        interval_ms += site_hold_ms(state.devices.get(device.gateway), device)
    return proof_due(state, feed_of(device), interval_ms)
