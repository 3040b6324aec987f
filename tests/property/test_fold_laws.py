"""Laws of the fold, for any generated log: equal bytes, copies without effect, no press lost, a bounded state."""

from collections import Counter
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.fold import apply as changes
from processors.fold import reducer as incidents
from processors.fold.reducer import fold, fold_in_steps
from processors.fold.snapshot_codec import dump, load
from processors.incident.lifecycle import DUE
from processors.incident.sign_of_life import KEPT_HEARTBEATS
from processors.state.entities import TimerKind
from processors.state.event_ids import WINDOW_SIZE
from processors.state.partition_state import State
from schemas.ack import AckFact
from schemas.codec import encode
from schemas.enums import Action, Feed, Grade, Hazard, InputKind, PillarKind, Reason, Status
from schemas.fusion_log import CameraAlive, Observation, PillarFact, Tick
from schemas.units import EpochMs
from tests.support.fold_logs import Step, entries, folded, logs, sent, start
from tests.support.log_records import entry, envelope, fact

MANY = 150
"""The number of logs for the laws on which a life may depend."""

ZONES = 4
"""Zones of the generated logs: two of their partition, `unassigned`, and one of another partition."""


def stream_times(steps: list[Step]) -> list[EpochMs]:
    """Stream time after each input. A copy that is appended then is no new evidence of what time it is."""
    state = start()
    return [fold(state, each)[0].now for each in entries(steps)]


@given(logs(), st.data())
def test_copies_of_inputs_inserted_anywhere_later_change_no_byte(
    steps: list[Step], data: st.DataObject
) -> None:
    copied, times = list(steps), stream_times(steps)
    for _ in range(data.draw(st.integers(1, 12), label="copies")):
        source = data.draw(st.integers(0, len(copied) - 1), label="original")
        target = data.draw(st.integers(source + 1, len(copied)), label="goes before")
        copied.insert(target, Step(times[target - 1], copied[source].given))
        times.insert(target, times[target - 1])
    assert sent(folded(entries(copied))) == sent(folded(entries(steps)))


Recognised = Callable[[msgspec.Struct | None], bool]


def repeated(steps: list[Step], at: int, recognised: Recognised = lambda _record: True) -> list[Step]:
    """A log in which, at one position, everything before it is repeated that the fold has to recognise."""
    now = stream_times(steps[:at])[-1]
    earlier = [incidents.read_entry(each)[1] for each in entries(steps[:at])]
    copies = [
        Step(now, step.given) for step, record in zip(steps[:at], earlier, strict=True) if recognised(record)
    ]
    return [*steps[:at], *copies, *steps[at:]]


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
        state = start()
        folded(entries(steps[:at]), state)
        copied = repeated(steps, at, lambda record: is_recognised(state, record))
        assert sent(folded(entries(copied))) == sent(folded(entries(steps)))


def is_recognised(state: State, record: msgspec.Struct | None) -> bool:
    """Whether the fold has to recognise a copy of a record although its memory is small.

    An event of a device is heard unless it is certain that it was heard before, and an acknowledgement is answered
    unless it is certain that it was (F2, F3, F6).
    """
    if isinstance(record, PillarFact | Observation | CameraAlive):
        return False
    if isinstance(record, AckFact):
        known = state.incidents.get(record.incident_id) or state.ended.get(record.incident_id)
        if known is None:
            return f"{record.incident_id}/{record.ack_id}" in state.unmatched_acks
        return record.received_at != known.acks.floor
    floors = {window.floor for window in state.feeds.values()}
    named = ("received_at", "newest_at", "at")
    return not floors & {getattr(record, name) for name in named if hasattr(record, name)}


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
    assert sizes(restored) == sizes(state)
    assert opened(restored) == opened(state)


@settings(max_examples=MANY)
@given(logs(), st.data())
def test_open_incidents_are_counted_right_after_every_input(steps: list[Step], data: st.DataObject) -> None:
    state = start()
    cut = data.draw(st.integers(0, len(steps)), label="restart at")
    for number, each in enumerate(entries(steps)):
        if number == cut:
            state = load(dump(state))
        for _decision in fold_in_steps(state, each):
            assert opened(state) == Counter(
                incident.grade for incident in state.incidents.values() if incident.revision
            )


def opened(state: State) -> dict[Grade, int]:
    return {grade: count for grade, count in state.open_by_grade.items() if count}


@given(logs())
def test_a_fold_in_steps_decides_the_same(steps: list[Step]) -> None:
    at_once, in_steps = start(), start()
    for each in entries(steps):
        assert list(fold_in_steps(in_steps, each)) == list(fold(at_once, each)[1])
    assert dump(in_steps) == dump(at_once)


def sizes(state: State) -> dict[str, int]:
    return {zone: size for zone, size in state.zone_sizes.items() if size}


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
            (known.zone, source.feed, source.device_id, source.event_id, source.received_at)
            for known in state.incidents.values()
            for source in known.sources
            if known.press_count
        ]
        assert len(set(sources)) == len(sources)


@given(logs())
def test_real_facts_and_exercises_never_join_one_incident(steps: list[Step]) -> None:
    state = start()
    status_of: dict[str, Status] = {}
    counted_as: dict[tuple[str, str, int], set[Status]] = {}
    for each in entries(steps):
        _, record = incidents.read_entry(each)
        _, decisions = fold(state, each)
        alerts = [alert for decision in decisions for alert in decision.alerts]
        for alert in alerts:
            assert status_of.setdefault(alert.incident_id, alert.status) is alert.status
        if isinstance(record, PillarFact) and record.kind is PillarKind.PRESS and decisions[0].alerts:
            status = decisions[0].alerts[0].status
            # A press that is marked counts as real once its exercise is over (F21); a real one is never an exercise.
            assert status is Status.ACTUAL or record.exercise
            name = (record.device_id, record.event_id, record.received_at)
            counted_as.setdefault(name, set()).add(status)
        for alert in alerts:
            if alert.press_count and alert.status is not Status.TEST:
                presses = [
                    (source.device_id, source.event_id, source.received_at)
                    for source in alert.sources
                    if source.feed is Feed.PILLARS
                ]
                assert all(alert.status in counted_as[press] for press in presses)


@settings(max_examples=MANY)
@given(logs())
def test_no_rule_fails_on_any_log(steps: list[Step]) -> None:
    assert Reason.FOLD_ERROR not in [decision.reason for decision in folded(entries(steps))]


@given(logs(), st.integers(0, 3))
def test_the_state_is_bounded_by_devices_and_open_incidents(steps: list[Step], stale: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "MAX_STALE_TIMERS", stale)
        patch.setattr(changes, "MAX_ENDED", 2)
        patch.setattr(changes, "MAX_UNMATCHED", 3)
        state = start()
        folded(entries(steps), state)
        fold(state, entry(envelope(Tick(number=2**40)), offset=state.offset, append_ms=state.now))
    things = len(state.incidents) + len(state.devices) + len(state.watermarks) + len(state.closed_faults)
    of_zones = ZONES * len(Hazard)  # areas, exercises, and faults that somebody has closed
    assert len(state.timers) <= max(4 * things + stale, len(TimerKind) * things + of_zones)
    assert sum(map(len, state.by_place.values())) <= 2 * len(state.incidents)
    assert all((*state.by_device.values(), *state.by_place.values(), *state.by_gateway.values()))
    for index in (state.by_device, state.by_place):
        assert {incident_id for ids in index.values() for incident_id in ids} <= set(state.incidents)
    silent = {device.device_id for device in state.devices.values() if device.silent_since is not None}
    assert {name for names in state.by_gateway.values() for name in names} <= silent
    registered = {key for key, device in state.devices.items() if device.is_registered}
    assert set(state.last_reports) <= registered
    assert all(len(report.recent) <= 4 * KEPT_HEARTBEATS for report in state.last_reports.values())
    windows = [
        window
        for found in state.devices.values()
        for window in (found.event_ids, found.camera_event_ids, found.press_ids)
    ]
    assert all(len(window.ids) == len(window.times) <= WINDOW_SIZE for window in windows)
    assert sum(state.zone_sizes.values()) == len(registered)
    assert len(state.ended) <= 2
    assert not set(state.ended) & set(state.incidents)
    assert len(state.watermarks) <= 4
    assert len(state.unmatched_acks) <= 3
    assert not set(state.closed_faults) & {
        (known.zone, known.place_key) for known in state.incidents.values()
    }


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
