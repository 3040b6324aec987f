"""Incidents as rows: of the board, where many blues of one kind are one row, and of what is about to be done.

Text that a device, an operator or another program may have written goes through `printable`.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from callbox.incidents.board import is_open, wants_answer
from callbox.terminal.printable import printable
from callbox.terminal.times import format_span
from schemas.alert import Alert, Position
from schemas.enums import Grade, Reason, Status
from schemas.units import EpochMs

ROWS_OF_A_KIND: Final = 20
"""Open blues of one zone and hazard that the board shows in rows of their own; more of them are one row."""

HEADINGS: Final = ("id", "grade", "state", "age", "zone", "hazard", "device", "place", "asked", "ack due")
FLEXIBLE: Final = tuple(HEADINGS.index(name) for name in ("state", "zone", "hazard", "device", "asked"))
"""The columns that a narrow terminal may shorten."""

PLAN_HEADINGS: Final = ("id", "grade", "hazard", "device", "place", "age", "revision")

_EXAMPLES: Final = 2  # devices that a row names
_ID_SHOWN: Final = 24  # characters of a device's id; `callbox incidents show` has all of them


class Row(NamedTuple):
    """An incident on the board, in the order of `HEADINGS`."""

    short_id: str
    grade: str
    state: str
    age: str
    zone: str
    hazard: str
    device: str
    place: str
    asked: str
    ack_due: str


class BoardRow(NamedTuple):
    """A row of the board.

    Attributes:
        cells: What it says.
        grade: The grade of its incidents.
        size: How many incidents it stands for; more than 1 if they are grouped.
    """

    cells: Row
    grade: Grade
    size: int = 1


def row(alert: Alert, now: EpochMs, length: int) -> Row:
    """One row for one incident.

    Args:
        alert: Its newest alert.
        now: The time to which ages refer.
        length: How many of the id's last characters are shown.
    """
    is_real = alert.status is Status.ACTUAL
    cells = Row(
        alert.incident_id[-length:],
        str(alert.grade),
        str(alert.state) if is_real else f"{alert.state} ({alert.status})",
        format_span(now - alert.onset),
        alert.zone,
        str(alert.hazard),
        devices_text(alert),
        place_text(alert),
        f"{alert.responsible_unit} ({alert.tier})",
        due_text(alert.ack_by, now) if wants_answer(alert) else "",
    )
    return Row(*map(printable, cells))


def board_rows(alerts: Sequence[Alert], now: EpochMs, length: int, *, most: int | None) -> list[BoardRow]:
    """The rows of the board.

    Args:
        alerts: What is shown, sorted.
        now: The time to which ages refer.
        length: How many of an id's last characters are shown.
        most: Open blues of one zone and hazard of which there are more become one row, where the first of them
            stands; None groups nothing.
    """
    kinds = Counter(_kind(alert) for alert in alerts if _may_be_grouped(alert))
    grouped: dict[tuple[str, str], list[Alert]] = {}
    shown: list[Alert | list[Alert]] = []
    for alert in alerts:
        kind = _kind(alert)
        if most is None or not _may_be_grouped(alert) or kinds[kind] <= most:
            shown.append(alert)
        elif kind in grouped:
            grouped[kind].append(alert)
        else:
            shown.append(members := [alert])
            grouped[kind] = members
    return [
        BoardRow(_group_row(each, now), each[0].grade, len(each))
        if isinstance(each, list)
        else BoardRow(row(each, now, length), each.grade)
        for each in shown
    ]


def grouping_line(rows: Sequence[BoardRow]) -> str | None:
    """What was grouped on the board and how to see each of it, or None if nothing was."""
    groups = [each for each in rows if each.size > 1]
    if not groups:
        return None
    count, in_rows = (
        sum(each.size for each in groups),
        "1 row" if len(groups) == 1 else f"{len(groups)} rows",
    )
    kind = groups[0].cells
    return (
        f"{count} blue incidents are grouped in {in_rows}: there are more than {ROWS_OF_A_KIND} of one zone and "
        f"hazard. Each of them: --all-rows, or for example --zone {kind.zone} --hazard {kind.hazard}"
    )


def plan_row(alert: Alert, now: EpochMs, length: int) -> tuple[str, ...]:
    """An incident that is about to be acted on, in the order of `PLAN_HEADINGS`."""
    cells = (
        alert.incident_id[-length:],
        str(alert.grade),
        str(alert.hazard),
        devices_text(alert),
        place_text(alert),
        format_span(now - alert.onset),
        str(alert.revision),
    )
    return tuple(map(printable, cells))


def subject_line(alert: Alert, now: EpochMs) -> str:
    """An incident that is about to be acted on, in one line."""
    return printable(
        f"{alert.incident_id}, revision {alert.revision}: {alert.grade} {alert.hazard}, {devices_text(alert)}, "
        f"{place_text(alert)}, {format_span(now - alert.onset)} old"
    )


def devices_text(alert: Alert) -> str:
    """The devices of an incident: all of them if they are few, else how many, and the first ones."""
    devices = list(dict.fromkeys(source.device_id for source in alert.sources))
    if not devices:
        return "no device"
    # An alert lists few of an area's devices, and counts all; repeated facts of the same ones are counted too.
    lists_examples = len(devices) == len(alert.sources) < alert.source_count
    is_area = lists_examples or alert.reason is Reason.AREA_FAULT
    count = max(alert.source_count, len(devices)) if is_area else len(devices)
    named = ", ".join(map(_shortened, devices[:_EXAMPLES]))
    return named if count <= _EXAMPLES else f"{count} devices, e.g. {named}"


def place_text(alert: Alert) -> str:
    """Where an incident is: its coordinates, else its cell."""
    if alert.position is not None:
        return _coordinates(alert.position)
    return alert.cell_id or "place unknown"


def due_text(at: EpochMs | None, now: EpochMs) -> str:
    """How long there is until a time, or how late it is; empty for no time."""
    if at is None:
        return ""
    return f"in {format_span(at - now)}" if at >= now else f"{format_span(now - at)} late"


def _kind(alert: Alert) -> tuple[str, str]:
    return alert.zone, alert.hazard


def _may_be_grouped(alert: Alert) -> bool:
    return alert.grade is Grade.BLUE and is_open(alert)


def _group_row(alerts: Sequence[Alert], now: EpochMs) -> Row:
    """One row for many incidents of one kind: the age of the oldest, and the answer that is due first."""
    waiting = [alert for alert in alerts if wants_answer(alert)]
    due = min((alert.ack_by for alert in waiting if alert.ack_by is not None), default=None)
    units = {f"{alert.responsible_unit} ({alert.tier})" for alert in alerts}
    devices = {source.device_id: None for alert in alerts for source in alert.sources[:1]}
    examples = ", ".join(map(_shortened, list(devices)[:_EXAMPLES]))
    cells = Row(
        f"{len(alerts)}x",
        str(alerts[0].grade),
        f"{len(waiting)} unanswered",
        format_span(now - min(alert.onset for alert in alerts)),
        alerts[0].zone,
        str(alerts[0].hazard),
        f"e.g. {examples}",
        "",
        units.pop() if len(units) == 1 else f"{len(units)} units",
        due_text(due, now),
    )
    return Row(*map(printable, cells))


def _shortened(device_id: str) -> str:
    return device_id if len(device_id) <= _ID_SHOWN else f"{device_id[: _ID_SHOWN - 1]}…"


def _coordinates(position: Position) -> str:
    north = "N" if position.lat >= 0 else "S"
    east = "E" if position.lon >= 0 else "W"
    return f"{abs(position.lat):.5f}{north} {abs(position.lon):.5f}{east}"
