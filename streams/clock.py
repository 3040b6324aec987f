"""The only module that reads the clock."""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from schemas.units import EpochMs


def now_ms() -> EpochMs:
    """Wall time, milliseconds since the epoch."""
    return EpochMs(time.time_ns() // 1_000_000)


def monotonic() -> float:
    """Seconds of a clock that never goes back; only differences mean anything."""
    return time.monotonic()


def thread_time() -> float:
    """Seconds of a processor that this thread has used; only differences mean anything."""
    return time.thread_time()


class Clock(NamedTuple):
    """The two clocks of a worker, as one value that a test replaces.

    Attributes:
        now_ms: Wall time, milliseconds since the epoch.
        monotonic: Seconds of a clock that never goes back.
    """

    now_ms: Callable[[], EpochMs]
    monotonic: Callable[[], float]


SYSTEM_CLOCK: Final = Clock(now_ms, monotonic)


def pause(seconds: float) -> None:
    """Block this thread; never called on an event loop."""
    time.sleep(seconds)
