"""What runs in the consuming thread between two polls: in every round, and while partitions are given away."""

from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaError

from schemas.errors import DeliveryFailed
from streams.kafka.group_consumer import FINISH_S, POLL_S, SERVE_S
from tests.support.fake_consumer import failure
from tests.support.group_member import PLACE, Member

if TYPE_CHECKING:
    from collections.abc import Callable


class FakeLoop:
    """Notes what is asked of it; what is begun is done when its answers are taken often enough."""

    def __init__(self, wants_s: float = 1.0) -> None:
        self.wants_s = wants_s
        self.offered: list[float] = []
        self.served: list[float] = []
        self.left = 0
        """How many times answers are taken until nothing is under way."""
        self.failure: Exception | None = None
        self.at_serve: Callable[[], None] = lambda: None

    @property
    def has_under_way(self) -> bool:
        return self.left > 0

    def step(self, wait_s: float) -> float:
        self.offered.append(wait_s)
        return min(wait_s, self.wants_s)

    def serve(self, wait_s: float = 0.0) -> None:
        self.served.append(wait_s)
        self.left = max(0, self.left - 1)
        self.at_serve()
        if self.failure is not None:
            raise self.failure


def waits_of(member: Member) -> list[float]:
    """How long each poll waited at most."""
    return list(member.consumer.called("poll"))


def test_it_has_its_turn_in_every_round_and_says_how_long_a_poll_may_wait() -> None:
    loop = FakeLoop(0.005)
    member = Member(between=[loop])
    member.given(PLACE)
    member.broker.append(PLACE, 3)
    member.round()
    member.round()
    assert len(loop.offered) >= 2
    assert waits_of(member)[-1] == 0.005


def test_of_several_the_one_that_can_wait_least_decides() -> None:
    loops = [FakeLoop(0.02), FakeLoop(0.01)]
    member = Member(between=loops)
    member.given(PLACE)
    member.round()
    assert waits_of(member)[-1] == 0.01
    assert loops[1].offered[-1] == 0.02


def test_it_is_offered_no_longer_wait_than_without_it() -> None:
    loop = FakeLoop()
    member = Member(between=[loop])
    member.given(PLACE)
    member.round()
    assert set(loop.offered) <= {POLL_S, SERVE_S}


def test_a_revocation_takes_answers_while_it_waits_for_what_is_begun() -> None:
    loop = FakeLoop()
    member = Member(between=[loop])
    member.began(PLACE)
    member.broker.append(PLACE, 3)
    member.round()
    (batch,) = member.handed_over
    assert member.state.take(batch)

    def done_with_the_third() -> None:
        if len(loop.served) == 3:
            member.state.done(batch)

    loop.at_serve = done_with_the_third
    member.consumer.take(PLACE)
    member.round()
    assert len(loop.served) == 3
    assert member.broker.commits[PLACE][0] == 3


def test_a_delivery_that_fails_meanwhile_leaves_the_poll_and_commits_nothing() -> None:
    loop = FakeLoop()
    member = Member(between=[loop])
    member.began(PLACE)
    member.broker.append(PLACE, 3)
    member.round()
    assert member.state.take(member.handed_over[0])
    loop.failure = DeliveryFailed("refused")
    member.consumer.take(PLACE)
    with pytest.raises(DeliveryFailed):
        member.round()
    assert PLACE not in member.broker.commits


def test_what_was_fetched_before_the_next_record_is_not_there_is_decided_about_and_committed_first() -> None:
    """It would be dropped otherwise, and told as missing, although it is here."""
    loop = FakeLoop()
    member = Member(between=[loop]).began(PLACE)
    member.broker.append(PLACE, 3)
    member.round()
    loop.at_serve = member.process_all
    member.broker.append(PLACE, 5)
    member.broker.retain_from(PLACE, 6)
    member.group_consumer._judge(PLACE, failure(KafkaError._AUTO_OFFSET_RESET))
    assert member.broker.commits[PLACE][0] == 3
    member.round()
    member.round()
    assert [(loss.expected, loss.found) for loss in member.losses] == [(3, 6)]


def test_what_is_never_done_holds_nothing_up_for_ever() -> None:
    loop = FakeLoop()
    member = Member(between=[loop]).began(PLACE)
    member.broker.append(PLACE, 3)
    member.round()
    loop.at_serve = lambda: member.later(0.5)
    member.group_consumer._judge(PLACE, failure(KafkaError._AUTO_OFFSET_RESET))
    assert PLACE not in member.consumer.assigned


@pytest.mark.parametrize(("left", "is_over"), [(3, True), (10**9, False)])
def test_the_end_waits_for_what_is_under_way_and_not_for_ever(left: int, is_over: bool) -> None:
    loop = FakeLoop()
    member = Member(between=[loop])
    loop.left = left
    loop.at_serve = lambda: member.later(SERVE_S)
    member.group_consumer._finish()
    assert loop.has_under_way is not is_over
    assert len(loop.served) <= FINISH_S / SERVE_S + 1
