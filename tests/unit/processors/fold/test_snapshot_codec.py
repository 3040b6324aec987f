"""States that earlier releases wrote are converted to the present format, and the fold continues from them."""

import msgspec
import pytest

from processors.fold.snapshot_codec import PIECE, SLICE, Frozen, dump, freeze, load, pack
from processors.state.partition_state import FORMAT_VERSION, State
from schemas.alert import Alert
from schemas.enums import (
    AckAction,
    Action,
    DeviceKind,
    Family,
    Grade,
    Hazard,
    IncidentState,
    Reason,
    Status,
    Tier,
)
from tests.support.expect import watch
from tests.support.log_records import LAT, START, camera, device, flame
from tests.support.state_sample import sample_path
from tests.support.timeline import Timeline, only_alert

DAY_S = 86_400

NOW_S = 30
"""Stream time of the sample of format 1, seconds after the start of time lines."""


def sample(version: int) -> bytes:
    return sample_path(version).read_bytes()


def going_on(version: int = 1) -> Timeline:
    """A time line that continues from a sample."""
    line = Timeline()
    line.state = load(sample(version))
    line.decisions.clear()
    return line


def of_hazard(state: State, hazard: Hazard) -> list[str]:
    return [known.incident_id for known in state.incidents.values() if known.hazard is hazard]


@pytest.mark.parametrize("version", range(1, FORMAT_VERSION + 1))
def test_there_is_a_sample_of_every_format_and_it_is_read_as_the_present_one(version: int) -> None:
    state = load(sample(version))
    written = dump(state)
    assert msgspec.msgpack.decode(written)[0] == FORMAT_VERSION
    assert load(written) == state
    assert dump(load(written)) == written


def test_a_state_of_the_present_format_is_written_as_it_was_read() -> None:
    assert dump(load(sample(FORMAT_VERSION))) == sample(FORMAT_VERSION)


@pytest.mark.parametrize(
    "size", [0, 1, 15, 16, PIECE, PIECE + 1, PIECE + 16, SLICE, SLICE + 1, SLICE + PIECE + 16, 65_535, 65_536]
)
def test_what_is_written_in_pieces_has_the_bytes_of_what_is_written_at_once(size: int) -> None:
    values, entries = list(range(size)), {("zone", f"P{number}"): number for number in range(size)}
    breaks: list[None] = []
    written = pack(Frozen((7, entries), values, [], values), lambda: breaks.append(None))  # type: ignore[arg-type]
    lists = [values[at : at + SLICE] for at in range(0, size, SLICE)]
    assert written == msgspec.msgpack.encode((FORMAT_VERSION, 7, entries, lists, [], lists))
    assert len(breaks) >= 2 * size // PIECE


def test_what_the_fold_does_during_breaks_changes_no_byte() -> None:
    state = load(sample(FORMAT_VERSION))
    frozen = freeze(state)

    def forget_all() -> None:
        for kept in (state.devices, state.incidents, state.last_reports, state.timers):
            kept.clear()

    assert pack(frozen, forget_all) == sample(FORMAT_VERSION)


def test_the_sample_of_the_present_format_holds_something_of_everything() -> None:
    state = load(sample(FORMAT_VERSION))
    assert {known.state for known in state.incidents.values()} == set(IncidentState) - {
        IncidentState.UNKNOWN,
        IncidentState.CLOSED,
        IncidentState.CANCELLED,
    }
    assert {ended.state for ended in state.ended.values()} == {IncidentState.CLOSED, IncidentState.CANCELLED}
    assert {known.status for known in state.incidents.values()} == {Status.ACTUAL, Status.EXERCISE}
    assert {known.grade for known in state.incidents.values()} == {Grade.RED, Grade.YELLOW, Grade.BLUE}
    assert any(known.flapping for known in state.incidents.values())
    assert any(known.related for known in state.incidents.values())
    assert any(known.loss for known in state.incidents.values())
    assert any(found.is_stuck for found in state.devices.values())
    kinds = {found.site.kind for found in state.devices.values() if found.site is not None}
    assert kinds == set(DeviceKind) - {DeviceKind.UNKNOWN}
    assert state.by_gateway
    assert all(
        (
            state.watermarks,
            state.last_reports,
            state.feeds,
            state.unmatched_acks,
            state.unregistered,
            state.expected,
            state.areas,
            state.closed_faults,
            state.windows,
            state.exercises,
        )
    )


def test_devices_and_incidents_of_format_1_are_kept() -> None:
    state = load(sample(1))
    assert (state.partition, state.partitions, state.offset, state.tick) == (2, 4, 18, 1)
    assert state.now == START + NOW_S * 1000
    assert (state.policy_revision, state.policy.bounce_ms) == (7, 2_500)
    assert [(known.hazard, known.grade, known.revision) for known in state.incidents.values()] == [
        (Hazard.EMERGENCY_CALL, Grade.RED, 3),
        (Hazard.EMERGENCY_CALL, Grade.RED, 1),
        (Hazard.FIRE, Grade.YELLOW, 1),
        (Hazard.FIRE, Grade.YELLOW, 1),
        (Hazard.EMERGENCY_CALL, Grade.RED, 1),
        (Hazard.FEED_FAULT, Grade.BLUE, 1),
    ]


def test_calls_and_fires_of_format_1_are_emergencies_that_know_their_feeds() -> None:
    state = load(sample(1))
    for known in state.incidents.values():
        is_fault = known.hazard is Hazard.FEED_FAULT
        assert known.family is (Family.MAINTENANCE if is_fault else Family.EMERGENCY)
        assert set(known.feeds) == {source.feed for source in known.sources}
        assert known.feeds
    assert {family for _, family, _ in state.by_place} == {Family.EMERGENCY, Family.MAINTENANCE}


def test_an_unacknowledged_incident_of_format_1_is_escalated_and_gets_reminders() -> None:
    state = load(sample(1))
    for known in state.incidents.values():
        assert known.state is IncidentState.RAISED
        assert known.ack_by == state.now + state.policy.acknowledge_ms.of(known.grade)
        assert known.notify_at == state.now + state.policy.notify_ms.of(known.grade)
        assert known.escalate_at == (known.ack_by if len(known.chain) > 1 else None)


def told_of(line: Timeline, incident_id: str) -> list[Alert]:
    return [alert for alert in line.alerts if alert.incident_id == incident_id]


def test_a_call_of_format_1_is_escalated_once_and_can_be_acknowledged() -> None:
    line = going_on()
    call = next(iter(line.state.incidents))
    line.run(NOW_S + 1, NOW_S + 90)
    escalated, again = told_of(line, call)
    assert (escalated.action, escalated.tier, escalated.revision) == (Action.ESCALATE, Tier.TOWNSHIP, 4)
    assert again.reason is Reason.STILL_UNACKNOWLEDGED
    answered = only_alert(line.acknowledge(AckAction.ACCEPT, call, NOW_S + 91))
    assert (answered.state, answered.revision) == (IncidentState.ACKED, 6)


def test_a_press_joins_a_call_of_format_1_and_its_copies_are_known() -> None:
    line = going_on()
    call = of_hazard(line.state, Hazard.EMERGENCY_CALL)[1]
    assert line.press(NOW_S + 1, "P3", event_id="d").reason is Reason.DUPLICATE
    joined = only_alert(line.press(NOW_S + 1, "P3", event_id="new"))
    assert (joined.incident_id, joined.reason) == (call, Reason.PRESSED_AGAIN)
    assert joined.related_incidents == ()


def test_a_press_corroborates_a_fire_of_format_1() -> None:
    line = going_on()
    line.push(device("P9", lat=LAT + 2.0), at_s=NOW_S + 1)
    corroborated = only_alert(line.press(NOW_S + 2, "P9"))
    assert corroborated.incident_id == of_hazard(line.state, Hazard.FIRE)[1]
    assert (corroborated.verification_level, corroborated.grade) == (2, Grade.RED)


def test_a_device_of_format_1_is_supervised_once_it_has_a_heartbeat_interval() -> None:
    line = going_on()
    line.push(device("P2", lat=LAT + 0.001, revision=2, heartbeat_s=20), at_s=NOW_S)
    watch(line, NOW_S + 1, NOW_S + 29)
    silent = [alert for alert in line.alerts if alert.hazard is Hazard.COMM_FAIL]
    assert [source.device_id for alert in silent for source in alert.sources] == ["P2"]


def test_a_device_that_had_a_heartbeat_interval_in_format_1_is_supervised_from_the_snapshot_on() -> None:
    raw = msgspec.msgpack.decode(sample(1))
    for stored in raw[13][0]:
        if stored[1] == "P2":
            stored[4]["heartbeat_s"] = 20
    line = going_on()
    line.state = load(msgspec.msgpack.encode(raw))
    watch(line, NOW_S + 1, NOW_S + 24)
    silent = [alert for alert in line.alerts if alert.hazard is Hazard.COMM_FAIL]
    assert [source.device_id for alert in silent for source in alert.sources] == ["P2"]


def test_every_incident_of_format_1_ends_when_nobody_updates_it() -> None:
    line = going_on()
    line.run(NOW_S, NOW_S + 3 * DAY_S, every_s=300)
    assert not line.state.incidents
    closed = [alert for alert in line.alerts if alert.action is Action.CLOSE]
    assert {alert.reason for alert in closed} == {Reason.EXPIRED}
    assert len(closed) == 6


def test_no_unregistered_device_of_format_1_is_named_in_a_text() -> None:
    line = going_on()
    line.run(NOW_S + 1, NOW_S + 100)
    texts = [text for alert in line.alerts for text in alert.texts]
    assert texts
    assert not any("X1" in text.headline + text.description + text.instruction for text in texts)


def test_a_flame_still_raises_a_fire_after_format_1() -> None:
    line = going_on()
    line.push(camera("C9", lat=LAT + 4), at_s=NOW_S + 1)
    line.push(flame("C9", at_s=NOW_S + 2), at_s=NOW_S + 2)
    told = [alert for alert in line.run(NOW_S + 12, NOW_S + 12) if alert.action is Action.RAISE]
    assert [alert.hazard for alert in told] == [Hazard.FIRE]


@pytest.mark.parametrize("version", [0, -1, FORMAT_VERSION + 1, 99])
def test_a_format_that_nobody_knows_is_refused_and_named(version: int) -> None:
    raw = [version, *msgspec.msgpack.decode(sample(1))[1:]]
    with pytest.raises(ValueError, match=rf"format {version}, this release reads 1 to {FORMAT_VERSION}"):
        load(msgspec.msgpack.encode(raw))


@pytest.mark.parametrize("version", range(1, FORMAT_VERSION + 1))
def test_a_state_that_ends_early_or_is_none_is_refused_and_its_format_named(version: int) -> None:
    raw = msgspec.msgpack.decode(sample(version))
    for damaged in (raw[:1], raw[:9], raw[:-1], [*raw, None], [version, *["x"] * (len(raw) - 1)]):
        with pytest.raises(ValueError, match=f"no state of format {version}"):
            load(msgspec.msgpack.encode(damaged))


@pytest.mark.parametrize("version", range(1, FORMAT_VERSION + 1))
@pytest.mark.parametrize("cut", [1, 2, 50, 0.5, -1])
def test_bytes_that_end_early_are_no_state(version: int, cut: float) -> None:
    whole = sample(version)
    at = int(len(whole) * cut) if isinstance(cut, float) else cut
    with pytest.raises(ValueError, match="no state of"):
        load(whole[:at])
