"""The receiver of the open loop knows which presses it has: escalations and reminders are no presses."""

import pytest

from benchmarks.support.open_loop import Arrivals, press, press_numbers
from benchmarks.support.registry_load import pillar
from schemas.codec import encode
from tests.support.log_records import device
from tests.support.timeline import Timeline

AT_S = 1_796_000_000.0


@pytest.mark.parametrize("number", [0, 7, 10, 999_999])
def test_a_press_is_found_in_its_record(number: int) -> None:
    assert list(press_numbers(encode(press(number, AT_S)))) == [number]


def test_every_press_of_an_alert_is_found() -> None:
    timeline = Timeline(device("P1"))
    timeline.press(1, "P1", event_id="press-12")
    timeline.press(20, "P1", event_id="press-345")
    assert [list(press_numbers(encode(alert))) for alert in timeline.alerts] == [[12], [12, 345]]


def test_an_alert_about_another_event_names_no_press() -> None:
    timeline = Timeline(device("P1"))
    timeline.press(1, "P1", event_id="call-12")
    assert [list(press_numbers(encode(alert))) for alert in timeline.alerts] == [[]]


def test_a_digit_that_follows_the_event_id_is_not_part_of_it() -> None:
    length = bytes([2 * len("press-12")])  # Avro: a zig-zag number
    assert list(press_numbers(b"\x02" + length + b"press-12" + b"34")) == [12]


def test_filler_and_a_pillar_name_no_press() -> None:
    assert list(press_numbers(encode(pillar(5)).ljust(4_000, b"\0"))) == []


def test_arrivals_are_complete_with_every_press_and_not_with_as_many_records() -> None:
    arrivals = Arrivals(range(2))
    first, second = (encode(press(number, AT_S)) for number in range(2))
    arrivals.records += [(AT_S, first), (AT_S, first)]
    assert not arrivals.is_complete
    arrivals.records.append((AT_S, second))
    assert arrivals.is_complete


def test_presses_of_earlier_slices_complete_nothing() -> None:
    arrivals = Arrivals(range(100, 102))
    arrivals.records += [(AT_S, encode(press(number, AT_S))) for number in range(100)]
    assert not arrivals.is_complete
