"""Which incidents an acknowledgement is for: those that are named, or those that match a filter.

ids     ─► exactly these, of any grade, in the order in which they were named
filter  ─► what is open and matches ─► yellow, blue: chosen
                                    └► red, or a grade of a later release: left out

A person looks at each red before anything is said of it, so none is acted on because it matched a filter.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from callbox.incidents.board import by_need, find_each, is_open
from callbox.terminal.printable import printable
from schemas.alert import Alert
from schemas.enums import Grade, Hazard, IncidentState
from schemas.errors import InputMissing

_BY_FILTER: Final = frozenset({Grade.YELLOW, Grade.BLUE})

_NAMED: Final = 10  # incidents that an error names at most


class IncidentFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What incidents have in common. All that is given must hold.

    Attributes:
        zone: Their zone.
        hazard: Their hazard.
        grade: Their grade.
        state: Their state.
        device: A device that one of their sources names, in full.
    """

    zone: str | None = None
    hazard: Hazard | None = None
    grade: Grade | None = None
    state: IncidentState | None = None
    device: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is given, so that everything matches."""
        return self == IncidentFilter()

    def matches(self, alert: Alert) -> bool:
        """Whether an incident, by its newest alert, is meant. That it is open is not asked."""
        return (
            self.zone in {None, alert.zone}
            and self.hazard in {None, alert.hazard}
            and self.grade in {None, alert.grade}
            and self.state in {None, alert.state}
            and (self.device is None or any(source.device_id == self.device for source in alert.sources))
        )


class Selection(NamedTuple):
    """The incidents that are acted on.

    Attributes:
        chosen: Their newest alerts, as they are shown.
        left_out: What matches too, and is acted on by id only.
    """

    chosen: tuple[Alert, ...]
    left_out: tuple[Alert, ...] = ()


def select_by_id(alerts: Iterable[Alert], ids: Sequence[str]) -> Selection:
    """Select incidents by their ids; each once, however often it is named.

    Args:
        alerts: The board.
        ids: Ids, or the first or last characters of them.

    Raises:
        InputMissing: One of them names no incident, or several.
    """
    named = {alert.incident_id: alert for alert in find_each(alerts, ids)}
    return Selection(tuple(named.values()))


def select_by_filter(alerts: Iterable[Alert], wanted: IncidentFilter) -> Selection:
    """Select open incidents by what they have in common, sorted by urgency.

    Args:
        alerts: The board.
        wanted: What they have in common.

    Raises:
        InputMissing: Nothing that may be acted on by filter matches.
    """
    found = by_need(alert for alert in alerts if is_open(alert) and wanted.matches(alert))
    chosen = tuple(alert for alert in found if alert.grade in _BY_FILTER)
    left_out = tuple(alert for alert in found if alert.grade not in _BY_FILTER)
    if chosen:
        return Selection(chosen, left_out)
    if not left_out:
        raise InputMissing("no open incident matches: callbox incidents list")
    named = ", ".join(printable(alert.incident_id) for alert in left_out[:_NAMED])
    more = ", …" if len(left_out) > _NAMED else ""
    raise InputMissing(f"only red incidents match, and those are acted on by id: {named}{more}")
