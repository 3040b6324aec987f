"""Who may say what in the log. The credential is that of one worker, with its key: enough for its own kinds only.

The verdict of who has written a record is found by its signature (tests/unit/streams/kafka/test_log_signing.py); here
it is given, as a recording gives it. On a guarded broker, with keys, it is tests/hostile/test_signed_log.py.
"""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from processors.fold.log_entry import LogEntry
from processors.fold.reducer import RECORDS, Decision
from processors.fold.skipping import skip_in
from processors.fold.snapshot_codec import dump
from processors.fold.writers import PERMITS, Writer
from processors.state.policy import policy_record
from schemas.codec import encode
from schemas.enums import (
    AckAction,
    AckReason,
    Action,
    Feed,
    Grade,
    Hazard,
    IncidentState,
    InputKind,
    PillarKind,
    Reason,
)
from schemas.errors import Cause
from schemas.fusion_log import ClockNotice, DeadLetterNotice, FeedWatermark, FusionInput
from schemas.topics import FRAMES, PILLAR_EVENTS
from streams.worker.spec import WORKERS
from tests.hostile.test_fold_door import plain
from tests.support.log_records import ZONE, ack, device, fact, ms
from tests.support.skips import skip, skip_entry
from tests.support.timeline import Timeline

WORKER_NAMES = (Writer.ALARMS, Writer.FRAMES, Writer.PLATES, Writer.FUSION)
BROADCAST = {InputKind.TICK, InputKind.POLICY, InputKind.FEED_WATERMARK, InputKind.EXPECTED_FEEDS}
PEOPLE = {
    InputKind.POLICY,
    InputKind.DEVICE,
    InputKind.MAINTENANCE,
    InputKind.EXERCISE,
    InputKind.EXPECTED_FEEDS,
}
"""Kinds that only people decide."""


class SignedLog(Timeline):
    """A log whose policy requires signatures; a record is written by whom a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.policy(replace(self.state.policy, require_signatures=True), revision=ms(0))
        self.write(Writer.OPERATOR, InputKind.DEVICE, device("P1", revision=2), at_s=1)
        self.write(Writer.OPERATOR, InputKind.DEVICE, device("P2", revision=2), at_s=1)

    def write(
        self, writer: str | None, kind: InputKind, record: msgspec.Struct, *, at_s: float, zone: str = ZONE
    ) -> tuple[Decision, ...]:
        zone = "" if kind in BROADCAST else zone
        value = encode(FusionInput(kind=kind, event_id=f"{kind}-{at_s}", zone=zone, payload=encode(record)))
        return self.push_entry(LogEntry(self.state.offset, ms(at_s), zone.encode(), value, writer))

    def pressed(self, at_s: float, device_id: str = "P1") -> Decision:
        event = fact(PillarKind.PRESS, device_id, at_s=at_s, event_id=f"press-{at_s}")
        return self.write(Writer.ALARMS, InputKind.PILLAR_EVENT, event, at_s=at_s)[0]


def record_of(kind: InputKind) -> Any:
    made = plain(RECORDS[kind])
    return replace(made, zone=ZONE) if hasattr(made, "zone") else made


@pytest.mark.parametrize("writer", ["", *WORKER_NAMES])
@pytest.mark.parametrize("kind", sorted(RECORDS, key=str))
def test_a_kind_that_is_not_its_writers_has_no_effect_but_a_blue(writer: str, kind: InputKind) -> None:
    if writer and kind in PERMITS[writer].kinds:
        return
    log = SignedLog()
    log.pressed(2)
    before = dump(log.state)
    decisions = log.write(writer, kind, record_of(kind), at_s=3)
    assert decisions[0].reason is Reason.UNEXPECTED_WRITER
    assert [alert.grade for alert in decisions[0].alerts] == [Grade.BLUE]
    assert (writer or "nobody") in str(decisions[0].detail)
    # What a person, a device or a list is concerned with is as it was.
    kept = ("devices", "policy", "policy_revision", "windows", "exercises", "expected", "watermarks", "tick")
    other = SignedLog()
    other.pressed(2)
    assert dump(other.state) == before
    for name in kept:
        assert getattr(log.state, name) == getattr(other.state, name), name


@pytest.mark.parametrize("kind", sorted(PEOPLE, key=str))
def test_what_people_decide_is_no_workers(kind: InputKind) -> None:
    assert not any(kind in PERMITS[writer].kinds for writer in WORKER_NAMES)


@pytest.mark.parametrize("require", [False, True])
@pytest.mark.parametrize("writer", ["", Writer.FRAMES, Writer.OPERATOR, Writer.FUSION])
def test_a_skip_is_told_only_where_it_is_one(writer: str, require: bool) -> None:
    """A fact that skips no record (processors/fold/skipping.py) is not told as if it did."""
    log = Timeline()
    log.policy(replace(log.state.policy, require_signatures=require), revision=ms(0))
    made = skip_entry(skip(0, partition=log.state.partition), at=log.state.offset)._replace(writer=writer)
    is_skip = skip_in(made, log.state.partition) is not None
    (alert,) = log.push_entry(made)[0].alerts
    assert (alert.reason is Reason.SKIPPED) is is_skip is (writer == Writer.FUSION)


def test_a_press_of_nobody_is_held_to_its_bounds_and_says_so() -> None:
    log = SignedLog()
    event = fact(PillarKind.PRESS, "P1" * 100, at_s=2, event_id="forged")
    heard, told = log.write(Writer.FRAMES, InputKind.PILLAR_EVENT, event, at_s=2)
    assert (heard.bounded, told.bounded) == (("PillarFact.device_id",), ())


def test_frames_cannot_cancel_a_red_as_the_duty_officer() -> None:
    log = SignedLog()
    (alert,) = log.pressed(2).alerts
    given = ack(alert.incident_id, AckAction.CANCEL, at_s=3, revision=1, reason=AckReason.FALSE_ALARM)
    (decision,) = log.write(Writer.FRAMES, InputKind.ACKNOWLEDGEMENT, given, at_s=3)
    assert decision.reason is Reason.UNEXPECTED_WRITER
    assert decision.result is None
    assert log.state.incidents[alert.incident_id].state is IncidentState.RAISED
    (accepted,) = log.write(Writer.ALARMS, InputKind.ACKNOWLEDGEMENT, given, at_s=4)
    assert [each.action for each in accepted.alerts] == [Action.CANCEL]


@pytest.mark.parametrize("writer", ["", Writer.FRAMES, Writer.PLATES, Writer.FUSION])
def test_a_press_that_alarms_has_not_written_is_heard_and_told(writer: str) -> None:
    log = SignedLog()
    event = fact(PillarKind.PRESS, "P1", at_s=2, event_id="forged")
    heard, told = log.write(writer, InputKind.PILLAR_EVENT, event, at_s=2)
    assert [alert.grade for alert in heard.alerts] == [Grade.RED]
    assert [alert.grade for alert in told.alerts] == [Grade.BLUE]
    assert told.reason is Reason.UNEXPECTED_WRITER


def test_a_forged_press_takes_nothing_from_the_real_one() -> None:
    """The same device, the same id, in the same moment."""
    log = SignedLog()
    event = fact(PillarKind.PRESS, "P1", at_s=2, event_id="press-2")
    log.write(Writer.FRAMES, InputKind.PILLAR_EVENT, event, at_s=2)
    (alert,) = log.pressed(2).alerts
    assert alert.zone == ZONE
    assert alert.reason is Reason.FIRST_FACT


@pytest.mark.parametrize("kind", [PillarKind.RELEASE, PillarKind.CANCEL, PillarKind.TEST])
def test_no_other_worker_can_speak_for_a_pillar(kind: PillarKind) -> None:
    log = SignedLog()
    log.pressed(2)
    event = fact(kind, "P1", at_s=3, event_id="forged")
    (decision,) = log.write(Writer.FRAMES, InputKind.PILLAR_EVENT, event, at_s=3)
    assert decision.reason is Reason.UNEXPECTED_WRITER


@pytest.mark.parametrize(
    ("writer", "kind", "record"),
    [
        (
            Writer.FRAMES,
            InputKind.FEED_WATERMARK,
            FeedWatermark(feed=Feed.PILLARS, topic=PILLAR_EVENTS, partitions=(0,), at=ms(3)),
        ),
        (
            Writer.FRAMES,
            InputKind.DEAD_LETTER,
            DeadLetterNotice(
                feed=Feed.PILLARS,
                topic=PILLAR_EVENTS,
                partition=0,
                offset=1,
                cause=Cause.UNDECODABLE,
                at=ms(3),
            ),
        ),
        (
            Writer.ALARMS,
            InputKind.FEED_WATERMARK,
            FeedWatermark(feed=Feed.CAMERAS, topic=FRAMES, partitions=(0,), at=ms(3)),
        ),
        (Writer.PLATES, InputKind.CLOCK, ClockNotice(worker="fusion@a", apart_ms=9, differs=True, at=ms(3))),
        (Writer.PLATES, InputKind.CLOCK, ClockNotice(worker="platesx@a", apart_ms=9, differs=True, at=ms(3))),
    ],
)
def test_nobody_reports_for_a_feed_or_worker_of_another(
    writer: Writer, kind: InputKind, record: msgspec.Struct
) -> None:
    assert SignedLog().write(writer, kind, record, at_s=3)[0].reason is Reason.UNEXPECTED_WRITER


def test_its_own_feed_and_clock_it_may_report() -> None:
    log = SignedLog()
    mark = FeedWatermark(feed=Feed.CAMERAS, topic=FRAMES, partitions=(0,), at=ms(3))
    assert log.write(Writer.FRAMES, InputKind.FEED_WATERMARK, mark, at_s=3)[0].reason is Reason.FEED_STATUS
    clock = ClockNotice(worker="plates.b@host", apart_ms=9_000, differs=True, at=ms(3))
    assert log.write(Writer.PLATES, InputKind.CLOCK, clock, at_s=3)[0].reason is not Reason.UNEXPECTED_WRITER


def test_nobody_but_an_operator_turns_the_requirement_off() -> None:
    log = SignedLog()
    off = replace(log.state.policy, require_signatures=False)
    for writer in ("", *WORKER_NAMES):
        log.write(writer, InputKind.POLICY, policy_record(off, ms(5)), at_s=5)
        assert log.state.policy.require_signatures
    log.write(Writer.OPERATOR, InputKind.POLICY, policy_record(off, ms(6)), at_s=6)
    assert not log.state.policy.require_signatures


def test_a_flood_of_forged_records_is_one_incident_and_few_alerts() -> None:
    log = SignedLog()
    told = 0
    for number in range(2_000):
        given = ack("x", AckAction.NOTE, at_s=3, ack_id=str(number))
        decisions = log.write(Writer.FRAMES, InputKind.ACKNOWLEDGEMENT, given, at_s=3 + number / 1_000)
        told += sum(len(decision.alerts) for decision in decisions)
    assert told == 1
    assert len([each for each in log.state.incidents.values() if each.hazard is Hazard.FEED_FAULT]) == 1


def test_where_nobody_has_looked_every_record_counts() -> None:
    """A replay without keys, and a site that has turned the requirement on before `fusion` had its keys."""
    log = SignedLog()
    assert (
        log.write(None, InputKind.DEVICE, device("P3", revision=9), at_s=3)[0].reason is Reason.DEVICE_UPDATED
    )


def test_without_the_requirement_a_signature_is_not_asked_for() -> None:
    line = Timeline()
    value = encode(
        FusionInput(kind=InputKind.DEVICE, event_id="e", zone=ZONE, payload=encode(device("P3", revision=9)))
    )
    (decision,) = line.push_entry(LogEntry(line.state.offset, ms(3), ZONE.encode(), value, ""))
    assert decision.reason is Reason.DEVICE_UPDATED


def test_every_worker_has_a_permit_for_the_topics_that_it_reads() -> None:
    for name, spec in WORKERS.items():
        lists = {topic for topic in spec.follows if topic in spec.tables}
        assert PERMITS[name].topics >= {*spec.reads, *lists}, name
