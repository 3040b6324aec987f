"""What a commit says beside its offset: whether its owner was at work, and at which records workers died before.

    assigned ─► running ─► … ─► given away, drained: no mark
                  └─ the owner dies: whoever has the partition next sees the mark, and reads carefully
                     (streams/kafka/careful_reading.py)

A mark lies in the metadata of the group's offset. It needs no disk, and whoever takes the partition over sees it, on
whichever machine.
"""

import re
from typing import Final, NamedTuple

MOST_DEATHS: Final = 99
"""More are not counted: after three the record is passed."""

_TEXT: Final = re.compile(r"([us])(\d{1,19})\.(\d{1,6})\.(\d{1,2})", re.ASCII)


class Mark(NamedTuple):
    """Which records a worker had in hand when the commit was made.

    Attributes:
        is_under_way: Whether it had begun: if this is still there when the partition is assigned, it has died.
        first: The offset from which on the records were suspected; 0 where none was.
        records: How many of them; 0 where nobody knows.
        deaths: How many workers had died of one of them before, as far as is known.
    """

    is_under_way: bool
    first: int = 0
    records: int = 0
    deaths: int = 0

    @property
    def deaths_now(self) -> int:
        """How many have died, for whoever finds this mark at the start."""
        return min(self.deaths + self.is_under_way, MOST_DEATHS)

    def __str__(self) -> str:
        state = "u" if self.is_under_way else "s"
        return f"{state}{self.first}.{self.records}.{min(self.deaths, MOST_DEATHS)}"


RUNNING: Final = Mark(is_under_way=True)
"""Of a partition that is read as fast as it comes: who dies then has died of a record that nobody can name yet."""


def read_mark(text: str) -> Mark | None:
    """The mark that a text is; None where it is none."""
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    state, first, records, deaths = found.groups()
    return Mark(state == "u", int(first), int(records), int(deaths))
