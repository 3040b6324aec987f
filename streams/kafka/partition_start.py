"""Where the reading of a partition begins, and what nobody will have read: a comparison of numbers, no IO.

    nothing committed ──────────────────────► the first record that is there
    the topic is another one ───────────────► its first record; told
    committed beyond the end ───────────────► the first record: the partition is shorter than it was; told
    committed before the first record ──────► the first record: retention took what lies between; told
    committed by somebody who is none of us ► where this process was, if it was; told by topic_watch.py
    else ───────────────────────────────────► the committed offset

Whatever lies below a commit that cannot be trusted is read again: an event that was told already is known by its id,
a press that was never read is not.

A commit of ours carries in its metadata the broker's id of the topic and the append time of the last record that was
done, so that a topic of the same name is known for another one, and a loss can say since when. Behind them stands
what its owner had in hand (streams/kafka/commit_mark.py), until it ends in good order.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from schemas.units import EpochMs
from streams.kafka.batch import PartitionPlace
from streams.kafka.commit_mark import Mark, read_mark

_MARK: Final = "callbox"

_TIME_DIGITS: Final = 19
"""Of the largest time that a record can carry, 2**63 - 1; a foreign client's text may hold any number."""


class LossKind(StrEnum):
    """Why records cannot be read any more, or may not have been."""

    TAKEN = "taken"  # by retention, before anybody of ours read them
    SHORTER = "shorter"  # the partition ends before what was read of it
    REPLACED = "replaced"  # the topic was deleted and made anew
    UNREADABLE = "unreadable"  # a batch that unpacks to more than a worker takes


class UnreadRecords(NamedTuple):
    """Records that nobody will have read.

    Attributes:
        place: The partition.
        kind: Why.
        topic_id: The broker's id of the topic; empty where it gives none.
        expected: The offset that should have come next.
        found: The one that comes, or where the partition ends.
        records: How many are missing; None where nobody can know.
        since: Append time of the last record that was done; None where that is not known.
    """

    place: PartitionPlace
    kind: LossKind
    topic_id: str
    expected: int
    found: int
    records: int | None
    since: EpochMs | None


class Commit(NamedTuple):
    """A committed offset as the broker keeps it.

    Attributes:
        offset: Of the next record.
        topic_id: Of the topic that it was made for; empty where the commit does not say.
        done_at: Append time of the last record before it; None where the commit does not say.
        is_ours: Whether a worker of this release or a later one made it.
        leader_epoch: Of the last record before it; None where the commit does not say.
        mark: What its owner had in hand; None where it had ended in good order, or the commit does not say.
    """

    offset: int
    topic_id: str = ""
    done_at: EpochMs | None = None
    is_ours: bool = False
    leader_epoch: int | None = None
    mark: Mark | None = None


class Bounds(NamedTuple):
    """A partition as it is on the broker now.

    Attributes:
        topic_id: The broker's id of its topic; empty where it gives none.
        low: Offset of the first record that is there.
        high: Offset after the last; None where the broker's word for it cannot be trusted.
    """

    topic_id: str
    low: int
    high: int | None


class StartPoint(NamedTuple):
    """Where reading begins.

    Attributes:
        offset: The offset.
        loss: What nobody will have read, or None.
        is_as_committed: Whether it is the committed offset, so that the broker may check its leader epoch.
    """

    offset: int
    loss: UnreadRecords | None = None
    is_as_committed: bool = False


def find_start(
    place: PartitionPlace, bounds: Bounds, commit: Commit | None, remembered: Commit | None = None
) -> StartPoint:
    """Where to begin.

    Args:
        place: The partition.
        bounds: What is there.
        commit: The committed offset; None before the first commit.
        remembered: The last commit that this process made itself, or a commit for the topic that was there before.
    """
    last = _trusted(commit, remembered)
    if last is None:
        return StartPoint(bounds.low)
    if is_another(last.topic_id, bounds.topic_id):
        return StartPoint(bounds.low, _loss(place, LossKind.REPLACED, bounds, last, bounds.low, None))
    if bounds.high is not None and last.offset > bounds.high:
        return StartPoint(bounds.low, _loss(place, LossKind.SHORTER, bounds, last, bounds.high, None))
    if last.offset < bounds.low:
        taken = bounds.low - last.offset
        return StartPoint(bounds.low, _loss(place, LossKind.TAKEN, bounds, last, bounds.low, taken))
    return StartPoint(last.offset, is_as_committed=last is commit)


def after_truncation(place: PartitionPlace, bounds: Bounds, reached: int) -> StartPoint:
    """Where to begin when the broker says that what was read last is not there any more (KIP-320).

    Args:
        place: The partition.
        bounds: What is there.
        reached: The offset that would have been fetched next.
    """
    high = bounds.high if bounds.high is not None else bounds.low
    return StartPoint(bounds.low, _loss(place, LossKind.SHORTER, bounds, Commit(reached), high, None))


def write_metadata(topic_id: str, done_at: EpochMs, mark: Mark | None = None) -> str:
    """The metadata of a commit of ours; without a mark it is that of 0.6.0."""
    return f"{_MARK} {topic_id} {done_at}" if mark is None else f"{_MARK} {topic_id} {done_at} {mark}"


def read_commit(offset: int, metadata: str | None, leader_epoch: int | None = None) -> Commit:
    """A commit from what the broker keeps of it; any text is allowed, and one that is none of ours says nothing."""
    sign, _, rest = (metadata or "").partition(" ")
    before, _, last = rest.rpartition(" ")
    mark = read_mark(last)
    topic_id, _, time = (rest if mark is None else before).rpartition(" ")
    if sign != _MARK or not (time.isascii() and time.isdigit() and len(time) <= _TIME_DIGITS):
        return Commit(offset, leader_epoch=leader_epoch)
    done_at = EpochMs(int(time)) or None  # 0: nothing was done yet when it was made
    return Commit(offset, topic_id, done_at, is_ours=True, leader_epoch=leader_epoch, mark=mark)


def _trusted(commit: Commit | None, remembered: Commit | None) -> Commit | None:
    """The commit that counts: a foreign client's never, where we know where we were ourselves."""
    if commit is None or (remembered is not None and not commit.is_ours):
        return remembered if remembered is not None else commit
    return commit


def is_another(before: str, now: str) -> bool:
    """Whether two ids are those of two topics; an empty one says nothing."""
    return bool(before) and bool(now) and before != now


def _loss(
    place: PartitionPlace, kind: LossKind, bounds: Bounds, last: Commit, found: int, records: int | None
) -> UnreadRecords:
    return UnreadRecords(place, kind, bounds.topic_id, last.offset, found, records, last.done_at)
