"""Entries that are skipped: whoever folds the log skips the same ones, and nothing else in it is looked at."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.fold.log_entry import LogEntry, record_hash
from processors.fold.reducer import fold
from processors.fold.skipping import Skips, fold_skipped, may_be_skip, skip_in, skips_of
from processors.state.partition_state import State, new_state
from processors.state.times import LATEST_MS
from schemas.codec import encode
from schemas.enums import Grade, Hazard, PillarKind, Reason, SkipStep
from schemas.errors import Cause
from schemas.units import EpochMs
from tests.support.log_records import PARTITIONS, ZONE, entry, envelope, fact, ms
from tests.support.recorded_log import LOG, PARTITION
from tests.support.skips import LI, skip, skip_entry


def state() -> State:
    return new_state(PARTITION, PARTITIONS)


def pressed(**changes: object) -> LogEntry:
    return entry(envelope(fact(**changes)), offset=0, append_ms=ms(0))  # type: ignore[arg-type]


def test_a_skipped_entry_moves_the_state_behind_it_and_no_rule_runs() -> None:
    made = state()
    heartbeat = entry(envelope(fact(PillarKind.HEARTBEAT)), offset=7, append_ms=ms(3))
    decision = fold_skipped(made, heartbeat, skip(7, partition=PARTITION))
    assert (decision.reason, decision.alerts, made.offset, made.now) == (Reason.SKIPPED, (), 8, ms(3))
    assert made.last_hash == record_hash(heartbeat)
    assert (made.devices, made.incidents) == ({}, {})


def test_of_a_press_that_is_skipped_a_minimal_red_goes_out() -> None:
    decision = fold_skipped(state(), pressed(), skip(0, partition=PARTITION))
    (red,) = decision.alerts
    assert (red.grade, red.hazard, red.zone) == (Grade.RED, Hazard.EMERGENCY_CALL, ZONE)
    assert red.sources[0].device_id == "P1"


def test_nobody_looks_into_what_killed_a_worker_while_it_was_quarantined() -> None:
    assert fold_skipped(state(), pressed(), skip(0, partition=PARTITION, blind=True)).alerts == ()


def test_the_red_of_a_press_with_an_id_of_any_length_can_be_sent() -> None:
    long = pressed(event_id="e" * 300_000, device_id="d" * 300_000)
    (red,) = fold_skipped(state(), long, skip(0, partition=PARTITION)).alerts
    assert len(encode(red)) < 10_000


def test_the_red_of_a_press_with_impossible_times_has_possible_ones() -> None:
    press = msgspec.structs.replace(fact(), occurred_at=EpochMs(-(2**63)), received_at=EpochMs(2**63 - 1))
    made = entry(envelope(press), offset=0, append_ms=ms(0))
    (red,) = fold_skipped(state(), made, skip(0, partition=PARTITION)).alerts
    (source,) = red.sources
    assert (red.onset, source.occurred_at, source.received_at) == (0, 0, LATEST_MS)


@given(st.binary(max_size=60))
def test_whatever_is_skipped_the_fold_goes_on(value: bytes) -> None:
    made = state()
    decision = fold_skipped(made, LogEntry(3, ms(0), b"key", value), skip(3, partition=PARTITION))
    assert (decision.reason, made.offset) == (Reason.SKIPPED, 4)


# --- the facts ----------------------------------------------------------------------------------------------------


def test_a_skip_fact_is_found_by_its_first_bytes() -> None:
    notice = skip(5, partition=PARTITION)
    assert skip_in(skip_entry(notice, at=9), PARTITION) == notice
    for each in LOG.entries:
        assert not may_be_skip(each)


@pytest.mark.parametrize(
    ("notice", "at"),
    [
        (skip(5, partition=PARTITION), 5),
        (skip(6, partition=PARTITION), 5),
        (skip(-1, partition=PARTITION), 5),
        (skip(3, partition=PARTITION + 1), 5),
        (skip(3, partition=PARTITION, cause=Cause.UNDECODABLE), 5),
        (skip(3, partition=PARTITION, step=SkipStep.UNKNOWN), 5),
        (skip((1 << 63) - 1, partition=PARTITION), 5),
    ],
)
def test_a_fact_that_names_no_earlier_record_of_its_partition_has_no_effect(notice: object, at: int) -> None:
    made = skip_entry(notice, at=at)  # type: ignore[arg-type]
    assert skip_in(made, PARTITION) is None
    before = state()
    before.offset = at
    assert fold(before, made)[1][0].reason is Reason.NOT_SUPPORTED


@given(st.binary(max_size=40))
def test_what_only_begins_like_a_fact_is_none(rest: bytes) -> None:
    whole = skip_entry(skip(5, partition=PARTITION), at=9)
    assert whole.value is not None
    assert skip_in(whole._replace(value=whole.value[:11] + rest), PARTITION) is None or rest


def test_the_first_fact_that_is_applied_counts() -> None:
    facts = [skip(2, partition=PARTITION), skip(2, partition=PARTITION, blind=True)]
    found = skips_of([(PARTITION, skip_entry(each, at=9 + number)) for number, each in enumerate(facts)])
    assert found[PARTITION].of_replay() == {2: facts[0]}


def test_a_request_counts_in_a_replay_unless_the_record_was_folded_before() -> None:
    asked, late = (
        skip(2, partition=PARTITION, step=step) for step in (SkipStep.REQUESTED, SkipStep.TOO_LATE)
    )
    found = Skips()
    found.note(skip_entry(asked, at=9), PARTITION)
    assert found.of_replay() == {2: asked}
    found.note(skip_entry(late, at=10), PARTITION)
    assert found.of_replay() == {}
    applied = skip(2, partition=PARTITION)
    found.note(skip_entry(applied, at=11), PARTITION)
    assert found.of_replay() == {2: applied}


# --- what the fold tells of them ----------------------------------------------------------------------------------


def told(*notices: object) -> tuple[State, list[object]]:
    made = state()
    made.offset, made.now = 20, ms(0)
    found: list[object] = []
    for notice in notices:
        found += [
            alert for each in fold(made, skip_entry(notice, at=made.offset))[1] for alert in each.alerts
        ]  # type: ignore[arg-type]
    return made, found


def test_a_record_that_was_skipped_is_a_blue_with_its_place_and_who_asked_and_why() -> None:
    _, (blue,) = told(skip(5, partition=PARTITION))
    assert blue.grade is Grade.BLUE  # type: ignore[attr-defined]
    assert (blue.actor, blue.note, blue.reason) == (LI, "it stops fusion", Reason.SKIPPED)  # type: ignore[attr-defined]
    assert f"fusion.input.v1/{PARTITION}/5" in blue.texts[0].description  # type: ignore[attr-defined]
    assert f"fusion.input.v1/{PARTITION}/5" in blue.texts[1].description  # type: ignore[attr-defined]


def test_a_fact_that_comes_twice_is_told_once_and_a_second_record_joins_it() -> None:
    made, alerts = told(*[skip(5, partition=PARTITION)] * 2, skip(6, partition=PARTITION))
    assert len(alerts) == 1
    (incident,) = made.incidents.values()
    assert incident.source_count == 2
    assert [each.event_id for each in incident.sources] == [
        f"fusion.input.v1/{PARTITION}/{n}" for n in (5, 6)
    ]


def test_who_only_asks_for_it_is_told_of_when_it_is_done() -> None:
    steps = (SkipStep.REQUESTED, SkipStep.TOO_LATE)
    assert told(*(skip(5, partition=PARTITION, step=step) for step in steps))[1] == []


def test_the_words_of_a_request_are_bounded() -> None:
    _, (blue,) = told(skip(5, partition=PARTITION, reason="r\x1b" * 5_000))
    assert len(encode(blue)) < 20_000  # type: ignore[arg-type]
    assert "\x1b" not in blue.note  # type: ignore[attr-defined]
