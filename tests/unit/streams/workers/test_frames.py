"""The frames agent: a candidate follows its redacted picture, and a frame that cannot be used is given up."""

from collections.abc import Sequence

import numpy as np
import pytest
import structlog
from msgspec.structs import replace

from processors.vision.boxes import Detections
from processors.vision.flame import (
    FlameDecision,
    FlamePolicy,
    FlameReason,
    FlameState,
    Observed,
    judge,
    look,
)
from processors.vision.flicker import Sight
from processors.vision.jpeg import decode_jpeg, encode_jpeg
from processors.vision.redaction import (
    RedactedPicture,
    Redaction,
    RedactionPolicy,
    Withheld,
    WithheldReason,
    redact,
)
from schemas.codec import decode, encode
from schemas.enums import Feed, Hazard, InputKind
from schemas.errors import Cause, DeliveryFailed, PicturesFailed
from schemas.evidence import EvidenceSnapshot
from schemas.feeds import CameraFrame
from schemas.fusion_log import CameraAlive, FeedWatermark, FusionInput, Observation
from schemas.ids import fingerprint
from schemas.registry import RegistryDevice
from schemas.topics import EVIDENCE, FRAMES, FUSION_INPUT, REGISTRY
from schemas.units import EpochMs
from streams.pictures.pool import PictureBrokeDecoder
from streams.pictures.process import EndReason
from streams.worker.context import Context
from streams.workers.frames import FORGET_AFTER_S, FramesAgent
from tests.support.fakes import World, batch, processed, registered, run
from tests.support.log_records import ZONE, camera, ms

JPEG = encode_jpeg(np.full((32, 48, 3), 90, np.uint8), 80)
CANARY = b"a face"


def redacted() -> RedactedPicture:
    nothing = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
    picture = redact(np.full((32, 48, 3), 90, np.uint8), nothing, nothing, RedactionPolicy())
    assert isinstance(picture, RedactedPicture)
    return picture


class FakePictures:
    """The picture processes: they decode here, and redact to what they are told."""

    def __init__(self) -> None:
        self.outcome: Redaction = redacted()
        self.failure: Exception | None = None
        self.is_closed = False
        self.windows: list[tuple[Sight, ...] | None] = []

    def __call__(self, _context: Context) -> "FakePictures":
        return self

    def look(self, jpeg: bytes, window: tuple[Sight, ...] | None, at: EpochMs) -> Observed:
        self.windows.append(window)
        if self.failure is not None:
            raise self.failure
        return look(decode_jpeg(jpeg, reduce=2), window, at, FlamePolicy())

    def redact(self, frame: CameraFrame, earlier: Sequence[CameraFrame]) -> Redaction:
        if self.failure is not None:
            raise self.failure
        return self.outcome

    def close(self) -> None:
        self.is_closed = True


class FakeRule:
    """The flame rule: says what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.decision = FlameDecision(FlameReason.CANDIDATE, candidate=True, score=0.8)
        self.failure: Exception | None = None
        self.asked: list[tuple[FlameState | None, EpochMs]] = []

    def __call__(
        self, state: FlameState | None, observed: Observed, at: EpochMs, policy: FlamePolicy
    ) -> tuple[FlameState, FlameDecision]:
        self.asked.append((state, at))
        if self.failure is not None:
            raise self.failure
        return FlameState(window=()), self.decision


class Cameras:
    """A frames worker, and what came of each frame."""

    def __init__(self, *site: RegistryDevice) -> None:
        self.pictures, self.rule = FakePictures(), FakeRule()
        devices = site or (camera("C1"), camera("C2"))
        self.world = World("frames", {REGISTRY: registered(*devices)})
        self.agent = FramesAgent(self.world.context, self.pictures, self.rule)
        run(self.agent.start())

    def sees(self, *given: CameraFrame | bytes, appended_s: float = 0) -> None:
        encoded = [value if isinstance(value, bytes) else encode(value) for value in given]
        run(processed(self.agent, [batch(*encoded, topic=FRAMES, start=100, at_s=appended_s)]))

    @property
    def observations(self) -> list[Observation]:
        facts = self.world.delivery.decoded(FUSION_INPUT, FusionInput)
        return [decode(fact.payload, Observation) for fact in facts]

    @property
    def causes(self) -> list[Cause]:
        return [letter.cause for letter in self.world.delivery.dead_letters(FRAMES)]


@pytest.fixture
def cameras() -> Cameras:
    return Cameras()


def frame(
    camera_id: str = "C1", *, jpeg: bytes = JPEG, event_id: str | None = "f1", at_s: float = 1
) -> CameraFrame:
    return CameraFrame(
        camera_id=camera_id, captured_at=ms(at_s), received_at=ms(at_s), jpeg=jpeg, event_id=event_id
    )


# --- a candidate --------------------------------------------------------------------------------------------------


def test_the_evidence_is_delivered_before_the_observation_that_names_it(cameras: Cameras) -> None:
    cameras.sees(frame())
    first, second = cameras.world.delivery.lists
    assert [record.topic for record in first] == [EVIDENCE]
    assert [record.topic for record in second] == [FUSION_INPUT]


def test_an_observation_names_the_place_of_its_picture(cameras: Cameras) -> None:
    cameras.sees(frame())
    (observation,) = cameras.observations
    (snapshot,) = cameras.world.delivery.decoded(EVIDENCE, EvidenceSnapshot)
    assert observation.media is not None
    assert (observation.media.topic, observation.media.partition, observation.media.offset) == (
        EVIDENCE,
        0,
        0,
    )
    assert observation.media.sha256 == snapshot.sha256 == redacted().sha256
    assert observation.media.snapshot_id == snapshot.snapshot_id == observation.observation_id == "f1"
    assert snapshot.jpeg == redacted().jpeg != JPEG


def test_an_observation_goes_to_the_log_under_its_cameras_zone(cameras: Cameras) -> None:
    cameras.sees(frame())
    (fact,) = cameras.world.delivery.decoded(FUSION_INPUT, FusionInput)
    assert (fact.kind, fact.zone, fact.event_id) == (InputKind.OBSERVATION, ZONE, "f1")
    assert cameras.world.delivery.to(FUSION_INPUT)[0].key == ZONE.encode()
    (observation,) = cameras.observations
    assert (observation.device_id, observation.hazard, observation.score_permille) == ("C1", Hazard.FIRE, 800)
    assert (observation.occurred_at, observation.received_at) == (ms(1), ms(1))


def test_a_frame_without_an_id_has_the_same_one_on_a_resend(cameras: Cameras) -> None:
    cameras.sees(frame(event_id=None), frame(event_id=None))
    first, second = cameras.observations
    assert first.observation_id == second.observation_id != ""


def test_a_withheld_picture_leaves_an_observation_without_media(cameras: Cameras) -> None:
    cameras.pictures.outcome = Withheld(WithheldReason.DETECTION_FAILED)
    cameras.sees(frame())
    (observation,) = cameras.observations
    assert observation.media is None
    assert cameras.world.delivery.to(EVIDENCE) == []
    assert cameras.world.count("callbox_pictures_total", outcome="detection_failed") == 1


def test_a_frame_that_is_no_candidate_leaves_nothing(cameras: Cameras) -> None:
    cameras.rule.decision = FlameDecision(FlameReason.QUIET)
    cameras.sees(frame())
    assert cameras.world.delivery.sent == []
    assert cameras.world.count("callbox_decisions_total", reason="quiet") == 1


def test_evidence_that_is_not_delivered_leaves_the_agent(cameras: Cameras) -> None:
    cameras.world.delivery.refused = frozenset({EVIDENCE})
    with pytest.raises(DeliveryFailed):
        cameras.sees(frame())
    assert cameras.world.delivery.sent == []


# --- what is remembered -------------------------------------------------------------------------------------------


def test_every_camera_has_a_memory_of_its_own(cameras: Cameras) -> None:
    cameras.sees(frame("C1"), frame("C2"), frame("C1", at_s=2))
    assert [state is None for state, _ in cameras.rule.asked] == [True, True, False]


def test_a_silent_camera_is_forgotten(cameras: Cameras) -> None:
    cameras.rule.decision = FlameDecision(FlameReason.SUSPECTED)
    cameras.sees(frame("C1"))
    cameras.world.clock.seconds += FORGET_AFTER_S
    cameras.sees(frame("C2"))
    run(cameras.agent.every_second())
    assert set(cameras.agent._states) == {"C1", "C2"}
    cameras.world.clock.seconds += 0.1
    run(cameras.agent.every_second())
    assert set(cameras.agent._states) == set(cameras.agent._earlier) == {"C2"}


# --- bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        (b"poison", Cause.UNDECODABLE),
        (frame("unregistered"), Cause.UNKNOWN_DEVICE),
        (frame(jpeg=b""), Cause.PICTURE_EMPTY),
        (frame(jpeg=b"no jpeg"), Cause.PICTURE_NOT_JPEG),
        (frame(jpeg=JPEG[:-20]), Cause.PICTURE_TRUNCATED),
    ],
)
def test_bad_input_is_dead_lettered_with_place_and_cause_alone(
    cameras: Cameras, given: CameraFrame | bytes, cause: Cause
) -> None:
    cameras.sees(given, frame(event_id="next"))
    (letter,) = cameras.world.delivery.dead_letters(FRAMES)
    assert (letter.offset, letter.cause) == (100, cause)
    assert (letter.key, letter.payload, letter.detail) == (None, None, None)
    assert [observation.observation_id for observation in cameras.observations] == ["next"]


def test_a_camera_that_was_just_registered_is_known_at_once(cameras: Cameras) -> None:
    cameras.world.reader.followers[REGISTRY].arrive(*registered(camera("C9")))
    cameras.sees(frame("C9"))
    assert cameras.causes == []
    assert [observation.device_id for observation in cameras.observations] == ["C9"]


def test_fires_of_a_camera_whose_clocks_are_dead_are_several_and_of_when_they_arrived(
    cameras: Cameras,
) -> None:
    dead = replace(frame(event_id=None), captured_at=EpochMs(0), received_at=EpochMs(0))
    cameras.sees(dead, dead, appended_s=50)
    first, second = cameras.observations
    assert first.observation_id != second.observation_id
    assert {(each.occurred_at, each.received_at) for each in (first, second)} == {(ms(50), ms(50))}
    assert [at for _, at in cameras.rule.asked] == [ms(50), ms(50)], "the rule has to see time pass"
    names = [each.snapshot_id for each in cameras.world.delivery.decoded(EVIDENCE, EvidenceSnapshot)]
    assert names == [first.observation_id, second.observation_id]


def test_a_rule_that_fails_costs_one_frame_and_says_nothing_of_its_content(cameras: Cameras) -> None:
    cameras.rule.failure = ValueError(CANARY)
    with structlog.testing.capture_logs() as lines:
        cameras.sees(frame())
    assert cameras.causes == [Cause.PROCESSING_FAILED]
    assert cameras.observations == []
    assert "a face" not in repr(lines)
    assert CANARY not in b"".join(record.value or b"" for record in cameras.world.delivery.sent)


# --- the picture processes ----------------------------------------------------------------------------------------


def test_a_picture_that_breaks_its_decoder_is_a_dead_letter_and_those_behind_it_are_looked_at(
    cameras: Cameras,
) -> None:
    cameras.pictures.failure = PictureBrokeDecoder(EndReason.CRASHED)
    cameras.sees(frame())
    cameras.pictures.failure = None
    cameras.sees(frame(event_id="next"))
    assert cameras.causes == [Cause.PICTURE_BROKE_DECODER]
    assert [observation.observation_id for observation in cameras.observations] == ["next"]


def test_a_redaction_that_fails_withholds_the_picture_and_the_observation_goes_out(cameras: Cameras) -> None:
    cameras.pictures.redact = lambda *_: 1 / 0  # type: ignore[assignment, method-assign, return-value] # it fails
    cameras.sees(frame())
    (observation,) = cameras.observations
    assert observation.media is None
    assert cameras.world.count("callbox_pictures_total", outcome="detection_failed") == 1


def test_without_picture_processes_the_worker_ends_and_no_frame_is_lost(cameras: Cameras) -> None:
    cameras.pictures.failure = PicturesFailed("none starts")
    with pytest.raises(PicturesFailed):
        cameras.sees(frame())
    assert cameras.world.delivery.sent == []


def test_the_rule_s_memory_is_the_worker_s_own() -> None:
    cameras = Cameras()
    cameras.agent._rule = judge
    cameras.sees(*[frame(at_s=second) for second in range(7)])
    cameras.sees(frame(at_s=6), frame(at_s=60), appended_s=60)
    lengths = [None if window is None else len(window) for window in cameras.pictures.windows]
    assert lengths == [0, 1, 2, 3, 4, 4, 4, None, 0]


def test_the_picture_processes_end_with_the_agent(cameras: Cameras) -> None:
    run(cameras.agent.finish())
    assert cameras.pictures.is_closed


# --- a camera is alive --------------------------------------------------------------------------------------------


@pytest.fixture
def beating() -> Cameras:
    """Cameras that promise to speak once a minute, and see nothing."""
    with_heartbeat = [replace(camera(name), heartbeat_s=60) for name in ("C1", "C2")]
    found = Cameras(*with_heartbeat, camera("C3"))
    found.rule.decision = FlameDecision(FlameReason.QUIET)
    return found


def alive(cameras: Cameras) -> list[CameraAlive]:
    facts = cameras.world.delivery.decoded(FUSION_INPUT, FusionInput)
    return [decode(fact.payload, CameraAlive) for fact in facts if fact.kind is InputKind.CAMERA_ALIVE]


def test_a_frame_says_that_its_camera_is_alive(beating: Cameras) -> None:
    beating.sees(frame("C1"))
    (fact,) = beating.world.delivery.decoded(FUSION_INPUT, FusionInput)
    assert (fact.kind, fact.zone) == (InputKind.CAMERA_ALIVE, ZONE)
    assert fact.event_id == fingerprint("camera-alive", "C1", ms(1))
    assert alive(beating) == [CameraAlive(device_id="C1", received_at=ms(1))]


def test_it_is_said_three_times_in_a_heartbeat_interval_for_each_camera(beating: Cameras) -> None:
    for second in range(60):
        beating.sees(frame("C1", at_s=second), appended_s=second)
        beating.sees(frame("C2", at_s=second), appended_s=second)
    assert [each.received_at for each in alive(beating) if each.device_id == "C1"] == [ms(0), ms(20), ms(40)]
    assert len(alive(beating)) == 6


def test_a_camera_that_promises_nothing_is_not_reported(beating: Cameras) -> None:
    beating.sees(frame("C3"))
    assert beating.world.delivery.sent == []


def test_a_frame_that_is_no_picture_does_not_say_so(beating: Cameras) -> None:
    beating.sees(frame(jpeg=b"no jpeg"))
    assert alive(beating) == []


def test_a_frame_on_which_the_rule_fails_says_so_all_the_same(beating: Cameras) -> None:
    beating.rule.failure = ValueError("a bug")
    beating.sees(frame())
    assert len(alive(beating)) == 1
    assert beating.causes == [Cause.PROCESSING_FAILED]


def test_a_gateway_s_impossible_time_is_not_the_camera_s(beating: Cameras) -> None:
    beating.sees(frame(at_s=10**9), appended_s=5)
    assert [each.received_at for each in alive(beating)] == [ms(5)]


def test_a_frame_that_is_read_again_is_reported_again_with_the_same_id(beating: Cameras) -> None:
    beating.sees(frame(at_s=30), appended_s=30)
    beating.sees(frame(at_s=0), appended_s=0)
    beating.sees(frame(at_s=30), appended_s=30)
    first, _, third = beating.world.delivery.to(FUSION_INPUT)
    assert first == third


# --- how far the feed is ------------------------------------------------------------------------------------------


def test_the_log_hears_every_five_seconds_how_far_the_frames_are(cameras: Cameras) -> None:
    for _ in range(11):
        run(cameras.agent.every_second())
        cameras.world.caught_up = frozenset({2})
        cameras.world.clock.seconds += 1
    facts = cameras.world.delivery.decoded(FUSION_INPUT, FusionInput)
    statuses = [decode(fact.payload, FeedWatermark) for fact in facts]
    assert len(statuses) == 2 * 4
    assert {(each.feed, each.topic, each.partitions) for each in statuses} == {(Feed.CAMERAS, FRAMES, (2,))}
