"""Picture processes for tests: one that does what it is told, and what is asked of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from processors.vision.flame import FlamePolicy
from schemas.errors import Cause
from schemas.feeds import CameraFrame
from schemas.units import EpochMs
from streams.pictures.pool import PictureBrokeDecoder, PicturePool
from streams.pictures.process import EndReason
from streams.worker.metrics import Metrics
from tests.support.log_records import ms
from tests.support.picture_jobs import PROBE, Ask, Said

AT = EpochMs(1_000)
POLICY = FlamePolicy()


def sent(camera_id: str, picture: bytes, event_id: str = "f1", at_s: float = 1) -> CameraFrame:
    at = ms(at_s)
    return CameraFrame(camera_id=camera_id, captured_at=at, received_at=at, jpeg=picture, event_id=event_id)


def ended(metrics: Metrics, reason: EndReason) -> float:
    return (
        metrics.registry.get_sample_value("callbox_picture_processes_ended_total", {"reason": reason}) or 0.0
    )


@contextmanager
def probing(processes: int = 1, picture_s: float = 10.0) -> Iterator[tuple[PicturePool, Metrics]]:
    metrics = Metrics()
    pool = PicturePool(PROBE, Path(), processes, metrics, picture_s=picture_s)
    try:
        pool.start()
        yield pool, metrics
    finally:
        pool.close()


def asked(pool: PicturePool, what: str, about: str = "") -> str:
    return pool.ask(Ask(what, about), Said, lambda said: said.text)


def reason_of(pool: PicturePool, what: str, about: str = "") -> EndReason:
    with pytest.raises(PictureBrokeDecoder) as broke:
        asked(pool, what, about)
    assert broke.value.cause is Cause.PICTURE_BROKE_DECODER
    return broke.value.reason
