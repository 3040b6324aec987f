"""Whatever fails or is received damaged, the fold continues, and a press still raises."""

from typing import NoReturn

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from processors.fold import reducer
from processors.fold.log_entry import LogEntry
from processors.fold.reducer import fold
from processors.fold.snapshot_codec import dump, load
from processors.incident import (
    area,
    device_condition,
    issue,
    matching,
    merge,
    planned,
    raising,
    silence,
    site,
    supervision,
)
from processors.rules import (
    ack,
    ack_copies,
    camera,
    clock,
    dedup,
    device_event,
    feed,
    hold,
    occurrence,
    planned_work,
    press,
    registry,
    timers,
)
from processors.state.partition_state import State
from schemas.codec import encode
from schemas.enums import Grade, PillarKind, Reason
from schemas.fusion_log import PillarFact, Tick
from schemas.units import EpochMs
from tests.support.fold_logs import Step, entries, folded, logs, start
from tests.support.fold_site import SITE
from tests.support.log_records import START, ZONE, entry, envelope, fact
from tests.support.state_sample import sample_path


def broken(*_arguments: object, **_named: object) -> NoReturn:
    raise RuntimeError("broken on purpose")


PARTS = (
    (issue, "texts_for"),
    (issue, "fingerprint"),
    (device_condition, "issue_alert"),
    (device_condition, "record_clearance"),
    (device_condition, "raise_incident"),
    (merge, "issue_alert"),
    (merge, "with_source"),
    (merge, "advance"),
    (merge, "opened"),
    (merge, "grade_of"),
    (merge, "raise_incident"),
    (merge, "target_response_s"),
    (reducer, "fire"),
    (reducer, "due_of"),
    (reducer, "on_recovered"),
    (matching, "distance_mm"),
    (matching, "is_in_window"),
    (raising, "issue_alert"),
    (dedup, "add_in_order"),
    (dedup, "device_at"),
    (ack_copies, "add_event"),
    (ack, "issue_alert"),
    (camera, "apply_report"),
    (feed, "on_active"),
    (device_event, "check_duplicate"),
    (device_event, "on_device_fault"),
    (press, "apply_report"),
    (press, "Timer"),
    (registry, "place_of"),
    (timers, "issue_alert"),
    (supervision, "on_active"),
    (area, "on_active"),
    (area, "members_of"),
    (clock, "on_active"),
    (device_event, "under_exercise"),
    (hold, "raise_incident"),
    (occurrence, "raise_incident"),
    (occurrence, "issue_alert"),
    (planned, "period_at"),
    (planned_work, "on_active"),
    (reducer, "compare_tick"),
    (silence, "join_area"),
    (site, "on_cleared"),
)


@pytest.mark.parametrize(("module", "name"), PARTS, ids=[f"{m.__name__}.{n}" for m, n in PARTS])
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
            failed = [decision for decision in decisions if decision.reason is Reason.FOLD_ERROR]
            _, record = reducer.read_entry(each)
            is_press = isinstance(record, PillarFact) and record.kind is PillarKind.PRESS
            for decision in failed:
                is_own = decision is decisions[0]  # the second is about the recovery of the device
                assert len(decision.alerts) == (is_press and is_own)
                assert all(encode(alert) and alert.grade is Grade.RED for alert in decision.alerts)
            if failed and failed[0] is decisions[0]:
                assert isinstance(record, Tick) or untouched(before, state)


def untouched(before: bytes, state: State) -> bool:
    """Whether only offset, clock and hash have changed."""
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


@settings(max_examples=200)
@given(logs(max_size=8), st.data())
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
    assert dump(load(dump(state))) == dump(state)


@given(
    st.builds(
        PillarFact,
        event_id=st.text(max_size=4),
        device_id=st.sampled_from(("P1", "X1")) | st.text(max_size=4),
        kind=st.sampled_from(PillarKind),
        occurred_at=st.integers(-(2**63), 2**63 - 1).map(EpochMs),
        received_at=st.integers(-(2**63), 2**63 - 1).map(EpochMs),
        active=st.booleans(),
        exercise=st.booleans(),
    ),
    st.text(max_size=4) | st.just(ZONE),
)
@example(fact(), "")
def test_no_fact_however_absurd_stops_the_fold_and_presses_raise(absurd: PillarFact, zone: str) -> None:
    assume(zone.isprintable())
    state = start()
    folded(entries([Step(START, envelope(each)) for each in SITE.values()]), state)
    _, decisions = fold(state, entry(envelope(absurd, zone=zone), offset=state.offset, append_ms=START))
    assert Reason.FOLD_ERROR not in [decision.reason for decision in decisions]
    assert len(decisions[0].alerts) == 1 or absurd.kind is not PillarKind.PRESS
    assert all(encode(alert) for decision in decisions for alert in decision.alerts)
    assert dump(load(dump(state))) == dump(state)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_as_a_state(payload: bytes) -> None:
    with pytest.raises(ValueError, match="state"):
        load(payload)


@settings(max_examples=200)
@given(st.sampled_from((1, 2)), st.data())
def test_a_damaged_state_is_refused_or_the_fold_can_continue_from_it(
    version: int, data: st.DataObject
) -> None:
    payload = bytearray(sample_path(version).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        state = load(bytes(payload))
    except ValueError:
        return
    given_input = envelope(fact(PillarKind.PRESS, event_id="after the damage", at_s=2_000_000_000))
    _, decisions = fold(state, entry(given_input, offset=state.offset, append_ms=state.now))
    assert decisions[0].alerts
