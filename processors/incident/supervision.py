"""Supervision of devices: silent devices, silent sites, stuck buttons and missing scheduled tests.

    report ─► deadline ─ the feed is complete until then, and no report ─► silent: comm_fail, or one site for many
                       ─ a report ───────────────────────────────────────► the next deadline
    silent ─ a report ─► cleared

A device counts as silent only if its feed has been reported completely until after the deadline. A worker that is down
therefore makes no device silent; the feed itself becomes silent (processors/rules/feed.py). Every registered device
with a heartbeat interval is supervised from the moment the registry lists it, even if it never reports, until it is
removed.
"""

from msgspec.structs import replace

from processors.incident.device_condition import (
    ConditionSignal,
    close_incident,
    on_active,
    on_cleared,
    signal_of,
)
from processors.incident.grading import chain_of
from processors.incident.matching import by_name, fault_name
from processors.state.effect import Effect, PutDevice, SetTimer
from processors.state.entities import Device, DeviceKey, Incident, Timer, TimerKind, device_subject
from processors.state.partition_state import State
from schemas.enums import DeviceKind, Disposition, Hazard, Reason
from schemas.topics import FRAMES, PILLAR_EVENTS
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
    deadline = last_report(state, device) + interval_ms + max(0, interval_ms // 10 - REPORTED_WITHIN_MS)
    if deadline <= state.now and not _feed_is_complete(state, device, deadline):
        return EpochMs(state.now + SECOND_MS)
    return EpochMs(deadline)


def heartbeat_ms(device: Device) -> int:
    """The heartbeat interval of a device, milliseconds; 0 where it has none, or has been removed."""
    site = device.site
    return 0 if site is None or site.removed or not site.heartbeat_s else site.heartbeat_s * SECOND_MS


def last_report(state: State, device: Device) -> EpochMs:
    """Stream time of a device's last report, or from which it is supervised, whichever is later."""
    since = device.since
    return max(state.last_reports.get((device.zone, device.device_id), since), since)


def _feed_is_complete(state: State, device: Device, deadline: int) -> bool:
    """Whether every partition of the device's feed has reported a watermark since the deadline.

    True where the log holds no watermark of the feed, since there is nothing to wait for.
    """
    is_camera = device.site is not None and device.site.kind is DeviceKind.CAMERA
    topic = FRAMES if is_camera else PILLAR_EVENTS
    reported = (mark.reported_at for (name, _), mark in state.watermarks.items() if name == topic)
    return all(reported_at >= deadline for reported_at in reported)


def silence_timer(key: DeviceKey, at: EpochMs, interval_ms: int) -> SetTimer:
    """A timer that checks a device after its interval."""
    return SetTimer(Timer(EpochMs(at + interval_ms), device_subject(key), TimerKind.SILENCE))


def on_silent(state: State, device: Device) -> Effect:
    """Report that a device has missed its deadline, alone or as part of a silent site."""
    last = last_report(state, device)
    put = PutDevice(replace(device, silent_since=last))
    if device.site is not None and device.site.kind is DeviceKind.GATEWAY:
        return _on_site_silent(state, device, f"gateway:{last}").after(put)
    gateway = device.gateway
    if gateway is None:
        return on_active(state, _comm_fail(state, device, is_alone=False)).after(put)
    if _silent_site(state, gateway) is not None:
        return Effect(Reason.INHIBITED, (), (put,))
    silent = [*state.by_gateway.get(gateway, ()), device.device_id]
    owner = state.devices.get(gateway)
    if len(silent) < state.policy.site_misses or owner is None or not owner.is_registered:
        return on_active(state, _comm_fail(state, device, is_alone=False)).after(put)
    return _on_site_silent(state, owner, f"children:{device.device_id}:{last}").after(put)


def on_recovered(state: State, device: Device) -> Effect:
    """Clear the silence of a device that has reported again, and perhaps that of its site."""
    key = device.key
    put = PutDevice(replace(device, silent_since=None))
    timer = silence_timer(key, state.now, heartbeat_ms(device))
    if device.site is not None and device.site.kind is DeviceKind.GATEWAY:
        still_silent = state.by_gateway.get(key, [])
        return _clear_site_if_recovered(state, key, still_silent, is_gateway_silent=False).after(put, timer)
    own = on_cleared(state, _comm_fail(state, device, is_alone=True, event_id=f"heard:{state.now}"))
    site = on_device_left_site(state, device)
    both = own.then(site) if own.alerts else Effect(site.reason).then(own, site)
    return both.after(put, timer)


def _on_site_silent(state: State, gateway: Device, event_id: str) -> Effect:
    """Raise one incident for the site and close those of its devices, since they have the same cause."""
    site = on_active(state, _site_signal(state, gateway, event_id))
    children = (
        by_name(state, gateway.zone, fault_name(Hazard.COMM_FAIL, name))
        for name in state.by_gateway.get(gateway.key, ())
    )
    inhibited = [
        close_incident(state, child, Reason.INHIBITED, event_id, Disposition.DUPLICATE)
        for child in children
        if child is not None
    ]
    return Effect(Reason.SITE_SILENT if site.alerts else site.reason).then(site, *inhibited)


def _clear_site_if_recovered(
    state: State, gateway: DeviceKey, still_silent: list[str], *, is_gateway_silent: bool
) -> Effect:
    """Clear the site if its gateway reports and fewer of its devices are silent than make a silent site.

    The devices that are still silent are then reported one by one.
    """
    if is_gateway_silent or len(still_silent) >= state.policy.site_misses:
        return Effect(Reason.INHIBITED)
    site = Effect(Reason.HEARTBEAT)
    if _silent_site(state, gateway) is not None:
        site = on_cleared(state, _site_signal(state, state.devices[gateway], f"over:{state.now}"))
    return site.then(*(_report_after_site(state, (gateway[0], name)) for name in still_silent))


def _report_after_site(state: State, key: DeviceKey) -> Effect:
    """Report a device that is still silent after its site has recovered, unless it has its own incident already."""
    device = state.devices.get(key)
    known = by_name(state, key[0], fault_name(Hazard.COMM_FAIL, key[1]))
    if device is None or (known is not None and known.active):
        return Effect(None)
    return on_active(state, _comm_fail(state, device, is_alone=True, event_id=f"after-site:{state.now}"))


def on_gateway_removed(state: State, gateway: Device) -> Effect:
    """Report the silent devices of a removed gateway one by one, since no incident of a site covers them any more."""
    children = (state.devices.get((gateway.zone, name)) for name in state.by_gateway.get(gateway.key, ()))
    event_id = f"after-site:{state.now}"
    return Effect(Reason.CONDITION_ACTIVE).then(
        *(
            on_active(state, _comm_fail(state, child, is_alone=True, event_id=event_id))
            for child in children
            if child is not None
        )
    )


def on_promise_changed(state: State, device: Device) -> Effect:
    """Close the silence of a device whose interval or gateway the registry has changed: it is supervised anew."""
    is_gateway = device.site is not None and device.site.kind is DeviceKind.GATEWAY
    own = withdraw(state, device, Hazard.SITE_COMM_FAIL if is_gateway else Hazard.COMM_FAIL)
    site = on_gateway_removed(state, device) if is_gateway else on_device_left_site(state, device)
    return Effect(Reason.DEVICE_UPDATED).then(own, site)


def withdraw(state: State, device: Device, hazard: Hazard) -> Effect:
    """Close the incident of a promise, such as a test schedule, that the registry does not require any more."""
    known = by_name(state, device.zone, fault_name(hazard, device.device_id))
    if known is None:
        return Effect(Reason.DEVICE_UPDATED)
    return close_incident(state, known, Reason.DEVICE_UPDATED, f"promise:{state.now}")


def on_device_left_site(state: State, device: Device) -> Effect:
    """A silent device has left its site: clear the site if the remaining silent devices are too few for one."""
    gateway = device.gateway
    if gateway is None or device.silent_since is None:
        return Effect(Reason.DEVICE_UPDATED)
    still_silent = [name for name in state.by_gateway.get(gateway, ()) if name != device.device_id]
    owner = state.devices.get(gateway)
    is_gateway_silent = owner is not None and owner.silent_since is not None
    return _clear_site_if_recovered(state, gateway, still_silent, is_gateway_silent=is_gateway_silent)


def _silent_site(state: State, gateway: DeviceKey) -> Incident | None:
    known = by_name(state, gateway[0], fault_name(Hazard.SITE_COMM_FAIL, gateway[1]))
    return known if known is not None and known.active else None


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


def stuck_due(state: State, key: DeviceKey) -> EpochMs | None:
    """When the closed contact of a device counts as stuck; None where it is not watched."""
    device = state.devices.get(key)
    if device is None or device.closed_at is None or device.is_stuck or not device.is_registered:
        return None
    return EpochMs(device.closed_at + state.policy.stuck_ms)


def on_stuck(state: State, device: Device) -> Effect:
    """Report a contact that has been closed for too long, as maintenance; it suppresses no later press."""
    signal = _device_signal(state, device, Hazard.STUCK_BUTTON, f"closed:{device.closed_at}")
    return on_active(state, signal).after(PutDevice(replace(device, is_stuck=True)))


def on_released(state: State, device: Device, event_id: str) -> Effect:
    """Clear the fault of a contact that was stuck and has opened."""
    return on_cleared(state, _device_signal(state, device, Hazard.STUCK_BUTTON, event_id))


def test_overdue(state: State, key: DeviceKey) -> EpochMs | None:
    """When the next scheduled test must have arrived; None where none is scheduled."""
    device = state.devices.get(key)
    return None if device is None or not device.is_registered else device.test_due


def next_test(device: Device, at: EpochMs) -> EpochMs | None:
    """By when the test after one at `at` must arrive: the schedule and a tenth of it."""
    every_s = None if device.site is None else device.site.test_every_s
    return None if every_s is None else EpochMs(at + every_s * SECOND_MS * 11 // 10)


def on_test_missed(state: State, device: Device) -> Effect:
    """Report that a scheduled test is missing; the next one is due an interval after now."""
    signal = _device_signal(state, device, Hazard.TEST_MISSED, f"due:{device.test_due}")
    due = next_test(device, state.now)
    return on_active(state, signal).after(PutDevice(replace(device, test_due=due)))


def on_tested(state: State, device: Device, event_id: str) -> Effect:
    """Clear a missing test: one has arrived."""
    return on_cleared(state, _device_signal(state, device, Hazard.TEST_MISSED, event_id))


def _device_signal(state: State, device: Device, hazard: Hazard, event_id: str) -> ConditionSignal:
    return signal_of(
        device.key,
        hazard,
        event_id,
        at=state.now,
        name=device.name,
        place=device.place,
        chain=chain_of(device.site),
    )
