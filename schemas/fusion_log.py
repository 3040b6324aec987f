"""The records that the fold reads: the envelope of `fusion.input.v1` and its payloads."""

import msgspec

from schemas.ack import Actor
from schemas.enums import AckReason, Feed, FeedState, Hazard, InputKind, PillarKind, SkipStep
from schemas.errors import Cause
from schemas.units import EpochMs


class FusionInput(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The envelope: one fact for one zone.

    Attributes:
        kind: The kind of the payload.
        event_id: Id of the fact; equal on a repeat.
        zone: The record's key; empty for a fact that is sent to every partition.
        payload: One record in Avro single-object encoding.
        signature: Which writer's key, 8 bytes, and a MAC of everything before it and of the record's key, 16 bytes;
            empty where the writer does not sign.
    """

    kind: InputKind
    event_id: str
    zone: str
    payload: bytes
    signature: bytes = b""


class PillarFact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A pillar event after intake, with an id and a trusted received_at.

    Attributes:
        event_id: Unique per device.
        device_id: The pillar.
        kind: What it reports.
        occurred_at: By the device's clock; received_at where that is impossible.
        received_at: By the gateway's clock, or the broker's append time where that is impossible.
        clock_suspect: One of the two times was impossible and has been replaced.
        active: False when a fault has cleared.
        exercise: It is part of an exercise.
        source: The gateway in whose own topic it came; empty for the topic that all gateways share.
    """

    event_id: str
    device_id: str
    kind: PillarKind
    occurred_at: EpochMs
    received_at: EpochMs
    clock_suspect: bool = False
    active: bool = True
    exercise: bool = False
    source: str = ""


class Media(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Reference to a redacted picture.

    Attributes:
        snapshot_id: The picture's id.
        mime: Its media type.
        sha256: Hash of its bytes, hexadecimal.
        topic: The topic that holds it.
        partition: Its partition.
        offset: Its offset.
    """

    snapshot_id: str
    mime: str
    sha256: str
    topic: str
    partition: int
    offset: int


class Observation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a detector has detected in a picture of a camera.

    Attributes:
        observation_id: Unique per camera.
        device_id: The camera.
        hazard: The hazard that it may be.
        occurred_at: When the picture was taken.
        received_at: When the gateway received it.
        score_permille: The detector's confidence, 0 to 1000.
        media: The redacted picture, or null where it was withheld.
    """

    observation_id: str
    device_id: str
    hazard: Hazard
    occurred_at: EpochMs
    received_at: EpochMs
    score_permille: int
    media: Media | None = None


class CameraAlive(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A camera delivers frames. This is reported a few times in its heartbeat interval, without a picture.

    Attributes:
        device_id: The camera.
        received_at: When the gateway received the latest frame.
    """

    device_id: str
    received_at: EpochMs


class PolicyRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A policy that is in force from this record on, sent to every partition.

    Attributes:
        version: Fingerprint of the content.
        revision: Rises with every `callbox policy apply`; the fold ignores a lower one.
        content: The policy as JSON.
    """

    version: str
    revision: int
    content: bytes


class FeedWatermark(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The time up to which a feed has been read without a gap, sent to every partition.

    Attributes:
        feed: The feed.
        topic: Its topic.
        partitions: Those whose records have all been reported until `at`.
        at: The time, by the clock of the worker that reads them; it rises.
        partition_count: How many partitions the topic has now; 0 where the writer does not say.
    """

    feed: Feed
    topic: str
    partitions: tuple[int, ...]
    at: EpochMs
    partition_count: int = 0


class DeadLetterNotice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A record of a feed could not be used; it may have been a press.

    Attributes:
        feed: The feed.
        topic: Topic of the record.
        partition: Its partition.
        offset: Its offset.
        cause: Why it could not be used.
        at: When it was appended.
        device_id: The device that it names, where it could be read; else empty.
    """

    feed: Feed
    topic: str
    partition: int
    offset: int
    cause: Cause
    at: EpochMs
    device_id: str = ""


class ListAge(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Whether a list is too old to be matched against.

    Attributes:
        feed: The feed that the list is.
        topic: Its topic.
        newest_at: When its newest entry was appended; it identifies the report, so that a copy is recognised.
        stale: The list is too old.
    """

    feed: Feed
    topic: str
    newest_at: EpochMs
    stale: bool


class LogBrokenNotice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Records of the log itself are gone, or the log has been replaced by another one.

    Attributes:
        topic: Topic of the log.
        partition: Its partition.
        expected: The offset that should have come next.
        found: The offset that came next, or the end of the log.
        cause: Records are missing, or it is another log.
        at: When a worker noticed it.
    """

    topic: str
    partition: int
    expected: int
    found: int
    cause: Cause
    at: EpochMs


class FeedBrokenNotice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Records of an input of the workers were never read by them, or another client has taken them.

    Attributes:
        topic: The input: a feed, a list, the acknowledgements or the log.
        topic_id: The broker's own id of the topic; empty where it gives none.
        partition: Its partition.
        cause: Retention took records (`records_missing`), the topic was made anew (`another_log`) or has lost its end
            (`log_truncated`), or another client is in the group of the workers (`foreign_member`).
        expected: The offset that should have come next.
        found: The offset from which there is something to read, or that somebody else has committed.
        records: How many records are missing; null where nobody can know.
        since: From when on records are missing; null where nobody can know.
        client: The other client and its host; empty for the other causes.
        worker: Which worker noticed it, and on which machine.
        at: When, by the clock of that worker.
    """

    topic: str
    topic_id: str = ""
    partition: int
    cause: Cause
    expected: int
    found: int
    records: int | None = None
    since: EpochMs | None = None
    client: str = ""
    worker: str
    at: EpochMs


class FeedStatus(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The record that workers wrote until 0.4.0 in place of the four above; it is still read from older logs.

    Attributes:
        feed: The feed.
        state: Its condition.
        topic: The topic concerned.
        partition: The partition concerned, where there is one.
        offset: The offset concerned, where there is one.
        cause: Why, for a dead letter.
        at: When the record concerned was appended; for `ok` the worker's time, which rises.
        partitions: For `ok`: the partitions whose records have all been reported until `at`.
    """

    feed: Feed
    state: FeedState
    topic: str
    partition: int
    offset: int
    cause: Cause
    at: EpochMs
    partitions: tuple[int, ...] = ()


class Tick(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One second has passed. Ticks are numbered, so that a copy is recognised.

    Attributes:
        number: One more than the latest tick of the partition that the writer has seen.
        at: When it was written, by the writer's clock; null in logs of before 0.5.0.
    """

    number: int
    at: EpochMs | None = None


class Period(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A span of time.

    Attributes:
        begins_at: Its first moment.
        ends_at: The first moment after it.
    """

    begins_at: EpochMs
    ends_at: EpochMs


class MaintenanceWindow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Planned work on devices of one zone: what it causes is told only if it still holds when the work should be over.

    It covers blue hazards only. With neither devices nor a gateway it covers the whole zone.

    Attributes:
        window_id: Its id.
        zone: The zone.
        revision: Rises with every change; the fold ignores a lower one.
        devices: The devices that it covers.
        gateway: The gateway that it covers, with every device behind it, or null.
        periods: When work is done, earliest first, at most 1,000: the occurrences of the rule.
        rule: The recurrence rule (RFC 5545) from which the periods were made, for people; empty for one period.
        reason: Why.
        note: What else there is to say, at most 500 characters, never about a person; or null.
        actor: Who planned it.
        ended: It has been withdrawn, or has ended early.
    """

    window_id: str
    zone: str
    revision: int
    devices: tuple[str, ...] = ()
    gateway: str | None = None
    periods: tuple[Period, ...] = ()
    rule: str = ""
    reason: AckReason = AckReason.PLANNED_WORK
    note: str | None = None
    actor: Actor
    ended: bool = False


class ExerciseNotice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An exercise in one zone begins, or is over.

    Attributes:
        exercise_id: Its id.
        zone: The zone.
        revision: Rises with every change; the fold ignores a lower one.
        at: When it was said, by the clock of the person's machine.
        ends_at: When it should be over.
        actor: Who leads it.
        ended: It is over.
    """

    exercise_id: str
    zone: str
    revision: int
    at: EpochMs
    ends_at: EpochMs
    actor: Actor
    ended: bool = False


class ClockNotice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A worker has compared its clock with the broker's.

    Attributes:
        worker: Which worker, and on which machine.
        apart_ms: The broker's clock minus the worker's, milliseconds.
        differs: They are further apart than they may be.
        at: When, by the broker's clock.
    """

    worker: str
    apart_ms: int
    differs: bool
    at: EpochMs


class ExpectedFeeds(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The feeds that devices of the registry report through, sent to every partition by `callbox registry apply`.

    Attributes:
        revision: Rises with every `callbox registry apply`; the fold ignores a lower one.
        topics: Their topics.
    """

    revision: int
    topics: tuple[str, ...]


class SkipNotice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A record of the log is not folded, because a worker died of it or a person says so.

    Attributes:
        partition: Its partition, which is that of this record too.
        offset: Its offset, which is below that of this record.
        step: A person asks for it (`requested`); a worker has found this before it came to the record and skips it
            (`applied`); the record was folded before anybody asked (`too_late`).
        cause: A person says so (`skipped`), or workers died of the record (`quarantined`).
        reason: Why, as the person has put it; empty for a quarantine.
        actor: Who asks for it; null for a quarantine.
        worker: Which worker applies it, and on which machine; empty for a request.
        at: When, by the clock of the machine that wrote this.
        blind: Nobody may look into the record: no alert is made from it even if it is a press.
    """

    partition: int
    offset: int
    step: SkipStep
    cause: Cause
    reason: str = ""
    actor: Actor | None = None
    worker: str = ""
    at: EpochMs
    blind: bool = False


class FusionSnapshot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The fold's state of one partition at one offset.

    Attributes:
        format_version: The format of `state`.
        fold_version: Version of the rules that made it.
        partition: The partition.
        next_offset: The first offset that has not been folded.
        last_hash: Hash of the last folded record, hexadecimal; empty at the start.
        state: The state: MessagePack, compressed with Zstandard.
        topic_id: The broker's own id of the log; empty where it gives none.
    """

    format_version: int
    fold_version: int
    partition: int
    next_offset: int
    last_hash: str
    state: bytes
    topic_id: str = ""
