"""The inputs of a file of the field's corpus: every one through intake into its envelope, in the order of true time.

file ─► inputs, each with its time and a function that makes its envelope ─► FieldRun writes and folds them
"""

from collections.abc import Callable, Iterator

from processors.intake.ack import ack_input
from processors.intake.envelope import envelope
from processors.intake.observation import alive_input
from processors.intake.pillar_event import intake, to_input
from processors.state.policy import policy_record
from schemas.ack import Acknowledgement, Actor
from schemas.codec import decode
from schemas.enums import Feed, Hazard, InputKind, PillarKind
from schemas.feeds import CameraFrame, PillarEvent
from schemas.fusion_log import (
    ClockNotice,
    DeadLetterNotice,
    ExerciseNotice,
    ExpectedFeeds,
    FeedWatermark,
    FusionInput,
    MaintenanceWindow,
    Observation,
    Period,
    Tick,
)
from schemas.registry import UNASSIGNED_ZONE, ChainLink, RegistryDevice
from schemas.topics import PILLAR_EVENTS
from schemas.units import EpochMs, deg_e7
from streams.worker.broken_feed import broken_feed
from tests.support.field_file import Ack, FieldFile, Heartbeats, Listen, Pillar, SiteDevice
from tests.support.field_run import Answered, FieldRun, Given
from tests.support.log_records import LAT, ms

METRES_OF_A_DEGREE = 111_320
"""Of latitude; of longitude too as this file uses it, close to the start, after division by the cosine of LAT."""

COSINE_OF_LAT = 0.8660254
ORGANISATION = "County control room"


def folded(file: FieldFile) -> FieldRun:
    """Fold the log of a file."""
    return FieldRun(file, _inputs(file))


def place_of(device: SiteDevice, number: int = 0) -> tuple[float, float]:
    """Latitude and longitude, degrees, of a device; `number` counts from 0 among `count` alike."""
    east_m = device.east_m + number * device.apart_m
    return LAT + device.north_m / METRES_OF_A_DEGREE, 120 + east_m / METRES_OF_A_DEGREE / COSINE_OF_LAT


def _inputs(file: FieldFile) -> Iterator[Given]:
    yield from _numbered(0, _devices(file))
    yield from _numbered(1, _site_records(file))
    yield from _numbered(2, _pillars(file))
    yield from _numbered(3, _heartbeats(file))
    yield from _numbered(4, _flames(file))
    yield from _numbered(5, _acks(file))
    yield from _numbered(6, _dead_letters(file))
    yield from _numbered(7, _feeds_broken(file))
    yield from _numbered(8, _listens(file))


_Made = tuple[float, float | None, Callable[[FieldRun], FusionInput | None], str | None]


def _numbered(rank: int, made: Iterator[_Made]) -> Iterator[Given]:
    for number, (at, append, make, lies_with) in enumerate(made):
        yield Given(at, rank, number, at if append is None else append, make, lies_with)


def _named(pattern: str | None, number: int) -> str:
    return (pattern or "").replace("{n}", str(number))


def _devices(file: FieldFile) -> Iterator[_Made]:
    for device in file.device:
        for number in range(device.count):
            yield device.at, None, _registered(device, number), None


def _registered(device: SiteDevice, number: int) -> Callable[[FieldRun], FusionInput]:
    lat, lon = place_of(device, number)
    record = RegistryDevice(
        device_id=_named(device.id, number + 1),
        kind=device.kind,
        zone=device.zone if device.zones == 1 else f"{device.zone}-{number % device.zones + 1}",
        lat_e7=deg_e7(lat),
        lon_e7=deg_e7(lon),
        revision=device.revision,
        heartbeat_s=device.heartbeat_s,
        gateway=None if device.gateway is None else _named(device.gateway, number + 1),
        chain=tuple(ChainLink(tier=link.tier, unit=link.unit) for link in device.chain),
        removed=device.removed,
        reports_release=device.reports_release,
        test_every_s=device.test_every_s,
    )

    def make(run: FieldRun) -> FusionInput:
        if not record.removed:
            run.zones[record.device_id] = record.zone
        elif run.zones.get(record.device_id) == record.zone:
            del run.zones[record.device_id]
        name = f"{record.device_id}:{record.zone}:{record.revision}"
        return envelope(InputKind.DEVICE, name, record.zone, record)

    return make


def _always(made: FusionInput) -> Callable[[FieldRun], FusionInput]:
    return lambda _run: made


def _site_records(file: FieldFile) -> Iterator[_Made]:
    if file.policy is not None:
        record = policy_record(file.policy, 1)
        yield 0, None, _always(envelope(InputKind.POLICY, "policy", "", record)), None
    actor = Actor(name="Li", organisation=ORGANISATION)
    for window in file.maintenance:
        periods = tuple(Period(begins_at=ms(begins), ends_at=ms(ends)) for begins, ends in window.periods)
        work = MaintenanceWindow(
            window_id=window.window_id,
            zone=window.zone,
            revision=window.revision,
            devices=window.devices,
            gateway=window.gateway,
            periods=periods,
            actor=actor,
            ended=window.ended,
        )
        name = f"{window.window_id}:{window.revision}"
        yield window.at, None, _always(envelope(InputKind.MAINTENANCE, name, window.zone, work)), None
    for exercise in file.exercise:
        notice = ExerciseNotice(
            exercise_id=exercise.exercise_id,
            zone=exercise.zone,
            revision=exercise.revision,
            at=ms(exercise.at),
            ends_at=ms(exercise.ends),
            actor=actor,
            ended=exercise.ended,
        )
        name = f"{exercise.exercise_id}:{exercise.revision}"
        yield exercise.at, None, _always(envelope(InputKind.EXERCISE, name, exercise.zone, notice)), None
    for clock in file.clock:
        for number in range(clock.count):
            at = clock.at + number * clock.every
            said = ClockNotice(worker=clock.worker, apart_ms=clock.apart_ms, differs=clock.differs, at=ms(at))
            made = envelope(InputKind.CLOCK, f"{clock.worker}:{at}", UNASSIGNED_ZONE, said)
            yield at, clock.append, _always(made), None
    for expected in file.expected_feeds:
        feeds = ExpectedFeeds(revision=expected.revision, topics=expected.topics)
        made = envelope(InputKind.EXPECTED_FEEDS, f"feeds:{expected.revision}", "", feeds)
        yield expected.at, None, _always(made), None


def _pillars(file: FieldFile) -> Iterator[_Made]:
    for pillar in file.pillar:
        for number in range(pillar.count):
            at = pillar.at + number * pillar.every
            yield at, pillar.append, _pressed(pillar, number, at), pillar.lies_with


def _pressed(pillar: Pillar, number: int, at: float) -> Callable[[FieldRun], FusionInput]:
    received = at - pillar.lag if pillar.received is None else pillar.received
    occurred = received if pillar.occurred is None else pillar.occurred
    event = PillarEvent(
        device_id=_named(pillar.device, number + 1),
        kind=pillar.kind,
        occurred_at=ms(occurred + pillar.clock)
        if pillar.occurred_ms is None
        else EpochMs(pillar.occurred_ms),
        received_at=ms(received + pillar.clock),
        event_id=None if pillar.event_id is None else _named(pillar.event_id, number + 1),
        sequence=None if pillar.sequence is None else pillar.sequence + number * pillar.sequence_step,
        active=pillar.active,
        exercise=pillar.exercise,
    )
    return _intake_of(event, at if pillar.append is None else pillar.append, pillar.zone)


def _intake_of(event: PillarEvent, append: float, zone: str | None) -> Callable[[FieldRun], FusionInput]:
    def make(run: FieldRun) -> FusionInput:
        place = f"{PILLAR_EVENTS}/0/{sum(map(len, run.logs))}"
        fact = intake(event, ms(append), place=place)
        return to_input(fact, zone or run.zones.get(event.device_id, UNASSIGNED_ZONE))

    return make


def _heartbeats(file: FieldFile) -> Iterator[_Made]:
    for beats in file.heartbeats:
        names = [_named(name, number + 1) for name in beats.devices for number in range(beats.count)]
        for order, name in enumerate(dict.fromkeys(names)):
            yield from _beats_of(beats, name, beats.from_ + order * beats.offset)


def _beats_of(beats: Heartbeats, device: str, first: float) -> Iterator[_Made]:
    for number in range(int((beats.to - first) // beats.every) + 1):
        received = first + number * beats.every
        at = received if beats.kept_until is None else beats.kept_until
        by_clock = ms(received + beats.clock - beats.drift * (received - beats.from_))
        yield at, None, _beat(beats.feed, device, by_clock, at), None


def _beat(feed: Feed, device: str, by_clock: EpochMs, at: float) -> Callable[[FieldRun], FusionInput]:
    if feed is Feed.CAMERAS:
        frame = CameraFrame(camera_id=device, captured_at=by_clock, received_at=by_clock, jpeg=b"")
        return lambda run: alive_input(frame, run.zones.get(device, UNASSIGNED_ZONE), ms(at))
    event = PillarEvent(
        device_id=device, kind=PillarKind.HEARTBEAT, occurred_at=by_clock, received_at=by_clock
    )
    return _intake_of(event, at, None)


def _flames(file: FieldFile) -> Iterator[_Made]:
    for flame in file.flame:
        for number in range(flame.count):
            at = flame.at + number * flame.every
            seen = Observation(
                observation_id=_named(flame.event_id, number + 1) or f"flame-{at:g}",
                device_id=flame.device,
                hazard=Hazard.FIRE,
                occurred_at=ms(at if flame.received is None else flame.received),
                received_at=ms(at if flame.received is None else flame.received),
                score_permille=flame.score,
            )
            yield at, flame.append, _seen(seen), None


def _seen(seen: Observation) -> Callable[[FieldRun], FusionInput]:
    def make(run: FieldRun) -> FusionInput:
        zone = run.zones.get(seen.device_id, UNASSIGNED_ZONE)
        return envelope(InputKind.OBSERVATION, seen.observation_id, zone, seen)

    return make


def _acks(file: FieldFile) -> Iterator[_Made]:
    for order, ack in enumerate(file.ack):
        for number in range(ack.count):
            at = ack.at + number * ack.every
            yield at, ack.append, _acked(ack, f"ack-{order}-{number + 1}", number, at), None


def _acked(ack: Ack, made_id: str, number: int, at: float) -> Callable[[FieldRun], FusionInput]:
    def make(run: FieldRun) -> FusionInput:
        incident_id = _named(ack.incident_id, number + 1) or run.incident_of(
            ack.device, ack.hazard, ack.which
        )
        ack_id = _named(ack.ack_id, number + 1) or made_id
        revision = run.revision_of(incident_id) if isinstance(ack.revision, str) else ack.revision
        run.asked(Answered(at, ack, ack_id, incident_id, []))
        said = Acknowledgement(
            ack_id=ack_id,
            incident_id=incident_id,
            action=ack.action,
            actor=Actor(name=ack.actor, organisation=ORGANISATION if ack.actor else ""),
            at=ms(at),
            revision=revision,
            reason=ack.reason,
            disposition=ack.disposition,
            shelve_s=ack.shelve_s,
            grade=ack.grade,
            note=ack.note,
        )
        return ack_input(said, ms(at))

    return make


def _dead_letters(file: FieldFile) -> Iterator[_Made]:
    for letter in file.dead_letter:
        for number in range(letter.count):
            at = letter.at + number * letter.every
            notice = DeadLetterNotice(
                feed=letter.feed,
                topic=letter.topic,
                partition=0,
                offset=letter.offset + number,
                cause=letter.cause,
                at=ms(at),
                device_id=_named(letter.device, number + 1),
            )
            name = f"{notice.topic}:{notice.partition}:{notice.offset}"
            made = envelope(InputKind.DEAD_LETTER, name, UNASSIGNED_ZONE, notice)
            yield at, letter.append, _always(made), None


def _feeds_broken(file: FieldFile) -> Iterator[_Made]:
    for broken in file.feed_broken:
        for number in range(broken.count):
            at = broken.at + number * broken.every
            loss = broken_feed(
                topic=broken.topic,
                topic_id=broken.topic_id,
                partition=broken.partition,
                cause=broken.cause,
                expected=broken.expected,
                found=broken.found,
                records=broken.records,
                since=None if broken.since is None else ms(broken.since),
                worker=broken.worker,
                at=ms(at),
                client=broken.client,
            )
            yield at, broken.append, _always(decode(loss.value, FusionInput)), None


def _listens(file: FieldFile) -> Iterator[_Made]:
    for listen in file.listen:
        for number in range(int((listen.to - listen.from_) // listen.every) + 1):
            at = listen.from_ + number * listen.every
            append = at + listen.append_clock
            if listen.watermark:
                yield at, append, _always(_watermark(listen, at)), None
            if listen.tick:
                yield at, append, _ticked(at + listen.tick_clock), None


def _watermark(listen: Listen, at: float) -> FusionInput:
    mark = FeedWatermark(
        feed=listen.feed,
        topic=listen.topic,
        partitions=listen.partitions,
        at=ms(at + listen.watermark_clock),
        partition_count=listen.partition_count,
    )
    return envelope(InputKind.FEED_WATERMARK, f"{listen.topic}:{listen.partitions}:{at}", "", mark)


def _ticked(written: float) -> Callable[[FieldRun], FusionInput]:
    def make(run: FieldRun) -> FusionInput:
        run.ticks += 1
        tick = Tick(number=run.ticks, at=ms(written))
        return envelope(InputKind.TICK, f"tick:{run.ticks}", "", tick)

    return make
