"""The schedule of a scenario: its steps become records, each with its topic, time and event id."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from callbox.demo.fixtures import Fixtures
from callbox.demo.scenario import Scenario
from callbox.demo.steps import (
    AckStep,
    AnyStep,
    Damage,
    Heartbeats,
    PictureStep,
    PillarStep,
    PlateStep,
    PoisonStep,
    ReaderText,
    Shows,
    SilenceStep,
    VideoStep,
    ack_id_of,
)
from processors.vision.jpeg import encode_jpeg
from schemas.ack import Acknowledgement, Actor
from schemas.codec import encode
from schemas.enums import DeviceKind, PillarKind
from schemas.feeds import CameraFrame, PillarEvent, PlateRead
from schemas.ids import fingerprint
from schemas.registry import RegistryDevice
from schemas.topics import ACKS, FRAMES, PILLAR_EVENTS, PLATE_READS
from schemas.units import EpochMs

POISON: Final = b"these bytes are no record\xff\x00"
JURISDICTION: Final = "CN"
BETWEEN_FRONTS_S: Final = 0.3  # pictures from the front go through two models, one after another
CONFIDENCE: Final = 0.97  # what a reader states about text of its own
OPERATOR: Final = Actor(name="Desk 4", organisation="County control room")

_SMALL: Final = np.zeros((8, 8, 3), np.uint8)
_BASELINE_FRAME: Final = b"\xff\xc0"
"""Start of a JPEG frame header. Length (2 bytes), precision (1), height (2) and width (2) follow: ITU T.81, B.2.2."""

Maker = Callable[[EpochMs, EpochMs], bytes]
"""Encodes a record, given the times when it happened and when it was received."""

IncidentOf = Callable[[str], str | None]
RevisionOf = Callable[[str], int]


def _first_revision(_incident_id: str) -> int:
    """The revision of the alert that raises an incident."""
    return 1


"""The incident that a pillar's first press has raised, as far as an alert has told it."""


@dataclass(frozen=True)
class ScheduledRecord:
    """One record that will be sent.

    Attributes:
        at_s: When it is sent, seconds since the start.
        step: Index of its step.
        topic: Its topic.
        key: Its key, or what gives it when it is sent.
        make: Encodes it when it is sent.
    """

    at_s: float
    step: int
    topic: str
    key: bytes | Callable[[], bytes]
    make: Maker


def schedule_records(
    scenario: Scenario,
    town: Sequence[RegistryDevice],
    fixtures: Fixtures,
    incident_of: IncidentOf,
    revision_of: RevisionOf = _first_revision,
) -> list[ScheduledRecord]:
    """Every record of a scenario, in the order of their times.

    Args:
        scenario: The scenario.
        town: Its devices.
        fixtures: Vehicles and pictures.
        incident_of: The incident that a pillar's first press has raised, as alerts have told it so far: whoever
            acknowledges one knows it from an alert.
        revision_of: The latest revision of an incident that an alert has told.
    """
    silent = {step.device for step in scenario.steps if isinstance(step, SilenceStep)}
    supervised = [
        device.device_id
        for device in town
        if device.kind in {DeviceKind.PILLAR, DeviceKind.GATEWAY} and device.device_id not in silent
    ]
    records = [
        record
        for number, step in enumerate(scenario.steps)
        for record in _records(number, step, Setting(supervised, incident_of, revision_of, fixtures))
    ]
    return sorted(records, key=lambda record: record.at_s)


class Setting(NamedTuple):
    """What the records of steps are made from.

    Attributes:
        supervised: The devices that send heartbeats.
        incident_of: The incident that a pillar's first press has raised.
        revision_of: The latest revision of an incident.
        fixtures: Vehicles and pictures.
    """

    supervised: list[str]
    incident_of: IncidentOf
    revision_of: RevisionOf
    fixtures: Fixtures


def _records(number: int, step: AnyStep, setting: Setting) -> Iterator[ScheduledRecord]:
    match step:
        case Heartbeats() | PillarStep():
            return _pillar_records(number, step, setting.supervised)
        case SilenceStep():
            return iter(())
        case AckStep():
            return iter([_acknowledgement(number, step, setting)])
        case VideoStep() | PictureStep():
            return _frame_records(number, step, setting.fixtures)
        case PlateStep():
            return _read_records(number, step, setting.fixtures)
        case PoisonStep():
            return iter(
                [
                    ScheduledRecord(
                        step.at_s, number, step.topic, b"poison", lambda _happened, _received: POISON
                    )
                ]
            )


def _pillar_records(
    number: int, step: Heartbeats | PillarStep, pillars: list[str]
) -> Iterator[ScheduledRecord]:
    if isinstance(step, Heartbeats):
        devices, kind, is_resent, active, exercise = pillars, PillarKind.HEARTBEAT, False, True, False
    else:
        devices, kind, is_resent = [step.device], step.event, step.resend
        active, exercise = step.active, step.exercise
    for turn in range(step.times):
        event_id = f"{kind}-{number}-{0 if is_resent else turn}"
        for device in devices:
            at_s = step.at_s + turn * step.every_s
            make = _pillar(device, kind, event_id, active=active, exercise=exercise)
            yield ScheduledRecord(at_s, number, PILLAR_EVENTS, device.encode(), make)


def _acknowledgement(number: int, step: AckStep, setting: Setting) -> ScheduledRecord:
    def incident_id() -> str:
        return setting.incident_of(step.device) or f"{step.device}-{fingerprint(number)}"

    def make(happened: EpochMs, _received: EpochMs) -> bytes:
        return encode(
            Acknowledgement(
                ack_id=ack_id_of(number),
                incident_id=incident_id(),
                action=step.action,
                actor=OPERATOR,
                at=happened,
                revision=setting.revision_of(incident_id()),
                reason=step.reason,
                disposition=step.disposition,
            )
        )

    return ScheduledRecord(step.at_s, number, ACKS, lambda: incident_id().encode(), make)


def _frame_records(
    number: int, step: VideoStep | PictureStep, fixtures: Fixtures
) -> Iterator[ScheduledRecord]:
    if isinstance(step, VideoStep):
        seen = [(turn * step.every_s, jpeg) for turn, jpeg in enumerate(fixtures.scenes[step.scene])]
    else:
        seen = [(0.0, _damaged(step.damage, fixtures))]
    for turn, (after_s, jpeg) in enumerate(seen):
        make = _frame(step.device, jpeg, f"frame-{number}-{turn}")
        yield ScheduledRecord(step.at_s + after_s, number, FRAMES, step.device.encode(), make)


def _read_records(number: int, step: PlateStep, fixtures: Fixtures) -> Iterator[ScheduledRecord]:
    for turn, picture in enumerate(_pictures(step, fixtures)):
        make = _plate_read(step, fixtures, picture, f"read-{number}-{turn}")
        yield ScheduledRecord(
            step.at_s + turn * BETWEEN_FRONTS_S, number, PLATE_READS, step.device.encode(), make
        )


def _pillar(device: str, kind: PillarKind, event_id: str, *, active: bool, exercise: bool) -> Maker:
    return lambda happened, received: encode(
        PillarEvent(
            device_id=device,
            kind=kind,
            occurred_at=happened,
            received_at=received,
            event_id=event_id,
            active=active,
            exercise=exercise,
        )
    )


def _frame(device: str, jpeg: bytes, event_id: str) -> Maker:
    return lambda happened, received: encode(
        CameraFrame(
            camera_id=device, captured_at=happened, received_at=received, jpeg=jpeg, event_id=event_id
        )
    )


def _plate_read(step: PlateStep, fixtures: Fixtures, picture: bytes | None, event_id: str) -> Maker:
    text = _text(step, fixtures)
    return lambda happened, received: encode(
        PlateRead(
            checkpoint_id=step.device,
            occurred_at=happened,
            received_at=received,
            event_id=event_id,
            plate_text=text,
            confidence=None if text is None else CONFIDENCE,
            jurisdiction=JURISDICTION,
            picture=picture,
        )
    )


def _text(step: PlateStep, fixtures: Fixtures) -> str | None:
    plate = fixtures.vehicles[step.vehicle].plate
    match step.says:
        case ReaderText.PLATE:
            return plate
        case ReaderText.CONTROL_CHARACTERS:
            return f"{plate[:3]}\x1b[2J\x00{plate[3:]}"
        case ReaderText.NOTHING:
            return None


def _pictures(step: PlateStep, fixtures: Fixtures) -> Sequence[bytes | None]:
    match step.shows:
        case Shows.CROP:
            return [fixtures.vehicles[step.vehicle].picture]
        case Shows.FRONT:
            return [vehicle.picture for vehicle in fixtures.fronts]
        case Shows.NOTHING:
            return [None]


def _damaged(damage: Damage, fixtures: Fixtures) -> bytes:
    if damage is Damage.TOO_LARGE:
        return claims_50_megapixels()
    return truncated(next(iter(fixtures.scenes.values()))[0])


def truncated(jpeg: bytes) -> bytes:
    """The first half of a picture."""
    return jpeg[: len(jpeg) // 2]


def claims_50_megapixels() -> bytes:
    """A small picture whose frame header states 10,000 x 5,000 pixels."""
    jpeg = bytearray(encode_jpeg(_SMALL, 90))
    size_at = jpeg.index(_BASELINE_FRAME) + 5
    jpeg[size_at : size_at + 4] = (5_000).to_bytes(2, "big") + (10_000).to_bytes(2, "big")
    return bytes(jpeg)
