"""Intake of cameras: a detector's decision becomes an observation, and a frame the fact that its camera is alive."""

from msgspec.structs import replace

from processors.intake.envelope import envelope
from processors.intake.pillar_event import replaced_receipt, trusted_times
from schemas.enums import Feed, Hazard, InputKind
from schemas.feeds import CameraFrame
from schemas.fusion_log import CameraAlive, FusionInput, Media, Observation
from schemas.ids import bounded_id, fingerprint
from schemas.units import SECOND_MS, EpochMs

PERMILLE = 1000

REPORTS_PER_INTERVAL = 3
"""How often in its heartbeat interval a camera is reported as alive, so that two of three reports may be lost."""


def frame_id(frame: CameraFrame, appended_at: EpochMs, *, place: str = "") -> str:
    """The frame's own id, or one derived from camera and times; equal on a resend, because that repeats received_at.

    Args:
        frame: The frame as the gateway sent it.
        appended_at: When the broker appended it.
        place: Its topic, partition and offset; a part of a derived id where received_at is impossible.
    """
    if frame.event_id:
        return bounded_id(frame.event_id)
    return fingerprint(
        Feed.CAMERAS,
        frame.camera_id,
        frame.captured_at,
        frame.received_at,
        *replaced_receipt(frame.received_at, appended_at, place),
    )


def bounded_frame(frame: CameraFrame, appended_at: EpochMs, *, place: str = "") -> CameraFrame:
    """The frame with an id and times that may go out: evidence and observations carry them.

    Args:
        frame: The frame as the gateway sent it; the registry names its camera.
        appended_at: When the broker appended it.
        place: Its topic, partition and offset.

    Returns:
        The same picture with an id (`frame_id`) and possible times (`trusted_times`). Doing it twice changes nothing.
    """
    captured_at, received_at, _ = trusted_times(frame.captured_at, frame.received_at, appended_at)
    return replace(
        frame,
        event_id=frame_id(frame, appended_at, place=place),
        captured_at=captured_at,
        received_at=received_at,
    )


def fire_input(
    frame: CameraFrame, zone: str, score: float, media: Media | None, appended_at: EpochMs, *, place: str = ""
) -> FusionInput:
    """The observation of a flame candidate.

    Args:
        frame: The picture it was seen in.
        zone: The camera's zone.
        score: The detector's confidence, 0 to 1.
        media: The redacted picture, or None where it was withheld.
        appended_at: When the broker appended the frame; it stands for a time that is impossible.
        place: The frame's topic, partition and offset.
    """
    occurred_at, received_at, _ = trusted_times(frame.captured_at, frame.received_at, appended_at)
    observation = Observation(
        observation_id=frame_id(frame, appended_at, place=place),
        device_id=frame.camera_id,
        hazard=Hazard.FIRE,
        occurred_at=occurred_at,
        received_at=received_at,
        score_permille=round(score * PERMILLE),
        media=media,
    )
    return envelope(InputKind.OBSERVATION, observation.observation_id, zone, observation)


def is_alive_due(heartbeat_s: int | None, reported_at: EpochMs | None, at: EpochMs) -> bool:
    """Whether it is time to report again that a camera delivers frames.

    Args:
        heartbeat_s: The camera's heartbeat interval, seconds, or None where it has none.
        reported_at: Append time of the frame that was reported last, or None.
        at: Append time of this frame. Where it is earlier, the frame is being read again, and is reported again.
    """
    if not heartbeat_s:
        return False
    return reported_at is None or not 0 <= REPORTS_PER_INTERVAL * (at - reported_at) < heartbeat_s * SECOND_MS


def alive_input(frame: CameraFrame, zone: str, appended_at: EpochMs) -> FusionInput:
    """The fact that a camera delivers frames.

    Args:
        frame: One that could be decoded.
        zone: The camera's zone.
        appended_at: When the broker appended the frame.
    """
    _, received_at, _ = trusted_times(frame.captured_at, frame.received_at, appended_at)
    alive = CameraAlive(device_id=frame.camera_id, received_at=received_at)
    name = fingerprint("camera-alive", frame.camera_id, received_at)
    return envelope(InputKind.CAMERA_ALIVE, name, zone, alive)
