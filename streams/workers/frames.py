"""Frames: does a picture show flames? If so, the redacted picture goes out first, then the observation that names it.

camera.frame.v1 ─► decode ─► flame candidate? ─► redact ─► evidence.snapshot.v1 ─► fusion.input.v1 (key = zone)
                     └─► the camera is alive, three times in its heartbeat interval ─► fusion.input.v1
every five seconds: the partitions of the feed that are caught up ─► every partition of fusion.input.v1
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog

from processors.intake.observation import alive_input, fire_input, frame_id, is_alive_due
from processors.vision.boxes import Picture
from processors.vision.flame import FlameDecision, FlamePolicy, FlameReason, FlameState, observe
from processors.vision.jpeg import decode_jpeg
from processors.vision.redaction import RedactedPicture, Redaction, Withheld, WithheldReason
from schemas.codec import decode, encode
from schemas.enums import Feed
from schemas.errors import CallboxError, Cause, DecodeError, PictureError
from schemas.evidence import EvidenceSnapshot
from schemas.feeds import CameraFrame
from schemas.fusion_log import Media
from schemas.registry import RegistryDevice
from schemas.topics import EVIDENCE, FRAMES, REGISTRY
from schemas.units import EpochMs
from streams.faust.batching import Batch, as_log_record
from streams.kafka.producer import ProducerRecord
from streams.worker.context import Context
from streams.worker.log_writer import forward
from streams.workers.redactor import Redactor
from streams.workers.watermarks import Watermarks

log = structlog.get_logger(__name__)

EARLIER_FRAMES = 2  # two more runs of the detectors, 0.2 s each: a candidate is rare

FORGET_AFTER_S = 600.0
"""Twice `FlamePolicy.renew_after_ms`: a fire that is seen again by then would be reported anew in any case."""

WATERMARK_S = 5.0  # a camera's heartbeat interval is minutes

FlameRule = Callable[[FlameState | None, Picture, EpochMs, FlamePolicy], tuple[FlameState, FlameDecision]]


class FramesAgent:
    """Watches every camera for flames.

    Args:
        context: The worker.
        make_redactor: Loads the redaction models; blocks.
        rule: Decides whether a picture shows a fire.
    """

    def __init__(
        self,
        context: Context,
        make_redactor: Callable[[Path], Redactor] = Redactor,
        rule: FlameRule = observe,
    ) -> None:
        self._context, self._make_redactor, self._rule = context, make_redactor, rule
        self._policy = FlamePolicy()
        self._registry = context.table(REGISTRY, RegistryDevice)
        self._states: dict[str, FlameState] = {}
        self._earlier: dict[str, tuple[CameraFrame, ...]] = {}
        self._seen_at: dict[str, float] = {}
        self._alive_at: dict[str, EpochMs] = {}
        self._watermarks = Watermarks(context, Feed.CAMERAS, FRAMES, WATERMARK_S)
        self._redactor: Redactor | None = None

    async def start(self) -> None:
        """Load the models and the registry."""
        self._redactor = await self._context.blocking(self._make_redactor, self._context.cache)
        await self._registry.start()

    async def process(self, batches: Sequence[Batch]) -> None:
        """Look at each frame; deliver evidence before the observation that names it."""
        outgoing: list[ProducerRecord] = []
        for batch in batches:
            for record in batch:
                try:
                    frame, device = self._read(record)
                    picture = await self._context.blocking(decode_small, frame.jpeg)
                    outgoing += self._alive(frame, device, EpochMs(record.timestamp))
                    outgoing += await self._watch(frame, device, picture)
                except (DecodeError, PictureError) as error:
                    outgoing.append(self._reject(record, error.cause))
                except CallboxError:  # evidence that was not delivered: the process stops
                    raise
                except Exception as error:  # noqa: BLE001 - one picture must not hold up a camera's feed for ever
                    log.error("frame.failed", error_type=type(error).__name__)  # noqa: TRY400 - a trace may quote
                    outgoing.append(self._reject(record, Cause.PROCESSING_FAILED))
        await self._context.delivery.deliver(outgoing)

    async def every_second(self) -> None:
        """Follow the registry, report how far the feed is, and forget silent cameras: each takes 330 kB."""
        await self._registry.refresh()
        await self._watermarks.report()
        now = self._context.clock.monotonic()
        for camera in [camera for camera, at in self._seen_at.items() if now - at > FORGET_AFTER_S]:
            del self._seen_at[camera]
            self._states.pop(camera, None)
            self._earlier.pop(camera, None)
            self._alive_at.pop(camera, None)

    def _read(self, record: Any) -> tuple[CameraFrame, RegistryDevice]:
        frame = decode(record.value, CameraFrame)
        device = self._registry.get(frame.camera_id)
        if device is None:
            raise DecodeError("no registry names the camera", Cause.UNKNOWN_DEVICE)
        self._seen_at[frame.camera_id] = self._context.clock.monotonic()
        return frame, device

    def _alive(self, frame: CameraFrame, device: RegistryDevice, at: EpochMs) -> list[ProducerRecord]:
        """A frame is the camera's heartbeat, whatever it shows."""
        if not is_alive_due(device.heartbeat_s, self._alive_at.get(frame.camera_id), at):
            return []
        self._alive_at[frame.camera_id] = at
        return [forward(alive_input(frame, device.zone, at))]

    async def _watch(
        self, frame: CameraFrame, device: RegistryDevice, picture: Picture
    ) -> list[ProducerRecord]:
        decision = await self._context.blocking(self._decide, frame, picture)
        self._context.metrics.decisions.labels(decision.reason).inc()
        if not decision.candidate:
            return []
        media = await self._publish(frame, self._earlier.pop(frame.camera_id, ()))
        fact = fire_input(frame, device.zone, decision.score, media)
        return [forward(fact)]

    def _decide(self, frame: CameraFrame, picture: Picture) -> FlameDecision:
        """Ask the rule; runs in the executor."""
        state, decision = self._rule(
            self._states.get(frame.camera_id), picture, frame.captured_at, self._policy
        )
        self._states[frame.camera_id] = state
        self._remember(frame, decision.reason)
        return decision

    def _remember(self, frame: CameraFrame, reason: FlameReason) -> None:
        """Keep the latest frames of a camera under suspicion: redaction looks at them too."""
        if reason is FlameReason.SUSPECTED:
            held = self._earlier.get(frame.camera_id, ())
            self._earlier[frame.camera_id] = (*held, frame)[-EARLIER_FRAMES:]
        elif reason is FlameReason.QUIET:
            self._earlier.pop(frame.camera_id, None)

    async def _publish(self, frame: CameraFrame, earlier: Sequence[CameraFrame]) -> Media | None:
        """Redact and deliver the picture; None where it is withheld, and the alert goes out without it."""
        outcome = await self._redact(frame, earlier)
        if isinstance(outcome, Withheld):
            self._context.metrics.pictures.labels(outcome.reason).inc()
            log.warning("picture.withheld", camera_id=frame.camera_id, reason=outcome.reason)
            return None
        self._context.metrics.pictures.labels("redacted").inc()
        place = (await self._context.delivery.deliver([_evidence(frame, outcome)]))[0]
        return Media(
            snapshot_id=frame_id(frame),
            mime="image/jpeg",
            sha256=outcome.sha256,
            topic=place.topic,
            partition=place.partition,
            offset=place.offset,
        )

    async def _redact(self, frame: CameraFrame, earlier: Sequence[CameraFrame]) -> Redaction:
        if self._redactor is None:
            return Withheld(WithheldReason.MODEL_MISSING)
        return await self._redactor.redact(frame, earlier, self._context.executor)

    def _reject(self, record: Any, cause: Cause) -> ProducerRecord:
        return self._context.reject(as_log_record(record), cause)


def decode_small(jpeg: bytes) -> Picture:
    """Half its size is what the rule looks at."""
    return decode_jpeg(jpeg, reduce=2)


def _evidence(frame: CameraFrame, picture: RedactedPicture) -> ProducerRecord:
    """Only a RedactedPicture has bytes that may leave."""
    name = frame_id(frame)
    snapshot = EvidenceSnapshot(
        snapshot_id=name,
        camera_id=frame.camera_id,
        captured_at=frame.captured_at,
        jpeg=picture.jpeg,
        sha256=picture.sha256,
        width=picture.width,
        height=picture.height,
    )
    return ProducerRecord(EVIDENCE, name.encode(), encode(snapshot))
