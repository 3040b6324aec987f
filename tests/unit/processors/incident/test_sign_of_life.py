"""Life is in the order of the log, whatever the clocks of devices and gateways say (F9)."""

import pytest
from msgspec.structs import replace

from schemas.enums import Hazard, PillarKind, Reason
from schemas.fusion_log import CameraAlive
from schemas.topics import FRAMES
from tests.support.expect import at_s, within
from tests.support.log_records import alive, camera, device, fact, ms
from tests.support.timeline import Timeline


def beat(line: Timeline, at_s: float, received_s: float, *, name: str | None = None) -> Reason:
    """A heartbeat that comes into the log at one second and that its gateway received at another, by its clock."""
    event_id = f"h{received_s}" if name is None else name
    return line.push(fact(PillarKind.HEARTBEAT, at_s=received_s, event_id=event_id), at_s=at_s).reason


def heard(line: Timeline, from_s: int, to_s: int, *, behind_s: float | None = 0, every_s: int = 20) -> None:
    """Seconds of a feed that is read, with heartbeats of a gateway whose clock is behind by so much, or none."""
    for second in range(from_s, to_s):
        if behind_s is not None and second % every_s == 0:
            beat(line, second, second - behind_s)
        line.push(alive(second, 0), at_s=second)
        line.tick(second)


def silences(line: Timeline) -> list[tuple[float, Reason]]:
    return [(at_s(alert), alert.reason) for alert in within(line, 0, 1e6, hazard=Hazard.COMM_FAIL)]


def supervised() -> Timeline:
    return Timeline(device(heartbeat_s=20))


@pytest.mark.parametrize("behind_s", [0, 39, 41, 600, 3_600, 86_400, -19, -3_600])
def test_a_clock_that_is_wrong_from_the_start_makes_nobody_silent(behind_s: float) -> None:
    line = supervised()
    heard(line, 0, 300, behind_s=behind_s)
    assert silences(line) == []


@pytest.mark.parametrize("back_s", [5, 30, 50, 600, 3_600, 86_400])
def test_a_clock_that_is_set_back_makes_nobody_silent(back_s: float) -> None:
    line = supervised()
    heard(line, 0, 100)
    heard(line, 100, 400, behind_s=back_s)
    assert silences(line) == []


def test_a_clock_that_is_put_right_again_makes_nobody_silent() -> None:
    line = supervised()
    for number, behind_s in enumerate((0, 3_600, 0, 600, -10, 0)):
        heard(line, number * 200, (number + 1) * 200, behind_s=behind_s)
    assert silences(line) == []


def test_a_clock_that_loses_time_all_the_while_makes_nobody_silent() -> None:
    line = supervised()
    for second in range(1_000):
        if second % 20 == 0:
            beat(line, second, second * 0.9)
        line.push(alive(second, 0), at_s=second)
        line.tick(second)
    assert silences(line) == []


def test_a_clock_that_stands_still_makes_nobody_silent() -> None:
    line = supervised()
    for second in range(400):
        if second % 20 == 0:
            beat(line, second, 0, name="h")
        line.push(alive(second, 0), at_s=second)
        line.tick(second)
    assert silences(line) == []


def test_a_device_that_stops_is_silent_whatever_its_clock_said() -> None:
    for behind_s in (0, 3_600):
        line = supervised()
        heard(line, 0, 100, behind_s=0)
        heard(line, 100, 200, behind_s=behind_s)
        heard(line, 200, 260, behind_s=None)
        ((told_s, reason),) = silences(line)
        assert reason is Reason.CONDITION_ACTIVE
        assert 180 + 20 <= told_s <= 180 + 22, behind_s


def test_a_buffer_that_is_emptied_does_not_end_a_silence_and_a_heartbeat_of_now_does() -> None:
    line = supervised()
    heard(line, 0, 100)
    heard(line, 100, 200, behind_s=None)
    assert [reason for _, reason in silences(line)] == [Reason.CONDITION_ACTIVE]
    for received_s in (50, 55, 65):  # older than what was said last, and more than forty seconds on their way
        assert beat(line, 200, received_s) is Reason.HEARTBEAT
    heard(line, 200, 219, behind_s=None)
    assert [reason for _, reason in silences(line)] == [Reason.CONDITION_ACTIVE]
    heard(line, 220, 260)
    assert silences(line)[-1] == (220.0, Reason.CONDITION_OVER)


def test_copies_of_heartbeats_that_come_at_once_are_copies_and_end_no_silence() -> None:
    line = supervised()
    heard(line, 0, 100)
    heard(line, 100, 200, behind_s=None)
    assert [beat(line, 200, second) for second in range(0, 100, 20)] == [Reason.DUPLICATE] * 5
    heard(line, 200, 260, behind_s=None)
    assert [reason for _, reason in silences(line)] == [Reason.CONDITION_ACTIVE]


def test_the_latest_sixteen_heartbeats_are_known() -> None:
    line = supervised()
    for second in range(0, 400, 20):
        beat(line, second, second)
    assert [beat(line, 385, second) for second in range(80, 400, 20)] == [Reason.DUPLICATE] * 16
    assert beat(line, 385, 60) is Reason.HEARTBEAT


def test_any_report_is_a_sign_of_life_and_its_copy_is_none() -> None:
    line = supervised()
    heard(line, 0, 20)
    report = fact(PillarKind.RELEASE, at_s=30, event_id="r")
    line.push(report, at_s=30)
    heard(line, 20, 45, behind_s=None)
    assert silences(line) == []
    assert line.push(report, at_s=45).reason is Reason.DUPLICATE
    heard(line, 45, 60, behind_s=None)
    assert [reason for _, reason in silences(line)] == [Reason.CONDITION_ACTIVE]


def test_a_camera_is_heard_by_its_frames_whatever_the_clock_of_its_gateway() -> None:
    line = Timeline(replace(camera("C1"), heartbeat_s=30))
    for second in range(400):
        if second % 10 == 0:
            behind_s = 0 if second < 200 else 3_600
            line.push(CameraAlive(device_id="C1", received_at=ms(second - behind_s)), at_s=second)
        line.push(alive(second, 0, topic=FRAMES), at_s=second)
        line.tick(second)
    assert silences(line) == []


def test_a_heartbeat_of_an_unregistered_device_is_no_sign_of_life() -> None:
    line = Timeline()
    stranger = fact(PillarKind.HEARTBEAT, "X1", event_id="h")
    assert line.push(stranger).reason is Reason.UNKNOWN_DEVICE
    assert not line.state.last_reports
