"""Windows of planned work: what a window covers, how it is made, and how it ends.

options, registry ─► what is covered, by zone ─► a window for each zone ─► planned, running, over
└───► ended, by a person
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec
from msgspec.structs import replace

from schemas.ack import Actor
from schemas.enums import AckReason, DeviceKind
from schemas.errors import InputMissing
from schemas.fusion_log import MaintenanceWindow, Period
from schemas.ids import fingerprint
from schemas.registry import RegistryDevice
from schemas.units import DAY_MS, EpochMs

KEPT_MS: Final = 7 * DAY_MS
"""How long a window that is over stays on its topic: as long as an incident."""

_NAMED: Final = 10  # unknown names in an error at most
_MARK: Final = 8  # characters at the end of an id that tell the windows of a zone apart


class WindowState(StrEnum):
    """Where a window is in its life."""

    RUNNING = "running"
    PLANNED = "planned"
    OVER = "over"
    ENDED = "ended"


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """What one window covers: devices, a gateway with all behind it, or with neither the whole zone.

    Attributes:
        zone: The zone.
        devices: The devices, in the order of their ids.
        gateway: The gateway, or None.
    """

    zone: str
    devices: tuple[str, ...] = ()
    gateway: str | None = None


def coverage_of_devices(known: Mapping[str, RegistryDevice], wanted: Iterable[str]) -> tuple[Coverage, ...]:
    """One coverage for each zone that has some of these devices.

    Args:
        known: The registry, by device id.
        wanted: Ids of devices; one that is there twice counts once.

    Raises:
        InputMissing: The registry has no such device; all of them are named, and none is covered.
    """
    names = sorted(set(wanted))
    if unknown := [name for name in names if name not in known]:
        raise InputMissing(f"the registry has no device {_listed(unknown)}")
    zones = sorted({known[name].zone for name in names})
    return tuple(
        Coverage(zone=zone, devices=tuple(name for name in names if known[name].zone == zone))
        for zone in zones
    )


def coverage_of_site(known: Mapping[str, RegistryDevice], gateway: str) -> Coverage:
    """A gateway and every device behind it.

    Raises:
        InputMissing: The registry has no such gateway.
    """
    device = known.get(gateway)
    if device is None:
        raise InputMissing(f"the registry has no gateway {gateway}")
    if device.kind is not DeviceKind.GATEWAY:
        raise InputMissing(f"{gateway} is no gateway, it is a {device.kind.value}: name it with --device")
    return Coverage(zone=device.zone, gateway=gateway)


def assert_zones(known: Mapping[str, RegistryDevice], wanted: Iterable[str]) -> None:
    """Refuse zones in which the registry has no device.

    Raises:
        InputMissing: There are some; all of them are named.
    """
    zones = {device.zone for device in known.values()}
    if unknown := sorted(set(wanted) - zones):
        raise InputMissing(f"the registry has no zone {_listed(unknown)}")


def make_window(
    coverage: Coverage,
    periods: Sequence[Period],
    *,
    rule: str,
    reason: AckReason,
    note: str | None,
    actor: Actor,
    before: Mapping[str, MaintenanceWindow],
    now: EpochMs,
) -> MaintenanceWindow:
    """A window whose id follows from what it covers, when and why: the same plan again is the same window.

    Who plans it and the note are no part of its id: they can be corrected.

    Args:
        coverage: What it covers.
        periods: When, earliest first; at least one.
        rule: From which rule, for people.
        reason: Why.
        note: What else there is to say.
        actor: Who plans it.
        before: All windows that are known, by id; perhaps this one is.
        now: The revision, unless that of the same window before is as high.
    """
    moments = [moment for period in periods for moment in (period.begins_at, period.ends_at)]
    mark = fingerprint(
        coverage.zone,
        coverage.gateway or "",
        len(coverage.devices),
        *coverage.devices,
        reason.value,
        *moments,
    )
    window_id = f"{coverage.zone}-{mark[-_MARK:]}"
    return MaintenanceWindow(
        window_id=window_id,
        zone=coverage.zone,
        revision=next_revision(before.get(window_id), now),
        devices=coverage.devices,
        gateway=coverage.gateway,
        periods=tuple(periods),
        rule=rule,
        reason=reason,
        note=note,
        actor=actor,
    )


def ended_window(
    window: MaintenanceWindow, *, actor: Actor, note: str | None, now: EpochMs
) -> MaintenanceWindow:
    """The window as it is when a person has ended it.

    Args:
        window: As it was.
        actor: Who ends it.
        note: Why, or None: what was said before stays.
        now: The new revision, unless the one before is as high.
    """
    revision = next_revision(window, now)
    return replace(window, ended=True, revision=revision, actor=actor, note=note or window.note)


def next_revision(window: MaintenanceWindow | None, now: EpochMs) -> int:
    """The revision of a window's next record: now, but higher than before also where a clock is behind."""
    return now if window is None else max(now, window.revision + 1)


def window_state(window: MaintenanceWindow, now: EpochMs) -> WindowState:
    """Whether it is to come, goes on, or is over."""
    if window.ended:
        return WindowState.ENDED
    period = next_period(window, now)
    if period is None:
        return WindowState.OVER
    return WindowState.RUNNING if period.begins_at <= now else WindowState.PLANNED


def next_period(window: MaintenanceWindow, now: EpochMs) -> Period | None:
    """The period that goes on, or else the next one; None where all are over."""
    return next((period for period in window.periods if period.ends_at > now), None)


def removable(windows: Iterable[MaintenanceWindow], now: EpochMs) -> tuple[str, ...]:
    """The ids of windows that have been over for so long that nobody looks for them any more."""
    return tuple(window.window_id for window in windows if _over_since(window, now) <= now - KEPT_MS)


def _over_since(window: MaintenanceWindow, now: EpochMs) -> int:
    """When it was over, or now if it is not."""
    if window.ended:
        return window.revision
    return now if next_period(window, now) else max((period.ends_at for period in window.periods), default=0)


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(list(names)[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown
