"""Records of an input that were never read: one blue for each partition and cause, with how many and since when."""

import pytest

from processors.fold.snapshot_codec import dump, load
from schemas.enums import AckAction, AckReason, Action, Disposition, Grade, Hazard, IncidentState, Reason
from schemas.errors import Cause
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import ACKS, FRAMES, FUSION_INPUT, HOTLIST, MAINTENANCE, PILLAR_EVENTS, REGISTRY
from tests.support.expect import at_s, never, once, within
from tests.support.log_records import feed_broken, log_broken
from tests.support.timeline import Timeline, only_alert

TOLD = {Reason.FEED_BROKEN, Reason.MORE_RECORDS}
CAUSES = (Cause.RECORDS_MISSING, Cause.ANOTHER_LOG, Cause.LOG_TRUNCATED, Cause.FOREIGN_MEMBER)
INPUTS = (PILLAR_EVENTS, ACKS, FUSION_INPUT, FRAMES, HOTLIST, REGISTRY)


def lines() -> Timeline:
    return Timeline(zone=UNASSIGNED_ZONE)


def described(line: Timeline) -> list[str]:
    return [alert.texts[0].description for alert in line.alerts if alert.reason in TOLD]


@pytest.mark.parametrize("topic", INPUTS)
@pytest.mark.parametrize("cause", CAUSES)
def test_a_loss_of_any_input_is_a_blue_that_names_topic_partition_how_many_and_since_when(
    topic: str, cause: Cause
) -> None:
    line = lines()
    alert = only_alert(line.push(feed_broken(topic=topic, cause=cause)))
    assert (alert.hazard, alert.grade, alert.reason) == (Hazard.FEED_BROKEN, Grade.BLUE, Reason.FEED_BROKEN)
    assert (alert.zone, alert.action, alert.state) == (UNASSIGNED_ZONE, Action.RAISE, IncidentState.RAISED)
    assert alert.onset < alert.sent
    once(line, 0, 0, hazard=Hazard.FEED_BROKEN, topic=MAINTENANCE)
    for text in alert.texts:
        assert topic in text.description
        for told in ("3", "12", "2025-10-09 08:43:20 UTC"):
            assert told in text.description


def test_what_nobody_can_know_is_said_to_be_unknown() -> None:
    line = lines()
    line.push(feed_broken(cause=Cause.ANOTHER_LOG, records=None, since_s=None))
    (text,) = described(line)
    assert "an unknown number" in text
    assert "a time that is not known" in text
    assert line.alerts[0].onset == line.alerts[0].sent


def test_a_client_of_somebody_else_is_named() -> None:
    line = lines()
    line.push(feed_broken(cause=Cause.FOREIGN_MEMBER, client="kafka-console-consumer@/10.0.0.9"))
    assert "kafka-console-consumer@/10.0.0.9" in described(line)[0]


def test_each_partition_and_each_cause_is_an_incident_of_its_own() -> None:
    line = lines()
    for partition in range(3):
        for cause in CAUSES:
            line.push(feed_broken(partition=partition, cause=cause))
    line.push(feed_broken(topic=ACKS, partition=0))
    line.push(log_broken())
    assert [alert.action for alert in line.alerts] == [Action.RAISE] * 14
    assert len({alert.incident_id for alert in line.alerts}) == 14


def test_a_copy_changes_nothing_however_late_it_comes() -> None:
    line = lines()
    line.push(feed_broken())
    before = dict(line.state.incidents)
    again = [line.push(feed_broken(at_s=second), at_s=second).reason for second in (0, 5, 4_000)]
    assert again == [Reason.DUPLICATE] * 3
    assert line.state.incidents == before


def test_more_that_is_missing_is_an_update_with_the_sum_and_no_second_incident() -> None:
    line = lines()
    first = only_alert(line.push(feed_broken(100, 112, records=12)))
    assert line.push(feed_broken(100, 120, records=20, at_s=10), at_s=10).reason is Reason.FEED_STATUS
    assert line.push(feed_broken(150, 160, records=10, at_s=20), at_s=20).reason is Reason.FEED_STATUS
    line.run(21, 61)
    more = once(line, 1, 61)
    assert (more.incident_id, more.action, more.reason) == (
        first.incident_id,
        Action.UPDATE,
        Reason.MORE_RECORDS,
    )
    assert (at_s(more), more.source_count) == (60, 3)
    assert ": 30, since 2025-10-09 08:43:20 UTC" in described(line)[-1]


def test_a_number_that_is_known_in_part_is_a_least_number() -> None:
    line = lines()
    line.push(feed_broken(100, 112, records=12))
    line.push(feed_broken(200, 230, records=None, at_s=70), at_s=70)
    assert "at least 12" in described(line)[-1]


def test_what_a_later_notice_repeats_of_a_span_is_not_counted_again() -> None:
    line = lines()
    for expected, found in ((100, 112), (95, 112), (105, 110), (100, 115)):
        line.push(feed_broken(expected, found, records=found - expected))
    (incident,) = line.state.incidents.values()
    assert incident.loss is not None
    assert incident.loss.records == 20


def test_what_was_told_without_a_number_is_counted_once_somebody_knows_it() -> None:
    line = lines()
    line.push(feed_broken(100, 101, records=None))
    line.push(feed_broken(100, 300, records=200, at_s=70), at_s=70)
    assert "at least 200" in described(line)[-1]


def test_a_topic_that_is_made_anew_is_counted_from_its_own_beginning() -> None:
    line = lines()
    line.push(feed_broken(100, 112, records=12, topic_id="former"))
    line.push(feed_broken(0, 5, records=5, topic_id="new"))
    (incident,) = line.state.incidents.values()
    assert incident.loss is not None
    assert incident.loss.records == 17


@pytest.mark.parametrize("action", [AckAction.ACCEPT, AckAction.SHELVE, AckAction.OUT_OF_SERVICE])
@pytest.mark.parametrize("topic", [PILLAR_EVENTS, FUSION_INPUT])
def test_more_that_may_be_presses_is_told_whatever_people_have_done_with_the_first(
    action: AckAction, topic: str
) -> None:
    line = lines()
    first = only_alert(line.push(feed_broken(topic=topic))).incident_id
    line.acknowledge(action, first, 5, reason=AckReason.KNOWN_FAULT)
    line.run(6, 299)
    line.push(feed_broken(112, 120, topic=topic, records=8, at_s=300), at_s=300)
    line.run(301, 420)
    told = within(line, 300, 420, reason=Reason.MORE_RECORDS)
    assert [alert.incident_id for alert in told] == [first]


@pytest.mark.parametrize("topic", [FRAMES, ACKS, HOTLIST])
def test_more_that_cannot_be_presses_leaves_a_shelved_incident_alone(topic: str) -> None:
    line = lines()
    first = only_alert(line.push(feed_broken(topic=topic))).incident_id
    line.push(feed_broken(112, 120, topic=topic, records=8, at_s=1), at_s=1)
    line.acknowledge(AckAction.SHELVE, first, 5, reason=AckReason.KNOWN_FAULT)
    line.push(feed_broken(120, 130, topic=topic, records=10, at_s=300), at_s=300)
    line.run(301, 3_600)
    never(line, 6, 3_600)


@pytest.mark.parametrize("topic", [FRAMES, ACKS])
def test_more_that_cannot_be_presses_is_told_while_nobody_has_put_it_away(topic: str) -> None:
    line = lines()
    line.push(feed_broken(topic=topic))
    line.push(feed_broken(112, 120, topic=topic, records=8, at_s=1), at_s=1)
    line.run(2, 61)
    assert ": 20, since" in once(line, 1, 61, reason=Reason.MORE_RECORDS).texts[0].description


def test_it_ends_when_a_person_says_so_and_the_next_loss_is_a_new_incident() -> None:
    line = lines()
    first = only_alert(line.push(feed_broken())).incident_id
    line.acknowledge(AckAction.ACCEPT, first, 5)
    line.acknowledge(AckAction.CLOSE, first, 6, disposition=Disposition.FOUNDED)
    assert not line.state.incidents
    again = only_alert(line.push(feed_broken(112, 115, records=3, at_s=10), at_s=10))
    assert (again.action, again.incident_id != first) == (Action.RAISE, True)
    assert ": 3, since" in again.texts[0].description


def test_it_ends_by_itself_when_nobody_has_touched_it_for_a_day() -> None:
    line = lines()
    line.push(feed_broken())
    told = line.run(1, 86_500, every_s=10)
    assert told[-1].reason is Reason.EXPIRED
    assert not line.state.incidents


def test_any_number_of_losses_is_told_at_growing_intervals() -> None:
    line = lines()
    for second in range(2_000):
        line.push(feed_broken(second, second + 1, records=1, at_s=second), at_s=second)
        line.tick(second)
    more = within(line, 0, 2_000, reason=Reason.MORE_RECORDS)
    assert [at_s(alert) for alert in more] == [60, 180, 420, 900, 1_860]


@pytest.mark.parametrize("wrong_s", [-(10**9), -86_400, 3_600, 10**9])
def test_a_worker_whose_clock_is_wrong_is_heard_all_the_same(wrong_s: float) -> None:
    line = lines()
    for number in range(70):
        line.push(feed_broken(number, number + 1, records=1, at_s=number), at_s=number)
    told = line.push(feed_broken(200, 212, at_s=70 + wrong_s), at_s=70)
    assert told.reason is not Reason.BEYOND_MEMORY
    (incident,) = line.state.incidents.values()
    assert incident.loss is not None
    assert incident.loss.records == 82


@pytest.mark.parametrize(
    ("topic", "partition"), [("made-up", 0), ("", 0), (PILLAR_EVENTS, -1), (FRAMES, 1_000)]
)
def test_an_input_that_nobody_reads_leaves_no_trace(topic: str, partition: int) -> None:
    line = lines()
    assert line.push(feed_broken(topic=topic, partition=partition)).reason is Reason.NOT_SUPPORTED
    assert not line.state.feeds
    assert not line.state.incidents


HOSTILE = (
    feed_broken(2**63 - 1, -(2**63), records=2**63 - 1),
    feed_broken(-(2**63), 2**63 - 1, records=-(2**63), since_s=-(2**50)),
    feed_broken(0, 1, records=2**63 - 1, since_s=2**50, at_s=2**50),
    feed_broken(0, 2, records=0, since_s=0, at_s=-(2**50)),
    feed_broken(0, 3, topic_id="t" * 1_000_000, client="c{count}\n" * 200_000),
)


def test_hostile_values_are_told_are_bounded_and_survive_a_restart() -> None:
    line = lines()
    for second, notice in enumerate(HOSTILE * 3):
        line.push(notice, at_s=second * 100)
        line.tick(second * 100 + 99)
    (incident,) = line.state.incidents.values()
    assert len(dump(line.state)) < 20_000
    assert load(dump(line.state)).incidents[incident.incident_id].loss == incident.loss
    assert all(0 < len(text.description) < 2_000 for alert in line.alerts for text in alert.texts)
    assert "at least 9007199254740991" in described(line)[-1]
    assert {decision.reason for decision in line.decisions} >= {Reason.FEED_BROKEN, Reason.DUPLICATE}
    assert Reason.FOLD_ERROR not in {decision.reason for decision in line.decisions}


@pytest.mark.parametrize("cause", [Cause.UNKNOWN, Cause.PICTURE_EMPTY, Cause.UNKNOWN_DEVICE])
def test_a_cause_that_is_none_of_a_loss_is_told_as_unknown(cause: Cause) -> None:
    line = lines()
    line.push(feed_broken(cause=cause))
    assert "Nobody knows why." in described(line)[0]
    line.push(feed_broken(112, 120, cause=Cause.UNKNOWN, at_s=1), at_s=1)
    assert len(line.state.incidents) == 1


def test_other_clients_are_named_up_to_a_number() -> None:
    line = lines()
    for number in range(9):
        client = f"client-{number}"
        notice = feed_broken(
            number, number + 1, cause=Cause.FOREIGN_MEMBER, client=client, records=1, at_s=number
        )
        line.push(notice, at_s=number)
    line.run(10, 70)
    assert "client-4, client-5, client-6, client-7, client-8" in described(line)[-1]
    assert "client-3" not in described(line)[-1]
