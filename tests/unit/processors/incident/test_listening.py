"""What was not listened to was not silent (F7)."""

import pytest
from msgspec.structs import replace

from processors.incident.listening import (
    RETRY_MS,
    feed_of,
    heard_since,
    is_complete,
    proof_due,
    proven_at,
)
from schemas.enums import Feed, Hazard, PillarKind, Reason
from schemas.topics import FRAMES, PILLAR_EVENTS
from tests.support.expect import within
from tests.support.log_records import alive, camera, device, ms
from tests.support.timeline import Timeline


def read(
    line: Timeline, *seconds: float, topic: str = PILLAR_EVENTS, partitions: tuple[int, ...] = (0,)
) -> None:
    feed = Feed.CAMERAS if topic == FRAMES else Feed.PILLARS
    for second in seconds:
        line.push(alive(second, *partitions, topic=topic, feed=feed), at_s=second)


def test_a_camera_is_heard_through_the_frames_and_everything_else_through_the_pillars() -> None:
    line = Timeline(device("P1"), camera("C1"))
    topics = {name: feed_of(found) for (_, name), found in line.state.devices.items()}
    assert topics == {"P1": PILLAR_EVENTS, "C1": FRAMES}


def test_a_feed_that_nobody_has_read_proves_nothing() -> None:
    state = Timeline().state
    assert heard_since(state, PILLAR_EVENTS) is None
    assert proof_due(state, PILLAR_EVENTS, 1_000) == state.now + RETRY_MS


@pytest.mark.parametrize(
    ("topic", "gap_s", "is_hole"),
    [(PILLAR_EVENTS, 5, False), (PILLAR_EVENTS, 5.001, True), (FRAMES, 15, False), (FRAMES, 15.001, True)],
)
def test_watermarks_that_are_missing_for_longer_than_they_may_are_a_hole(
    topic: str, gap_s: float, is_hole: bool
) -> None:
    line = Timeline()
    read(line, 0, 1, 1 + gap_s, topic=topic)
    assert heard_since(line.state, topic) == (ms(1 + gap_s) if is_hole else ms(0))


def test_a_feed_is_heard_since_the_latest_hole_of_any_of_its_partitions_and_of_no_other_feed() -> None:
    line = Timeline()
    read(line, 0, 1, partitions=(0, 1))
    read(line, 2, topic=FRAMES)
    read(line, 5, 9, 13, partitions=(0,))
    read(line, 30, topic=FRAMES)
    assert heard_since(line.state, FRAMES) == ms(30)
    assert heard_since(line.state, PILLAR_EVENTS) == ms(0)
    read(line, 31, partitions=(1,))
    assert heard_since(line.state, PILLAR_EVENTS) == ms(31)


def test_a_feed_is_complete_until_the_earliest_of_its_partitions() -> None:
    line = Timeline()
    read(line, 10, partitions=(0, 1))
    read(line, 12, partitions=(0,))
    assert is_complete(line.state, PILLAR_EVENTS, ms(10))
    assert not is_complete(line.state, PILLAR_EVENTS, ms(11))
    assert proven_at(line.state, PILLAR_EVENTS, ms(10)) == ms(10)
    assert proven_at(line.state, PILLAR_EVENTS, ms(11)) == ms(13), "a second later it is looked at again"
    assert proven_at(line.state, PILLAR_EVENTS, ms(30)) == ms(30)


def test_a_silence_is_proven_when_the_feed_was_read_for_so_long_and_until_now() -> None:
    line = Timeline()
    read(line, *range(20))
    assert proof_due(line.state, PILLAR_EVENTS, 19_000) is None
    assert proof_due(line.state, PILLAR_EVENTS, 20_000) == ms(20)
    line.tick(26)
    assert proof_due(line.state, PILLAR_EVENTS, 20_000) == ms(27), "the feed lags behind"


def lived(line: Timeline, from_s: int, to_s: int, *, is_read: bool, beats: bool = True) -> None:
    """Seconds with a heartbeat every twenty, of a feed that somebody reads or nobody."""
    for second in range(from_s, to_s):
        if beats and second % 20 == 0:
            line.pillar(PillarKind.HEARTBEAT, second)
        if is_read:
            line.push(alive(second, 0), at_s=second)
        line.tick(second)


@pytest.mark.parametrize("gap_s", [10, 70, 3_600])
def test_after_a_gap_of_the_feed_a_device_has_its_interval_anew(gap_s: int) -> None:
    line = Timeline(device(heartbeat_s=20))
    lived(line, 0, 90, is_read=True)
    lived(line, 90, 90 + gap_s, is_read=False, beats=False)
    lived(line, 90 + gap_s, 90 + gap_s + 20, is_read=True, beats=False)
    assert not within(line, 0, 1e6, hazard=Hazard.COMM_FAIL)
    lived(line, 90 + gap_s + 20, 90 + gap_s + 24, is_read=True, beats=False)
    (silent,) = within(line, 0, 1e6, hazard=Hazard.COMM_FAIL)
    assert ms(90 + gap_s + 20) <= silent.sent <= ms(90 + gap_s + 22)


def test_a_contact_that_nobody_could_hear_open_is_not_stuck() -> None:
    line = Timeline(device())
    lived(line, 0, 10, is_read=True, beats=False)
    line.press(10)
    lived(line, 11, 20, is_read=True, beats=False)
    lived(line, 20, 200, is_read=False, beats=False)
    line.pillar(PillarKind.RELEASE, 200)
    lived(line, 200, 400, is_read=True, beats=False)
    assert not within(line, 0, 1e6, hazard=Hazard.STUCK_BUTTON)


def test_a_contact_that_stays_closed_is_stuck_a_minute_after_the_feed_is_read_again() -> None:
    line = Timeline(device())
    lived(line, 0, 10, is_read=True, beats=False)
    line.press(10)
    lived(line, 20, 200, is_read=False, beats=False)
    lived(line, 200, 263, is_read=True, beats=False)
    (stuck,) = within(line, 0, 1e6, hazard=Hazard.STUCK_BUTTON)
    assert ms(260) <= stuck.sent <= ms(262)


def test_a_test_that_nobody_could_hear_has_a_tenth_of_its_interval_to_arrive() -> None:
    line = Timeline(replace(device(), test_every_s=100))
    lived(line, 0, 100, is_read=True, beats=False)
    lived(line, 100, 300, is_read=False, beats=False)
    lived(line, 300, 309, is_read=True, beats=False)
    assert not within(line, 0, 1e6, hazard=Hazard.TEST_MISSED)
    line.pillar(PillarKind.TEST, 309)
    lived(line, 310, 400, is_read=True, beats=False)
    assert not within(line, 0, 1e6, hazard=Hazard.TEST_MISSED)
    lived(line, 400, 425, is_read=True, beats=False)
    (missed,) = within(line, 0, 1e6, hazard=Hazard.TEST_MISSED)
    assert (missed.reason, ms(419) <= missed.sent <= ms(421)) == (Reason.CONDITION_ACTIVE, True)
