"""Supervision of buttons that are held for too long, and of scheduled tests that do not come."""

from msgspec.structs import replace

from processors.incident.area import on_device_fault, on_device_fault_over
from processors.incident.device_condition import ConditionSignal, on_active, on_cleared, signal_of
from processors.incident.grading import chain_of
from processors.incident.listening import feed_of, heard_since, proven_at
from processors.incident.sign_of_life import test_slack_ms
from processors.state.effect import Effect, PutDevice
from processors.state.entities import Device, DeviceKey, FaultReport
from processors.state.partition_state import State
from schemas.enums import Hazard
from schemas.units import SECOND_MS, EpochMs


def stuck_due(state: State, key: DeviceKey) -> EpochMs | None:
    """When the closed contact of a device counts as stuck; None where it is not watched."""
    device = state.devices.get(key)
    if device is None or device.closed_at is None or device.is_stuck or not device.is_registered:
        return None
    topic = feed_of(device)
    since = heard_since(state, topic) or state.heard_since
    return proven_at(state, topic, max(device.closed_at, since) + state.policy.stuck_ms)


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
    if device is None or not device.is_registered or device.test_due is None or device.site is None:
        return None
    topic = feed_of(device)
    since = heard_since(state, topic) or state.heard_since
    slack_ms = test_slack_ms(device)
    is_after_hole = device.test_due < since + slack_ms and since > device.since
    return proven_at(state, topic, since + slack_ms if is_after_hole else device.test_due)


def next_test(device: Device, at: EpochMs) -> EpochMs | None:
    """By when the test after one at `at` must arrive: the schedule and a tenth of it."""
    every_s = None if device.site is None else device.site.test_every_s
    return None if every_s is None else EpochMs(at + every_s * SECOND_MS * 11 // 10)


def on_test_missed(state: State, device: Device) -> Effect:
    """Report that a scheduled test is missing; the next one is due an interval after now."""
    signal = _device_signal(state, device, Hazard.TEST_MISSED, f"due:{device.test_due}")
    was_missed = any(report.hazard is Hazard.TEST_MISSED for report in device.faults)
    faults = (*_other_faults(device), FaultReport(Hazard.TEST_MISSED, state.now, active=True))
    missed = replace(device, test_due=next_test(device, state.now), faults=faults)
    return on_device_fault(state, signal, was_active=was_missed).after(PutDevice(missed))


def on_tested(state: State, device: Device, event_id: str) -> Effect:
    """Clear a missing test: one has arrived. The device is stored without the fault by `tested`."""
    was_missed = any(report.hazard is Hazard.TEST_MISSED for report in device.faults)
    signal = _device_signal(state, device, Hazard.TEST_MISSED, event_id)
    return on_device_fault_over(state, signal, was_active=was_missed)


def tested(state: State, device: Device) -> Device:
    """A device after a test: the next one is due an interval from now."""
    return replace(device, test_due=next_test(device, state.now), faults=_other_faults(device))


def _other_faults(device: Device) -> tuple[FaultReport, ...]:
    return tuple(report for report in device.faults if report.hazard is not Hazard.TEST_MISSED)


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
