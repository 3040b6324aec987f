"""Planned work: until when the faults of a device are not told, because somebody works on it (F21).

A window covers devices, a gateway with everything behind it, or a whole zone; blue hazards only, never a press.
"""

from processors.state.partition_state import State
from schemas.fusion_log import MaintenanceWindow, Period
from schemas.units import EpochMs


def planned_until(state: State, zone: str, device_id: str) -> EpochMs | None:
    """When the work on a device that is going on now should be over; None where none is going on.

    Args:
        state: Read only.
        zone: The zone.
        device_id: A device, a gateway, or the subject of another condition, which only a window of the zone covers.
    """
    ends = [
        period.ends_at
        for window in state.windows.values()
        if window.zone == zone and _covers(state, window, device_id)
        for period in [period_at(window, state.now)]
        if period is not None
    ]
    return max(ends, default=None)


def period_at(window: MaintenanceWindow, at: EpochMs) -> Period | None:
    """The period of a window in which a time lies, or None."""
    return next((period for period in window.periods if period.begins_at <= at < period.ends_at), None)


def _covers(state: State, window: MaintenanceWindow, device_id: str) -> bool:
    if not window.devices and window.gateway is None:
        return True
    if device_id in window.devices or device_id == window.gateway:
        return True
    device = state.devices.get((window.zone, device_id))
    return (
        window.gateway is not None and device is not None and device.gateway == (window.zone, window.gateway)
    )
