"""Times that cannot be true, whoever has written them."""

from schemas.units import SECOND_MS, EpochMs

LATEST_MS = EpochMs(253_402_300_799_999)
"""The last millisecond of the year 9999. A later append time is an error and does not move stream time."""

AHEAD_MS = 20 * SECOND_MS
"""How far a worker's clock may be ahead of the broker's: as far as a device's clock (SIA DC-09)."""


def believed(at: EpochMs | None, now: EpochMs) -> EpochMs | None:
    """A time that a worker has written, or None where it cannot be true."""
    return at if at is not None and 0 < at <= now + AHEAD_MS else None
