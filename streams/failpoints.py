"""Named places where a test may kill the process, so that what a crash costs can be seen and not argued.

`CALLBOX_FAIL_POINT=fusion.delivered:40` ends the process with SIGKILL the 40th time it passes that place. The
variable is read once, when the process starts; without it a place costs one comparison.
"""

import os
import signal
from enum import StrEnum

VARIABLE = "CALLBOX_FAIL_POINT"


class FailPoint(StrEnum):
    """The places, each between a delivery and its ack: the window in which a crash must repeat and not lose."""

    ALARMS_DELIVERED = "alarms.delivered"
    FRAMES_DELIVERED = "frames.delivered"
    PLATES_DELIVERED = "plates.delivered"
    FUSION_DELIVERED = "fusion.delivered"


def _parse(text: str) -> tuple[str, int]:
    name, _, count = text.partition(":")
    return name, int(count or 1)


_armed, _left = _parse(os.environ.get(VARIABLE, ""))


def pass_by(point: FailPoint) -> None:
    """Die here if a test asked for it."""
    global _left  # noqa: PLW0603 - one counter a process is what the variable means
    if point == _armed:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
