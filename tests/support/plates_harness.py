"""A checkpoint with a plates worker, its list and its models, all without a broker."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from processors.plates.verification import SeenPlate
from processors.vision.jpeg import encode_jpeg
from schemas.codec import encode
from schemas.enums import PlateClass, PlateColour
from schemas.errors import Cause
from schemas.feeds import PlateRead
from schemas.hotlist import HotlistEntry, VerificationRequest
from schemas.topics import HOTLIST, PLATE_READS, REGISTRY, VERIFICATION_REQUESTS
from streams.kafka.batch import Batch
from streams.worker.context import Context
from streams.worker.settings import RuntimeSettings, WorkerSettings
from streams.workers.plates import PlatesAgent
from tests.support.fakes import (
    World,
    batch,
    checkpoint,
    decided,
    hot_second,
    listed,
    registered,
    run,
    settled,
)
from tests.support.log_records import ms

LISTED = "ABC1234"
CANARY = "XYZ9876"
JPEG = encode_jpeg(np.zeros((16, 16, 3), np.uint8), 80)
CROP = b"the crop's bytes"


class FakePictures:
    """The models: what they see in every picture, or how they fail."""

    def __init__(self) -> None:
        self.sees: tuple[SeenPlate, ...] = ()
        self.failure: Exception | None = None
        self.asked = 0
        self.is_closed = False
        self.may_look = threading.Event()
        """Cleared, while the models look and look."""
        self.may_look.set()

    def __call__(self, _context: Context) -> "FakePictures":
        return self

    def close(self) -> None:
        self.is_closed = True

    def read(self, _jpeg: bytes) -> tuple[SeenPlate, ...]:
        self.asked += 1
        assert self.may_look.wait(10)
        if self.failure is not None:
            raise self.failure
        return self.sees


class Checkpoint:
    """A plates worker with a list, and what came of each read."""

    def __init__(self, *entries: HotlistEntry, threads: int = 1) -> None:
        self.world = World("plates", runtime=RuntimeSettings(registry_poll_s=0))
        self.pictures = FakePictures()
        self.list = self.world.reader.holds(HOTLIST, listed(*entries))
        self.site = self.world.reader.holds(REGISTRY, registered(checkpoint()))
        context = replace(
            self.world.context,
            settings=WorkerSettings(http_port=0, threads=threads),
            executor=ThreadPoolExecutor(threads + 2),  # room for more than the agent may take
        )
        self.agent = PlatesAgent(context, self.pictures)
        self.asked_at_once: list[VerificationRequest] = []
        """The requests that were sent before any picture was looked at."""
        run(self.agent.start())

    @property
    def requests(self) -> list[VerificationRequest]:
        return self.world.delivery.decoded(VERIFICATION_REQUESTS, VerificationRequest)

    @property
    def causes(self) -> list[Cause]:
        return [letter.cause for letter in self.world.delivery.dead_letters(PLATE_READS)]

    def reads(self, *values: PlateRead | bytes, at_s: float = 60) -> list[VerificationRequest]:
        encoded = [value if isinstance(value, bytes) else encode(value) for value in values]
        run(self._processed(batch(*encoded, topic=PLATE_READS, start=100, at_s=at_s)))
        return self.requests

    async def _processed(self, read_together: Batch) -> None:
        """As in the worker: the agent decides in a thread of its own, and pictures are looked at on the event loop."""
        self.world.loop = asyncio.get_running_loop()
        work = await asyncio.to_thread(decided, self.world, self.agent, read_together)
        self.asked_at_once = self.requests
        self.pictures.may_look.set()
        spawned = [asyncio.wrap_future(each) for each in self.world.spawned]
        await asyncio.gather(*spawned, return_exceptions=True)
        self.world.spawned.clear()
        settled(work)

    def second(self) -> None:
        """One second of the worker."""
        hot_second(self.world, self.agent)
        run(self.agent.every_second())

    def outcome(self, name: str) -> float:
        return self.world.count("callbox_plate_reads_total", outcome=name)


def read(
    plate_text: str | None = LISTED,
    *,
    checkpoint_id: str = "K1",
    event_id: str | None = "r1",
    confidence: float | None = 0.97,
    jurisdiction: str | None = "CN",
    plate_class: PlateClass = PlateClass.UNKNOWN,
    plate_colour: PlateColour = PlateColour.UNKNOWN,
    picture: bytes | None = None,
) -> PlateRead:
    return PlateRead(
        checkpoint_id=checkpoint_id,
        occurred_at=ms(59),
        received_at=ms(60),
        event_id=event_id,
        plate_text=plate_text,
        confidence=confidence,
        plate_class=plate_class,
        plate_colour=plate_colour,
        jurisdiction=jurisdiction,
        picture=picture,
    )
