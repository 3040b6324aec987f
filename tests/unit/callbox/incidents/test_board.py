"""Which incidents there are, in which order, and what an id that is typed means."""

from typing import Any

import pytest
from msgspec.structs import replace

from callbox.incidents.board import board, by_need, find, is_open, shown_length, wants_answer
from processors.incident.lifecycle import OPEN
from schemas.alert import Alert
from schemas.codec import encode
from schemas.enums import Grade, IncidentState
from schemas.errors import InputMissing
from schemas.topics import INCIDENTS
from schemas.units import EpochMs
from streams.kafka.record import LogRecord
from tests.support.log_records import ms
from tests.support.timeline import Timeline


def incident(incident_id: str, at_s: float = 1, **fields: Any) -> Alert:
    """The first alert of a press, as another incident."""
    timeline = Timeline()
    timeline.press(1)
    return replace(timeline.alerts[0], incident_id=incident_id, onset=ms(at_s), **fields)


def lying(*values: Alert | bytes | tuple[str, None]) -> list[LogRecord]:
    """Records of one partition: alerts, poison, or the tombstone of an id."""
    records = []
    for offset, value in enumerate(values):
        if isinstance(value, Alert):
            key, written = value.incident_id.encode(), encode(value)
        elif isinstance(value, bytes):
            key, written = b"poison", value
        else:
            key, written = value[0].encode(), None
        records.append(LogRecord(INCIDENTS, 0, offset, EpochMs(0), key, written))
    return records


def ids(*alerts: Alert) -> list[str]:
    return [alert.incident_id for alert in alerts]


def test_the_newest_revision_counts_also_where_an_older_one_is_repeated_behind_it() -> None:
    first, second = incident("a", revision=1), incident("a", revision=2)
    assert board(lying(first, second, first)).alerts == (second,)


def test_of_one_revision_the_later_counts() -> None:
    first, second = incident("a", press_count=1), incident("a", press_count=2)
    assert board(lying(first, second)).alerts == (second,)


def test_a_tombstone_takes_an_incident_off() -> None:
    assert ids(*board(lying(incident("a"), incident("b"), ("a", None), ("c", None))).alerts) == ["b"]


def test_what_nobody_can_read_is_counted_and_the_rest_is_there() -> None:
    found = board(lying(incident("a"), b"poison"))
    assert (ids(*found.alerts), found.unreadable) == (["a"], 1)


def test_a_record_without_a_key_is_of_no_incident() -> None:
    (record,) = lying(incident("a"))
    assert board([record._replace(key=None)]).alerts == ()


def test_red_comes_first_then_what_nobody_has_acknowledged_then_the_oldest() -> None:
    alerts = [
        incident("ended", 0, state=IncidentState.CLOSED),
        incident("blue", 0, grade=Grade.BLUE),
        incident("yellow", 0, grade=Grade.YELLOW),
        incident("red-acked", 1, state=IncidentState.ACKED, ack_by=None),
        incident("red-another-caller", 4, state=IncidentState.ASSIGNED),
        incident("red-young", 9),
        incident("red-old", 2, state=IncidentState.CLEARED_UNACKED),
        incident("grade-of-a-later-release", 3, grade=Grade.UNKNOWN),
    ]
    assert ids(*by_need(alerts)) == [
        "red-old",
        "grade-of-a-later-release",
        "red-another-caller",
        "red-young",
        "red-acked",
        "yellow",
        "blue",
        "ended",
    ]


@pytest.mark.parametrize("state", IncidentState)
def test_an_incident_is_open_in_the_states_of_the_machine_and_in_one_that_nobody_knows(
    state: IncidentState,
) -> None:
    assert is_open(incident("a", state=state)) is (state in OPEN or state is IncidentState.UNKNOWN)


def test_a_rejected_incident_still_wants_an_answer_and_an_accepted_one_does_not() -> None:
    assert wants_answer(incident("a", state=IncidentState.REJECTED))
    assert not wants_answer(incident("a", state=IncidentState.ACKED, ack_by=None))


@pytest.mark.parametrize("state", [IncidentState.ACKED, IncidentState.ASSIGNED, IncidentState.ON_SCENE])
def test_a_further_caller_wants_an_answer_also_while_a_unit_is_on_its_way(state: IncidentState) -> None:
    assert wants_answer(incident("a", state=state, ack_by=ms(31)))


def test_what_has_ended_wants_no_answer() -> None:
    assert not wants_answer(incident("a", state=IncidentState.CLOSED, ack_by=ms(31)))


KNOWN = [incident(name) for name in ("north-0123456789", "north-0123abcdef", "south-9999", "9999-south")]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("north-0123456789", "north-0123456789"),
        ("north-01234", "north-0123456789"),
        ("cdef", "north-0123abcdef"),
        ("sout", "south-9999"),
    ],
)
def test_the_beginning_or_the_end_of_an_id_will_do(typed: str, meant: str) -> None:
    assert find(KNOWN, typed).incident_id == meant


def test_a_whole_id_is_meant_also_where_another_begins_with_it() -> None:
    alerts = [incident("north-1"), incident("north-12")]
    assert find(alerts, "north-1").incident_id == "north-1"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("def", "no incident 'def'; of an id at least 4 characters are needed"),
        ("", "no incident ''"),
        ("west", "no incident begins or ends with 'west': callbox incidents list --all"),
        (
            "north",
            "2 incidents begin or end with 'north', give more of it: north-0123456789, north-0123abcdef",
        ),
        ("9999", "2 incidents begin or end with '9999', give more of it: 9999-south, south-9999"),
    ],
)
def test_an_id_of_none_or_of_several_is_refused_and_the_candidates_are_named(typed: str, said: str) -> None:
    with pytest.raises(InputMissing) as caught:
        find(KNOWN, typed)
    assert str(caught.value).startswith(said)


def test_an_error_names_ten_candidates_and_moves_no_cursor() -> None:
    with pytest.raises(InputMissing) as caught:
        find([incident(f"north\x1b[2J-{number:02}") for number in range(11)], "north")
    assert str(caught.value).count("north") == 1 + 10
    assert str(caught.value).endswith("-09, …")
    assert "\x1b" not in str(caught.value)


def test_a_list_shows_as_much_of_an_id_as_tells_all_apart() -> None:
    assert shown_length([incident("north-aaaaaaaaaa")]) == 6
    assert shown_length([incident("north-1aaaaaaa"), incident("north-2aaaaaaa")]) == 8
    assert shown_length([]) == 6


@pytest.mark.parametrize(
    "names", [("abcdef-1", "1-abcdef"), ("a", "b"), ("x-aaaaaaaa", "y-aaaaaaaa", "aaaaaaaa")]
)
def test_what_a_list_shows_of_an_id_names_its_incident(names: tuple[str, ...]) -> None:
    alerts = [incident(name) for name in names]
    length = shown_length(alerts)
    for name in names:
        assert find(alerts, name[-length:]).incident_id == name
