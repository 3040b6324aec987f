"""Stream time: a wrong append time changes nothing, a real gap is followed, and only time that ticked counts."""

from collections.abc import Callable

import msgspec
import pytest

from processors.fold.log_entry import LogEntry
from schemas.enums import Action, Hazard, IncidentState, PillarKind, Reason
from schemas.fusion_log import CameraAlive
from schemas.registry import ChainLink
from schemas.units import HOUR_MS
from tests.support.expect import never, once, within
from tests.support.grades import FOUR_TIERS
from tests.support.log_records import ack, alive, camera, device, entry, envelope, fact, flame, ms
from tests.support.timeline import Timeline, only_alert

HOUR_S = HOUR_MS // 1000
DAY_S = 24 * HOUR_S


def ticking(line: Timeline, from_s: int, to_s: int, *, ahead_s: float = 0, clock_ahead_s: float = 0) -> None:
    """Ticks once a second in [from_s, to_s], by a broker and a writer whose clocks are ahead by so much."""
    for second in range(from_s, to_s + 1):
        line.tick(second + ahead_s, clock_s=second + clock_ahead_s)


def pressed(chain: tuple[ChainLink, ...] = FOUR_TIERS) -> Timeline:
    """A red that was raised in second 0, ten seconds before."""
    line = Timeline(device(chain=chain, reports_release=False), camera())
    line.press(0)
    ticking(line, 1, 10)
    return line


def told(line: Timeline) -> list[tuple[str, Reason, int]]:
    return [(alert.incident_id, alert.reason, alert.sent) for alert in line.alerts]


RECORDS: dict[str, Callable[[float], msgspec.Struct]] = {
    "a registry record, which has no clock": lambda _now_s: device("P9", lat=31),
    "a heartbeat": lambda now_s: fact(PillarKind.HEARTBEAT, at_s=now_s, event_id="h"),
    "a camera that is alive": lambda now_s: CameraAlive(device_id="C1", received_at=ms(now_s)),
    "a flame of a stranger": lambda now_s: flame("C9", at_s=now_s),
    "an acknowledgement of nothing": lambda now_s: ack("east-nothing", at_s=now_s),
    "a watermark": lambda now_s: alive(now_s, 0),
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
@pytest.mark.parametrize("ahead_s", [240, HOUR_S, 25 * HOUR_S])
def test_one_record_with_a_wrong_append_time_ends_escalates_and_delays_nothing(
    record: Callable[[float], msgspec.Struct], ahead_s: float
) -> None:
    line, other = pressed(), pressed()
    line.push(record(10.5), at_s=10.5 + ahead_s)
    for each in (line, other):
        ticking(each, 11, 400)
    of_press = [each for each in told(line) if each in told(other)]
    assert of_press == told(other)
    assert [
        alert.hazard for alert in line.alerts if alert.incident_id not in {it[0] for it in told(other)}
    ] == []
    assert line.state.now == ms(400)


@pytest.mark.parametrize("ahead_s", [240, HOUR_S, 25 * HOUR_S])
def test_one_unreadable_record_with_a_wrong_append_time_changes_nothing(ahead_s: float) -> None:
    line, other = pressed(), pressed()
    line.push_entry(LogEntry(line.state.offset, ms(10.5 + ahead_s), b"east", b"poison"))
    for each in (line, other):
        ticking(each, 11, 400)
    assert told(line) == told(other)


@pytest.mark.parametrize("ahead_s", [20, 240, HOUR_S, 25 * HOUR_S, -HOUR_S])
@pytest.mark.parametrize("wrong", ["append", "clock"])
def test_one_tick_of_which_one_clock_is_wrong_changes_nothing(ahead_s: float, wrong: str) -> None:
    line, other = pressed(), pressed()
    line.tick(11 + ahead_s * (wrong == "append"), clock_s=11 + ahead_s * (wrong == "clock"))
    other.tick(11, clock_s=11)
    for each in (line, other):
        ticking(each, 12, 400)
    assert told(line) == told(other)


def test_a_wrong_append_time_does_not_make_presses_minutes_apart_one() -> None:
    line = pressed()
    line.push(device("P9", lat=31), at_s=10.5 + HOUR_S)
    ticking(line, 11, 310)
    assert only_alert(line.press(310)).reason is Reason.PRESSED_AGAIN


def test_stream_time_that_was_ahead_is_set_right_and_what_was_raised_meanwhile_has_its_times_from_now() -> (
    None
):
    line = pressed()
    ticking(line, 11, 20, ahead_s=HOUR_S, clock_ahead_s=HOUR_S)  # both clocks are wrong: it is believed
    assert line.state.now == ms(20 + HOUR_S)
    call = only_alert(line.press(20.5 + HOUR_S, "X1"))
    assert call.sent == ms(20.5 + HOUR_S)
    line.tick(21, clock_s=21)
    assert line.state.now == ms(21)
    known = line.state.incidents[call.incident_id]
    assert (known.first_at, known.last_at) == (ms(21), ms(21))
    assert known.ack_by is not None
    assert known.ack_by <= ms(21 + 31)
    before = len(line.alerts)
    ticking(line, 22, 100)
    reminded = [alert for alert in line.alerts[before:] if alert.incident_id == call.incident_id]
    assert [alert.reason for alert in reminded] == [Reason.STILL_UNACKNOWLEDGED]


def test_a_real_gap_is_followed_at_once_and_an_unanswered_red_asks_the_next_tier_and_does_not_end() -> None:
    line = pressed()
    line.tick(25 * HOUR_S, clock_s=25 * HOUR_S)
    assert line.state.now == ms(25 * HOUR_S)
    once(line, 25 * HOUR_S, 25 * HOUR_S, action=Action.ESCALATE)
    never(line, 0, 25 * HOUR_S, reason=Reason.EXPIRED)


def test_a_real_gap_is_followed_by_a_press_whose_gateway_agrees() -> None:
    line = pressed()
    again = only_alert(line.press(2 * HOUR_S))
    assert (again.sent, line.state.now) == (ms(2 * HOUR_S), ms(2 * HOUR_S))


def test_a_press_out_of_a_buffer_after_a_gap_does_not_move_stream_time_beyond_its_receipt() -> None:
    line = pressed()
    line.push(fact(at_s=300, event_id="buffered"), at_s=2 * HOUR_S)
    assert line.state.now == ms(300)


def test_a_clock_that_is_suspect_is_no_second_clock() -> None:
    line = pressed()
    line.push(fact(device_id="X1", at_s=25 * HOUR_S, clock_suspect=True), at_s=25 * HOUR_S)
    assert line.state.now == ms(10)


def test_a_broker_whose_clock_is_off_for_good_and_agrees_with_nobody_does_not_stop_time() -> None:
    line = pressed()
    ticking(line, 11, 400, ahead_s=HOUR_S)
    escalated = [alert for alert in line.alerts if alert.action is Action.ESCALATE]
    assert len(escalated) == 3
    assert 29 <= (escalated[0].sent - ms(0)) / 1000 <= 31
    assert line.state.now <= ms(401)
    never(line, 0, 2 * HOUR_S, reason=Reason.EXPIRED)


def test_copies_of_ticks_do_not_make_time_go_faster() -> None:
    line = pressed()
    for second in range(11, 211):
        line.tick(second + HOUR_S, clock_s=second)
        copy = line.entries[-1]
        for part in (0.3, 0.6):
            line.push_entry(copy._replace(offset=line.state.offset, append_ms=ms(second + HOUR_S + part)))
    assert line.state.now <= ms(211)


def test_an_old_tick_has_no_clock_and_its_append_time_is_believed() -> None:
    line = pressed()
    line.tick(2 * HOUR_S)
    assert line.state.now == ms(2 * HOUR_S)


def test_expiry_counts_time_that_ticked() -> None:
    line = pressed()
    before = next(iter(line.state.incidents.values())).expires_at
    line.tick(10 + 25 * HOUR_S, clock_s=10 + 25 * HOUR_S)
    after = next(iter(line.state.incidents.values())).expires_at
    assert after == before + 25 * HOUR_MS


def test_what_was_reported_within_a_gap_has_its_whole_expiry_and_no_more() -> None:
    line = pressed()
    call = only_alert(line.press(5 * HOUR_S, "X1"))
    line.tick(5 * HOUR_S + 1, clock_s=5 * HOUR_S + 1)
    known = line.state.incidents[call.incident_id]
    assert ms(29 * HOUR_S) <= known.expires_at <= ms(29 * HOUR_S + 1)


@pytest.mark.parametrize("gap_s", [60, 299, 300])
def test_a_gap_of_at_most_five_minutes_counts(gap_s: int) -> None:
    line = pressed()
    before = next(iter(line.state.incidents.values())).expires_at
    line.tick(10 + gap_s, clock_s=10 + gap_s)
    assert next(iter(line.state.incidents.values())).expires_at == before


def test_an_unanswered_red_ends_after_a_day_of_ticks_when_everybody_was_asked() -> None:
    line = pressed()
    for second in range(11, DAY_S + 400, 60):
        line.tick(second, clock_s=second)
    closed = within(line, 0, DAY_S + 400, reason=Reason.EXPIRED)
    assert [alert.state for alert in closed] == [IncidentState.CLOSED]
    assert [alert.tier for alert in closed] == [FOUR_TIERS[-1].tier]
    assert closed[0].sent >= ms(DAY_S)


@pytest.mark.parametrize(("gap_s", "is_hole"), [(30, False), (31, True)])
def test_ticks_that_are_missing_for_more_than_half_a_minute_are_a_hole(gap_s: int, is_hole: bool) -> None:
    line = pressed()
    line.tick(10 + gap_s, clock_s=10 + gap_s)
    assert (line.state.heard_since == line.state.now) is is_hole


def test_after_a_hole_of_ticks_no_device_is_silent_for_what_nobody_could_hear() -> None:
    line = Timeline(device(heartbeat_s=20, reports_release=False))
    for second in range(11):
        line.push(alive(second, 0), at_s=second)
        line.tick(second, clock_s=second)
    for second in range(60, 75):
        line.push(alive(second, 0), at_s=second)
        line.tick(second, clock_s=second)
    assert not [alert for alert in line.alerts if alert.hazard is Hazard.COMM_FAIL]


def test_the_time_of_the_year_ten_thousand_is_an_error_and_not_a_time() -> None:
    line = pressed()
    for given in (device("P9"), fact(device_id="X9", at_s=11)):
        line.push_entry(entry(envelope(given), offset=line.state.offset, append_ms=ms(1e12)))
    assert line.state.now <= ms(11)
