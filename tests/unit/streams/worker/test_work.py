"""What follows from batches: on its way slice by slice, and done when the last of it is delivered."""

from concurrent.futures import Future

import pytest

from schemas.errors import DeliveryFailed
from schemas.topics import ALERTS, INCIDENTS
from streams.kafka.producer import ProducerRecord
from streams.worker.work import LONGEST_SLICE_S, SLICE_S, Work
from tests.support.fakes import World

ALERT = ProducerRecord(ALERTS, b"k", b"v")
COPY = ProducerRecord(INCIDENTS, b"k", b"v")


@pytest.fixture
def world() -> World:
    return World("fusion")


@pytest.fixture
def work(world: World) -> Work:
    return Work(world.delivery, world.clock.clock)


def test_a_slice_is_over_when_its_time_is_and_sending_it_begins_another(world: World, work: Work) -> None:
    assert not work.slice_is_over
    world.clock.seconds += SLICE_S
    assert work.slice_is_over
    work.send()
    assert not work.slice_is_over


def test_each_slice_is_twice_as_long_as_the_one_before_it_up_to_the_longest(world: World, work: Work) -> None:
    taken: list[int] = []
    for _ in range(4):
        began = world.clock.seconds
        while not work.slice_is_over:
            world.clock.seconds += SLICE_S / 3
        taken.append(round((world.clock.seconds - began) / SLICE_S))
        work.send()
    assert taken == [1, 2, round(LONGEST_SLICE_S / SLICE_S), round(LONGEST_SLICE_S / SLICE_S)]


def test_what_is_handed_over_in_a_slice_goes_out_together_and_what_is_urgent_first(
    world: World, work: Work
) -> None:
    for record in (COPY, ALERT, COPY, ALERT):
        work.hand_over([record])
    assert world.delivery.lists == []
    within = work.slice
    work.send()
    assert world.delivery.lists == [[ALERT, ALERT], [COPY, COPY]]
    assert within.sent is not None
    assert (work.slice.urgent, work.slice.sent) == ([], None)


def test_it_is_answered_when_the_last_of_it_is(world: World, work: Work) -> None:
    world.delivery.held = frozenset({ALERTS})
    for record in (COPY, ALERT, COPY):
        work.hand_over([record])
        work.send()
    assert (work.waits_for_urgent, work.is_answered) == (True, False)
    world.delivery.confirm()
    assert (work.waits_for_urgent, work.is_answered) == (False, True)


def test_nobody_waits_for_what_is_calm_but_the_end(world: World, work: Work) -> None:
    world.delivery.held = frozenset({INCIDENTS})
    work.hand_over([ALERT])
    work.hand_over([COPY])
    work.send()
    assert (work.waits_for_urgent, work.is_answered) == (False, False)


def test_a_delivery_that_failed_is_known_before_more_is_decided(world: World, work: Work) -> None:
    work.assert_not_failed()
    world.delivery.refused = frozenset({ALERTS})
    work.hand_over([COPY])
    work.hand_over([ALERT])
    work.send()
    with pytest.raises(DeliveryFailed):
        work.assert_not_failed()


def test_what_waits_for_the_delivery_is_called_in_order_at_the_end(work: Work) -> None:
    seen: list[int] = []
    for number in range(3):
        work.when_delivered(lambda number=number: seen.append(number))  # type: ignore[misc]
    assert seen == []
    work.finish()
    assert seen == [0, 1, 2]


def test_what_is_decided_elsewhere_is_waited_for_and_takes_no_place_of_what_is_urgent(
    world: World, work: Work
) -> None:
    elsewhere = Future[None]()
    work.wait_for(elsewhere)
    assert (work.is_empty, work.is_answered) == (False, False)
    assert (work.has_sent, work.waits_for_urgent) == (False, False)
    elsewhere.set_result(None)
    assert work.is_answered
    work.finish()


def test_what_fails_elsewhere_is_raised_in_the_place_of_the_end(work: Work) -> None:
    elsewhere, seen = Future[None](), list[str]()
    work.wait_for(elsewhere)
    work.when_delivered(lambda: seen.append("then"))
    elsewhere.set_exception(DeliveryFailed("refused"))
    assert work.is_answered
    with pytest.raises(DeliveryFailed):
        work.finish()
    assert seen == []


def test_nothing_handed_over_is_nothing_to_wait_for(work: Work) -> None:
    assert work.is_empty
    work.hand_over([])
    work.send()
    assert (work.is_empty, work.is_answered) == (True, True)
    work.when_delivered(lambda: None)
    assert not work.is_empty
