"""Laws from the field, for any log and any clocks: no press is lost (F2), and no id names two things (F3)."""

from typing import NamedTuple

from hypothesis import given, settings

from processors.fold import reducer
from processors.fold.reducer import Decision, fold
from processors.incident.lifecycle import OVER
from schemas.alert import Alert
from schemas.codec import encode
from schemas.enums import Action, Feed, Grade, IncidentState, PillarKind, Reason, Status
from schemas.fusion_log import PillarFact
from tests.support.fold_logs import Step, entries, folded, logs, start

MANY = 150


class Pressed(NamedTuple):
    """A press of a log, and what was known when it came.

    Attributes:
        zone: Its zone.
        press: The press.
        decision: What was decided about it.
        is_known: It is the same report as an earlier one: of the presses of its device with its id and its mark
            (exercise or not) that were no copy themselves, one was received within the bounce window of it.
        is_listed: An open incident of its device lists it.
        before: The latest earlier press of its device that an alert has named.
        is_going_on: The incident of that press was open, and not over.
        is_set_back: The clock of its gateway has been set back.
        seen_ms: Stream time since that press.
        bounce_ms: The bounce window in force.
        late_ms: After how long a fact was late.
    """

    zone: str
    press: PillarFact
    decision: Decision
    is_known: bool
    is_listed: bool
    before: PillarFact | None
    is_going_on: bool
    is_set_back: bool
    seen_ms: int
    bounce_ms: int
    late_ms: int


def pressed(steps: list[Step]) -> list[Pressed]:
    """Every press of a log, in order."""
    told: list[Pressed] = []
    heard: dict[tuple[str, str], tuple[PillarFact, str, int]] = {}
    remembered: dict[tuple[str, str, str, bool], list[int]] = {}
    state = start()
    for each in entries(steps):
        envelope, record = reducer.read_entry(each)
        is_press = isinstance(record, PillarFact) and record.kind is PillarKind.PRESS
        known = dict(state.incidents) if is_press else {}
        _, decisions = fold(state, each)
        if not isinstance(record, PillarFact) or not is_press:
            continue
        key, bounce_ms = (envelope.zone, record.device_id), state.policy.bounce_ms
        times = remembered.setdefault((*key, record.event_id, record.exercise), [])
        is_known = any(abs(at - record.received_at) <= bounce_ms for at in times)
        if not is_known:
            times.append(record.received_at)
        before = heard.get(key)
        report = state.last_reports.get(key)
        going_on = None if before is None else known.get(before[1])
        told.append(
            Pressed(
                zone=envelope.zone,
                press=record,
                decision=decisions[0],
                is_known=is_known,
                is_listed=any(
                    (source.feed, source.device_id, source.event_id)
                    == (Feed.PILLARS, record.device_id, record.event_id)
                    for incident in known.values()
                    for source in incident.sources
                ),
                before=None if before is None else before[0],
                is_going_on=going_on is not None and going_on.state not in OVER,
                is_set_back=report is not None and report.behind_ms > 0,
                seen_ms=0 if before is None else state.now - before[2],
                bounce_ms=bounce_ms,
                late_ms=state.policy.late_after_ms,
            )
        )
        if decisions[0].alerts:
            heard[key] = (record, decisions[0].alerts[0].incident_id, state.now)
    return told


@settings(max_examples=MANY)
@given(logs(lying=True))
def test_f02_every_press_is_named_by_an_alert_of_its_decision_or_is_a_copy_or_a_bounce(
    steps: list[Step],
) -> None:
    for each in pressed(steps):
        if each.decision.alerts:
            assert_names(each.decision.alerts[0], each.press)
            continue
        assert each.decision.reason in {Reason.DUPLICATE, Reason.BOUNCE}
        if each.decision.reason is Reason.DUPLICATE:
            assert each.is_known or each.is_listed
        else:
            assert each.before is not None
            apart_ms = abs(each.before.received_at - each.press.received_at)
            assert apart_ms <= each.bounce_ms or each.is_set_back
            assert each.seen_ms <= each.late_ms
            assert each.is_going_on


@settings(max_examples=MANY)
@given(logs(lying=True))
def test_f02_the_same_report_of_a_press_is_always_a_copy(steps: list[Step]) -> None:
    for each in pressed(steps):
        assert not each.is_known or each.decision.reason is Reason.DUPLICATE


def assert_names(alert: Alert, press: PillarFact) -> None:
    """That an alert is the red of a press; a marked one may be real, if its exercise is over."""
    latest = alert.sources[-1]
    assert (latest.feed, latest.device_id, latest.event_id, latest.received_at) == (
        Feed.PILLARS,
        press.device_id,
        press.event_id,
        press.received_at,
    )
    assert alert.grade is Grade.RED
    assert alert.state not in {IncidentState.CANDIDATE, IncidentState.SHELVED, *OVER}
    assert alert.status in ({Status.ACTUAL, Status.EXERCISE} if press.exercise else {Status.ACTUAL})


@settings(max_examples=MANY)
@given(logs(lying=True))
def test_f03_no_two_incidents_share_an_id_and_no_alert_id_names_two_contents(steps: list[Step]) -> None:
    contents: dict[str, bytes] = {}
    raised: set[str] = set()
    for decision in folded(entries(steps)):
        for alert in decision.alerts:
            assert contents.setdefault(alert.alert_id, encode(alert)) == encode(alert)
            assert (alert.action is Action.RAISE) == (alert.incident_id not in raised)
            raised.add(alert.incident_id)
