"""Builders of the records on the log of the fold, at seconds since a fixed start."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from processors.fold.log_entry import LogEntry
from processors.intake.pillar_event import to_input
from schemas.ack import AckFact, Actor
from schemas.codec import encode
from schemas.enums import (
    AckAction,
    AckReason,
    DeviceKind,
    Disposition,
    Feed,
    FeedState,
    Grade,
    Hazard,
    InputKind,
    PillarKind,
    Tier,
)
from schemas.errors import Cause
from schemas.fusion_log import (
    CameraAlive,
    ClockNotice,
    DeadLetterNotice,
    ExerciseNotice,
    ExpectedFeeds,
    FeedBrokenNotice,
    FeedStatus,
    FeedWatermark,
    FusionInput,
    ListAge,
    LogBrokenNotice,
    MaintenanceWindow,
    Media,
    Observation,
    Period,
    PillarFact,
    PolicyRecord,
    Tick,
)
from schemas.ids import fingerprint
from schemas.partitioning import partition_of
from schemas.registry import ChainLink, RegistryDevice, ResponsePoint
from schemas.topics import FUSION_INPUT, PILLAR_EVENTS
from schemas.units import EpochMs, deg_e7

START = EpochMs(1_760_000_000_000)
ZONE = "east"
PARTITIONS = 4
CHAIN = (
    ChainLink(tier=Tier.VILLAGE, unit="village-1"),
    ChainLink(tier=Tier.TOWNSHIP, unit="town-1"),
)
LAT = 30.0
"""Degrees. One degree of latitude is 111 km, so 0.001 degrees are 111 m."""

ACTOR = Actor(name="Li", organisation="County control room")


def ms(at_s: float) -> EpochMs:
    return EpochMs(START + round(at_s * 1000))


def device(
    device_id: str = "P1",
    *,
    lat: float = LAT,
    lon: float = 120.0,
    zone: str = ZONE,
    kind: DeviceKind = DeviceKind.PILLAR,
    revision: int = 1,
    removed: bool = False,
    heartbeat_s: int | None = None,
    gateway: str | None = None,
    chain: tuple[ChainLink, ...] = CHAIN,
    points: tuple[ResponsePoint, ...] = (),
    reports_release: bool = True,
    test_every_s: int | None = None,
    source: str | None = None,
) -> RegistryDevice:
    return RegistryDevice(
        device_id=device_id,
        kind=kind,
        zone=zone,
        lon_e7=deg_e7(lon),
        lat_e7=deg_e7(lat),
        revision=revision,
        chain=chain,
        removed=removed,
        heartbeat_s=heartbeat_s,
        gateway=gateway,
        response_points=points,
        reports_release=reports_release,
        test_every_s=test_every_s,
        source=source,
    )


def gateway(device_id: str = "G1", *, heartbeat_s: int | None = None) -> RegistryDevice:
    return device(device_id, kind=DeviceKind.GATEWAY, heartbeat_s=heartbeat_s)


def camera(device_id: str = "C1", *, lat: float = LAT) -> RegistryDevice:
    return device(device_id, lat=lat, kind=DeviceKind.CAMERA)


def fact(
    kind: PillarKind = PillarKind.PRESS,
    device_id: str = "P1",
    *,
    at_s: float = 0,
    event_id: str = "e1",
    occurred_s: float | None = None,
    clock_suspect: bool = False,
    active: bool = True,
    exercise: bool = False,
) -> PillarFact:
    return PillarFact(
        event_id=event_id,
        device_id=device_id,
        kind=kind,
        occurred_at=ms(at_s if occurred_s is None else occurred_s),
        received_at=ms(at_s),
        clock_suspect=clock_suspect,
        active=active,
        exercise=exercise,
    )


def flame(
    device_id: str = "C1",
    *,
    at_s: float = 0,
    event_id: str = "o1",
    score: int = 700,
    picture: bool = False,
) -> Observation:
    media = Media(
        snapshot_id=event_id, mime="image/jpeg", sha256="0" * 64, topic="evidence", partition=0, offset=1
    )
    return Observation(
        observation_id=event_id,
        device_id=device_id,
        hazard=Hazard.FIRE,
        occurred_at=ms(at_s),
        received_at=ms(at_s),
        score_permille=score,
        media=media if picture else None,
    )


def dead_letter(
    offset: int = 7, *, at_s: float = 0, cause: Cause = Cause.UNDECODABLE, device_id: str = ""
) -> DeadLetterNotice:
    """The notice that a record of the pillar feed could not be used."""
    return DeadLetterNotice(
        feed=Feed.PILLARS,
        topic=PILLAR_EVENTS,
        partition=2,
        offset=offset,
        cause=cause,
        at=ms(at_s),
        device_id=device_id,
    )


def list_age(
    newest_s: float, *, stale: bool, topic: str = PILLAR_EVENTS, feed: Feed = Feed.PILLARS
) -> ListAge:
    """The age of a list, stale or fresh, by the time of its newest entry."""
    return ListAge(feed=feed, topic=topic, newest_at=ms(newest_s), stale=stale)


def log_broken(found: int = 9, *, at_s: float = 0) -> LogBrokenNotice:
    """The notice that records of the log are gone."""
    return LogBrokenNotice(
        topic=FUSION_INPUT, partition=0, expected=4, found=found, cause=Cause.RECORDS_MISSING, at=ms(at_s)
    )


def feed_broken(
    expected: int = 100,
    found: int = 112,
    *,
    at_s: float = 0,
    cause: Cause = Cause.RECORDS_MISSING,
    records: int | None = 12,
    since_s: float | None = -600,
    topic: str = PILLAR_EVENTS,
    topic_id: str = "topic-1",
    partition: int = 3,
    client: str = "",
) -> FeedBrokenNotice:
    """The notice that records of an input were never read; by default retention has taken 12 presses."""
    return FeedBrokenNotice(
        topic=topic,
        topic_id=topic_id,
        partition=partition,
        cause=cause,
        expected=expected,
        found=found,
        records=records,
        since=None if since_s is None else ms(since_s),
        client=client,
        worker="alarms@host-1",
        at=ms(at_s),
    )


def alive(
    at_s: float, *partitions: int, topic: str = PILLAR_EVENTS, feed: Feed = Feed.PILLARS, count: int = 0
) -> FeedWatermark:
    """The watermark of partitions of a feed that have been read without a gap; `count` is how many it has."""
    return FeedWatermark(
        feed=feed, topic=topic, partitions=partitions or (0,), at=ms(at_s), partition_count=count
    )


def planned(
    *periods_s: tuple[float, float],
    window_id: str = "w1",
    revision: int = 1,
    devices: tuple[str, ...] = ("P1",),
    gateway: str | None = None,
    zone: str = ZONE,
    ended: bool = False,
) -> MaintenanceWindow:
    """Planned work in periods of seconds, begin and end; on no device and no gateway it covers the zone."""
    return MaintenanceWindow(
        window_id=window_id,
        zone=zone,
        revision=revision,
        devices=devices,
        gateway=gateway,
        periods=tuple(Period(begins_at=ms(begin), ends_at=ms(end)) for begin, end in periods_s),
        actor=ACTOR,
        ended=ended,
    )


def exercise(
    at_s: float, until_s: float, *, revision: int = 1, zone: str = ZONE, ended: bool = False
) -> ExerciseNotice:
    """The announcement of an exercise in a zone, or of its end."""
    return ExerciseNotice(
        exercise_id="x1",
        zone=zone,
        revision=revision,
        at=ms(at_s),
        ends_at=ms(until_s),
        actor=ACTOR,
        ended=ended,
    )


def clock_notice(at_s: float, *, differs: bool, worker: str = "alarms@host-1") -> ClockNotice:
    """What a worker says of its own clock; it is always told in the zone `unassigned`."""
    return ClockNotice(worker=worker, apart_ms=7_000 if differs else 0, differs=differs, at=ms(at_s))


def expected(*topics: str, revision: int = 1) -> ExpectedFeeds:
    """The feeds that should be read."""
    return ExpectedFeeds(revision=revision, topics=topics)


FeedRecord = FeedWatermark | DeadLetterNotice | ListAge | LogBrokenNotice


def before_0_4(record: FeedRecord) -> FeedStatus:
    """The record that a worker wrote until 0.4.0 in place of one of today's."""
    match record:
        case FeedWatermark():
            return _status(record.feed, FeedState.OK, record.topic, record.at, partitions=record.partitions)
        case DeadLetterNotice():
            place = (record.partition, record.offset)
            return _status(record.feed, FeedState.DEAD_LETTER, record.topic, record.at, place, record.cause)
        case ListAge():
            state = FeedState.STALE if record.stale else FeedState.OK
            return _status(record.feed, state, record.topic, record.newest_at)
        case LogBrokenNotice():
            place = (record.partition, record.found)
            return _status(Feed.LOG, FeedState.BROKEN, record.topic, record.at, place, record.cause)


def _status(
    feed: Feed,
    state: FeedState,
    topic: str,
    at: EpochMs,
    place: tuple[int, int] = (-1, -1),
    cause: Cause = Cause.UNKNOWN,
    partitions: tuple[int, ...] = (),
) -> FeedStatus:
    return FeedStatus(
        feed=feed,
        state=state,
        topic=topic,
        partition=place[0],
        offset=place[1],
        cause=cause,
        at=at,
        partitions=partitions,
    )


def ack(
    incident_id: str,
    action: AckAction = AckAction.ACCEPT,
    *,
    at_s: float = 0,
    ack_id: str = "a1",
    received_s: float | None = None,
    revision: int | None = None,
    reason: AckReason | None = None,
    disposition: Disposition | None = None,
    shelve_s: int | None = None,
    grade: Grade | None = None,
    note: str | None = None,
    actor: Actor = ACTOR,
) -> AckFact:
    return AckFact(
        ack_id=ack_id,
        incident_id=incident_id,
        action=action,
        actor=actor,
        at=ms(at_s),
        received_at=ms(at_s if received_s is None else received_s),
        revision=revision,
        reason=reason,
        disposition=disposition,
        shelve_s=shelve_s,
        grade=grade,
        note=note,
    )


_NAMES: Mapping[type[msgspec.Struct], tuple[InputKind, Callable[[Any], str]]] = {
    RegistryDevice: (InputKind.DEVICE, lambda record: f"{record.device_id}:{record.revision}"),
    Observation: (InputKind.OBSERVATION, lambda record: record.observation_id),
    AckFact: (InputKind.ACKNOWLEDGEMENT, lambda record: record.ack_id),
    CameraAlive: (InputKind.CAMERA_ALIVE, lambda record: f"{record.device_id}:{record.received_at}"),
    FeedWatermark: (InputKind.FEED_WATERMARK, lambda record: f"alive:{record.at}"),
    DeadLetterNotice: (InputKind.DEAD_LETTER, lambda record: f"{record.topic}:{record.offset}"),
    ListAge: (InputKind.LIST_AGE, lambda record: f"{record.topic}:{record.newest_at}"),
    LogBrokenNotice: (InputKind.LOG_BROKEN, lambda record: f"{record.topic}:{record.found}"),
    FeedBrokenNotice: (
        InputKind.FEED_BROKEN,
        lambda record: fingerprint(
            record.topic,
            record.topic_id,
            record.partition,
            record.cause,
            record.expected,
            record.found,
            record.client,
        ),
    ),
    FeedStatus: (InputKind.FEED_STATUS, lambda record: f"{record.topic}:{record.state}:{record.at}"),
    MaintenanceWindow: (InputKind.MAINTENANCE, lambda record: f"{record.window_id}:{record.revision}"),
    ExerciseNotice: (InputKind.EXERCISE, lambda record: f"{record.exercise_id}:{record.revision}"),
    ClockNotice: (InputKind.CLOCK, lambda record: f"{record.worker}:{record.at}"),
    ExpectedFeeds: (InputKind.EXPECTED_FEEDS, lambda record: f"feeds:{record.revision}"),
    Tick: (InputKind.TICK, lambda record: f"tick:{record.number}"),
    PolicyRecord: (InputKind.POLICY, lambda _record: "policy"),
}
"""Kind and event id in the envelope of each record."""

BROADCAST = {InputKind.TICK, InputKind.POLICY, InputKind.FEED_WATERMARK, InputKind.EXPECTED_FEEDS}
"""Kinds that are sent to every partition, without a zone."""


def envelope(record: msgspec.Struct, *, zone: str = ZONE) -> FusionInput:
    """The log's envelope of any record; one that is sent to every partition has no zone."""
    if isinstance(record, PillarFact):
        return to_input(record, zone)
    kind, name_of = _NAMES[type(record)]
    is_broadcast = kind in BROADCAST or (isinstance(record, FeedStatus) and bool(record.partitions))
    return FusionInput(
        kind=kind, event_id=name_of(record), zone="" if is_broadcast else zone, payload=encode(record)
    )


def entry(given: FusionInput, *, offset: int, append_ms: EpochMs) -> LogEntry:
    return LogEntry(offset, append_ms, given.zone.encode(), encode(given))


def other_zone(*, same_partition: bool) -> str:
    """Another zone, in the same partition as ZONE or in another one."""
    ours = partition_of(ZONE, PARTITIONS)
    return next(
        name for name in map(str, range(99)) if (partition_of(name, PARTITIONS) == ours) is same_partition
    )
