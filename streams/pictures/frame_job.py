"""The job of a picture process of `frames`: does a frame decode, does it burn, and what of it may leave."""

from pathlib import Path
from typing import Final, TypeAlias

import cv2
import msgspec
import numpy as np

from processors.vision.flame import FlamePolicy, Observed, look
from processors.vision.flicker import HEIGHT, WIDTH, WINDOW, Sight
from processors.vision.jpeg import decode_jpeg, encode_jpeg
from processors.vision.redaction import RedactedPicture, Redaction, Withheld
from schemas.units import EpochMs
from streams.pictures.messages import (
    LookReply,
    LookRequest,
    RedactReply,
    RedactRequest,
    WireSight,
    WithheldReply,
)
from streams.pictures.redactor import Redactor
from streams.pictures.sights import sight_of, wire_burning, wire_sight

_REQUESTS: Final = msgspec.msgpack.Decoder(LookRequest | RedactRequest)

FrameReply: TypeAlias = LookReply | RedactReply | WithheldReply


class FrameJob:
    """Looks at frames.

    Args:
        cache: Where the model weights are.
    """

    def __init__(self, cache: Path) -> None:
        cv2.setNumThreads(1)  # also where no model does it: landlock holds for one thread
        self._redactor = Redactor(cache)
        self.missing = self._redactor.missing
        self._policy = FlamePolicy()

    def warm_up(self) -> None:
        """Look at some small pictures that burn, and redact one."""
        jpegs = [encode_jpeg(np.full((64, 96, 3), level, np.uint8), 80) for level in (40, 90, 200)]
        noise = np.random.default_rng(1).integers(0, 256, (WINDOW, HEIGHT, WIDTH, 3), dtype=np.uint8)
        window: tuple[Sight, ...] = ()
        for picture in noise:
            picture[..., 0], picture[..., 2] = 0, 255  # the colour of fire, which all of the rule looks at
            observed = look(picture, window, EpochMs(0), self._policy)
            window += () if observed.sight is None else (observed.sight,)
        self._look(LookRequest(jpegs[0], ()))
        self._redact(RedactRequest(jpegs[0], tuple(jpegs[1:])))

    def answer(self, request: bytes) -> FrameReply:
        """Look at a frame, or redact it."""
        wanted = _REQUESTS.decode(request)
        return self._look(wanted) if isinstance(wanted, LookRequest) else self._redact(wanted)

    def _look(self, request: LookRequest) -> LookReply:
        picture = decode_jpeg(request.jpeg, reduce=2)  # half its size is what the rule looks at
        window = None if request.window is None else tuple(map(sight_of, request.window))
        observed = look(picture, window, EpochMs(0), self._policy)
        fire = None if observed.fire is None else wire_burning(observed.fire)
        return LookReply(observed.width, observed.height, _wire_sight_or_none(observed), fire)

    def _redact(self, request: RedactRequest) -> RedactReply | WithheldReply:
        return _reply_of(self._redactor.redact(request.jpeg, request.earlier))


def _wire_sight_or_none(observed: Observed) -> WireSight | None:
    return None if observed.sight is None else wire_sight(observed.sight)


def _reply_of(outcome: Redaction) -> RedactReply | WithheldReply:
    match outcome:
        case RedactedPicture():
            return RedactReply(outcome.jpeg, outcome.faces, outcome.plates, outcome.recent)
        case Withheld():
            return WithheldReply(outcome.reason)
