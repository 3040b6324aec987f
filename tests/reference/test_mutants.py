"""Mutants of the fold, each with one fault of the kind that people reported: the referee must catch every one."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from processors.fold import reducer
from processors.incident import (
    issue,
    lifecycle,
    listening,
    matching,
    merge,
    planned,
    silence,
    supervision,
    unregistered_group,
)
from processors.incident.matching import by_name
from processors.rules import ack, device_event, occurrence, press, timers
from processors.rules.dedup import check_press
from processors.state.effect import Effect
from processors.state.entities import Incident
from processors.state.partition_state import State
from processors.state.record_loss import RecordLoss, with_notice
from schemas.ack import AckFact
from schemas.enums import IncidentState, InputKind, Reason
from schemas.fusion_log import FeedBrokenNotice
from schemas.ids import fingerprint
from schemas.units import EpochMs
from tests.reference import drive
from tests.reference.generator import generate
from tests.reference.referee import verdict

Patch = pytest.MonkeyPatch
Mutate = Callable[[Patch], None]

LOGS = 200
"""Logs that a mutant may survive before it counts as not caught."""


def every_copy_is_a_press(patch: Patch) -> None:
    def unknown(*given: Any) -> Any:
        return replace(check_press(*given), repeat=None)

    patch.setattr(device_event, "check_press", unknown)


def a_known_id_is_never_a_press(patch: Patch) -> None:
    def known(*given: Any) -> Any:
        found, device = check_press(*given), given[0].devices.get(given[1])
        is_known = device is not None and given[2].event_id in device.press_ids.ids
        return replace(found, repeat=Reason.DUPLICATE) if is_known else found

    patch.setattr(device_event, "check_press", known)


def no_press_is_a_bounce(patch: Patch) -> None:
    patch.setattr(press, "_is_bounce", lambda *_: False)


def nothing_is_in_reach(patch: Patch) -> None:
    patch.setattr(matching, "distance_mm", lambda *_: 10**9)


def accepting_means_being_there(patch: Patch) -> None:
    accept = lifecycle.Transition.ACCEPT
    changed = {**lifecycle.TRANSITIONS[accept], IncidentState.RAISED: IncidentState.ON_SCENE}
    patch.setattr(lifecycle, "TRANSITIONS", {**lifecycle.TRANSITIONS, accept: changed})


def nobody_needs_to_have_seen_who_joined(patch: Patch) -> None:
    patch.setattr(ack, "_revision_objection", lambda *_: None)


def repeats_are_answered(patch: Patch) -> None:
    patch.setattr(ack, "_repeat", lambda *_: None)


def notes_are_lost(patch: Patch) -> None:
    accepted = ack._accepted

    def noteless(state: State, incident: Incident, fact: AckFact, *given: Any) -> Effect:
        return accepted(state, incident, replace(fact, note=None), *given)

    patch.setattr(ack, "_accepted", noteless)


def no_other_tier_is_asked(patch: Patch) -> None:
    patch.setattr(timers, "has_next_tier", lambda _: False)


def a_tier_has_half_the_time(patch: Patch) -> None:
    enter = lifecycle._enter

    def hasty(incident: Incident, to: IncidentState, at: Any, *given: Any) -> Incident:
        entered = enter(incident, to, at, *given)
        due = entered.escalate_at
        return entered if due is None else replace(entered, escalate_at=(at + due) // 2)

    patch.setattr(lifecycle, "_enter", hasty)


def another_caller_asks_for_nothing(patch: Patch) -> None:
    patch.setattr(merge, "_asks_for_an_answer", lambda *_: False)


def a_gap_brings_expiry_nearer(patch: Patch) -> None:
    patch.setattr(reducer, "note_hole", lambda _: None)


def any_append_time_is_believed(patch: Patch) -> None:
    def follow(state: State, entry: Any, _: object) -> None:
        state.now = max(state.now, entry.append_ms)

    patch.setattr(reducer, "advance_time", follow)


def alert_ids_leave_out_the_cause(patch: Patch) -> None:
    patch.setattr(issue, "alert_id_of", lambda incident, action, _: fingerprint(incident.incident_id, action))


def silence_is_judged_unheard(patch: Patch) -> None:
    for module in (listening, silence, supervision):
        patch.setattr(module, "proven_at", lambda _state, _topic, due: due)


def silence_is_never_judged(patch: Patch) -> None:
    patch.setattr(silence, "silence_due", lambda *_: None)
    patch.setattr(timers, "_DEVICE_DUE", dict.fromkeys(timers._DEVICE_DUE, lambda *_: None))


def an_end_of_a_fault_is_lost(patch: Patch) -> None:
    patch.setattr(device_event, "on_device_fault_over", lambda *_given, **_named: Effect(Reason.NOT_ACTIVE))


def planned_work_is_not_known(patch: Patch) -> None:
    patch.setattr(planned, "period_at", lambda *_: None)


def dead_letters_are_told_to_nobody(patch: Patch) -> None:
    patch.setitem(reducer.RULES, InputKind.DEAD_LETTER, lambda *_: Effect(Reason.FEED_STATUS))


def lost_records_are_told_to_nobody(patch: Patch) -> None:
    patch.setitem(reducer.RULES, InputKind.FEED_BROKEN, lambda *_: Effect(Reason.FEED_STATUS))


def what_is_lost_twice_is_counted_twice(patch: Patch) -> None:
    def sum_of(loss: RecordLoss, notice: FeedBrokenNotice, now: EpochMs) -> RecordLoss:
        more = with_notice(loss, notice, now)
        return replace(more, records=loss.records + (notice.records or 0))

    patch.setattr(occurrence, "with_notice", sum_of)


def one_partition_speaks_for_all(patch: Patch) -> None:
    patch.setattr(
        occurrence, "by_name", lambda state, zone, name: by_name(state, zone, name.replace("/1:", "/0:"))
    )


def each_unregistered_device_has_an_incident(patch: Patch) -> None:
    patch.setattr(unregistered_group, "_are_many", lambda *_: False)
    patch.setattr(unregistered_group, "_are_open", lambda *_: False)


def further_presses_of_a_group_are_told_to_nobody(patch: Patch) -> None:
    joined = unregistered_group._joined

    def silent(*given: Any) -> tuple[Incident, Effect]:
        group, _ = joined(*given)
        return group, Effect(Reason.HELD)

    patch.setattr(unregistered_group, "_joined", silent)


def a_fire_stays_where_the_camera_is(patch: Patch) -> None:
    patch.setattr(merge, "_is_less_certain", lambda *_: False)


def a_restart_loses_the_timers(patch: Patch) -> None:
    load = drive.load

    def forgetful(payload: bytes) -> State:
        state = load(payload)
        state.timers.clear()
        return state

    patch.setattr(drive, "load", forgetful)


MUTANTS: Mapping[Mutate, str] = {
    every_copy_is_a_press: "press",
    a_known_id_is_never_a_press: "press",
    no_press_is_a_bounce: "press",
    nothing_is_in_reach: "press",
    accepting_means_being_there: "answer",
    nobody_needs_to_have_seen_who_joined: "answer",
    repeats_are_answered: "answer",
    notes_are_lost: "answer",
    no_other_tier_is_asked: "timer",
    a_tier_has_half_the_time: "timer",
    another_caller_asks_for_nothing: "timer",
    a_gap_brings_expiry_nearer: "timer",
    any_append_time_is_believed: "clock",
    alert_ids_leave_out_the_cause: "id",
    silence_is_judged_unheard: "silence",
    silence_is_never_judged: "silence",
    an_end_of_a_fault_is_lost: "fault",
    planned_work_is_not_known: "planned",
    dead_letters_are_told_to_nobody: "dead_letter",
    lost_records_are_told_to_nobody: "lost_records",
    what_is_lost_twice_is_counted_twice: "lost_records",
    one_partition_speaks_for_all: "lost_records",
    each_unregistered_device_has_an_incident: "crowd",
    further_presses_of_a_group_are_told_to_nobody: "crowd",
    a_fire_stays_where_the_camera_is: "place",
    a_restart_loses_the_timers: "restart",
}
"""What is wrong with each, and the model that must say so."""


@pytest.mark.parametrize("mutate", MUTANTS, ids=lambda mutate: mutate.__name__)
def test_a_mutant_of_the_fold_is_caught(mutate: Mutate, monkeypatch: Patch) -> None:
    mutate(monkeypatch)
    rules = (violation.rule for seed in range(LOGS) for violation in verdict(generate(seed), seed))
    assert MUTANTS[mutate] in rules
