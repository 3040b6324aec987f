"""Log lines that would repeat many times a second: the first of a kind at once, then one a minute with a count."""

from collections.abc import Callable
from typing import Any, Final

AGAIN_S: Final = 60.0


class RareLog:
    """Writes at most one line a minute of each event.

    Args:
        log: A structlog logger.
        monotonic: The clock for intervals.
        again_s: The shortest time between two lines of one event.
    """

    def __init__(self, log: Any, monotonic: Callable[[], float], again_s: float = AGAIN_S) -> None:
        self._log, self._monotonic, self._again_s = log, monotonic, again_s
        self._written_at: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def warning(self, event: str, **values: Any) -> None:
        """Something is interrupted and goes on by itself."""
        self._write(self._log.warning, event, values)

    def error(self, event: str, **values: Any) -> None:
        """Something needs an operator."""
        self._write(self._log.error, event, values)

    def _write(self, write: Callable[..., Any], event: str, values: dict[str, Any]) -> None:
        now = self._monotonic()
        last = self._written_at.get(event)
        if last is not None and now - last < self._again_s:
            self._left_out[event] = self._left_out.get(event, 0) + 1
            return
        self._written_at[event] = now
        left_out = self._left_out.pop(event, 0)
        if left_out:
            values["left_out"] = left_out
        write(event, **values)
