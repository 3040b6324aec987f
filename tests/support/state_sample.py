"""The state from which the sample of a format is made: it holds at least one of everything that a state can hold.

`python -m tests.support.state_sample` writes the sample of the present format. Do that when FORMAT_VERSION has risen,
and leave the samples of earlier formats alone: a release wrote them, and the next one must read them.
"""

from pathlib import Path
from typing import Any

from processors.fold.snapshot_codec import dump
from processors.state.partition_state import FORMAT_VERSION
from processors.state.policy import ByGrade, FusionPolicy
from schemas.enums import AckAction, AckReason, DeviceKind, Disposition, Grade, Hazard, PillarKind
from schemas.fusion_log import CameraAlive, ExerciseNotice, MaintenanceWindow, Period
from schemas.registry import ResponsePoint
from schemas.units import deg_e7
from tests.support.log_records import (
    ACTOR,
    LAT,
    ZONE,
    alive,
    camera,
    dead_letter,
    device,
    feed_broken,
    flame,
    gateway,
    list_age,
    ms,
)
from tests.support.paths import TESTS
from tests.support.timeline import Timeline

SAMPLES = TESTS / "samples"

AckSteps = tuple[tuple[AckAction, dict[str, Any]], ...]

BY_STATE: dict[str, AckSteps] = {
    "acked": ((AckAction.ACCEPT, {}),),
    "assigned": ((AckAction.EN_ROUTE, {}),),
    "on_scene": ((AckAction.ON_SCENE, {}),),
    "cleared": ((AckAction.ACCEPT, {}), (AckAction.CLEAR, {})),
    "cleared_unacked": ((AckAction.CLEAR, {}),),
    "cancelled": ((AckAction.CANCEL, {"reason": AckReason.FALSE_ALARM}),),
    "closed": ((AckAction.ACCEPT, {}), (AckAction.CLOSE, {"disposition": Disposition.UNFOUNDED})),
    "shelved": (
        (AckAction.REGRADE, {"grade": Grade.YELLOW, "reason": AckReason.LESS_SERIOUS}),
        (AckAction.SHELVE, {"reason": AckReason.NUISANCE}),
    ),
}
"""The acknowledgements that bring the incident of a press into a state."""


def sample_path(version: int) -> Path:
    return SAMPLES / f"state-format-{version}.msgpack"


def everything() -> Timeline:
    """Half an hour with an incident in each open state, and everything else that a partition keeps."""
    line = Timeline(
        gateway("G1", heartbeat_s=20),
        *(device(f"B{n}", lat=LAT + 1 + n, heartbeat_s=20, gateway="G1") for n in range(4)),
        device("T1", lat=LAT + 8, test_every_s=600, points=(point("station", LAT + 8.001),)),
        device("P1"),
        device("Q1", lat=LAT + 12),
        camera("C1"),
        camera("C2", lat=LAT + 9),
        device("K1", lat=LAT + 10, kind=DeviceKind.CHECKPOINT),
        device("R1", lat=LAT + 11),
    )
    line.policy(FusionPolicy(bounce_ms=2_500, hold_ms=ByGrade(red=0, yellow=20_000, blue=30_000)), revision=7)
    _feeds_and_silence(line)
    _said_in_advance(line)
    for at_s in (100, 104):
        line.push(alive(at_s, 0, 1), at_s=at_s)
    for number, (name, said) in enumerate(BY_STATE.items()):
        pressed = f"S-{name}"
        line.push(device(pressed, lat=LAT - 1 - number), at_s=100)
        raised = line.press(101 + number, pressed, event_id=f"press-{name}").alerts[0]
        line.push(alive(109 + number, 0, 1), at_s=109 + number)
        for place, (action, details) in enumerate(said):
            line.acknowledge(action, raised.incident_id, 110 + number, ack_id=f"{name}-{place}", **details)
    for at_s in (119, 122):
        line.push(alive(at_s, 0, 1), at_s=at_s)
        line.tick(at_s)
    line.acknowledge(AckAction.ACCEPT, "east-nobody-knows-it", 125, ack_id="stray")
    _conditions(line)
    line.push(flame("C1", at_s=150, picture=True), at_s=150)
    line.press(151, "P1", event_id="at-the-fire")
    line.pillar(PillarKind.CANCEL, 155, "P1", event_id="taken-back")
    line.pillar(PillarKind.PRESS, 156, "T1", event_id="exercise", exercise=True)
    line.press(157, "stranger", event_id="nobody-knows-me")
    line.push(device("R1", lat=LAT + 11, revision=2, removed=True), at_s=158)
    line.push(flame("C2", event_id="held", at_s=159), at_s=159)
    refused = line.press(160, "S-closed", event_id="again").alerts[0]
    line.acknowledge(AckAction.REJECT, refused.incident_id, 161, ack_id="refused", reason=AckReason.NOT_OURS)
    return line


def _said_in_advance(line: Timeline) -> None:
    """Planned work, an exercise, a fault that a person closed while it goes on, and devices that fail one by one."""
    line.pillar(PillarKind.MAINS, 62, "B0", event_id="mains")
    for at_s in range(66, 97, 5):
        line.push(alive(at_s, 0, 1), at_s=at_s)
        line.tick(at_s)
    mains = next(alert for alert in line.alerts if alert.hazard is Hazard.MAINS)
    line.acknowledge(AckAction.ACCEPT, mains.incident_id, 96, ack_id="mains-1")
    line.acknowledge(
        AckAction.CLOSE, mains.incident_id, 96, ack_id="mains-2", disposition=Disposition.FOUNDED
    )
    line.push(
        MaintenanceWindow(
            window_id="east-1",
            zone=ZONE,
            revision=1,
            devices=("B3",),
            periods=(Period(begins_at=ms(100), ends_at=ms(1_000)),),
            actor=ACTOR,
        ),
        at_s=96,
    )
    line.push(
        ExerciseNotice(exercise_id="east", zone=ZONE, revision=1, at=ms(96), ends_at=ms(1_000), actor=ACTOR),
        at_s=96,
    )


def _feeds_and_silence(line: Timeline) -> None:
    """Three devices behind a gateway become silent, and one keeps reporting."""
    for at_s in range(1, 60, 5):
        line.push(alive(at_s, 0, 1), at_s=at_s)
        line.pillar(PillarKind.HEARTBEAT, at_s, "B0", event_id=f"h{at_s}")
        line.push(CameraAlive(device_id="C1", received_at=ms(at_s)), at_s=at_s)
        line.tick(at_s)
    line.press(59, "Q1", event_id="held-down")
    line.push(alive(61, 0, 1), at_s=61)
    line.push(dead_letter(at_s=60), at_s=60)
    line.push(list_age(61, stale=True), at_s=61)
    line.push(feed_broken(), at_s=61)


def _conditions(line: Timeline) -> None:
    """A tamper that is out of service, a flapping battery fault, and a contact that stays closed."""
    line.pillar(PillarKind.TAMPER, 126, "P1", event_id="tamper")
    for at_s in range(127, 133):
        line.pillar(PillarKind.BATTERY, at_s, "T1", event_id=f"battery-{at_s}", active=at_s % 2 == 1)
    line.tick(157)
    tamper = next(alert for alert in line.alerts if alert.hazard is Hazard.TAMPER)
    line.acknowledge(
        AckAction.OUT_OF_SERVICE, tamper.incident_id, 157, ack_id="works", reason=AckReason.PLANNED_WORK
    )


def point(name: str, lat: float) -> ResponsePoint:
    return ResponsePoint(name=name, lon_e7=deg_e7(120.0), lat_e7=deg_e7(lat))


if __name__ == "__main__":
    sample_path(FORMAT_VERSION).write_bytes(dump(everything().state))
