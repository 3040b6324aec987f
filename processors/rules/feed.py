"""Whether feeds are read, and whether lists are fresh, as the workers that read them report.

    watermark      ─► these partitions have been read without a gap until now; a silent feed may have recovered
    list age       ─► a blue while a list is too old to be matched against (requirement 19)
    expected feeds ─► feeds through which devices of the registry report, so that one that is never read is noticed
    no report      ─► a blue: nobody reads the feed, so no device can be found silent

All partitions of a feed together are one incident (docs/requirements.md, F8). Conditions that belong to no zone are
reported in the zone `unassigned`, by the partition that holds it. Until 0.4.0 workers wrote one record for watermarks,
list ages, dead letters and broken logs, `FeedStatus`; an older log is read as if it held the four.
"""

from collections.abc import Collection

from msgspec.structs import replace

from processors.incident.device_condition import ConditionSignal, on_active, on_cleared
from processors.incident.listening import hole_ms
from processors.incident.matching import by_name, fault_name
from processors.rules.clock import compare_watermark
from processors.rules.occurrence import dead_letter, log_broken
from processors.state.effect import Effect, ExpectFeeds, PutFeed, PutWatermarks, SetTimer
from processors.state.entities import Timer, TimerKind, Watermark, WatermarkKey
from processors.state.event_ids import EventIdWindow, add_event, check_event
from processors.state.partition_state import State
from processors.state.times import AHEAD_MS
from schemas.enums import Feed, FeedState, Hazard, Reason
from schemas.fusion_log import (
    DeadLetterNotice,
    ExpectedFeeds,
    FeedStatus,
    FeedWatermark,
    FusionInput,
    ListAge,
    LogBrokenNotice,
)
from schemas.partitioning import partition_of
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import FRAMES, HOTLIST, PILLAR_EVENTS, PLATE_READS, REGISTRY, gateway_of
from schemas.units import SECOND_MS, EpochMs

FEEDS = frozenset({PILLAR_EVENTS, FRAMES, PLATE_READS, HOTLIST, REGISTRY})
"""Topics that a worker may report as read, or a list as old. Names that anybody has made up leave no trace."""


def is_feed(state: State, topic: str) -> bool:
    """Whether a worker may report a topic as read: a feed, or that of a gateway which the registry expects."""
    return topic in FEEDS or (topic in state.expected and gateway_of(topic) is not None)


MAX_PARTITIONS = 1_000
"""Partitions of a feed that are supervised; the largest catalogue topic has 12."""

MAX_WATERMARKS = 10_000
"""Partitions of all feeds together, beyond which no further one of a single sender's topic is supervised; a county has
tens of gateways. Such a topic is told to be silent."""

STEP_MS = SECOND_MS // 2
"""Watermarks come once a second: copies that come together are no step."""


def feed_watermark(state: State, _envelope: FusionInput, mark: FeedWatermark) -> Effect:
    """Decide about partitions that have been read without a gap. A copy is recognised by its time, which rises."""
    if not is_feed(state, mark.topic) or not all(0 <= number < MAX_PARTITIONS for number in mark.partitions):
        return Effect(Reason.NOT_SUPPORTED)
    if mark.topic not in FEEDS and not _has_room(state, mark):
        return Effect(Reason.NOT_SUPPORTED)
    marked = {number: _marked(state, (mark.topic, number), mark.at) for number in mark.partitions}
    puts = tuple((number, watermark) for number, watermark in marked.items() if watermark is not None)
    newer = {number for number, watermark in puts if watermark.doubt is None}
    if mark.partitions and not newer:
        return Effect(Reason.DUPLICATE, (), (PutWatermarks(mark.topic, puts),))
    puts += _never_read(state, mark)
    gone = _gone(state, mark) if mark.partition_count > 0 else ()
    is_first = not any(topic == mark.topic for topic, _ in state.watermarks)
    timers = (_timer(state, mark.topic),) if is_first and mark.topic not in state.expected else ()
    forgotten = tuple((number, None) for number in gone)
    read = Effect(Reason.FEED_STATUS, (), (PutWatermarks(mark.topic, (*puts, *forgotten)), *timers))
    return read.then(_heard(state, mark.topic, newer, gone, mark.at), compare_watermark(state, mark))


def _has_room(state: State, mark: FeedWatermark) -> bool:
    """Whether the partitions that a report names find room, also those that it only counts."""
    named = {*mark.partitions, *range(min(mark.partition_count, MAX_PARTITIONS))}
    added = sum((mark.topic, number) not in state.watermarks for number in named)
    return not added or len(state.watermarks) + added <= MAX_WATERMARKS


def _marked(state: State, key: WatermarkKey, at: EpochMs) -> Watermark | None:
    """The watermark of a partition after a report of it; None for a copy.

    A copy is older than what is known, and so is what a writer says whose clock has been set back. Copies come all at
    once; the writer goes on, in step with stream time.
    """
    known, now = state.watermarks.get(key), state.now
    if known is None:
        return Watermark(at, now, now)
    if at <= known.at <= now + AHEAD_MS:
        if at == known.at or (known.doubt is not None and at == known.doubt[0]):
            return None
        if known.doubt is None or not _in_step(known.doubt, (at, now)):
            return replace(known, doubt=(at, now))
    is_hole = now - known.reported_at > hole_ms(key[0])
    return Watermark(at, now, now if is_hole else known.since)


def _in_step(before: tuple[EpochMs, EpochMs], after: tuple[EpochMs, EpochMs]) -> bool:
    """Whether a writer's clock and stream time have gone on together between two watermarks."""
    said_ms, passed_ms = after[0] - before[0], after[1] - before[1]
    return passed_ms >= STEP_MS and abs(said_ms - passed_ms) < STEP_MS


def _never_read(state: State, mark: FeedWatermark) -> tuple[tuple[int, Watermark], ...]:
    """Partitions that the topic has and that nobody has reported: they are waited for from now on (F8)."""
    numbers = range(min(mark.partition_count, MAX_PARTITIONS))
    return tuple(
        (number, Watermark(EpochMs(0), state.now, state.now))
        for number in numbers
        if number not in mark.partitions and (mark.topic, number) not in state.watermarks
    )


def _gone(state: State, mark: FeedWatermark) -> tuple[int, ...]:
    """The partitions that the topic has no longer.

    A worker that was started before partitions were added does not know them, so what is still read is kept.
    """
    return tuple(
        number
        for (topic, number), known in state.watermarks.items()
        if topic == mark.topic
        and number >= mark.partition_count
        and state.now - known.reported_at >= state.policy.feed_silent_ms
    )


def _heard(state: State, topic: str, read: set[int], gone: Collection[int], at: EpochMs) -> Effect:
    """Clear the silence of a feed when all its partitions are read again."""
    silent = by_name(state, UNASSIGNED_ZONE, fault_name(Hazard.FEED_SILENT, topic))
    is_closed = (UNASSIGNED_ZONE, fault_name(Hazard.FEED_SILENT, topic)) in state.closed_faults
    earlier = _of_partitions(state, topic, read, at)
    if (silent is None or not silent.active) and not is_closed:
        return earlier
    others = _unread(state, topic, read, gone)
    if others:
        return earlier
    return on_cleared(state, _silence_signal(state, topic, f"alive:{at}")).then(earlier)


def _of_partitions(state: State, topic: str, read: set[int], at: EpochMs) -> Effect:
    """Clear incidents of single partitions, as releases before 0.5.0 raised them."""
    subjects = [f"{topic}/{number}" for number in sorted(read)]
    return Effect(None).then(
        *(
            on_cleared(state, _silence_signal(state, subject, f"alive:{at}"))
            for subject in subjects
            if by_name(state, UNASSIGNED_ZONE, fault_name(Hazard.FEED_SILENT, subject)) is not None
        )
    )


def _unread(state: State, topic: str, read: set[int] | None = None, gone: Collection[int] = ()) -> list[int]:
    """The partitions of a feed of which nothing has been reported for too long."""
    return sorted(
        key[1]
        for key, mark in state.watermarks.items()
        if key[0] == topic
        and key[1] not in (read or ())
        and key[1] not in gone
        and state.now - mark.reported_at >= state.policy.feed_silent_ms
    )


def feed_expectation(state: State, _envelope: FusionInput, record: ExpectedFeeds) -> Effect:
    """Note which feeds should be read, unless the record is not newer than the known one."""
    if record.revision <= state.expected_revision:
        return Effect(Reason.DUPLICATE)
    names = dict.fromkeys(record.topics)
    topics = tuple(topic for topic in names if topic in FEEDS or gateway_of(topic))
    timers = tuple(_timer(state, topic) for topic in topics if topic not in state.expected)
    noted = Effect(Reason.FEED_STATUS, (), (ExpectFeeds(record.revision, topics), *timers))
    dropped = [topic for topic in state.expected if topic not in (*FEEDS, *topics)]
    return noted.then(*(_not_missed(state, topic, record.revision) for topic in dropped))


def _not_missed(state: State, topic: str, revision: int) -> Effect:
    """Forget how far the topic of a gateway was read through which no device reports now, and end its silence.

    Watermarks of it count no more (`is_feed`), so it would be called silent for ever.
    """
    marks = tuple((number, None) for name, number in state.watermarks if name == topic)
    over = on_cleared(state, _silence_signal(state, topic, f"not-expected:{revision}"))
    return over.after(PutWatermarks(topic, marks))


def _timer(state: State, topic: str) -> SetTimer:
    return SetTimer(Timer(EpochMs(state.now + state.policy.feed_silent_ms), topic, TimerKind.FEED_SILENCE))


def feed_silence_due(state: State, topic: str) -> EpochMs | None:
    """When to check a feed for silence; None where another partition of the log reports it, or nobody expects it."""
    if partition_of(UNASSIGNED_ZONE, state.partitions) != state.partition:
        return None
    heard = state.heard.get(topic)
    expected = state.expected.get(topic)
    if heard is None and expected is None:
        return None
    silent_ms = state.policy.feed_silent_ms
    start = max(expected or 0, state.heard_since) if heard is None else heard[1]
    due = EpochMs(start + silent_ms)
    known = by_name(state, UNASSIGNED_ZONE, fault_name(Hazard.FEED_SILENT, topic))
    # The silence has been reported. It is checked again, because a person may close the incident.
    if due <= state.now and known is not None and known.active:
        return EpochMs(state.now + silent_ms)
    return due


def on_feed_silent(state: State, topic: str) -> Effect:
    """Report that nobody has reported a feed, or some of its partitions, for too long."""
    return on_active(state, _silence_signal(state, topic, f"silent:{state.now}"))


def _silence_signal(state: State, subject: str, event_id: str) -> ConditionSignal:
    return ConditionSignal(
        hazard=Hazard.FEED_SILENT,
        subject=subject,
        zone=UNASSIGNED_ZONE,
        event_id=event_id,
        feed=Feed.INTAKE,
        occurred_at=state.now,
        received_at=state.now,
        is_sure=True,
        name=subject,
    )


def list_age(state: State, envelope: FusionInput, age: ListAge) -> Effect:
    """Decide about the age of a list; its newest entry names the report, so that a copy is recognised."""
    if age.topic not in FEEDS:
        return Effect(Reason.NOT_SUPPORTED)
    signal = ConditionSignal(
        hazard=Hazard.FEED_STALE,
        subject=age.topic,
        zone=envelope.zone,
        event_id=f"{FeedState.STALE if age.stale else FeedState.OK}:{age.newest_at}",
        feed=age.feed,
        occurred_at=age.newest_at,
        received_at=age.newest_at,
        is_sure=True,
        name=age.topic,
    )
    key = (envelope.zone, age.feed.value, age.topic)
    window = state.feeds.get(key, EventIdWindow())
    known = check_event(window, signal.event_id, age.newest_at)
    if known is not None:
        return Effect(known)
    put = PutFeed(key, add_event(window, signal.event_id, age.newest_at))
    return (on_active(state, signal) if age.stale else on_cleared(state, signal)).after(put)


def feed_status(state: State, envelope: FusionInput, status: FeedStatus) -> Effect:
    """Decide about a record written before 0.4.0 as about the one that has replaced it."""
    feed, topic, at = status.feed, status.topic, status.at
    partition = status.partition
    match status.state:
        case FeedState.OK if status.partitions:
            mark = FeedWatermark(feed=feed, topic=topic, partitions=status.partitions, at=at)
            return feed_watermark(state, envelope, mark)
        case FeedState.OK | FeedState.STALE:
            is_stale = status.state is FeedState.STALE
            return list_age(state, envelope, ListAge(feed=feed, topic=topic, newest_at=at, stale=is_stale))
        case FeedState.DEAD_LETTER:
            letter = DeadLetterNotice(
                feed=feed, topic=topic, partition=partition, offset=status.offset, cause=status.cause, at=at
            )
            return dead_letter(state, envelope, letter)
        case FeedState.BROKEN:
            broken = LogBrokenNotice(
                topic=topic,
                partition=partition,
                expected=status.offset,
                found=status.offset,
                cause=status.cause,
                at=at,
            )
            return log_broken(state, envelope, broken)
    return Effect(Reason.FEED_STATUS)
