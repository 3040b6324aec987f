"""From what a detector decided to a fact in the log."""

from schemas.codec import encode
from schemas.enums import Hazard, InputKind
from schemas.feeds import CameraFrame
from schemas.ids import fingerprint
from schemas.log import FusionInput, Media, Observation

PERMILLE = 1000


def frame_id(frame: CameraFrame) -> str:
    """The frame's own id, or one made of camera and time; equal on a resend."""
    return frame.event_id or fingerprint("frame", frame.camera_id, frame.captured_at)


def fire_input(frame: CameraFrame, zone: str, score: float, media: Media | None) -> FusionInput:
    """The observation of a flame candidate.

    Args:
        frame: The picture it was seen in.
        zone: The camera's zone.
        score: The detector's confidence, 0 to 1.
        media: The redacted picture, or None where it was withheld.
    """
    observation = Observation(
        observation_id=frame_id(frame),
        device_id=frame.camera_id,
        hazard=Hazard.FIRE,
        occurred_at=frame.captured_at,
        received_at=frame.received_at,
        score_permille=round(score * PERMILLE),
        media=media,
    )
    return FusionInput(
        kind=InputKind.OBSERVATION,
        event_id=observation.observation_id,
        zone=zone,
        payload=encode(observation),
    )
