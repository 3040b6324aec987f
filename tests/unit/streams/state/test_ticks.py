"""Ticks are numbered, and carry the time of whoever writes them."""

import pytest

from processors.state.partition_state import State, new_state
from schemas.codec import decode
from schemas.enums import InputKind
from schemas.fusion_log import FusionInput, Tick
from schemas.topics import FUSION_INPUT
from streams.kafka.producer import ProducerRecord
from streams.state.ticks import WAKE, Ticker
from tests.support.fakes import HandClock
from tests.support.log_records import ms


@pytest.fixture
def clock() -> HandClock:
    return HandClock(0)


@pytest.fixture
def ticker(clock: HandClock) -> Ticker:
    return Ticker(clock=clock.clock)


def at_tick(number: int) -> State:
    state = new_state(0, 4)
    state.tick = number
    return state


def content(tick: ProducerRecord) -> Tick:
    return decode(decode(tick.value, FusionInput).payload, Tick)


def test_ticks_go_on_from_what_the_log_has_and_from_what_was_written(ticker: Ticker) -> None:
    numbers = [content(ticker.tick(0, at_tick(known))).number for known in (7, 7, 30)]
    assert numbers == [8, 9, 31]


def test_a_partition_without_a_state_is_woken(ticker: Ticker) -> None:
    assert content(ticker.tick(1, None)).number == WAKE


def test_a_tick_has_its_partition_no_zone_and_its_writer_s_time(ticker: Ticker, clock: HandClock) -> None:
    clock.seconds = 12
    written = ticker.tick(3, at_tick(1))
    made = decode(written.value, FusionInput)
    assert (written.topic, written.partition, written.key) == (FUSION_INPUT, 3, b"")
    assert (made.kind, made.zone, made.event_id) == (InputKind.TICK, "", "tick-3-2")
    assert content(written) == Tick(number=2, at=ms(12))


def test_two_replicas_name_a_tick_of_one_number_differently(clock: HandClock) -> None:
    names = {
        decode(Ticker(replica, clock.clock).tick(0, at_tick(1)).value, FusionInput).event_id
        for replica in ("", "b")
    }
    assert names == {"tick-0-2", "tick-0-2-b"}


def test_two_wakes_differ_in_their_bytes(ticker: Ticker, clock: HandClock) -> None:
    first = ticker.tick(0, None)
    clock.seconds = 81
    assert ticker.tick(0, None).value != first.value
