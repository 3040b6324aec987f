"""The record that tells of records that no worker has read, and its id."""

from typing import Any

import pytest

from schemas.codec import decode
from schemas.enums import InputKind
from schemas.errors import Cause
from schemas.fusion_log import FeedBrokenNotice, FusionInput
from schemas.ids import ID_LENGTH
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import FUSION_INPUT, PILLAR_EVENTS
from streams.worker.broken_feed import broken_feed
from tests.support.log_records import ms

FOUND: dict[str, Any] = {
    "topic": PILLAR_EVENTS,
    "topic_id": "topic-1",
    "partition": 3,
    "cause": Cause.RECORDS_MISSING,
    "expected": 100,
    "found": 112,
    "records": 12,
    "since": ms(-600),
    "worker": "alarms@host-1",
    "at": ms(0),
}


def event_id(**changes: Any) -> str:
    return decode(broken_feed(**FOUND | changes).value, FusionInput).event_id


def test_the_record_goes_to_the_zone_of_what_is_unassigned_with_everything_that_was_found() -> None:
    record = broken_feed(**FOUND)
    assert (record.topic, record.key) == (FUSION_INPUT, UNASSIGNED_ZONE.encode())
    given = decode(record.value, FusionInput)
    assert (given.kind, given.zone) == (InputKind.FEED_BROKEN, UNASSIGNED_ZONE)
    assert decode(given.payload, FeedBrokenNotice) == FeedBrokenNotice(**FOUND)


@pytest.mark.parametrize("changes", [{"at": ms(99)}, {"worker": "alarms.b@host-2"}, {"since": None}])
def test_who_finds_the_same_again_tells_the_same_fact(changes: dict[str, Any]) -> None:
    assert event_id(**changes) == event_id()


@pytest.mark.parametrize(
    "changes",
    [
        {"topic": "dispatch.ack.v1"},
        {"topic_id": "topic-2"},
        {"partition": 2},
        {"cause": Cause.FOREIGN_MEMBER},
        {"expected": 99},
        {"found": 113},
        {"client": "somebody"},
    ],
)
def test_what_differs_is_another_fact(changes: dict[str, Any]) -> None:
    assert event_id(**changes) != event_id()


def test_the_name_of_another_client_is_cut() -> None:
    given = decode(broken_feed(**FOUND | {"client": "x" * 1_000_000}).value, FusionInput)
    assert decode(given.payload, FeedBrokenNotice).client == "x" * ID_LENGTH
