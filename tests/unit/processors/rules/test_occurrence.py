"""Records that could not be used: each cause is told, further ones with their count, and nothing hides (F20)."""

import pytest

from schemas.enums import (
    AckAction,
    AckReason,
    Action,
    Disposition,
    Feed,
    Grade,
    Hazard,
    IncidentState,
    Reason,
)
from schemas.errors import Cause
from schemas.fusion_log import DeadLetterNotice
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import FRAMES
from tests.support.expect import at_s, never, once, within
from tests.support.log_records import dead_letter, log_broken, ms
from tests.support.timeline import Timeline, only_alert, reasons

MAY_BE_PRESSES = (Cause.UNDECODABLE, Cause.UNKNOWN_SCHEMA, Cause.INVALID_FIELD, Cause.PROCESSING_FAILED)


def reported(
    line: Timeline, offset: int, at_s: float, cause: Cause = Cause.UNDECODABLE, name: str = ""
) -> Reason:
    return line.push(dead_letter(offset, at_s=at_s, cause=cause, device_id=name), at_s=at_s).reason


def lines() -> Timeline:
    return Timeline(zone=UNASSIGNED_ZONE)


def test_each_cause_is_an_incident_of_its_own_whatever_else_is_open() -> None:
    line = lines()
    causes = (Cause.UNKNOWN_DEVICE, *MAY_BE_PRESSES)
    told = [
        reported(line, offset, offset, cause, "X1" * (cause is Cause.UNKNOWN_DEVICE))
        for offset, cause in enumerate(causes)
    ]
    assert told == [Reason.FEED_FAULT] * len(causes)
    assert len({alert.incident_id for alert in line.alerts}) == len(causes)
    assert {(alert.hazard, alert.grade) for alert in line.alerts} == {(Hazard.FEED_FAULT, Grade.BLUE)}


@pytest.mark.parametrize("cause", MAY_BE_PRESSES)
def test_further_records_that_may_be_presses_are_told_with_their_count_at_growing_intervals(
    cause: Cause,
) -> None:
    line = lines()
    for second in range(2_000):
        reported(line, second, second, cause)
        line.tick(second)
    more = within(line, 0, 2_000, reason=Reason.MORE_RECORDS)
    assert [at_s(alert) for alert in more] == [60, 180, 420, 900, 1_860]
    assert [alert.source_count for alert in more] == [61, 181, 421, 901, 1_861]
    assert len(within(line, 0, 2_000, action=Action.RAISE)) == 1
    assert all(str(alert.source_count) in alert.texts[0].description for alert in more)


def test_a_further_record_is_told_by_the_next_tick_that_is_due_and_never_only_counted() -> None:
    line = lines()
    reported(line, 1, 0)
    assert reported(line, 2, 30) is Reason.FEED_STATUS
    line.run(31, 61)
    told = once(line, 31, 61)
    assert (told.reason, told.source_count, at_s(told)) == (Reason.MORE_RECORDS, 2, 60)


def put_away(line: Timeline, name: str, action: AckAction, at_s: float) -> None:
    reason = AckReason.NUISANCE
    assert (
        line.acknowledge(action, name, at_s, reason=reason, disposition=Disposition.FOUNDED).result
        is not None
    )


@pytest.mark.parametrize(
    "action",
    [AckAction.ACCEPT, AckAction.SHELVE, AckAction.OUT_OF_SERVICE, AckAction.EN_ROUTE, AckAction.ON_SCENE],
)
def test_what_may_be_a_press_is_told_again_whatever_people_have_done_with_the_first(
    action: AckAction,
) -> None:
    line = lines()
    first = only_alert(line.push(dead_letter(1), at_s=0)).incident_id
    put_away(line, first, action, 5)
    line.run(6, 299)
    reported(line, 2, 300)
    line.run(301, 420)
    told = within(line, 300, 420, reason=Reason.MORE_RECORDS)
    assert [(alert.incident_id, alert.source_count) for alert in told] == [(first, 2)]
    assert told[0].ack_by is not None or told[0].state is IncidentState.ON_SCENE


def test_what_may_be_a_press_and_came_before_its_incident_was_put_away_is_told_although_it_is() -> None:
    line = lines()
    first = only_alert(line.push(dead_letter(1), at_s=0)).incident_id
    reported(line, 2, 2)
    put_away(line, first, AckAction.SHELVE, 5)
    line.run(6, 120)
    assert [alert.source_count for alert in within(line, 6, 120, reason=Reason.MORE_RECORDS)] == [2]


def test_after_its_end_the_next_record_of_a_cause_is_a_new_incident() -> None:
    line = lines()
    first = only_alert(line.push(dead_letter(1), at_s=0)).incident_id
    put_away(line, first, AckAction.ACCEPT, 5)
    put_away(line, first, AckAction.CLOSE, 6)
    again = only_alert(line.push(dead_letter(2, at_s=10), at_s=10))
    assert (again.action, again.incident_id != first) == (Action.RAISE, True)


def test_an_unknown_device_is_named_and_so_is_the_next_one() -> None:
    line = lines()
    reported(line, 1, 0, Cause.UNKNOWN_DEVICE, "P77")
    reported(line, 2, 10, Cause.UNKNOWN_DEVICE, "P77")
    reported(line, 3, 20, Cause.UNKNOWN_DEVICE, "P78")
    line.run(21, 90)
    first, more = line.alerts
    assert "P77" in first.texts[0].description
    assert (more.reason, more.source_count) == (Reason.MORE_RECORDS, 3)
    assert [source.device_id for source in more.sources] == ["P77", "P77", "P78"]


def test_more_heartbeats_of_one_unknown_device_are_counted_and_told_to_nobody() -> None:
    line = lines()
    for second in range(600):
        reported(line, second, second, Cause.UNKNOWN_DEVICE, "P77")
        line.tick(second)
    assert [alert.reason for alert in line.alerts] == [Reason.FEED_FAULT]
    assert next(iter(line.state.incidents.values())).source_count == 600


@pytest.mark.parametrize("others", [(), (3,), (3, 5)])
def test_a_shelved_incident_of_unknown_devices_that_cannot_have_pressed_stays_silent(
    others: tuple[int, ...],
) -> None:
    line = lines()
    first = only_alert(
        line.push(dead_letter(1, cause=Cause.UNKNOWN_DEVICE, device_id="X1"), at_s=0)
    ).incident_id
    reported(line, 2, 1, Cause.UNKNOWN_DEVICE, "X2")
    put_away(line, first, AckAction.SHELVE, 2)
    for second in others:
        reported(line, second, second, Cause.UNKNOWN_DEVICE, f"X{second}")
    line.run(6, 3_600)
    assert line.state.incidents[first].state is IncidentState.SHELVED
    never(line, 6, 3_600)


def test_a_copy_of_a_notice_is_counted_once() -> None:
    line = lines()
    for _ in range(3):
        reported(line, 1, 0)
    assert reasons(line)[1:] == [Reason.FEED_FAULT, Reason.DUPLICATE, Reason.DUPLICATE]
    assert next(iter(line.state.incidents.values())).source_count == 1


def test_a_batch_of_many_records_with_one_time_is_counted_whole() -> None:
    line = lines()
    for offset in range(200):
        line.push(dead_letter(offset, at_s=5), at_s=6)
    assert next(iter(line.state.incidents.values())).source_count == 200


def test_a_record_of_another_feed_cannot_have_been_a_press() -> None:
    notice = DeadLetterNotice(
        feed=Feed.CAMERAS, topic=FRAMES, partition=0, offset=1, cause=Cause.PICTURE_EMPTY, at=ms(0)
    )
    assert lines().push(notice).reason is Reason.FEED_STATUS


def test_further_losses_of_the_log_are_told_too() -> None:
    line = lines()
    line.push(log_broken(9), at_s=0)
    line.push(log_broken(99, at_s=10), at_s=10)
    line.run(11, 70)
    assert [alert.reason for alert in line.alerts] == [Reason.LOG_BROKEN, Reason.MORE_RECORDS]
