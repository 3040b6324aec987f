"""What `plates` asks of its picture processes, and what of their answers is believed."""

from pathlib import Path
from typing import Final

from processors.plates.grammar import ALPHABET
from processors.plates.verification import SeenPlate
from processors.vision.jpeg import check_jpeg, has_pixels_only
from schemas.errors import PictureError
from streams.pictures.messages import PlatesReply, PlatesRequest, WirePlate
from streams.pictures.pool import PicturePool
from streams.worker.metrics import Metrics

JOB: Final = "streams.pictures.plate_job:PlateJob"

MOST_CROP_PIXELS: Final = 1 << 20  # crops are about 440 x 140; a whole narrow picture is no larger than this


class PlatePictures:
    """From JPEG bytes to plates, in other processes. Its methods block, with a bound.

    Args:
        cache: Where the model weights are.
        processes: How many pictures are looked at at once.
        metrics: The worker's.
        job: What the processes do.

    Raises:
        InputMissing: The weights are not there.
        PicturesFailed: No process starts.
    """

    def __init__(self, cache: Path, processes: int, metrics: Metrics, job: str = JOB) -> None:
        self._pool = PicturePool(job, cache, processes, metrics)
        self._pool.start()

    def read(self, jpeg: bytes) -> tuple[SeenPlate, ...]:
        """Read every plate of a picture, be it a plate's crop or a vehicle's front.

        Raises:
            PictureError: The picture is empty, damaged, too large, too complex or not a JPEG, or breaks its decoder.
            PicturesFailed: No process starts.
        """
        check_jpeg(jpeg)
        return self._pool.ask(PlatesRequest(jpeg), PlatesReply, _accepted)

    def close(self) -> None:
        """End the processes."""
        self._pool.close()


def _accepted(reply: PlatesReply) -> tuple[SeenPlate, ...]:
    return tuple(map(_seen, reply.plates))


def _seen(plate: WirePlate) -> SeenPlate:
    if not set(plate.text) <= set(ALPHABET):
        raise ValueError("a text holds what is on no plate")
    try:
        check_jpeg(plate.jpeg, max_pixels=MOST_CROP_PIXELS)
    except PictureError:
        raise ValueError("a crop is no picture") from None
    if not has_pixels_only(plate.jpeg):
        raise ValueError("a crop holds more than pixels")
    return SeenPlate(plate.text, plate.is_certain, plate.jpeg)
