"""The pauses of a JVM, read from the log that `-Xlog:gc` writes (JEP 158).

[12.345s][info][gc] GC(7) Pause Young (Normal) (G1 Evacuation Pause) 1034M->312M(2048M) 4.321ms
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

_PAUSE = re.compile(r"\bPause\b.* ([0-9]+\.[0-9]+)ms$")


class GcFigures(TypedDict):
    """What a JVM stood still for.

    Attributes:
        pauses: How many.
        total_ms: All of them, milliseconds.
        longest_ms: The longest.
    """

    pauses: int
    total_ms: float
    longest_ms: float


class GcLog:
    """A log that grows.

    Args:
        path: Where it is; it may not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0
        self.new_pauses_ms()

    def new_pauses_ms(self) -> list[float]:
        """The pauses since the last call, or since the log was opened."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._read)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]  # a line that is being written is read the next time
        self._read += len(whole)
        return pauses_ms(whole.decode(errors="replace"))


def pauses_ms(log: str) -> list[float]:
    """The length of each pause of a log; what runs beside the program is none."""
    return [float(found[1]) for line in log.splitlines() if (found := _PAUSE.search(line))]


def gc_figures(pauses: Sequence[float]) -> GcFigures:
    """The figures of pauses, given in milliseconds."""
    return GcFigures(pauses=len(pauses), total_ms=round(sum(pauses), 1), longest_ms=max(pauses, default=0.0))
