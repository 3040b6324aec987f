"""What a file of the field's corpus holds (tests/field/README.md): the site, what arrives, what must come out.

Times are seconds since the start of the time line. A key that no struct names is refused.
"""

from pathlib import Path
from typing import Any

import msgspec

from processors.state.policy import FusionPolicy
from schemas.enums import (
    AckAction,
    AckOutcome,
    AckReason,
    Action,
    DeviceKind,
    Disposition,
    Feed,
    Grade,
    Hazard,
    IncidentState,
    PillarKind,
    Reason,
    Status,
    Tier,
)
from schemas.errors import Cause
from schemas.strict_toml import read_strict
from schemas.topics import PILLAR_EVENTS


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Unit(_Table, frozen=True, kw_only=True):
    """One level of a device's chain."""

    tier: Tier
    unit: str


TOWNSHIP_ONLY = (
    Unit(tier=Tier.VILLAGE, unit="village-1"),
    Unit(tier=Tier.TOWNSHIP, unit="town-1"),
    Unit(tier=Tier.COUNTY, unit="county"),
)


class SiteDevice(_Table, frozen=True, kw_only=True):
    """Devices of the registry, and later records of them. `{n}` in id and gateway is the number, from 1.

    Each of `count` stands `apart_m` further east than the one before. With `zones` they take turns in so many zones,
    whose names are the zone's with a hyphen and a number from 1.
    """

    id: str
    at: float = 0
    kind: DeviceKind = DeviceKind.PILLAR
    zone: str = "east"
    zones: int = 1
    north_m: float = 0
    east_m: float = 0
    count: int = 1
    apart_m: float = 300
    heartbeat_s: int | None = None
    gateway: str | None = None
    test_every_s: int | None = None
    reports_release: bool = False
    revision: int = 1
    removed: bool = False
    chain: tuple[Unit, ...] = TOWNSHIP_ONLY


class Repeated(_Table, frozen=True, kw_only=True):
    """An input that may come many times.

    Attributes:
        at: When it is written into its topic, true time; it gives the order.
        count: How many times.
        every: Seconds between them. Times that are given shift with them only where they are left out.
        append: The append time, seconds, where the broker's stamp is wrong.
    """

    at: float
    count: int = 1
    every: float = 0
    append: float | None = None


class Pillar(Repeated, frozen=True, kw_only=True):
    """A raw event of a pillar, which goes through intake. `{n}` in device and event_id is the number, from 1.

    Attributes:
        lag: Seconds from the gateway to the feed: `received` where it is not given is `at` less this.
        clock: Seconds by which the clock of device and gateway is ahead.
        occurred_ms: The device's time stamp as it is on the wire, milliseconds since 1970.
        sequence_step: By how much the counter rises with each repeat.
        zone: The zone that it is forwarded under, where this is not its device's.
        lies_with: It lies in the partition of this zone, where that is not its own.
    """

    device: str
    kind: PillarKind = PillarKind.PRESS
    event_id: str | None = None
    sequence: int | None = None
    sequence_step: int = 0
    occurred: float | None = None
    occurred_ms: int | None = None
    received: float | None = None
    lag: float = 0
    clock: float = 0
    active: bool = True
    exercise: bool = False
    zone: str | None = None
    lies_with: str | None = None


class Heartbeats(_Table, frozen=True, kw_only=True):
    """Heartbeats of devices, from..to; `{n}` in a name with `count` is the number.

    Attributes:
        feed: With `cameras` they are frames, of which intake reports that the camera is alive.
        offset: Each device is so many seconds after the one before it.
        kept_until: They are received in time, and arrive only then: the gateway has kept them.
        clock: Seconds by which the clock of device and gateway is ahead.
        drift: Seconds that this clock loses each second.
    """

    devices: tuple[str, ...]
    feed: Feed = Feed.PILLARS
    count: int = 1
    from_: float = msgspec.field(name="from")
    to: float
    every: float
    offset: float = 0
    kept_until: float | None = None
    clock: float = 0
    drift: float = 0


class Flame(Repeated, frozen=True, kw_only=True):
    """What a detector sees in a picture of a camera; where there is no event_id, each has one of its own."""

    device: str
    event_id: str | None = None
    score: int = 700
    received: float | None = None


class Ack(Repeated, frozen=True, kw_only=True):
    """An acknowledgement, through intake.

    Attributes:
        device: It is about the latest incident with this device among its sources,
        hazard: with this hazard (one of the two is enough),
        which: -1 is the latest, 0 the first that was raised, 1 the second.
        incident_id: In place of these, an id; `{n}` is the number.
        revision: A number, or `shown`: the latest that is out.
        actor: The person; may be empty.
        answer: What it must be answered; where it is left out, it must be answered somehow.
        because: The reason of that answer.
        silent: It is a resend, which is not answered again.
    """

    action: AckAction
    device: str | None = None
    hazard: Hazard | None = None
    which: int = -1
    incident_id: str | None = None
    ack_id: str | None = None
    revision: int | str | None = None
    actor: str = "Li"
    reason: AckReason | None = None
    disposition: Disposition | None = None
    shelve_s: int | None = None
    grade: Grade | None = None
    note: str | None = None
    answer: AckOutcome | None = None
    because: Reason | None = None
    silent: bool = False


class Listen(_Table, frozen=True, kw_only=True):
    """Workers read and tick: each `every` seconds a watermark and a tick, in [from, to].

    Attributes:
        partitions: Those of the feed that are read.
        partition_count: How many it has.
        watermark: The watermark is written.
        tick: The tick is written.
        watermark_clock: Seconds by which the clock of the watermark's writer is ahead.
        tick_clock: Seconds by which the clock of the tick's writer is ahead.
        append_clock: Seconds by which the broker's stamp is ahead.
    """

    from_: float = msgspec.field(name="from")
    to: float
    every: float = 1
    feed: Feed = Feed.PILLARS
    topic: str = PILLAR_EVENTS
    partitions: tuple[int, ...] = (0, 1, 2, 3)
    partition_count: int = 4
    watermark: bool = True
    tick: bool = True
    watermark_clock: float = 0
    tick_clock: float = 0
    append_clock: float = 0


class DeadLetter(Repeated, frozen=True, kw_only=True):
    """A notice of a record that could not be used."""

    cause: Cause
    device: str = ""
    feed: Feed = Feed.PILLARS
    topic: str = PILLAR_EVENTS
    offset: int = 0


class FeedBroken(Repeated, frozen=True, kw_only=True):
    """A worker says that records of an input were never read, or that another client has taken them."""

    cause: Cause
    topic: str = PILLAR_EVENTS
    topic_id: str = "topic-1"
    partition: int = 0
    expected: int
    found: int
    records: int | None = None
    since: float | None = None
    client: str = ""
    worker: str = "alarms@host-1"


class Maintenance(_Table, frozen=True, kw_only=True):
    """Planned work: the window is written at `at`."""

    at: float
    window_id: str = "w1"
    zone: str = "east"
    revision: int = 1
    devices: tuple[str, ...] = ()
    gateway: str | None = None
    periods: tuple[tuple[float, float], ...] = ()
    ended: bool = False


class Exercise(_Table, frozen=True, kw_only=True):
    """An exercise begins, or is over."""

    at: float
    exercise_id: str = "x1"
    zone: str = "east"
    revision: int = 1
    ends: float
    ended: bool = False


class Clock(Repeated, frozen=True, kw_only=True):
    """A worker has compared its clock with the broker's."""

    worker: str = "alarms-1"
    apart_ms: int
    differs: bool = True


class Expected(_Table, frozen=True, kw_only=True):
    """The registry names feeds that its devices report through."""

    at: float
    topics: tuple[str, ...]
    revision: int = 1


class Wanted(_Table, frozen=True, kw_only=True):
    """Alerts sent in [from, to] that are as said; a list means one of these.

    Attributes:
        device: It is among the sources.
        names: The English text contains each of these, headline or description.
        position_of: The alert is where this device of the file stands (its last record), within a metre.
        same_incident_as: A label of an earlier expectation.
        other_incident_than: A label of an earlier expectation.
        related_to: The alert names an incident of that label.
        not_related_to: The alert names no incident of that label.
    """

    from_: float = msgspec.field(name="from")
    to: float
    hazard: Hazard | tuple[Hazard, ...] | None = None
    action: Action | tuple[Action, ...] | None = None
    reason: Reason | tuple[Reason, ...] | None = None
    state: IncidentState | tuple[IncidentState, ...] | None = None
    grade: Grade | None = None
    status: Status | None = None
    topic: str | None = None
    zone: str | None = None
    tier: Tier | None = None
    responsible_unit: str | None = None
    late: bool | None = None
    press_count: int | None = None
    note: str | None = None
    device: str | None = None
    names: tuple[str, ...] = ()
    position_of: str | None = None
    same_incident_as: str | None = None
    other_incident_than: str | None = None
    related_to: str | None = None
    not_related_to: str | None = None


class Expectation(Wanted, frozen=True, kw_only=True):
    """Such alerts must come: at least one where no number is given.

    Attributes:
        label: A name for the incident of the first of them.
        incidents: They are about so many different incidents.
        most_incidents: They are about so many different incidents at most.
        ack_by: They ask for an answer by a time (true), or do not (false).
        most_in_10_min: No ten minutes hold more of them.
        most_at_once: No second holds more of them.
    """

    count: int | None = None
    at_least: int | None = None
    at_most: int | None = None
    incidents: int | None = None
    most_incidents: int | None = None
    ack_by: bool | None = None
    most_in_10_min: int | None = None
    most_at_once: int | None = None
    label: str | None = None


class FieldFile(_Table, frozen=True, kw_only=True):
    """One input of the field.

    Attributes:
        rules: Rules of docs/requirements.md.
        why: The fault, in one sentence.
        partitions: Of the log. All of them are folded; with 1, every zone is in one.
        policy: What is unlike the default policy; in force from the start.
        open: Open incidents at the end, by hazard; `all` counts every one.
    """

    rules: tuple[str, ...]
    why: str
    partitions: int = 1
    policy: FusionPolicy | None = None
    device: tuple[SiteDevice, ...] = ()
    pillar: tuple[Pillar, ...] = ()
    heartbeats: tuple[Heartbeats, ...] = ()
    flame: tuple[Flame, ...] = ()
    ack: tuple[Ack, ...] = ()
    dead_letter: tuple[DeadLetter, ...] = ()
    feed_broken: tuple[FeedBroken, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    exercise: tuple[Exercise, ...] = ()
    clock: tuple[Clock, ...] = ()
    expected_feeds: tuple[Expected, ...] = ()
    listen: tuple[Listen, ...] = ()
    expect: tuple[Expectation, ...] = ()
    never: tuple[Wanted, ...] = ()
    open: dict[str, int] = {}


def read_field_file(path: Path) -> FieldFile:
    """Read a file of the corpus.

    Raises:
        FileRefused: It holds a key that is not known, or a wrong value; the message says where.
    """
    found: Any = read_strict(path.read_text("utf-8"), FieldFile, path.name)
    assert isinstance(found, FieldFile)
    return found
