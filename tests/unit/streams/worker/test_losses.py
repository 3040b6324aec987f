"""What was found missing: how many records that is, what is told, and what is counted."""

import pytest

from schemas.codec import decode
from schemas.errors import Cause
from schemas.fusion_log import FeedBrokenNotice, FusionInput
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import ACKS, FUSION_INPUT, HOTLIST, PILLAR_EVENTS, REGISTRY
from streams.worker.losses import Loss, count_losses, loss_notices
from streams.worker.metrics import Metrics
from tests.support.expect import once
from tests.support.log_records import ms
from tests.support.timeline import Timeline


def loss(
    topic: str = PILLAR_EVENTS,
    cause: Cause = Cause.RECORDS_MISSING,
    expected: int = 100,
    found: int = 112,
    client: str = "",
) -> Loss:
    return Loss(topic, "topic-1", 3, cause, expected, found, ms(-600), client)


@pytest.mark.parametrize("cause", [Cause.RECORDS_MISSING, Cause.FOREIGN_MEMBER])
@pytest.mark.parametrize("topic", [PILLAR_EVENTS, ACKS, FUSION_INPUT])
def test_a_span_of_offsets_is_so_many_records(topic: str, cause: Cause) -> None:
    assert loss(topic, cause).records == 12


@pytest.mark.parametrize(
    "unknown",
    [
        loss(REGISTRY),
        loss(HOTLIST),
        loss(cause=Cause.ANOTHER_LOG, found=0),
        loss(cause=Cause.LOG_TRUNCATED, found=90),
        loss(cause=Cause.ANOTHER_LOG, found=200),
        loss(found=90),
    ],
)
def test_where_offsets_do_not_say_how_many_nobody_claims_to_know(unknown: Loss) -> None:
    assert unknown.records is None


def test_each_loss_is_told_once_with_what_was_found() -> None:
    found = [loss(), loss(ACKS, Cause.FOREIGN_MEMBER, 5, 9, "kcat@/10.0.0.9")]
    told = [
        decode(decode(record.value, FusionInput).payload, FeedBrokenNotice)
        for record in loss_notices(found, "alarms@host-1", ms(0))
    ]
    assert [(notice.topic, notice.records, notice.since, notice.client) for notice in told] == [
        (PILLAR_EVENTS, 12, ms(-600), ""),
        (ACKS, 4, ms(-600), "kcat@/10.0.0.9"),
    ]
    assert {(notice.worker, notice.at, notice.topic_id, notice.partition) for notice in told} == {
        ("alarms@host-1", ms(0), "topic-1", 3)
    }


def test_the_fold_makes_a_blue_of_what_is_told() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    for record in loss_notices([loss()], "alarms@host-1", ms(0)):
        given = decode(record.value, FusionInput)
        line.push(decode(given.payload, FeedBrokenNotice), at_s=0)
    assert ": 12, since" in once(line, 0, 0, zone=UNASSIGNED_ZONE).texts[0].description


def test_what_is_missing_is_counted_by_topic_and_cause_and_an_unknown_number_as_one() -> None:
    metrics = Metrics()
    count_losses(
        metrics, [loss(), loss(expected=112, found=115), loss(cause=Cause.ANOTHER_LOG), loss(HOTLIST)]
    )
    samples = {
        (sample.labels["topic"], sample.labels["cause"]): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "callbox_records_missing_total"
    }
    assert samples == {
        (PILLAR_EVENTS, "records_missing"): 15,
        (PILLAR_EVENTS, "another_log"): 1,
        (HOTLIST, "records_missing"): 1,
    }
