"""A test driver for the fold: raw bytes in, decisions out; time moves only when told.

`Timeline` pushes records at seconds since the start; `fact`, `device` and their like build the records.
"""

from itertools import count

import msgspec

from processors.entry import LogEntry
from processors.incidents import Decision, fold
from processors.pillars import to_input
from processors.policy import FusionPolicy, policy_record
from processors.state import State, new_state
from schemas.alerts import Alert
from schemas.codec import encode
from schemas.enums import DeviceKind, Feed, FeedState, Hazard, InputKind, PillarKind, Reason, Tier
from schemas.errors import Cause
from schemas.log import FeedStatus, FusionInput, Media, Observation, PillarFact, Tick
from schemas.partitioning import partition_of
from schemas.site import ChainLink, RegistryDevice
from schemas.units import EpochMs, deg_e7

START = EpochMs(1_760_000_000_000)
ZONE = "east"
PARTITIONS = 4
CHAIN = (
    ChainLink(tier=Tier.VILLAGE, unit="village-1"),
    ChainLink(tier=Tier.TOWNSHIP, unit="town-1"),
)
LAT = 30.0
"""A degree of latitude is 111 km: 0.001 are 111 m."""


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
) -> RegistryDevice:
    return RegistryDevice(
        device_id=device_id,
        kind=kind,
        zone=zone,
        lon_e7=deg_e7(lon),
        lat_e7=deg_e7(lat),
        revision=revision,
        chain=CHAIN,
        removed=removed,
    )


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
) -> PillarFact:
    return PillarFact(
        event_id=event_id,
        device_id=device_id,
        kind=kind,
        occurred_at=ms(at_s if occurred_s is None else occurred_s),
        received_at=ms(at_s),
        clock_suspect=clock_suspect,
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


def dead_letter(offset: int = 7, *, at_s: float = 0, state: FeedState = FeedState.DEAD_LETTER) -> FeedStatus:
    return FeedStatus(
        feed=Feed.PILLARS,
        state=state,
        topic="alarm.pillar-event.v1",
        partition=2,
        offset=offset,
        cause=Cause.UNDECODABLE,
        at=ms(at_s),
    )


def envelope(record: msgspec.Struct, *, zone: str = ZONE) -> FusionInput:
    """The log's envelope of any record."""
    match record:
        case PillarFact():
            return to_input(record, zone)
        case RegistryDevice():
            kind, event_id = InputKind.DEVICE, f"{record.device_id}:{record.revision}"
        case Observation():
            kind, event_id = InputKind.OBSERVATION, record.observation_id
        case FeedStatus():
            kind, event_id = InputKind.FEED_STATUS, f"{record.topic}:{record.offset}"
        case Tick():
            kind, event_id, zone = InputKind.TICK, f"tick:{record.number}", ""
        case _:
            kind, event_id, zone = InputKind.POLICY, "policy", ""
    return FusionInput(kind=kind, event_id=event_id, zone=zone, payload=encode(record))


def entry(given: FusionInput, *, offset: int, append_ms: EpochMs) -> LogEntry:
    return LogEntry(offset, append_ms, given.zone.encode(), encode(given))


def zone_of(*, is_ours: bool) -> str:
    """Another zone, of the same partition or of another one."""
    ours = partition_of(ZONE, PARTITIONS)
    return next(name for name in map(str, range(99)) if (partition_of(name, PARTITIONS) == ours) is is_ours)


class Timeline:
    """The log of one partition, and what comes of it."""

    def __init__(self, *devices: RegistryDevice, zone: str = ZONE, partitions: int = PARTITIONS) -> None:
        self.zone = zone
        self.state: State = new_state(partition_of(zone, partitions), partitions)
        self.entries: list[LogEntry] = []
        self.decisions: list[Decision] = []
        self._numbers = count(1)
        for each in devices or (device(),):
            self.push(each)

    @property
    def alerts(self) -> list[Alert]:
        return [alert for decision in self.decisions for alert in decision.alerts]

    def push(self, record: msgspec.Struct, *, at_s: float = 0, zone: str | None = None) -> Decision:
        """Append a record to the log at a second and fold it; the first decision comes back."""
        given = envelope(record, zone=self.zone if zone is None else zone)
        return self.push_entry(entry(given, offset=self.state.offset, append_ms=ms(at_s)))[0]

    def push_entry(self, given: LogEntry) -> tuple[Decision, ...]:
        self.entries.append(given)
        _, decisions = fold(self.state, given)
        self.decisions += decisions
        return decisions

    def pillar(
        self,
        kind: PillarKind,
        at_s: float,
        device_id: str = "P1",
        *,
        event_id: str | None = None,
        occurred_s: float | None = None,
    ) -> Decision:
        name = event_id or f"{kind}-{next(self._numbers)}"
        given = fact(kind, device_id, at_s=at_s, event_id=name, occurred_s=occurred_s)
        return self.push(given, at_s=at_s)

    def press(self, at_s: float, device_id: str = "P1", *, event_id: str | None = None) -> Decision:
        return self.pillar(PillarKind.PRESS, at_s, device_id, event_id=event_id)

    def tick(self, at_s: float) -> tuple[Decision, ...]:
        given = envelope(Tick(number=self.state.tick + 1))
        return self.push_entry(entry(given, offset=self.state.offset, append_ms=ms(at_s)))

    def policy(self, policy: FusionPolicy, *, revision: int = 1, at_s: float = 0) -> Decision:
        return self.push(policy_record(policy, revision), at_s=at_s)


def only_alert(decision: Decision) -> Alert:
    """The one alert of a decision."""
    assert len(decision.alerts) == 1, decision.reason
    return decision.alerts[0]


def reasons(timeline: Timeline) -> list[Reason]:
    return [decision.reason for decision in timeline.decisions]
