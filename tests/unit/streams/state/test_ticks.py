"""Ticks are numbered, and what comes back of them shows whether the broker's clock is ours."""

from typing import Any

import pytest

from processors.state.partition_state import State, new_state
from schemas.codec import decode
from schemas.errors import ClockDiffers
from schemas.fusion_log import FusionInput, Tick
from schemas.units import EpochMs
from streams.kafka.producer import ProducerRecord
from streams.state.ticks import WAKE, Ticker
from streams.worker.metrics import Metrics
from tests.support.fakes import HandClock, consumed
from tests.support.log_records import ms

NOW = ms(0)
GIVE_UP_S = 90.0


@pytest.fixture
def clock() -> HandClock:
    return HandClock(0)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def ticker(clock: HandClock, metrics: Metrics) -> Ticker:
    return Ticker(metrics, GIVE_UP_S, clock=clock.clock)


def at_tick(number: int) -> State:
    state = new_state(0, 4)
    state.tick = number
    return state


def number_of(tick: ProducerRecord) -> int:
    return decode(decode(tick.value, FusionInput).payload, Tick).number


def appended(tick: ProducerRecord, after_ms: int) -> list[Any]:
    """The tick as it is read back, between others."""
    record = consumed(tick.value, topic=tick.topic, at=EpochMs(NOW + after_ms))
    return [consumed(b"a fact", topic=tick.topic, key=b"east"), record]


def test_ticks_go_on_from_what_the_log_has_and_from_what_was_sent(ticker: Ticker) -> None:
    assert number_of(ticker.tick(0, at_tick(7))) == 8
    assert number_of(ticker.tick(0, at_tick(7))) == 9
    assert number_of(ticker.tick(0, at_tick(30))) == 31
    assert number_of(ticker.tick(1, None)) == WAKE


@pytest.mark.parametrize("apart_ms", [1_001, -1_001, 60_000])
def test_no_tick_is_written_while_the_clocks_are_more_than_a_second_apart(
    ticker: Ticker, metrics: Metrics, apart_ms: int
) -> None:
    ticker.read_back(appended(ticker.tick(0, at_tick(1)), apart_ms))
    assert not ticker.clocks_agree
    assert number_of(ticker.tick(0, at_tick(1))) == WAKE
    found = metrics.registry.get_sample_value("callbox_clock_difference_seconds")
    assert found == apart_ms / 1000


@pytest.mark.parametrize("apart_ms", [0, 5, 1_000, -1_000])
def test_up_to_a_second_is_what_networks_and_clocks_do(ticker: Ticker, apart_ms: int) -> None:
    ticker.read_back(appended(ticker.tick(0, at_tick(1)), apart_ms))
    assert ticker.clocks_agree
    assert number_of(ticker.tick(0, at_tick(2))) == 3


def test_a_clock_that_is_mended_ticks_again(ticker: Ticker) -> None:
    ticker.read_back(appended(ticker.tick(0, at_tick(1)), 5_000))
    probe = ticker.tick(0, at_tick(1))
    ticker.read_back(appended(probe, 3))
    assert ticker.clocks_agree
    assert number_of(ticker.tick(0, at_tick(1))) > 1


def test_a_worker_with_a_wrong_clock_ends_after_a_while(ticker: Ticker, clock: HandClock) -> None:
    ticker.read_back(appended(ticker.tick(0, at_tick(1)), 5_000))
    clock.seconds = GIVE_UP_S
    ticker.tick(0, at_tick(1))
    clock.seconds = GIVE_UP_S + 1
    with pytest.raises(ClockDiffers, match="more than 1000 ms apart for 90 s"):
        ticker.tick(0, at_tick(1))


def test_only_our_own_last_tick_says_anything(ticker: Ticker) -> None:
    ours = ticker.tick(0, at_tick(1))
    others = Ticker(Metrics(), GIVE_UP_S).tick(0, at_tick(40))
    ticker.read_back(appended(others, 9_000))
    assert ticker.clocks_agree
    ticker.read_back(appended(ours, 9_000))
    assert not ticker.clocks_agree


def test_a_slow_broker_has_no_wrong_clock(ticker: Ticker, clock: HandClock) -> None:
    tick = ticker.tick(0, at_tick(1))
    clock.seconds = 4.0  # so long it took until the tick was read back
    ticker.read_back(appended(tick, 3_500))
    assert ticker.clocks_agree
