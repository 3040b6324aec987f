"""Frames: does a picture show flames? If so, the redacted picture goes out first, then the observation that names it.

camera.frame.v1 ─► decode ─► flame candidate? ─► redact ─► evidence.snapshot.v1 ─► fusion.input.v1 (key = zone)
                     └─► the camera is alive, three times in its heartbeat interval ─► fusion.input.v1
every five seconds: the partitions of the feed that are caught up ─► every partition of fusion.input.v1

What touches a picture's bytes or pixels is done in another process (streams/pictures/), which knows no more of a
camera than it is sent.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

import structlog

from processors.intake.observation import alive_input, bounded_frame, fire_input, frame_id, is_alive_due
from processors.intake.pillar_event import record_place, trusted_times
from processors.vision.flame import (
    FlameDecision,
    FlamePolicy,
    FlameReason,
    FlameState,
    Observed,
    judge,
    window_before,
)
from processors.vision.flicker import Sight
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
from streams.kafka.batch import Batch
from streams.kafka.producer import ProducerRecord
from streams.kafka.record import LogRecord
from streams.pictures.frame_pictures import MOST_EARLIER, FramePictures
from streams.worker.context import Context
from streams.worker.log_writer import forward
from streams.worker.quarantine import quarantine
from streams.workers.watermarks import Watermarks

log = structlog.get_logger(__name__)

FORGET_AFTER_S = 600.0
"""Twice `FlamePolicy.renew_after_ms`: a fire that is seen again by then would be reported anew in any case."""

WATERMARK_S = 5.0  # a camera's heartbeat interval is minutes

LOOK_AGAIN_S = 0.2
"""How often the registry is looked at for a camera that it does not name: one that was just added is known at once."""

FlameRule = Callable[[FlameState | None, Observed, EpochMs, FlamePolicy], tuple[FlameState, FlameDecision]]


class Pictures(Protocol):
    """What is asked of `streams.pictures.frame_pictures.FramePictures`."""

    def look(self, jpeg: bytes, window: tuple[Sight, ...] | None, at: EpochMs) -> Observed:
        """Decode a frame, and look for a fire in it and those before it."""

    def redact(self, frame: CameraFrame, earlier: Sequence[CameraFrame]) -> Redaction:
        """Redact a frame."""

    def close(self) -> None:
        """End what it runs."""


def start_pictures(context: Context) -> Pictures:
    """Start the picture process of a worker, which looks at one frame after the other; blocks."""
    return FramePictures(context.cache, 1, context.metrics)


class ReadFrame(NamedTuple):
    """A frame that could be decoded, of a camera that the registry names.

    Attributes:
        frame: The frame, with an id and times that may go out.
        device: Its camera.
        appended_at: When the broker appended it.
        place: Its topic, partition and offset.
    """

    frame: CameraFrame
    device: RegistryDevice
    appended_at: EpochMs
    place: str

    @property
    def occurred_at(self) -> EpochMs:
        """When the picture was taken, or received where that is impossible: a camera's clock may be dead."""
        return trusted_times(self.frame.captured_at, self.frame.received_at, self.appended_at)[0]

    @property
    def frame_id(self) -> str:
        """The frame's own id, or one derived."""
        return frame_id(self.frame, self.appended_at, place=self.place)


class FramesAgent:
    """Watches every camera for flames.

    Args:
        context: The worker.
        make_pictures: Starts what looks at pictures; blocks.
        rule: Decides whether what was seen is a fire.
    """

    def __init__(
        self,
        context: Context,
        make_pictures: Callable[[Context], Pictures] = start_pictures,
        rule: FlameRule = judge,
    ) -> None:
        self._context, self._make_pictures, self._rule = context, make_pictures, rule
        self._policy = FlamePolicy()
        self._registry = context.table(REGISTRY, RegistryDevice)
        self._states: dict[str, FlameState] = {}
        self._earlier: dict[str, tuple[CameraFrame, ...]] = {}
        self._seen_at: dict[str, float] = {}
        self._alive_at: dict[str, EpochMs] = {}
        self._watermarks = Watermarks(context, Feed.CAMERAS, FRAMES, WATERMARK_S)
        self._pictures: Pictures | None = None

    async def start(self) -> None:
        """Start the picture processes, and read the registry."""
        self._pictures = await self._context.blocking(self._make_pictures, self._context)
        await self._registry.start()

    async def finish(self) -> None:
        """End the picture processes."""
        if self._pictures is not None:
            await self._context.blocking(self._pictures.close)

    async def process(self, batches: Sequence[Batch]) -> Awaitable[object]:
        """Look at each frame; deliver evidence before the observation that names it."""
        outgoing: list[ProducerRecord] = []
        for batch in batches:
            for record in batch:
                try:
                    read = await self._read(record)
                    observed = await self._look(read)
                    outgoing += self._alive(read)
                    outgoing += await self._watch(read, observed)
                except (DecodeError, PictureError) as error:
                    outgoing.append(self._reject(record, error.cause))
                except (
                    CallboxError
                ):  # evidence that was not delivered, a registry that is gone: the process stops
                    raise
                except Exception as error:  # noqa: BLE001 - one picture must not hold up a camera's feed for ever
                    log.error("frame.failed", error_type=type(error).__name__)  # noqa: TRY400 - a trace may quote
                    outgoing.append(self._reject(record, Cause.PROCESSING_FAILED))
        return await self._context.delivery.begin(outgoing)

    async def quarantine(self, batch: Batch) -> Awaitable[object]:
        """Pass a record of which workers have died."""
        outgoing = [each for record in batch for each in quarantine(self._context, record, batch.deaths)]
        return await self._context.delivery.begin(outgoing)

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

    def clocks_agree(self) -> bool:
        """Our clock is the broker's, by the watermarks that were delivered last."""
        return self._watermarks.clocks_agree()

    async def _read(self, record: LogRecord) -> ReadFrame:
        frame = decode(record.value, CameraFrame)
        self._context.unreadable.note_read(record.topic)
        device = self._registry.get(frame.camera_id)
        if device is None:
            await self._registry.refresh(interval_s=LOOK_AGAIN_S)
            device = self._registry.get(frame.camera_id)
        if device is None:
            raise DecodeError("no registry names the camera", Cause.UNKNOWN_DEVICE)
        self._seen_at[frame.camera_id] = self._context.clock.monotonic()
        place = record_place(record.topic, record.partition, record.offset)
        bounded = bounded_frame(frame, record.timestamp_ms, place=place)
        return ReadFrame(bounded, device, record.timestamp_ms, place)

    def _alive(self, read: ReadFrame) -> list[ProducerRecord]:
        """A frame is the camera's heartbeat, whatever it shows."""
        camera_id, at = read.frame.camera_id, read.appended_at
        if not is_alive_due(read.device.heartbeat_s, self._alive_at.get(camera_id), at):
            return []
        self._alive_at[camera_id] = at
        return [forward(alive_input(read.frame, read.device.zone, at))]

    async def _look(self, read: ReadFrame) -> Observed:
        """Decode the picture; what it shows is looked for beside it."""
        state = self._states.get(read.frame.camera_id)
        window = window_before(state, read.occurred_at, self._policy)
        return await self._context.blocking(
            self._running_pictures.look, read.frame.jpeg, window, read.occurred_at
        )

    async def _watch(self, read: ReadFrame, observed: Observed) -> list[ProducerRecord]:
        decision = self._decide(read, observed)
        self._context.metrics.decisions.labels(decision.reason).inc()
        if not decision.candidate:
            return []
        media = await self._publish(read, self._earlier.pop(read.frame.camera_id, ()))
        fact = fire_input(
            read.frame, read.device.zone, decision.score, media, read.appended_at, place=read.place
        )
        return [forward(fact)]

    def _decide(self, read: ReadFrame, observed: Observed) -> FlameDecision:
        camera_id = read.frame.camera_id
        state, decision = self._rule(self._states.get(camera_id), observed, read.occurred_at, self._policy)
        self._states[camera_id] = state
        self._remember(read.frame, decision.reason)
        return decision

    def _remember(self, frame: CameraFrame, reason: FlameReason) -> None:
        """Keep the latest frames of a camera under suspicion: redaction looks at them too."""
        if reason is FlameReason.SUSPECTED:
            held = self._earlier.get(frame.camera_id, ())
            self._earlier[frame.camera_id] = (*held, frame)[-MOST_EARLIER:]
        elif reason is FlameReason.QUIET:
            self._earlier.pop(frame.camera_id, None)

    async def _publish(self, read: ReadFrame, earlier: Sequence[CameraFrame]) -> Media | None:
        """Redact and deliver the picture; None where it is withheld, and the alert goes out without it."""
        outcome = await self._redact(read.frame, earlier)
        if isinstance(outcome, Withheld):
            self._context.metrics.pictures.labels(outcome.reason).inc()
            log.warning("picture.withheld", camera_id=read.frame.camera_id, reason=outcome.reason)
            return None
        self._context.metrics.pictures.labels("redacted").inc()
        place = (await self._context.delivery.deliver([_evidence(read, outcome)]))[0]
        return Media(
            snapshot_id=read.frame_id,
            mime="image/jpeg",
            sha256=outcome.sha256,
            topic=place.topic,
            partition=place.partition,
            offset=place.offset,
        )

    async def _redact(self, frame: CameraFrame, earlier: Sequence[CameraFrame]) -> Redaction:
        """Redact, and fail closed: whatever goes wrong, the alert goes out without the picture."""
        try:
            return await self._context.blocking(self._running_pictures.redact, frame, earlier)
        except CallboxError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever fails, no picture leaves
            log.error("redaction.failed", error_type=type(error).__name__)  # noqa: TRY400 - a trace may quote
            return Withheld(WithheldReason.DETECTION_FAILED)

    @property
    def _running_pictures(self) -> Pictures:
        if self._pictures is None:  # nothing is looked at before start(); said for the type checker
            raise DecodeError("nothing looks at pictures yet", Cause.PROCESSING_FAILED)
        return self._pictures

    def _reject(self, record: LogRecord, cause: Cause) -> ProducerRecord:
        return self._context.reject(record, cause)


def _evidence(read: ReadFrame, picture: RedactedPicture) -> ProducerRecord:
    """Only a RedactedPicture has bytes that may leave."""
    name = read.frame_id
    snapshot = EvidenceSnapshot(
        snapshot_id=name,
        camera_id=read.frame.camera_id,
        captured_at=read.frame.captured_at,
        jpeg=picture.jpeg,
        sha256=picture.sha256,
        width=picture.width,
        height=picture.height,
    )
    return ProducerRecord(EVIDENCE, name.encode(), encode(snapshot))
