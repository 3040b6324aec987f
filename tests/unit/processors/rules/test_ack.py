"""A copy of an acknowledgement is recognised however late it comes: of open, ended, held and unknown incidents."""

from processors.fold.apply import MAX_ENDED
from processors.state.event_ids import WINDOW_SIZE
from schemas.enums import AckAction, AckReason, PillarKind, Reason
from tests.support.log_records import ack, camera, flame
from tests.support.timeline import Timeline, only_alert


def said(line: Timeline, incident_id: str, at_s: float, ack_id: str) -> Reason:
    return line.push(ack(incident_id, at_s=at_s, ack_id=ack_id), at_s=at_s).reason


def test_a_resent_acknowledgement_is_kept_from_its_own_received_at_on() -> None:
    line = Timeline()
    call = only_alert(line.press(0)).incident_id
    assert said(line, call, 1, "a") is Reason.ACCEPTED
    resent = ack(call, at_s=5, ack_id="a")
    assert line.push(resent, at_s=5).reason is Reason.DUPLICATE
    for number in range(WINDOW_SIZE):
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


def test_a_copy_of_an_acknowledgement_of_an_ended_incident_has_no_answer_as_long_as_it_is_remembered() -> (
    None
):
    line = Timeline()
    copies = []
    for number in range(MAX_ENDED):
        at_s = number * 10
        call = only_alert(line.press(at_s, f"X{number}")).incident_id
        cancel = ack(call, AckAction.CANCEL, at_s=at_s + 1, ack_id=f"c{number}", reason=AckReason.FALSE_ALARM)
        after = ack(call, at_s=at_s + 2, ack_id=f"d{number}")
        assert line.push(cancel, at_s=at_s + 1).reason is Reason.CANCELLED
        assert line.push(after, at_s=at_s + 2).reason is Reason.INCIDENT_OVER
        copies += [cancel, after]
    assert all(line.push(copy, at_s=MAX_ENDED * 10 + 100).result is None for copy in copies)


def test_an_acknowledgement_of_a_test_is_rejected() -> None:
    line = Timeline()
    test = only_alert(line.pillar(PillarKind.TEST, 0))
    assert said(line, test.incident_id, 1, "a") is Reason.UNKNOWN_INCIDENT
