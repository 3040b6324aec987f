"""The worker's clock beside the broker's: what is measured, when it is told, and that nothing stops."""

from dataclasses import replace as replaced

import pytest

from schemas.codec import decode
from schemas.enums import InputKind
from schemas.fusion_log import ClockNotice, FusionInput
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import ALERTS, FUSION_INPUT
from schemas.units import EpochMs
from streams.kafka.producer import ProducerRecord, RecordMetadata
from streams.worker.clock_watch import AGAIN_S, READINGS, ClockWatch, Reading, read_clocks, worker_name
from tests.support.fakes import World, run
from tests.support.log_records import ms

RECORD = ProducerRecord(ALERTS, b"k", b"v")


class Watched:
    """A clock watch of a worker whose broker's clock is ahead of its own by `apart_s`."""

    def __init__(self) -> None:
        self.world = World("fusion")
        self.watch = ClockWatch(self.world.context)
        self.apart_s = 0.0
        self.stamps = True
        self.world.delivery.stamp = self._stamp

    def _stamp(self) -> EpochMs | None:
        return ms(self.world.clock.seconds + self.apart_s) if self.stamps else None

    def read(self, times: int = 1, every_s: float = 1.0) -> None:
        for _ in range(times):
            run(self.watch.deliver([RECORD]))
            self.world.clock.seconds += every_s

    @property
    def facts(self) -> list[FusionInput]:
        return self.world.delivery.decoded(FUSION_INPUT, FusionInput)

    @property
    def told(self) -> list[ClockNotice]:
        return [decode(fact.payload, ClockNotice) for fact in self.facts]


@pytest.fixture
def watched() -> Watched:
    """After a start at which the clocks agreed: that was told once."""
    made = Watched()
    made.read(READINGS)
    assert [notice.differs for notice in made.told] == [False]
    made.world.delivery.lists.clear()
    return made


@pytest.mark.parametrize("apart_s", [1.001, -1.001, 60, -81, 3_600])
def test_a_difference_is_told_after_three_readings_and_seen_at_once(watched: Watched, apart_s: float) -> None:
    watched.apart_s = apart_s
    watched.read(READINGS - 1)
    assert watched.told == []
    assert not watched.watch.agrees()
    assert watched.world.count("callbox_clock_difference_seconds") == apart_s
    at = ms(watched.world.clock.seconds + apart_s)
    watched.read()
    assert watched.told == [
        ClockNotice(worker="fusion@host-1", apart_ms=round(apart_s * 1000), differs=True, at=at)
    ]


@pytest.mark.parametrize("apart_s", [0, 0.005, 1, -1])
def test_up_to_a_second_is_what_networks_and_clocks_do(watched: Watched, apart_s: float) -> None:
    watched.apart_s = apart_s
    watched.read(100)
    assert watched.told == []
    assert watched.watch.agrees()


def test_a_notice_is_a_fact_of_the_unassigned_zone_whose_id_is_of_its_time(watched: Watched) -> None:
    watched.apart_s = 5
    watched.read(READINGS + int(AGAIN_S))
    sent = watched.world.delivery.to(FUSION_INPUT)
    assert {record.key for record in sent} == {UNASSIGNED_ZONE.encode()}
    assert {(fact.kind, fact.zone) for fact in watched.facts} == {(InputKind.CLOCK, UNASSIGNED_ZONE)}
    assert len({fact.event_id for fact in watched.facts}) == len(watched.facts) == 2


def test_while_it_goes_on_it_is_told_once_a_minute(watched: Watched) -> None:
    watched.apart_s = 5
    watched.read(READINGS + 300)
    assert [notice.differs for notice in watched.told] == [True] * 6


def test_that_it_is_over_is_told_once(watched: Watched) -> None:
    watched.apart_s = 5
    watched.read(READINGS)
    watched.apart_s = 0.01
    watched.read()
    assert watched.watch.agrees()
    assert [notice.differs for notice in watched.told] == [True]
    watched.read(200)
    assert [notice.differs for notice in watched.told] == [True, False]


def test_one_odd_reading_is_not_told_and_does_not_end_what_is(watched: Watched) -> None:
    for _ in range(30):
        watched.apart_s = 9
        watched.read(READINGS - 1)
        watched.apart_s = 0
        watched.read()
    assert watched.told == []
    watched.apart_s = 9
    watched.read(READINGS)
    watched.apart_s = 0
    watched.read()
    watched.apart_s = 9
    watched.read()
    assert [notice.differs for notice in watched.told] == [True]


def test_a_worker_that_starts_tells_how_its_clock_is_whatever_was_told_before() -> None:
    """The process before it may have ended while the clocks differed."""
    started = Watched()
    started.read(READINGS)
    assert [notice.differs for notice in started.told] == [False]
    wrong = Watched()
    wrong.apart_s = -30
    wrong.read(READINGS)
    assert [notice.differs for notice in wrong.told] == [True]


def test_a_broker_that_does_not_stamp_says_nothing() -> None:
    watched = Watched()
    watched.stamps = False
    watched.read(200)
    assert watched.told == []
    assert watched.watch.agrees()


def test_a_reading_of_a_minute_ago_says_nothing_of_now(watched: Watched) -> None:
    watched.apart_s = 5
    watched.read(READINGS)
    assert not watched.watch.agrees()
    watched.world.clock.seconds += AGAIN_S
    assert watched.watch.agrees()


def test_what_is_delivered_is_as_without_a_watch(watched: Watched) -> None:
    run(watched.watch.deliver([RECORD, RECORD]))
    assert watched.world.delivery.to(ALERTS) == [RECORD, RECORD]
    run(watched.watch.deliver([]))


def test_what_is_written_one_by_one_within_a_second_is_one_reading(watched: Watched) -> None:
    """Three ticks in one second are not three readings in a row, and the one that is furthest off counts."""
    watched.apart_s = 5

    async def one_second() -> None:
        readings = [await watched.watch.compare([RECORD]) for _ in range(READINGS)]
        agreed = Reading(0, ms(watched.world.clock.seconds))
        await watched.watch.note([agreed, *readings, None])

    for _ in range(READINGS - 1):
        run(one_second())
        watched.world.clock.seconds += 1
    assert (watched.told, watched.watch.agrees()) == ([], False)
    run(one_second())
    assert [notice.apart_ms for notice in watched.told] == [5_000]


def test_a_second_without_a_reading_changes_nothing(watched: Watched) -> None:
    run(watched.watch.note([None, None]))
    assert watched.watch.agrees()


@pytest.mark.parametrize(
    ("appended", "apart"), [(99, -1), (100, 0), (140, 0), (200, 0), (201, 1), (3_000, 2_800)]
)
def test_what_counts_is_the_time_outside_of_that_in_which_a_record_was_on_its_way(
    appended: int, apart: int
) -> None:
    place = RecordMetadata("topic", 0, 0, EpochMs(appended))
    assert read_clocks([place], EpochMs(100), EpochMs(200)) == Reading(apart, EpochMs(appended))


def test_of_several_brokers_the_one_that_is_furthest_off_counts() -> None:
    places = [RecordMetadata("topic", n, 0, at) for n, at in enumerate(map(EpochMs, (150, 40, 230)))]
    places.append(RecordMetadata("topic", 3, 0))
    assert read_clocks(places, EpochMs(100), EpochMs(200)) == Reading(-60, EpochMs(40))
    assert read_clocks([], EpochMs(100), EpochMs(200)) is None


def test_a_worker_is_named_with_its_replica_and_its_machine() -> None:
    context = World("alarms").context
    assert worker_name(context) == "alarms@host-1"
    assert worker_name(replaced(context, replica="b")) == "alarms.b@host-1"
    assert len(worker_name(replaced(context, host="h" * 255))) <= 128
