"""Laws of the fold, for any generated log: equal bytes, copies without effect, no press lost, a bounded state."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.fold import apply as changes
from processors.fold import reducer as incidents
from processors.fold.reducer import Decision, fold
from processors.fold.snapshot_codec import dump, load
from processors.incident.lifecycle import DUE
from processors.state.entities import TimerKind
from processors.state.event_ids import WINDOW_SIZE
from processors.state.partition_state import State
from schemas.alert import Alert
from schemas.codec import encode
from schemas.enums import Action, Grade, InputKind, PillarKind, Reason, Status
from schemas.fusion_log import PillarFact, Tick
from tests.support.fold_logs import Step, entries, folded, logs, sent, start
from tests.support.log_records import entry, envelope, fact

MANY = 150
"""The number of logs for the laws on which a life may depend."""


@given(logs(), st.data())
def test_copies_of_inputs_inserted_anywhere_later_change_no_byte(
    steps: list[Step], data: st.DataObject
) -> None:
    copied = list(steps)
    for _ in range(data.draw(st.integers(1, 12), label="copies")):
        source = data.draw(st.integers(0, len(copied) - 1), label="original")
        target = data.draw(st.integers(source + 1, len(copied)), label="goes before")
        copied.insert(target, Step(copied[target - 1].at, copied[source].given))
    assert sent(folded(entries(copied))) == sent(folded(entries(steps)))


def repeated(steps: list[Step], at: int) -> list[Step]:
    """A log in which, at one position, everything before it is repeated."""
    now = steps[at - 1].at
    return [*steps[:at], *(Step(now, step.given) for step in steps[:at]), *steps[at:]]


@settings(max_examples=MANY)
@given(logs(), st.data())
def test_repeating_all_earlier_inputs_changes_no_byte(steps: list[Step], data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(steps)), label="again at")
    assert sent(folded(entries(repeated(steps, at)))) == sent(folded(entries(steps)))


@settings(max_examples=MANY)
@given(logs(max_size=25), st.data())
def test_repeating_all_earlier_inputs_changes_no_byte_even_with_small_bounds(
    steps: list[Step], data: st.DataObject
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("processors.state.event_ids.WINDOW_SIZE", data.draw(st.integers(1, 4), label="memory"))
        patch.setattr(changes, "MAX_UNREGISTERED", data.draw(st.integers(1, 3), label="strangers"))
        patch.setattr(changes, "MAX_ENDED", data.draw(st.integers(1, 3), label="ended"))
        at = data.draw(st.integers(1, len(steps)), label="again at")
        assert sent(folded(entries(repeated(steps, at)))) == sent(folded(entries(steps)))


@given(logs())
def test_no_acknowledgement_is_answered_twice(steps: list[Step]) -> None:
    answered = [
        (decision.result.incident_id, decision.result.ack_id)
        for decision in folded(entries(repeated(steps, len(steps))))
        if decision.result is not None
    ]
    assert len(set(answered)) == len(answered)


@given(logs())
def test_the_same_log_gives_the_same_bytes(steps: list[Step]) -> None:
    first, second = start(), start()
    assert folded(entries(steps), first) == folded(entries(steps), second)
    assert dump(first) == dump(second)


@given(logs(), st.data())
def test_a_log_cut_anywhere_into_snapshot_and_rest_gives_the_same_bytes(
    steps: list[Step], data: st.DataObject
) -> None:
    log = entries(steps)
    whole, cut = start(), start()
    wanted = folded(log, whole)
    at = data.draw(st.integers(0, len(log)), label="cut")
    told = folded(log[:at], cut)
    cut = load(dump(cut))
    told += folded(log[at:], cut)
    assert sent(told) == sent(wanted)
    assert told == wanted
    assert dump(cut) == dump(whole)


@given(logs())
def test_derived_fields_are_equal_after_a_restart(steps: list[Step]) -> None:
    state = start()
    folded(entries(steps), state)
    restored = load(dump(state))
    assert {key: sorted(ids) for key, ids in restored.by_device.items()} == {
        key: sorted(ids) for key, ids in state.by_device.items()
    }
    assert restored.by_place == state.by_place
    assert restored.by_gateway == state.by_gateway
    assert restored.unregistered_count == state.unregistered_count


def presses_of(steps: list[Step], state: State) -> list[tuple[PillarFact, bool, Decision]]:
    """Every press, whether its id was used before, and the decision about it."""
    told, seen = [], set()
    for each in entries(steps):
        given_input, record = incidents.read_entry(each)
        _, decisions = fold(state, each)
        if not isinstance(record, PillarFact) or record.kind is PillarKind.HEARTBEAT:
            continue
        name = (given_input.zone, record.device_id, record.event_id)
        if record.kind is PillarKind.PRESS:
            told.append((record, name in seen, decisions[0]))
        if decisions[0].reason is not Reason.MISROUTED:
            seen.add(name)
    return told


@settings(max_examples=MANY)
@given(logs())
def test_every_press_issues_an_alert_or_is_a_duplicate_or_a_bounce(steps: list[Step]) -> None:
    for press, was_said, decision in presses_of(steps, start()):
        if decision.alerts:
            assert is_press_alert(decision.alerts[0], press)
        else:
            assert decision.reason in {Reason.DUPLICATE, Reason.BOUNCE}
            assert (decision.reason is Reason.DUPLICATE) == was_said


def is_press_alert(alert: Alert, press: PillarFact) -> bool:
    is_named = (press.device_id, press.event_id) in [(s.device_id, s.event_id) for s in alert.sources]
    status = Status.EXERCISE if press.exercise else Status.ACTUAL
    return is_named and alert.grade is Grade.RED and alert.status is status


@settings(max_examples=MANY)
@given(logs(), st.sampled_from(("P1", "B1", "new-pillar")))
def test_a_red_is_never_suppressed_by_any_other_inputs(steps: list[Step], device_id: str) -> None:
    others = [
        step
        for step in steps
        if device_id.encode() not in step.given.payload or step.given.kind is not InputKind.PILLAR_EVENT
    ]
    state = start()
    folded(entries(others), state)
    given_input = envelope(fact(PillarKind.PRESS, device_id, at_s=-3_600, event_id="the press"))
    _, decisions = fold(state, entry(given_input, offset=state.offset, append_ms=state.now))
    alert = decisions[0].alerts[0]
    assert (alert.grade, alert.status) == (Grade.RED, Status.ACTUAL)
    assert alert.action in {Action.RAISE, Action.UPDATE}
    assert alert.sources[-1].event_id == "the press"


@given(logs(max_size=20), st.data())
def test_no_order_of_the_inputs_makes_two_open_incidents_of_one_press(
    steps: list[Step], data: st.DataObject
) -> None:
    ways = data.draw(st.permutations([*steps, *steps]), label="order")
    times = sorted(step.at for step in ways)
    state = start()
    for each in entries([Step(at, step.given) for at, step in zip(times, ways, strict=True)]):
        fold(state, each)
        sources = [
            (known.zone, source.feed, source.device_id, source.event_id)
            for known in state.incidents.values()
            for source in known.sources
            if known.press_count
        ]
        assert len(set(sources)) == len(sources)


@given(logs())
def test_real_facts_and_exercises_never_join_one_incident(steps: list[Step]) -> None:
    exercises = {
        (record.device_id, record.event_id)
        for record in (incidents.read_entry(each)[1] for each in entries(steps))
        if isinstance(record, PillarFact) and record.kind is PillarKind.PRESS and record.exercise
    }
    real = {
        (record.device_id, record.event_id)
        for record in (incidents.read_entry(each)[1] for each in entries(steps))
        if isinstance(record, PillarFact) and record.kind is PillarKind.PRESS and not record.exercise
    }
    status_of: dict[str, Status] = {}
    for decision in folded(entries(steps)):
        for alert in decision.alerts:
            assert status_of.setdefault(alert.incident_id, alert.status) is alert.status
            if not alert.press_count or alert.status is Status.TEST:
                continue
            wrong = exercises - real if alert.status is Status.ACTUAL else real - exercises
            assert not wrong & {(source.device_id, source.event_id) for source in alert.sources}


@settings(max_examples=MANY)
@given(logs())
def test_no_rule_fails_on_any_log(steps: list[Step]) -> None:
    assert Reason.FOLD_ERROR not in [decision.reason for decision in folded(entries(steps))]


@given(logs(), st.integers(0, 3))
def test_the_state_is_bounded_by_devices_and_open_incidents(steps: list[Step], stale: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "MAX_STALE_TIMERS", stale)
        patch.setattr(changes, "MAX_ENDED", 2)
        state = start()
        folded(entries(steps), state)
        fold(state, entry(envelope(Tick(number=2**40)), offset=state.offset, append_ms=state.now))
    things = len(state.incidents) + len(state.devices) + len(state.watermarks)
    assert len(state.timers) <= max(4 * things + stale, len(TimerKind) * things)
    assert sum(map(len, state.by_place.values())) <= 2 * len(state.incidents)
    assert all((*state.by_device.values(), *state.by_place.values(), *state.by_gateway.values()))
    for index in (state.by_device, state.by_place):
        assert {incident_id for ids in index.values() for incident_id in ids} <= set(state.incidents)
    silent = {device.device_id for device in state.devices.values() if device.silent_since is not None}
    assert {name for names in state.by_gateway.values() for name in names} <= silent
    registered = {key for key, device in state.devices.items() if device.is_registered}
    assert set(state.last_reports) <= registered
    assert set(state.heartbeats) <= set(state.devices)
    assert len(state.ended) <= 2
    assert not set(state.ended) & set(state.incidents)
    assert len(state.watermarks) <= 4
    assert len(state.unmatched_acks.ids) <= WINDOW_SIZE


@given(logs())
def test_every_due_time_of_an_incident_has_a_timer_that_is_not_later(steps: list[Step]) -> None:
    state = start()
    folded(entries(steps), state)
    latest_first = sorted(state.timers, reverse=True)
    earliest = {(timer.subject, timer.kind): timer.due for timer in latest_first}
    for known in state.incidents.values():
        for kind, due_of in DUE.items():
            due = due_of(known)
            assert due is None or earliest[known.incident_id, kind] <= due


@given(logs())
def test_every_alert_can_be_encoded_and_names_its_incident(steps: list[Step]) -> None:
    for decision in folded(entries(steps)):
        for alert in decision.alerts:
            assert encode(alert)
            assert alert.incident_id.startswith(f"{alert.zone}-")
