"""Silence of devices and of sites.

    report ─► deadline ─ the feed is complete until then, and no report ─► silent: comm_fail, or one site for many
                       ─ a report ───────────────────────────────────────► the next deadline
    silent ─ a report ─► cleared

A device counts as silent only if its feed has been read completely for its whole interval (processors/incident/
listening.py). Every registered device with a heartbeat interval is supervised from the moment the registry lists it,
even if it never reports, until it is removed.

A site has a hold of one interval (docs/requirements.md, F18). A silent child is told only after the gateway had time
to show whether it is silent too, and a gateway that is back gives the devices behind it an interval before any of them
is told. Many silent devices of several sites are an area (processors/incident/area.py).
"""

from collections.abc import Iterable

from msgspec.structs import replace

from processors.incident.area import join_area, leave_area
from processors.incident.device_condition import (
    ConditionSignal,
    close_incident,
    forget_closed_fault,
    on_active,
    on_cleared,
    signal_of,
)
from processors.incident.grading import chain_of
from processors.incident.lifecycle import QUIET
from processors.incident.listening import RETRY_MS, feed_of, heard_since, proven_at
from processors.incident.matching import by_name, fault_name
from processors.incident.planned import planned_until
from processors.incident.sign_of_life import heartbeat_ms, last_report
from processors.state.effect import Effect, EndIncident, PutDevice, SetTimer
from processors.state.entities import Device, DeviceKey, Incident, Timer, TimerKind, device_subject
from processors.state.partition_state import State
from schemas.enums import DeviceKind, Disposition, Hazard, IncidentState, Reason
from schemas.units import MINUTE_MS, SECOND_MS, EpochMs

REPORTED_WITHIN_MS = 2 * SECOND_MS
"""A tick and a watermark of the feed may each arrive one second after a deadline, since both come once a second."""

SETTLE_MS = MINUTE_MS
"""The hold of a site where neither the gateway nor the device behind it has an interval."""


def silence_due(state: State, key: DeviceKey) -> EpochMs | None:
    """When to check whether a device is silent; None where it is not supervised, or is known to be silent.

    Silence must be reported within one interval and 10 % after the last report (requirement 3). The check is made
    REPORTED_WITHIN_MS earlier, but never before the interval is over.
    """
    device = state.devices.get(key)
    if device is None or device.silent_since is not None:
        return None
    interval_ms = heartbeat_ms(device)
    if not interval_ms:
        return None
    topic = feed_of(device)
    since = heard_since(state, topic)
    if since is None:
        return EpochMs(state.now + RETRY_MS)
    start = max(last_report(state, device), since)
    return proven_at(state, topic, start + interval_ms + max(0, interval_ms // 10 - REPORTED_WITHIN_MS))


def silence_timer(key: DeviceKey, at: EpochMs, interval_ms: int) -> SetTimer:
    """A timer that checks a device after its interval."""
    return SetTimer(Timer(EpochMs(at + interval_ms), device_subject(key), TimerKind.SILENCE))


def settle_due(state: State, key: DeviceKey) -> EpochMs | None:
    """When a site that recovers is judged; None where it does not."""
    device = state.devices.get(key)
    return None if device is None or not device.is_registered else device.settles_at


def on_silent(state: State, device: Device) -> Effect:
    """Report that a device has missed its deadline, alone or as part of a silent site or area."""
    last = last_report(state, device)
    if _is_gateway(device):
        effect = _on_gateway_silent(state, device, f"gateway:{last}")
    elif _stands_alone(state, device):
        effect = on_active(state, _comm_fail(state, device, is_alone=False))
    elif device.gateway is None:
        joined = join_area(state, (device.zone, Hazard.COMM_FAIL), _overdue(state, device))
        effect = joined if joined.reason is not None else _alone(state, device, joined)
    else:
        effect = _on_child_silent(state, device, device.gateway, last)
    return effect.after(PutDevice(replace(device, silent_since=last)))


def _on_child_silent(state: State, device: Device, gateway: DeviceKey, last: EpochMs) -> Effect:
    """A device behind a gateway is silent: its site or its area may be, and else it is held until that is known."""
    owner = state.devices.get(gateway)
    if _open_site(state, gateway) is not None or (owner is not None and owner.settles_at is not None):
        return Effect(Reason.INHIBITED)
    joined = join_area(state, (device.zone, Hazard.COMM_FAIL), [device.device_id])
    if joined.reason is not None:
        return joined
    silent = [*state.by_gateway.get(gateway, ()), device.device_id]
    if len(silent) < state.policy.site_misses or owner is None or not owner.is_registered:
        return _alone(state, device, joined, hold_ms=_hold_ms(owner, device))
    site = _on_site_silent(state, owner, f"children:{device.device_id}:{last}", _hold_ms(owner, device))
    return site.after(*joined.changes)


def _on_gateway_silent(state: State, gateway: Device, event_id: str) -> Effect:
    """The gateway of a site is silent: with other sites it is an area, else a site."""
    joined = join_area(state, (gateway.zone, Hazard.COMM_FAIL), [gateway.device_id])
    if joined.reason is not None and not _stands_alone_as_site(state, gateway):
        return joined
    return _on_site_silent(state, gateway, event_id, _hold_ms(gateway, gateway)).after(*joined.changes)


def _alone(state: State, device: Device, counted: Effect, *, hold_ms: int | None = None) -> Effect:
    signal = replace(_comm_fail(state, device, is_alone=False), hold_ms=hold_ms)
    return on_active(state, signal).after(*counted.changes)


def _overdue(state: State, device: Device) -> list[str]:
    """The device, and the others of its zone without a gateway that have missed a report but have a little time left.

    When an uplink is lost, the first device that is found silent is one of many, and they show it already.
    """
    names = [device.device_id]
    for other in state.devices.values():
        interval_ms = heartbeat_ms(other)
        if other.zone != device.zone or not interval_ms or other.gateway is not None or _is_gateway(other):
            continue
        since = heard_since(state, feed_of(other)) if other.silent_since is None else None
        is_late = since is not None and max(last_report(state, other), since) + interval_ms <= state.now
        if is_late and other.device_id != device.device_id:
            names.append(other.device_id)
            if len(names) >= state.policy.area_devices:
                break
    return names


def on_recovered(state: State, device: Device) -> Effect:
    """Clear the silence of a device that has reported again, and perhaps that of its site."""
    if device.silent_since is None:
        return Effect(Reason.HEARTBEAT)
    timer = silence_timer(device.key, state.now, heartbeat_ms(device))
    put = PutDevice(replace(device, silent_since=None))
    area_key = (device.zone, Hazard.COMM_FAIL)
    area = state.areas.get(area_key)
    is_own = _stands_alone_as_site(state, device) if _is_gateway(device) else _stands_alone(state, device)
    if area is not None and area.is_open and not is_own and _open_site(state, device.gateway) is None:
        return leave_area(state, area_key).after(put, timer)
    if _is_gateway(device):
        return _on_gateway_back(state, replace(device, silent_since=None)).after(put, timer)
    own = on_cleared(state, _comm_fail(state, device, is_alone=True, event_id=f"heard:{state.now}"))
    site = on_device_left_site(state, device)
    both = own.then(site) if own.alerts else Effect(site.reason).then(own, site)
    return both.after(put, timer)


def _on_gateway_back(state: State, gateway: Device) -> Effect:
    """A gateway reports again: its site is over when the devices behind it report too, or have had time to."""
    still_silent = state.by_gateway.get(gateway.key, [])
    if not still_silent:
        return _clear_site(state, gateway.key)
    return _settle(state, gateway, _hold_ms(gateway, gateway))


def _settle(state: State, gateway: Device, for_ms: int) -> Effect:
    """Give a site time to come back before it, or a device behind it, is told."""
    if gateway.settles_at is not None:
        return Effect(Reason.INHIBITED)
    at = EpochMs(state.now + for_ms)
    timer = SetTimer(Timer(at, device_subject(gateway.key), TimerKind.SETTLE))
    return Effect(Reason.INHIBITED, (), (PutDevice(replace(gateway, settles_at=at)), timer))


def on_settled(state: State, gateway: Device) -> Effect:
    """Judge a site that has had time to come back: those that are still silent are a site, or are told one by one."""
    settled = PutDevice(replace(gateway, settles_at=None))
    still_silent = state.by_gateway.get(gateway.key, [])
    if gateway.silent_since is not None or len(still_silent) >= state.policy.site_misses:
        site = Effect(Reason.INHIBITED)
        if _open_site(state, gateway.key) is None:
            site = _on_site_silent(state, gateway, f"settled:{state.now}", 0)
        return site.after(settled)
    over = _clear_site(state, gateway.key)
    children = [state.devices[gateway.zone, name] for name in still_silent]
    return over.then(tell_silent(state, children, Reason.CONDITION_ACTIVE)).after(settled)


def tell_silent(state: State, devices: Iterable[Device], reason: Reason) -> Effect:
    """Raise an incident for each device that is silent after its site or its area has recovered; sites go first."""
    known = list(devices)
    effects, sites = [], set()
    for gateway in known:
        if _is_gateway(gateway):
            sites.add(gateway.key)
            effects.append(_on_site_silent(state, gateway, f"after-area:{state.now}", 0))
    for device in known:
        own = by_name(state, device.zone, fault_name(Hazard.COMM_FAIL, device.device_id))
        if _is_gateway(device) or device.gateway in sites or (own is not None and own.active):
            continue
        signal = _comm_fail(state, device, is_alone=True, event_id=f"after-site:{state.now}")
        effects.append(on_active(state, replace(signal, reason=reason)))
    return Effect(None).then(*effects)


def _on_site_silent(state: State, gateway: Device, event_id: str, for_ms: int) -> Effect:
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


def _clear_site(state: State, gateway: DeviceKey) -> Effect:
    """Clear the incident of a site that has recovered."""
    owner = state.devices[gateway]
    over = on_cleared(state, _site_signal(state, owner, f"over:{state.now}"))
    settled = () if owner.settles_at is None else (PutDevice(replace(owner, settles_at=None)),)
    reason = Reason.CONDITION_OVER if over.alerts else Reason.HEARTBEAT
    return replace(over, reason=reason).after(*settled)


def on_gateway_removed(state: State, gateway: Device) -> Effect:
    """Report the silent devices of a removed gateway one by one, since no incident of a site covers them any more."""
    children = (state.devices.get((gateway.zone, name)) for name in state.by_gateway.get(gateway.key, ()))
    silent = [child for child in children if child is not None]
    return Effect(Reason.CONDITION_ACTIVE).then(tell_silent(state, silent, Reason.CONDITION_ACTIVE))


def on_promise_changed(state: State, device: Device) -> Effect:
    """Close the silence of a device whose kind, interval or gateway has changed: it is supervised anew."""
    own = withdraw(state, device, Hazard.SITE_COMM_FAIL if _is_gateway(device) else Hazard.COMM_FAIL)
    site = on_gateway_removed(state, device) if _is_gateway(device) else on_device_left_site(state, device)
    return Effect(Reason.DEVICE_UPDATED).then(own, site)


def withdraw(state: State, device: Device, hazard: Hazard) -> Effect:
    """Close the incident of a promise, such as a test schedule, that the registry does not require any more."""
    forgotten = forget_closed_fault(state, device.zone, hazard, device.device_id)
    known = by_name(state, device.zone, fault_name(hazard, device.device_id))
    if known is None:
        return Effect(Reason.DEVICE_UPDATED).then(forgotten)
    return close_incident(state, known, Reason.DEVICE_UPDATED, f"promise:{state.now}").then(forgotten)


def on_device_left_site(state: State, device: Device) -> Effect:
    """A silent device has left its site or reports again: the site is over if too few are left for one."""
    gateway = device.gateway
    if gateway is None or device.silent_since is None:
        return Effect(Reason.DEVICE_UPDATED)
    still_silent = [name for name in state.by_gateway.get(gateway, ()) if name != device.device_id]
    owner = state.devices.get(gateway)
    if owner is None or owner.silent_since is not None or len(still_silent) >= state.policy.site_misses:
        return Effect(Reason.INHIBITED)
    if _open_site(state, gateway) is None and owner.settles_at is None:
        return Effect(Reason.HEARTBEAT)
    if not still_silent:
        return _clear_site(state, gateway)
    return _settle(state, owner, _hold_ms(owner, device))


def _open_site(state: State, gateway: DeviceKey | None) -> Incident | None:
    if gateway is None:
        return None
    known = by_name(state, gateway[0], fault_name(Hazard.SITE_COMM_FAIL, gateway[1]))
    return known if known is not None and known.active else None


def _stands_alone(state: State, device: Device) -> bool:
    """Whether the silence of a device has an incident already, had one that a person closed, or is planned."""
    return _is_taken(state, device, Hazard.COMM_FAIL)


def _stands_alone_as_site(state: State, device: Device) -> bool:
    return _is_taken(state, device, Hazard.SITE_COMM_FAIL)


def _is_taken(state: State, device: Device, hazard: Hazard) -> bool:
    name = fault_name(hazard, device.device_id)
    return (
        by_name(state, device.zone, name) is not None
        or (device.zone, name) in state.closed_faults
        or planned_until(state, device.zone, device.device_id) is not None
    )


def _hold_ms(gateway: Device | None, device: Device) -> int:
    """The hold of a site, milliseconds: one interval of the gateway, or of a device behind it."""
    return (0 if gateway is None else heartbeat_ms(gateway)) or heartbeat_ms(device) or SETTLE_MS


def _is_gateway(device: Device) -> bool:
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


def _comm_fail(state: State, device: Device, *, is_alone: bool, event_id: str = "") -> ConditionSignal:
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
