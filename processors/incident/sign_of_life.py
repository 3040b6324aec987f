"""Signs of life: which reports show that a device is alive, whatever the clocks of device and gateway say.

    newer than the last one, in the order of the log ─► a sign of life
    a heartbeat that was there before ───────────────► a copy, unless it comes one interval after the last report
    older, but on its way for seconds only ──────────► a sign of life: a clock has been set back a little
    older, and long on its way ──────────────────────► doubtful: a buffer was emptied, or a clock has been set back
    doubtful twice, in step with stream time ────────► the clock has been set back: a sign of life

A doubtful report shows that there is somebody at all, so that no device is found silent because of it, but it does not
end a silence (docs/requirements.md, F9).
"""

from zlib import crc32

from processors.state.entities import Device, DeviceKey, LastReport
from processors.state.partition_state import State
from schemas.units import SECOND_MS, EpochMs

KEPT_HEARTBEATS = 16
"""Heartbeats of a device by which a copy is recognised: five minutes of the shortest interval. What is kept of each is
a checksum of its id and its time, four bytes, since a county has 13,000 cameras."""

_32_BITS = 0xFFFF_FFFF
_BYTES = 4

AHEAD_MS = 20 * SECOND_MS
"""How far a gateway's clock may be ahead (SIA DC-09)."""


def heartbeat(
    state: State, key: DeviceKey, event_id: str, received_at: EpochMs, interval_ms: int
) -> LastReport | None:
    """The sign of life that a heartbeat is; None for a copy of an earlier one.

    Args:
        state: Read only.
        key: A registered device.
        event_id: The id of the heartbeat. A copy has the same id and the same received_at; another heartbeat of a
            clock that stands still has the same received_at only.
        received_at: When its gateway received it, by the gateway's clock.
        interval_ms: The heartbeat interval of the device, milliseconds; 0 where it has none.
    """
    known = state.last_reports.get(key)
    name = crc32(event_id.encode(), received_at & _32_BITS).to_bytes(_BYTES, "big")
    if known is None:
        return LastReport(state.now, received_at, name)
    if name in known.recent:
        # Copies come at any time. A clock that stands still gives the same heartbeat again, one interval later.
        if not interval_ms or abs(state.now - known.at - interval_ms) > interval_ms // 4:
            return None
        return _report(state, known, received_at, known.recent, interval_ms)
    recent = (known.recent + name)[-KEPT_HEARTBEATS * _BYTES :]
    return _report(state, known, received_at, recent, interval_ms)


def sign_of_life(state: State, key: DeviceKey, received_at: EpochMs, interval_ms: int) -> LastReport:
    """The sign of life that a report other than a heartbeat is; copies have been left out before."""
    known = state.last_reports.get(key)
    if known is None:
        return LastReport(state.now, received_at)
    return _report(state, known, received_at, known.recent, interval_ms)


def _report(
    state: State, known: LastReport, received_at: EpochMs, recent: bytes, interval_ms: int
) -> LastReport:
    now, behind_ms = state.now, known.behind_ms
    if not (behind_ms or known.doubtful) and received_at >= known.received_at:
        return LastReport(now, received_at, recent)
    if received_at + behind_ms > now + AHEAD_MS:
        behind_ms = 0  # the clock has been put right
    is_late = now - received_at - behind_ms > state.policy.late_after_ms
    if not is_late or (received_at >= known.received_at and not known.doubtful):
        return LastReport(now, received_at, recent, False, behind_ms)
    passed_ms = now - known.at
    difference_ms = abs(passed_ms - (received_at - known.received_at))
    in_step = known.doubtful and passed_ms >= SECOND_MS and difference_ms <= max(SECOND_MS, interval_ms // 4)
    if in_step:
        return LastReport(now, received_at, recent, False, now - received_at)
    return LastReport(now, received_at, recent, True, behind_ms)


def in_order(state: State, key: DeviceKey, received_at: EpochMs) -> EpochMs:
    """received_at in the order of the device's own reports, although its gateway's clock has been set back."""
    behind_ms = set_back_ms(state, key)
    return EpochMs(min(received_at + behind_ms, state.now + AHEAD_MS)) if behind_ms else received_at


def set_back_ms(state: State, key: DeviceKey) -> int:
    """How far the clock of a device's gateway has been set back, milliseconds; 0 where it has not been."""
    known = state.last_reports.get(key)
    return 0 if known is None else known.behind_ms


def is_older(state: State, received_at: EpochMs, before: EpochMs) -> bool:
    """Whether a report is older than an earlier one of its device, both in the order of the device's own reports.

    One that was received ahead of stream time, by a clock that has been put right since, proves nothing.
    """
    was_ahead = before > state.now >= received_at
    return received_at < before and not was_ahead


def heartbeat_ms(device: Device) -> int:
    """The heartbeat interval of a device, milliseconds; 0 where it has none, or has been removed."""
    site = device.site
    return 0 if site is None or site.removed or not site.heartbeat_s else site.heartbeat_s * SECOND_MS


def test_slack_ms(device: Device) -> int:
    """How long a test that nobody could hear has to arrive after all, milliseconds: a tenth of its interval (F7)."""
    site = device.site
    return 0 if site is None else (site.test_every_s or 0) * SECOND_MS // 10


def last_report(state: State, device: Device) -> EpochMs:
    """Stream time of a device's last report, or from which it is supervised, whichever is later."""
    report = state.last_reports.get((device.zone, device.device_id))
    return device.since if report is None else max(report.at, device.since)
