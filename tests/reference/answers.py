"""What people say: of each acknowledgement, what it is answered and which state follows (16, F4, F6)."""

from collections.abc import Iterator
from typing import NamedTuple

from schemas.ack import NOTE_LENGTH, AckFact, AckResult
from schemas.enums import AckAction, AckOutcome, AckReason, Disposition, Grade, IncidentState, Reason
from tests.reference.drive import Entry
from tests.reference.steps import Answer
from tests.reference.view import ANSWERED, ENDS, Incident, View

A, R, S = AckAction, Reason, IncidentState

OPEN = tuple(state for state in S if state not in (*ENDS, S.UNKNOWN, S.CANDIDATE))

AFTER: dict[AckAction, dict[IncidentState, IncidentState]] = {
    A.ACCEPT: {S.RAISED: S.ACKED, S.REJECTED: S.ACKED, S.CLEARED_UNACKED: S.CLEARED},
    A.REJECT: {S.RAISED: S.REJECTED, S.ACKED: S.REJECTED},
    A.EN_ROUTE: {
        S.RAISED: S.ASSIGNED,
        S.REJECTED: S.ASSIGNED,
        S.ACKED: S.ASSIGNED,
        S.ASSIGNED: S.ASSIGNED,
        S.ON_SCENE: S.ON_SCENE,
    },
    A.ON_SCENE: dict.fromkeys((S.RAISED, S.REJECTED, S.ACKED, S.ASSIGNED, S.ON_SCENE), S.ON_SCENE),
    A.CLEAR: {
        **dict.fromkeys((S.RAISED, S.REJECTED), S.CLEARED_UNACKED),
        **dict.fromkeys((S.ACKED, S.ASSIGNED, S.ON_SCENE, S.SHELVED), S.CLEARED),
    },
    A.CLOSE: dict.fromkeys(
        (S.ACKED, S.ASSIGNED, S.ON_SCENE, S.CLEARED, S.SHELVED, S.OUT_OF_SERVICE), S.CLOSED
    ),
    A.CANCEL: dict.fromkeys(OPEN, S.CANCELLED),
    A.REGRADE: {state: state for state in OPEN if state not in (S.SHELVED, S.OUT_OF_SERVICE)},
    A.SHELVE: dict.fromkeys((S.RAISED, S.REJECTED, S.ACKED, S.CLEARED_UNACKED, S.SHELVED), S.SHELVED),
    A.UNSHELVE: {S.SHELVED: S.RAISED},
    A.OUT_OF_SERVICE: dict.fromkeys(
        (S.RAISED, S.REJECTED, S.ACKED, S.ASSIGNED, S.ON_SCENE, S.SHELVED), S.OUT_OF_SERVICE
    ),
    A.IN_SERVICE: {S.OUT_OF_SERVICE: S.RAISED},
    A.NOTE: {state: state for state in OPEN},
}
"""docs/incidents.md, what people do."""

JUDGING = (A.CLOSE, A.CANCEL, A.CLEAR, A.REGRADE, A.SHELVE, A.REJECT)
"""F4: what judges an incident must have seen who has joined it."""

NEEDS_REASON = (A.REJECT, A.CANCEL, A.REGRADE, A.SHELVE, A.OUT_OF_SERVICE)


class Expected(NamedTuple):
    """The answer that must come.

    Attributes:
        refusals: Reasons that certainly apply.
        perhaps: Reasons that may apply.
    """

    refusals: frozenset[Reason]
    perhaps: frozenset[Reason]


class Answers:
    """Predicts the answer to each acknowledgement, and the state after it."""

    rule = "answer"

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()

    def check(self, entry: Entry, view: View) -> Iterator[str]:
        if not isinstance(entry.record, AckFact):
            if any(decision.result is not None for decision in entry.decisions):
                yield "an answer came that nobody asked for"
            return
        record = entry.record
        results = [decision.result for decision in entry.decisions if decision.result is not None]
        key = (record.incident_id, record.ack_id)
        if key in self._seen:
            if results or entry.alerts:
                yield "the same ack_id again is not silent (16)"
            return
        self._seen.add(key)
        if len(results) != 1:
            yield f"{len(results)} answers (F6)"
            return
        expected = expect(record, view)
        yield from _judge(entry, record, results[0], expected, view)


def expect(record: AckFact, view: View) -> Expected:
    """Every reason to refuse an acknowledgement that applies."""
    incident = view.incidents.get(record.incident_id)
    surely, perhaps = set(_incomplete(record)), set[Reason]()
    if incident is None:
        return Expected(frozenset(surely | {R.UNKNOWN_INCIDENT}), frozenset())
    if not incident.is_open:
        return Expected(frozenset(surely | {R.INCIDENT_OVER}), frozenset({R.UNKNOWN_INCIDENT}))
    if record.received_at - record.at > view.limits.of("ack_too_old_ms"):
        surely.add(R.ACK_TOO_OLD)
    _revision(record, incident, surely, perhaps)
    _grade(record, incident, view, surely)
    if incident.state not in AFTER.get(record.action, {}):
        # Who is sent already may still answer a second caller (F5).
        is_second = incident.state in ANSWERED and record.action is A.ACCEPT
        (perhaps if is_second else surely).add(R.NOT_POSSIBLE_NOW)
    return Expected(frozenset(surely), frozenset(perhaps))


def _incomplete(record: AckFact) -> Iterator[Reason]:
    action = record.action
    if action is A.UNKNOWN:
        yield R.UNKNOWN_ACTION
    if not record.actor.name:
        yield R.ACTOR_MISSING
    if action in NEEDS_REASON and record.reason in (None, AckReason.UNKNOWN):
        yield R.REASON_MISSING
    if action is A.CLOSE and record.disposition in (None, Disposition.UNKNOWN):
        yield R.DISPOSITION_MISSING
    if action is A.REGRADE and record.grade in (None, Grade.UNKNOWN):
        yield R.GRADE_MISSING
    if action is A.NOTE and not (record.note or "").strip():
        yield R.NOTE_MISSING
    if record.note is not None and len(record.note) > NOTE_LENGTH:
        yield R.NOTE_TOO_LONG


def _revision(record: AckFact, incident: Incident, surely: set[Reason], perhaps: set[Reason]) -> None:
    if record.revision is None:
        return
    if record.revision > incident.revision:
        surely.add(R.REVISION_NOT_OUT)
    elif record.action in JUDGING and record.revision < incident.joined_revision:
        surely.add(R.OUTDATED_REVISION)
    elif (
        record.action is not A.NOTE
        and record.revision < max(incident.joined_revision, incident.alarm_revision)
    ) or incident.is_group:
        perhaps.add(R.OUTDATED_REVISION)


def _grade(record: AckFact, incident: Incident, view: View, surely: set[Reason]) -> None:
    if record.action is A.SHELVE:
        longest = view.limits.of_grade("shelve_ms", incident.grade)
        if not longest:
            surely.add(R.NEVER_FOR_GRADE)
        elif record.shelve_s is not None and not 0 < record.shelve_s * 1_000 <= longest:
            surely.add(R.TOO_LONG)
    if record.action is A.OUT_OF_SERVICE and incident.grade is not Grade.BLUE:
        surely.add(R.NEVER_FOR_GRADE)
    if record.action is A.REGRADE and record.grade is not None:
        if (record.grade is Grade.BLUE) is incident.is_emergency:
            surely.add(R.NEVER_FOR_GRADE)
        if record.grade is incident.grade:
            surely.add(R.NOT_POSSIBLE_NOW)


def _judge(entry: Entry, record: AckFact, result: AckResult, expected: Expected, view: View) -> Iterator[str]:
    action = record.action.value
    if result.outcome is AckOutcome.REJECTED:
        if result.reason not in expected.refusals | expected.perhaps:
            wanted = ", ".join(sorted(reason.value for reason in expected.refusals)) or "accepted"
            yield f"{action} is refused as {result.reason.value}, expected {wanted}"
        if entry.alerts:
            yield f"{action} is refused, but an alert went out"
        return
    if expected.refusals:
        yield f"{action} is accepted, expected {', '.join(sorted(reason.value for reason in expected.refusals))}"
        return
    yield from _accepted(entry, record, result, view)


def _accepted(entry: Entry, record: AckFact, result: AckResult, view: View) -> Iterator[str]:
    incident = view.incidents[record.incident_id]
    action = record.action.value
    told = [alert for alert in entry.alerts if alert.ack_id == record.ack_id]
    if len(told) != 1 or told[0].incident_id != record.incident_id:
        yield f"{action} is accepted and told in {len(told)} alerts"
        return
    alert = told[0]
    if alert.actor != record.actor:
        yield f"{action}: the alert does not name who"
    if alert.note != record.note:
        yield f"{action}: the alert does not carry the note (F6)"
    wanted = {AFTER[record.action].get(incident.state, alert.state)}
    if record.action in (A.UNSHELVE, A.IN_SERVICE) and not incident.is_emergency:
        wanted.add(S.CLEARED_UNACKED)  # where the fault is over by then
    if incident.is_pending and record.action is A.ACCEPT:
        wanted.add(S.ACKED)
    if alert.state not in wanted:
        yield f"{action} leads from {incident.state.value} to {alert.state.value}"
    if result.state is not alert.state:
        yield f"{action}: the answer says {result.state.value}, the alert {alert.state.value}"


def is_answer(entry: Entry) -> bool:
    return isinstance(entry.step.what, Answer)
