"""The chaos bench's schedule and account: equal seeds are equal runs, and each kind of damage is counted."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from benchmarks.chaos.account import Account, account, escalations, gaps, quantiles, wrong_repeats
from benchmarks.chaos.bars import bars
from benchmarks.chaos.plates import Questions, lists, plate_read, question_of
from benchmarks.chaos.schedule import HITS_A_WORKER, SEEN_BY, WORKERS, Fault, plan
from benchmarks.throughput.peers.jobs import plate_job
from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.enums import Action
from schemas.feeds import PlateRead
from schemas.hotlist import HotlistEntry, VerificationRequest
from schemas.registry import RegistryDevice
from schemas.topics import ALERTS, REGISTRY
from schemas.units import EpochMs
from tests.support.timeline import Timeline

CLEAN = Account(0, 0, 0, 0, 0, 0)
TAKEN = ("press-1",)


@pytest.fixture
def told() -> list[Alert]:
    """One press that nobody answers: raised, then escalated to the second of two tiers."""
    line = Timeline()
    line.press(0, event_id="press-1")
    line.run(1, 40)
    assert [alert.action for alert in line.alerts] == [Action.RAISE, Action.ESCALATE]
    return line.alerts


def out(alerts: Sequence[Alert]) -> dict[str, list[bytes]]:
    return {ALERTS: [encode(alert) for alert in alerts]}


def test_what_a_replay_gives_is_a_clean_account(told: list[Alert]) -> None:
    assert account(TAKEN, out(told), out(told)) == CLEAN


def test_a_repeat_of_the_same_bytes_is_counted_and_is_no_damage(told: list[Alert]) -> None:
    found = account(TAKEN, out([*told, told[0]]), out(told))
    assert found == CLEAN._replace(repeats=1)
    assert found.is_clean


def test_a_press_that_no_alert_names_is_lost(told: list[Alert]) -> None:
    found = account(("press-1", "press-2"), out(told), out(told))
    assert found.lost == 1
    assert not found.is_clean


def test_one_press_under_two_incident_ids_is_a_wrong_repeat(told: list[Alert]) -> None:
    other = replace(told[0], alert_id="other", incident_id="elsewhere")
    assert wrong_repeats(out([*told, other])) == 1


def test_one_alert_id_with_two_contents_is_a_wrong_repeat(told: list[Alert]) -> None:
    assert wrong_repeats(out([*told, replace(told[1], press_count=7)])) == 1


def test_a_tier_that_is_not_asked_is_missing(told: list[Alert]) -> None:
    assert escalations(told[:1]) == (1, 0)


def test_an_incident_that_only_the_replay_knows_misses_its_escalation(told: list[Alert]) -> None:
    assert account(TAKEN, out([]), out(told)).escalations_missing == 1


def test_a_tier_that_is_asked_under_two_alert_ids_is_doubled(told: list[Alert]) -> None:
    assert escalations([*told, replace(told[1], alert_id="other")]) == (0, 1)


def test_a_repeated_escalation_is_not_doubled(told: list[Alert]) -> None:
    assert escalations([*told, told[1]]) == (0, 0)


def test_gaps_are_of_presses_that_have_an_alert() -> None:
    assert gaps({"press-1": 1.0, "press-2": 2.0}, {"press-1": 1.25}) == {"press-1": 250.0}
    assert quantiles([250.0])["gap_ms_p99"] == 250.0
    assert quantiles([])["gap_ms_max"] is None


def test_equal_seeds_give_equal_schedules_and_others_differ() -> None:
    assert plan(1000, 10, 7) == plan(1000, 10, 7)
    assert plan(1000, 10, 7) != plan(1000, 10, 8)


def test_every_press_belongs_to_one_fault_and_no_fault_is_without() -> None:
    planned = plan(1003, 10, 1)
    numbers = [number for one in planned for number in range(one.first, one.first + one.presses)]
    assert numbers == list(range(1003))
    assert min(one.presses for one in planned) >= 100


def test_every_kind_comes_as_often_as_the_others_and_hits_each_worker() -> None:
    planned = plan(10_000, 54, 3)
    assert set(Counter(one.fault for one in planned).values()) == {54 // len(Fault)}
    assert {one.worker for one in planned if one.fault not in HITS_A_WORKER} == set(SEEN_BY)
    hit = {(one.fault, one.worker) for one in planned if one.fault in HITS_A_WORKER}
    assert hit == {(fault, worker) for fault in HITS_A_WORKER for worker in WORKERS}


def test_a_fault_without_a_press_in_flight_is_refused() -> None:
    with pytest.raises(ValueError, match="there are 3"):
        plan(3, 4, 1)


def test_a_gap_beyond_the_session_breaks_the_bar() -> None:
    reports: list[dict[str, Any]] = [
        {"fault": Fault.KILL, "gap_ms_max": 4100.0},
        {"fault": Fault.TERMINATE, "gap_ms_max": None},
    ]
    found = bars(CLEAN, reports, 2_000, [1.5], [0], with_gaps=True)
    assert [found[name]["holds"] for name in ("account", "gap_after_sigkill_ms", "drain_s")] == [
        True,
        False,
        True,
    ]


def test_who_is_told_to_leave_and_ends_otherwise_than_with_0_breaks_the_bar() -> None:
    assert bars(CLEAN, [], 2_000, [], [0, 0], with_gaps=False)["exit_codes"]["holds"]
    for code in (70, None):
        assert not bars(CLEAN, [], 2_000, [], [0, code], with_gaps=False)["exit_codes"]["holds"]


def test_three_brokers_on_two_cores_say_nothing_of_gaps() -> None:
    reports: list[dict[str, Any]] = [{"fault": Fault.KILL, "gap_ms_max": 60_000.0}]
    assert "gap_after_sigkill_ms" not in bars(CLEAN, reports, 2_000, [], [], with_gaps=False)


def test_a_question_under_two_contents_or_two_ids_is_wrong_and_a_repeat_is_not() -> None:
    hit, questions = plate_read(1, 2.0), Questions()
    (first,) = asked(hit)
    for value in (first, first):
        questions.note(value)
    expected = {question_of(hit)}
    assert (set(questions.contents), questions.wrong(expected)) == (expected, 0)
    asked_before = decode(first, VerificationRequest)
    questions.note(encode(replace(asked_before, request_id="another id for the same read")))
    assert questions.wrong(expected) == 1
    questions.note(encode(replace(asked_before, list_age_ms=9)))
    assert questions.wrong(expected) == 2


def test_what_is_lost_or_wrong_of_the_questions_is_damage() -> None:
    assert not CLEAN._replace(questions_lost=1).is_clean
    assert not CLEAN._replace(questions_wrong=1).is_clean


def asked(read: PlateRead) -> list[bytes]:
    """What the shipped rules make of a read."""
    devices, entries = {}, {}
    for record in lists(EpochMs(0)):
        if record.topic == REGISTRY:
            devices[(record.key or b"").decode()] = decode(record.value, RegistryDevice)
        else:
            entries[(record.key or b"").decode()] = decode(record.value, HotlistEntry)
    return [answer.value for answer in plate_job(devices, entries, EpochMs(0))(encode(read), 1_000)]
