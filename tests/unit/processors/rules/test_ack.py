"""What is answered: copies never twice, everything else once; who judges must have seen what has joined."""

import pytest

from processors.fold.apply import MAX_ENDED, MAX_UNMATCHED
from processors.state.event_ids import WINDOW_SIZE
from schemas.ack import NOTE_LENGTH, Actor
from schemas.enums import AckAction, AckReason, Disposition, Grade, IncidentState, PillarKind, Reason
from tests.support.expect import rejected
from tests.support.log_records import LAT, ack, camera, device, flame
from tests.support.timeline import Timeline, only_alert


def said(line: Timeline, incident_id: str, at_s: float, ack_id: str) -> Reason:
    return line.push(ack(incident_id, at_s=at_s, ack_id=ack_id), at_s=at_s).reason


def test_a_resent_acknowledgement_is_kept_from_its_own_received_at_on() -> None:
    line = Timeline()
    call = only_alert(line.press(0)).incident_id
    assert said(line, call, 1, "a") is Reason.ACCEPTED
    resent = ack(call, at_s=5, ack_id="a")
    assert line.push(resent, at_s=5).reason is Reason.DUPLICATE
    for number in range(WINDOW_SIZE - 1):
        said(line, call, 6, f"b{number}")
    assert line.push(resent, at_s=8).result is None


def test_a_copy_of_an_acknowledgement_of_a_held_incident_is_a_duplicate_once_the_incident_is_raised() -> None:
    line = Timeline(camera())
    line.push(flame())
    (fire,) = line.state.incidents
    early = ack(fire, at_s=5, ack_id="early")
    assert line.push(early, at_s=5).reason is Reason.UNKNOWN_INCIDENT
    for number in range(WINDOW_SIZE + 1):
        said(line, "east-nothing", 6, f"a{number}")
    line.run(10, 10)
    assert line.push(early, at_s=11).result is None


def test_a_copy_of_an_acknowledgement_sent_before_its_incident_existed_is_a_duplicate() -> None:
    line = Timeline()
    call = only_alert(Timeline().press(9, event_id="e1")).incident_id
    early = ack(call, at_s=5, ack_id="early")
    assert line.push(early, at_s=5).reason is Reason.UNKNOWN_INCIDENT
    for number in range(WINDOW_SIZE + 1):
        said(line, "east-nothing", 6, f"a{number}")
    assert only_alert(line.press(9, event_id="e1")).incident_id == call
    assert line.push(early, at_s=11).result is None


def ended_calls(line: Timeline, count: int) -> list[tuple[float, str]]:
    """Calls that people have cancelled, ten seconds apart: when, and which."""
    calls = []
    for number in range(count):
        at_s = number * 10
        call = only_alert(line.press(at_s, f"X{number}")).incident_id
        cancel = ack(call, AckAction.CANCEL, at_s=at_s + 1, ack_id="c", reason=AckReason.FALSE_ALARM)
        assert line.push(cancel, at_s=at_s + 1).reason is Reason.CANCELLED
        assert said(line, call, at_s + 2, "d") is Reason.INCIDENT_OVER
        calls.append((at_s, call))
    return calls


def test_a_copy_of_an_acknowledgement_of_one_of_the_latest_thousand_ended_incidents_has_no_answer() -> None:
    line = Timeline()
    calls = ended_calls(line, MAX_ENDED + 3)[-MAX_ENDED:]
    for at_s, call in calls:
        copies = [
            ack(call, AckAction.CANCEL, at_s=at_s + 1, ack_id="c", reason=AckReason.FALSE_ALARM),
            ack(call, at_s=at_s + 2, ack_id="d"),
        ]
        assert [line.push(copy, at_s=MAX_ENDED * 10 + 100).result for copy in copies] == [None, None]


def test_what_is_not_certain_to_be_a_copy_is_answered_also_of_an_incident_that_is_forgotten() -> None:
    line = Timeline()
    (_, forgotten), *_ = ended_calls(line, MAX_ENDED + 1)
    again = ack(forgotten, AckAction.CANCEL, at_s=1, ack_id="c", reason=AckReason.FALSE_ALARM)
    assert rejected(line.push(again, at_s=MAX_ENDED * 10 + 100)) is Reason.UNKNOWN_INCIDENT


def test_every_one_of_many_acknowledgements_in_one_batch_is_answered_and_no_copy_is() -> None:
    line = Timeline()
    many = [ack(f"east-{number}", at_s=5, ack_id=f"a{number}") for number in range(10_000)]
    answers = [line.push(each, at_s=5).result for each in many]
    assert {answer.reason for answer in answers if answer is not None} == {Reason.UNKNOWN_INCIDENT}
    assert None not in answers
    assert all(line.push(each, at_s=6).result is None for each in many[-MAX_UNMATCHED:])
    assert len(line.state.unmatched_acks) == MAX_UNMATCHED


def test_every_one_of_many_acknowledgements_of_one_incident_is_answered() -> None:
    line = Timeline()
    call = only_alert(line.press(0)).incident_id
    answers = [line.push(ack(call, at_s=5, ack_id=f"a{number}"), at_s=5).result for number in range(400)]
    assert None not in answers


def test_an_acknowledgement_of_a_test_is_rejected() -> None:
    line = Timeline()
    test = only_alert(line.pillar(PillarKind.TEST, 0))
    assert said(line, test.incident_id, 1, "a") is Reason.UNKNOWN_INCIDENT


def two_callers() -> tuple[Timeline, str]:
    """A call that is accepted at revision 1, and that another caller joins, at revision 3."""
    line = Timeline(device("P1"), device("P2", lat=LAT + 0.001))
    call = only_alert(line.press(0, "P1")).incident_id
    line.acknowledge(AckAction.ACCEPT, call, 1, revision=1)
    assert only_alert(line.press(2, "P2")).revision == 3
    return line, call


JUDGEMENTS = (AckAction.CLOSE, AckAction.CANCEL, AckAction.CLEAR, AckAction.REGRADE, AckAction.REJECT)


@pytest.mark.parametrize("action", JUDGEMENTS)
@pytest.mark.parametrize("crew", [None, AckAction.EN_ROUTE, AckAction.ON_SCENE])
def test_who_judges_must_have_seen_the_second_caller(action: AckAction, crew: AckAction | None) -> None:
    line, call = two_callers()
    if crew is not None:
        line.acknowledge(crew, call, 3, revision=3)
    complete = {
        "reason": AckReason.LESS_SERIOUS,
        "disposition": Disposition.FOUNDED,
        "grade": Grade.YELLOW,
    }
    judged = ack(call, action, at_s=4, ack_id="j", revision=2, **complete)  # type: ignore[arg-type]
    assert rejected(line.push(judged, at_s=4)) is Reason.OUTDATED_REVISION
    assert line.state.incidents[call].state not in {IncidentState.CLOSED, IncidentState.CANCELLED}


@pytest.mark.parametrize("action", [AckAction.SHELVE, AckAction.OUT_OF_SERVICE])
def test_who_puts_an_incident_away_must_have_seen_the_camera_that_has_joined(action: AckAction) -> None:
    line = Timeline(camera("C1"), camera("C2"))
    line.push(flame("C1"))
    (fire,) = line.run(10, 10)
    line.push(flame("C2", at_s=11), at_s=11)
    judged = ack(fire.incident_id, action, at_s=12, revision=1, reason=AckReason.NUISANCE)
    assert rejected(line.push(judged, at_s=12)) is Reason.OUTDATED_REVISION


def test_a_judgement_that_names_the_revision_of_the_second_caller_is_accepted() -> None:
    line, call = two_callers()
    closed = line.acknowledge(AckAction.CLOSE, call, 4, revision=3, disposition=Disposition.FOUNDED)
    assert closed.reason is Reason.CLOSED


@pytest.mark.parametrize("action", [AckAction.EN_ROUTE, AckAction.ON_SCENE, AckAction.NOTE])
def test_who_does_not_judge_need_not_have_seen_the_second_caller(action: AckAction) -> None:
    line, call = two_callers()
    assert not rejects(line.acknowledge(action, call, 4, revision=2, note="At the gate.").reason)
    waiting = line.state.incidents[call]
    assert waiting.ack_by is not None, "F5: the second caller goes on asking"


def rejects(reason: Reason) -> bool:
    return reason in {Reason.OUTDATED_REVISION, Reason.NOT_POSSIBLE_NOW, Reason.REVISION_NOT_OUT}


@pytest.mark.parametrize("action", [AckAction.ACCEPT, AckAction.CLOSE, AckAction.NOTE])
def test_a_revision_that_is_not_out_yet_is_refused(action: AckAction) -> None:
    line = Timeline()
    call = only_alert(line.press(0)).incident_id
    early = line.acknowledge(
        action, call, 1, revision=2, disposition=Disposition.FOUNDED, note="At the gate."
    )
    assert rejected(early) is Reason.REVISION_NOT_OUT


@pytest.mark.parametrize("name", ["", "  ", "\t"])
def test_an_empty_actor_is_refused(name: str) -> None:
    line = Timeline()
    call = only_alert(line.press(0)).incident_id
    nobody = ack(call, at_s=1, actor=Actor(name=name, organisation="County control room"))
    assert rejected(line.push(nobody, at_s=1)) is Reason.ACTOR_MISSING


def test_any_acknowledgement_may_carry_a_note_and_its_alert_has_it() -> None:
    line = Timeline()
    call = only_alert(line.press(0)).incident_id
    accepted = only_alert(line.acknowledge(AckAction.ACCEPT, call, 1, note="The gate is locked."))
    assert (accepted.reason, accepted.note) == (Reason.ACCEPTED, "The gate is locked.")


def test_a_note_alone_changes_neither_the_state_nor_when_somebody_must_answer() -> None:
    line = Timeline()
    call = only_alert(line.press(0)).incident_id
    before = line.state.incidents[call]
    noted = only_alert(line.acknowledge(AckAction.NOTE, call, 10, note="The gate is locked."))
    assert (noted.reason, noted.note, noted.state) == (
        Reason.NOTED,
        "The gate is locked.",
        IncidentState.RAISED,
    )
    after = line.state.incidents[call]
    assert (after.ack_by, after.escalate_at, after.notify_at) == (
        before.ack_by,
        before.escalate_at,
        before.notify_at,
    )


@pytest.mark.parametrize(
    ("note", "reason"),
    [
        (None, Reason.NOTE_MISSING),
        (" ", Reason.NOTE_MISSING),
        ("x" * NOTE_LENGTH, Reason.NOTED),
        ("x" * (NOTE_LENGTH + 1), Reason.NOTE_TOO_LONG),
    ],
)
def test_a_note_has_one_to_five_hundred_characters(note: str | None, reason: Reason) -> None:
    line = Timeline()
    call = only_alert(line.press(0)).incident_id
    assert line.acknowledge(AckAction.NOTE, call, 1, note=note).reason is reason


def test_a_note_on_what_is_shelved_leaves_it_shelved_for_as_long_as_before() -> None:
    line = Timeline()
    line.pillar(PillarKind.TAMPER, 0)
    (tamper,) = line.run(30, 30)
    line.acknowledge(AckAction.SHELVE, tamper.incident_id, 31, reason=AckReason.NUISANCE, shelve_s=600)
    before = line.state.incidents[tamper.incident_id].shelved_until
    line.acknowledge(AckAction.NOTE, tamper.incident_id, 100, note="A bird.")
    assert line.state.incidents[tamper.incident_id].shelved_until == before
