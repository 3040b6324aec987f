"""Zones that nobody has registered, in the log: the credential is that of one worker, with or without its key.

A partition has one zone for what belongs to none of its own. Presses of devices that no registry names are one group
there, whatever zone they name, and what a worker says of feeds and lists is told there.
"""

from collections import Counter
from itertools import count, islice

import msgspec
import pytest

from processors.fold.writers import Writer
from processors.state.partition_state import unassigned_zone
from schemas.enums import Feed, Grade, InputKind, PillarKind, Reason
from schemas.errors import Cause
from schemas.fusion_log import DeadLetterNotice, FeedBrokenNotice, ListAge
from schemas.partitioning import partition_of
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import FRAMES, HOTLIST
from tests.hostile.test_log_writers import SignedLog
from tests.support.log_records import PARTITIONS, ZONE, entry, envelope, fact, ms
from tests.support.timeline import Timeline

MOST_REDS = 80
"""Single incidents, the group, and how often it is told in 20 seconds."""


def made_up(partition: int, number: int) -> list[str]:
    names = (f"made-up-{each}" for each in count())
    return list(islice((name for name in names if partition_of(name, PARTITIONS) == partition), number))


def reds_of(line: Timeline) -> int:
    return sum(alert.grade is Grade.RED for alert in line.alerts)


@pytest.mark.parametrize("writer", ["", Writer.FRAMES])
def test_forged_presses_are_one_group_in_every_partition(writer: str) -> None:
    log = SignedLog()
    assert unassigned_zone(log.state.partition, PARTITIONS) != UNASSIGNED_ZONE
    for number in range(2_000):
        event = fact(PillarKind.PRESS, f"X{number}", at_s=3 + number / 100, event_id=f"e{number}")
        log.write(writer, InputKind.PILLAR_EVENT, event, at_s=3 + number / 100)
    assert 20 < reds_of(log) < MOST_REDS
    assert len(log.state.incidents) < MOST_REDS
    group = max(log.state.incidents.values(), key=lambda incident: incident.press_count)
    assert group.press_count > 1_900
    assert group.zone == unassigned_zone(log.state.partition, PARTITIONS)
    real = log.pressed(24)
    assert [(alert.reason, alert.zone) for alert in real.alerts] == [(Reason.FIRST_FACT, ZONE)]


@pytest.mark.parametrize("zone", [ZONE, "elsewhere", "made up"])
def test_presses_of_unregistered_devices_are_one_group_whatever_zone_they_name(zone: str) -> None:
    line = Timeline()
    zones = made_up(line.state.partition, 2_000) if zone == "made up" else [zone] * 2_000
    for number, each in enumerate(zones):
        at_s = 1 + number / 100
        given = envelope(fact(PillarKind.PRESS, f"X{number}", at_s=at_s, event_id=f"e{number}"), zone=each)
        line.push_entry(entry(given, offset=line.state.offset, append_ms=ms(at_s)))
    assert 20 < reds_of(line) < MOST_REDS
    assert line.press(25).reason is Reason.FIRST_FACT


SAID: dict[str, tuple[Writer, InputKind, msgspec.Struct]] = {
    "a list's age": (
        Writer.PLATES,
        InputKind.LIST_AGE,
        ListAge(feed=Feed.HOTLIST, topic=HOTLIST, newest_at=ms(3), stale=True),
    ),
    "records that were never read": (
        Writer.FRAMES,
        InputKind.FEED_BROKEN,
        FeedBrokenNotice(
            topic=FRAMES,
            worker="frames@a",
            partition=0,
            expected=0,
            found=5,
            cause=Cause.RECORDS_MISSING,
            at=ms(3),
        ),
    ),
    "a record in quarantine": (
        Writer.FRAMES,
        InputKind.DEAD_LETTER,
        DeadLetterNotice(
            feed=Feed.CAMERAS, topic=FRAMES, partition=0, offset=7, cause=Cause.QUARANTINED, at=ms(3)
        ),
    ),
}


@pytest.mark.parametrize("what", SAID)
def test_a_worker_that_makes_up_zones_has_one_incident(what: str) -> None:
    log = SignedLog()
    writer, kind, record = SAID[what]
    told: Counter[str] = Counter()
    for number, zone in enumerate(made_up(log.state.partition, 1_000)):
        for decision in log.write(writer, kind, record, at_s=3 + number / 100, zone=zone):
            told.update(alert.zone for alert in decision.alerts)
    assert told == {unassigned_zone(log.state.partition, PARTITIONS): 1}
    assert len(log.state.incidents) == 1
    assert len(log.state.feeds) <= 1
