"""What came of acknowledgements that were sent together."""

from callbox.incidents.tally import Tally, tally_of
from schemas.ack import AckResult
from schemas.enums import AckOutcome, IncidentState, Reason
from tests.support.log_records import ms


def result(reason: Reason, outcome: AckOutcome = AckOutcome.REJECTED) -> AckResult:
    return AckResult(
        ack_id="k", incident_id="east-1", outcome=outcome, reason=reason, state=IncidentState.ACKED, at=ms(1)
    )


def test_answers_are_counted_and_rejections_by_their_reason() -> None:
    accepted = result(Reason.CLOSED, AckOutcome.ACCEPTED)
    over, outdated = result(Reason.INCIDENT_OVER), result(Reason.OUTDATED_REVISION)
    tally = tally_of([accepted, over, outdated, accepted, outdated], 7)
    assert (tally.accepted, tally.unanswered) == (2, 2)
    assert tally.rejected == {Reason.OUTDATED_REVISION: 2, Reason.INCIDENT_OVER: 1}
    assert str(tally) == (
        "2 accepted, 3 rejected (2 outdated_revision, 1 incident_over), 2 without an answer"
    )


def test_where_all_are_accepted_no_reason_is_told() -> None:
    assert str(Tally(accepted=3, rejected={}, unanswered=0)) == "3 accepted, 0 rejected, 0 without an answer"


def test_an_outcome_of_a_later_release_is_not_counted_as_accepted() -> None:
    assert tally_of([result(Reason.UNKNOWN, AckOutcome.UNKNOWN)], 1).rejected == {Reason.UNKNOWN: 1}
