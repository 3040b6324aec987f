"""Devices and policies in the log, routing, unregistered devices, and what happens when something fails."""

from typing import NoReturn

import pytest
from msgspec.structs import replace

from processors.fold import reducer as incidents
from processors.fold.apply import MAX_STALE_TIMERS, MAX_UNREGISTERED
from processors.fold.log_entry import LogEntry
from processors.rules import timers as rules_timers
from processors.state.effect import Effect
from processors.state.entities import Incident, Timer, TimerKind
from processors.state.partition_state import State
from processors.state.policy import DEFAULT_VERSION, FusionPolicy, Window, Windows, policy_record
from schemas.enums import (
    AckAction,
    Action,
    DeviceKind,
    Grade,
    Hazard,
    IncidentState,
    InputKind,
    PillarKind,
    Reason,
    Tier,
)
from schemas.fusion_log import FusionInput
from schemas.registry import ChainLink
from tests.support.expect import once, watch
from tests.support.log_records import (
    LAT,
    camera,
    dead_letter,
    device,
    entry,
    envelope,
    fact,
    flame,
    ms,
    other_zone,
)
from tests.support.timeline import Timeline, only_alert


def on_its_way() -> tuple[Timeline, str]:
    """A call of a pillar whose unit is on the way."""
    line = Timeline()
    call = only_alert(line.press(0)).incident_id
    line.acknowledge(AckAction.EN_ROUTE, call, 1)
    return line, call


def test_a_pillar_that_is_moved_takes_its_open_incident_with_it() -> None:
    line, call = on_its_way()
    moved = only_alert(line.push(device(lat=31.0, revision=2), at_s=2))
    assert (moved.incident_id, moved.reason, moved.state) == (
        call,
        Reason.DEVICE_MOVED,
        IncidentState.ASSIGNED,
    )
    assert moved.position is not None
    assert moved.position.lat == 31.0


def test_another_chain_of_a_pillar_reaches_its_open_incident_and_its_unit_has_as_much_time_to_answer() -> (
    None
):
    line = Timeline()
    call = only_alert(line.press(0)).incident_id
    chain = (ChainLink(tier=Tier.VILLAGE, unit="village-2"), ChainLink(tier=Tier.COUNTY, unit="county-2"))
    moved = only_alert(line.push(device(chain=chain, revision=2), at_s=20))
    assert (moved.incident_id, moved.reason, moved.responsible_unit) == (
        call,
        Reason.DEVICE_MOVED,
        "village-2",
    )
    assert (moved.chain, moved.ack_by) == (chain, ms(50))
    assert not line.run(21, 49)
    assert only_alert(line.tick(50)[0]).responsible_unit == "county-2"


def test_a_chain_that_has_become_shorter_asks_its_last_unit() -> None:
    line = Timeline()
    line.press(0)
    line.run(30, 30)
    chain = (ChainLink(tier=Tier.VILLAGE, unit="village-2"),)
    moved = only_alert(line.push(device(chain=chain, revision=2), at_s=31))
    assert (moved.responsible_unit, moved.escalate_at) == ("village-2", None)


def test_a_removed_pillar_s_open_incident_goes_on_at_its_last_place_and_says_so() -> None:
    line, call = on_its_way()
    left = only_alert(line.push(device(revision=2, removed=True), at_s=2))
    assert (left.incident_id, left.reason, left.state) == (call, Reason.DEVICE_LEFT, IncidentState.ASSIGNED)
    assert left.position is not None


def test_a_pillar_s_other_fields_tell_its_incident_nothing() -> None:
    line, _ = on_its_way()
    changed = device(revision=2, heartbeat_s=600, test_every_s=3_600)
    assert line.push(changed, at_s=2).alerts == ()


def test_a_kind_that_is_corrected_while_a_device_is_silent_leaves_no_fault_open() -> None:
    line = Timeline(device(heartbeat_s=20))
    watch(line, 1, 40)
    assert once(line, 0, 40).hazard is Hazard.COMM_FAIL
    line.push(device(revision=2, heartbeat_s=20, kind=DeviceKind.CAMERA), at_s=41)
    assert not line.state.incidents
    assert once(line, 41, 41).reason is Reason.DEVICE_UPDATED


def test_a_moved_pillar_raises_at_its_new_place() -> None:
    line = Timeline()
    line.push(device(lat=31.0, revision=2))
    position = only_alert(line.press(0)).position
    assert position is not None
    assert position.lat == 31.0


def test_an_older_or_equal_device_record_is_a_duplicate() -> None:
    line = Timeline(device(revision=5))
    assert line.push(device(lat=31.0, revision=5)).reason is Reason.DUPLICATE
    assert line.push(device(lat=31.0, revision=4)).reason is Reason.DUPLICATE


def test_a_removed_device_keeps_its_event_ids_when_it_is_registered_again() -> None:
    line = Timeline()
    line.press(0, event_id="e1")
    assert line.push(device(revision=2, removed=True)).reason is Reason.DEVICE_REMOVED
    assert line.push(fact(event_id="e1")).reason is Reason.DUPLICATE
    line.push(device(revision=3))
    assert line.push(fact(event_id="e1")).reason is Reason.DUPLICATE


def test_a_device_record_in_another_zone_s_envelope_is_misrouted() -> None:
    assert Timeline().push(device("P2", zone="elsewhere")).reason is Reason.MISROUTED


def test_a_device_with_an_impossible_position_still_raises() -> None:
    line = Timeline(replace(device(), lat_e7=2_000_000_000))
    alert = only_alert(line.press(0))
    assert (alert.reason, alert.position, alert.responsible_unit) == (Reason.FIRST_FACT, None, "village-1")


def test_a_policy_is_in_force_from_its_offset_on_and_named_in_every_alert() -> None:
    line = Timeline()
    line.push(device("P2"))
    before = only_alert(line.press(0))
    policy = FusionPolicy(windows=Windows(red=Window(rolling_ms=5_000, at_most_ms=5_000)))
    assert line.policy(policy).reason is Reason.POLICY_ACTIVATED
    after = line.press(6, "P2").alerts[0]
    assert after.incident_id != before.incident_id
    assert [before.policy_version, after.policy_version] == [
        DEFAULT_VERSION,
        policy_record(policy, 1).version,
    ]


def test_an_older_policy_is_a_duplicate() -> None:
    line = Timeline()
    line.policy(FusionPolicy(bounce_ms=1), revision=2)
    assert line.policy(FusionPolicy(), revision=2).reason is Reason.DUPLICATE
    assert line.state.policy.bounce_ms == 1


def test_a_policy_that_contradicts_itself_is_refused_and_the_detail_says_where() -> None:
    line = Timeline()
    decision = line.policy(FusionPolicy(windows=Windows(red=Window(rolling_ms=9, at_most_ms=8)), bounce_ms=0))
    assert decision.reason is Reason.POLICY_REFUSED
    assert "windows.red.rolling_ms (9)" in (decision.detail or "")
    assert line.state.policy == FusionPolicy()


@pytest.mark.parametrize("key", [b"elsewhere", None])
def test_anything_but_a_press_under_a_wrong_key_is_misrouted(key: bytes | None) -> None:
    line = Timeline()
    given = entry(envelope(fact(PillarKind.TEST)), offset=1, append_ms=ms(0))
    assert line.push_entry(given._replace(key=key))[0].reason is Reason.MISROUTED


def test_anything_but_a_press_of_another_partition_s_zone_is_misrouted() -> None:
    line = Timeline()
    for record in (fact(PillarKind.CANCEL), flame(), dead_letter()):
        assert line.push(record, zone=other_zone(same_partition=False)).reason is Reason.MISROUTED


def test_kinds_of_later_releases_are_not_supported() -> None:
    line = Timeline()
    for kind in set(InputKind) - set(incidents.RECORDS):
        given = FusionInput(kind=kind, event_id="x", zone="east", payload=b"anything")
        (decision,) = line.push_entry(entry(given, offset=line.state.offset, append_ms=ms(0)))
        assert (decision.reason, decision.event_id) == (Reason.NOT_SUPPORTED, "x")


@pytest.mark.parametrize("value", [None, b"", b"\xc3\x01", b"not a record at all"])
def test_an_unreadable_record_is_undecodable_and_advances_the_offset(value: bytes | None) -> None:
    line = Timeline()
    offset = line.state.offset
    (decision,) = line.push_entry(LogEntry(offset, ms(0), b"east", value))
    assert (decision.reason, decision.alerts, line.state.offset) == (Reason.UNDECODABLE, (), offset + 1)


def test_a_readable_envelope_with_an_unreadable_payload_is_undecodable() -> None:
    line = Timeline()
    given = replace(envelope(fact()), payload=envelope(fact()).payload[:-3])
    (decision,) = line.push_entry(entry(given, offset=1, append_ms=ms(0)))
    assert decision.reason is Reason.UNDECODABLE
    assert "PillarFact" in (decision.detail or "")


def test_the_hash_of_the_last_record_is_that_of_its_key_and_value() -> None:
    line = Timeline()
    line.press(0)
    first = line.state.last_hash
    line.press(0, event_id="other")
    assert len(first) == 32
    assert first != line.state.last_hash


def crowded() -> Timeline:
    """A partition with room for two more unregistered devices, then four that report: the oldest two are dropped."""
    line = Timeline()
    others = MAX_UNREGISTERED - 2
    for number in range(others):  # their events are later than all below
        name = f"other-{number}"
        line.push(fact(PillarKind.RELEASE, name, at_s=100, event_id="e1"), at_s=100)
    for at_s, name in ((10, "X1"), (30, "X2"), (20, "X3"), (40, "X1"), (50, "X4")):
        line.press(at_s, name, event_id=f"{name}-{at_s}")
    unregistered = [key[1] for key, known in line.state.devices.items() if known.site is None]
    assert unregistered[others:] == ["X1", "X4"]
    assert line.state.unregistered_count == len(unregistered) == MAX_UNREGISTERED
    return line


def test_unregistered_devices_are_bounded_and_nothing_of_a_dropped_one_is_beyond_memory() -> None:
    line = crowded()
    told = [
        line.push(fact(PillarKind.CANCEL, name, at_s=at_s, event_id="c"), at_s=60).reason
        for at_s, name in ((31, "X2"), (21, "X3"))
    ]
    assert told == [Reason.CANCEL_REQUESTED] * 2
    assert line.state.unregistered_count == MAX_UNREGISTERED


def test_a_press_of_a_dropped_device_is_heard_and_a_resend_into_its_open_incident_is_none() -> None:
    line = crowded()
    assert line.press(30, "X2", event_id="X2-30").reason is Reason.DUPLICATE
    assert line.press(25, "X2", event_id="from a buffer").reason is Reason.PRESSED_AGAIN
    assert line.press(15, "X5").reason is Reason.UNREGISTERED_DEVICE


def test_an_unregistered_device_that_is_registered_counts_no_longer_and_keeps_its_event_ids() -> None:
    line = Timeline()
    line.press(0, "P2", event_id="e1")
    line.push(device("P2"))
    assert line.state.unregistered_count == 0
    assert line.push(fact(device_id="P2", event_id="e1")).reason is Reason.DUPLICATE


def test_timers_of_ended_incidents_do_not_pile_up() -> None:
    line = Timeline(camera())
    for number in range(500):
        line.push(flame(event_id=f"o{number}", at_s=number), at_s=number)
        line.pillar(PillarKind.CANCEL, number, "C1")
    assert not line.state.incidents
    assert len(line.state.timers) <= MAX_STALE_TIMERS


def broken(*_arguments: object) -> NoReturn:
    raise RuntimeError("a rule is broken")


def test_a_press_that_a_rule_fails_on_is_a_minimal_red_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = Timeline()
    monkeypatch.setitem(incidents.RULES, InputKind.PILLAR_EVENT, broken)
    decision = line.press(7, event_id="e1")
    alert = only_alert(decision)
    assert (decision.reason, decision.detail) == (Reason.FOLD_ERROR, "RuntimeError: a rule is broken")
    assert (alert.reason, alert.grade, alert.action) == (Reason.FOLD_ERROR, Grade.RED, Action.RAISE)
    assert (alert.sent, [source.event_id for source in alert.sources]) == (ms(7), ["e1"])
    monkeypatch.undo()
    whole = only_alert(line.press(8, event_id="e1"))
    assert whole.reason is Reason.FIRST_FACT
    assert whole.incident_id != alert.incident_id, "F3: the two have different contents"
    assert whole.alert_id != alert.alert_id


def test_minimal_reds_of_two_presses_are_two_incidents(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Timeline()
    monkeypatch.setitem(incidents.RULES, InputKind.PILLAR_EVENT, broken)
    names = {only_alert(line.press(at_s, event_id="e1")).incident_id for at_s in (7, 8, 3_600)}
    assert len(names) == 3


def test_anything_else_that_a_rule_fails_on_has_its_reason_and_no_alert(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = Timeline()
    for kind in list(incidents.RULES):
        monkeypatch.setitem(incidents.RULES, kind, broken)
    for record in (fact(PillarKind.CANCEL), flame(), dead_letter(), device(revision=9)):
        decision = line.push(record)
        assert (decision.reason, decision.alerts) == (Reason.FOLD_ERROR, ())


def test_a_timer_that_fails_keeps_no_other_from_firing_and_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = Timeline(device("P1"), device("P2", lat=LAT + 1))
    first = only_alert(line.press(0, "P1")).incident_id
    line.press(0, "P2")
    escalate = rules_timers._INCIDENT_RULES[TimerKind.ESCALATE]

    def fails_once(state: State, timer: Timer, incident: Incident) -> Effect:
        if timer.subject == first:
            raise RuntimeError
        return escalate(state, timer, incident)

    monkeypatch.setitem(rules_timers._INCIDENT_RULES, TimerKind.ESCALATE, fails_once)
    assert sorted(decision.reason for decision in line.tick(30)) == [
        Reason.FOLD_ERROR,
        Reason.NOBODY_ACKNOWLEDGED,
        Reason.TICK,
    ]
    monkeypatch.undo()
    asked = [
        (at_s, alert.incident_id)
        for at_s in (89, 90)
        for alert in line.run(at_s, at_s)
        if alert.reason is Reason.NOBODY_ACKNOWLEDGED
    ]
    assert asked == [(90, first)]
