"""What a new town file changes in the registry, and the records that say so.

the log         a device that moved: removed from the old zone ─► added to the new; else: the device as it is now
the registry    the device as it is now, or a tombstone
every partition of the log: the feeds that the devices report through, so that the fold knows a feed that nobody reads
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from processors.intake.envelope import envelope
from schemas.enums import DeviceKind, InputKind
from schemas.fusion_log import ExpectedFeeds, FusionInput
from schemas.ids import fingerprint
from schemas.registry import RegistryDevice
from schemas.topics import FRAMES, PILLAR_EVENTS, pillar_topic
from schemas.units import EpochMs

FEED_OF: Final[Mapping[DeviceKind, str]] = {
    DeviceKind.PILLAR: PILLAR_EVENTS,
    DeviceKind.GATEWAY: PILLAR_EVENTS,
    DeviceKind.CAMERA: FRAMES,
}
"""The topic of the feed through which a device of a kind shows that it is alive. Checkpoints have none: `plates`
writes no watermarks, so the fold would wait for its feed in vain."""


class RegistryChange(msgspec.Struct, frozen=True, kw_only=True):
    """All changes, each kind in the order of the device ids.

    Attributes:
        revision: Revision of every record that is written.
        added: New devices.
        changed: Devices that stay in their zone, as they are now.
        moved: Devices that change their zone: as they were, and as they are now.
        removed: Devices that are removed, as they were.
        again: Devices that do not change and are written nevertheless.
    """

    revision: int
    added: tuple[RegistryDevice, ...]
    changed: tuple[RegistryDevice, ...]
    moved: tuple[tuple[RegistryDevice, RegistryDevice], ...]
    removed: tuple[RegistryDevice, ...]
    again: tuple[RegistryDevice, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.added or self.changed or self.moved or self.removed or self.again)


def registry_change(
    known: Mapping[str, RegistryDevice],
    wanted: Iterable[RegistryDevice],
    at: EpochMs,
    *,
    everything: bool = False,
) -> RegistryChange:
    """Compare the registry in force with a new one.

    Args:
        known: The registry in force, by device id; revisions are not compared.
        wanted: All devices of the new one.
        at: Now. The new revision is at least this time, so that it is higher even after the registry was lost.
        everything: Also write devices that do not change, after the log was lost.
    """
    revision = max((at, *(device.revision + 1 for device in known.values())))
    now = {device.device_id: replace(device, revision=revision) for device in wanted}
    pairs = [(known[name], device) for name, device in sorted(now.items()) if name in known]
    stayed = [(replace(old, revision=revision) == new, new) for old, new in pairs if old.zone == new.zone]
    return RegistryChange(
        revision=revision,
        added=tuple(device for name, device in sorted(now.items()) if name not in known),
        changed=tuple(new for is_same, new in stayed if not is_same),
        moved=tuple((old, new) for old, new in pairs if old.zone != new.zone),
        removed=tuple(device for name, device in sorted(known.items()) if name not in now),
        again=tuple(new for is_same, new in stayed if is_same and everything),
    )


def log_inputs(changes: RegistryChange) -> tuple[FusionInput, ...]:
    """The device records for the log; removals from a zone come first."""
    left = [old for old, _new in changes.moved] + list(changes.removed)
    come = [new for _old, new in changes.moved] + [*changes.added, *changes.changed, *changes.again]
    gone = [replace(device, revision=changes.revision, removed=True) for device in left]
    return tuple(_input(device) for device in [*gone, *come])


def registry_records(changes: RegistryChange) -> dict[str, RegistryDevice | None]:
    """The records for the registry by device id; None is a tombstone."""
    gone: dict[str, RegistryDevice | None] = {device.device_id: None for device in changes.removed}
    come = [new for _old, new in changes.moved] + [*changes.added, *changes.changed, *changes.again]
    return gone | {device.device_id: device for device in come}


def expected_feeds(devices: Iterable[RegistryDevice], revision: int) -> ExpectedFeeds:
    """The feeds through which devices with a heartbeat interval report.

    Args:
        devices: All devices of the registry, changed or not.
        revision: Of the apply that says so.
    """
    reporting = {_feed_of(device) for device in devices if device.heartbeat_s and device.kind in FEED_OF}
    return ExpectedFeeds(revision=revision, topics=tuple(sorted(reporting)))


def _feed_of(device: RegistryDevice) -> str:
    """The topic through which a device reports: that of the gateway to which it is bound, where it is."""
    feed = FEED_OF[device.kind]
    return pillar_topic(device.source) if device.source and feed == PILLAR_EVENTS else feed


def _input(device: RegistryDevice) -> FusionInput:
    name = fingerprint(device.device_id, device.zone, device.revision, int(device.removed))
    return envelope(InputKind.DEVICE, name, device.zone, device)
