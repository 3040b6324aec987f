"""Ticks are numbered, and carry the time of whoever writes them."""

import pytest

from processors.fold.log_entry import LogEntry
from processors.fold.reducer import fold
from processors.state.partition_state import State, new_state
from schemas.codec import decode
from schemas.enums import InputKind, Reason
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


def test_two_wakes_differ_in_their_bytes_also_within_a_millisecond(ticker: Ticker) -> None:
    wakes = [ticker.tick(0, None) for _ in range(3)]
    assert len({wake.value for wake in wakes}) == 3
    names = {decode(wake.value, FusionInput).event_id for wake in wakes}
    assert len(names) == 3


def test_the_fold_takes_a_wake_for_a_repeated_tick_whatever_its_name(ticker: Ticker) -> None:
    """It advances nothing, and its writer's clock is not compared with the broker's."""
    wake = ticker.tick(0, None)
    state = new_state(0, 4)
    state, (decision,) = fold(state, LogEntry(0, ms(500), wake.key, wake.value))
    assert (decision.reason, decision.alerts, state.tick) == (Reason.DUPLICATE, (), 0)
