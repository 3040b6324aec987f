"""Mutants of the fold, each with one fault of the kind that people reported: the referee must catch every one."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from processors.fold import reducer
from processors.incident import device_condition, issue, lifecycle, matching, supervision
from processors.rules import ack, dedup, press, timers
from processors.state.effect import Effect
from processors.state.partition_state import State
from schemas.enums import IncidentState, Reason
from tests.reference import drive
from tests.reference.generator import generate
from tests.reference.referee import verdict

Patch = pytest.MonkeyPatch
Mutate = Callable[[Patch], None]

LOGS = 150
"""Logs that a mutant may survive before it counts as not caught."""


def bounces_are_presses(patch: Patch) -> None:
    patch.setattr(press, "_is_bounce", lambda *_: False)


def no_report_is_known(patch: Patch) -> None:
    patch.setattr(dedup, "check_event", lambda *_: None)
    patch.setattr(dedup, "is_source", lambda *_: False)


def nothing_is_in_reach(patch: Patch) -> None:
    patch.setattr(matching, "distance_mm", lambda *_: 10**9)


def accepting_means_being_there(patch: Patch) -> None:
    accept = {
        **lifecycle.TRANSITIONS[lifecycle.Transition.ACCEPT],
        IncidentState.RAISED: IncidentState.ON_SCENE,
    }
    patch.setattr(lifecycle, "TRANSITIONS", {**lifecycle.TRANSITIONS, lifecycle.Transition.ACCEPT: accept})


def no_other_tier_is_asked(patch: Patch) -> None:
    patch.setattr(timers, "has_next_tier", lambda _: False)


def a_tier_has_half_the_time(patch: Patch) -> None:
    enter = lifecycle._enter

    def hasty(incident: Any, *given: Any) -> Any:
        entered = enter(incident, *given)
        at = given[1]
        due = entered.escalate_at
        return (
            entered
            if due is None
            else type(entered)(
                **{
                    **{name: getattr(entered, name) for name in entered.__struct_fields__},
                    "escalate_at": (at + due) // 2,
                }
            )
        )

    patch.setattr(lifecycle, "_enter", hasty)


def every_acknowledgement_is_accepted(patch: Patch) -> None:
    patch.setattr(ack, "_objection", lambda *_: None)


def repeats_are_answered(patch: Patch) -> None:
    patch.setattr(ack, "_repeat", lambda *_: None)


def alert_ids_leave_out_the_cause(patch: Patch) -> None:
    patch.setattr(issue, "alert_id_of", lambda name, action, _: issue.fingerprint(name, action))


def silence_is_judged_unheard(patch: Patch) -> None:
    patch.setattr(supervision, "_feed_is_complete", lambda *_: True)


def an_end_of_a_fault_is_lost(patch: Patch) -> None:
    for module in (device_condition, supervision):
        patch.setattr(module, "on_cleared", lambda *_: Effect(Reason.NOT_ACTIVE))


def a_restart_loses_the_timers(patch: Patch) -> None:
    load = drive.load

    def forgetful(payload: bytes) -> State:
        state = load(payload)
        state.timers.clear()
        return state

    patch.setattr(drive, "load", forgetful)


def any_append_time_is_believed(patch: Patch) -> None:
    advance = reducer._advance

    def credulous(state: State, entry: Any, *given: Any) -> None:
        advance(state, entry, *given)
        state.now = max(state.now, entry.append_ms)

    patch.setattr(reducer, "_advance", credulous)


MUTANTS: Mapping[Mutate, str] = {
    bounces_are_presses: "press",
    no_report_is_known: "press",
    nothing_is_in_reach: "press",
    accepting_means_being_there: "answer",
    every_acknowledgement_is_accepted: "answer",
    repeats_are_answered: "answer",
    no_other_tier_is_asked: "timer",
    a_tier_has_half_the_time: "timer",
    any_append_time_is_believed: "clock",
    alert_ids_leave_out_the_cause: "id",
    silence_is_judged_unheard: "silence",
    an_end_of_a_fault_is_lost: "fault",
    a_restart_loses_the_timers: "restart",
}
"""What is wrong with each, and the model that must say so."""


@pytest.mark.parametrize("mutate", MUTANTS, ids=lambda mutate: mutate.__name__)
def test_a_mutant_of_the_fold_is_caught(mutate: Mutate, monkeypatch: Patch) -> None:
    mutate(monkeypatch)
    rules = (violation.rule for seed in range(LOGS) for violation in verdict(generate(seed), seed))
    assert MUTANTS[mutate] in rules
