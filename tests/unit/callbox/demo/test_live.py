"""While the demo runs, people see what goes in and out, and no plate."""

from io import StringIO

import pytest
from rich.console import Console

from callbox.demo.live import Display, Lines, Screen
from callbox.demo.watch import Arrival
from schemas.codec import encode
from schemas.topics import (
    VERIFICATION_REQUESTS,
)
from schemas.units import EpochMs
from tests.support.demo_run import alerts, request
from tests.support.log_records import START


def shown_by(display: Display, console: Console) -> str:
    display.note("ready")
    display.step(1.0, "a press")
    for placed in alerts():
        display.arrived(1.2, Arrival(placed.topic, encode(placed.alert), EpochMs(START + 1040)))
    display.arrived(2.0, Arrival(VERIFICATION_REQUESTS, encode(request()), EpochMs(START)))
    display.close()
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("is_terminal", [True, False])
def test_people_see_what_goes_in_and_out_and_no_plate(is_terminal: bool) -> None:
    console = Console(file=StringIO(), force_terminal=is_terminal, width=160)
    text = shown_by(Screen(console) if is_terminal else Lines(console), console)
    for part in ("ready", "first_fact", "40 ms", "cancel_requested", "red (Test)", "a person is asked"):
        assert part in text
    assert "B70Y26" not in text
