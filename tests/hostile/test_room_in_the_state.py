"""What one writer makes the fold remember leaves room for what others report.

The credential is that of a gateway, for records that nobody can use; that of one worker with its key, for its own
clock; and that of any worker where no signatures are required, for feeds that are expected.
"""

from msgspec.structs import replace

from processors.fold.writers import Writer
from processors.rules import feed_loss, unexpected_source
from processors.rules.feed import MAX_PARTITIONS, MAX_WATERMARKS
from schemas.enums import Feed, Grade, Hazard, InputKind, PillarKind, Reason
from schemas.errors import Cause
from schemas.fusion_log import ClockNotice, DeadLetterNotice, ExpectedFeeds, FeedBrokenNotice, FeedWatermark
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import PILLAR_EVENTS
from tests.hostile.test_log_writers import SignedLog
from tests.support.log_records import device, fact, ms
from tests.support.timeline import Timeline


def letter(partition: int, offset: int, at_s: float, cause: Cause, topic: str) -> DeadLetterNotice:
    return DeadLetterNotice(
        feed=Feed.PILLARS, topic=topic, partition=partition, offset=offset, cause=cause, at=ms(at_s)
    )


def test_a_flood_of_unknown_devices_hides_no_record_that_may_be_a_press() -> None:
    """Heartbeats of made-up devices, beside an unreadable record that another partition brings a little later."""
    line = Timeline(zone=UNASSIGNED_ZONE)
    for number in range(200):
        line.push(letter(0, number, 10 + number / 100, Cause.UNKNOWN_DEVICE, f"{PILLAR_EVENTS}.a"), at_s=13)
    hidden = letter(1, 0, 10.5, Cause.UNDECODABLE, f"{PILLAR_EVENTS}.b")
    decision = line.push(hidden, at_s=13)
    assert [(alert.hazard, alert.grade) for alert in decision.alerts] == [(Hazard.FEED_FAULT, Grade.BLUE)]
    assert line.push(hidden, at_s=13.1).reason is Reason.DUPLICATE


def test_clocks_of_made_up_machines_leave_room_for_every_other_worker_and_for_ticks() -> None:
    for differs in (False, True):
        line = SignedLog()
        for number in range(300):
            given = ClockNotice(worker=f"frames@{number}", apart_ms=9_000, differs=differs, at=ms(3))
            line.write(Writer.FRAMES, InputKind.CLOCK, given, at_s=3, zone=line.zone)
        assert len(line.state.incidents) <= 101
        given = ClockNotice(worker="alarms@a", apart_ms=9_000_000, differs=True, at=ms(4))
        told = line.write(Writer.ALARMS, InputKind.CLOCK, given, at_s=4, zone=line.zone)
        assert [alert.hazard for decision in told for alert in decision.alerts] == [Hazard.CLOCK_DIFFERS]


def test_the_clock_of_the_ticks_is_compared_whatever_workers_have_said_of_theirs() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    for number in range(120):
        line.push(ClockNotice(worker=f"frames@{number}", apart_ms=0, differs=False, at=ms(1)), at_s=1)
    for second in range(2, 400):
        line.tick(second, clock_s=second - 100)
    assert [alert.hazard for alert in line.alerts] == [Hazard.CLOCK_DIFFERS]


def test_a_worker_that_makes_up_places_of_losses_has_a_bounded_number_of_incidents() -> None:
    line = SignedLog()
    for number in range(feed_loss.MAX_OPEN + 800):
        lost = FeedBrokenNotice(
            topic=f"{PILLAR_EVENTS}.gw-{number % 3}",
            worker="alarms@a",
            partition=number // 3,
            expected=0,
            found=5,
            records=5,
            cause=Cause.RECORDS_MISSING,
            at=ms(3),
        )
        line.write(Writer.ALARMS, InputKind.FEED_BROKEN, lost, at_s=3 + number / 100, zone=line.zone)
    assert len(line.state.incidents) == feed_loss.MAX_OPEN + 1
    (others,) = (each for each in line.state.incidents.values() if each.place_key.startswith("*"))
    assert others.source_count == 800
    assert f"{PILLAR_EVENTS}.gw-2/66" in others.devices
    # One that has an incident is still told in it.
    told = line.write(
        Writer.ALARMS, InputKind.FEED_BROKEN, replace(lost, partition=0, found=9, at=ms(900)), at_s=900
    )
    assert [alert.reason for alert in told[0].alerts] == [Reason.MORE_RECORDS], told


def test_made_up_sources_of_a_bound_device_have_a_bounded_number_of_incidents() -> None:
    line = Timeline(device(source="gw-1"))
    for number in range(unexpected_source.MAX_OPEN + 300):
        at_s = 1 + number / 10
        event = replace(fact(PillarKind.TEST, at_s=at_s, event_id="e"), source=f"gw-{number + 2}")
        line.push(event, at_s=at_s)
    assert len(line.state.incidents) == unexpected_source.MAX_OPEN + 1
    assert max(each.source_count for each in line.state.incidents.values()) == 300


def test_partitions_of_gateways_that_nobody_has_are_bounded() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    topics = tuple(f"{PILLAR_EVENTS}.gw-{number}" for number in range(30))
    line.push(ExpectedFeeds(revision=ms(1), topics=topics), at_s=1, zone="")
    all_partitions = tuple(range(MAX_PARTITIONS))
    first = [(topic, (0,)) for topic in topics]
    for topic, partitions in (*first, *((topic, all_partitions) for topic in (*topics, PILLAR_EVENTS))):
        mark = FeedWatermark(
            feed=Feed.PILLARS, topic=topic, partitions=partitions, at=ms(2 + len(partitions) / 1_000)
        )
        decision = line.push(mark, at_s=2, zone="")
    assert MAX_PARTITIONS < len(line.state.watermarks) <= MAX_WATERMARKS + MAX_PARTITIONS
    assert decision.reason is Reason.FEED_STATUS
    told = line.run(3, 200)
    assert {alert.hazard for alert in told} == {Hazard.FEED_SILENT}
