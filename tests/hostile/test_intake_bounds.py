"""What may go out of a record that a camera feed or a plate reader has written.

The credential: whoever may write `camera.frame.v1`, `checkpoint.plate-read.v1`, the pillar topic or the topic of
acknowledgements. Every id and every time of the record is theirs. The boundary is the intake of the workers: evidence,
observations and questions carry a time of the append's window and an id that can be printed anywhere.
"""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.intake.ack import ack_input
from processors.intake.observation import bounded_frame
from processors.intake.pillar_event import AHEAD_MS, BEHIND_MS, intake
from processors.intake.plate_read import bounded_read
from processors.vision.boxes import Detections
from processors.vision.flame import FlameDecision, FlamePolicy, FlameReason, FlameState, Observed, look
from processors.vision.flicker import Sight
from processors.vision.jpeg import decode_jpeg, encode_jpeg
from processors.vision.redaction import RedactedPicture, Redaction, RedactionPolicy, redact
from schemas.ack import AckFact, Acknowledgement, Actor
from schemas.codec import decode, encode
from schemas.enums import AckAction, PillarKind
from schemas.evidence import EvidenceSnapshot
from schemas.feeds import CameraFrame, PillarEvent, PlateRead
from schemas.fusion_log import FusionInput, Observation
from schemas.ids import ID_LENGTH, bounded_id, is_printable
from schemas.topics import EVIDENCE, FRAMES, FUSION_INPUT, REGISTRY
from schemas.units import EpochMs
from streams.worker.context import Context
from streams.workers.frames import FramesAgent
from tests.support.fakes import World, batch, entry_of, processed, registered, run
from tests.support.log_records import camera, ms
from tests.support.plates_harness import LISTED, Checkpoint

APPENDED = ms(60)
EXTREMES = (-(2**63), -(2**62), -1, 0, 1, APPENDED - BEHIND_MS - 1, APPENDED + AHEAD_MS + 1, 2**62, 2**63 - 1)
BAD_IDS = (
    "../../x",
    "/etc/passwd",
    "a\x00b",
    "a\x1b[2J\x1b]0;owned\x07b",
    "a\x9b2Jb",
    "first\nsecond",
    "first\r\x85second\u2028third",
    "\u202egnp.exe",
    "zero\u200bwidth",
    "\ufffe\uffff",
    "x" * 300_000,
    "\n",
)

times = st.one_of(st.sampled_from(EXTREMES), st.integers(-(2**63), 2**63 - 1)).map(EpochMs)
ids = st.one_of(st.none(), st.sampled_from(BAD_IDS), st.text(max_size=200))


def is_bounded(name: str | None) -> bool:
    return name is not None and 0 < len(name) <= ID_LENGTH and is_printable(name)


def is_possible(at: EpochMs) -> bool:
    """Within the append time's window; what happened may lie another day before its receipt, as for pillars."""
    return APPENDED - 2 * BEHIND_MS <= at <= APPENDED + 2 * AHEAD_MS


@given(name=st.one_of(st.sampled_from(BAD_IDS), st.text()))
def test_a_bounded_id_is_short_and_printable_and_stays_as_it_is_when_bounded_again(name: str) -> None:
    bounded = bounded_id(name)
    assert is_printable(bounded)
    assert len(bounded) <= ID_LENGTH
    assert bounded_id(bounded) == bounded


@given(one=st.text(), other=st.text())
def test_two_ids_stay_two(one: str, other: str) -> None:
    assert (bounded_id(one) == bounded_id(other)) is (one == other)


@given(event_id=ids, captured_at=times, received_at=times)
def test_every_frame_gets_an_id_and_times_that_may_go_out(
    event_id: str | None, captured_at: EpochMs, received_at: EpochMs
) -> None:
    frame = CameraFrame(
        camera_id="C1", captured_at=captured_at, received_at=received_at, jpeg=b"", event_id=event_id
    )
    bounded = bounded_frame(frame, APPENDED, place="camera.frame.v1/0/7")
    assert is_bounded(bounded.event_id)
    assert is_possible(bounded.captured_at)
    assert is_possible(bounded.received_at)
    assert bounded_frame(bounded, APPENDED, place="camera.frame.v1/0/7") == bounded


@given(event_id=ids, occurred_at=times, received_at=times, confidence=st.none() | st.floats())
def test_every_plate_read_gets_an_id_and_times_that_may_go_out(
    event_id: str | None, occurred_at: EpochMs, received_at: EpochMs, confidence: float | None
) -> None:
    read = PlateRead(
        checkpoint_id="K1",
        occurred_at=occurred_at,
        received_at=received_at,
        event_id=event_id,
        confidence=confidence,
    )
    bounded = bounded_read(read, APPENDED, place="checkpoint.plate-read.v1/0/7")
    assert is_bounded(bounded.event_id)
    assert is_possible(bounded.occurred_at)
    assert bounded.confidence is None or 0 <= bounded.confidence <= 1


@given(event_id=ids, device_id=st.one_of(st.sampled_from(BAD_IDS), st.text(min_size=1)), at=times)
def test_every_pillar_event_gets_ids_and_times_that_may_go_out(
    event_id: str | None, device_id: str, at: EpochMs
) -> None:
    event = PillarEvent(
        device_id=device_id, kind=PillarKind.PRESS, occurred_at=at, received_at=at, event_id=event_id
    )
    fact = intake(event, APPENDED, place="pillar.event.v1/0/7")
    assert is_bounded(fact.event_id)
    assert is_bounded(fact.device_id)
    assert is_possible(fact.occurred_at)
    assert fact.clock_suspect is (fact.occurred_at != at or fact.received_at != at)


@pytest.mark.parametrize("text", BAD_IDS)
def test_every_acknowledgement_gets_names_and_a_note_that_can_be_printed(text: str) -> None:
    ack = Acknowledgement(
        ack_id=text,
        incident_id=text,
        action=AckAction.NOTE,
        actor=Actor(name=text, organisation=text),
        at=APPENDED,
        note=text,
    )
    fact = decode(ack_input(ack, APPENDED).payload, AckFact)
    names = (fact.ack_id, fact.incident_id, fact.actor.name, fact.actor.organisation)
    assert all(map(is_bounded, names))
    assert fact.note is not None
    assert is_printable(fact.note)


# --- through the workers ------------------------------------------------------------------------------------------


class _Pictures:
    """The picture processes: they find nothing to hide."""

    def __call__(self, _context: Context) -> "_Pictures":
        return self

    def look(self, jpeg: bytes, window: tuple[Sight, ...] | None, at: EpochMs) -> Observed:
        assert is_possible(at)
        return look(decode_jpeg(jpeg, reduce=2), window, at, FlamePolicy())

    def redact(self, frame: CameraFrame, earlier: Sequence[CameraFrame]) -> Redaction:
        nothing = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
        picture = redact(np.zeros((32, 48, 3), np.uint8), nothing, nothing, RedactionPolicy())
        assert isinstance(picture, RedactedPicture)
        return picture

    def close(self) -> None:
        """There is no process."""


def _always_fire(
    _state: FlameState | None, _observed: Observed, at: EpochMs, _policy: FlamePolicy
) -> tuple[FlameState, FlameDecision]:
    assert is_possible(at)
    return FlameState(window=()), FlameDecision(FlameReason.CANDIDATE, candidate=True, score=0.8)


JPEG = encode_jpeg(np.full((32, 48, 3), 90, np.uint8), 80)


@pytest.mark.parametrize("at", EXTREMES)
@pytest.mark.parametrize("event_id", [None, *BAD_IDS])
def test_frames_sends_evidence_and_observation_with_bounded_ids_and_times(
    at: int, event_id: str | None
) -> None:
    world = World("frames", {REGISTRY: registered(camera("C1"))})
    agent = FramesAgent(world.context, _Pictures(), _always_fire)
    run(agent.start())
    frame = CameraFrame(
        camera_id="C1", captured_at=EpochMs(at), received_at=EpochMs(at), jpeg=JPEG, event_id=event_id
    )
    run(processed(agent, [batch(encode(frame), topic=FRAMES, start=7, at_s=60)]))
    (snapshot,) = world.delivery.decoded(EVIDENCE, EvidenceSnapshot)
    (fact,) = world.delivery.decoded(FUSION_INPUT, FusionInput)
    observation = decode(fact.payload, Observation)
    assert snapshot.snapshot_id == observation.observation_id == fact.event_id
    assert is_bounded(snapshot.snapshot_id)
    assert snapshot.captured_at == observation.occurred_at
    assert is_possible(snapshot.captured_at)
    assert is_possible(observation.received_at)


@pytest.mark.parametrize("at", EXTREMES)
@pytest.mark.parametrize("picture", [None, JPEG], ids=["text", "picture"])
def test_plates_asks_with_a_bounded_time(at: int, picture: bytes | None) -> None:
    checkpoint = Checkpoint(entry_of(LISTED))
    read = PlateRead(
        checkpoint_id="K1",
        occurred_at=EpochMs(at),
        received_at=EpochMs(at),
        event_id="x" * 300_000,
        plate_text=LISTED,
        confidence=float("nan"),
        picture=picture,
    )
    (request,) = checkpoint.reads(read)
    assert is_possible(request.occurred_at)
    assert request.confidence is None
    assert is_bounded(request.request_id)
