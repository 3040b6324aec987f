"""Laws of the fold, for any log that Hypothesis can think of."""

from typing import NoReturn

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from processors import alerts, changes, incidents, matching, repeats, rules_camera, rules_press
from processors.entry import LogEntry
from processors.incidents import fold
from processors.state import State, dump, load
from schemas.alerts import Alert
from schemas.codec import encode
from schemas.enums import Action, Grade, InputKind, PillarKind, Reason, Status
from schemas.log import PillarFact, Tick
from schemas.units import EpochMs
from tests.fold_logs import SITE, Step, entries, folded, logs, sent, start
from tests.timeline import (
    START,
    ZONE,
    entry,
    envelope,
    fact,
)


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


@given(logs(max_size=25), st.data())
def test_a_second_run_of_all_that_was_said_changes_no_byte_even_with_small_memories(
    steps: list[Step], data: st.DataObject
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("processors.memory.MEMORY_SIZE", data.draw(st.integers(1, 4), label="memory"))
        patch.setattr(changes, "MAX_STRANGERS", data.draw(st.integers(1, 3), label="strangers"))
        again = [Step(steps[-1].at, step.given) for step in steps]
        assert sent(folded(entries(steps + again))) == sent(folded(entries(steps)))


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
def test_what_is_derived_is_the_same_after_a_restart(steps: list[Step]) -> None:
    state = start()
    folded(entries(steps), state)
    restored = load(dump(state))
    assert {key: sorted(ids) for key, ids in restored.by_device.items()} == {
        key: sorted(ids) for key, ids in state.by_device.items()
    }
    assert restored.by_place == state.by_place
    assert restored.stranger_count == state.stranger_count


@given(logs())
def test_every_press_goes_out_in_an_alert_or_is_known_or_bounces(steps: list[Step]) -> None:
    state, seen = start(), set()
    for each in entries(steps):
        given_input, record = incidents.read_entry(each)
        _, decisions = fold(state, each)
        if not isinstance(record, PillarFact) or record.kind is PillarKind.HEARTBEAT:
            continue
        name = (given_input.zone, record.device_id, record.event_id)
        (decision,) = decisions
        if record.kind is PillarKind.PRESS:
            (alert,) = decision.alerts or (None,)
            if alert is None:
                assert decision.reason in {Reason.DUPLICATE, Reason.BOUNCE}
                assert (decision.reason is Reason.DUPLICATE) == (name in seen)
            else:
                assert is_press_alert(alert, record)
        if decision.reason is not Reason.MISROUTED:
            seen.add(name)


def is_press_alert(alert: Alert, press: PillarFact) -> bool:
    is_named = (press.device_id, press.event_id) in [(s.device_id, s.event_id) for s in alert.sources]
    return is_named and alert.grade is Grade.RED and alert.status is Status.ACTUAL


@given(logs(), st.sampled_from(("P1", "new-pillar")))
def test_a_red_is_never_suppressed_by_any_other_inputs(steps: list[Step], device_id: str) -> None:
    others = [
        step for step in steps if b"P1" not in step.given.payload or step.given.kind is InputKind.DEVICE
    ]
    state = start()
    folded(entries(others), state)
    given_input = envelope(fact(PillarKind.PRESS, device_id, at_s=-3_600, event_id="the press"))
    _, (decision,) = fold(state, entry(given_input, offset=state.offset, append_ms=state.now))
    (alert,) = decision.alerts
    assert alert.grade is Grade.RED
    assert alert.action in {Action.RAISE, Action.UPDATE}
    assert alert.sources[-1].event_id == "the press"


@given(logs())
def test_revisions_of_an_incident_rise_by_one_and_name_the_alerts_before(steps: list[Step]) -> None:
    told: dict[str, list[Alert]] = {}
    for decision in folded(entries(steps)):
        for alert in decision.alerts:
            told.setdefault(alert.incident_id, []).append(alert)
    for history in told.values():
        assert [alert.revision for alert in history] == list(range(1, len(history) + 1))
        assert len({alert.alert_id for alert in history}) == len(history)
        assert [prior.alert_id for prior in history[-1].prior] == [a.alert_id for a in history[:-1]][-10:]


@given(logs())
def test_no_red_ends_but_by_its_expiry(steps: list[Step]) -> None:
    for decision in folded(entries(steps)):
        for alert in decision.alerts:
            if alert.grade is Grade.RED and alert.status is Status.ACTUAL:
                assert alert.action is not Action.CANCEL
                assert (alert.action is Action.CLOSE) == (alert.reason is Reason.EXPIRED)


@given(logs())
def test_the_state_is_bounded_by_devices_and_open_incidents(steps: list[Step]) -> None:
    state = start()
    folded(entries(steps), state)
    assert len(state.timers) <= 2 * len(state.incidents) + changes.MAX_STALE_TIMERS
    assert sum(map(len, state.by_place.values())) <= len(state.incidents)
    assert all(state.by_device.values())
    assert all(state.by_place.values())
    assert {incident_id for ids in state.by_device.values() for incident_id in ids} <= set(state.incidents)


def broken(*_arguments: object, **_named: object) -> NoReturn:
    raise RuntimeError("broken on purpose")


PARTS = (
    (rules_press, "by_place"),
    (rules_press, "announce"),
    (rules_press, "call_at"),
    (rules_camera, "announce"),
    (repeats, "remember"),
    (repeats, "device_at"),
    (matching, "distance_mm"),
    (alerts, "texts_for"),
    (alerts, "with_source"),
    (incidents, "fire"),
)


@pytest.mark.parametrize(("module", "name"), PARTS, ids=[f"{m.__name__}.{n}" for m, n in PARTS])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=logs())
def test_whatever_breaks_the_fold_goes_on_and_presses_still_raise(
    module: object, name: str, steps: list[Step]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, broken)
        state = start()
        for each in entries(steps):
            before = dump(state)
            _, decisions = fold(state, each)
            assert state.offset == each.offset + 1
            for decision in decisions:
                if decision.reason is not Reason.FOLD_ERROR:
                    continue
                _, record = incidents.read_entry(each)
                is_press = isinstance(record, PillarFact) and record.kind is PillarKind.PRESS
                assert len(decision.alerts) == is_press
                assert all(encode(alert) and alert.grade is Grade.RED for alert in decision.alerts)
                assert isinstance(record, Tick) or untouched(before, state)


def untouched(before: bytes, state: State) -> bool:
    """Whether only offset, clock and hash have moved."""
    was = load(before)
    was.offset, was.now, was.last_hash = state.offset, state.now, state.last_hash
    return dump(was) == dump(state)


@given(
    st.lists(
        st.builds(
            LogEntry,
            st.integers(0, 2**62),
            st.integers(-(2**63), 2**63 - 1).map(EpochMs),
            st.none() | st.binary(max_size=8) | st.just(ZONE.encode()),
            st.none() | st.binary(max_size=60),
        ),
        max_size=10,
    )
)
def test_no_bytes_stop_the_fold(log: list[LogEntry]) -> None:
    state = start()
    for each in log:
        _, decisions = fold(state, each)
        assert [decision.reason for decision in decisions] == [Reason.UNDECODABLE]
    assert load(dump(state)) == state


@given(logs(max_size=3), st.data())
def test_no_damaged_record_stops_the_fold(steps: list[Step], data: st.DataObject) -> None:
    *before, last = entries(steps)
    state = start()
    folded(before, state)
    value = bytearray(last.value or b"")
    for _ in range(data.draw(st.integers(1, 4))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    _, decisions = fold(state, last._replace(value=bytes(value)))
    assert decisions
    assert Reason.FOLD_ERROR not in [decision.reason for decision in decisions]


@given(
    st.builds(
        PillarFact,
        event_id=st.text(max_size=4),
        device_id=st.sampled_from(("P1", "X1")) | st.text(max_size=4),
        kind=st.sampled_from(PillarKind),
        occurred_at=st.integers(-(2**63), 2**63 - 1).map(EpochMs),
        received_at=st.integers(-(2**63), 2**63 - 1).map(EpochMs),
    ),
    st.text(max_size=4) | st.just(ZONE),
)
@example(fact(), "")
def test_no_fact_however_absurd_stops_the_fold_and_presses_raise(absurd: PillarFact, zone: str) -> None:
    assume(zone.isprintable())
    state = start()
    folded(entries([Step(START, envelope(each)) for each in SITE.values()]), state)
    _, (decision,) = fold(state, entry(envelope(absurd, zone=zone), offset=state.offset, append_ms=START))
    assert decision.reason is not Reason.FOLD_ERROR
    assert len(decision.alerts) == 1 or absurd.kind is not PillarKind.PRESS
    assert all(encode(alert) for alert in decision.alerts)


@given(st.binary(max_size=200))
def test_nonsense_is_no_state(payload: bytes) -> None:
    with pytest.raises(ValueError, match="state"):
        load(payload)
