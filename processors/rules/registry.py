"""Changes of the site that the log reports: devices are added, moved and removed, and a policy comes into force."""

from collections.abc import Iterator

from msgspec.structs import replace

from processors.incident.device_condition import close_incident
from processors.incident.grading import nearest_help_mm
from processors.incident.matching import of_device
from processors.incident.supervision import (
    heartbeat_ms,
    next_test,
    on_device_left_site,
    on_gateway_removed,
    on_promise_changed,
    silence_timer,
    withdraw,
)
from processors.state.effect import Change, Effect, PutDevice, PutPolicy, SetTimer
from processors.state.entities import Device, DeviceKey, Timer, TimerKind, device_subject
from processors.state.geometry import place_of
from processors.state.partition_state import State, device_at
from processors.state.policy import read_policy
from schemas.enums import DeviceKind, Family, Hazard, Reason
from schemas.fusion_log import FusionInput, PolicyRecord
from schemas.registry import RegistryDevice


def device_update(state: State, envelope: FusionInput, site: RegistryDevice) -> Effect:
    """Apply a registry record of a device, unless its revision is not higher than the known one.

    A removed device stays in the state with its windows, because a copy of an old press must be recognised. Its
    supervision ends, and its faults are closed; an emergency stays open.
    """
    if site.zone != envelope.zone:
        return Effect(Reason.MISROUTED)
    device = device_at(state, (site.zone, site.device_id))
    if device.site is not None and site.revision <= device.site.revision:
        return Effect(Reason.DUPLICATE)
    if site.removed:
        return _on_removed(state, device, site)
    place = place_of(site.lon_e7, site.lat_e7)
    placed = replace(device, site=site, place=place, help_mm=nearest_help_mm(site, place))
    if not device.is_registered:
        placed = replace(placed, since=state.now)
    if device.site is None or device.site.test_every_s != site.test_every_s or not device.is_registered:
        placed = replace(placed, test_due=next_test(placed, state.now))
    withdrawals = tuple(_withdrawals(state, device, placed))
    if device.silent_since is not None and _promise(device) != _promise(placed):
        placed = replace(placed, silent_since=None, since=state.now)
    if not site.reports_release:
        placed = replace(placed, closed_at=None, is_stuck=False)
    changes = (PutDevice(placed), *_timers(state, placed))
    return Effect(Reason.DEVICE_UPDATED, (), changes).then(*withdrawals)


def _withdrawals(state: State, device: Device, placed: Device) -> Iterator[Effect]:
    """Close what was reported of a device and is no longer required of it."""
    if device.silent_since is not None and _promise(device) != _promise(placed):
        yield on_promise_changed(state, device)
    if placed.test_due is None:
        yield withdraw(state, device, Hazard.TEST_MISSED)
    if placed.site is not None and not placed.site.reports_release:
        yield withdraw(state, device, Hazard.STUCK_BUTTON)


def _promise(device: Device) -> tuple[int, DeviceKey | None]:
    """A device's heartbeat interval, milliseconds, and its gateway."""
    return heartbeat_ms(device), device.gateway


def _timers(state: State, device: Device) -> tuple[Change, ...]:
    """The timers of a device that the registry has just listed; a superfluous timer does no harm."""
    timers: list[Change] = []
    if interval_ms := heartbeat_ms(device):
        timers.append(silence_timer(device.key, state.now, interval_ms))
    if device.test_due is not None:
        timers.append(SetTimer(Timer(device.test_due, device_subject(device.key), TimerKind.TEST_DUE)))
    return tuple(timers)


def _on_removed(state: State, device: Device, site: RegistryDevice) -> Effect:
    cause = f"{site.device_id}:{site.revision}"
    faults = [
        close_incident(state, incident, Reason.DEVICE_LEFT, cause)
        for incident in of_device(state, device.key)
        if incident.family is Family.MAINTENANCE
    ]
    is_gateway = device.site is not None and device.site.kind is DeviceKind.GATEWAY
    others = on_gateway_removed(state, device) if is_gateway else on_device_left_site(state, device)
    removed = replace(
        device, site=site, place=None, silent_since=None, closed_at=None, is_stuck=False, test_due=None
    )
    return Effect(Reason.DEVICE_REMOVED, (), (PutDevice(removed),)).then(*faults, others)


def policy_update(state: State, _envelope: FusionInput, record: PolicyRecord) -> Effect:
    """Put a policy into force, unless its revision is not higher than the present one's or it contradicts itself."""
    if record.revision <= state.policy_revision:
        return Effect(Reason.DUPLICATE)
    try:
        policy = read_policy(record)
    except ValueError as error:
        return Effect(Reason.POLICY_REFUSED, detail=str(error))
    return Effect(Reason.POLICY_ACTIVATED, (), (PutPolicy(policy, record.version, record.revision),))
