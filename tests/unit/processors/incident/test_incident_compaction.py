"""Which record of an incident is the current one, and when the incident gets a tombstone."""

import pytest
from msgspec.structs import replace

from processors.incident.incident_compaction import (
    KEPT_MS,
    LatestRecord,
    apply_record,
    expired_keys,
    overtaken_records,
)
from schemas.alert import Alert
from schemas.enums import Action
from schemas.units import EpochMs
from tests.support.log_records import device, fact, ms
from tests.support.timeline import Timeline


def alert(revision: int, action: Action = Action.UPDATE, *, at_s: float = 0) -> Alert:
    line = Timeline(device())
    first = line.push(fact(), at_s=0).alerts[0]
    return replace(first, revision=revision, action=action, sent=ms(at_s))


def current_record(*alerts: Alert) -> LatestRecord:
    known: LatestRecord | None = None
    for offset, each in enumerate(alerts):
        known = apply_record(known, each, 2, offset)
    assert known is not None
    return known


def test_the_record_of_the_highest_revision_is_the_current_one() -> None:
    assert current_record(alert(1), alert(2)) == LatestRecord(2, None, 2, 1)


def test_a_repeat_is_the_current_record_at_its_new_offset() -> None:
    assert current_record(alert(1), alert(2), alert(2)) == LatestRecord(2, None, 2, 2)


def test_a_lower_revision_after_a_higher_one_makes_the_higher_one_be_written_again() -> None:
    overtaken = current_record(alert(1), alert(3), alert(2))
    assert overtaken == LatestRecord(3, None, 2, 1, is_overtaken=True)
    assert list(overtaken_records({b"i": overtaken})) == [(b"i", overtaken)]


@pytest.mark.parametrize("last", [3, 4])
def test_a_repair_or_a_later_revision_puts_it_right(last: int) -> None:
    right = current_record(alert(3), alert(2), alert(last))
    assert right == LatestRecord(last, None, 2, 2)
    assert list(overtaken_records({b"i": right})) == []


@pytest.mark.parametrize("action", list(Action))
def test_only_a_close_or_a_cancel_ends_an_incident(action: Action) -> None:
    ended = current_record(alert(1), alert(2, action, at_s=9)).ended_at
    assert ended == (ms(9) if action in {Action.CLOSE, Action.CANCEL} else None)


def test_a_lower_revision_after_the_end_does_not_reopen_an_incident() -> None:
    assert current_record(alert(3, Action.CLOSE, at_s=9), alert(2)).ended_at == ms(9)


def test_an_incident_gets_a_tombstone_seven_days_after_its_end() -> None:
    standings = {
        b"open": current_record(alert(1)),
        b"over": current_record(alert(1), alert(2, Action.CLOSE, at_s=0)),
        b"later": current_record(alert(1), alert(2, Action.CLOSE, at_s=1)),
    }
    assert list(expired_keys(standings, EpochMs(ms(0) + KEPT_MS - 1))) == []
    assert list(expired_keys(standings, EpochMs(ms(0) + KEPT_MS))) == [b"over"]
    assert list(expired_keys(standings, EpochMs(ms(1) + KEPT_MS))) == [b"over", b"later"]
