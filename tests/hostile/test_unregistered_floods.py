"""Presses of devices that nobody has registered, by whoever may write the pillar topic: thousands of names, made up.

The credential is a gateway's. Somebody may be in need behind each of them, so all are told; and no press of a
registered pillar is kept back by them.
"""

from collections.abc import Sequence
from typing import Any

import pytest

from processors.fold import apply as changes
from processors.fold.snapshot_codec import dump, load
from processors.rules import dedup
from processors.state.event_ids import NAME_BYTES
from schemas.alert import Alert
from schemas.codec import encode
from schemas.enums import (
    AckAction,
    Action,
    Grade,
    Reason,
    Status,
)
from schemas.ids import fingerprint
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import BY_NAME, FUSION_SNAPSHOT
from tests.support.hostile_site import (
    Site,
    assert_heard,
)
from tests.support.log_records import LAT, ZONE, device, envelope


def press_unregistered(
    site: Site, count: int, *, over_ms: int = 0, first: int = 0, **how: Any
) -> list[Alert]:
    """Devices that nobody has registered are pressed, each once; returns the alerts meanwhile."""
    before = len(site.alerts)
    for number in range(first, first + count):
        if over_ms:
            site.wait(over_ms // count)
        site.write(device_id=f"made-up-{number}", event_id=f"press-{number}", **how)
    return site.alerts[before:]


def of_group(alerts: Sequence[Alert]) -> list[Alert]:
    return [alert for alert in alerts if alert.reason is Reason.UNREGISTERED_GROUP]


def test_12000_unregistered_devices_are_twenty_incidents_and_one_group() -> None:
    site = Site()
    told = press_unregistered(site, 12_000, over_ms=60_000)
    assert len({alert.incident_id for alert in told if alert.action is Action.RAISE}) == 21
    group = of_group(told)
    assert (group[0].action, group[0].grade, group[0].zone) == (Action.RAISE, Grade.RED, UNASSIGNED_ZONE)
    assert len({alert.incident_id for alert in group}) == 1
    assert len(group) <= 7
    assert site.state.unregistered_count == 10_000
    site.wait(11_000)
    latest = of_group(site.alerts)[-1]
    assert (latest.press_count, len(latest.sources)) == (11_980, 50)
    assert len(latest.related_incidents) == 10
    assert "11980 presses" in latest.texts[0].description


def test_after_a_flood_the_reminders_are_those_of_few_incidents() -> None:
    site = Site()
    press_unregistered(site, 2_000, over_ms=20_000)
    site.wait(60_000)
    before = len(site.alerts)
    site.wait(600_000)
    assert len(site.alerts) - before <= 10 * 21
    assert len([each for each in site.state.incidents.values() if each.grade is Grade.RED]) == 21


def test_a_registered_pillar_is_its_own_red_amid_a_flood_and_keeps_its_state() -> None:
    site = Site()
    own = assert_heard(site, "before")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "MAX_UNREGISTERED", 100)
        press_unregistered(site, 150)
    assert site.state.unregistered_count == 100
    assert site.write(event_id="before").reason is Reason.DUPLICATE, "what it remembers is not evicted"
    site.wait(4_000)
    heard = assert_heard(site, "amid")
    assert (heard.incident_id, heard.zone, heard.press_count) == (own.incident_id, ZONE, 2)


@pytest.mark.parametrize("after", [0, 20, 21, 150])
def test_a_pillar_that_is_not_registered_yet_is_told_amid_a_flood_within_ten_seconds(after: int) -> None:
    site = Site()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "MAX_UNREGISTERED", 100)
        press_unregistered(site, after, ahead_ms=19_000)
        site.write(device_id="new-pillar", event_id="in need")
        press_unregistered(site, 40, first=1_000)
        site.wait(11_000)
    named = {
        (source.device_id, source.event_id)
        for alert in site.alerts
        if alert.grade is Grade.RED
        for source in alert.sources
    }
    assert ("new-pillar", "in need") in named


def test_whoever_closes_the_group_has_seen_every_press_of_it() -> None:
    site = Site()
    press_unregistered(site, 21)
    site.wait(11_000)
    shown = of_group(site.alerts)[-1]
    assert site.acknowledge(AckAction.ACCEPT, shown).reason is Reason.ACCEPTED
    shown = site.alerts[-1]
    site.write(device_id="new-pillar", event_id="in need")
    assert site.acknowledge(AckAction.CLOSE, shown).reason is Reason.OUTDATED_REVISION
    site.wait(61_000)
    told = of_group(site.alerts)[-1]
    assert told.sources[-1].event_id == "in need"
    assert told.ack_by is not None, "another caller asks for an answer of their own (F5)"
    latest = [alert for alert in site.alerts if alert.incident_id == told.incident_id][-1]
    assert site.acknowledge(AckAction.CLOSE, latest).reason is Reason.CLOSED


@pytest.mark.parametrize("action", [AckAction.ACCEPT, AckAction.EN_ROUTE])
def test_an_answer_delays_no_press_of_the_group(action: AckAction) -> None:
    site = Site()
    press_unregistered(site, 21)
    site.wait(1_000)
    site.write(device_id="new-pillar", event_id="in need")
    assert site.acknowledge(action, of_group(site.alerts)[-1]).alerts
    site.wait(11_000)
    assert of_group(site.alerts)[-1].sources[-1].event_id == "in need"


def test_few_a_minute_for_hours_are_bounded_too() -> None:
    site = Site()
    told = press_unregistered(site, 200, over_ms=200 * 6_000)
    assert len({alert.incident_id for alert in told if alert.grade is Grade.RED}) == 51
    before = len(site.alerts)
    site.wait(120_000)
    assert len(site.alerts) - before <= 2 * 51


def test_when_the_flood_is_over_an_unregistered_device_is_its_own_red_at_once_again() -> None:
    site = Site()
    press_unregistered(site, 100)
    site.wait(61_000)
    alone = assert_heard(site, "later", "late-comer")
    assert alone.reason is Reason.UNREGISTERED_DEVICE


def test_a_flood_that_goes_on_after_a_person_has_closed_the_group_opens_another() -> None:
    site = Site()
    press_unregistered(site, 30)
    site.wait(11_000)
    site.acknowledge(AckAction.ACCEPT, of_group(site.alerts)[-1])
    assert site.acknowledge(AckAction.CLOSE, site.alerts[-1]).reason is Reason.CLOSED
    closed = site.alerts[-1].incident_id
    again = press_unregistered(site, 2, first=100)
    assert [alert.action for alert in again] == [Action.RAISE]
    assert again[0].incident_id != closed


def test_an_unregistered_device_that_is_registered_presses_at_its_own_place_and_is_named() -> None:
    site = Site()
    press_unregistered(site, 40)
    site.push(envelope(device("made-up-39", lat=LAT + 0.3), zone=ZONE))
    site.registered.add("made-up-39")
    told = assert_heard(site, "mine", "made-up-39")
    assert (told.reason, told.zone, told.position is not None) == (Reason.FIRST_FACT, ZONE, True)
    assert "made-up-39" in told.texts[0].description


def test_unregistered_devices_of_an_exercise_are_grouped_by_themselves_and_no_real_one_is_with_them() -> None:
    site = Site()
    told = press_unregistered(site, 60, exercise=True)
    assert {alert.status for alert in told} == {Status.EXERCISE}
    assert len({alert.incident_id for alert in told}) == 21
    real = press_unregistered(site, 60, first=100)
    assert {alert.status for alert in real} == {Status.ACTUAL}
    assert len({alert.incident_id for alert in real}) == 21


def test_a_flood_and_a_restart_amid_it_give_the_same_bytes() -> None:
    site, other = Site(), Site()
    for each in (site, other):
        press_unregistered(each, 300, over_ms=3_000)
    other.line.state = load(dump(other.state))
    for each in (site, other):
        press_unregistered(each, 300, over_ms=30_000, first=300)
        each.wait(70_000)
    assert [encode(alert) for alert in site.alerts] == [encode(alert) for alert in other.alerts]
    assert dump(site.state) == dump(other.state)


def long_id(*parts: str | int) -> str:
    """An id of the most characters that intake leaves as they are; no compression makes it much shorter."""
    return "".join(fingerprint(*parts, piece) for piece in range(5))[:128]


def test_a_snapshot_of_a_full_house_of_unregistered_devices_with_the_longest_ids_can_be_stored() -> None:
    """A tenth of it: those that came while they were few remember 64 presses each, all others 8."""
    site, part = Site(), 10
    few = dedup.FEW_UNREGISTERED // part
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dedup, "FEW_UNREGISTERED", few)
        for number in range(changes.MAX_UNREGISTERED // part):
            for press in range(64 if number < few else 9):
                name = long_id(number, press)[:NAME_BYTES]
                site.write(device_id=long_id("device", number), event_id=name)
    kept = [len(known.press_ids.ids) for known in site.state.devices.values() if known.site is None]
    assert (max(kept), min(kept)) == (64, 8)
    assert len(dump(site.state)) * part < BY_NAME[FUSION_SNAPSHOT].max_message_bytes
