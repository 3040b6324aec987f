"""A pillar that is bound to its gateway, and another gateway that writes events of it: nobody is silenced through it.

The credential is that of another gateway, with a topic of its own or the shared one.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.fold.snapshot_codec import dump
from processors.state.event_ids import EventIdWindow
from schemas.alert import Alert
from schemas.enums import (
    Action,
    Grade,
    Hazard,
    PillarKind,
    Reason,
    Status,
)
from schemas.topics import pillar_topic
from tests.support.hostile_site import (
    MANY,
    NEXT,
    SITE,
    Act,
    Site,
    acts,
    assert_heard,
    do,
)
from tests.support.log_records import LAT, ZONE, alive, device, envelope, exercise, ms

BOUND = device("P1", heartbeat_s=20, source="gw-1")
"""A pillar whose events must come in the topic of its gateway."""

NOT_PRESSES = [kind for kind in PillarKind if kind not in {PillarKind.UNKNOWN, PillarKind.PRESS}]


def bound_site() -> Site:
    return Site(BOUND, device("P2", lat=LAT + 0.3, source="gw-1"), device("P3", lat=LAT + 0.4))


def blues(site: Site) -> list[Alert]:
    return [alert for alert in site.alerts if alert.hazard is Hazard.UNEXPECTED_SOURCE]


def own(site: Site) -> Any:
    """What the fold knows of the bound pillar, without the window of other sources."""
    known = site.state.devices[ZONE, "P1"]
    return msgspec.structs.replace(known, other_source_ids=EventIdWindow()), site.state.last_reports.get(
        (ZONE, "P1")
    )


@pytest.mark.parametrize("source", ["gw-2", ""])
def test_a_press_through_another_gateway_is_heard_and_marked_and_a_blue_tells_of_it(source: str) -> None:
    site = bound_site()
    red = assert_heard(site, "e1", source=source)
    assert (red.reason, red.action) == (Reason.UNEXPECTED_SOURCE, Action.RAISE)
    (blue,) = blues(site)
    assert (blue.grade, blue.zone, blue.responsible_unit) == (Grade.BLUE, ZONE, "village-1")
    assert "P1" in blue.texts[0].description
    site.wait(4_000)
    again = assert_heard(site, "e2", source=source)
    assert (again.incident_id, again.reason, again.press_count) == (
        red.incident_id,
        Reason.UNEXPECTED_SOURCE,
        2,
    )
    assert len(blues(site)) == 1


def test_a_press_through_its_own_gateway_is_as_any_press() -> None:
    site = bound_site()
    assert assert_heard(site, "e1", source="gw-1").reason is Reason.FIRST_FACT
    assert not blues(site)


@pytest.mark.parametrize("source", ["gw-2", ""])
def test_without_a_binding_every_source_is_as_good_as_another(source: str) -> None:
    site = bound_site()
    assert assert_heard(site, "e1", "P3", source=source).reason is Reason.FIRST_FACT
    assert not blues(site)


@pytest.mark.parametrize("exercise", [False, True])
@pytest.mark.parametrize("kind", NOT_PRESSES)
def test_nothing_but_a_press_through_another_gateway_touches_the_pillar(
    kind: PillarKind, exercise: bool
) -> None:
    site = bound_site()
    red = assert_heard(site, "pressed", source="gw-1")
    site.write(PillarKind.TAMPER, event_id="opened", source="gw-1")
    before, open_before = own(site), site.state.incidents[red.incident_id]
    decision = site.write(
        kind, event_id="forged", source="gw-2", exercise=exercise, active=False, ahead_ms=20_000
    )
    assert decision.reason is Reason.UNEXPECTED_SOURCE
    assert (own(site), site.state.incidents[red.incident_id]) == (before, open_before)
    assert [alert.hazard for alert in decision.alerts] == [Hazard.UNEXPECTED_SOURCE]
    assert site.state.exercises == {}


def test_heartbeats_through_another_gateway_keep_no_pillar_from_being_found_silent() -> None:
    site = bound_site()
    topic = pillar_topic("gw-1")
    for second in range(60):
        site.wait(1_000)
        at = (site.now_ms - ms(0)) / 1_000
        site.push(envelope(alive(at, 0, topic=topic)))
        site.write(PillarKind.HEARTBEAT, event_id=f"beat-{second}", source="gw-2")
    assert Hazard.COMM_FAIL in {alert.hazard for alert in site.alerts}


def test_a_pillar_is_not_silent_while_nobody_reads_the_topic_of_its_gateway() -> None:
    site = bound_site()
    for _ in range(60):
        site.wait(1_000)
        site.push(envelope(alive((site.now_ms - ms(0)) / 1_000, 0)))
    hazards = {alert.hazard for alert in site.alerts}
    assert Hazard.COMM_FAIL not in hazards
    assert Hazard.FEED_SILENT in hazards


def test_a_forged_press_with_the_next_id_makes_the_honest_one_neither_copy_nor_bounce() -> None:
    for wait_ms in (0, 1_000, 60_000):
        site = bound_site()
        site.write(event_id=NEXT, source="gw-2")
        site.wait(wait_ms)
        assert assert_heard(site, NEXT, source="gw-1").press_count == 2


def test_a_press_of_an_exercise_through_another_gateway_is_real_unless_there_is_an_exercise() -> None:
    site = bound_site()
    assert_heard(site, "marked", source="gw-2", exercise=True)
    announced = bound_site()
    announced.push(envelope(exercise(0, 3_600)))
    decision = announced.write(event_id="marked", source="gw-2", exercise=True)
    assert decision.alerts[0].status is Status.EXERCISE


def test_a_copy_of_what_came_through_another_gateway_changes_nothing() -> None:
    site = bound_site()
    for kind in (PillarKind.PRESS, PillarKind.RELEASE, PillarKind.HEARTBEAT):
        site.write(kind, event_id="e1", source="gw-2")
        before = dump(site.state)
        assert site.write(kind, event_id="e1", source="gw-2").reason is Reason.DUPLICATE
        assert len(dump(site.state)) == len(before)


def test_another_gateway_that_writes_for_ever_is_told_of_once_and_of_each_device_after_a_pause() -> None:
    site = bound_site()
    for number in range(500):
        site.write(PillarKind.RELEASE, event_id=f"r{number}", source="gw-2")
        site.wait(1_000)
    assert len(blues(site)) == 1
    site.write(PillarKind.RELEASE, "P2", event_id="another", source="gw-2")
    site.wait(61_000)
    told = blues(site)[-1]
    assert (len(blues(site)), told.reason, told.source_count) == (2, Reason.MORE_RECORDS, 501)
    assert {source.device_id for source in told.sources} == {"P1", "P2"}
    site.write(PillarKind.RELEASE, "P2", event_id="third", source="gw-3")
    assert len({alert.incident_id for alert in blues(site)}) == 2, "each gateway by itself"


def test_the_registry_may_bind_a_pillar_to_another_gateway_and_free_it_again() -> None:
    site = bound_site()
    site.push(envelope(device("P1", revision=2, source="gw-2")))
    assert assert_heard(site, "e1", source="gw-2").reason is Reason.FIRST_FACT
    site.push(envelope(device("P1", revision=3)))
    site.wait(4_000)
    assert assert_heard(site, "e2", source="gw-9").reason is Reason.PRESSED_AGAIN


@settings(max_examples=MANY)
@given(acts(), st.sampled_from([0, 200, 4_000]))
def test_a_press_through_its_own_gateway_is_always_named_whatever_comes_through_others(
    before: Sequence[Act], after_ms: int
) -> None:
    site = Site(BOUND, *SITE[1:])
    for act in before:
        do(site, act | {"source": "gw-2"} if isinstance(act, dict) else act)
    site.wait(after_ms)
    assert_heard(site, NEXT, source="gw-1")
