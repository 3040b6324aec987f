"""Waiting for the alert that names an event, and sending at intervals, with a clock that is moved by hand."""

from callbox.send.delivery import at_intervals, feed_record, wait_for_alert
from callbox.send.event import pillar_event
from schemas.alert import Alert
from schemas.codec import decode
from schemas.enums import PillarKind
from schemas.feeds import PillarEvent
from schemas.topics import ALERTS, PILLAR_EVENTS, TEST_ALERTS
from streams.kafka.record import LogRecord
from tests.support.fakes import HandClock, kept
from tests.support.log_records import ms
from tests.support.timeline import Timeline


class Alerts:
    """A follower to which nothing, or something, has come at each poll; a poll takes as long as it may."""

    def __init__(self, clock: HandClock, *polls: list[LogRecord]) -> None:
        self._clock, self._polls = clock, list(polls)

    def poll(self, timeout_s: float) -> list[LogRecord]:
        self._clock.seconds += timeout_s
        return self._polls.pop(0) if self._polls else []


def pressed(event_id: str) -> Alert:
    timeline = Timeline()
    timeline.press(1, event_id=event_id)
    return timeline.alerts[0]


def on_topic(value: Alert | bytes | None) -> list[LogRecord]:
    return [kept(ALERTS, "incident", value)]


def mine() -> PillarEvent:
    device_id = pressed("mine").sources[0].device_id
    return pillar_event(device_id, kind=PillarKind.PRESS, at=ms(1), event_id="mine")


def waited(*polls: list[LogRecord], wait_s: float = 1.0) -> tuple[Alert | None, float]:
    """The alert that was found, and how many seconds it took."""
    hand = HandClock()
    begun = hand.seconds
    found = wait_for_alert({ALERTS: Alerts(hand, *polls)}, mine(), wait_s, hand.clock.monotonic)
    return None if found is None else found[1], round(hand.seconds - begun, 3)


def test_the_first_alert_that_names_the_event_is_found() -> None:
    found, took_s = waited([], on_topic(pressed("another")), on_topic(pressed("mine")))
    assert found == pressed("mine")
    assert took_s == 0.3


def test_none_comes_in_time_and_the_wait_ends_when_it_was_to_end() -> None:
    assert waited(wait_s=0.25) == (None, 0.25)
    assert waited([], [], [], on_topic(pressed("mine")), wait_s=0.25) == (None, 0.25)


def test_of_several_topics_the_one_that_has_the_alert_is_named() -> None:
    hand = HandClock()
    followers = {TEST_ALERTS: Alerts(hand), ALERTS: Alerts(hand, [], on_topic(pressed("mine")))}
    assert wait_for_alert(followers, mine(), 1.0, hand.clock.monotonic) == (ALERTS, pressed("mine"))


def test_what_cannot_be_read_is_passed_over() -> None:
    found, _ = waited(on_topic(b"poison"), on_topic(None), on_topic(pressed("mine")))
    assert found is not None


def test_a_record_has_the_key_of_its_device_and_can_be_read() -> None:
    record = feed_record(mine())
    assert (record.topic, record.key, record.partition) == (PILLAR_EVENTS, mine().device_id.encode(), None)
    assert decode(record.value, PillarEvent) == mine()


def test_intervals_are_counted_from_the_first_and_no_delay_adds_up() -> None:
    hand = HandClock(0)

    def sleep(seconds: float) -> None:
        hand.seconds += seconds

    begun = []
    for number in at_intervals(20, 4, hand.clock.monotonic, sleep):
        begun.append(hand.seconds)
        hand.seconds += 30 if number == 2 else 3  # the second is late, the third follows it at once
    assert begun == [0, 20, 50, 60]


def test_without_a_number_there_is_no_end() -> None:
    hand = HandClock(0)
    beats = at_intervals(20, None, hand.clock.monotonic, lambda _seconds: None)
    assert [next(beats) for _ in range(1_000)][-1] == 1_000
