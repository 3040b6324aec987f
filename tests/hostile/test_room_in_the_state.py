"""What one writer makes the fold remember leaves room for what others report.

The credential is that of a gateway, for records that nobody can use; that of one worker with its key, for its own
clock; and that of any worker where no signatures are required, for feeds that are expected.
"""

from processors.fold.writers import Writer
from schemas.enums import Feed, Grade, Hazard, InputKind, Reason
from schemas.errors import Cause
from schemas.fusion_log import ClockNotice, DeadLetterNotice
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import PILLAR_EVENTS
from tests.hostile.test_log_writers import SignedLog
from tests.support.log_records import ms
from tests.support.timeline import Timeline


def letter(partition: int, offset: int, at_s: float, cause: Cause, topic: str) -> DeadLetterNotice:
    return DeadLetterNotice(
        feed=Feed.PILLARS, topic=topic, partition=partition, offset=offset, cause=cause, at=ms(at_s)
    )


def test_a_flood_of_unknown_devices_hides_no_record_that_may_be_a_press() -> None:
    """Heartbeats of made-up devices, beside an unreadable record that another partition brings a little later."""
    line = Timeline(zone=UNASSIGNED_ZONE)
    for number in range(200):
        line.push(
            letter(0, number, 10 + number / 100, Cause.UNKNOWN_DEVICE, f"{PILLAR_EVENTS}.a"), at_s=13
        )
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
