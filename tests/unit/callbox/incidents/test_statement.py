"""What is said of incidents, and the acknowledgements that it becomes."""

from typing import Any

from msgspec.structs import replace

from callbox.incidents.statement import (
    Statement,
    acknowledgement_of,
    acknowledgements_of,
    batch_id,
    statement_line,
)
from schemas.ack import Acknowledgement, Actor
from schemas.alert import Alert
from schemas.enums import AckAction, AckReason, Disposition, Grade
from tests.support.log_records import ms
from tests.support.timeline import Timeline

LI = Actor(name="Li", organisation="Town")


def said(action: AckAction = AckAction.CLOSE, **fields: Any) -> Statement:
    return Statement(action=action, actor=LI, **fields)


def incident(incident_id: str, revision: int = 1) -> Alert:
    timeline = Timeline()
    timeline.press(1)
    return replace(timeline.alerts[0], incident_id=incident_id, revision=revision)


BOARD = (incident("east-1", revision=3), incident("west-2", revision=7))


def test_everything_that_is_said_is_in_the_acknowledgement() -> None:
    statement = said(
        AckAction.REGRADE,
        reason=AckReason.LESS_SERIOUS,
        disposition=Disposition.FOUNDED,
        shelve_s=60,
        grade=Grade.YELLOW,
        note="The gate is locked.",
    )
    sent = acknowledgement_of(BOARD[0], statement, ms(5))
    assert (sent.incident_id, sent.at, sent.revision) == ("east-1", ms(5), 3)
    shared = set(Statement.__struct_fields__) & set(Acknowledgement.__struct_fields__)
    assert shared == set(Statement.__struct_fields__)
    assert {name: getattr(sent, name) for name in shared} == {
        name: getattr(statement, name) for name in shared
    }


def test_an_acknowledgement_s_id_is_made_from_its_content_or_given() -> None:
    first = acknowledgement_of(BOARD[0], said(), ms(5))
    assert first.ack_id == acknowledgement_of(BOARD[0], said(), ms(5)).ack_id
    others = [
        acknowledgement_of(BOARD[1], said(), ms(5)),
        acknowledgement_of(BOARD[0], said(AckAction.ACCEPT), ms(5)),
        acknowledgement_of(BOARD[0], replace(said(), actor=Actor(name="Wang", organisation="Town")), ms(5)),
        acknowledgement_of(BOARD[0], said(), ms(6)),
    ]
    assert len({first.ack_id, *(other.ack_id for other in others)}) == 5
    assert acknowledgement_of(BOARD[0], said(), ms(5), ack_id="mine").ack_id == "mine"


def test_a_revision_that_the_person_names_is_sent_in_place_of_the_one_on_the_board() -> None:
    assert acknowledgement_of(BOARD[0], said(), ms(5), revision=2).revision == 2


def test_of_several_incidents_each_is_acknowledged_with_the_revision_that_was_shown() -> None:
    sent = list(acknowledgements_of(BOARD, said(note="Wet cable."), ms(5), "batch"))
    assert [(ack.incident_id, ack.revision, ack.note) for ack in sent] == [
        ("east-1", 3, "Wet cable."),
        ("west-2", 7, "Wet cable."),
    ]
    assert len({ack.ack_id for ack in sent}) == 2


def ids(batch: str, action: AckAction = AckAction.CLOSE, at_s: float = 5) -> list[str]:
    return [ack.ack_id for ack in acknowledgements_of(BOARD, said(action), ms(at_s), batch)]


def test_the_same_batch_said_again_has_the_same_ids_and_another_action_has_not() -> None:
    assert ids("batch") == ids("batch", at_s=99)
    assert not set(ids("batch")) & {*ids("batch", AckAction.ACCEPT), *ids("another")}
    assert batch_id(said(), ms(5)) == batch_id(said(), ms(5)) != batch_id(said(), ms(6))


def test_a_statement_is_told_in_one_line_that_moves_no_cursor() -> None:
    statement = said(AckAction.SHELVE, reason=AckReason.PLANNED_WORK, shelve_s=7_200, note="\x1b[2J")
    assert statement_line(statement) == (
        'shelve, reason planned_work, for 2h, note "\N{REPLACEMENT CHARACTER}[2J", by Li (Town)'
    )
    assert statement_line(said(disposition=Disposition.FOUNDED)) == "close, disposition founded, by Li (Town)"
    assert "new grade red" in statement_line(said(AckAction.REGRADE, grade=Grade.RED))
