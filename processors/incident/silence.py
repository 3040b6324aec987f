"""Silence of devices.

    report ─► deadline ─ the feed is complete until then, and no report ─► silent: comm_fail, or one site for many
                       ─ a report ───────────────────────────────────────► the next deadline
    silent ─ a report ─► cleared

A device counts as silent only if its feed has been read completely for its whole interval (processors/incident/
listening.py). Every registered device with a heartbeat interval is supervised from the moment the registry lists it,
even if it never reports, until it is removed.

What many devices behind one gateway are is in processors/incident/site.py, and what many sites or devices of several
places are in processors/incident/area.py.
"""

from msgspec.structs import replace

from processors.incident.area import join_area, leave_area
from processors.incident.device_condition import close_incident, forget_closed_fault, on_active, on_cleared
from processors.incident.listening import RETRY_MS, feed_of, heard_since, proven_at
from processors.incident.matching import by_name, fault_name
from processors.incident.sign_of_life import heartbeat_ms, last_report
from processors.incident.site import (
    comm_fail,
    count_children,
    is_gateway,
    is_of_site,
    on_device_left_site,
    on_gateway_back,
    on_gateway_removed,
    on_site_silent,
    open_site,
    site_hold_ms,
    stands_alone,
    stands_alone_as_site,
)
from processors.state.effect import Effect, PutArea, PutDevice, SetTimer
from processors.state.entities import Area, Device, DeviceKey, Timer, TimerKind, device_subject
from processors.state.partition_state import State
from schemas.enums import Hazard, Reason
from schemas.units import SECOND_MS, EpochMs

REPORTED_WITHIN_MS = 2 * SECOND_MS
"""A tick and a watermark of the feed may each arrive one second after a deadline, since both come once a second."""


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
    allowed_ms = interval_ms + max(0, interval_ms // 10 - REPORTED_WITHIN_MS)
    report = state.last_reports.get(key)
    if report is not None and report.at + allowed_ms > state.now:
        return EpochMs(report.at + allowed_ms)  # the usual case; a hole in the feed can only make it later
    topic = feed_of(device)
    since = heard_since(state, topic)
    if since is None:
        return EpochMs(state.now + max(RETRY_MS, interval_ms))
    due = max(last_report(state, device), since) + allowed_ms
    if due <= state.now and device.gateway is not None and stands_alone(state, device):
        # Its incident is told at once, so it must not be found silent before its site.
        due += site_hold_ms(state.devices.get(device.gateway), device)
    return proven_at(state, topic, due)


def silence_timer(key: DeviceKey, at: EpochMs, interval_ms: int) -> SetTimer:
    """A timer that checks a device after its interval."""
    return SetTimer(Timer(EpochMs(at + interval_ms), device_subject(key), TimerKind.SILENCE))


def on_silent(state: State, device: Device) -> Effect:
    """Report that a device has missed its deadline, alone or as part of a silent site or area."""
    last = last_report(state, device)
    if is_gateway(device):
        effect = _on_gateway_silent(state, device, f"gateway:{last}")
    elif is_of_site(state, device):
        effect = Effect(Reason.INHIBITED)
    elif stands_alone(state, device):
        effect = on_active(state, comm_fail(state, device, is_alone=False))
    elif device.gateway is None:
        effect = _on_unattached_silent(state, device)
    else:
        effect = _on_child_silent(state, device, device.gateway, last)
    return effect.after(PutDevice(replace(device, silent_since=last)))


def _on_unattached_silent(state: State, device: Device) -> Effect:
    """A device without a gateway is silent. Others that are about to be silent too show that it is one of many."""
    key = (device.zone, Hazard.COMM_FAIL)
    is_looked = state.areas.get(key, Area()).looked_at == state.now
    overdue = [device.device_id] if is_looked else _overdue(state, device)
    joined = join_area(state, key, dict.fromkeys(overdue, 1), [device.device_id])
    if joined.reason is not None:
        return joined
    puts = [change for change in joined.changes if isinstance(change, PutArea) and change.key == key]
    looked = [PutArea(key, replace(put.area, looked_at=state.now)) for put in puts if put.area is not None]
    return _alone(state, device, Effect(None, (), (*joined.changes, *looked)))


def _on_child_silent(state: State, device: Device, gateway: DeviceKey, last: EpochMs) -> Effect:
    """A device behind a gateway is silent: its site or its area may be, and else it is held until that is known."""
    owner = state.devices.get(gateway)
    joined = join_area(state, (device.zone, Hazard.COMM_FAIL), {gateway[1]: 1}, [device.device_id])
    if joined.reason is not None:
        return joined
    silent = [*state.by_gateway.get(gateway, ()), device.device_id]
    if len(silent) < state.policy.site_misses or owner is None or not owner.is_registered:
        return _alone(state, device, joined, hold_ms=site_hold_ms(owner, device))
    site = on_site_silent(state, owner, f"children:{device.device_id}:{last}", site_hold_ms(owner, device))
    return site.after(*joined.changes)


def _on_gateway_silent(state: State, gateway: Device, event_id: str) -> Effect:
    """The gateway of a site is silent: with other sites it is an area, else a site."""
    if stands_alone_as_site(state, gateway):
        return on_site_silent(state, gateway, event_id, site_hold_ms(gateway, gateway))
    count = 1 + count_children(state, gateway.key)  # nobody can hear from the devices behind it either
    groups = {gateway.device_id: count}
    joined = join_area(state, (gateway.zone, Hazard.COMM_FAIL), groups, [gateway.device_id])
    if joined.reason is not None:
        return joined
    return on_site_silent(state, gateway, event_id, site_hold_ms(gateway, gateway)).after(*joined.changes)


def _alone(state: State, device: Device, counted: Effect, *, hold_ms: int | None = None) -> Effect:
    signal = replace(comm_fail(state, device, is_alone=False), hold_ms=hold_ms)
    return on_active(state, signal).after(*counted.changes)


def _overdue(state: State, device: Device) -> list[str]:
    """The device, and the others of its zone without a gateway that have missed a report but have a little time left.

    When an uplink is lost, the first device that is found silent is one of many, and they show it already.
    """
    names = [device.device_id]
    for other in state.devices.values():
        interval_ms = heartbeat_ms(other)
        if other.zone != device.zone or not interval_ms or other.gateway is not None or is_gateway(other):
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
    is_own = stands_alone_as_site(state, device) if is_gateway(device) else stands_alone(state, device)
    if area is not None and area.is_open and not is_own and open_site(state, device.gateway) is None:
        return leave_area(state, area_key).after(put, timer)
    if is_gateway(device):
        return on_gateway_back(state, replace(device, silent_since=None)).after(put, timer)
    own = on_cleared(state, comm_fail(state, device, is_alone=True, event_id=f"heard:{state.now}"))
    site = on_device_left_site(state, device)
    both = own.then(site) if own.alerts else Effect(site.reason).then(own, site)
    return both.after(put, timer)


def on_promise_changed(state: State, device: Device) -> Effect:
    """Close the silence of a device whose kind, interval or gateway has changed: it is supervised anew."""
    own = withdraw(state, device, Hazard.SITE_COMM_FAIL if is_gateway(device) else Hazard.COMM_FAIL)
    site = on_gateway_removed(state, device) if is_gateway(device) else on_device_left_site(state, device)
    return Effect(Reason.DEVICE_UPDATED).then(own, site)


def withdraw(state: State, device: Device, hazard: Hazard) -> Effect:
    """Close the incident of a promise, such as a test schedule, that the registry does not require any more."""
    forgotten = forget_closed_fault(state, device.zone, hazard, device.device_id)
    known = by_name(state, device.zone, fault_name(hazard, device.device_id))
    if known is None:
        return Effect(Reason.DEVICE_UPDATED).then(forgotten)
    return close_incident(state, known, Reason.DEVICE_UPDATED, f"promise:{state.now}").then(forgotten)
