"""Which incidents an acknowledgement is for."""

from typing import Any

import pytest
from msgspec.structs import replace

from callbox.incidents.selection import IncidentFilter, select_by_filter, select_by_id
from schemas.alert import Alert
from schemas.enums import Grade, Hazard, IncidentState
from schemas.errors import InputMissing
from tests.support.log_records import ms
from tests.support.timeline import Timeline


def incident(incident_id: str, *devices: str, at_s: float = 1, **fields: Any) -> Alert:
    """An alert of these devices, by default a blue of P1 that somebody must acknowledge."""
    timeline = Timeline()
    timeline.press(1)
    (source,) = timeline.alerts[0].sources
    chosen = {"grade": Grade.BLUE, "hazard": Hazard.COMM_FAIL, "onset": ms(at_s), **fields}
    sources = tuple(replace(source, device_id=device) for device in devices or ("P1",))
    return replace(timeline.alerts[0], incident_id=incident_id, sources=sources, **chosen)


def ids(alerts: tuple[Alert, ...]) -> list[str]:
    return [alert.incident_id for alert in alerts]


BOARD = (
    incident("a", zone="east"),
    incident("b", zone="west"),
    incident("c", zone="east", hazard=Hazard.MAINS, state=IncidentState.ACKED),
    incident("d", "P2", "P3", zone="east"),
    incident("e", zone="east", grade=Grade.YELLOW, hazard=Hazard.FIRE),
)


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (IncidentFilter(zone="west"), ["b"]),
        (IncidentFilter(hazard=Hazard.MAINS), ["c"]),
        (IncidentFilter(grade=Grade.YELLOW), ["e"]),
        (IncidentFilter(state=IncidentState.ACKED), ["c"]),
        (IncidentFilter(device="P3"), ["d"]),
        (IncidentFilter(zone="east", hazard=Hazard.COMM_FAIL), ["a", "d"]),
        (IncidentFilter(zone="east", grade=Grade.BLUE, device="P1"), ["a", "c"]),
    ],
)
def test_all_that_a_filter_gives_must_hold(wanted: IncidentFilter, chosen: list[str]) -> None:
    assert ids(select_by_filter(BOARD, wanted).chosen) == chosen


@pytest.mark.parametrize(
    "wanted", [IncidentFilter(zone="north"), IncidentFilter(device="P"), IncidentFilter(zone="eas")]
)
def test_a_filter_that_matches_nothing_is_an_error(wanted: IncidentFilter) -> None:
    with pytest.raises(InputMissing, match="no open incident matches"):
        select_by_filter(BOARD, wanted)


def test_only_a_filter_without_content_is_empty() -> None:
    assert IncidentFilter().is_empty
    assert not IncidentFilter(device="P1").is_empty


def test_a_red_and_a_grade_of_a_later_release_are_left_out_by_a_filter() -> None:
    board = (
        incident("blue"),
        incident("red", grade=Grade.RED),
        incident("unheard-of", grade=Grade.UNKNOWN),
        incident("ended", grade=Grade.RED, state=IncidentState.CLOSED),
    )
    found = select_by_filter(board, IncidentFilter(zone="east"))
    assert ids(found.chosen) == ["blue"]
    assert ids(found.left_out) == ["red", "unheard-of"]


def test_where_only_reds_match_the_error_names_them() -> None:
    reds = [incident(f"red-\x1b{number:02}", grade=Grade.RED) for number in range(11)]
    with pytest.raises(InputMissing) as caught:
        select_by_filter(reds, IncidentFilter(zone="east"))
    assert str(caught.value).startswith("only red incidents match, and those are acted on by id: red-")
    assert str(caught.value).endswith("09, …")
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("state", [IncidentState.CLOSED, IncidentState.CANCELLED])
def test_a_filter_never_matches_what_has_ended(state: IncidentState) -> None:
    with pytest.raises(InputMissing):
        select_by_filter([incident("a", state=state)], IncidentFilter(zone="east"))


def test_what_is_chosen_stands_in_the_order_of_its_urgency() -> None:
    board = (
        incident("young", at_s=9),
        incident("acked", at_s=1, state=IncidentState.ACKED, ack_by=None),
        incident("old", at_s=2),
        incident("yellow", at_s=10, grade=Grade.YELLOW),
    )
    assert ids(select_by_filter(board, IncidentFilter(zone="east")).chosen) == [
        "yellow",
        "old",
        "young",
        "acked",
    ]


def test_ids_select_incidents_of_any_grade_in_their_order_and_each_once() -> None:
    board = (
        incident("north-1111", grade=Grade.RED),
        incident("north-2222"),
        incident("north-3333", state=IncidentState.CLOSED),
    )
    found = select_by_id(board, ("2222", "north-1111", "north-2222", "3333"))
    assert ids(found.chosen) == ["north-2222", "north-1111", "north-3333"]
    assert found.left_out == ()


def test_one_id_that_names_nothing_stops_all() -> None:
    with pytest.raises(InputMissing, match="no incident begins or ends with '9999'"):
        select_by_id([incident("north-1111")], ("1111", "9999"))
