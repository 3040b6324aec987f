"""The only module that reads the clock."""

import time

from schemas.units import EpochMs


def now_ms() -> EpochMs:
    """Wall time, milliseconds since the epoch."""
    return EpochMs(time.time_ns() // 1_000_000)


def monotonic() -> float:
    """Seconds of a clock that never goes back; only differences mean anything."""
    return time.monotonic()


def pause(seconds: float) -> None:
    """Block this thread; never called on an event loop."""
    time.sleep(seconds)
