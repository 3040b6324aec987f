"""Requirements 8 and 8a: every press that decodes raises, whether late or not, of any device."""

import pytest

from processors.fold.log_entry import LogEntry
from processors.intake.pillar_event import intake
from schemas.enums import (
    Action,
    Grade,
    Hazard,
    PillarKind,
    Reason,
    Status,
    Tier,
)
from schemas.feeds import PillarEvent
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import ALERTS, MAINTENANCE
from schemas.units import DAY_MS, EpochMs
from tests.support.expect import at_s, once, summary
from tests.support.log_records import ZONE, dead_letter, device, entry, envelope, ms, other_zone
from tests.support.timeline import Timeline, only_alert


def pressed(
    *, occurred_s: float, received_s: float, device_id: str = "P1", kind: PillarKind = PillarKind.PRESS
) -> PillarEvent:
    """A press as a gateway writes it to the pillar topic."""
    return PillarEvent(
        device_id=device_id,
        kind=kind,
        occurred_at=ms(occurred_s),
        received_at=ms(received_s),
        event_id="at-the-gateway",
    )


@pytest.mark.parametrize(("age_s", "is_late"), [(0, False), (40, False), (40.001, True), (3_600, True)])
def test_req_08_an_event_received_late_is_delivered_and_marked_late(age_s: float, is_late: bool) -> None:
    line = Timeline()
    line.push(
        intake(pressed(occurred_s=1_000 - age_s, received_s=1_000), ms(1_000)),
        at_s=1_000,
    )
    call = once(line, 1_000, 1_000, action=Action.RAISE, topic=ALERTS)
    assert (call.late, call.clock_suspect) == (is_late, False)
    assert call.onset == ms(1_000 - age_s)


def test_req_08_late_marks_only_the_update_whose_fact_was_late() -> None:
    line = Timeline()
    line.press(100)
    line.pillar(PillarKind.PRESS, 110, occurred_s=20)
    line.press(120)
    assert [alert.late for alert in line.alerts] == [False, True, False]


def test_req_08a_a_press_of_an_unknown_device_raises_in_the_zone_unassigned() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    line.press(0, "nobody knows me")
    call = once(line, 0, 0, action=Action.RAISE, topic=ALERTS)
    assert (call.reason, call.grade, call.zone) == (Reason.UNREGISTERED_DEVICE, Grade.RED, UNASSIGNED_ZONE)
    assert (call.responsible_unit, call.tier) == ("control-room", Tier.COUNTY)
    assert (call.position, call.cell_id) == (None, None)


def test_req_08a_two_unknown_devices_are_two_incidents() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    line.press(0, "one")
    line.press(0.5, "other")
    assert len({alert.incident_id for alert in line.alerts}) == 2
    assert {alert.action for alert in line.alerts} == {Action.RAISE}


@pytest.mark.parametrize("off_ms", [-DAY_MS - 1, -10 * DAY_MS, 20_001, 100 * DAY_MS])
def test_req_08a_an_impossible_time_is_replaced_and_marked_as_suspect(off_ms: int) -> None:
    line = Timeline()
    given = PillarEvent(
        device_id="P1", kind=PillarKind.PRESS, occurred_at=EpochMs(ms(10) + off_ms), received_at=ms(10)
    )
    line.push(intake(given, ms(10.2)), at_s=10.2)
    call = once(line, 10.2, 10.2, action=Action.RAISE)
    assert (call.clock_suspect, call.onset, call.grade) == (True, ms(10), Grade.RED)


def test_req_08a_a_press_from_a_gateway_with_an_impossible_time_still_raises() -> None:
    line = Timeline()
    given = PillarEvent(
        device_id="P1", kind=PillarKind.PRESS, occurred_at=EpochMs(0), received_at=EpochMs(-(2**40))
    )
    line.push(intake(given, ms(10)), at_s=10)
    call = once(line, 10, 10, action=Action.RAISE)
    assert (call.clock_suspect, call.onset) == (True, ms(10))


def test_req_08a_a_time_within_the_window_of_dc_09_is_kept() -> None:
    line = Timeline()
    line.push(intake(pressed(occurred_s=19, received_s=0), ms(0)), at_s=0)
    call = once(line, 0, 0)
    assert (call.clock_suspect, call.late, call.onset) == (False, False, ms(19))


def test_req_08a_a_removed_device_raises_as_an_unregistered_one() -> None:
    line = Timeline()
    line.push(device(revision=2, removed=True), at_s=1)
    line.press(5)
    call = once(line, 5, 5, action=Action.RAISE)
    assert (call.reason, call.responsible_unit) == (Reason.UNREGISTERED_DEVICE, "control-room")
    assert call.position is not None  # where it stood last (F14)


def test_req_08a_a_press_in_the_wrong_partition_still_raises() -> None:
    line = Timeline()
    given = envelope(
        intake(pressed(occurred_s=0, received_s=0), ms(0)), zone=other_zone(same_partition=False)
    )
    line.push_entry(
        LogEntry(line.state.offset, ms(0), b"anything", entry(given, offset=0, append_ms=ms(0)).value)
    )
    assert once(line, 0, 0, action=Action.RAISE).reason is Reason.UNREGISTERED_DEVICE


def test_req_08a_any_dead_letter_of_the_pillar_topic_raises_a_blue() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    line.push(dead_letter(7, at_s=1), at_s=1)
    fault = once(line, 1, 1, action=Action.RAISE, topic=MAINTENANCE)
    assert (fault.hazard, fault.grade, fault.reason) == (Hazard.FEED_FAULT, Grade.BLUE, Reason.FEED_FAULT)
    assert fault.responsible_unit == "control-room"


def test_f13_late_is_the_whole_way_and_the_text_says_when_it_was_pressed_and_when_it_arrived() -> None:
    line = Timeline()
    line.tick(20_000)
    held_back = intake(pressed(occurred_s=9_200, received_s=9_201), ms(20_000))
    call = only_alert(line.push(held_back, at_s=20_000))
    assert (call.late, call.onset, call.sent) == (True, ms(9_200), ms(20_000))
    assert "2025-10-09 11:26:40" in call.texts[0].description
    assert "2025-10-09 14:26:40" in call.texts[1].description


def test_req_08a_more_dead_letters_are_counted_and_told_again() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    line.push(dead_letter(7, at_s=1), at_s=1)
    line.push(dead_letter(8, at_s=2), at_s=2)
    once(line, 0, 2)
    line.push(dead_letter(9, at_s=2_000), at_s=2_000)
    again = once(line, 2_000, 2_000, hazard=Hazard.FEED_FAULT)
    assert (again.action, again.reason, again.source_count) == (Action.UPDATE, Reason.MORE_RECORDS, 3)


def test_req_08a_presses_still_raise_while_the_feed_has_dead_letters() -> None:
    line = Timeline()
    line.push(dead_letter(7), at_s=1)
    line.press(2)
    once(line, 2, 2, grade=Grade.RED, status=Status.ACTUAL)
    assert [at_s(alert) for alert in line.alerts] == [1, 2], summary(line)
    assert {alert.zone for alert in line.alerts} == {ZONE}
