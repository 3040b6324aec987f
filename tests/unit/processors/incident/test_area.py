"""One fault of many devices is one incident with one end; what is not part of it stays by itself (F17)."""

import pytest

from processors.state.policy import ByGrade, FusionPolicy
from schemas.alert import Alert
from schemas.enums import (
    AckAction,
    AckReason,
    Action,
    Disposition,
    Grade,
    Hazard,
    IncidentState,
    PillarKind,
    Reason,
)
from tests.support.expect import never, once, restarted, watch, within
from tests.support.log_records import LAT, device, fact, ms, other_zone
from tests.support.timeline import Timeline

UNHELD = FusionPolicy(hold_ms=ByGrade(red=0, yellow=0, blue=0))


def zone_of(count: int, **fields: bool) -> Timeline:
    """A zone of so many pillars, far from each other."""
    return Timeline(*(device(f"P{n}", lat=LAT + n / 100, **fields) for n in range(count)))  # type: ignore[arg-type]


def fails(line: Timeline, numbers: range, at_s: float, *, active: bool = True) -> None:
    for number in numbers:
        line.pillar(PillarKind.MAINS, at_s, f"P{number}", active=active)


def mains(line: Timeline, **wanted: object) -> list[Alert]:
    return within(line, 0, 1e6, hazard=Hazard.MAINS, **wanted)


@pytest.mark.parametrize(
    ("size", "many"),
    [(10, 5), (100, 5), (200, 10), (360, 18), (400, 20), (630, 20)],
    ids=["never fewer than five", "5 of 100", "5 %", "5 % again", "20", "never more than twenty"],
)
def test_twenty_devices_or_five_in_a_hundred_make_an_area_but_never_fewer_than_five(
    size: int, many: int
) -> None:
    few, enough = zone_of(size), zone_of(size)
    fails(few, range(many - 1), 10)
    fails(enough, range(many), 10)
    for line in (few, enough):
        line.run(11, 60)
    assert [alert.reason for alert in mains(few)] == [Reason.CONDITION_ACTIVE] * (many - 1)
    (area,) = mains(enough)
    assert (area.reason, area.source_count, area.grade) == (Reason.AREA_FAULT, many, Grade.BLUE)


@pytest.mark.parametrize(
    ("policy", "many"),
    [
        (FusionPolicy(area_devices=3, area_at_least=2), 2),
        (FusionPolicy(area_devices=3, area_at_least=3), 3),
        (FusionPolicy(area_devices=50, area_at_least=2, area_percent=50), 15),
    ],
)
def test_the_policy_says_how_many_make_an_area(policy: FusionPolicy, many: int) -> None:
    for count, told in ((many - 1, many - 1), (many, 1)):
        line = zone_of(30)
        line.policy(policy)
        fails(line, range(count), 10)
        line.run(11, 60)
        assert len(mains(line)) == told


def test_the_mains_of_630_pillars_are_one_incident_with_one_end() -> None:
    line = zone_of(630)
    for number in range(630):
        line.pillar(PillarKind.MAINS, 10 + number / 100, f"P{number}")
    line.run(17, 600)
    for number in range(630):
        line.pillar(PillarKind.MAINS, 601 + number / 100, f"P{number}", active=False)
    line.run(608, 1_000)
    raised, over = mains(line)
    assert (raised.action, raised.source_count, len(raised.sources)) == (Action.RAISE, 630, 50)
    assert (over.reason, over.state) == (Reason.CONDITION_OVER, IncidentState.CLEARED_UNACKED)
    assert not [known for known in line.state.incidents.values() if known.incident_id != raised.incident_id]


def test_faults_that_come_one_after_another_are_no_area() -> None:
    line = zone_of(10)
    for number in range(10):
        fails(line, range(number, number + 1), 10 + 20 * number)
        line.run(11 + 20 * number, 29 + 20 * number)
    line.run(211, 300)
    assert {alert.reason for alert in mains(line)} == {Reason.CONDITION_ACTIVE}
    assert len(mains(line)) == 10


def test_one_device_that_says_it_five_times_is_no_area() -> None:
    line = zone_of(10)
    for second in range(10, 20):
        line.pillar(PillarKind.MAINS, second, "P0", active=second % 2 == 0)
    line.run(20, 60)
    assert Reason.AREA_FAULT not in {alert.reason for alert in mains(line)}


def test_different_faults_of_many_devices_are_no_area() -> None:
    line = zone_of(8)
    for number, kind in enumerate((PillarKind.MAINS, PillarKind.BATTERY) * 4):
        line.pillar(kind, 10, f"P{number}")
    line.run(11, 60)
    assert Reason.AREA_FAULT not in {alert.reason for alert in line.alerts}


def test_what_was_told_before_ends_as_inhibited_and_a_duplicate_of_the_area() -> None:
    line = zone_of(10)
    line.policy(UNHELD)
    fails(line, range(6), 10)
    line.run(11, 60)
    raised = mains(line, action=Action.RAISE)
    ended = mains(line, reason=Reason.INHIBITED)
    area = once(line, 10, 60, reason=Reason.AREA_FAULT)
    assert {alert.incident_id for alert in ended} == {it.incident_id for it in raised} - {area.incident_id}
    assert {(alert.state, alert.disposition) for alert in ended} == {
        (IncidentState.CLOSED, Disposition.DUPLICATE)
    }


def test_an_older_incident_of_a_device_stays_by_itself_and_has_an_end_of_its_own() -> None:
    line = zone_of(10)
    fails(line, range(1), 10)
    (own,) = line.run(40, 40)
    line.run(41, 299)
    fails(line, range(1, 8), 300)
    line.run(301, 360)
    area = once(line, 300, 360, reason=Reason.AREA_FAULT)
    assert area.source_count == 7
    assert line.state.incidents[own.incident_id].state is IncidentState.RAISED
    fails(line, range(1), 361, active=False)
    assert once(line, 361, 361).incident_id == own.incident_id
    fails(line, range(1, 8), 362, active=False)
    assert once(line, 362, 362).incident_id == area.incident_id


def test_what_a_person_has_put_away_stays_put_away_when_its_area_fails() -> None:
    line = zone_of(10)
    line.policy(UNHELD)
    fails(line, range(1), 10)
    own = mains(line)[0].incident_id
    line.acknowledge(AckAction.SHELVE, own, 11, reason=AckReason.KNOWN_FAULT)
    fails(line, range(1, 8), 12)
    line.run(13, 60)
    assert line.state.incidents[own].state is IncidentState.SHELVED
    never(line, 12, 60, incident_id=own)
    assert once(line, 12, 60, reason=Reason.AREA_FAULT).source_count == 7


def test_further_devices_are_only_counted_until_they_are_twice_as_many() -> None:
    line = zone_of(60)
    fails(line, range(10), 10)
    line.run(11, 100)
    fails(line, range(10, 19), 101)
    line.run(102, 200)
    assert [alert.source_count for alert in mains(line)] == [10]
    fails(line, range(19, 20), 201)
    line.run(202, 300)
    assert [alert.source_count for alert in mains(line)] == [10, 20]
    assert mains(line)[1].action is Action.UPDATE


def test_a_fault_that_comes_and_goes_in_an_open_area_leaves_the_count_as_it_was() -> None:
    line = zone_of(60)
    fails(line, range(10), 10)
    line.run(11, 50)
    for second in range(51, 57):
        line.pillar(PillarKind.MAINS, second, "P0", active=second % 2 == 0)
    fails(line, range(1, 10), 60, active=False)
    assert not mains(line, reason=Reason.CONDITION_OVER)
    fails(line, range(1), 61, active=False)
    line.run(62, 200)
    assert len(mains(line, reason=Reason.CONDITION_OVER)) == 1


def test_a_removed_device_is_counted_out_of_its_area() -> None:
    line = zone_of(10)
    fails(line, range(6), 10)
    line.run(11, 50)
    fails(line, range(1, 6), 51, active=False)
    assert not mains(line, reason=Reason.CONDITION_OVER)
    line.push(device("P0", lat=LAT, revision=2, removed=True), at_s=52)
    line.run(53, 120)
    assert len(mains(line, reason=Reason.CONDITION_OVER)) == 1


def test_the_few_that_are_left_are_told_one_by_one_by_name_and_end_one_by_one() -> None:
    line = zone_of(30)
    fails(line, range(20), 10)
    line.run(11, 60)
    fails(line, range(3, 20), 61, active=False)
    line.run(62, 200)
    left = mains(line, reason=Reason.STILL_AFTER_AREA)
    assert sorted(alert.sources[0].device_id for alert in left) == ["P0", "P1", "P2"]
    assert all(alert.sources[0].device_id in alert.texts[0].description for alert in left)
    over = once(line, 61, 200, reason=Reason.CONDITION_OVER)
    assert over.incident_id not in {alert.incident_id for alert in left}
    fails(line, range(1), 201, active=False)
    assert once(line, 201, 201).sources[0].device_id == "P0"


def test_a_press_of_a_device_of_an_area_is_a_red_like_any_other() -> None:
    line = zone_of(10, reports_release=False)
    fails(line, range(8), 10)
    line.press(11, "P3")
    line.run(12, 60)
    assert once(line, 11, 11).grade is Grade.RED
    assert once(line, 12, 60, reason=Reason.AREA_FAULT).related_incidents == ()


def test_an_area_that_a_person_closes_is_told_again_after_a_day_and_its_devices_are_not_told_meanwhile() -> (
    None
):
    line = zone_of(30)
    fails(line, range(20), 10)
    line.run(11, 60)
    area = mains(line)[0].incident_id
    line.acknowledge(AckAction.ACCEPT, area, 61)
    line.acknowledge(AckAction.CLOSE, area, 62, disposition=Disposition.FOUNDED)
    line.run(63, 86_400, every_s=60)
    never(line, 63, 86_400, hazard=Hazard.MAINS)
    line.run(86_460, 86_700, every_s=60)
    again = once(line, 86_401, 86_700, hazard=Hazard.MAINS)
    assert (again.action, again.related_incidents) == (Action.RAISE, (area,))


def test_a_restart_in_an_open_area_changes_nothing() -> None:
    lines = [zone_of(30), zone_of(30)]
    for number, line in enumerate(lines):
        fails(line, range(20), 10)
        line.run(11, 60)
        if number:
            restarted(line)
        fails(line, range(2, 25), 61, active=False)
        line.run(62, 300)
    assert lines[0].alerts == lines[1].alerts


def test_two_zones_that_fail_together_are_one_incident_with_one_end() -> None:
    other = other_zone(same_partition=True)
    line = zone_of(10)
    for number in range(10):
        line.push(device(f"Q{number}", lat=40 + number, zone=other), zone=other)
    for active, second in ((True, 10), (False, 100)):
        for number in range(10):
            for name, zone in ((f"P{number}", "east"), (f"Q{number}", other)):
                report = fact(PillarKind.MAINS, name, at_s=second, event_id=f"{name}-{second}", active=active)
                line.push(report, at_s=second, zone=zone)
        line.run(second + 1, second + 60)
    assert [(alert.reason, alert.source_count) for alert in mains(line)] == [
        (Reason.AREA_FAULT, 20),
        (Reason.CONDITION_OVER, 20),
    ]


def test_silent_devices_without_a_gateway_that_lose_their_uplink_are_one_incident() -> None:
    names = [f"P{n}" for n in range(50)]
    line = Timeline(*(device(name, lat=LAT + n, heartbeat_s=60) for n, name in enumerate(names)))
    watch(line, 1, 120, *names, every_s=60)
    watch(line, 121, 400)
    raised = once(line, 121, 400, action=Action.RAISE)
    assert (raised.hazard, raised.reason, raised.source_count) == (
        Hazard.COMM_FAIL,
        Reason.AREA_FAULT,
        50,
    )
    watch(line, 401, 520, *names, every_s=60)
    assert once(line, 401, 520).reason is Reason.CONDITION_OVER


def test_an_area_is_told_no_later_than_the_first_fault_that_it_takes_over_would_have_been() -> None:
    line = zone_of(10)
    fails(line, range(1), 10)
    line.run(11, 25)
    fails(line, range(1, 8), 26)
    line.run(27, 100)
    assert once(line, 40, 40, reason=Reason.AREA_FAULT).source_count == 8


def test_what_has_been_told_ends_with_the_tick_that_tells_its_area() -> None:
    line = zone_of(10)
    fails(line, range(1), 10)
    line.run(11, 45)
    own = once(line, 40, 40, reason=Reason.CONDITION_ACTIVE)
    fails(line, range(1, 8), 45.5)
    assert once(line, 45, 46, reason=Reason.INHIBITED).incident_id == own.incident_id
    line.run(46, 100)
    assert once(line, 46, 46, reason=Reason.AREA_FAULT).source_count == 8


def test_a_silence_that_completes_an_area_of_told_ones_is_told_in_time() -> None:
    line = Timeline(
        *(device(f"P{n}", heartbeat_s=20, lat=LAT + n) for n in range(4)), device("P9", heartbeat_s=60)
    )
    watch(line, 1, 12)
    for number in range(4):
        line.pillar(PillarKind.HEARTBEAT, 12 + 4 * number, f"P{number}")
        watch(line, 13 + 4 * number, 16 + 4 * number)
    watch(line, 29, 100)
    once(line, 60, 67, reason=Reason.AREA_FAULT)


def test_an_area_of_several_zones_waits_no_longer_where_a_further_zone_has_told_something() -> None:
    zones = ("east", "west", "north")
    line = Timeline(partitions=1)
    for place, zone in enumerate(zones):
        for number in range(5):
            lat = LAT + place + number / 100
            line.push(device(f"{zone}-{number}", lat=lat, zone=zone), zone=zone)

    def lose(zone: str, numbers: range, at_s: float) -> None:
        for number in numbers:
            given = fact(PillarKind.MAINS, f"{zone}-{number}", at_s=at_s, event_id=f"m{number}")
            line.push(given, at_s=at_s, zone=zone)

    lose("north", range(1), 1)
    line.run(2, 9)
    lose("east", range(5), 10)
    lose("west", range(5), 12)
    line.run(12.5, 31.5)
    lose("north", range(1, 5), 32)
    line.run(33, 60)
    area = once(line, 0, 60, reason=Reason.AREA_FAULT)
    assert (area.sent, area.source_count) == (ms(33), 15)


def test_devices_that_are_well_again_are_no_part_of_an_area() -> None:
    line = zone_of(10)
    for number in range(4):
        fails(line, range(number, number + 1), 10 + 5 * number)
        fails(line, range(number, number + 1), 12 + 5 * number, active=False)
    fails(line, range(4, 5), 35)
    line.run(36, 120)
    (told,) = mains(line)
    assert (told.reason, told.sources[0].device_id) == (Reason.CONDITION_ACTIVE, "P4")
