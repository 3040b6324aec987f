"""Laws of an incident's life cycle, for any log: alerts are in order, only a person lowers a grade, every one ends."""

from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.fold.reducer import Decision, fold
from processors.incident.lifecycle import ATTENDED, OPEN, QUIET, TRANSITIONS, UNACKNOWLEDGED
from processors.state.partition_state import State
from processors.state.policy import ByGrade, FusionPolicy, policy_record
from schemas.ack import AckResult
from schemas.alert import Alert
from schemas.enums import (
    AckAction,
    AckOutcome,
    Action,
    Grade,
    IncidentState,
    InputKind,
    Reason,
    Status,
)
from schemas.fusion_log import Tick
from schemas.units import SECOND_MS, EpochMs
from tests.support.fold_logs import Step, entries, folded, logs, start
from tests.support.fold_site import QUICK
from tests.support.log_records import START, ack, entry, envelope

RANK = {Grade.BLUE: 1, Grade.YELLOW: 2, Grade.RED: 3}
MANY = 150
TERMINAL = (IncidentState.CLOSED, IncidentState.CANCELLED)


def histories(steps: list[Step]) -> dict[str, list[Alert]]:
    """The alerts of each incident, in order."""
    told: dict[str, list[Alert]] = {}
    for decision in folded(entries(steps)):
        for alert in decision.alerts:
            told.setdefault(alert.incident_id, []).append(alert)
    return told


@given(logs())
def test_revisions_of_an_incident_rise_by_one_and_name_the_alerts_before(steps: list[Step]) -> None:
    for history in histories(steps).values():
        assert [alert.revision for alert in history] == list(range(1, len(history) + 1))
        assert len({alert.alert_id for alert in history}) == len(history)
        assert [prior.alert_id for prior in history[-1].prior] == [a.alert_id for a in history[:-1]][-10:]
        assert [alert.sent for alert in history] == sorted(alert.sent for alert in history)


@given(logs())
def test_an_incident_is_raised_once_and_ends_once(steps: list[Step]) -> None:
    for first, *rest in histories(steps).values():
        assert first.action is Action.RAISE
        assert all(alert.action is not Action.RAISE for alert in rest)
        ends = [alert for alert in (first, *rest) if alert.state in TERMINAL]
        assert len(ends) <= 1
        assert not ends or ends[0] is (first, *rest)[-1]


@given(logs())
def test_the_reported_states_follow_the_table_of_transitions(steps: list[Step]) -> None:
    leads = {(before, to) for arrows in TRANSITIONS.values() for before, to in arrows.items()}
    # Two transitions in one alert: in service again, or no longer shelved, and the condition has cleared.
    leads |= {(before, IncidentState.CLEARED_UNACKED) for before in QUIET}
    for history in histories(steps).values():
        for before, now in pairwise(history):
            assert before.state is now.state or (before.state, now.state) in leads


def between_registry_changes(history: list[Alert]) -> list[list[Alert]]:
    """The alerts of an incident in parts, each with one chain: the registry may have given it another one (F14)."""
    parts = [[history[0]]]
    for before, now in pairwise(history):
        if before.chain == now.chain:
            parts[-1].append(now)
        else:
            parts.append([now])
    return parts


@settings(max_examples=MANY)
@given(logs())
def test_each_tier_is_asked_once_and_tiers_only_rise(steps: list[Step]) -> None:
    for history in (part for told in histories(steps).values() for part in between_registry_changes(told)):
        places = [
            alert.chain.index(next(x for x in alert.chain if x.tier is alert.tier)) for alert in history
        ]
        escalated = [
            place for place, alert in zip(places, history, strict=True) if alert.action is Action.ESCALATE
        ]
        assert places == sorted(places)
        assert escalated == sorted(set(escalated))


@given(logs())
def test_only_the_registry_gives_an_incident_another_chain_and_that_is_told(steps: list[Step]) -> None:
    for history in histories(steps).values():
        for before, now in pairwise(history):
            is_told = now.reason is Reason.DEVICE_MOVED or before.state in QUIET
            assert before.chain == now.chain or is_told
    without = [step for step in steps if step.given.kind is not InputKind.DEVICE or step.at == START]
    for history in histories(without).values():
        assert len({alert.chain for alert in history}) == 1


@given(logs())
def test_a_grade_falls_only_by_an_acknowledgement(steps: list[Step]) -> None:
    for history in histories(steps).values():
        for before, now in pairwise(history):
            fell = RANK[now.grade] < RANK[before.grade]
            assert not fell or (now.reason is Reason.REGRADED and now.actor is not None)
        assert {alert.grade for alert in history} in (
            {Grade.BLUE},
            {alert.grade for alert in history} - {Grade.BLUE},
        )


@given(logs())
def test_no_red_is_shelved_or_flapping_or_out_of_service(steps: list[Step]) -> None:
    state = start()
    for each in entries(steps):
        fold(state, each)
        for known in state.incidents.values():
            if known.grade is Grade.RED:
                assert known.state not in QUIET
                assert not known.flapping
                assert known.state is not IncidentState.CANDIDATE


@given(logs())
def test_a_red_ends_by_a_person_or_by_its_time_and_never_by_a_device(steps: list[Step]) -> None:
    for history in histories(steps).values():
        for alert in history:
            if alert.grade is Grade.RED and alert.status is not Status.TEST and alert.state in TERMINAL:
                assert alert.actor is not None or alert.reason in {Reason.EXPIRED, Reason.RESOLVED}
                was_cleared = [told.reason for told in history].count(Reason.CLEARED)
                assert alert.reason is not Reason.RESOLVED or was_cleared


@given(logs())
def test_an_acknowledgement_has_one_answer_and_its_alert_names_the_actor(steps: list[Step]) -> None:
    for decision in folded(entries(steps)):
        result = decision.result
        own = [alert for alert in decision.alerts if alert.ack_id is not None]
        if result is None:
            assert not own
            continue
        assert isinstance(result, AckResult)
        if result.outcome is AckOutcome.REJECTED:
            assert not decision.alerts
            continue
        (alert,) = own
        assert (alert.incident_id, alert.ack_id, alert.state, alert.reason) == (
            result.incident_id,
            result.ack_id,
            result.state,
            result.reason,
        )
        assert alert.actor is not None


@given(logs())
def test_no_alert_is_issued_within_the_hold_of_an_incident_unless_it_is_red(steps: list[Step]) -> None:
    state = start()
    for each in entries(steps):
        _, decisions = fold(state, each)
        told = {alert.incident_id for decision in decisions for alert in decision.alerts}
        for known in state.incidents.values():
            assert (known.revision == 0) == (known.state is IncidentState.CANDIDATE)
            assert known.revision or known.incident_id not in told


@settings(max_examples=MANY)
@given(logs())
def test_timers_run_only_in_the_states_that_they_belong_to(steps: list[Step]) -> None:
    state = start()
    for each in entries(steps):
        fold(state, each)
    for known in state.incidents.values():
        runs = {
            IncidentState.CANDIDATE: known.hold_until,
            IncidentState.ACKED: known.stale_at,
            IncidentState.CLEARED: known.resolve_at,
        }
        for of_state, due in runs.items():
            assert (due is not None) == (known.state is of_state)
        is_quiet = known.state in QUIET
        assert (known.shelved_until is not None) == is_quiet
        is_waiting = known.state in UNACKNOWLEDGED
        # A further caller waits although somebody looks after the others (F5).
        is_called = known.state in ATTENDED and known.call_revision > 0
        assert known.notify_at is not None or not is_waiting
        assert known.notify_at is None or is_waiting or is_called or known.untold
        assert known.ack_by is None or is_waiting or is_called
        is_asked = known.state in {IncidentState.RAISED, IncidentState.REJECTED}
        assert known.escalate_at is None or is_asked or is_called
        assert known.state in OPEN


SHORT = Step(START, envelope(policy_record(QUICK, 98)))
"""A policy by which an incident expires within minutes, and which no policy of a log replaces."""


class Rest:
    """The rest of a log: acknowledgements and ticks, and nothing from the feeds."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.decisions: list[Decision] = []
        self._said = 0

    def tick(self, after_ms: int = SECOND_MS) -> None:
        number = max(self.state.tick, 100) + 1
        self._push(Step(EpochMs(self.state.now + after_ms), envelope(Tick(number=number))))

    def acknowledge(self, action: AckAction, incident_id: str) -> None:
        self._said += 1
        at_s = (self.state.now - START) / 1000
        said = ack(incident_id, action, at_s=at_s, ack_id=f"rest-{self._said}")
        self._push(Step(self.state.now, envelope(said)))

    def policy(self, policy: FusionPolicy) -> None:
        self._push(Step(self.state.now, envelope(policy_record(policy, 99))))

    def _push(self, step: Step) -> None:
        given_entry = entry(step.given, offset=self.state.offset, append_ms=step.at)
        self.decisions += fold(self.state, given_entry)[1]

    def results(self) -> Counter[Reason]:
        return Counter(decision.reason for decision in self.decisions)


@settings(max_examples=MANY)
@given(logs())
def test_every_incident_ends_after_acknowledgement_clearing_and_ticks(steps: list[Step]) -> None:
    state = start()
    folded(entries(steps), state)
    rest = Rest(state)
    rest.policy(FusionPolicy(resolve_ms=ByGrade(red=0, yellow=0, blue=0)))
    rest.tick(3_601_000)  # every held incident is raised or dropped
    wanted = list(state.incidents)
    for incident_id in wanted:
        for action in (
            AckAction.UNSHELVE,
            AckAction.IN_SERVICE,
            AckAction.ACCEPT,
            AckAction.CLEAR,
            AckAction.ACCEPT,
        ):
            rest.acknowledge(action, incident_id)
        if incident_id in state.incidents:
            assert state.incidents[incident_id].state is IncidentState.CLEARED
    rest.tick(1)  # before any condition that persists is reported again
    assert not set(wanted) & set(state.incidents)
    assert Reason.FOLD_ERROR not in rest.results()


@given(logs(), st.sampled_from((1, 60, 300)))
def test_every_emergency_ends_when_nobody_does_anything_at_all(steps: list[Step], every_s: int) -> None:
    state = start()
    folded(entries([SHORT, *steps]), state)
    rest = Rest(state)
    emergencies = {known.incident_id for known in state.incidents.values() if known.press_count}
    # However it was shelved, and however many tiers are still to be asked. A longer gap counts as no time (F11).
    for _ in range(max(QUICK.expire_after_ms * 3 // (every_s * SECOND_MS), 8)):
        rest.tick(every_s * SECOND_MS)
    assert not emergencies & set(state.incidents)
    assert Reason.FOLD_ERROR not in rest.results()
