"""Acknowledgements are sent together, and each answer is found."""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from callbox.incidents.acknowledge import AckChannel, exchange
from schemas.ack import Acknowledgement, AckResult, Actor
from schemas.codec import decode, encode
from schemas.enums import AckAction, AckOutcome, IncidentState, Reason
from schemas.topics import ACK_RESULTS
from schemas.units import EpochMs
from streams.kafka.record import LogRecord
from tests.support.fakes import HandClock
from tests.support.log_records import ms

MANY = 10_000


def ack(number: int) -> Acknowledgement:
    return Acknowledgement(
        ack_id=f"ack-{number}",
        incident_id=f"east-{number}",
        action=AckAction.CLOSE,
        actor=Actor(name="Li", organisation="Town"),
        at=ms(0),
    )


def answer(number: int, incident_id: str | None = None) -> LogRecord:
    result = AckResult(
        ack_id=f"ack-{number}",
        incident_id=incident_id or f"east-{number}",
        outcome=AckOutcome.ACCEPTED,
        reason=Reason.CLOSED,
        state=IncidentState.CLOSED,
        at=ms(1),
    )
    return lying(result.ack_id.encode(), encode(result))


def lying(key: bytes | None, value: bytes | None) -> LogRecord:
    return LogRecord(ACK_RESULTS, 0, 0, EpochMs(0), key, value)


class FakeChannel(AckChannel):
    """Answers that were there, and those that come after something was sent, one poll after the other."""

    def __init__(
        self,
        clock: HandClock,
        *polls: list[LogRecord],
        earlier: Iterable[LogRecord] = (),
        poll_takes_s: float = 0.1,
    ) -> None:
        self.calls: list[str] = []
        self.sent: list[Acknowledgement] = []
        self._clock, self._polls, self._poll_takes_s = clock, list(polls), poll_takes_s
        self._earlier = list(earlier)

    def follow_answers(self) -> "FakeChannel":
        self.calls.append("follow")
        return self

    def earlier_answers(self) -> Iterator[LogRecord]:
        self.calls.append("read earlier")
        return iter(self._earlier)

    def send(self, acknowledgements: Iterable[Acknowledgement]) -> None:
        self.calls.append("send")
        self.sent += acknowledgements

    def catch_up(self) -> list[LogRecord]:
        self.calls.append("catch up")
        return []

    def poll(self, timeout_s: float) -> list[LogRecord]:
        self._clock.seconds += min(timeout_s, self._poll_takes_s)
        return self._polls.pop(0) if self._polls else []

    def close(self) -> None:
        self.calls.append("close")


def answered(
    channel: FakeChannel, clock: HandClock, count: int, wait_s: float = 1.0, *, is_repeat: bool = False
) -> list[str]:
    sent = [ack(number) for number in range(count)]
    results = exchange(channel, sent, wait_s, is_repeat=is_repeat, clock=lambda: clock.seconds)
    return [result.ack_id for result in results]


def test_the_end_of_the_answers_is_known_before_anything_is_sent() -> None:
    clock = HandClock()
    channel = FakeChannel(clock, [answer(0)])
    assert answered(channel, clock, 1) == ["ack-0"]
    assert channel.calls == ["follow", "catch up", "send", "close"]


def test_ten_thousand_are_sent_in_one_go_and_every_answer_is_found() -> None:
    clock = HandClock()
    polls = [[answer(number) for number in range(first, first + 100)] for first in range(0, MANY, 100)]
    channel = FakeChannel(clock, *polls)
    assert len(set(answered(channel, clock, MANY))) == MANY
    assert (channel.calls.count("send"), len(channel.sent)) == (1, MANY)


def test_waiting_ends_when_no_answer_has_come_for_so_long() -> None:
    clock = HandClock()
    slowly = [records for number in range(3) for records in ([], [], [answer(number)])]
    channel = FakeChannel(clock, *slowly)
    assert answered(channel, clock, 4, wait_s=0.35) == ["ack-0", "ack-1", "ack-2"]
    assert 101.2 < clock.seconds < 101.3


def test_an_answer_counts_once_and_what_answers_something_else_does_not_count() -> None:
    clock = HandClock()
    channel = FakeChannel(
        clock,
        [
            answer(7),
            answer(0, incident_id="west-0"),
            lying(b"ack-0", b"poison"),
            lying(b"ack-0", None),
            lying(None, b""),
            lying(b"\xff", b""),
            answer(1),
            answer(1),
        ],
    )
    assert answered(channel, clock, 2) == ["ack-1"]


def test_what_is_said_again_has_the_answer_that_it_had_and_is_sent_all_the_same() -> None:
    clock = HandClock()
    channel = FakeChannel(clock, [answer(1)], earlier=[answer(5), answer(0)])
    assert answered(channel, clock, 2, is_repeat=True) == ["ack-0", "ack-1"]
    assert channel.calls == ["follow", "catch up", "read earlier", "send", "close"]
    assert len(channel.sent) == 2


def test_an_answer_to_what_another_organisation_has_sent_under_the_same_id_is_none_of_ours() -> None:
    clock = HandClock()
    theirs, ours = (
        lying(b"ack-1", encode(replace(decode(answer(1).value, AckResult), vouched_organisation=name)))
        for name in ("village-9", "county")
    )
    channel = FakeChannel(clock, [theirs], [ours])
    channel.organisation = "county"
    (found,) = exchange(channel, [ack(1)], 5.0, is_repeat=False, clock=clock.clock.monotonic)
    assert found.vouched_organisation == "county"
