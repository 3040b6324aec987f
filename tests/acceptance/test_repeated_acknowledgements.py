"""Requirement 16: a repeated ack id gives neither an alert nor an answer."""

from processors.state.effect import Decision
from schemas.enums import (
    AckAction,
    AckReason,
    Action,
    Disposition,
    Reason,
)
from tests.support.ack_actions import accept, call
from tests.support.expect import rejected, restarted
from tests.support.log_records import device
from tests.support.timeline import Timeline, only_alert


def is_silent(decision: Decision) -> bool:
    is_known = decision.reason in {Reason.DUPLICATE, Reason.BEYOND_MEMORY}
    return is_known and not decision.alerts and decision.result is None


def test_req_16_a_repeated_ack_id_gives_no_alert_and_no_answer() -> None:
    line, name = call()
    line.acknowledge(AckAction.ACCEPT, name, 5, ack_id="once")
    assert is_silent(line.acknowledge(AckAction.ACCEPT, name, 6, ack_id="once"))
    assert is_silent(
        line.acknowledge(AckAction.CLOSE, name, 7, ack_id="once", disposition=Disposition.FOUNDED)
    )


def test_req_16_a_repeated_ack_id_after_a_rejection_is_a_duplicate() -> None:
    line, name = call()
    assert rejected(line.acknowledge(AckAction.CLOSE, name, 5, ack_id="once")) is Reason.NOT_POSSIBLE_NOW
    accept(line, name, 6)
    again = line.acknowledge(AckAction.CLOSE, name, 7, ack_id="once", disposition=Disposition.FOUNDED)
    assert is_silent(again)


def test_req_16_a_repeated_ack_id_after_the_incident_has_ended_is_a_duplicate() -> None:
    line, name = call()
    line.acknowledge(AckAction.CANCEL, name, 5, ack_id="once", reason=AckReason.FALSE_ALARM)
    assert is_silent(line.acknowledge(AckAction.CANCEL, name, 6, ack_id="once", reason=AckReason.FALSE_ALARM))
    assert rejected(line.acknowledge(AckAction.ACCEPT, name, 7, ack_id="other")) is Reason.INCIDENT_OVER
    assert is_silent(line.acknowledge(AckAction.ACCEPT, name, 8, ack_id="other"))


def test_req_16_a_repeated_ack_id_of_an_unknown_incident_is_a_duplicate() -> None:
    line, _ = call()
    line.acknowledge(AckAction.ACCEPT, "east-unknown", 5, ack_id="once")
    assert is_silent(line.acknowledge(AckAction.ACCEPT, "east-unknown", 6, ack_id="once"))
    assert not is_silent(line.acknowledge(AckAction.ACCEPT, "east-another", 7, ack_id="once"))


def test_req_16_a_repeated_ack_id_after_a_restart_is_a_duplicate() -> None:
    line, name = call()
    line.acknowledge(AckAction.ACCEPT, name, 5, ack_id="once")
    line.acknowledge(AckAction.ACCEPT, "east-unknown", 6, ack_id="once")
    restarted(line)
    assert is_silent(line.acknowledge(AckAction.ACCEPT, name, 7, ack_id="once"))
    assert is_silent(line.acknowledge(AckAction.ACCEPT, "east-unknown", 8, ack_id="once"))


def test_req_16_one_ack_id_for_two_incidents_is_two_acknowledgements() -> None:
    line = Timeline(device(), device("P2", lat=31.0))
    first = only_alert(line.press(0)).incident_id
    other = only_alert(line.press(1, "P2")).incident_id
    assert line.acknowledge(AckAction.ACCEPT, first, 5, ack_id="same").reason is Reason.ACCEPTED
    assert line.acknowledge(AckAction.ACCEPT, other, 6, ack_id="same").reason is Reason.ACCEPTED


def test_f3_an_id_that_comes_round_again_after_its_incident_ended_is_another_incident() -> None:
    line = Timeline()
    first = only_alert(line.press(0, event_id="1"))
    line.acknowledge(AckAction.CANCEL, first.incident_id, 5, ack_id="once", reason=AckReason.FALSE_ALARM)
    again = only_alert(line.press(600, event_id="1"))
    assert (again.action, again.revision) == (Action.RAISE, 1)
    assert again.incident_id != first.incident_id
    assert again.alert_id != first.alert_id
    assert line.acknowledge(AckAction.ACCEPT, again.incident_id, 606, ack_id="once").reason is Reason.ACCEPTED


def test_f6_every_acknowledgement_of_one_batch_is_answered() -> None:
    line = Timeline()
    name = only_alert(line.press(0)).incident_id
    line.acknowledge(AckAction.CANCEL, name, 5, reason=AckReason.FALSE_ALARM)
    for number in range(400):
        over = line.acknowledge(AckAction.ACCEPT, name, 6, ack_id=f"over-{number}")
        unknown = line.acknowledge(AckAction.ACCEPT, f"east-{number}", 6, ack_id=f"unknown-{number}")
        assert (over.reason, unknown.reason) == (Reason.INCIDENT_OVER, Reason.UNKNOWN_INCIDENT)
        assert over.result is not None
        assert unknown.result is not None
