"""Incidents as rows: of the board, and of what is about to be done."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from callbox.incidents.rows import (
    HEADINGS,
    PLAN_HEADINGS,
    ROWS_OF_A_KIND,
    BoardRow,
    Row,
    board_rows,
    devices_text,
    grouping_line,
    place_text,
    plan_row,
    row,
    subject_line,
)
from schemas.alert import Alert, Position
from schemas.enums import Grade, Hazard, IncidentState, Reason, Status
from tests.support.log_records import ms
from tests.support.timeline import Timeline

EVIL = "evil\x1b[2J\x9b\u202e\r\n"


def alert(*devices: str, **fields: Any) -> Alert:
    """A red that was pressed at second 1, of a pillar that the registry names, or of other devices."""
    timeline = Timeline()
    timeline.press(1)
    (pressed,) = timeline.alerts
    sources = tuple(replace(pressed.sources[0], device_id=device) for device in devices)
    more = {"sources": sources, "source_count": len(sources)} if devices else {}
    return replace(pressed, **more | fields)


def blue(number: int, **fields: Any) -> Alert:
    """A silent device of zone east."""
    silent = {
        "incident_id": f"east-{number:06}",
        "grade": Grade.BLUE,
        "hazard": Hazard.COMM_FAIL,
        "ack_by": ms(600),
    }
    return alert(f"P{number}", **silent | fields)


def test_a_row_says_what_is_wrong_where_since_when_and_who_is_asked() -> None:
    pressed = alert(ack_by=ms(31))
    assert row(pressed, ms(21), 6) == Row(
        pressed.incident_id[-6:],
        "red",
        "raised",
        "20s",
        "east",
        "emergency_call",
        "P1",
        "30.00000N 120.00000E",
        "village-1 (village)",
        "in 10s",
    )
    assert len(HEADINGS) == len(Row._fields)


def test_an_answer_that_is_late_says_so_and_one_that_was_given_is_not_due() -> None:
    assert row(alert(ack_by=ms(31)), ms(96), 6).ack_due == "1m late"
    assert row(alert(ack_by=None, state=IncidentState.ACKED), ms(96), 6).ack_due == ""
    assert (
        row(alert(ack_by=ms(99), state=IncidentState.ASSIGNED), ms(96), 6).ack_due == "in 3s"
    )  # a further caller
    assert row(alert(ack_by=None), ms(96), 6).ack_due == ""


def test_an_exercise_is_told_apart() -> None:
    assert row(alert(status=Status.EXERCISE), ms(2), 6).state == "raised (Exercise)"


@pytest.mark.parametrize(
    ("position", "shown"),
    [
        (Position(lon=104.1234567, lat=30.5), "30.50000N 104.12346E"),
        (Position(lon=-70.25, lat=-33.00001), "33.00001S 70.25000W"),
    ],
)
def test_a_place_is_shown_as_coordinates(position: Position, shown: str) -> None:
    assert place_text(alert(position=position)) == shown


def test_without_coordinates_a_place_is_its_cell_or_unknown() -> None:
    assert place_text(alert(position=None, cell_id="c200:1:2")) == "c200:1:2"
    assert place_text(alert(position=None, cell_id=None)) == "place unknown"


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (alert("P1"), "P1"),
        (alert("P1", "P2"), "P1, P2"),
        (alert("P1", "P1", "P1"), "P1"),
        (alert("P1", "P1", source_count=60), "P1"),
        (alert("P1", "P2", "P1", "P3"), "3 devices, e.g. P1, P2"),
        (alert("P1", "P2", "P3", source_count=630), "630 devices, e.g. P1, P2"),
        (alert("P1", "P2", source_count=630, reason=Reason.AREA_FAULT), "630 devices, e.g. P1, P2"),
        (alert("P1", "P1", source_count=630, reason=Reason.AREA_FAULT), "630 devices, e.g. P1"),
        (alert(sources=(), source_count=0), "no device"),
        (alert("P" * 128), "P" * 23 + "…"),
    ],
)
def test_an_incident_names_its_devices_or_how_many_they_are(told: Alert, shown: str) -> None:
    assert devices_text(told) == shown


def test_up_to_so_many_blues_of_a_kind_have_rows_of_their_own() -> None:
    alerts = [blue(number) for number in range(ROWS_OF_A_KIND)]
    rows = board_rows(alerts, ms(61), 6, most=ROWS_OF_A_KIND)
    assert [each.cells for each in rows] == [row(each, ms(61), 6) for each in alerts]
    assert grouping_line(rows) is None


def test_more_blues_of_a_kind_are_one_row() -> None:
    silent = [blue(number, onset=ms(number)) for number in range(1, 22)]
    acked = [blue(number, state=IncidentState.ACKED, ack_by=None, onset=ms(-60)) for number in range(50, 52)]
    alerts = [alert(), *silent, blue(99, hazard=Hazard.MAINS), *acked]
    first, grouped, mains = board_rows(alerts, ms(120), 6, most=20)
    assert (first.grade, first.size) == (Grade.RED, 1)
    assert grouped == BoardRow(
        Row(
            "23x",
            "blue",
            "21 unanswered",
            "3m",
            "east",
            "comm_fail",
            "e.g. P1, P2",
            "",
            "village-1 (village)",
            "in 8m",
        ),
        Grade.BLUE,
        23,
    )
    assert mains.cells.hazard == "mains"


def test_what_is_grouped_is_said_with_how_to_see_it() -> None:
    rows = board_rows(
        [blue(number, zone=zone) for zone in ("east", "west") for number in range(21)], ms(120), 6, most=20
    )
    assert grouping_line(rows) == (
        "42 blue incidents are grouped in 2 rows: there are more than 20 of one zone and hazard. Each of them: "
        "--all-rows, or for example --zone east --hazard comm_fail"
    )


@pytest.mark.parametrize(
    "alone",
    [
        {"grade": Grade.RED},
        {"grade": Grade.YELLOW},
        {"grade": Grade.UNKNOWN},
        {"state": IncidentState.CLOSED},
    ],
)
def test_what_is_red_or_yellow_or_over_is_never_grouped(alone: dict[str, Any]) -> None:
    alerts = [blue(number, **alone) for number in range(30)]
    assert [each.size for each in board_rows(alerts, ms(61), 6, most=20)] == [1] * 30


def test_one_zone_s_blues_do_not_count_for_another() -> None:
    alerts = [blue(number, zone=f"zone-{number % 2}") for number in range(40)]
    assert len(board_rows(alerts, ms(61), 6, most=20)) == 40


def test_where_nothing_shall_be_grouped_every_incident_has_its_row() -> None:
    assert len(board_rows([blue(number) for number in range(100)], ms(61), 6, most=None)) == 100


def test_units_that_differ_are_counted_and_what_is_not_due_is_not_told() -> None:
    alerts = [blue(number, responsible_unit=f"unit-{number % 2}", ack_by=None) for number in range(30)]
    (grouped,) = board_rows(alerts, ms(61), 6, most=20)
    assert (grouped.cells.asked, grouped.cells.ack_due) == ("2 units", "")


def test_a_plan_names_the_revision_that_will_be_sent() -> None:
    shown = plan_row(blue(7, revision=4), ms(61), 6)
    assert shown == ("000007", "blue", "comm_fail", "P7", "30.00000N 120.00000E", "1m", "4")
    assert len(PLAN_HEADINGS) == len(shown)


def test_the_subject_of_one_acknowledgement_is_told_in_one_line() -> None:
    assert subject_line(blue(7, revision=4), ms(61)) == (
        "east-000007, revision 4: blue comm_fail, P7, 30.00000N 120.00000E, 1m old"
    )


def texts(evil: Sequence[Alert]) -> list[str]:
    rows = board_rows(evil, ms(2), 99, most=1)
    return [
        *row(evil[0], ms(2), 99),
        *plan_row(evil[0], ms(2), 99),
        subject_line(evil[0], ms(2)),
        *rows[0].cells,
        grouping_line(rows) or "",
    ]


def test_nothing_that_a_device_or_a_program_may_choose_moves_the_cursor() -> None:
    evil = blue(
        1,
        incident_id=EVIL,
        zone=EVIL,
        responsible_unit=EVIL,
        position=None,
        cell_id=EVIL,
        sources=tuple(replace(source, device_id=EVIL) for source in alert().sources),
    )
    shown = texts([evil, evil])
    assert sum("evil" in text for text in shown) >= 10
    assert all(text.isprintable() for text in shown)
