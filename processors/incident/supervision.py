"""Who should speak, and does not: silent devices, silent sites, stuck buttons, tests that did not come.

    heard ─► deadline ─ the feed was alive after it, and no word ─► silent: comm_fail, or one site for many
                      ─ a word ─────────────────────────────────► the next deadline
    silent ─ a word ─► over

A device counts as silent only if its feed has told everything after the deadline: a worker that is down makes no
device silent (the feed itself is, see processors/rules/feed.py). Every registered device with a heartbeat class is
supervised from the moment the registry names it, also one that never speaks, and no longer where it has left.
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

TOLD_WITHIN_MS = 2 * SECOND_MS
"""A tick and a word of the feed may each come a second after a deadline."""


def silence_due(state: State, key: DeviceKey) -> EpochMs | None:
    """When to look whether a device is silent; None for one that is not supervised, or known to be silent.

    One interval and 10 % after its last word it must have been told (domain.md 3), and ticks and feeds speak once a
    second: so much earlier it is looked at, but never before the interval is over.
    """
    device = state.devices.get(key)
    if device is None or device.silent_since is not None:
        return None
    interval_ms = heartbeat_ms(device)
    if not interval_ms:
        return None
    deadline = last_report(state, device) + interval_ms + max(0, interval_ms // 10 - TOLD_WITHIN_MS)
    if deadline <= state.now and not _feed_has_told(state, device, deadline):
        return EpochMs(state.now + SECOND_MS)
    return EpochMs(deadline)


def heartbeat_ms(device: Device) -> int:
    """How often it must speak; 0 for one that promises nothing, or has left."""
    site = device.site
    return 0 if site is None or site.removed or not site.heartbeat_s else site.heartbeat_s * SECOND_MS


def last_report(state: State, device: Device) -> EpochMs:
    """Fold time of its last word, or of the moment from which it is supervised."""
    since = device.since
    return max(state.last_reports.get((device.zone, device.device_id), since), since)


def _feed_has_told(state: State, device: Device, deadline: int) -> bool:
    """Whether every partition of its feed has told everything after the deadline; a log without any has no say."""
    is_camera = device.site is not None and device.site.kind is DeviceKind.CAMERA
    topic = FRAMES if is_camera else PILLAR_EVENTS
    told = (mark.reported_at for (name, _), mark in state.watermarks.items() if name == topic)
    return all(heard_at >= deadline for heard_at in told)


def silence_timer(key: DeviceKey, at: EpochMs, interval_ms: int) -> SetTimer:
    """Look again when the device must have spoken."""
    return SetTimer(Timer(EpochMs(at + interval_ms), device_subject(key), TimerKind.SILENCE))


def on_silent(state: State, device: Device) -> Effect:
    """A device has missed its deadline."""
    last = last_report(state, device)
    put = PutDevice(replace(device, silent_since=last))
    if device.site is not None and device.site.kind is DeviceKind.GATEWAY:
        return _site_begins(state, device, f"gateway:{last}").after(put)
    gateway = device.gateway
    if gateway is None:
        return on_active(state, _comm_fail(state, device, is_alone=False)).after(put)
    if _silent_site(state, gateway) is not None:
        return Effect(Reason.INHIBITED, (), (put,))
    silent = [*state.by_gateway.get(gateway, ()), device.device_id]
    owner = state.devices.get(gateway)
    if len(silent) < state.policy.site_misses or owner is None or not owner.is_registered:
        return on_active(state, _comm_fail(state, device, is_alone=False)).after(put)
    return _site_begins(state, owner, f"children:{device.device_id}:{last}").after(put)


def on_recovered(state: State, device: Device) -> Effect:
    """A silent device has said something."""
    key = device.key
    put = PutDevice(replace(device, silent_since=None))
    look = silence_timer(key, state.now, heartbeat_ms(device))
    if device.site is not None and device.site.kind is DeviceKind.GATEWAY:
        left = state.by_gateway.get(key, [])
        return _site_may_end(state, key, left, is_gateway_silent=False).after(put, look)
    own = on_cleared(state, _comm_fail(state, device, is_alone=True, event_id=f"heard:{state.now}"))
    site = on_device_left_site(state, device)
    both = own.then(site) if own.alerts else Effect(site.reason).then(own, site)
    return both.after(put, look)


def _site_begins(state: State, gateway: Device, event_id: str) -> Effect:
    """One incident for the site; those of its devices end, since they have the same cause."""
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


def _site_may_end(state: State, gateway: DeviceKey, left: list[str], *, is_gateway_silent: bool) -> Effect:
    """The site speaks again when its gateway does and fewer devices are silent than make a site.

    Those that are silent still are then told of one by one.
    """
    if is_gateway_silent or len(left) >= state.policy.site_misses:
        return Effect(Reason.INHIBITED)
    site = Effect(Reason.HEARTBEAT)
    if _silent_site(state, gateway) is not None:
        site = on_cleared(state, _site_signal(state, state.devices[gateway], f"over:{state.now}"))
    return site.then(*(_after_site(state, (gateway[0], name)) for name in left))


def _after_site(state: State, key: DeviceKey) -> Effect:
    """A device of a site that recovers is silent still: it is reported by itself, unless it is already."""
    device = state.devices.get(key)
    known = by_name(state, key[0], fault_name(Hazard.COMM_FAIL, key[1]))
    if device is None or (known is not None and known.active):
        return Effect(None)
    return on_active(state, _comm_fail(state, device, is_alone=True, event_id=f"after-site:{state.now}"))


def on_gateway_removed(state: State, gateway: Device) -> Effect:
    """A gateway has left: its silent devices are reported one by one, since no site speaks for them any more."""
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
    """The registry has changed when a silent device must speak, or through whom: what was told of it ends."""
    is_gateway = device.site is not None and device.site.kind is DeviceKind.GATEWAY
    own = withdraw(state, device, Hazard.SITE_COMM_FAIL if is_gateway else Hazard.COMM_FAIL)
    site = on_gateway_removed(state, device) if is_gateway else on_device_left_site(state, device)
    return Effect(Reason.DEVICE_UPDATED).then(own, site)


def withdraw(state: State, device: Device, hazard: Hazard) -> Effect:
    """The registry does not ask any more for what was missing: what was told of it ends."""
    known = by_name(state, device.zone, fault_name(hazard, device.device_id))
    if known is None:
        return Effect(Reason.DEVICE_UPDATED)
    return close_incident(state, known, Reason.DEVICE_UPDATED, f"promise:{state.now}")


def on_device_left_site(state: State, device: Device) -> Effect:
    """A silent device does not belong to its site any more: perhaps the others are no silent site."""
    gateway = device.gateway
    if gateway is None or device.silent_since is None:
        return Effect(Reason.DEVICE_UPDATED)
    left = [name for name in state.by_gateway.get(gateway, ()) if name != device.device_id]
    owner = state.devices.get(gateway)
    is_gateway_silent = owner is not None and owner.silent_since is not None
    return _site_may_end(state, gateway, left, is_gateway_silent=is_gateway_silent)


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
    """Silence, named by the last word before it unless there is a better name."""
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
    """When a closed contact is closed for too long."""
    device = state.devices.get(key)
    if device is None or device.closed_at is None or device.is_stuck or not device.is_registered:
        return None
    return EpochMs(device.closed_at + state.policy.stuck_ms)


def on_stuck(state: State, device: Device) -> Effect:
    """A contact is closed for too long: maintenance, and nothing that a later press would be kept silent for."""
    signal = _device_signal(state, device, Hazard.STUCK_BUTTON, f"closed:{device.closed_at}")
    return on_active(state, signal).after(PutDevice(replace(device, is_stuck=True)))


def on_released(state: State, device: Device, event_id: str) -> Effect:
    """A contact has opened that was closed for too long."""
    return on_cleared(state, _device_signal(state, device, Hazard.STUCK_BUTTON, event_id))


def test_overdue(state: State, key: DeviceKey) -> EpochMs | None:
    """When the next scheduled test must have come."""
    device = state.devices.get(key)
    return None if device is None or not device.is_registered else device.test_due


def next_test(device: Device, at: EpochMs) -> EpochMs | None:
    """By when a test must come after one at `at`: the schedule and a tenth."""
    every_s = None if device.site is None else device.site.test_every_s
    return None if every_s is None else EpochMs(at + every_s * SECOND_MS * 11 // 10)


def on_test_missed(state: State, device: Device) -> Effect:
    """A scheduled test did not come; the next one is due an interval after this was found."""
    signal = _device_signal(state, device, Hazard.TEST_MISSED, f"due:{device.test_due}")
    due = next_test(device, state.now)
    return on_active(state, signal).after(PutDevice(replace(device, test_due=due)))


def on_tested(state: State, device: Device, event_id: str) -> Effect:
    """A test came after one was missed."""
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
