"""The steps of a scenario: a type for each kind of thing that happens, with what it must cause."""

from enum import StrEnum
from typing import Annotated, TypeAlias

import msgspec

from schemas.enums import AckAction, AckOutcome, AckReason, Action, Disposition, Grade, PillarKind, Reason
from schemas.errors import Cause
from schemas.topics import ALERTS, MAINTENANCE, TEST_ALERTS

Seconds = Annotated[float, msgspec.Meta(ge=0, le=600)]
Times = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class AlertTopic(StrEnum):
    """The topics in which an alert may be expected."""

    DISPATCH = ALERTS
    MAINTENANCE = MAINTENANCE
    TEST = TEST_ALERTS


class Shows(StrEnum):
    """What is in the picture of a plate read."""

    CROP = "crop"
    FRONT = "front"
    NOTHING = "nothing"


class ReaderText(StrEnum):
    """What a plate reader itself has read."""

    NOTHING = "nothing"
    PLATE = "plate"
    CONTROL_CHARACTERS = "control characters"


class Scene(StrEnum):
    """What a camera sees."""

    FLAME = "flame"
    QUIET = "quiet"


class Damage(StrEnum):
    """What is wrong with a picture."""

    TRUNCATED = "truncated"
    TOO_LARGE = "50-megapixels"


class ExpectedAlert(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An alert that a step must cause."""

    topic: AlertTopic
    action: Action
    reason: Reason
    grade: Grade
    press_count: int = 0
    picture: bool = False


class ExpectedDeadLetter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dead letter that each of some workers must write for each record of a step."""

    cause: Cause
    workers: tuple[str, ...]


class ExpectedAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer that an acknowledgement must get."""

    outcome: AckOutcome
    reason: Reason


class ScenarioStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """Something that happens at one time; the subclasses are the kinds.

    Attributes:
        at_s: When its first record is sent, seconds since the start.
        what: One line that describes it to people.
        alerts: The alerts that it must cause.
        dead_letters: The dead letters that each of its records must cause; `letters` in the file.
        requests: Hotlist entries for which it must cause a verification request.
    """

    at_s: Seconds
    what: str
    alerts: tuple[ExpectedAlert, ...] = ()
    dead_letters: tuple[ExpectedDeadLetter, ...] = msgspec.field(default=(), name="letters")
    requests: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """The device that an alert of this step names; empty where there is no single one."""
        return ""


class Heartbeats(ScenarioStep, frozen=True, kw_only=True, tag="heartbeats"):
    """Every pillar and gateway of the town sends a heartbeat, except those of silence steps."""

    times: Times = 1
    every_s: Seconds = 0.0


class PillarStep(ScenarioStep, frozen=True, kw_only=True, tag="pillar"):
    """One pillar reports an event.

    Attributes:
        event: Its kind.
        device: The pillar.
        times: How often it is sent.
        every_s: Seconds between two of them.
        resend: The same event is sent each time.
        active: False if a fault is over.
        exercise: It is marked as an exercise.
    """

    event: PillarKind
    device: str
    times: Times = 1
    every_s: Seconds = 0.0
    resend: bool = False
    active: bool = True
    exercise: bool = False

    @property
    def subject(self) -> str:
        """The pillar."""
        return self.device


class SilenceStep(ScenarioStep, frozen=True, kw_only=True, tag="silence"):
    """One device sends nothing at all, and that must be noticed."""

    device: str

    @property
    def subject(self) -> str:
        """The device."""
        return self.device


class AckStep(ScenarioStep, frozen=True, kw_only=True, tag="acknowledge"):
    """A person acknowledges the incident that a pillar's first press has raised.

    If `device` was never pressed, the acknowledgement names an incident that does not exist.
    """

    action: AckAction
    device: str
    answer: ExpectedAnswer
    reason: AckReason | None = None
    disposition: Disposition | None = None

    @property
    def subject(self) -> str:
        """The pillar: the latest source of the incident."""
        return self.device


class PlateStep(ScenarioStep, frozen=True, kw_only=True, tag="plate-read"):
    """A vehicle passes a checkpoint."""

    device: str
    vehicle: str
    shows: Shows = Shows.CROP
    says: ReaderText = ReaderText.NOTHING


class VideoStep(ScenarioStep, frozen=True, kw_only=True, tag="video"):
    """A camera sends pictures of a scene."""

    device: str
    scene: Scene
    times: Times
    every_s: Seconds

    @property
    def subject(self) -> str:
        """The camera."""
        return self.device


class PictureStep(ScenarioStep, frozen=True, kw_only=True, tag="picture"):
    """A camera sends one picture that is damaged."""

    device: str
    damage: Damage


class PoisonStep(ScenarioStep, frozen=True, kw_only=True, tag="poison"):
    """Bytes that cannot be decoded are sent to a topic."""

    topic: str

    @property
    def subject(self) -> str:
        """The topic: an alert about a feed names it as its device."""
        return self.topic


AnyStep: TypeAlias = (
    Heartbeats | PillarStep | SilenceStep | AckStep | PlateStep | VideoStep | PictureStep | PoisonStep
)


def last_at_s(step: AnyStep) -> float:
    """When the last record of a step is sent, seconds since the start."""
    if isinstance(step, Heartbeats | PillarStep | VideoStep):
        return step.at_s + step.every_s * (step.times - 1)
    return step.at_s


def ack_id_of(number: int) -> str:
    """The id of the acknowledgement that the step with this number sends."""
    return f"ack-{number}"
