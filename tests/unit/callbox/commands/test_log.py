"""`callbox log`: what may be told of a record, and what is asked of whoever has one skipped."""

import pytest

from callbox.cli import run
from callbox.commands.log import Facts, facts_of
from processors.fold.log_entry import LogEntry
from schemas.codec import encode
from tests.support.log_records import ack, entry, envelope, fact, ms

PLACE = ("--partition", "0", "--offset", "5")
ACTOR = ("--actor", "Li", "--organisation", "county")


def test_a_record_is_told_by_its_kind_its_id_and_its_device_and_nothing_of_its_content() -> None:
    pressed = entry(envelope(fact(event_id="e7")), offset=0, append_ms=ms(0))
    assert facts_of(pressed) == Facts("pillar_event", "e7", "P1")
    answered = entry(envelope(ack("east-1", note="a note")), offset=0, append_ms=ms(0))
    assert facts_of(answered) == Facts("acknowledgement", "a1", "")


@pytest.mark.parametrize("value", [None, b"", b"poison", encode(fact())])
def test_what_cannot_be_read_is_told_as_that(value: bytes | None) -> None:
    assert facts_of(LogEntry(0, ms(0), b"", value)).kind.startswith("undecodable")


@pytest.mark.parametrize("reason", ["", "  ", "a\x1bb", "x" * 501])
def test_a_reason_that_cannot_be_told_is_refused(reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["log", "skip", *PLACE, "--reason", reason, *ACTOR]) == 2
    assert "--reason" in capsys.readouterr().err


def test_whoever_has_a_record_skipped_says_who_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["log", "skip", *PLACE, "--reason", "it stops fusion"]) == 2
    assert "--actor" in capsys.readouterr().err


@pytest.mark.parametrize("place", [("--partition", "-1", "--offset", "5"), ("--partition", "0")])
def test_a_place_is_named_in_full(place: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["log", "show", *place]) == 2
    assert "--" in capsys.readouterr().err
