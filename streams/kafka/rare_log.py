"""Lines that repeat while a broker is away: the first at once, then one a minute that says how many were left out.

    first of its kind ─► told ─► within a minute: left out, counted ─► after it: told, with the count
                          ▲                                                  │
                          └──────────────────────────────────────────────────┘
    nothing of a kind for two minutes ─► forgotten: the next one is a first again

Time is an argument; a kind is whatever the caller tells apart, such as an event and its topic.
"""

from collections.abc import Callable, Hashable
from typing import Any, Final, NamedTuple

EVERY_S: Final = 60.0
"""A person who reads along needs no more; a broker that was away gave 50 to 75 lines a second (issue 12)."""

MOST_KINDS: Final = 1_000
"""Texts of libraries may hold values: kinds beyond so many count as one."""

_FORGET_AFTER: Final = 2  # intervals
_OTHERS: Final = object()


class _Told(NamedTuple):
    at: float
    left_out: int


class RareLog:
    """Which lines of those that repeat are written.

    Args:
        every_s: The shortest time between two lines of a kind.
    """

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._told: dict[Hashable, _Told] = {}

    def due(self, kind: Hashable, now: float) -> int | None:
        """Whether a line of this kind is written now.

        Args:
            kind: What is told apart.
            now: By a clock that never goes back, seconds.

        Returns:
            How many were left out since the last one that was written; None: leave this one out too.
        """
        if kind not in self._told and len(self._told) >= MOST_KINDS:
            kind = _OTHERS
        told = self._told.get(kind)
        if told is not None and now - told.at < self._every_s:
            self._told[kind] = told._replace(left_out=told.left_out + 1)
            return None
        self._forget(now)
        self._told[kind] = _Told(now, 0)
        return 0 if told is None else told.left_out

    def _forget(self, now: float) -> None:
        """A kind that has ended takes no memory; what it left out is told no more."""
        limit = now - _FORGET_AFTER * self._every_s
        self._told = {kind: told for kind, told in self._told.items() if told.at > limit}


class RareLogger:
    """A logger whose lines are told apart by their event, and written as `RareLog` allows.

    Args:
        log: A structlog logger.
        monotonic: The clock for intervals.
    """

    def __init__(self, log: Any, monotonic: Callable[[], float]) -> None:
        self._log, self._monotonic, self._rare = log, monotonic, RareLog()

    def warning(self, event: str, **values: Any) -> None:
        """Something is interrupted and goes on by itself."""
        self._write(self._log.warning, event, values)

    def error(self, event: str, **values: Any) -> None:
        """Something needs an operator."""
        self._write(self._log.error, event, values)

    def _write(self, write: Callable[..., Any], event: str, values: dict[str, Any]) -> None:
        left_out = self._rare.due(event, self._monotonic())
        if left_out is not None:
            write(event, **values, left_out=left_out)
