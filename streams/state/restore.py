"""Restoring the fold's state at an offset, and noticing when the log is not what it was.

    newest snapshot that fits ─► fold the log after it, publish nothing ─► the state at the committed offset
    none fits, the log is whole ─► fold it from its first record
    none fits, and it is not ────► the newest state is kept, with its incidents: copies of facts have known event ids

Before anything is folded, all of the log behind the state is looked through for facts that name records which are
skipped (processors/fold/skipping.py): such a fact lies behind its record.

A snapshot fits when it is not ahead of the commit, is of this topic (by the broker's own id of it), and the record
before its offset is the one that it folded last. One that does not say of which topic it is fits only where that
record is still there and proves it. Whatever is wrong with the log is returned, and the worker reports it to the
control room.

Anything may stand in a snapshot: what cannot be read, contradicts itself, or is of a time that has not come is passed
over, and the one before it is tried. None of it keeps a worker from starting: the log itself is the last resort.

Not every offset holds a record. The end of a transaction of some other writer is a *marker*: it takes one offset, and
no client shows it. So a hole of one offset is a marker, at the beginning, before a snapshot, between two records or at
the end, and a longer one is told: a broker takes records out of the middle of a partition only where somebody has set
compaction, which leaves longer holes too. The limits: two markers side by side (two transactions that end one after
the other, or one that wrote nothing here) are told though nothing is missing, and one record that compaction took from
between two others is not. What lies below the first offset was taken by retention, and is told even if it is one.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import structlog

from processors.fold.log_entry import LogEntry, record_hash
from processors.fold.skipping import Skips, fold_or_skip, may_be_skip
from processors.fold.snapshot_codec import load
from processors.state.partition_state import FORMAT_VERSION, State, new_state
from schemas.codec import decode
from schemas.errors import Cause, DecodeError
from schemas.fusion_log import FusionSnapshot
from schemas.topics import FUSION_INPUT, FUSION_SNAPSHOT, SNAPSHOT_SLOTS
from schemas.units import DAY_MS, EpochMs
from streams.clock import now_ms
from streams.kafka.reader import BrokerReader
from streams.kafka.record import LogRecord
from streams.state.snapshot_bytes import unpack_state

log = structlog.get_logger(__name__)

WriterOf = Callable[[LogRecord], str]
"""Who has written a record of the log, by its signature."""

LAST_RECORDS = 4 * SNAPSHOT_SLOTS
"""How far from the end the newest snapshots are looked for first: that nearly always does."""

MARKER_OFFSETS = 1
"""What the end of a transaction takes of a partition."""

AHEAD_MS = DAY_MS
"""How far stream time in a snapshot may be ahead of our clock and of the log: clocks are wrong, but not by a day."""


class Broken(NamedTuple):
    """What is wrong with the log.

    Attributes:
        cause: Records are missing, or it is another log.
        expected: The offset that should have come next.
        found: The one that came, or the end of the log.
    """

    cause: Cause
    expected: int
    found: int


class Restored(NamedTuple):
    """A state, and what is known of the log that it belongs to.

    Attributes:
        state: At the committed offset.
        topic_id: The broker's id of the log; empty where it gives none.
        broken: What is wrong with the log, or None.
        skips: What the log says of records that are skipped, from where the state was found to its end.
    """

    state: State
    topic_id: str
    broken: Broken | None
    skips: Skips


class _Found(NamedTuple):
    """A snapshot that can be read, and its state."""

    snapshot: FusionSnapshot
    state: State


class _Log(NamedTuple):
    """One partition of the log as it is now: its first offset, and the one after its last where that is known."""

    reader: BrokerReader
    partition: int
    topic_id: str
    low: int
    high: int | None
    writer_of: WriterOf | None = None

    def records(self, start: int, stop: int) -> Iterator[LogRecord]:
        return self.reader.read(FUSION_INPUT, self.partition, start, stop)

    def entry(self, record: LogRecord) -> LogEntry:
        """A record as the fold reads it."""
        writer = None if self.writer_of is None else self.writer_of(record)
        return LogEntry(record.offset, EpochMs(record.timestamp_ms), record.key, record.value, writer)

    def skips(self, start: int) -> Skips:
        """The skip facts from an offset on: to the end of the log, whatever is committed."""
        found = Skips()
        for record in self.reader.read(FUSION_INPUT, self.partition, start, self.high):
            if may_be_skip(entry := self.entry(record)):
                found.note(entry, self.partition)
        return found

    def lacks(self, expected: int, found: int) -> bool:
        """Whether records are missing in [expected, found), where a reading found none."""
        if found <= expected:
            return False
        is_past_end = self.high is not None and found > self.high
        return is_past_end or self.low > expected or found - expected > MARKER_OFFSETS

    @property
    def newest_append(self) -> EpochMs:
        """When the newest record was appended; 0 where there is none."""
        if self.high is None:
            return EpochMs(0)
        newest = list(self.records(max(self.low, self.high - 1 - MARKER_OFFSETS), self.high))
        return EpochMs(newest[-1].timestamp_ms if newest else 0)

    def proves(self, state: State) -> bool | None:
        """Whether the record before a state's offset is the one that it folded last; None where it is not there."""
        last = state.offset - 1
        if last < self.low:  # before the first record, or retention has taken it
            return None
        if self.high is not None and last >= self.high:
            return False
        # The offset before may be a marker: then the record before that one counts.
        newest = None
        for record in self.records(max(self.low, last - MARKER_OFFSETS), last + 1):
            newest = record
        if newest is None:  # a marker, and retention has taken what was before it
            return None if self.high is not None and last == self.low else False
        return record_hash(self.entry(newest)) == state.last_hash

    def has_folded(self, state: State) -> bool:
        """Whether a state is of this log, as far as its records are still there."""
        return self.proves(state) is not False


def restore(
    reader: BrokerReader,
    partition: int,
    partitions: int,
    committed: int,
    in_hand: State | None = None,
    now: Callable[[], EpochMs] = now_ms,
    *,
    writer_of: WriterOf | None = None,
) -> Restored:
    """The state at the committed offset.

    Blocks while it reads, about 100,000 records a second.

    Args:
        reader: Of the broker that has the log.
        partition: Which partition of it.
        partitions: How many the log has.
        committed: The offset to reach: that of the next record whose decisions are published.
        in_hand: The worker's state when the offsets jumped: folded on where it is of this log, and kept with its
            incidents where no snapshot fits and it is later.
        now: Our clock.
        writer_of: Finds out who has written a record; None where nobody looks.

    Raises:
        BrokerUnavailable, AccessDenied, InputMissing: As `streams.kafka.reader.read`.
    """
    low, high = reader.bounds(FUSION_INPUT, partition)
    current = _Log(reader, partition, reader.topic_id(FUSION_INPUT), low, high, writer_of)
    if in_hand is not None and _goes_on(in_hand, current, committed):
        return _continued(in_hand, current, committed, None)
    furthest = latest = None
    for found in _snapshots(current, partitions, now):
        furthest = max(furthest or 0, found.snapshot.next_offset)
        if found.snapshot.next_offset <= committed and _fits(found, current):
            return _continued(found.state, current, committed, _ends_early(current, furthest))
        latest = found if latest is None or _is_later(found, latest) else latest
    if latest is None and in_hand is not None and in_hand.offset > 0:
        return _without_a_snapshot(in_hand, current, partitions, committed)
    if latest is None:
        return _from_the_start(current, partitions, committed)
    if low == 0 and _fits(
        latest, current
    ):  # the group's offset was set back: the whole log is there to be folded again
        return _continued(new_state(partition, partitions), current, committed, None)
    return _kept(latest, in_hand, current, committed)


def _fits(found: _Found, current: _Log) -> bool:
    """Whether a snapshot was made of this log."""
    is_named = found.snapshot.topic_id == current.topic_id
    is_folded = current.proves(found.state) if is_named or not found.snapshot.topic_id else False
    if is_folded or (is_folded is None and is_named):
        return True
    log.error("snapshot.of_another_log", partition=current.partition, offset=found.snapshot.next_offset)
    return False


def _ends_early(current: _Log, furthest: int) -> Broken | None:
    """Whether a snapshot is of an offset that the log no longer reaches."""
    if current.high is None or furthest <= current.high:
        return None
    return Broken(Cause.RECORDS_MISSING, furthest, current.high)


def _continued(state: State, current: _Log, committed: int, broken: Broken | None) -> Restored:
    """Fold on to the committed offset, and notice every jump on the way."""
    began_at = state.offset
    skips = current.skips(max(began_at, current.low))
    for record in current.records(began_at, committed):
        if current.lacks(state.offset, record.offset):
            broken = broken or Broken(Cause.RECORDS_MISSING, state.offset, record.offset)
        for _published_before in fold_or_skip(state, current.entry(record), skips.applied):
            pass
    if current.lacks(state.offset, committed):
        broken = broken or Broken(Cause.RECORDS_MISSING, state.offset, committed)
    state.offset = committed
    log.info("state.restored", partition=current.partition, snapshot_offset=began_at, committed=committed)
    return Restored(state, current.topic_id, broken, skips)


def _from_the_start(current: _Log, partitions: int, committed: int) -> Restored:
    """No snapshot can be read: the log itself must have everything, or it is broken."""
    state = new_state(current.partition, partitions)
    broken = Broken(Cause.RECORDS_MISSING, 0, current.low) if current.low > 0 else None
    return _continued(state, current, committed, broken)


def _goes_on(in_hand: State, current: _Log, committed: int) -> bool:
    """Whether the state in hand is of this log and needs no snapshot: its offsets jumped forward, or over a marker."""
    return current.low < in_hand.offset <= committed and current.has_folded(in_hand)


def _without_a_snapshot(in_hand: State, current: _Log, partitions: int, committed: int) -> Restored:
    """None was written yet, but the worker has a state, of this log or of the one that was there before."""
    is_of_this_log = current.has_folded(in_hand)
    if is_of_this_log and in_hand.offset <= committed:
        return _continued(in_hand, current, committed, None)
    if is_of_this_log and current.low == 0:  # the group's offset was set back
        return _from_the_start(current, partitions, committed)
    cause = Cause.RECORDS_MISSING if is_of_this_log else Cause.ANOTHER_LOG
    broken = Broken(cause, in_hand.offset, committed)
    in_hand.offset = min(current.low, committed)
    return _continued(in_hand, current, committed, broken)


def _kept(latest: _Found, in_hand: State | None, current: _Log, committed: int) -> Restored:
    """No snapshot fits: the incidents stay open, and copies of their facts are known by event id."""
    state, snapshot = latest.state, latest.snapshot
    if in_hand is not None and in_hand.now > state.now:
        state = in_hand
    is_this_topic = bool(current.topic_id) and snapshot.topic_id in {"", current.topic_id}
    cause = Cause.RECORDS_MISSING if is_this_topic else Cause.ANOTHER_LOG
    broken = Broken(cause, snapshot.next_offset, committed)
    state.offset = min(current.low, committed)
    return _continued(state, current, committed, broken)


def _is_later(found: _Found, latest: _Found) -> bool:
    """Which state is later: stream time orders them, also across logs."""
    return found.state.now > latest.state.now


def _snapshots(current: _Log, partitions: int, now: Callable[[], EpochMs]) -> Iterator[_Found]:
    """The snapshots of a partition that can be used, a few records at a time from the end of their topic.

    Of those few the highest offset comes first.
    """
    start, stop = -LAST_RECORDS, None
    while stop is None or stop > 0:
        records = list(current.reader.read(FUSION_SNAPSHOT, current.partition, start, stop))
        if not records and stop is None:
            return
        stop = records[0].offset if records else start
        start = max(stop - LAST_RECORDS, 0)
        readable = (_readable(record.value, current.partition) for record in records)
        newest_first = sorted(
            (snapshot for snapshot in readable if snapshot is not None),
            key=lambda snapshot: snapshot.next_offset,
            reverse=True,
        )
        for snapshot in newest_first:
            if (state := _state_of(snapshot, current, partitions, now)) is not None:
                yield _Found(snapshot, state)


def _state_of(
    snapshot: FusionSnapshot, current: _Log, partitions: int, now: Callable[[], EpochMs]
) -> State | None:
    """The state in a snapshot; None where it cannot be used."""
    place = {"partition": current.partition, "offset": snapshot.next_offset}
    try:
        state = load(unpack_state(snapshot.state))
    except Exception as error:  # noqa: BLE001 - whatever stands in it, the one before it is tried
        log.warning("snapshot.damaged", **place, error=str(error) or repr(error))
        return None
    if (state.partition, state.partitions) != (current.partition, partitions):
        return None
    if (state.offset, state.last_hash) != (snapshot.next_offset, snapshot.last_hash):
        log.error("snapshot.contradicts_itself", **place, offset_inside=state.offset)
        return None
    if current.topic_id and not snapshot.topic_id and not current.proves(state):
        log.error("snapshot.of_no_topic", **place)
        return None
    if state.now > now() + AHEAD_MS and state.now > current.newest_append + AHEAD_MS:
        log.error("snapshot.of_the_future", **place, stream_time=state.now)
        return None
    return state


def _readable(payload: bytes | None, partition: int) -> FusionSnapshot | None:
    try:
        snapshot = decode(payload, FusionSnapshot)
    except DecodeError as error:
        log.warning("snapshot.damaged", partition=partition, error=str(error))
        return None
    if not 1 <= snapshot.format_version <= FORMAT_VERSION:  # earlier ones are read as the present one
        log.warning("snapshot.other_format", partition=partition, format_version=snapshot.format_version)
        return None
    return snapshot
