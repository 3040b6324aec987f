"""Changes of the site that the log reports: devices are added, moved and removed, and a policy comes into force."""

from collections.abc import Iterator

from msgspec.structs import replace

from processors.incident.area import leave_area
from processors.incident.device_condition import close_incident, forget_closed_fault
from processors.incident.grading import chain_of, nearest_help_mm
from processors.incident.issue import AlertContext, issue_alert
from processors.incident.lifecycle import QUIET, UNACKNOWLEDGED, Transition, advance
from processors.incident.listening import feed_of
from processors.incident.matching import by_name, fault_name, of_device
from processors.incident.merge import placed_at
from processors.incident.sign_of_life import heartbeat_ms
from processors.incident.silence import on_promise_changed, silence_timer, withdraw
from processors.incident.site import on_device_left_site, on_gateway_removed
from processors.incident.supervision import next_test
from processors.state.effect import Change, Effect, ExpectFeeds, PutDevice, PutIncident, PutPolicy, SetTimer
from processors.state.entities import Device, DeviceKey, Incident, Timer, TimerKind, device_subject
from processors.state.geometry import place_of
from processors.state.partition_state import State, device_at
from processors.state.policy import read_policy
from schemas.enums import Action, DeviceKind, Family, Hazard, Reason
from schemas.fusion_log import FusionInput, PolicyRecord
from schemas.registry import RegistryDevice
from schemas.units import EpochMs

FAULT_HAZARDS = (
    Hazard.TAMPER,
    Hazard.BATTERY,
    Hazard.MAINS,
    Hazard.COMMS,
    Hazard.STUCK_BUTTON,
    Hazard.TEST_MISSED,
)
"""Faults that belong to a device, whatever it is."""


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
    withdrawals = (*_withdrawals(state, device, placed), *_reached(state, device, placed))
    if device.silent_since is not None and _promise(device) != _promise(placed):
        placed = replace(placed, silent_since=None, since=state.now)
    if not site.reports_release:
        placed = replace(placed, closed_at=None, is_stuck=False)
    changes = (PutDevice(placed), *_timers(state, placed), *_expected(state, placed))
    return Effect(Reason.DEVICE_UPDATED, (), changes).then(*withdrawals)


def _expected(state: State, device: Device) -> tuple[Change, ...]:
    """The feed of a supervised device should be read, also where no worker has ever reported it (F8)."""
    topic = feed_of(device)
    if not heartbeat_ms(device) or topic in state.expected:
        return ()
    due = EpochMs(state.now + state.policy.feed_silent_ms)
    expect = ExpectFeeds(state.expected_revision, (*state.expected, topic))
    return expect, SetTimer(Timer(due, topic, TimerKind.FEED_SILENCE))


def _reached(state: State, device: Device, placed: Device) -> Iterator[Effect]:
    """Bring the open incidents of a device to its new place and its new units, and tell it (F14)."""
    if device.site is None or (
        device.place == placed.place and chain_of(device.site) == chain_of(placed.site)
    ):
        return
    for incident in of_device(state, device.key):
        if incident.place_device == device.device_id or incident.devices[:1] == (device.device_id,):
            yield _moved(state, incident, device, placed)


def _moved(state: State, incident: Incident, device: Device, placed: Device) -> Effect:
    moved = incident
    if incident.place_device in {"", device.device_id} and placed.place is not None:
        moved = placed_at(state, incident, placed, incident.uncertainty_m or state.policy.pillar_reach_m)
        if incident.family is Family.MAINTENANCE:
            moved = replace(moved, place_key=incident.place_key)
    before = incident.chain[incident.tier]
    if incident.devices[:1] == (device.device_id,):
        chain = chain_of(placed.site)
        moved = replace(moved, chain=chain, tier=min(incident.tier, len(chain) - 1))
    is_new_unit = moved.chain[moved.tier] != before
    if is_new_unit and moved.state in UNACKNOWLEDGED:
        moved = advance(
            moved, Transition.NOTE, state.now, state.policy
        )  # another unit has as much time to answer
    if not moved.revision or moved.state in QUIET:
        return Effect(None, (), (PutIncident(moved),))
    cause = (placed.device_id, "" if placed.site is None else str(placed.site.revision))
    return _told(state, moved, Reason.DEVICE_MOVED, cause, is_alarm=is_new_unit)


def _told(
    state: State, incident: Incident, reason: Reason, cause: tuple[str, str], *, is_alarm: bool = False
) -> Effect:
    context = AlertContext(
        action=Action.UPDATE,
        reason=reason,
        cause=("registry", *cause),
        at=state.now,
        policy_version=state.policy_version,
        is_alarm=is_alarm,
    )
    told, alert = issue_alert(incident, context)
    return Effect(reason, (alert,), (PutIncident(told),))


def _withdrawals(state: State, device: Device, placed: Device) -> Iterator[Effect]:
    """Close what was reported of a device and is no longer required of it."""
    if device.silent_since is not None and _promise(device) != _promise(placed):
        yield on_promise_changed(state, device)
    if placed.test_due is None:
        yield withdraw(state, device, Hazard.TEST_MISSED)
    if placed.site is not None and not placed.site.reports_release:
        yield withdraw(state, device, Hazard.STUCK_BUTTON)


def _promise(device: Device) -> tuple[int, DeviceKey | None, DeviceKind | None]:
    """A device's heartbeat interval, milliseconds, its gateway and its kind."""
    return heartbeat_ms(device), device.gateway, None if device.site is None else device.site.kind


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
    left = [
        _told(state, incident, Reason.DEVICE_LEFT, (site.device_id, str(site.revision)))
        for incident in of_device(state, device.key)
        if incident.family is Family.EMERGENCY and incident.revision and incident.state not in QUIET
    ]
    forgotten = [
        forget_closed_fault(state, device.zone, hazard, device.device_id)
        for hazard in (*FAULT_HAZARDS, Hazard.COMM_FAIL, Hazard.SITE_COMM_FAIL)
    ]
    counted = _left_areas(state, device)
    is_gateway = device.site is not None and device.site.kind is DeviceKind.GATEWAY
    others = on_gateway_removed(state, device) if is_gateway else on_device_left_site(state, device)
    removed = replace(
        device,
        site=site,
        silent_since=None,
        closed_at=None,
        is_stuck=False,
        test_due=None,
        faults=(),
        settles_at=None,
    )
    put = PutDevice(removed)  # its last place stays, for a press that is on its way
    return Effect(Reason.DEVICE_REMOVED, (), (put,)).then(*faults, *left, *forgotten, *counted, others)


def _left_areas(state: State, device: Device) -> list[Effect]:
    """Count a removed device out of the areas of its zone."""
    hazards = [report.hazard for report in device.faults if report.active]
    if device.silent_since is not None:
        hazards.append(Hazard.COMM_FAIL)
    return [
        leave_area(state, (device.zone, hazard))
        for hazard in hazards
        if by_name(state, device.zone, fault_name(hazard, device.device_id)) is None
    ]


def policy_update(state: State, _envelope: FusionInput, record: PolicyRecord) -> Effect:
    """Put a policy into force, unless its revision is not higher than the present one's or it contradicts itself."""
    if record.revision <= state.policy_revision:
        return Effect(Reason.DUPLICATE)
    try:
        policy = read_policy(record)
    except ValueError as error:
        return Effect(Reason.POLICY_REFUSED, detail=str(error))
    return Effect(Reason.POLICY_ACTIVATED, (), (PutPolicy(policy, record.version, record.revision),))
