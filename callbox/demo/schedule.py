"""From steps to records: what is sent, where to, when, and with which event id."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from callbox.demo.fixtures import Cast
from callbox.demo.scenario import Scenario, zone_of
from callbox.demo.steps import (
    AckStep,
    AnyStep,
    Damage,
    Heartbeats,
    PictureStep,
    PillarStep,
    PlateStep,
    PoisonStep,
    Says,
    Shows,
    SilenceStep,
    VideoStep,
    ack_id_of,
)
from processors.incident.issue import incident_id_of
from processors.vision.jpeg import encode_jpeg
from schemas.ack import Acknowledgement, Actor
from schemas.codec import encode
from schemas.enums import DeviceKind, Hazard, PillarKind
from schemas.feeds import CameraFrame, PillarEvent, PlateRead
from schemas.ids import fingerprint
from schemas.registry import RegistryDevice
from schemas.topics import ACKS, FRAMES, PILLAR_EVENTS, PLATE_READS
from schemas.units import EpochMs

POISON: Final = b"these bytes are no record\xff\x00"


JURISDICTION: Final = "CN"


BETWEEN_FRONTS_S: Final = 0.3


CONFIDENCE: Final = 0.97


OPERATOR: Final = Actor(name="Desk 4", organisation="County control room")


Maker = Callable[[EpochMs, EpochMs], bytes]
"""Encodes a record by the times when it happened and when it was received."""


@dataclass(frozen=True)
class Due:
    """One record to send.

    Attributes:
        at_s: When, seconds since the start.
        step: Index of the step that it belongs to.
        topic: Where to.
        key: Its key.
        make: Makes its bytes when it is sent.
    """

    at_s: float
    step: int
    topic: str
    key: bytes
    make: Maker


def due_records(scenario: Scenario, town: Sequence[RegistryDevice], cast: Cast) -> list[Due]:
    """Every record of a scenario, in the order of their times."""
    silent = {step.device for step in scenario.steps if isinstance(step, SilenceStep)}
    speaking = [
        device.device_id
        for device in town
        if device.kind in {DeviceKind.PILLAR, DeviceKind.GATEWAY} and device.device_id not in silent
    ]
    presses = _first_presses(scenario, town)
    records = [
        due
        for number, step in enumerate(scenario.steps)
        for due in _records(number, step, Setting(speaking, presses, cast))
    ]
    return sorted(records, key=lambda due: due.at_s)


class Setting(NamedTuple):
    """What steps refer to.

    Attributes:
        speaking: The devices that send heartbeats.
        incidents: The incident of each pillar's first press.
        cast: Vehicles and pictures.
    """

    speaking: list[str]
    incidents: Mapping[str, str]
    cast: Cast


def _first_presses(scenario: Scenario, town: Sequence[RegistryDevice]) -> dict[str, str]:
    """The incident that each pillar's first press raises, as the fold will name it."""
    return {
        step.device: incident_id_of(
            zone_of(step.device, town), Hazard.EMERGENCY_CALL, step.device, f"{step.event}-{number}-0"
        )
        for number, step in reversed(list(enumerate(scenario.steps)))
        if isinstance(step, PillarStep) and step.event is PillarKind.PRESS and not step.exercise
    }


def _records(number: int, step: AnyStep, setting: Setting) -> Iterator[Due]:
    match step:
        case Heartbeats() | PillarStep():
            return _pillar_records(number, step, setting.speaking)
        case SilenceStep():
            return iter(())
        case AckStep():
            return iter([_acknowledgement(number, step, setting.incidents)])
        case VideoStep() | PictureStep():
            return _frame_records(number, step, setting.cast)
        case PlateStep():
            return _read_records(number, step, setting.cast)
        case PoisonStep():
            return iter([Due(step.at_s, number, step.topic, b"poison", lambda _happened, _received: POISON)])


def _pillar_records(number: int, step: Heartbeats | PillarStep, pillars: list[str]) -> Iterator[Due]:
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
            yield Due(at_s, number, PILLAR_EVENTS, device.encode(), make)


def _acknowledgement(number: int, step: AckStep, incidents: Mapping[str, str]) -> Due:
    incident_id = incidents.get(step.device, f"{step.device}-{fingerprint(number)}")

    def make(happened: EpochMs, _received: EpochMs) -> bytes:
        return encode(
            Acknowledgement(
                ack_id=ack_id_of(number),
                incident_id=incident_id,
                action=step.action,
                actor=OPERATOR,
                at=happened,
                reason=step.reason,
                disposition=step.disposition,
            )
        )

    return Due(step.at_s, number, ACKS, incident_id.encode(), make)


def _frame_records(number: int, step: VideoStep | PictureStep, cast: Cast) -> Iterator[Due]:
    if isinstance(step, VideoStep):
        seen = [(turn * step.every_s, jpeg) for turn, jpeg in enumerate(cast.scenes[step.scene])]
    else:
        seen = [(0.0, _damaged(step.damage, cast))]
    for turn, (after_s, jpeg) in enumerate(seen):
        make = _frame(step.device, jpeg, f"frame-{number}-{turn}")
        yield Due(step.at_s + after_s, number, FRAMES, step.device.encode(), make)


def _read_records(number: int, step: PlateStep, cast: Cast) -> Iterator[Due]:
    for turn, picture in enumerate(_pictures(step, cast)):
        make = _plate_read(step, cast, picture, f"read-{number}-{turn}")
        yield Due(step.at_s + turn * BETWEEN_FRONTS_S, number, PLATE_READS, step.device.encode(), make)


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


def _plate_read(step: PlateStep, cast: Cast, picture: bytes | None, event_id: str) -> Maker:
    text = _text(step, cast)
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


def _text(step: PlateStep, cast: Cast) -> str | None:
    plate = cast.vehicles[step.vehicle].plate
    match step.says:
        case Says.PLATE:
            return plate
        case Says.CONTROL_CHARACTERS:
            return f"{plate[:3]}\x1b[2J\x00{plate[3:]}"
        case Says.NOTHING:
            return None


def _pictures(step: PlateStep, cast: Cast) -> Sequence[bytes | None]:
    match step.shows:
        case Shows.CROP:
            return [cast.vehicles[step.vehicle].picture]
        case Shows.FRONT:
            return [vehicle.picture for vehicle in cast.fronts]
        case Shows.NOTHING:
            return [None]


def _damaged(damage: Damage, cast: Cast) -> bytes:
    if damage is Damage.TOO_LARGE:
        return claims_50_megapixels()
    return truncated(next(iter(cast.scenes.values()))[0])


_SMALL = np.zeros((8, 8, 3), np.uint8)


_BASELINE_FRAME = (
    b"\xff\xc0"  # then two bytes each of length, one of precision, height, width (ITU T.81, B.2.2)
)


def truncated(jpeg: bytes) -> bytes:
    """The first half of a picture."""
    return jpeg[: len(jpeg) // 2]


def claims_50_megapixels() -> bytes:
    """A small picture whose frame header says 10,000 x 5,000 pixels."""
    jpeg = bytearray(encode_jpeg(_SMALL, 90))
    size_at = jpeg.index(_BASELINE_FRAME) + 5
    jpeg[size_at : size_at + 4] = (5_000).to_bytes(2, "big") + (10_000).to_bytes(2, "big")
    return bytes(jpeg)
