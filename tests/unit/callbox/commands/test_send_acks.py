"""What acknowledging several incidents asks and shows before anything is sent, and how it ends."""

from io import StringIO

import click
import pytest
from msgspec.structs import replace

from callbox.commands.ack_options import AckOptions
from callbox.commands.send_acks import _check, _confirm, _plan, _sum_up, _unanswered
from callbox.incidents.selection import IncidentFilter, Selection
from callbox.incidents.statement import Statement, acknowledgements_of
from callbox.incidents.tally import Tally
from schemas.ack import AckResult, Actor
from schemas.alert import Alert
from schemas.enums import AckAction, AckOutcome, Disposition, Grade, IncidentState, Reason
from schemas.errors import AckRejected, AnswerMissing
from tests.support.log_records import ms
from tests.support.timeline import Timeline

ASKED = AckOptions(
    actor="Li",
    organisation="Town",
    note=None,
    revision=None,
    ack_id=None,
    wait_s=10.0,
    yes=False,
    as_json=False,
)
CLOSE = Statement(
    action=AckAction.CLOSE,
    actor=Actor(name="Li", organisation="Town"),
    disposition=Disposition.UNFOUNDED,
)


class Terminal(StringIO):
    """Where a person types."""

    def isatty(self) -> bool:
        return True


def incident(incident_id: str, grade: Grade = Grade.BLUE) -> Alert:
    timeline = Timeline()
    timeline.press(1)
    return replace(timeline.alerts[0], incident_id=incident_id, grade=grade, revision=4)


def test_a_plan_shows_what_is_said_each_incident_and_what_is_left_out() -> None:
    selection = Selection(
        (incident("east-000001"), incident("east-000002")), (incident("red-01", Grade.RED),)
    )
    said, heading, first, second, left, red = _plan(selection, CLOSE, 6)
    assert said == "close, disposition unfounded, by Li (Town):"
    assert heading.split() == ["id", "grade", "hazard", "device", "place", "age", "revision"]
    assert [line.split()[0] for line in (first, second, red)] == ["000001", "000002", "red-01"]
    assert (first.split()[-1], second.split()[-1]) == ("4", "4")
    assert left == "left out, since a red is acted on by ID only:"


@pytest.mark.parametrize(
    ("ids", "wanted", "asked", "refused"),
    [
        ((), IncidentFilter(), ASKED, "name either incidents by ID or a filter"),
        (("a",), IncidentFilter(zone="east"), ASKED, "name either incidents by ID or a filter"),
        ((), IncidentFilter(grade=Grade.RED), ASKED, "red is never acted on by filter"),
        ((), IncidentFilter(zone="east", grade=Grade.RED), ASKED, "red is never acted on by filter"),
        ((), IncidentFilter(zone="east"), replace(ASKED, revision=2), "--revision goes with one ID"),
        (("a", "b"), IncidentFilter(), replace(ASKED, revision=2), "--revision goes with one ID"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    ids: tuple[str, ...], wanted: IncidentFilter, asked: AckOptions, refused: str
) -> None:
    with pytest.raises(click.UsageError, match=refused):
        _check(ids, wanted, asked)


@pytest.mark.parametrize(
    ("ids", "wanted"),
    [(("a",), IncidentFilter()), (("a", "b"), IncidentFilter()), ((), IncidentFilter(zone=""))],
)
def test_ids_or_a_filter_may_be_meant(ids: tuple[str, ...], wanted: IncidentFilter) -> None:
    _check(ids, wanted, replace(ASKED, revision=2 if len(ids) == 1 else None))


def test_at_a_terminal_yes_sends_and_anything_else_does_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("y\n\n"))
    _confirm(312, yes=False)
    with pytest.raises(click.Abort):
        _confirm(312, yes=False)
    asked = capsys.readouterr()
    assert asked.err.count("Send this for 312 incidents? [y/N]") == 2
    assert asked.err.endswith("nothing was sent\n")


def test_without_a_terminal_only_yes_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("y\n"))
    with pytest.raises(click.UsageError, match=r"nothing was sent: .*--yes"):
        _confirm(1, yes=False)
    _confirm(1, yes=True)


def test_what_has_no_answer_is_named() -> None:
    alerts = [incident("east-1"), incident("east-\x1b2")]
    first, second = acknowledgements_of(alerts, CLOSE, ms(5), "batch")
    result = AckResult(
        ack_id=first.ack_id,
        incident_id=first.incident_id,
        outcome=AckOutcome.ACCEPTED,
        reason=Reason.CLOSED,
        state=IncidentState.CLOSED,
        at=ms(6),
    )
    assert _unanswered([first, second], [result]) == ["east-\N{REPLACEMENT CHARACTER}2: no answer"]


def test_the_summary_is_the_last_line_where_all_are_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    _sum_up(Tally(accepted=3, rejected={}, unanswered=0), "batch", ASKED)
    assert capsys.readouterr().out == "3 accepted, 0 rejected, 0 without an answer\n"


def test_an_answer_that_is_missing_is_an_error_that_says_how_to_say_it_again() -> None:
    with pytest.raises(
        AnswerMissing, match=r"^3 accepted, 0 rejected, 1 without an answer: .*--ack-id batch"
    ):
        _sum_up(Tally(accepted=3, rejected={}, unanswered=1), "batch", ASKED)


def test_a_rejection_counts_for_more_than_a_missing_answer_and_both_are_told() -> None:
    tally = Tally(accepted=0, rejected={Reason.OUTDATED_REVISION: 2}, unanswered=1)
    with pytest.raises(
        AckRejected, match=r"2 rejected \(2 outdated_revision\), 1 without an answer: .*batch"
    ):
        _sum_up(tally, "batch", ASKED)
