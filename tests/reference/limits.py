"""The limits of the policy as the referee knows them: the defaults as literals, and what a policy record changes."""

import json
from typing import Any

from schemas.enums import Grade
from schemas.fusion_log import PolicyRecord
from schemas.ids import fingerprint

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000

DEFAULTS: dict[str, Any] = {
    "bounce_ms": 3 * SECOND,
    "reach_m": 200,
    "windows": {
        "red": {"rolling_ms": 2 * MINUTE, "at_most_ms": 15 * MINUTE},
        "yellow": {"rolling_ms": 5 * MINUTE, "at_most_ms": 30 * MINUTE},
        "blue": {"rolling_ms": 30 * MINUTE, "at_most_ms": DAY},
    },
    "expire_after_ms": DAY,
    "hold_ms": {"red": 0, "yellow": 10 * SECOND, "blue": 30 * SECOND},
    "acknowledge_ms": {"red": 30 * SECOND, "yellow": 2 * MINUTE, "blue": 10 * MINUTE},
    "notify_ms": {"red": MINUTE, "yellow": 5 * MINUTE, "blue": 30 * MINUTE},
    "stale_ms": {"red": 5 * MINUTE, "yellow": 15 * MINUTE, "blue": 4 * HOUR},
    "resolve_ms": {"red": 15 * MINUTE, "yellow": 15 * MINUTE, "blue": 10 * MINUTE},
    "shelve_ms": {"red": 0, "yellow": 30 * MINUTE, "blue": 8 * HOUR},
    "ack_too_old_ms": 10 * MINUTE,
    "stuck_ms": MINUTE,
    "still_there_ms": DAY,
}
"""docs/requirements.md, default times; docs/incidents.md, defaults by grade."""

QUICK: dict[str, Any] = {
    "hold_ms": {"red": 0, "yellow": 5 * SECOND, "blue": 8 * SECOND},
    "acknowledge_ms": {"red": 10 * SECOND, "yellow": 20 * SECOND, "blue": 40 * SECOND},
    "notify_ms": {"red": 15 * SECOND, "yellow": 30 * SECOND, "blue": MINUTE},
    "stale_ms": {"red": 40 * SECOND, "yellow": MINUTE, "blue": MINUTE},
    "resolve_ms": {"red": 20 * SECOND, "yellow": 20 * SECOND, "blue": 20 * SECOND},
}
"""A policy under which the timers of every grade fire within a short log."""


class Limits:
    """The limits in force."""

    def __init__(self) -> None:
        self._values = dict(DEFAULTS)
        self.revision = 0

    def apply(self, record: PolicyRecord) -> bool:
        """Put a policy in force unless it is an older one; returns whether it was."""
        if record.revision <= self.revision:
            return False
        self.revision = record.revision
        self._values = {**DEFAULTS, **json.loads(record.content)}
        return True

    def of(self, name: str) -> int:
        return int(self._values[name])

    def of_grade(self, name: str, grade: Grade) -> int:
        return int(self._values[name][grade.value])

    def window(self, grade: Grade) -> tuple[int, int]:
        """How long a fact joins, since the last fact and since the first, milliseconds."""
        window = self._values["windows"][grade.value]
        return window["rolling_ms"], window["at_most_ms"]


def policy(values: dict[str, Any], revision: int) -> PolicyRecord:
    """The record of a policy; what it leaves out has its default."""
    content = json.dumps(values, sort_keys=True).encode()
    return PolicyRecord(version=fingerprint("policy", content.decode()), revision=revision, content=content)
